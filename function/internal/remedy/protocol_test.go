package remedy

import (
	"strings"
	"testing"
	"time"
)

// TestNotAsWeLeftIt: what an owner does whose incident does not stand in the record as it knows it.
func TestNotAsWeLeftIt(t *testing.T) {
	open := func(change func(*Incident)) func(*candidate) {
		return func(c *candidate) { change(c.Record.Value.Open) }
	}
	// another is an incident of the instance that is not ours.
	another := IncidentID(InstanceID, Start.Add(time.Minute))
	for _, row := range []struct {
		why     string
		change  func(*candidate)
		do      string
		verdict Verdict
		reason  Reason
	}{
		{"as we know it: it is watched", no, toWait, "", ""},
		{"without its last attempt: an old record was restored",
			open(func(i *Incident) { i.Attempts = i.Attempts[:1] }),
			toSettle, VerdictFailed, ReasonLedgerLost},
		{"without any: likewise", open(func(i *Incident) { i.Attempts = nil }),
			toSettle, VerdictFailed, ReasonLedgerLost},
		{"with another last attempt: likewise", open(func(i *Incident) {
			i.Attempts[1].ClaimedAt = i.Attempts[1].ClaimedAt.Add(1)
		}), toSettle, VerdictFailed, ReasonLedgerLost},
		{"ours, and what we know is of an earlier one, which had more attempts",
			func(c *candidate) {
				c.Seen.Incident.ID = another
				c.Seen.Incident.Attempts = append(c.Seen.Incident.Attempts, Attempt{N: 3})
			}, toWait, "", ""},
		{"gone", func(c *candidate) { c.Record.Value.Open = nil }, toSettle, VerdictFailed,
			ReasonLedgerLost},
		{"gone, and another one is open",
			open(func(i *Incident) { i.ID, i.Owner = another, "you" }), toSettle, VerdictFailed,
			ReasonLedgerLost},
		{"taken over", open(func(i *Incident) { i.Owner = "you" }), toAnswer, VerdictRefused,
			ReasonInProgress},
		{"closed by an operator: that is its end", func(c *candidate) {
			c.Record.Value, _, _ = c.Record.Value.Closed(c.Record.Value.Open.ID, c.Policy, c.Now)
			c.Fleet.Value.Open = nil
		}, toAnswer, VerdictFailed, ReasonAbandoned},
		{"closed by an operator, and its slot was taken back before that was seen",
			func(c *candidate) {
				c.Fleet.Value.Open = []Slot{{Incident: c.Record.Value.Open.ID}}
				c.Record.Value, _, _ = c.Record.Value.Closed(c.Record.Value.Open.ID, c.Policy,
					c.Now)
			}, toAnswer, VerdictFailed, ReasonAbandoned},
		{"ended by whoever took it over, who tells that", func(c *candidate) {
			c.Record.Value.Open.end(VerdictFailed, ReasonStuck, "it is Stopping", c.Now)
			c.Record.Value = c.Record.Value.settled(c.Record.Value.Open, &c.Policy)
		}, toAnswer, VerdictRefused, ReasonDuplicateAlarm},
	} {
		c := incident(1, isAccepted)
		c.later(-time.Minute)
		c.last().LastReadAt = c.Now.Add(-5 * time.Second)
		c.Seen.Incident = c.Record.Value.Open.clone()
		row.change(c)
		step := c.ask()
		if do := c.comesTo(&step); do != row.do || step.Verdict != row.verdict ||
			step.Reason != row.reason {
			t.Errorf("%s: %s, %s %s: %s\nwant %s, %s %s", row.why, do, step.Verdict, step.Reason,
				step.Why, row.do, row.verdict, row.reason)
		}
		if step.Reason == ReasonAbandoned && c.Fleet.Value.slot(c.Seen.Incident.ID) != nil {
			t.Errorf("%s: its slot is left", row.why)
		}
	}
}

// TestSlotNotGivenBack: where nobody knows whether a slot was given back, nothing waits for that:
// the sweep looks after it. After a conflict it is tried again.
func TestSlotNotGivenBack(t *testing.T) {
	slot := Slot{Incident: IncidentID(InstanceID, Start), Instance: InstanceID,
		Region: "cn-hangzhou", OpenedAt: Start}
	over := func(c *candidate) { // its incident has ended, and its alarm is another's
		i := recordOpen(Start, 1)
		i.ID, i.Instance = slot.Incident, InstanceID
		i.end(VerdictFailed, ReasonStuck, "it is Stopping", c.Now)
		c.Record.Value = c.Record.Value.settled(i, &c.Policy)
		c.Fleet.Value.Open = []Slot{slot}
		c.Cooldown = 0
	}
	sweep := func() *candidate {
		c := opens()
		over(c)
		c.Swept, c.Slot, c.Alarm.Key = true, slot, ""
		return c
	}
	next := func() *candidate { c := opens(); over(c); return c }
	own := func() *candidate { return incident(4, isUnconfirmed) }
	for _, row := range []struct {
		why     string
		c       *candidate
		wrote   Wrote // the fleet's record, for the first time
		verdict Verdict
		opens   bool
		reads   string
		writes  string // besides
	}{
		{"the sweep: the next one tries again", sweep(), WroteUnknown, "", false, noECS, ""},
		{"the sweep, after a conflict", sweep(), WroteConflict, "", false, noECS + " fleet",
			"fleet"},
		{"the instance's next alarm, in whose way it may stand: it is asked for again", next(),
			WroteUnknown, VerdictPending, false, noECS + " fleet", ""},
		{"the instance's next alarm, after a conflict: judged without it", next(), WroteConflict,
			"", true, noECS + " fleet machine heartbeat platform", "fleet"},
		{"whoever ended the incident: told at once", own(), WroteUnknown, VerdictFailed, false,
			"ledger machine heartbeat fleet", "record"},
		{"whoever ended the incident, after a conflict", own(), WroteConflict, VerdictFailed, false,
			"ledger machine heartbeat fleet fleet", "record fleet"},
	} {
		c, first := row.c, true
		step := c.first(t)
		for step.Do != DoAnswer && !step.Opens() {
			if step.Write.Fleet == nil || !first {
				step = c.one(step)
				continue
			}
			first = false
			c.told.Decided(&step)
			c.told.Wrote(step.Write, Written{At: c.Now, Wrote: row.wrote})
			step = c.next()
		}
		if step.Verdict != row.verdict || step.Opens() != row.opens {
			t.Errorf("%s: %s, %s %s: %s", row.why, c.comesTo(&step), step.Verdict, step.Reason,
				step.Why)
		}
		if reads := strings.Join(c.read, " "); reads != row.reads {
			t.Errorf("%s: read %q, want %q", row.why, reads, row.reads)
		}
		if writes := strings.Join(c.wrote, " "); writes != row.writes {
			t.Errorf("%s: wrote %q, want %q", row.why, writes, row.writes)
		}
	}
}

// TestConflictsInARow: one conflict is an accident, and costs no time; from the second in a row on
// a writer waits a moment for the others, each time.
func TestConflictsInARow(t *testing.T) {
	for _, row := range []struct {
		why   string
		wrote []Wrote // the first writes: the opening, until it is stored, and then the slot
		waits int
	}{
		{"none", nil, 0},
		{"one", []Wrote{WroteConflict}, 0},
		{"two in a row", []Wrote{WroteConflict, WroteConflict}, 1},
		{"three in a row", []Wrote{WroteConflict, WroteConflict, WroteConflict}, 2},
		{"two, and a write between them", []Wrote{WroteConflict, WroteDone, WroteConflict}, 0},
	} {
		c, waits := opens(), 0
		step := c.first(t)
		for ; step.Do != DoSend; step = c.one(step) {
			switch {
			case step.Do == DoAnswer:
				t.Fatalf("%s: %+v", row.why, step)
			case step.Do == DoWait:
				if waits++; step.Until.Sub(c.Now) > time.Second {
					t.Errorf("%s: it waits until %v at %v", row.why, step.Until, c.Now)
				}
			case step.Do == DoWrite && len(row.wrote) > 0:
				wrote := row.wrote[0]
				if row.wrote = row.wrote[1:]; wrote == WroteDone {
					continue
				}
				c.told.Decided(&step)
				c.told.Wrote(step.Write, Written{At: c.Now, Wrote: wrote})
				step = Step{Seen: c.told.Seen} // it is done
			}
		}
		if waits != row.waits {
			t.Errorf("%s: it waits %d times, want %d", row.why, waits, row.waits)
		}
	}
}

// TestWatchWithoutLedger: an owner that cannot read its record looks at its instance as it always
// does, and at its record again after a tenth of a lease.
func TestWatchWithoutLedger(t *testing.T) {
	const wait = 3 * time.Second // goes on, as far as it does
	for _, row := range []struct {
		why    string
		since  time.Duration // the record could not be read
		left   time.Duration // of the wait for the next look; 0: it is over
		read   bool          // the instance, just now
		do     Do
		source Source
		until  time.Duration
	}{
		{"the wait goes on", time.Second, wait, false, DoWait, 0, wait},
		{"and is shorter where the record is to be read before", 4 * time.Second, wait, false,
			DoWait, 0, 2 * time.Second},
		{"the wait is over", time.Second, 0, false, DoRead, SourceInstance, 0},
		{"it was looked at: one REMEDY_POLL later", 0, wait, true, DoWait, 0, 5 * time.Second},
		{"a tenth of a lease is over", 6 * time.Second, wait, false, DoRead, SourceRecord, 0},
	} {
		c := incident(0, isAccepted)
		c.later(-time.Minute)
		c.last().LastReadAt = c.Now.Add(-5 * time.Second)
		c.Seen.Incident = c.Record.Value.Open.clone()
		c.Seen.WaitUntil = c.Now.Add(row.left)
		c.told = c.Facts
		c.told.Record = Reading[Record]{At: c.Now.Add(-row.since), Failure: FailureUnavailable}
		c.told.Fleet = Reading[Fleet]{}
		if !row.read {
			c.told.forgetLive()
		}
		step := c.next()
		if step.Do != row.do || step.Sources != row.source ||
			row.do == DoWait && !step.Until.Equal(c.Now.Add(row.until)) {
			t.Errorf("%s: %d of %b until %v at %v", row.why, step.Do, step.Sources, step.Until,
				c.Now)
		}
	}
}
