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

// Tend are the records that a sweep writes on its way, in this order: the fleet's record where
// there is none yet, or where it must be kept from expiring; and the sign of life. The fleet's
// record comes first, so that one which is missing beside a sign means that it was lost, and a
// pause perhaps with it. What is lost is not made anew here: an operator has to say that nothing is
// paused.
func Tend(
	fleet Reading[Fleet],
	sign Reading[Sign],
	p Policy,
	version string,
	now time.Time,
) []Write {
	var writes []Write
	if !fleet.OK() || !sign.OK() {
		return nil
	}
	switch record := fleet.Value; {
	case record.Revision == 0 && sign.Value.Revision == 0:
		writes = append(writes, Write{Fleet: ptr(record.changed(now))})
	case record.Revision != 0:
		if fresh, due := record.Refreshed(now); due {
			writes = append(writes, Write{Fleet: &fresh})
		}
	}
	return append(writes, Write{Sign: &Sign{Mode: p.Mode, Version: version, At: now.UTC(),
		Open: len(fleet.Value.Open), Waiting: len(fleet.Value.Waiting),
		Revision: sign.Value.Revision}})
}

// lostFleet reports whether the fleet's record is missing though it was there, and a pause with it
// perhaps; why says so.
func (f *Facts) lostFleet() (why string, lost bool) {
	fleet := &f.Fleet.Value
	switch {
	case !fleet.Lost.IsZero():
		return "the fleet's record was lost at " + stamp(
			fleet.Lost,
		) + ", and with it perhaps a pause: remedy resume", true
	case fleet.Revision == 0 && f.Sign.OK() && f.Sign.Value.Revision != 0:
		return "the fleet's record is missing, though a function wrote here, and with it perhaps " +
			"a pause: remedy resume", true
	}
	return "", false
}
