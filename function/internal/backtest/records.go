package backtest

import (
	"context"
	"maps"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// records is the ledger of a replay: what the records are and how they change is package remedy's;
// here they are kept, by a compare-and-swap on each, and nothing is encoded. It implements
// handle.Ledger and handle.Signs for the one book of a policy. A record that is handed out is never
// changed: every change of one makes another.
type records struct {
	clock     *schedule
	policy    *remedy.Policy
	instances map[string]stored
	fleet     remedy.Fleet
	sign      remedy.Sign
	revision  uint64
	busy      func() // called when the fleet's record says that somebody is under way or waits
	swept     time.Time
}

// stored is an instance's record, and when it was written last.
type stored struct {
	record remedy.Record
	at     time.Time
}

func newRecords(clock *schedule, policy *remedy.Policy, busy func()) *records {
	return &records{clock: clock, policy: policy, instances: map[string]stored{}, busy: busy}
}

// Record implements handle.Ledger.
func (r *records) Record(_ context.Context, _ remedy.Book, instance string) (
	reading remedy.Reading[remedy.Record]) {
	reading.At, reading.Value = r.clock.now, r.instances[instance].record
	return reading
}

// Fleet implements handle.Ledger.
func (r *records) Fleet(context.Context, remedy.Book) remedy.Reading[remedy.Fleet] {
	return remedy.Reading[remedy.Fleet]{At: r.clock.now, Value: r.fleet}
}

// Sign implements handle.Signs.
func (r *records) Sign(context.Context, remedy.Book) remedy.Reading[remedy.Sign] {
	return remedy.Reading[remedy.Sign]{At: r.clock.now, Value: r.sign}
}

// Write implements handle.Ledger.
func (r *records) Write(_ context.Context, _ remedy.Book, instance string,
	write remedy.Write) remedy.Written {
	var revision *uint64
	switch {
	case write.Fleet != nil:
		if write.Fleet.Revision != r.fleet.Revision {
			return r.conflict()
		}
		r.fleet = *write.Fleet
		revision = &r.fleet.Revision
		if len(r.fleet.Open) > 0 || len(r.fleet.Waiting) > 0 {
			r.busy()
		}
	case write.Sign != nil:
		if write.Sign.Revision != r.sign.Revision {
			return r.conflict()
		}
		r.sign = *write.Sign
		revision = &r.sign.Revision
	default:
		if write.Record.Revision != r.instances[instance].record.Revision {
			return r.conflict()
		}
		s := stored{*write.Record, r.clock.now}
		r.revision++
		s.record.Revision = r.revision
		r.instances[instance] = s
		return r.done()
	}
	r.revision++
	*revision = r.revision
	return r.done()
}

func (r *records) done() remedy.Written {
	return remedy.Written{At: r.clock.now, Wrote: remedy.WroteDone, Revision: r.revision}
}

func (r *records) conflict() remedy.Written {
	return remedy.Written{At: r.clock.now, Wrote: remedy.WroteConflict}
}

// forget drops the records of which nothing counts any more, once a day of virtual time, as a store
// drops what has expired. So a history of years takes no more memory than its last day.
func (r *records) forget() {
	if r.clock.now.Sub(r.swept) < 24*time.Hour {
		return
	}
	r.swept = r.clock.now
	keep := r.policy.Retention() + time.Hour
	maps.DeleteFunc(r.instances, func(_ string, s stored) bool {
		return s.record.Open == nil && r.clock.now.Sub(s.at) > keep
	})
}
