package remedy

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func sharedReading(at time.Duration, revision uint64) Reading[Fleet] {
	return Reading[Fleet]{At: recordNoon.Add(at), Value: Fleet{Revision: revision}}
}

// Which of two readings of one record counts.
func TestNewest(t *testing.T) {
	failed := Reading[Fleet]{At: recordNoon, Failure: FailureUnavailable}
	failedLater := Reading[Fleet]{At: recordNoon.Add(1), Failure: FailureUnavailable}
	for _, row := range []struct {
		why          string
		known, other Reading[Fleet]
		newer        bool
	}{
		{"a later revision, later", sharedReading(0, 1), sharedReading(1, 2), true},
		{"in the same moment", sharedReading(0, 1), sharedReading(0, 2), true},
		{"a later revision that came earlier: the record was lost and made anew",
			sharedReading(0, 1), sharedReading(-1, 2), false},
		{"the same revision adds nothing", sharedReading(0, 1), sharedReading(1, 1), false},
		{"an answer that took long", sharedReading(0, 2), sharedReading(1, 1), false},
		{"nothing was known", Reading[Fleet]{}, sharedReading(0, 1), true},
		{"nor was anything stored", Reading[Fleet]{}, sharedReading(0, 0), true},
		{"nothing is known of the other", sharedReading(0, 1), Reading[Fleet]{}, false},
		{"of neither", Reading[Fleet]{}, Reading[Fleet]{}, false},
		{"what could not be read is nothing", sharedReading(0, 1), failedLater, false},
		{"not even where nothing is known", Reading[Fleet]{}, failed, false},
		{"and better than nothing is what could be", failed, sharedReading(0, 1), true},
		{"unless it is older: perhaps it cannot be read any more", failed, sharedReading(-1, 1),
			false},
	} {
		want := row.known
		if row.newer {
			want = row.other
		}
		if diff := cmp.Diff(want, Newest(row.known, row.other)); diff != "" {
			t.Errorf("%s (-want +got)\n%s", row.why, diff)
		}
	}
}

// What is known after a write.
func TestLeft(t *testing.T) {
	fleet := Fleet{Lost: recordNoon, Revision: 7}
	for became, want := range map[Wrote]Reading[Fleet]{
		WroteDone:     {At: recordNoon, Value: Fleet{Lost: recordNoon, Revision: 9}},
		WroteConflict: {}, WroteUnknown: {}, WroteNothing: {},
	} {
		left := Written{At: recordNoon, Wrote: became, Revision: 9}.Left(fleet)
		if diff := cmp.Diff(want, left); diff != "" {
			t.Errorf("%q (-want +got)\n%s", became, diff)
		}
	}
}

// A change of the fleet's record whose turn has come.
func TestCatchUp(t *testing.T) {
	for _, row := range []struct {
		why         string
		mine        Reading[Fleet]
		newest      Reading[Fleet]
		waited      bool
		read, again bool
		knows       uint64
	}{
		{"nobody was before it, and nothing newer is known", sharedReading(0, 3),
			sharedReading(0, 3), false, false, false, 3},
		{"nobody was, and nothing at all is known: its own reading is as good as any",
			sharedReading(0, 3), Reading[Fleet]{}, false, false, false, 3},
		{"nobody is, and something newer is known", sharedReading(0, 3), sharedReading(1, 4),
			false, false, true, 4},
		{"it waited, and what was written meanwhile is known", sharedReading(0, 3),
			sharedReading(1, 4), true, false, true, 4},
		{"it waited, and it is not known what the ledger says", sharedReading(0, 3),
			Reading[Fleet]{}, true, true, true, 3},
		{"it waited, and knows of nothing older: its readings of ECS are older by now",
			sharedReading(0, 3), sharedReading(0, 3), true, false, true, 3},
		{"what is known is of a record that was lost since", sharedReading(0, 3),
			sharedReading(-1, 90), true, false, true, 3},
	} {
		f := Facts{Fleet: row.mine}
		read, again := f.CatchUp(row.newest, row.waited)
		if read != row.read || again != row.again || f.Fleet.Value.Revision != row.knows {
			t.Errorf("%s: read %v, asked again %v, knows %d; want %v, %v, %d", row.why, read,
				again, f.Fleet.Value.Revision, row.read, row.again, row.knows)
		}
	}
}

// A change goes along with a write that has as much time as its own would have.
func TestJoins(t *testing.T) {
	for _, row := range []struct {
		own, writers time.Duration
		goes         bool
	}{
		{time.Second, time.Second, true},
		{time.Second - 1, time.Second, true},
		{time.Second + 1, time.Second, false}, // an HTTP request's, for an invocation
	} {
		c := its(func(c *candidate) { c.Instance.Value.Tags = nil })
		step := c.ask()
		c.told.Decided(&step)
		c.told.Told(&step)
		left := c.Fleet.Value
		left.Revision++
		facts, step, goes := c.told.Joins(&c.Policy, c.Now, left, row.own, row.writers)
		if goes != row.goes || goes && (step.Write.Fleet.Revision != left.Revision ||
			facts.Fleet.Value.Revision != left.Revision) {
			t.Errorf("%v beside %v: %v, %+v", row.own, row.writers, goes, step)
		}
	}
}

// What an alarm knows whose instance another one of the same event leads for.
func TestFollow(t *testing.T) {
	leader := Facts{Fleet: sharedReading(1, 2), Sign: Reading[Sign]{At: recordNoon},
		Instance: Reading[Instance]{At: recordNoon}, Vitals: Reading[Vitals]{At: recordNoon},
		Platform: Reading[[]PlatformEvent]{At: recordNoon}}
	refused := &Result{Verdict: VerdictRefused, Reason: ReasonUnconfirmedHang}
	live := Facts{Instance: leader.Instance, Vitals: leader.Vitals, Platform: leader.Platform}
	for _, row := range []struct {
		why    string
		mine   Facts
		result *Result
		want   Facts
	}{
		{"a leader with an incident", Facts{}, nil, Facts{Leader: Leader{Leads: true},
			Fleet: leader.Fleet, Sign: leader.Sign}},
		{"one with a result", Facts{}, refused, Facts{Leader: Leader{Leads: true,
			Verdict: VerdictRefused, Reason: ReasonUnconfirmedHang}, Fleet: leader.Fleet,
			Sign: leader.Sign}},
		{"it knows more of the fleet itself", Facts{Fleet: sharedReading(2, 3)}, nil,
			Facts{Leader: Leader{Leads: true}, Fleet: sharedReading(2, 3), Sign: leader.Sign}},
		{"the ledger's records of another book are not its own", Facts{Book: BookObserve}, nil,
			Facts{Book: BookObserve, Leader: Leader{Leads: true}}},
	} {
		row.want.Instance, row.want.Vitals = live.Instance, live.Vitals
		row.want.Platform = live.Platform
		row.mine.Follow(&leader, row.result)
		if diff := cmp.Diff(row.want, row.mine); diff != "" {
			t.Errorf("%s (-want +got)\n%s", row.why, diff)
		}
	}
}
