package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Function is what a ledger tells of the function that writes there.
type Function struct {
	Seen bool `json:"seen"` // false: no function ever wrote there; nothing else is meaningful
	// At is when it was last seen, and Ago how long before the examination.
	At      time.Time   `json:"at,omitzero"`
	Ago     string      `json:"ago"`
	Mode    remedy.Mode `json:"mode"`
	Version string      `json:"version"`
	Open    int         `json:"open"`    // incidents under way then
	Waiting int         `json:"waiting"` // alarms that waited for a slot then
}

// Silent is how old a sign of life can be: the sweep comes once a minute (template.yml's timer),
// and one or two may be missed.
const Silent = 3 * time.Minute

// LastSeen tells the newest of the signs, as of the given time. Each mode keeps a sign of its own,
// and whichever is newer is the function's.
func LastSeen(now time.Time, signs ...remedy.Sign) Function {
	var newest remedy.Sign
	for _, sign := range signs {
		if sign.Revision != 0 && (newest.Revision == 0 || sign.At.After(newest.At)) {
			newest = sign
		}
	}
	if newest.Revision == 0 {
		return Function{}
	}
	return Function{Seen: true, At: newest.At, Ago: ago(now.Sub(newest.At)), Mode: newest.Mode,
		Version: newest.Version, Open: newest.Open, Waiting: newest.Waiting}
}

// String says it in one line, such as "function last seen 20 s ago: enforce, version 213c343".
func (f Function) String() string {
	if !f.Seen {
		return "NO FUNCTION EVER WROTE TO THIS LEDGER"
	}
	said := fmt.Sprintf("function last seen %s: %s, version %s", f.Ago, f.Mode, f.Version)
	if f.Open > 0 {
		said += ", " + strconv.Itoa(f.Open) + " under way"
	}
	if f.Waiting > 0 {
		said += ", " + strconv.Itoa(f.Waiting) + " waiting"
	}
	return said
}

// ago is how long something is past, in its largest unit. What is to come is said to be, where two
// clocks that agree could not say so.
func ago(d time.Duration) string {
	if d < -remedy.MaxSkew {
		return strings.TrimSuffix(ago(-d), " ago") + " from now"
	}
	d = max(0, d.Round(time.Second)) // less is the difference of two clocks
	switch {
	case d < time.Minute:
		return strconv.Itoa(int(d.Seconds())) + " s ago"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + " min ago"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + " h ago"
	}
	return strconv.Itoa(int(d.Hours()/24)) + " days ago"
}

// alive says what the function's sign of life means for this environment.
func (e *examination) alive(f *Function, now time.Time) {
	const name = "function"
	e.report.Function = f
	if !f.Seen {
		e.add(name, ResultFinding, "no function ever wrote to this ledger: it is another one's, "+
			"or the function was never deployed, or its timer does not come",
			"REMEDY_LEDGER as the function has it, or deploy it: remedy package prints the "+
				"commands")
		return
	}
	age := now.Sub(f.At)
	switch {
	case age > Silent:
		e.add(name, ResultFinding, "last seen "+f.Ago+", and its timer comes once a minute: "+
			"alarms are not handled, or it writes to another ledger",
			"the function's log and its timer in the Function Compute console")
	case -age > remedy.MaxSkew:
		e.add(name, ResultFinding, "last seen "+f.Ago+": one of the two clocks is wrong",
			"set the clock of this machine by NTP")
	}
	if mode := e.Settings.Policy.Mode; f.Mode != mode {
		e.add(name, ResultWarning, fmt.Sprintf("it runs in mode %s, and this environment says %s: "+
			"what follows is what it would do in mode %s", f.Mode, mode, mode),
			"REMEDY_MODE="+string(f.Mode)+" here, or Mode="+string(mode)+" of the stack")
	}
	if known(f.Version) && known(e.Version) && f.Version != e.Version {
		e.add(name, ResultWarning, fmt.Sprintf("it is version %s, and this program is %s: the "+
			"rules may differ", f.Version, e.Version), "the same version for both")
	}
}

// known reports whether a version says anything: a build outside a checkout has none.
func known(version string) bool { return version != "" && version != "unknown" }
