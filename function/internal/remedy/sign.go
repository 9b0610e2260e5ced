package remedy

import "time"

// Sign is the sweep's sign of life: what the function says of itself once a minute, in a record of
// its own. It tells an operator that this is the function's ledger, and that the function lives;
// and it tells the function that the fleet's record, if it is missing, was lost.
type Sign struct {
	Mode     Mode
	Version  string // of the code
	At       time.Time
	Open     int    // incidents under way
	Waiting  int    // alarms that wait for a slot
	Revision uint64 // the store's; zero: no function ever wrote here
}

// Tending is what a sweep keeps in the ledger on its way: what it has read of that, and how far it
// has come.
type Tending struct {
	Fleet   Reading[Fleet]
	Sign    Reading[Sign]
	Version string  // of the code
	Last    Write   // what Tend gave last; the zero Write: nothing yet
	Written Written // what became of that
}

// Tend is the record that a sweep writes next on its way; false: there is none any more. The first
// is the fleet's, where there is none yet, or where it must be kept from expiring; the second is
// the sign of life. None is written before the fleet's record is, so that one which is missing
// beside a sign means that it was lost, and a pause perhaps with it. What is lost is not made anew
// here: an operator has to say that nothing is paused. What fails now, the next sweep does.
func Tend(p *Policy, t *Tending, now time.Time) (Write, bool) {
	record := &t.Fleet.Value
	switch {
	case !t.Fleet.OK() || !t.Sign.OK(), t.Last.Sign != nil:
		return Write{}, false
	case t.Last.Fleet != nil && t.Written.Wrote != WroteDone:
		return Write{}, false
	case t.Last.Fleet != nil:
	case record.Revision == 0 && t.Sign.Value.Revision == 0:
		return Write{Fleet: ptr(record.changed(now))}, true
	case record.Revision != 0:
		if fresh, due := record.Refreshed(now); due {
			return Write{Fleet: &fresh}, true
		}
	}
	return Write{Sign: &Sign{Mode: p.Mode, Version: t.Version, At: now.UTC(),
		Open: len(record.Open), Waiting: len(record.Waiting),
		Revision: t.Sign.Value.Revision}}, true
}

// LostBeside reports whether the fleet's record was lost, and a pause with it perhaps: it says so
// itself, or it is missing beside a sign of life of the same book, before which a sweep writes it.
// A sign that could not be read says nothing.
func (fl *Fleet) LostBeside(sign *Reading[Sign]) bool {
	return !fl.Lost.IsZero() || fl.Revision == 0 && sign.OK() && sign.Value.Revision != 0
}

// lostFleet reports whether the fleet's record is missing though it was there, and a pause with it
// perhaps; why says so.
func (f *Facts) lostFleet() (why string, lost bool) {
	fleet := &f.Fleet.Value
	switch {
	case !fleet.LostBeside(&f.Sign):
		return "", false
	case !fleet.Lost.IsZero():
		return "the fleet's record was lost at " + stamp(
			fleet.Lost,
		) + ", and with it perhaps a pause: remedy resume", true
	}
	return "the fleet's record is missing, though a function wrote here, and with it perhaps a " +
		"pause: remedy resume", true
}
