package handle

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// noon is a clock at which it is always noon.
type noon struct{}

func (noon) Now() time.Time {
	return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
}

func (noon) Sleep(context.Context, time.Duration) error { return nil }

func (noon) Each(n int, do func(int)) {
	for i := range n {
		do(i)
	}
}

// TestAPanicInTheLine: a defect that one change meets is no other's, and the line goes on.
func TestAPanicInTheLine(t *testing.T) {
	left := remedy.Fleet{Waiting: []remedy.Waiter{{Instance: "i-told"}}, Revision: 1}
	g := &hang{Handler: &Handler{Clock: noon{}}}
	told := &hang{Handler: g.Handler, facts: remedy.Facts{Reported: true}}
	told.facts.TakeTurn(left.Waiting[0], "", remedy.Reading[remedy.Fleet]{})
	broken, fit := &change{}, &change{hang: told} // without a hang, everything about it panics
	l := &line{waiting: []*change{broken, fit}}
	all := &joint{fleet: left}
	along := l.gather(g, all)
	if len(along) != 1 || along[0] != fit || fit.along != all || len(all.fleet.Waiting) != 0 {
		t.Errorf("along go %v, who leave %+v", along, all.fleet)
	}
	if len(l.waiting) != 1 || l.waiting[0] != broken || broken.along != nil {
		t.Errorf("in the line remain %v", l.waiting)
	}
	if !l.mu.TryLock() {
		t.Error("nobody gets into the line any more")
	}
}

// quiet is told, and says nothing.
type quiet struct{}

func (quiet) Report(*remedy.Result) {}

func (quiet) Unswept(string) {}

// TestAPanicAmongMany: where it is decided for many alarms what is to be read for all of them, a
// defect that one of them meets is its own result, and no other's.
func TestAPanicAmongMany(t *testing.T) {
	fit := &Handler{Clock: noon{}, Ledger: waits{}, Reporter: quiet{}}
	broken := &Handler{Reporter: quiet{}} // without a clock, every decision panics
	group := []*hang{{Handler: fit}, {Handler: broken}, {Handler: fit}}
	fit.open(t.Context(), group)
	for i, want := range []remedy.Verdict{remedy.VerdictIgnored, remedy.VerdictPending,
		remedy.VerdictIgnored} {
		if g := group[i]; !g.done || g.result == nil || g.result.Verdict != want {
			t.Errorf("alarm %d: done %v, %+v, want %s", i, g.done, g.result, want)
		}
	}
}

// machine is the machine's own clock.
type machine struct{ noon }

func (machine) Now() time.Time { return time.Now() }

func (machine) Sleep(_ context.Context, d time.Duration) error {
	<-time.After(d)
	return nil
}

// waits is a ledger in which an alarm waits that was told.
type waits struct {
	Ledger
	waiter remedy.Waiter
}

func (w waits) Fleet(context.Context, remedy.Book) remedy.Reading[remedy.Fleet] {
	return remedy.Reading[remedy.Fleet]{At: time.Now(),
		Value: remedy.Fleet{Waiting: []remedy.Waiter{w.waiter}, Revision: 1}}
}

func (waits) Write(context.Context, remedy.Book, string, remedy.Write) remedy.Written {
	return remedy.Written{At: time.Now(), Wrote: remedy.WroteDone, Revision: 2}
}

// TestTheLineNeverMoves: whoever is out of time does not wait for a turn again and again: what it
// has left to do, the sweep does.
func TestTheLineNeverMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ledger := waits{waiter: remedy.Waiter{Instance: "i-told"}}
		policy := remedy.Policy{Lease: time.Minute, Poll: 5 * time.Second}
		begun := time.Now()
		g := &hang{Handler: &Handler{Policy: policy, Clock: machine{}, Ledger: ledger,
			Together: &Together{}}, facts: remedy.Facts{Reported: true, StopAt: begun}}
		g.facts.TakeTurn(ledger.waiter, "", remedy.Reading[remedy.Fleet]{})
		g.Together.line("").busy = true
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			g.run(t.Context(), watched)
		}()
		select {
		case <-ended:
		case <-time.After(time.Hour):
			g.Together.line("").pass() // as what it is, it ends
			t.Error("it waits for ever")
		}
		if spent := time.Since(begun); spent > 2*policy.CallLimit() {
			t.Errorf("it takes %v", spent)
		}
	})
}
