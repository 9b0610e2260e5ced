package handle

import (
	"context"
	"testing"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// noon is a clock at which it is always noon.
type noon struct{}

func (noon) Now() time.Time                             { return time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) }
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
