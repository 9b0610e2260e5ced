package remedy

import (
	"path"
	"strings"
	"time"
)

// Mode says how far the program may go.
type Mode string

// The modes, as REMEDY_MODE spells them.
const (
	ModeEnforce Mode = "enforce" // reboots
	ModeObserve Mode = "observe" // decides, rehearses with DryRun, reboots nothing
	ModeOff     Mode = "off"     // refuses everything as paused
)

// Grant is how far an instance's owner lets the ladder go.
type Grant string

// The grants, as the opt-in tag and REMEDY_UNTAGGED spell them. The zero Grant grants nothing.
const (
	GrantNone     Grant = ""
	GrantGraceful Grant = "graceful" // never force
	GrantFull     Grant = "true"     // the whole ladder
)

// Book says whose records an incident stands in: observe mode keeps its own, so that a rehearsal
// never blocks the real thing.
type Book string

// The books. The strings begin the ledger's keys.
const (
	BookEnforce Book = ""
	BookObserve Book = "observe/"
)

// Book is where the mode keeps its records.
func (p Policy) Book() Book {
	if p.Mode == ModeObserve {
		return BookObserve
	}
	return BookEnforce
}

// Policy is what the operator allows. Every field has the meaning of the environment variable that
// README.md lists under the same name; durations and counts are positive. The current policy
// applies to incidents that are resumed.
type Policy struct {
	Mode            Mode
	Force           bool   // false: no instance is ever forced
	OptInTag        string // key of the instance tag whose value is a Grant
	Untagged        Grant  // what an instance without the tag gets
	Metrics         []string
	Rules           []string // globs over names of metric alarm rules
	Levels          []string
	SecondCheck     bool // heartbeats of Cloud Assistant count
	HeartbeatFresh  time.Duration
	AlarmMaxAge     time.Duration
	AttemptTimeout  time.Duration
	BootGrace       time.Duration
	MaxAttempts     int
	IncidentLimit   time.Duration
	Poll            time.Duration
	Lease           time.Duration
	Cooldown        time.Duration
	MaxIncidents    int
	IncidentWindow  time.Duration
	FleetConcurrent int
	FleetHourly     int
	FleetWaiting    int      // alarms that wait for a slot; 0: none does
	Windows         []Window // none: always

	EvidenceLimit time.Duration // evidence delays an attempt no longer than this; 0: none is kept
}

// off reports whether the mode refuses everything.
func (p *Policy) off() bool { return p.Mode != ModeEnforce && p.Mode != ModeObserve }

// CallLimit is the longest that one call to ECS or to the ledger may take, so that a lease cannot
// run out unnoticed in one. A claim may be sent for as long, and a reading may be as old at a
// claim.
func (p Policy) CallLimit() time.Duration { return min(10*time.Second, p.Lease/3) }

// Gap is the longest pause between two readings of an instance that still counts as having watched
// it all the time.
func (p Policy) Gap() time.Duration { return max(3*p.Poll, 30*time.Second) }

// Takeover is when an incident whose lease ends at leaseUntil may be taken over: a tenth of a lease
// later, so that two clocks that disagree a little do not make two owners.
func (p Policy) Takeover(leaseUntil time.Time) time.Time { return leaseUntil.Add(p.Lease / 10) }

// absurd reports whether a lease ends later than any that is written now could: no clock of ours
// wrote it, and it holds nothing.
func (p *Policy) absurd(leaseUntil, now time.Time) bool {
	return leaseUntil.After(now.Add(p.Lease + MaxSkew))
}

// retryAfter is how long nothing is written after a write whose fate is not known.
func (p *Policy) retryAfter() time.Duration { return p.Lease / 10 }

// newLease is the lease of an owner that is alive at the given time.
func (p *Policy) newLease(now time.Time) time.Time { return now.Add(p.Lease).UTC() }

// longest is how long an incident can be under way: its last attempt may be claimed at the
// incident's limit, takes its time, and the guest has the boot grace to report.
func (p *Policy) longest() time.Duration {
	return p.IncidentLimit + p.AttemptTimeout + p.BootGrace
}

// Retention is how long an incident that has ended counts for anything.
func (p Policy) Retention() time.Duration { return max(p.KeyRetention(), p.Cooldown) }

// KeyRetention is how long the key of an alarm that opened an incident is remembered.
func (p Policy) KeyRetention() time.Duration { return max(24*time.Hour, p.IncidentWindow) }

// matches reports whether the name matches one of the globs ("*", "?", "[a-z]"); "*" matches any
// text, slashes included.
func matches(globs []string, name string) bool {
	for _, glob := range globs {
		if ok, _ := path.Match(withoutSlash(glob), withoutSlash(name)); ok {
			return true
		}
	}
	return false
}

// withoutSlash hides slashes from path.Match, to which they are separators: a rule's name is plain
// text.
func withoutSlash(s string) string { return strings.ReplaceAll(s, "/", "\x00") }

// Window is a weekly span of wall-clock time in which incidents may open. From and To are minutes
// after midnight, From inclusive and To exclusive, 0 to 1440. A window whose To is not after From
// ends on the day after the one it begins on.
type Window struct {
	Days     [7]bool // by time.Weekday
	From, To int
	Location *time.Location
}

// Open reports whether t lies in the window. One without a Location is never open.
func (w Window) Open(t time.Time) bool {
	if w.Location == nil {
		return false
	}
	local := t.In(w.Location)
	minute := local.Hour()*60 + local.Minute()
	today := local.Weekday()
	yesterday := (today + 6) % 7
	if w.From < w.To {
		return w.Days[today] && w.From <= minute && minute < w.To
	}
	return w.Days[today] && w.From <= minute || w.Days[yesterday] && minute < w.To
}
