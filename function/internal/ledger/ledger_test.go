package ledger_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// ten is when the incidents of the tests open.
var ten = time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)

// strict is a policy in mode enforce whose durations are easy to add up.
func strict() remedy.Policy {
	return remedy.Policy{Mode: remedy.ModeEnforce, IncidentLimit: 45 * time.Minute, Lease: time.Minute, Cooldown: 30 * time.Minute,
		MaxIncidents: 3, IncidentWindow: 24 * time.Hour, FleetConcurrent: 3, FleetHourly: 20}
}

// clock is a time that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// fresh is an incident as Next opens it, before its first claim.
func fresh(instance, owner string, at time.Time) *remedy.Incident {
	return &remedy.Incident{ID: remedy.IncidentID(instance, at), Instance: instance, Region: "cn-hangzhou", OpenedAt: at,
		Owner: owner, Alarm: remedy.AlarmRef{Key: "key-of-" + instance, Rule: "rule-1", Time: at}}
}

// record reads an instance's record and fails the test if it cannot.
func record(t *testing.T, l *ledger.Ledger, instance string) remedy.Record {
	t.Helper()
	reading := l.Record(t.Context(), instance)
	if !reading.OK() {
		t.Fatalf("the record of %s: %s %s", instance, reading.Failure, reading.Note)
	}
	return reading.Value
}

// begin claims the first attempt of a fresh incident.
func begin(t *testing.T, l *ledger.Ledger, instance, owner string, at time.Time) remedy.Record {
	t.Helper()
	claimed, reason, err := l.Claim(t.Context(), record(t, l, instance), fresh(instance, owner, at),
		remedy.Attempt{N: 1, Outcome: remedy.OutcomeClaimed})
	if reason != "" || err != nil {
		t.Fatalf("the first claim: %s %v", reason, err)
	}
	return claimed
}

// settle ends the open incident of a record.
func settle(t *testing.T, l *ledger.Ledger, r remedy.Record, at time.Time, verdict remedy.Verdict) remedy.Record {
	t.Helper()
	ended := *r.Open
	ended.EndedAt, ended.Verdict = at, verdict
	r, reason, err := l.Settle(t.Context(), r, &ended)
	if reason != "" || err != nil {
		t.Fatalf("settling: %s %v", reason, err)
	}
	return r
}

func TestClaim(t *testing.T) {
	policy := strict()
	for _, row := range []struct {
		why    string
		after  time.Duration // since the first claim
		owner  string
		meddle func(*testing.T, *ledger.Ledger)
		want   remedy.Reason
	}{
		{"the lease ends at its last moment, not before", policy.Lease, "a", nil, ""},
		{"an owner that slept past its lease may have been followed by another", policy.Lease + 1, "a", nil, remedy.ReasonInProgress},
		{"only the owner claims, even while nobody else writes", time.Second, "b", nil, remedy.ReasonInProgress},
		{"the record was written in between", time.Second, "a", func(t *testing.T, l *ledger.Ledger) {
			now := record(t, l, "i-1")
			if _, reason, err := l.Keep(t.Context(), now, now.Open); reason != "" || err != nil {
				t.Fatal(reason, err)
			}
		}, remedy.ReasonInProgress},
		{"a pause holds at once", time.Second, "a", func(t *testing.T, l *ledger.Ledger) {
			if err := l.Pause(t.Context(), time.Time{}, "maintenance"); err != nil {
				t.Fatal(err)
			}
		}, remedy.ReasonPaused},
		{"an incident that was closed by hand is over", time.Second, "a", func(t *testing.T, l *ledger.Ledger) {
			if _, err := l.Close(t.Context(), remedy.IncidentID("i-1", ten)); err != nil {
				t.Fatal(err)
			}
		}, remedy.ReasonInProgress},
	} {
		c := &clock{ten}
		l := ledger.New(ledger.NewMem(), policy, c.now)
		first := begin(t, l, "i-1", "a", ten)
		if a := first.Open.Attempts[0]; !a.ClaimedAt.Equal(ten) || !a.SendBefore.Equal(ten.Add(policy.CallLimit())) {
			t.Fatalf("the first attempt is claimed at %v to be sent before %v", a.ClaimedAt, a.SendBefore)
		}
		c.at = ten.Add(row.after)
		if row.meddle != nil {
			row.meddle(t, l)
		}
		incident := *first.Open
		incident.Owner = row.owner
		next, reason, err := l.Claim(t.Context(), first, &incident, remedy.Attempt{N: 2})
		if reason != row.want || err != nil {
			t.Errorf("%s: %q (%v), want %q", row.why, reason, err, row.want)
		}
		stored := record(t, l, "i-1").Open
		switch {
		case row.want != "" && stored != nil && len(stored.Attempts) != 1:
			t.Errorf("%s: refused, but the ledger holds %d attempts", row.why, len(stored.Attempts))
		case row.want == "" && (len(stored.Attempts) != 2 || !stored.LeaseUntil.Equal(c.at.Add(policy.Lease)) ||
			!next.Open.Attempts[1].SendBefore.Equal(c.at.Add(policy.CallLimit()))):
			t.Errorf("%s: the ledger holds %d attempts and a lease until %v", row.why, len(stored.Attempts), stored.LeaseUntil)
		}
	}
}

// Several that open an incident of one instance: one does, and the others leave no trace.
func TestFirstClaim(t *testing.T) {
	policy := strict()
	for _, row := range []struct {
		why    string
		opened time.Duration // after the first one did
		ended  bool          // the first one has ended by then
	}{
		{"while the first one opens it, in the same second", 0, false},
		{"while the first one opens it, a second later", time.Second, false},
		{"with a record that was read before the first one came and went", time.Second, true},
	} {
		c := &clock{ten}
		l := ledger.New(ledger.NewMem(), policy, c.now)
		before := record(t, l, "i-1")
		first := begin(t, l, "i-1", "a", ten)
		if row.ended {
			settle(t, l, first, ten, remedy.VerdictRestarted)
		}
		open := len(l.Fleet(t.Context()).Value.Open)
		c.at = ten.Add(row.opened)
		_, reason, err := l.Claim(t.Context(), before, fresh("i-1", "b", ten.Add(row.opened)), remedy.Attempt{N: 1})
		if reason != remedy.ReasonInProgress || err != nil {
			t.Errorf("%s: %q (%v), want in-progress", row.why, reason, err)
		}
		if fleet := l.Fleet(t.Context()).Value; len(fleet.Open) != open || len(fleet.Begun) != 1 {
			t.Errorf("%s: %d slots and %d beginnings, want those of the first only", row.why, len(fleet.Open), len(fleet.Begun))
		}
	}
	for _, row := range []struct {
		why   string
		takes time.Duration // from the decision to open it to the claim
		want  remedy.Reason
		left  int // slots and beginnings
	}{
		{"a lease after the decision the facts still hold", policy.Lease, "", 1},
		{"an owner that froze in between comes too late", policy.Lease + 1, remedy.ReasonInProgress, 0},
	} {
		c := &clock{ten.Add(row.takes)}
		l := ledger.New(ledger.NewMem(), policy, c.now)
		_, reason, err := l.Claim(t.Context(), remedy.Record{}, fresh("i-1", "a", ten), remedy.Attempt{N: 1})
		if reason != row.want || err != nil {
			t.Errorf("%s: %q (%v), want %q", row.why, reason, err, row.want)
		}
		if fleet := l.Fleet(t.Context()).Value; len(fleet.Open) != row.left || len(fleet.Begun) != row.left {
			t.Errorf("%s: %d slots and %d beginnings, want %d", row.why, len(fleet.Open), len(fleet.Begun), row.left)
		}
	}
}

func TestLimitsUnderConcurrency(t *testing.T) {
	for _, row := range []struct {
		why                string
		shared             bool // one process, and not one for each
		concurrent, hourly int
		want               int
		refusal            remedy.Reason
	}{
		{"the limit of incidents at once is exact", false, 3, 100, 3, remedy.ReasonFleetConcurrent},
		{"and within one process", true, 3, 100, 3, remedy.ReasonFleetConcurrent},
		{"the limit of incidents within the hour is exact", false, 100, 5, 5, remedy.ReasonFleetHourly},
		{"and within one process", true, 100, 5, 5, remedy.ReasonFleetHourly},
		{"no limit reached, nobody refused", false, 24, 24, 24, ""},
	} {
		policy := strict()
		policy.FleetConcurrent, policy.FleetHourly = row.concurrent, row.hourly
		store := ledger.NewMem()
		var mu sync.Mutex
		answers := map[remedy.Reason]int{}
		var all sync.WaitGroup
		shared := ledger.New(store, policy, (&clock{ten}).now)
		for n := range 24 {
			l := shared
			if !row.shared {
				l = ledger.New(store, policy, (&clock{ten}).now)
			}
			all.Go(func() {
				id := fmt.Sprintf("i-%d", n)
				_, reason, err := l.Claim(t.Context(), remedy.Record{}, fresh(id, id, ten), remedy.Attempt{N: 1})
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				answers[reason]++
			})
		}
		all.Wait()
		if answers[""] != row.want || answers[""]+answers[row.refusal] != 24 && row.refusal != "" {
			t.Errorf("%s: %v, want %d claims and else %q", row.why, answers, row.want, row.refusal)
		}
		fleet := ledger.New(store, policy, (&clock{ten}).now).Fleet(t.Context()).Value
		if len(fleet.Open) != row.want || len(fleet.Begun) != row.want {
			t.Errorf("%s: %d slots and %d beginnings, want %d", row.why, len(fleet.Open), len(fleet.Begun), row.want)
		}
	}
}

func TestHourlyLimitForgets(t *testing.T) {
	policy := strict()
	policy.FleetHourly = 1
	c := &clock{ten}
	l := ledger.New(ledger.NewMem(), policy, c.now)
	settle(t, l, begin(t, l, "i-1", "a", ten), ten, remedy.VerdictRestarted)
	for _, row := range []struct {
		why   string
		after time.Duration
		want  remedy.Reason
	}{
		{"within the hour", time.Hour - 1, remedy.ReasonFleetHourly},
		{"an hour later it counts no longer", time.Hour, ""},
	} {
		c.at = ten.Add(row.after)
		_, reason, err := l.Claim(t.Context(), remedy.Record{}, fresh("i-2", "b", c.at), remedy.Attempt{N: 1})
		if reason != row.want || err != nil {
			t.Errorf("%s: %q (%v), want %q", row.why, reason, err, row.want)
		}
	}
}

// failing is a store whose writes of some keys fail, before or after they took effect: a process that dies there.
type failing struct {
	ledger.Store
	key   string // what its keys contain; empty: none fails
	after bool
}

var errGone = errors.New("the connection is gone")

func (f *failing) Put(ctx context.Context, key string, value []byte, expected uint64) (uint64, error) {
	fails := f.key != "" && strings.Contains(key, f.key)
	if fails && !f.after {
		return 0, errGone
	}
	revision, err := f.Store.Put(ctx, key, value, expected)
	if fails && err == nil {
		return 0, errGone
	}
	return revision, err
}

func TestPrune(t *testing.T) {
	policy := strict()
	policy.FleetConcurrent = 1
	// Clocks of two processes may be apart.
	over := ten.Add(policy.Lease + policy.Lease/10 + remedy.MaxSkew)
	for _, row := range []struct {
		why   string
		after bool   // the incident was written, but its owner was not told
		write string // over the instance's record; empty: nothing
		at    time.Time
		kept  bool
	}{
		{"the slot's owner may be about to write the incident", false, "", over.Add(-1), true},
		{"its lease is over, so nobody will", false, "", over, false},
		{"the incident was written after all: its slot stays until it settles", true, "", over, true},
		{"nobody knows what a record says that cannot be read", true, `{"version":7}`, over, true},
		{"a record without the incident", true, `{"version":1}`, over, false},
	} {
		c := &clock{ten}
		store := &failing{Store: ledger.NewMem(), key: "instance/", after: row.after}
		l := ledger.New(store, policy, c.now)
		_, reason, err := l.Claim(t.Context(), remedy.Record{}, fresh("i-1", "a", ten), remedy.Attempt{N: 1})
		if !errors.Is(err, errGone) || reason != "" {
			t.Fatalf("%s: the claim gave %q (%v), want the store's error", row.why, reason, err)
		}
		store.key = ""
		if row.write != "" {
			_, revision, err := store.Get(t.Context(), "instance/i-1")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := store.Put(t.Context(), "instance/i-1", []byte(row.write), revision); err != nil {
				t.Fatal(err)
			}
		}
		c.at = row.at
		// Either way of looking drops it: that of an alarm, whose fleet is full, and the sweep's.
		fleet := ledger.New(store, policy, c.now).Fleet(t.Context())
		if (len(fleet.Value.Open) == 1) != row.kept || (len(fleet.Value.Begun) == 1) != row.kept || !fleet.OK() {
			t.Errorf("%s: the fleet has %d slots and %d beginnings (%s)", row.why, len(fleet.Value.Open), len(fleet.Value.Begun),
				fleet.Note)
		}
		slots, err := l.Open(t.Context())
		if (len(slots) == 1) != row.kept || err != nil {
			t.Errorf("%s: the sweep sees %d slots (%v)", row.why, len(slots), err)
		}
	}
}

func TestRehearsal(t *testing.T) {
	policy := strict()
	policy.Mode, policy.FleetHourly, policy.FleetConcurrent = remedy.ModeObserve, 2, 1
	store := ledger.NewMem()
	l := ledger.New(store, policy, (&clock{ten}).now)
	rehearse := func(instance string) remedy.Reason {
		t.Helper()
		i := fresh(instance, "a", ten)
		i.EndedAt, i.Verdict, i.Reason = ten, remedy.VerdictObserved, remedy.ReasonWouldRestart
		_, reason, err := l.Settle(t.Context(), record(t, l, instance), i)
		if err != nil {
			t.Fatal(err)
		}
		return reason
	}
	for _, row := range []struct {
		why, instance string
		want          remedy.Reason
	}{
		{"the first one", "i-1", ""},
		{"it is over at once, so it takes no place of those under way", "i-2", ""},
		{"but it counts as begun", "i-3", remedy.ReasonFleetHourly},
	} {
		if got := rehearse(row.instance); got != row.want {
			t.Errorf("%s: %q, want %q", row.why, got, row.want)
		}
	}
	if r := record(t, l, "i-1"); len(r.Recent) != 1 || r.Open != nil || r.Keys["key-of-i-1"].IsZero() {
		t.Errorf("the rehearsal left %+v, want it among the recent ones, with its alarm's key", r)
	}
	policy.Mode = remedy.ModeEnforce
	enforcing := ledger.New(store, policy, (&clock{ten}).now)
	if r := record(t, enforcing, "i-1"); r.Revision != 0 {
		t.Errorf("a rehearsal is in the records of the real thing: %+v", r)
	}
	begin(t, enforcing, "i-1", "a", ten) // and does not block it

	// Two rehearsals of one instance, the second by a record that was read before the first: one counts.
	policy.Mode, policy.FleetHourly = remedy.ModeObserve, 20
	l = ledger.New(store, policy, (&clock{ten}).now)
	before := record(t, l, "i-4")
	if reason := rehearse("i-4"); reason != "" {
		t.Fatal(reason)
	}
	i := fresh("i-4", "b", ten.Add(time.Second))
	i.EndedAt, i.Verdict = ten, remedy.VerdictObserved
	if _, reason, err := l.Settle(t.Context(), before, i); reason != remedy.ReasonInProgress || err != nil {
		t.Errorf("the second rehearsal: %q (%v), want in-progress", reason, err)
	}
	if begun := len(l.Fleet(t.Context()).Value.Begun); begun != 3 {
		t.Errorf("%d beginnings, want the three that came to be", begun)
	}
}

func TestResolve(t *testing.T) {
	c := &clock{ten}
	l := ledger.New(ledger.NewMem(), strict(), c.now)
	first := begin(t, l, "i-1", "a", ten)
	resolve := func(incident *remedy.Incident, at time.Time) {
		t.Helper()
		told := *incident
		told.ResolvedAt = at
		if err := l.Resolve(t.Context(), &told); err != nil {
			t.Fatal(err)
		}
	}
	other := fresh("i-1", "a", ten.Add(-time.Hour))
	resolve(other, ten)
	if r := record(t, l, "i-1"); r.Revision != first.Revision {
		t.Error("the alarm of another incident resolved this one")
	}
	resolved := ten.Add(time.Second)
	resolve(first.Open, resolved)
	resolve(first.Open, resolved.Add(time.Second))
	if at := record(t, l, "i-1").Open.ResolvedAt; !at.Equal(resolved) {
		t.Errorf("resolved at %v, want the first time, %v", at, resolved)
	}
	// The owner has not read that yet, and writes on.
	kept, reason, err := l.Keep(t.Context(), first, first.Open)
	if reason != "" || err != nil || !kept.Open.ResolvedAt.Equal(resolved) {
		t.Errorf("after the owner wrote: %q (%v), resolved at %v, want the note kept", reason, err, kept.Open.ResolvedAt)
	}
	ended := *first.Open
	ended.EndedAt, ended.Verdict = ten, remedy.VerdictFailed
	if r, reason, err := l.Settle(t.Context(), first, &ended); reason != "" || err != nil ||
		!r.Recent[0].ResolvedAt.Equal(resolved) {
		t.Errorf("after the owner settled by an old record: %q (%v), want the note in its end", reason, err)
	}
	resolve(first.Open, ten) // it is over: nothing to note, and no error
}

func TestKeep(t *testing.T) {
	policy := strict()
	over := ten.Add(policy.Lease + policy.Lease/10)
	for _, row := range []struct {
		why   string
		at    time.Time
		owner string
		want  remedy.Reason
	}{
		{"the owner writes at any time while nobody took over", over.Add(time.Hour), "a", ""},
		{"another waits for the lease and a tenth of it", over.Add(-1), "b", remedy.ReasonInProgress},
		{"and then takes over", over, "b", ""},
	} {
		c := &clock{ten}
		l := ledger.New(ledger.NewMem(), policy, c.now)
		first := begin(t, l, "i-1", "a", ten)
		c.at = row.at
		mine := *first.Open
		mine.Owner, mine.LeaseUntil = row.owner, policy.NewLease(c.at)
		_, reason, err := l.Keep(t.Context(), first, &mine)
		if reason != row.want || err != nil {
			t.Errorf("%s: %q (%v), want %q", row.why, reason, err, row.want)
		}
		if row.owner != "b" || row.want != "" {
			continue
		}
		for what, write := range map[string]func() remedy.Reason{
			"keep": func() remedy.Reason { _, r, _ := l.Keep(t.Context(), first, first.Open); return r },
			"settle": func() remedy.Reason {
				ended := *first.Open
				ended.EndedAt = c.at
				_, r, _ := l.Settle(t.Context(), first, &ended)
				return r
			},
			"claim": func() remedy.Reason {
				_, r, _ := l.Claim(t.Context(), first, first.Open, remedy.Attempt{N: 2})
				return r
			},
		} {
			if got := write(); got != remedy.ReasonInProgress {
				t.Errorf("the old owner woke up: %s gave %q, want in-progress", what, got)
			}
		}
	}
}

func TestSettle(t *testing.T) {
	c := &clock{ten}
	store := ledger.NewMem()
	l := ledger.New(store, strict(), c.now)
	first := begin(t, l, "i-1", "a", ten)
	c.at = ten.Add(time.Minute)
	settle(t, l, first, c.at, remedy.VerdictRestarted)
	r := record(t, l, "i-1")
	if r.Open != nil || len(r.Recent) != 1 {
		t.Fatalf("the record is %+v, want the incident among the recent ones", r)
	}
	if e := r.Recent[0]; e.Owner != "" || !e.LeaseUntil.IsZero() || e.Verdict != remedy.VerdictRestarted || len(e.Attempts) != 1 {
		t.Errorf("its end is %+v", e)
	}
	if at := r.Keys["key-of-i-1"]; !at.Equal(c.at) {
		t.Errorf("its alarm's key is kept from %v, want from its end", at)
	}
	if fleet := l.Fleet(t.Context()).Value; len(fleet.Open) != 0 || len(fleet.Begun) != 1 {
		t.Errorf("the fleet is %+v, want the slot free, and the beginning counted", fleet)
	}

	// The slot that could not be given back is no slot any more once its lease is over.
	cut := &failing{Store: store}
	l = ledger.New(cut, strict(), c.now)
	second := begin(t, l, "i-2", "a", c.at)
	cut.key = "fleet"
	settle(t, l, second, c.at, remedy.VerdictRestarted)
	cut.key = ""
	c.at = c.at.Add(10 * time.Minute)
	if slots, err := l.Open(t.Context()); len(slots) != 0 || err != nil {
		t.Errorf("%d slots (%v), want none", len(slots), err)
	}
}

func TestRetention(t *testing.T) {
	for _, row := range []struct {
		why    string
		window time.Duration
		age    time.Duration // of the first incident when the second one ends
		kept   bool
	}{
		{"a day, even if budgets are counted over less", time.Hour, 24*time.Hour - 1, true},
		{"a day later it is forgotten", time.Hour, 24 * time.Hour, false},
		{"as long as budgets are counted over", 72 * time.Hour, 72*time.Hour - 1, true},
		{"and no longer", 72 * time.Hour, 72 * time.Hour, false},
	} {
		policy := strict()
		policy.IncidentWindow = row.window
		c := &clock{ten}
		l := ledger.New(ledger.NewMem(), policy, c.now)
		settle(t, l, begin(t, l, "i-1", "a", ten), ten, remedy.VerdictFailed)
		c.at = ten.Add(row.age)
		incident := fresh("i-1", "a", c.at)
		incident.Alarm.Key = "another"
		claimed, reason, err := l.Claim(t.Context(), record(t, l, "i-1"), incident, remedy.Attempt{N: 1})
		if reason != "" || err != nil {
			t.Fatal(reason, err)
		}
		settle(t, l, claimed, c.at, remedy.VerdictFailed)
		r := record(t, l, "i-1")
		if _, kept := r.Keys["key-of-i-1"]; kept != row.kept || (len(r.Recent) == 2) != row.kept {
			t.Errorf("%s: key kept %v, %d recent incidents", row.why, kept, len(r.Recent))
		}
		if begun := len(l.Fleet(t.Context()).Value.Begun); (begun == 2) != row.kept {
			t.Errorf("%s: %d beginnings", row.why, begun)
		}
	}
}

func TestUnreadableRecords(t *testing.T) {
	for _, row := range []struct {
		why, value string
		want       remedy.Failure
	}{
		{"what this version writes", `{"version":1}`, ""},
		{"a field of a later version that means nothing to us", `{"version":1,"later":[1]}`, ""},
		{"a later form", `{"version":2}`, remedy.FailureUnreadable},
		{"no version at all", `{}`, remedy.FailureUnreadable},
		{"a field of the wrong type", `{"version":1,"open":"yes"}`, remedy.FailureUnreadable},
		{"no record", `{"version":"1"}`, remedy.FailureUnreadable},
	} {
		store := ledger.NewMem()
		for _, key := range []string{"instance/i-1", "fleet"} {
			if _, err := store.Put(t.Context(), key, []byte(row.value), 0); err != nil {
				t.Fatal(err)
			}
		}
		l := ledger.New(store, strict(), (&clock{ten}).now)
		if got := l.Record(t.Context(), "i-1"); got.Failure != row.want ||
			got.Failure != "" && !strings.Contains(got.Note, "instance/i-1") {
			t.Errorf("%s: the record's failure is %q (%s), want %q, and its key named", row.why, got.Failure, got.Note, row.want)
		}
		if got := l.Fleet(t.Context()); got.Failure != row.want {
			t.Errorf("%s: the fleet's failure is %q (%s), want %q", row.why, got.Failure, got.Note, row.want)
		}
		if row.want == "" {
			continue
		}
		_, reason, err := l.Claim(t.Context(), remedy.Record{}, fresh("i-2", "a", ten), remedy.Attempt{N: 1})
		if err == nil || reason != "" {
			t.Errorf("%s: a claim beside an unreadable fleet gave %q (%v), want an error", row.why, reason, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got := ledger.New(ledger.NewMem(), strict(), (&clock{ten}).now).Record(ended, "i-1"); got.Failure != remedy.FailureUnavailable {
		t.Errorf("a store that cannot be asked: %q, want unavailable", got.Failure)
	}
}

// A record may expire exactly when nothing that is open, or paused, would be lost with it.
func TestExpires(t *testing.T) {
	store := ledger.NewMem()
	l := ledger.New(store, strict(), (&clock{ten}).now)
	check := func(why, key string, want bool) {
		t.Helper()
		value, _, err := store.Get(t.Context(), key)
		if err != nil {
			t.Fatal(err)
		}
		var form struct {
			Expires *time.Time `json:"expires"`
		}
		if err := json.Unmarshal(value, &form); err != nil {
			t.Fatalf("%s: %v in %q", why, err, value)
		}
		if (form.Expires != nil) != want {
			t.Errorf("%s: %s has expires %v", why, key, form.Expires)
		}
		const month = 30 * 24 * time.Hour
		if form.Expires == nil {
			return
		}
		if left := time.Until(*form.Expires); left > month || left < month-time.Hour {
			t.Errorf("%s: %s expires in %v, want 30 days from the real present", why, key, left)
		}
	}
	first := begin(t, l, "i-1", "a", ten)
	check("an open incident", "instance/i-1", false)
	check("a slot", "fleet", false)
	if err := l.Pause(t.Context(), time.Time{}, "maintenance"); err != nil {
		t.Fatal(err)
	}
	settle(t, l, first, ten, remedy.VerdictRestarted)
	check("an ended incident", "instance/i-1", true)
	check("a pause without slots", "fleet", false)
	if _, err := l.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	check("neither a slot nor a pause", "fleet", true)
}
