package doctor

import (
	"fmt"
	"strconv"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Function is what a ledger tells of the function that writes there: what it last said of itself.
type Function struct {
	Seen bool `json:"seen"` // false: no function ever wrote there; nothing else is meaningful
	// At is when it was last seen, and Ago how long before it was asked.
	At      time.Time   `json:"at,omitzero"`
	Ago     string      `json:"ago"`
	Mode    remedy.Mode `json:"mode"`
	Version string      `json:"version"` // the code's short hash
	Open    int         `json:"open"`    // incidents that were under way when its sweep began
	Waiting int         `json:"waiting"` // alarms that waited for a slot when its sweep began
	// Old: its sweep should have come since. AheadOfTime: no sweep can have come yet.
	Old         bool `json:"old"`
	AheadOfTime bool `json:"aheadOfTime"`
	// Also is the sign of a function in the other mode, where it is neither old nor ahead.
	Also *Function `json:"also,omitempty"`
	// Problem says why what stands there cannot be read; then nothing else is known.
	Problem string `json:"problem,omitempty"`
}

// Silent is how old a sign of life can be: the sweep comes once a minute (template.yml's timer),
// and one or two may be missed.
const Silent = 3 * time.Minute

// LastSeen tells the newest of the signs, as of the given time. Each mode keeps a sign of its own,
// and whichever is newer is the function's. A sign that cannot be read counts where there is no
// other.
func LastSeen(now time.Time, signs ...remedy.Reading[remedy.Sign]) Function {
	var newest, other Function
	for _, reading := range signs {
		f := Function{Seen: true}
		switch sign := reading.Value; {
		case !reading.OK():
			f.Problem = reading.Note
		case sign.Revision == 0:
			continue
		default:
			age := now.Sub(sign.At)
			f = Function{Seen: true, At: sign.At, Ago: ago(age), Mode: sign.Mode,
				Version: sign.Version, Open: sign.Open, Waiting: sign.Waiting, Old: age > Silent,
				AheadOfTime: -age > remedy.MaxSkew}
		}
		if !newest.Seen || f.At.After(newest.At) {
			newest, f = f, newest
		}
		other = f
	}
	if other.Seen && !other.Old && !other.AheadOfTime && other.Problem == "" {
		newest.Also = &other
	}
	return newest
}

// String says it in one line, such as "function last seen 20 s ago: enforce, version 213c343".
func (f *Function) String() string {
	switch {
	case !f.Seen:
		return "NO FUNCTION EVER WROTE TO THIS LEDGER"
	case f.Problem != "":
		return "THE FUNCTION'S SIGN OF LIFE CANNOT BE READ: " + f.Problem
	}
	text := "function last seen " + f.Ago + ": " + f.Said()
	if f.Also != nil {
		text += "; and " + f.Also.Ago + ": " + f.Also.Said()
	}
	return text
}

// Said is what it said of itself, such as "enforce, version 213c343; its sweep began with 2
// incidents open": the sweep writes that first, and what it then did is not in it.
func (f *Function) Said() string {
	said, joint := fmt.Sprintf("%s, version %s", f.Mode, f.Version), "; its sweep began with "
	for _, n := range []struct {
		count     int
		one, many string
	}{{f.Open, "incident open", "incidents open"}, {f.Waiting, "alarm waiting", "alarms waiting"}} {
		switch {
		case n.count == 1:
			said += joint + "1 " + n.one
		case n.count > 1:
			said += joint + strconv.Itoa(n.count) + " " + n.many
		default:
			continue
		}
		joint = ", "
	}
	return said
}

// Rewrite puts what stood in the ledger through change: anybody could have written it there.
func (f *Function) Rewrite(change func(string) string) {
	for ; f != nil; f = f.Also {
		f.Mode = remedy.Mode(change(string(f.Mode)))
		f.Version, f.Problem = change(f.Version), change(f.Problem)
	}
}

// ago is how long something is past. What is to come is said to be, where two clocks that agree
// could not say so.
func ago(d time.Duration) string {
	if d < -remedy.MaxSkew {
		return Span(-d) + " from now"
	}
	return Span(d) + " ago" // less than nothing is the difference of two clocks
}

// Span is a length of time as one says it: to the second below two minutes, to the minute below two
// hours, and so on.
func Span(d time.Duration) string {
	switch d = max(d, 0).Round(time.Second); {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d days", d/(24*time.Hour))
}

// alive says what the function's sign of life means for this environment.
func (e *examination) alive(f *Function) {
	const name = "function"
	e.report.Function = f
	if !f.Seen {
		e.add(name, ResultFinding, "no function ever wrote to this ledger: it is another one's, "+
			"or the function was never deployed, or its timer does not come",
			"REMEDY_LEDGER as the function has it, or deploy it: remedy package prints the "+
				"commands")
		return
	}
	switch {
	case f.Old:
		e.add(name, ResultFinding, "last seen "+f.Ago+", and its timer comes once a minute: "+
			"alarms are not handled, or it writes to another ledger",
			"the function's log and its timer in the Function Compute console")
	case f.AheadOfTime:
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
