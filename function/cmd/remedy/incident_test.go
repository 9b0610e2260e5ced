package main

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// scripted is a clock on which something happens during every sleep, as long as there is something
// left.
type scripted struct {
	app.RealClock
	now  time.Time
	next []func()
}

func (s *scripted) Now() time.Time { return s.now }

func (s *scripted) Sleep(_ context.Context, d time.Duration) error {
	s.now = s.now.Add(d)
	if len(s.next) == 0 {
		return context.DeadlineExceeded // nobody waits for what never comes
	}
	do := s.next[0]
	s.next = s.next[1:]
	do()
	return nil
}

// ward is a ledger that a test writes to as a function would.
type ward struct {
	t      *testing.T
	url    string
	redis  *miniredis.Miniredis
	ledger *ledger.Ledger
	clock  *scripted
	opened time.Time
}

const hung = "i-bp1hung"

func newWard(t *testing.T) *ward {
	redis := miniredis.RunT(t)
	w := &ward{t: t, url: "redis://" + redis.Addr(), redis: redis}
	store, err := ledger.OpenRedis(w.url, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	w.opened = time.Now().UTC().Truncate(time.Second)
	w.clock = &scripted{now: w.opened.Add(10 * time.Second)}
	w.ledger = ledger.New(store, remedy.Policy{Lease: time.Minute, IncidentWindow: 24 * time.Hour},
		w.clock.Now)
	return w
}

// write puts the instance's record, whatever stood there.
func (w *ward) write(record remedy.Record) {
	w.t.Helper()
	record.Revision = w.ledger.Record(w.t.Context(), remedy.BookEnforce, hung).Value.Revision
	write := remedy.Write{Record: &record}
	if done := w.ledger.Write(w.t.Context(), remedy.BookEnforce, hung, write); done.Wrote !=
		remedy.WroteDone {
		w.t.Fatal(done.Wrote, done.Note)
	}
}

// fleet puts the fleet's record.
func (w *ward) fleet(fleet remedy.Fleet) {
	w.t.Helper()
	fleet.Revision = w.ledger.Fleet(w.t.Context(), remedy.BookEnforce).Value.Revision
	write := remedy.Write{Fleet: &fleet}
	if done := w.ledger.Write(w.t.Context(), remedy.BookEnforce, "", write); done.Wrote !=
		remedy.WroteDone {
		w.t.Fatal(done.Wrote, done.Note)
	}
}

// incident is an open one, whose owner is alive.
func (w *ward) incident(attempts ...remedy.Attempt) remedy.Incident {
	return remedy.Incident{ID: remedy.IncidentID(hung, w.opened), Instance: hung,
		Region:  "cn-hangzhou",
		Account: "42", OpenedAt: w.opened, Owner: "a", LeaseUntil: w.opened.Add(time.Minute),
		Alarm: remedy.AlarmRef{Name: "Agent_Status_Stopped", Format: "system-event", Key: "k",
			State: "firing", Level: "CRITICAL", Time: w.opened.Add(-30 * time.Second)},
		Attempts: attempts}
}

// attempt is the nth, claimed n-1 attempt's times after the incident opened, with what ECS answered
// a second later.
func (w *ward) attempt(n int, force bool, answer remedy.Answer, fate remedy.Fate) remedy.Attempt {
	at := w.opened.Add(time.Duration(n-1) * 5 * time.Minute)
	a := remedy.Attempt{N: n, Force: force, ClaimedAt: at, SendBefore: at.Add(10 * time.Second),
		Answer: answer, Fate: fate}
	if answer != remedy.AnswerNone {
		a.AnsweredAt, a.RequestID = at.Add(time.Second), "REQUEST"
	}
	return a
}

// ended is an incident that came out so.
func ended(i remedy.Incident, verdict remedy.Verdict, reason remedy.Reason) remedy.Incident {
	i.EndedAt, i.Verdict, i.Reason, i.Owner = i.OpenedAt.Add(10*time.Minute), verdict, reason, ""
	return i
}

// run runs the command on the ward's clock.
func (w *ward) run(terminal bool, args ...string) (stdout, stderr string, status int) {
	var out, err bytes.Buffer
	c := &console{out: &out, err: &err, clock: w.clock, redraws: terminal}
	status = run(append([]string{"incidents", "--ledger", w.url}, args...), c)
	return out.String(), err.String(), status
}

// TestWatch watches an incident from its waiting alarm to its end, and shows nothing twice.
func TestWatch(t *testing.T) {
	w := newWard(t)
	w.fleet(remedy.Fleet{Waiting: []remedy.Waiter{{Instance: hung, Since: w.opened,
		Alarm: remedy.WaitingAlarm{AlarmRef: remedy.AlarmRef{Name: "stopped", Key: "k",
			Time: w.opened}}}}})
	first := w.attempt(1, false, remedy.AnswerNone, remedy.FateOpen)
	accepted := w.attempt(1, false, remedy.AnswerAccepted, remedy.FateOpen)
	play := func(verdict remedy.Verdict, reason remedy.Reason) []func() {
		return []func(){
			func() {
				open := w.incident(first)
				w.write(remedy.Record{Open: &open})
				w.fleet(remedy.Fleet{})
			},
			func() {}, // nothing happens, and nothing is shown
			func() { w.redis.SetError("ERR out of order") },
			func() {
				w.redis.SetError("")
				open := w.incident(accepted)
				w.write(remedy.Record{Open: &open})
			},
			func() {
				end := ended(w.incident(accepted), verdict, reason)
				w.write(remedy.Record{Recent: []remedy.Incident{end}})
			},
		}
	}
	w.clock.next = play(remedy.VerdictRestarted, remedy.ReasonRecovered)
	out, stderr, status := w.run(false, hung, "--watch")
	pages := strings.Split(out, "\n--------------------\n")
	if status != 0 || len(pages) != 4 || strings.Contains(out, "\x1b") {
		t.Fatalf("exit %d, %d pages, want 0 and 4:\n%s%s", status, len(pages), out, stderr)
	}
	for n, want := range []string{"An alarm about it waits for a slot: number 1",
		"no answer of ECS is",
		"ECS accepted it, RequestId REQUEST", "restarted: recovered"} {
		if !strings.Contains(pages[n], want) {
			t.Errorf("page %d has no %q:\n%s", n+1, want, pages[n])
		}
	}
	if !strings.HasPrefix(stderr, "warning: ledger redis://") || strings.Count(stderr, "\n") != 1 {
		t.Errorf("a look that failed is said as %q, want one warning", stderr)
	}

	// As JSON it is the end, and nothing else. An incident that fails is not well.
	open := w.incident(first)
	w.write(remedy.Record{Open: &open})
	w.clock.next = play(remedy.VerdictFailed, remedy.ReasonStuck)[3:]
	out, _, status = w.run(false, hung, "--watch", "--json")
	var one oneIncident
	if err := json.Unmarshal([]byte(out), &one); err != nil || status != 1 ||
		one.Incident.Verdict != remedy.VerdictFailed {
		t.Errorf("exit %d, %v in %s", status, err, out)
	}

	// A terminal shows every look in the place of the last one.
	w.write(remedy.Record{Open: &open})
	w.clock.next = play(remedy.VerdictFailed, remedy.ReasonStuck)[3:]
	out, _, status = w.run(true, open.ID, "--watch")
	if status != 1 || strings.Count(out, "\x1b[H") != 3 || !strings.HasPrefix(out,
		"\x1b[2J\x1b[H") {
		t.Errorf("exit %d: %q", status, out)
	}

	// All of them are over when nothing is under way.
	w.write(remedy.Record{Open: &open})
	w.clock.next = play(remedy.VerdictFailed, remedy.ReasonStuck)[4:]
	if out, _, status = w.run(false, "--watch"); status != 0 || !strings.Contains(out,
		"Open: nothing.") {
		t.Errorf("exit %d: %s", status, out)
	}
}

// What ends without an incident, and a ledger that stays away, end the watch, too.
func TestWatchEndsWithoutAnIncident(t *testing.T) {
	w := newWard(t)
	waiting := remedy.Fleet{Waiting: []remedy.Waiter{{Instance: hung, Since: w.opened,
		Alarm: remedy.WaitingAlarm{AlarmRef: remedy.AlarmRef{Name: "stopped", Key: "k",
			Time: w.opened}}}}}
	w.fleet(waiting)
	w.clock.next = []func(){func() { w.fleet(remedy.Fleet{}) }}
	_, stderr, status := w.run(false, hung, "--watch")
	if status != 1 || !strings.HasPrefix(stderr, "error: "+hung+": the ledger holds it no longer") {
		t.Errorf("its alarm was refused: exit %d, %s", status, stderr)
	}

	before := ended(w.incident(), remedy.VerdictRestarted, remedy.ReasonRecovered)
	before.EndedAt = w.opened
	w.write(remedy.Record{Recent: []remedy.Incident{before}})
	w.fleet(waiting)
	w.clock.next = []func(){func() { w.fleet(remedy.Fleet{}) }}
	_, stderr, status = w.run(false, hung, "--watch")
	if status != 1 || !strings.HasPrefix(stderr, "error: "+hung+": its alarm waits no longer") {
		t.Errorf("an older incident does not stand for it: exit %d, %s", status, stderr)
	}

	w.fleet(waiting)
	w.clock.next = []func(){func() { w.redis.SetError("ERR gone") }}
	for range watchPatience {
		w.clock.next = append(w.clock.next, func() {})
	}
	_, stderr, status = w.run(false, hung, "--watch")
	if status != 2 || strings.Count(stderr, "warning: ") != watchPatience-1 ||
		strings.Count(stderr, "error: ") != 1 {
		t.Errorf("the ledger is gone: exit %d, %s", status, stderr)
	}
	if _, stderr, status = w.run(false, hung, "--watch"); status != 2 ||
		strings.Contains(stderr, "warning") {
		t.Errorf("it was never there: exit %d, %s", status, stderr)
	}
}

// TestWhatIsNext says of an incident wherever it stands what follows, and when.
func TestWhatIsNext(t *testing.T) {
	failed := func(w *ward, n int, force bool) remedy.Attempt {
		return w.attempt(n, force, remedy.AnswerAccepted, remedy.FateFailed)
	}
	open := func(w *ward, n int, force bool, answer remedy.Answer) remedy.Attempt {
		return w.attempt(n, force, answer, remedy.FateOpen)
	}
	for _, row := range []struct {
		why      string
		attempts func(w *ward) []remedy.Attempt
		change   func(i *remedy.Incident)
		at       time.Duration // of the first thing, after the opening; zero: it has no time
		want     string        // in the first thing
	}{
		{why: "just opened", want: "a graceful reboot is claimed, and then sent"},
		{why: "nobody goes on with an opening", change: func(i *remedy.Incident) {
			i.LeaseUntil = i.OpenedAt.Add(-time.Hour)
		}, want: "the next sweep drops it"},
		{why: "claimed: it may be sent until its last moment, and has its time from then",
			attempts: func(w *ward) []remedy.Attempt {
				return []remedy.Attempt{open(w, 1, false, remedy.AnswerNone)}
			}, at: 5*time.Minute + 10*time.Second,
			want: "another graceful reboot follows, if nobody"},
		{why: "accepted: its time runs from the answer", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{open(w, 1, false, remedy.AnswerAccepted)}
		}, at: 5*time.Minute + time.Second, want: "if not, a graceful reboot follows"},
		{why: "nobody knows whether it was executed", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{open(w, 1, false, remedy.AnswerUnknown)}
		}, at: 5*time.Minute + time.Second, want: "another graceful reboot follows, if nobody"},
		{why: "the retry is watched", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{failed(w, 1, false), open(w, 2, false, remedy.AnswerAccepted)}
		}, at: 10*time.Minute + time.Second, want: "if not, a forced reboot follows"},
		{why: "one that was unknown never counts towards force",
			attempts: func(w *ward) []remedy.Attempt {
				return []remedy.Attempt{failed(w, 1, false),
					w.attempt(2, false, remedy.AnswerUnknown, remedy.FateUnconfirmed)}
			}, want: "another graceful reboot follows, if nobody"},
		{why: "the forced one is watched", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{failed(w, 1, false), failed(w, 2, false),
				open(w, 3, true, remedy.AnswerAccepted)}
		}, at: 15*time.Minute + time.Second, want: "ends as failed/not-recovered"},
		{why: "two have failed", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{failed(w, 1, false), failed(w, 2, false)}
		}, want: "a forced reboot follows"},
		{why: "ECS did not execute it", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{open(w, 1, false, remedy.AnswerNotExecuted)}
		}, want: "claimed and sent anew"},
		{why: "the instance is back: its guest has time", attempts: func(w *ward) []remedy.Attempt {
			a := w.attempt(1, false, remedy.AnswerAccepted, remedy.FateWorked)
			a.BackAt = w.opened.Add(time.Minute)
			return []remedy.Attempt{a}
		}, at: 16 * time.Minute, want: "its guest has time to report"},
		{why: "nobody holds it", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{open(w, 1, false, remedy.AnswerAccepted)}
		}, change: func(i *remedy.Incident) { i.LeaseUntil = time.Time{} },
			want: "the sweep within a minute"},
		{why: "its alarm is over", attempts: func(w *ward) []remedy.Attempt {
			return []remedy.Attempt{open(w, 1, false, remedy.AnswerAccepted)}
		}, change: func(i *remedy.Incident) { i.ResolvedAt = i.OpenedAt },
			want: "nothing more is claimed"},
	} {
		w := newWard(t)
		w.fleet(remedy.Fleet{})
		i := w.incident()
		if row.attempts != nil {
			i.Attempts = row.attempts(w)
		}
		if row.change != nil {
			row.change(&i)
		}
		w.write(remedy.Record{Open: &i})
		document, stderr, status := w.run(false, hung, "--json")
		var one oneIncident
		if err := json.Unmarshal([]byte(document), &one); err != nil || status != 0 {
			t.Fatalf("%s: exit %d, %v, %s", row.why, status, err, stderr)
		}
		next := one.Incident.Next
		at := time.Time{}
		if row.at > 0 {
			at = w.opened.Add(row.at)
		}
		if len(next) == 0 || !strings.Contains(next[0].What, row.want) || !next[0].At.Equal(at) {
			t.Errorf("%s: %+v, want %q at %v", row.why, next, row.want, at)
		}
		text, _, _ := w.run(false, hung)
		words := strings.Join(strings.Fields(text), " ")
		for _, n := range next {
			if !strings.Contains(words, n.What) {
				t.Errorf("%s: the page has no %q:\n%s", row.why, n.What, text)
			}
		}
	}
}

// An incident of which there is only a slot is shown as that; and text from outside is harmless in
// a single incident, too.
func TestOneIncidentOfASlotAndOfHostileText(t *testing.T) {
	w := newWard(t)
	id := remedy.IncidentID(hung, w.opened)
	w.fleet(remedy.Fleet{Open: []remedy.Slot{{Incident: id, Instance: hung, OpenedAt: w.opened,
		LeaseUntil: w.opened}}})
	for _, name := range []string{hung, id} {
		if text, stderr, status := w.run(false, name); status != 0 ||
			!strings.Contains(text, "the ledger has lost it") {
			t.Errorf("%s: exit %d, %s%s", name, status, text, stderr)
		}
	}
	i := w.incident(w.attempt(1, false, remedy.AnswerAccepted, remedy.FateFailed))
	i.Region, i.Account, i.Why = hostile, hostile, hostile
	i.Alarm = remedy.AlarmRef{Name: hostile, Format: hostile, Key: hostile, State: hostile,
		Level: hostile, Rule: hostile, Time: w.opened}
	a := &i.Attempts[0]
	a.RequestID, a.Code = hostile, hostile
	a.Before = remedy.Baseline{Status: hostile, StartTime: hostile}
	end := ended(i, hostile, hostile)
	w.write(remedy.Record{Recent: []remedy.Incident{end}})
	text, _, _ := w.run(false, hung)
	document, _, _ := w.run(false, hung, "--json")
	for form, output := range map[string]string{"text": text, "JSON": document} {
		if strings.ContainsAny(output, "\x1b\a\u009b\u202e") || strings.Contains(output, `\u00`) ||
			!strings.Contains(output, "web") {
			t.Errorf("the %s is %q", form, output)
		}
	}
}
