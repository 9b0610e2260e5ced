package remedy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/events"
)

// Rule names a guard in findings. The strings are part of the program's output.
type Rule string

// The rules, in the order in which an alarm meets them.
const (
	RuleAlarmRule    Rule = "alarm-rule"
	RuleAlarmLevel   Rule = "alarm-level"
	RuleAccount      Rule = "account"
	RuleAlarmAge     Rule = "alarm-age"
	RuleMode         Rule = "mode"
	RuleWindow       Rule = "window"
	RuleDuplicate    Rule = "duplicate"
	RuleLastRecovery Rule = "last-recovery"
	RuleCoolDown     Rule = "cool-down"
	RuleIncidents    Rule = "incidents"
	RulePause        Rule = "pause"
	RuleFleet        Rule = "fleet"
	RuleFound        Rule = "found"
	RuleRunning      Rule = "running"
	RuleSecurityLock Rule = "security-lock"
	RuleOtherLock    Rule = "other-lock"
	RuleExpiry       Rule = "expiry"
	RuleOptIn        Rule = "opt-in"
	RulePlatform     Rule = "platform"
	RuleHeartbeat    Rule = "heartbeat"
	RuleHang         Rule = "hang"
	RuleForce        Rule = "force"
	RuleEvidence     Rule = "evidence" // what was kept; it forbids nothing
)

// ruling collects what the rules say: every rule leaves a finding, and the first refusal is the
// reason.
type ruling struct {
	p        *Policy
	f        *Facts
	findings []Finding
	reason   Reason // of the first refusal; empty: none so far
	why      string
	blind    string // what could not be read just now, if anything
	waits    bool   // every slot is taken, and the alarm waits for one
}

func (r *ruling) pass(rule Rule, saw string) {
	r.findings = append(r.findings, Finding{Rule: rule, OK: true, Saw: saw})
}

func (r *ruling) refuse(rule Rule, reason Reason, saw string) {
	r.findings = append(r.findings, Finding{Rule: rule, Saw: saw})
	if r.reason == "" {
		r.reason, r.why = reason, saw
	}
}

// unread refuses because of a source without a usable answer; only one that may have an answer soon
// is worth another try.
func (r *ruling) unread(rule Rule, failure Failure, missing Reason, note string) {
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

// guard is a rule and the sources that it needs.
type guard struct {
	needs Source
	rule  func(*ruling)
}

// opening is the order of the guards that an alarm passes before an incident opens: the cheap ones
// first. All that ECS says is read at once.
var opening = slices.Concat(untilECS, []guard{
	{sourceGuards, foundRule}}, afterFound, []guard{
	{SourcePlatform | SourceVitals, platformRule},
	{SourceVitals, heartbeatRule}, {SourceVitals, hangRule},
})

// openingOfCrowd is the order for one of many instances of an event: what one call tells of a
// hundred comes first, and the platform's events, which are a call for each, only where all the
// rest agrees.
var openingOfCrowd = slices.Concat(untilECS, []guard{
	{SourceInstance, foundRule}}, afterFound, []guard{
	{SourceVitals, heartbeatRule}, {SourceVitals, hangRule},
	{SourcePlatform | SourceVitals, platformRule},
})

var untilECS = []guard{
	{0, alarmRule}, {0, accountRule}, {0, timeRule}, {0, modeRule}, {0, windowRule},
	{SourceRecord, duplicateRule}, {SourceRecord, recoveryRule}, {SourceRecord, cooldownRule},
	{SourceRecord, budgetRule}, {SourceFleet, pauseRule}, {SourceFleet, fleetRule},
}

var afterFound = []guard{
	{SourceInstance, runningRule}, {SourceInstance, lockRule}, {SourceInstance, expiryRule},
	{SourceInstance, optInRule},
}

// live are the guards that are asked again before every attempt of an open incident; whether the
// instance's status allows one depends on the attempts so far, see mayReboot.
var live = []func(*ruling){lockRule, expiryRule, optInRule, platformRule}

// alarmRule: may this metric alarm rule, at this level, restart anything? Events have neither.
func alarmRule(r *ruling) {
	a := &r.f.Alarm
	if a.Event != "" {
		r.pass(RuleAlarmRule, a.Event)
		return
	}
	if !matches(r.p.Rules, a.Name) {
		r.refuse(
			RuleAlarmRule,
			ReasonRuleNotAllowed,
			"rule "+quoted(a.Name)+" is not in REMEDY_RULES",
		)
		return
	}
	r.pass(RuleAlarmRule, a.Name)
	switch {
	case a.State == events.StateInsufficientData:
		r.pass(RuleAlarmLevel, "not asked: missing data has no level")
	case slices.Contains(r.p.Levels, a.Level):
		r.pass(RuleAlarmLevel, a.Level)
	default:
		r.refuse(
			RuleAlarmLevel,
			ReasonRuleNotAllowed,
			"level "+quoted(a.Level)+" is not in REMEDY_LEVELS",
		)
	}
}

func accountRule(r *ruling) {
	switch account := r.f.Alarm.Account; {
	case account == "":
		r.refuse(RuleAccount, ReasonWrongAccount, unowned(&r.f.Alarm))
	case account != r.f.Account:
		r.refuse(RuleAccount, ReasonWrongAccount, "the alarm is about account "+account)
	default:
		r.pass(RuleAccount, account)
	}
}

// unowned says why an alarm has no account.
func unowned(a *events.Alarm) string {
	if _, two, disagree := strings.Cut(a.Note, events.TwoAccounts); disagree {
		return "the alarm names two accounts: " + two
	}
	return "the alarm does not say whose instance it is"
}

func timeRule(r *ruling) {
	a := &r.f.Alarm
	age := r.f.Now.Sub(a.Time)
	switch {
	case a.Time.IsZero():
		r.refuse(RuleAlarmAge, ReasonUnreadable, "the alarm has no time that can be read")
	case age < -MaxSkew:
		r.refuse(
			RuleAlarmAge,
			ReasonUnreadable,
			"the alarm's time is "+Age(-age)+" in the future",
		)
	case age > r.p.AlarmMaxAge:
		r.refuse(
			RuleAlarmAge,
			ReasonStaleAlarm,
			Age(age)+" old, the limit is "+short(r.p.AlarmMaxAge),
		)
	default:
		r.pass(RuleAlarmAge, Age(age))
	}
}

func modeRule(r *ruling) {
	if r.p.off() {
		r.refuse(RuleMode, ReasonPaused, "mode "+string(r.p.Mode))
		return
	}
	r.pass(RuleMode, string(r.p.Mode))
}

func windowRule(r *ruling) {
	if len(r.p.Windows) == 0 {
		r.pass(RuleWindow, "always open")
		return
	}
	for _, window := range r.p.Windows {
		if window.Open(r.f.Now) {
			r.pass(RuleWindow, "open")
			return
		}
	}
	r.refuse(RuleWindow, ReasonOutsideWindow, "no window of REMEDY_WINDOWS is open")
}

func duplicateRule(r *ruling) {
	if _, known := r.f.Record.Value.Keys[r.f.Alarm.Key]; known {
		r.refuse(
			RuleDuplicate,
			ReasonDuplicateAlarm,
			"this alarm opened an incident that has ended",
		)
		return
	}
	r.pass(RuleDuplicate, "a new alarm")
}

// recoveryRule: an alarm from before the last recovery is about a hang that is over. Some alarms
// have their time to the second.
func recoveryRule(r *ruling) {
	recovered := r.f.Record.Value.recovered().Truncate(time.Second)
	switch {
	case recovered.IsZero():
		r.pass(RuleLastRecovery, "none known")
	case r.f.Alarm.Time.Before(recovered):
		r.refuse(
			RuleLastRecovery,
			ReasonStaleAlarm,
			"the instance recovered at "+stamp(recovered)+", after this alarm",
		)
	default:
		r.pass(RuleLastRecovery, stamp(recovered))
	}
}

func cooldownRule(r *ruling) {
	ended := r.f.Record.Value.lastEnd()
	until := ended.Add(r.p.Cooldown)
	switch {
	case ended.IsZero():
		r.pass(RuleCoolDown, "no incident before")
	case r.f.Now.Before(until):
		r.refuse(
			RuleCoolDown,
			ReasonCoolingDown,
			"its last incident ended at "+stamp(ended)+"; left alone until "+stamp(until),
		)
	default:
		r.pass(RuleCoolDown, "over since "+stamp(until))
	}
}

func budgetRule(r *ruling) {
	spent := r.f.Record.Value.Spent(r.f.Now.Add(-r.p.IncidentWindow))
	saw := strconv.Itoa(spent) + " of " + strconv.Itoa(r.p.MaxIncidents)
	if spent >= r.p.MaxIncidents {
		r.refuse(
			RuleIncidents,
			ReasonIncidentsSpent,
			saw+" within "+short(r.p.IncidentWindow)+": a human is needed",
		)
		return
	}
	r.pass(RuleIncidents, saw)
}

func pauseRule(r *ruling) {
	if !r.f.Fleet.OK() {
		r.unread(RulePause, r.f.Fleet.Failure, ReasonUnreadable, "the ledger: "+r.f.Fleet.Note)
		return
	}
	if r.f.Sign.Read() && !r.f.Sign.OK() {
		r.unread(RulePause, r.f.Sign.Failure, ReasonUnreadable, "the ledger: "+r.f.Sign.Note)
		return
	}
	if why, lost := r.f.lostFleet(); lost {
		r.refuse(RulePause, ReasonUnreadable, why)
		return
	}
	if pause := r.f.Fleet.Value.Paused; pause.On(r.f.Now) {
		r.refuse(RulePause, ReasonPaused, pause.Reason)
		return
	}
	r.pass(RulePause, "none")
}

func fleetRule(r *ruling) {
	if !r.f.Fleet.OK() {
		return // pauseRule said so
	}
	fleet := &r.f.Fleet.Value
	full, saw := fleet.Full(*r.p, r.f.Now)
	w := r.f.waiter()
	if full == "" && r.f.Waiter == nil && !fleet.admits(&w, r.p, r.f.Now) {
		saw += promised
	}
	switch {
	case full == ReasonFleetHourly:
		r.refuse(RuleFleet, full, saw)
	case full == "" && (r.f.Waiter != nil || fleet.admits(&w, r.p, r.f.Now)):
		r.pass(RuleFleet, saw)
	case r.p.Mode != ModeEnforce || r.f.Waiter == nil && len(fleet.Waiting) >= r.p.FleetWaiting:
		r.refuse(RuleFleet, ReasonFleetConcurrent, saw)
	default:
		if _, fits := w.cut(); !fits && r.f.Waiter == nil {
			r.refuse(RuleFleet, ReasonFleetConcurrent, saw+"; "+tooLong)
			return
		}
		r.findings = append(r.findings, Finding{Rule: RuleFleet, Saw: saw})
		r.waits = true
	}
}

// foundRule: is exactly this instance there?
func foundRule(r *ruling) {
	if m := &r.f.Instance; !m.OK() {
		r.unread(RuleFound, m.Failure, ReasonNotFound, m.Note)
		return
	}
	r.pass(RuleFound, r.f.Instance.Value.Name)
}

func runningRule(r *ruling) {
	if !r.f.Instance.OK() {
		return // foundRule said so, here and in the rules below
	}
	if status := r.f.Instance.Value.Status; status != "Running" {
		r.refuse(RuleRunning, ReasonNotRunning, status)
		return
	}
	r.pass(RuleRunning, "Running")
}

// lockRule: any lock refuses, those that we have no name for included (ECS API document "API
// behavior when an instance is locked", 25695).
func lockRule(r *ruling) {
	if !r.f.Instance.OK() {
		return
	}
	m := &r.f.Instance.Value
	if !m.LocksKnown {
		r.refuse(RuleSecurityLock, ReasonUnreadable, "OperationLocks is missing or malformed")
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
		r.refuse(RuleSecurityLock, ReasonSecurityLocked, security)
	} else {
		r.pass(RuleSecurityLock, security)
	}
	if other != "no locks" {
		r.refuse(RuleOtherLock, ReasonLocked, other)
	} else {
		r.pass(RuleOtherLock, other)
	}
}

// expiryRule: a subscription that has run out. Pay-as-you-go instances carry a date in 2099, which
// means nothing.
func expiryRule(r *ruling) {
	if !r.f.Instance.OK() {
		return
	}
	m := &r.f.Instance.Value
	switch {
	case m.ChargeType == "PostPaid":
		r.pass(RuleExpiry, "PostPaid")
	case m.ChargeType != "PrePaid":
		r.refuse(RuleExpiry, ReasonUnreadable, "charge type "+quoted(m.ChargeType))
	case m.ExpiredTime.IsZero():
		r.refuse(RuleExpiry, ReasonUnreadable, "PrePaid without an ExpiredTime that can be read")
	case !r.f.Instance.clockAgrees():
		r.refuse(RuleExpiry, ReasonUnreadable, clockDispute)
	case !r.f.Instance.Date.Before(m.ExpiredTime):
		r.refuse(RuleExpiry, ReasonExpired, "since "+stamp(m.ExpiredTime))
	default:
		r.pass(RuleExpiry, "PrePaid until "+stamp(m.ExpiredTime))
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
	if !r.f.Instance.OK() {
		return
	}
	grant, saw := r.p.granted(&r.f.Instance.Value)
	if grant == GrantNone {
		r.refuse(RuleOptIn, ReasonNotOptedIn, saw)
		return
	}
	r.pass(RuleOptIn, saw)
}

// platformSoon is how long before a planned action of the platform the instance is left to it.
const platformSoon = 30 * time.Minute

// platformRule: is the platform itself restarting, moving or repairing the instance, or about to?
// "You cannot manually restart an instance while automatic recovery is in process" (ECS help
// "Automatic recovery events of instances").
func platformRule(r *ruling) {
	platform := &r.f.Platform
	if !platform.OK() {
		r.unread(RulePlatform, platform.Failure, ReasonUnreadable, platform.Note)
		return
	}
	waits := "nothing under way"
	for i := range platform.Value {
		e := &platform.Value[i]
		switch {
		case e.Status != "Executing" && e.Status != "Scheduled" && e.Status != "Inquiring":
			// Only these are asked for. An answer with others is one to another question, and can
			// lack those under way (ECS API document DescribeInstanceHistoryEvents, which answers
			// with those that are over unless it is asked by status).
			r.refuse(RulePlatform, ReasonUnreadable,
				"an event in the status "+quoted(e.Status)+", which was not asked for")
			return
		case curesType(e.Type):
			continue // the reason that we are here
		case e.Status == "Executing":
			r.refuse(RulePlatform, ReasonPlatformActing, e.Type+" is under way")
			return
		case !planned(e.Type):
			continue
		case e.NotBefore.IsZero() && e.Status == "Inquiring":
			// The platform does nothing before its owner has answered (AcceptInquiredSystemEvent).
			waits = e.Type + " waits for its owner to accept or decline it"
		case e.NotBefore.IsZero():
			r.refuse(RulePlatform, ReasonPlatformActing, e.Type+" is announced for an unknown time")
			return
		case !platform.clockAgrees():
			r.refuse(RulePlatform, ReasonUnreadable, clockDispute)
			return
		case e.NotBefore.Sub(platform.Date) <= platformSoon:
			r.refuse(
				RulePlatform,
				ReasonPlatformActing,
				e.Type+" is announced for "+stamp(e.NotBefore),
			)
			return
		}
	}
	r.pass(RulePlatform, waits)
}

// planned reports whether the platform announces events of this type before it acts.
func planned(eventType string) bool {
	return eventType == "InstanceFailure.Reboot" ||
		strings.HasPrefix(eventType, "SystemFailure.") ||
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

// pulse compares the heartbeat with ECS's own clock (ECS API document DescribeCloudAssistantStatus:
// one every minute).
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
		return pulseUnsettled, "the last heartbeat is " + Age(-age) + " in the future"
	case age < p.HeartbeatFresh:
		return pulseBeating, "last heartbeat " + Age(age) + " ago"
	}
	return pulseSilent, "last heartbeat " + Age(age) + " ago"
}

func heartbeatRule(r *ruling) {
	state, saw := r.f.pulse(r.p)
	switch {
	case !r.p.SecondCheck:
		r.pass(RuleHeartbeat, "not asked (REMEDY_SECOND_CHECK=none)")
	case state == pulseBeating:
		r.refuse(RuleHeartbeat, ReasonGuestAlive, saw)
	case state == pulseUnsettled && !r.f.Vitals.OK():
		r.unread(RuleHeartbeat, r.f.Vitals.Failure, ReasonUnreadable, saw)
	case state == pulseUnsettled:
		r.refuse(RuleHeartbeat, ReasonUnreadable, saw)
	default:
		r.pass(RuleHeartbeat, saw)
	}
}

// hangRule: a weak alarm needs a second signal, and an agent that never reported cannot fall
// silent.
func hangRule(r *ruling) {
	if !weak(r.f.Alarm) || !r.p.SecondCheck {
		return
	}
	switch state, saw := r.f.pulse(r.p); state {
	case pulseUnheard:
		r.refuse(RuleHang, ReasonUnconfirmedHang, "the alarm is weak, and "+saw)
	case pulseSilent:
		r.pass(RuleHang, saw)
	}
}

// quoted is text from outside, marked as such and kept short.
func quoted(s string) string {
	return strconv.Quote(s[:min(len(s), 80)])
}

// short is a duration to the second: "14m59s". Less than ten seconds are given to the millisecond.
func short(d time.Duration) string {
	if d.Abs() < 10*time.Second {
		return d.Round(time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// Age is how long ago something was, in any language: "20m0s", and from two days on "2d" or
// "1107d4h".
func Age(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 2*day {
		return short(d)
	}
	text := strconv.Itoa(int(d/day)) + "d"
	if hours := int(d % day / time.Hour); hours > 0 {
		text += strconv.Itoa(hours) + "h"
	}
	return text
}

// stamp is a time to the second.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// forceRule: may the next attempt be forced? The tag is the one that was just read.
func forceRule(r *ruling, previous *Attempt) {
	grant, tag := r.p.granted(&r.f.Instance.Value)
	switch {
	case !r.p.Force:
		r.refuse(RuleForce, ReasonForceNotAllowed, "REMEDY_FORCE=never")
	case grant != GrantFull:
		if value, tagged := r.f.Instance.Value.Tags[r.p.OptInTag]; tagged && value == tag {
			tag = r.p.OptInTag + "=" + value // by itself it could be anything's value
		}
		r.refuse(RuleForce, ReasonForceNotAllowed, tag)
	case previous != nil && previous.Answer == AnswerRejected:
		r.pass(
			RuleForce,
			"a graceful attempt was accepted and left it Stopping, ECS refused the retry "+
				"for that, and both had their time",
		)
	default:
		r.pass(RuleForce, "two graceful attempts were accepted and seen to fail")
	}
}
