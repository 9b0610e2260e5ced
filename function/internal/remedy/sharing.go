package remedy

import "time"

// This file is about what the invocations of one process share: readings and writes of the fleet's
// record. Whatever it says, a write is a compare-and-swap at the revision that it was decided on,
// so that a mistake here costs a conflict; what is shared must still not be older than it looks,
// for a refusal is written nowhere.

// newer reports whether another reading of the same record takes the place of the one that is
// known. A failure takes none. Of two that can be used it is the one of the later revision, unless
// it came earlier: a record that was lost and made anew begins at a low revision again, and what it
// was before is not newer than that.
func newer(known, other Reading[Fleet]) bool {
	return other.OK() && !other.At.Before(known.At) &&
		(!known.OK() || other.Value.Revision > known.Value.Revision)
}

// Newest is the newer of two readings of one record, and the first where neither is.
func Newest(known, other Reading[Fleet]) Reading[Fleet] {
	if newer(known, other) {
		return other
	}
	return known
}

// Left is what is known of the fleet's record after a write of it: what was stored. After anything
// else but that it was done, nobody knows what the ledger says, and it must be read again.
func (w Written) Left(fleet Fleet) Reading[Fleet] {
	if w.Wrote != WroteDone {
		return Reading[Fleet]{}
	}
	fleet.Revision = w.Revision
	return Reading[Fleet]{At: w.At, Value: fleet}
}

// CatchUp is for a change of the fleet's record whose turn to be written has come. Newest is what
// its process has written last, or read since; not read: somebody else has written since, or may
// have. A change that waited for its turn is decided again, on no older record than that. It
// reports whether the record is to be read first, and whether Next is to be asked again.
func (f *Facts) CatchUp(newest Reading[Fleet], waited bool) (read, again bool) {
	switch {
	case newer(f.Fleet, newest):
		f.Fleet = newest
		return false, true
	case waited && !newest.OK():
		return true, true
	}
	return false, waited
}

// Joins is Along for a change that has so much time for a write of its own, and a write that has so
// much time. A change does not go along with a hastier one, whose haste would be no answer for it.
func (f Facts) Joins(p *Policy, now time.Time, left Fleet, own, writers time.Duration) (
	Facts, Step, bool) {
	if own > writers {
		return f, Step{}, false
	}
	return f.Along(p, now, left)
}

// Hear takes over what another alarm of the same event has learned of the fleet since this one's
// record of it was read.
func (f *Facts) Hear(other *Facts) {
	if f.Book == other.Book {
		f.Fleet = Newest(f.Fleet, other.Fleet)
	}
}

// Follow makes the facts those of an alarm whose instance another one of the same event leads for,
// with its result; nil: it has an incident. An alarm that is judged for itself then is judged by
// what was read for its leader.
func (f *Facts) Follow(leader *Facts, result *Result) {
	f.Leader = Leader{Leads: true}
	if result != nil {
		f.Leader.Verdict, f.Leader.Reason = result.Verdict, result.Reason
	}
	f.Hear(leader)
	if f.Book == leader.Book {
		f.Sign = leader.Sign
	}
	f.Instance, f.Vitals, f.Platform = leader.Instance, leader.Vitals, leader.Platform
}
