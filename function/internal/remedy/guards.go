package remedy

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// ruling collects what the rules say: every rule leaves a finding, and the first refusal is the reason.
type ruling struct {
	p        *Policy
	f        *Facts
	findings []Finding
	reason   Reason // of the first refusal; empty: none so far
	why      string
	blind    string // what could not be read just now, if anything
}

func (r *ruling) pass(rule, saw string) {
	r.findings = append(r.findings, Finding{Rule: rule, OK: true, Saw: saw})
}

func (r *ruling) refuse(rule string, reason Reason, saw string) {
	r.findings = append(r.findings, Finding{Rule: rule, Saw: saw})
	if r.reason == "" {
		r.reason, r.why = reason, saw
	}
}

// unread refuses because of a source without a usable answer; only one that may have an answer soon is worth another try.
func (r *ruling) unread(rule string, failure Failure, missing Reason, note string) {
	if note == "" {
		note = string(failure)
	}
	switch failure {
	case FailureForbidden:
		r.refuse(rule, ReasonForbidden, note)
	case FailureMissing:
		r.refuse(rule, missing, note)
	case FailureUnavailable:
		r.findings = append(r.findings, Finding{Rule: rule, Saw: note})
		if r.blind == "" {
			r.blind = note
		}
	default:
		r.refuse(rule, ReasonUnreadable, note)
	}
}

// opening is the order of the guards that an alarm passes before an incident opens: the cheap ones first.
var opening = []struct {
	needs Source
	rule  func(*ruling)
}{
	{0, alarmRule}, {0, accountRule}, {0, timeRule}, {0, modeRule}, {0, windowRule},
	{SourceRecord, duplicateRule}, {SourceRecord, recoveryRule}, {SourceRecord, cooldownRule}, {SourceRecord, budgetRule},
	{SourceFleet, pauseRule}, {SourceFleet, fleetRule},
	{SourceInstance | SourceVitals | SourcePlatform, foundRule}, {SourceInstance, runningRule}, {SourceInstance, lockRule}, {SourceInstance, expiryRule},
	{SourceInstance, optInRule}, {SourcePlatform, platformRule}, {SourceVitals, heartbeatRule}, {SourceVitals, hangRule},
}

// live are the guards that are asked again before every further attempt of an open incident; whether the instance's status
// allows one depends on the attempts so far, see ladder.guard.
var live = []func(*ruling){lockRule, expiryRule, optInRule, platformRule}

// alarmRule: may this metric alarm rule, at this level, restart anything? Events have neither.
func alarmRule(r *ruling) {
	a := &r.f.Alarm
	if a.Event != "" {
		r.pass("alarm-rule", a.Event)
		return
	}
	if !matches(r.p.Rules, a.Name) {
		r.refuse("alarm-rule", ReasonRuleNotAllowed, "rule "+quoted(a.Name)+" is not in REMEDY_RULES")
		return
	}
	r.pass("alarm-rule", a.Name)
	switch {
	case slices.Contains(r.p.Levels, a.Level):
		r.pass("alarm-level", a.Level)
	case a.Level == "" && weak(*a):
		r.pass("alarm-level", "none: missing data has no level")
	default:
		r.refuse("alarm-level", ReasonRuleNotAllowed, "level "+quoted(a.Level)+" is not in REMEDY_LEVELS")
	}
}

func accountRule(r *ruling) {
	switch account := r.f.Alarm.Account; {
	case account == "":
		r.refuse("account", ReasonWrongAccount, "the alarm does not say whose instance it is")
	case account != r.f.Account:
		r.refuse("account", ReasonWrongAccount, "the alarm is about account "+account)
	default:
		r.pass("account", account)
	}
}

func timeRule(r *ruling) {
	a := &r.f.Alarm
	age := r.f.Now.Sub(a.Time)
	switch {
	case a.Time.IsZero():
		r.refuse("alarm-age", ReasonUnreadable, "the alarm has no time that can be read")
	case age < -MaxSkew:
		r.refuse("alarm-age", ReasonUnreadable, "the alarm's time is "+short(-age)+" in the future")
	case age > r.p.AlarmMaxAge:
		r.refuse("alarm-age", ReasonStaleAlarm, short(age)+" old, the limit is "+short(r.p.AlarmMaxAge))
	default:
		r.pass("alarm-age", short(age))
	}
}

func modeRule(r *ruling) {
	if r.p.off() {
		r.refuse("mode", ReasonPaused, "mode "+string(r.p.Mode))
		return
	}
	r.pass("mode", string(r.p.Mode))
}

func windowRule(r *ruling) {
	if len(r.p.Windows) == 0 {
		r.pass("window", "always open")
		return
	}
	for _, window := range r.p.Windows {
		if window.Open(r.f.Now) {
			r.pass("window", "open")
			return
		}
	}
	r.refuse("window", ReasonOutsideWindow, "no window of REMEDY_WINDOWS is open")
}

func duplicateRule(r *ruling) {
	if _, known := r.f.Record.Value.Keys[r.f.Alarm.Key]; known {
		r.refuse("duplicate", ReasonDuplicateAlarm, "this alarm opened an incident that has ended")
		return
	}
	r.pass("duplicate", "a new alarm")
}

// recoveryRule: an alarm from before the last recovery is about a hang that is over. Some alarms have their time to the second.
func recoveryRule(r *ruling) {
	recovered := r.f.Record.Value.recovered().Truncate(time.Second)
	switch {
	case recovered.IsZero():
		r.pass("last-recovery", "none known")
	case r.f.Alarm.Time.Before(recovered):
		r.refuse("last-recovery", ReasonStaleAlarm, "the instance recovered at "+stamp(recovered)+", after this alarm")
	default:
		r.pass("last-recovery", stamp(recovered))
	}
}

func cooldownRule(r *ruling) {
	ended := r.f.Record.Value.lastEnd()
	until := ended.Add(r.p.Cooldown)
	switch {
	case ended.IsZero():
		r.pass("cool-down", "no incident before")
	case r.f.Now.Before(until):
		r.refuse("cool-down", ReasonCoolingDown, "its last incident ended at "+stamp(ended)+"; left alone until "+stamp(until))
	default:
		r.pass("cool-down", "over since "+stamp(until))
	}
}

func budgetRule(r *ruling) {
	spent := r.f.Record.Value.Spent(r.f.Now.Add(-r.p.IncidentWindow))
	saw := strconv.Itoa(spent) + " of " + strconv.Itoa(r.p.MaxIncidents)
	if spent >= r.p.MaxIncidents {
		r.refuse("incidents", ReasonIncidentsSpent, saw+" within "+short(r.p.IncidentWindow)+": a human is needed")
		return
	}
	r.pass("incidents", saw)
}

func pauseRule(r *ruling) {
	if !r.f.Fleet.OK() {
		r.unread("pause", r.f.Fleet.Failure, ReasonUnreadable, "the ledger: "+r.f.Fleet.Note)
		return
	}
	if pause := r.f.Fleet.Value.Paused; pause.On(r.f.Now) {
		r.refuse("pause", ReasonPaused, pause.Reason)
		return
	}
	r.pass("pause", "none")
}

func fleetRule(r *ruling) {
	if !r.f.Fleet.OK() {
		return // pauseRule said so
	}
	// Its record was read a moment ago and did not show this incident: another invocation is opening it right now.
	if slot, opening := r.f.Fleet.Value.Opening(*r.p, r.f.Record.Value, r.f.Alarm.Instance, r.f.Now); opening {
		r.refuse("fleet", ReasonInProgress, "incident "+slot.Incident+" is being opened")
		return
	}
	reason, saw := r.f.Fleet.Value.Full(*r.p, r.f.Now)
	if reason != "" {
		r.refuse("fleet", reason, saw)
		return
	}
	r.pass("fleet", saw)
}

// foundRule: is exactly this instance there?
func foundRule(r *ruling) {
	if m := &r.f.Machine; !m.OK() {
		r.unread("found", m.Failure, ReasonNotFound, m.Note)
		return
	}
	r.pass("found", r.f.Machine.Value.Name)
}

func runningRule(r *ruling) {
	if !r.f.Machine.OK() {
		return // foundRule said so, here and in the rules below
	}
	if status := r.f.Machine.Value.Status; status != "Running" {
		r.refuse("running", ReasonNotRunning, status)
		return
	}
	r.pass("running", "Running")
}

// lockRule: any lock refuses, those that we have no name for included (ECS API document "API behavior when an instance is
// locked", 25695).
func lockRule(r *ruling) {
	if !r.f.Machine.OK() {
		return
	}
	m := &r.f.Machine.Value
	if !m.LocksKnown {
		r.refuse("security-lock", ReasonUnreadable, "OperationLocks is missing or malformed")
		return
	}
	security, other := "no locks", "no locks"
	for _, lock := range m.Locks {
		if strings.EqualFold(strings.TrimSpace(lock), "security") {
			security = lock
		} else {
			other = quoted(lock)
		}
	}
	if security != "no locks" {
		r.refuse("security-lock", ReasonSecurityLocked, security)
	} else {
		r.pass("security-lock", security)
	}
	if other != "no locks" {
		r.refuse("other-lock", ReasonLocked, other)
	} else {
		r.pass("other-lock", other)
	}
}

// expiryRule: a subscription that has run out. Pay-as-you-go instances carry a date in 2099, which means nothing.
func expiryRule(r *ruling) {
	if !r.f.Machine.OK() {
		return
	}
	m := &r.f.Machine.Value
	switch {
	case m.ChargeType == "PostPaid":
		r.pass("expiry", "PostPaid")
	case m.ChargeType != "PrePaid":
		r.refuse("expiry", ReasonUnreadable, "charge type "+quoted(m.ChargeType))
	case m.ExpiredTime.IsZero():
		r.refuse("expiry", ReasonUnreadable, "PrePaid without an ExpiredTime that can be read")
	case !r.f.Machine.clockAgrees():
		r.refuse("expiry", ReasonUnreadable, clockDispute)
	case !r.f.Machine.Date.Before(m.ExpiredTime):
		r.refuse("expiry", ReasonExpired, "since "+stamp(m.ExpiredTime))
	default:
		r.pass("expiry", "PrePaid until "+stamp(m.ExpiredTime))
	}
}

const clockDispute = "ECS's clock is unknown or more than 2 minutes away from ours"

// granted is how far the instance's owner lets us go, by its tags as just read.
func (p *Policy) granted(m *Instance) (Grant, string) {
	value, tagged := m.Tags[p.OptInTag]
	switch {
	case !tagged && p.Untagged != GrantNone:
		return p.Untagged, "no tag " + p.OptInTag + "; untagged instances get " + string(p.Untagged)
	case !tagged:
		return GrantNone, "no tag " + p.OptInTag
	case value == string(GrantGraceful):
		return GrantGraceful, value
	case value == string(GrantFull):
		return GrantFull, value
	}
	return GrantNone, p.OptInTag + "=" + quoted(value)
}

func optInRule(r *ruling) {
	if !r.f.Machine.OK() {
		return
	}
	grant, saw := r.p.granted(&r.f.Machine.Value)
	if grant == GrantNone {
		r.refuse("opt-in", ReasonNotOptedIn, saw)
		return
	}
	r.pass("opt-in", saw)
}

// platformSoon is how long before a planned action of the platform the instance is left to it.
const platformSoon = 30 * time.Minute

// platformRule: is the platform itself restarting, moving or repairing the instance, or about to? "You cannot manually restart
// an instance while automatic recovery is in process" (ECS help "Automatic recovery events of instances").
func platformRule(r *ruling) {
	events := &r.f.Events
	if !events.OK() {
		r.unread("platform", events.Failure, ReasonUnreadable, events.Note)
		return
	}
	for i := range events.Value {
		e := &events.Value[i]
		if curesType(e.Type) {
			continue // the reason that we are here
		}
		if e.Status == "Executing" {
			r.refuse("platform", ReasonPlatformActing, e.Type+" is under way")
			return
		}
		if (e.Status != "Scheduled" && e.Status != "Inquiring") || !planned(e.Type) {
			continue
		}
		switch {
		case e.NotBefore.IsZero():
			r.refuse("platform", ReasonPlatformActing, e.Type+" is announced for an unknown time")
			return
		case !events.clockAgrees():
			r.refuse("platform", ReasonUnreadable, clockDispute)
			return
		case e.NotBefore.Sub(events.Date) <= platformSoon:
			r.refuse("platform", ReasonPlatformActing, e.Type+" is announced for "+stamp(e.NotBefore))
			return
		}
	}
	r.pass("platform", "nothing under way")
}

// planned reports whether the platform announces events of this type before it acts.
func planned(eventType string) bool {
	return eventType == "InstanceFailure.Reboot" || strings.HasPrefix(eventType, "SystemFailure.") ||
		strings.HasPrefix(eventType, "SystemMaintenance.")
}

// pulse is what the guest's heartbeat says.
type pulse uint8

const (
	pulseUnheard   pulse = iota // Cloud Assistant never reported
	pulseSilent                 // it did, but not lately
	pulseBeating                // it did just now: the guest does not hang
	pulseUnsettled              // no telling
)

// pulse compares the heartbeat with ECS's own clock (ECS API document DescribeCloudAssistantStatus: one every minute).
func (f *Facts) pulse(p *Policy) (pulse, string) {
	v := &f.Vitals
	if !v.OK() {
		return pulseUnsettled, v.Note
	}
	if v.Value.Heartbeat.IsZero() {
		return pulseUnheard, "Cloud Assistant never reported"
	}
	age := v.Date.Sub(v.Value.Heartbeat)
	switch {
	case !v.clockAgrees():
		return pulseUnsettled, clockDispute
	case age < -MaxSkew:
		return pulseUnsettled, "the last heartbeat is " + short(-age) + " in the future"
	case age < p.HeartbeatFresh:
		return pulseBeating, "last heartbeat " + short(age) + " ago"
	}
	return pulseSilent, "last heartbeat " + short(age) + " ago"
}

func heartbeatRule(r *ruling) {
	state, saw := r.f.pulse(r.p)
	switch {
	case !r.p.SecondCheck:
		r.pass("heartbeat", "not asked (REMEDY_SECOND_CHECK=none)")
	case state == pulseBeating:
		r.refuse("heartbeat", ReasonGuestAlive, saw)
	case state == pulseUnsettled && !r.f.Vitals.OK():
		r.unread("heartbeat", r.f.Vitals.Failure, ReasonUnreadable, saw)
	case state == pulseUnsettled:
		r.refuse("heartbeat", ReasonUnreadable, saw)
	default:
		r.pass("heartbeat", saw)
	}
}

// hangRule: a weak alarm needs a second signal, and an agent that never reported cannot fall silent.
func hangRule(r *ruling) {
	if !weak(r.f.Alarm) || !r.p.SecondCheck {
		return
	}
	switch state, saw := r.f.pulse(r.p); state {
	case pulseUnheard:
		r.refuse("hang", ReasonUnconfirmedHang, "the alarm is weak, and "+saw)
	case pulseSilent:
		r.pass("hang", saw)
	}
}

// Opening is the slot that another invocation has reserved for an incident of the instance which the instance's record does not
// show yet, if the reservation still runs.
func (fl Fleet) Opening(p Policy, record Record, instance string, now time.Time) (Slot, bool) {
	for _, slot := range fl.Open {
		if slot.Instance == instance && now.Before(p.Takeover(slot.LeaseUntil)) && !record.Ended(slot.Incident) {
			return slot, true
		}
	}
	return Slot{}, false
}

// Full says which limit of the fleet leaves no room for another incident, if any, and what it rests on. A slot that is past
// the incident limit no longer counts: whoever meets its incident settles it.
func (fl Fleet) Full(p Policy, now time.Time) (Reason, string) {
	busy := 0
	for _, slot := range fl.Open {
		if now.Before(slot.OpenedAt.Add(p.IncidentLimit)) {
			busy++
		}
	}
	begun := 0
	for _, b := range fl.Begun {
		if now.Sub(b.At) < time.Hour {
			begun++
		}
	}
	saw := strconv.Itoa(busy) + " of " + strconv.Itoa(p.FleetConcurrent) + " under way, " +
		strconv.Itoa(begun) + " of " + strconv.Itoa(p.FleetHourly) + " within the hour"
	switch {
	case busy >= p.FleetConcurrent:
		return ReasonFleetConcurrent, saw
	case begun >= p.FleetHourly:
		return ReasonFleetHourly, saw
	}
	return "", saw
}

// recovered is when the instance last recovered by our doing; zero: not known to have.
func (r *Record) recovered() time.Time {
	var last time.Time
	for i := range r.Recent {
		if e := &r.Recent[i]; e.Verdict == VerdictRestarted && e.EndedAt.After(last) {
			last = e.EndedAt
		}
	}
	return last
}

// lastEnd is when the instance's last incident ended; zero: there was none. A reset incident does not count.
func (r *Record) lastEnd() time.Time {
	var last time.Time
	for i := range r.Recent {
		if e := &r.Recent[i]; !e.Forgiven && e.EndedAt.After(last) {
			last = e.EndedAt
		}
	}
	return last
}

// Spent counts the instance's incidents that opened after the given time. A reset incident does not count.
func (r *Record) Spent(since time.Time) int {
	n := 0
	for i := range r.Recent {
		if e := &r.Recent[i]; !e.Forgiven && e.OpenedAt.After(since) {
			n++
		}
	}
	return n
}

// quoted is text from outside, marked as such and kept short.
func quoted(s string) string {
	if len(s) > 80 {
		s = s[:80]
	}
	return strconv.Quote(s)
}

// short is a duration to the second: "14m59s". Less than a second is given to the millisecond.
func short(d time.Duration) string {
	if d.Abs() < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// stamp is a time to the second.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
