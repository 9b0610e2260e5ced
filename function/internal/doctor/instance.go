package doctor

import (
	"context"
	"strings"
	"sync/atomic"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// atOnce is how many instances are looked at side by side: few, for the account's calls are
// counted.
const atOnce = 4

// expiresSoon is how long before its end a subscription is worth a warning.
const expiresSoon = 14 * 24 * time.Hour

// fleet looks at instances.
func (e *examination) fleet(ctx context.Context, ids []string) {
	patients := make([]remedy.Facts, len(ids))
	var machines map[string]remedy.Reading[remedy.Instance]
	e.patiently(ctx, func() bool {
		machines = e.account.Machines(ctx, e.Region, ids)
		return unavailable(machines) != nil
	}, func() bool { return isThrottling(unavailable(machines).Code) })
	var vitals map[string]remedy.Reading[remedy.Vitals]
	e.patiently(ctx, func() bool {
		vitals = e.account.Heartbeats(ctx, e.Region, ids)
		return unavailable(vitals) != nil
	}, func() bool { return isThrottling(unavailable(vitals).Code) })
	step, end := func() {}, func() {}
	if e.Progress != nil {
		step, end = e.Progress(len(ids))
	}
	workers := min(atOnce, len(ids))
	if e.Scene != nil {
		workers = 1 // two runs then show the same, and virtual time costs nothing
	}
	var next atomic.Int64
	e.seams.Clock.Each(workers, func(int) {
		for {
			n := int(next.Add(1)) - 1
			if n >= len(ids) {
				return
			}
			f := &patients[n]
			*f = remedy.Facts{Region: e.Region, Instance: machines[ids[n]], Vitals: vitals[ids[n]]}
			e.look(ctx, ids[n], f)
			step()
		}
	})
	end()
	e.permissions(ids, patients)
	e.report.Totals = &Totals{Instances: len(ids)}
	for n := range patients {
		x := e.judge(ids[n], &patients[n])
		switch remedy.Grant(x.Gets) {
		case remedy.GrantFull:
			e.report.Totals.Whole++
		case remedy.GrantGraceful:
			e.report.Totals.Graceful++
		default:
			e.report.Totals.Nothing++
		}
		e.report.Instances = append(e.report.Instances, x)
	}
}

// unavailable is a reading that may be had later, if there is one.
func unavailable[T any](readings map[string]remedy.Reading[T]) *remedy.Reading[T] {
	for _, r := range readings {
		if r.Failure == remedy.FailureUnavailable {
			return &r
		}
	}
	return nil
}

// look reads what has to be asked of one instance alone.
func (e *examination) look(ctx context.Context, id string, f *remedy.Facts) {
	e.patiently(ctx, func() bool {
		f.Platform = e.account.PlatformEvents(ctx, e.Region, id)
		return f.Platform.Failure == remedy.FailureUnavailable
	}, func() bool { return isThrottling(f.Platform.Code) })
	e.patiently(ctx, func() bool {
		f.Rehearsal = e.account.Reboot(ctx, remedy.Order{Region: e.Region, Instance: id,
			DryRun: true})
		return f.Rehearsal.Answer != remedy.AnswerAccepted &&
			f.Rehearsal.Answer != remedy.AnswerRejected
	}, func() bool { return f.Rehearsal.Throttled })
	f.Now = e.seams.Clock.Now()
	f.Record = remedy.Reading[remedy.Record]{At: f.Now}
	if e.book != nil {
		f.Record = e.book.Record(ctx, id)
	}
}

// permissions says of every operation whether it may be called for all instances.
func (e *examination) permissions(ids []string, patients []remedy.Facts) {
	const may = "may be called"
	vitals := operation{action: "DescribeCloudAssistantStatus", well: may}
	events := operation{action: "DescribeInstanceHistoryEvents", well: may}
	reboot := operation{action: "RebootInstance", well: "DryRun says that it " + may}
	for n := range patients {
		f, id := &patients[n], ids[n]
		vitals.answered(e, id, f.Vitals.Failure, f.Vitals.Code, f.Vitals.Note)
		events.answered(e, id, f.Platform.Failure, f.Platform.Code, f.Platform.Note)
		var failure remedy.Failure
		switch dry := &f.Rehearsal; {
		case dry.Answer == remedy.AnswerRejected && dry.Reason == remedy.ReasonForbidden:
			failure = remedy.FailureForbidden
		case dry.Answer != remedy.AnswerAccepted && dry.Answer != remedy.AnswerRejected:
			failure = remedy.FailureUnavailable
		} // anything else is about the instance itself
		reboot.answered(e, id, failure, f.Rehearsal.Code, f.Rehearsal.Note)
	}
	for _, o := range []*operation{&vitals, &events, &reboot} {
		if !o.failed {
			e.well(o.action, o.well+" for "+plural(len(ids), "instance"))
		}
	}
}

// operation is one of those that the function calls for an instance.
type operation struct {
	action, well string
	failed       bool // for some instance
}

// answered keeps that it could not be called for an instance.
func (o *operation) answered(e *examination, id string, failure remedy.Failure, code, note string) {
	f := Finding{Check: o.action, Result: ResultFinding}
	switch failure {
	case remedy.FailureForbidden:
		f.Saw = "no permission: " + note
		f.Cures = []string{"allow ecs:" + o.action + " for it, as the role in template.yml does"}
	case remedy.FailureUnavailable:
		f.Saw, f.Cures = "no answer: "+note, []string{"try again later"}
	default:
		return
	}
	o.failed = true
	e.about(o.action+string(failure)+code, id, "", f)
}

// about keeps a finding about an instance, with those about others that have the same key.
func (e *examination) about(key, id, particular string, f Finding) {
	kept := e.same(key, f)
	kept.Instances = append(kept.Instances, Case{InstanceID: id, Saw: particular})
}

// obstacle is what it means that a rule refuses an instance.
type obstacle struct {
	result    Result
	saw, cure string
}

// obstacles are those that have one meaning. The others are told apart where an instance is judged.
var obstacles = map[remedy.Rule]obstacle{
	remedy.RuleFound: {ResultFinding, "it cannot be read", "allow ecs:DescribeInstances for it"},
	remedy.RuleRunning: {ResultWarning, "not Running",
		"start it yourself: this program never starts what is stopped"},
	remedy.RuleSecurityLock: {ResultFinding, "locked for security reasons",
		"see the ECS and Security Center consoles for its locks"},
	remedy.RuleOtherLock: {ResultFinding, "locked",
		"see the ECS console for why it is locked, such as an overdue payment"},
	remedy.RuleExpiry: {ResultFinding, "its subscription has expired", "renew its subscription"},
	remedy.RulePlatform: {ResultWarning, "the platform itself acts on it, or is about to",
		"leave it to the platform"},
	remedy.RuleHeartbeat: {ResultFinding, "its heartbeat is of no use",
		"see the clocks' check, and the instance's Cloud Assistant in the ECS console"},
	remedy.RuleCoolDown: {ResultWarning, "it cools down after an incident",
		"wait, or remedy reset INSTANCE"},
	remedy.RuleIncidents: {ResultFinding, "it has spent its incidents",
		"see why it hangs that often, and then remedy reset INSTANCE"},
	remedy.RuleLastRecovery: {ResultWarning, "it has just recovered", ""},
}

// optIn is what it means that the instance's owner did not let us.
func (e *examination) optIn(i *remedy.Instance) obstacle {
	tag := e.Settings.Policy.OptInTag
	switch value, tagged := i.Tags[tag]; {
	case !tagged:
		return obstacle{ResultFinding, "it does not have the tag " + tag,
			"set the tag to true or to graceful, if it may be rebooted"}
	case value == "false":
		return obstacle{ResultWarning, "its owner opted it out", ""}
	default:
		return obstacle{ResultFinding, "its tag is neither true nor graceful, so it grants nothing",
			"set the tag " + tag + " to true or to graceful, and to false where that is meant"}
	}
}

// refused is what it means that a rule refuses an instance; the zero obstacle: another check has
// said it.
func (e *examination) refused(rule remedy.Rule, f *remedy.Facts) obstacle {
	i := &f.Instance.Value
	unasked := func(failure remedy.Failure) bool {
		return failure == remedy.FailureForbidden || failure == remedy.FailureUnavailable
	}
	switch {
	case rule == remedy.RuleHeartbeat && unasked(f.Vitals.Failure),
		rule == remedy.RulePlatform && unasked(f.Platform.Failure):
		return obstacle{} // the operation's own check has
	case rule == remedy.RulePlatform && f.Platform.Failure != "":
		return obstacle{ResultFinding, "its platform events cannot be understood", "try again"}
	case rule == remedy.RuleOptIn:
		return e.optIn(i)
	case rule == remedy.RuleSecurityLock && !i.LocksKnown:
		return obstacle{ResultFinding, "its locks are not known, which counts as locked",
			"try again"}
	case rule == remedy.RuleExpiry && !ended(f.Instance):
		return obstacle{ResultFinding, "whether its subscription has expired is not known",
			"see the clocks' check, and the instance in the ECS console"}
	}
	o, known := obstacles[rule]
	if !known {
		o = obstacle{ResultFinding, "refused by the rule " + string(rule), ""}
	}
	return o
}

// ended reports whether the instance's subscription is over by ECS's own clock.
func ended(r remedy.Reading[remedy.Instance]) bool {
	until := r.Value.ExpiredTime
	return r.Value.ChargeType == "PrePaid" && !until.IsZero() && !r.Date.IsZero() &&
		!r.Date.Before(until)
}

// judge says what an instance would get if its guest fell silent now.
func (e *examination) judge(id string, f *remedy.Facts) Instance {
	x := Instance{InstanceID: id, Name: f.Instance.Value.Name, Result: ResultOK,
		Rules: []remedy.Finding{}}
	worse := func(key string, o obstacle, particular string, more ...string) {
		if o.result == ResultFinding || x.Result == ResultOK {
			x.Result = o.result
		}
		var cures []string
		if o.cure != "" {
			cures = append(cures, o.cure)
		}
		e.about(key+"\x00"+o.saw, id, particular, Finding{Check: key, Result: o.result, Saw: o.saw,
			Cures: append(cures, more...)})
	}
	var saw []string
	if open := f.Record.Value.Open; f.Record.OK() && open != nil {
		saw = append(saw, "incident "+open.ID+" is open")
		worse("incident", obstacle{ResultWarning, "an incident is open",
			"remedy incidents shows it"}, open.ID)
	}
	if !f.Record.OK() {
		saw = append(saw, "the ledger: "+f.Record.Note)
		if f.Record.Failure != remedy.FailureUnreadable { // the ledger's check has said that
			worse("ledger", obstacle{ResultFinding, "its record cannot be read", "try again"},
				f.Record.Note)
		}
		x.Result = ResultFinding
		f.Record = remedy.Reading[remedy.Record]{At: f.Now}
	}
	prospect := remedy.Foresee(e.Settings.Policy, *f)
	var refused []string
	for _, rule := range prospect.Step.Findings {
		if ofInstance[rule.Rule] {
			told := rule
			if rule.Rule == remedy.RuleHeartbeat && rule.OK && f.Vitals.OK() {
				told.Saw = heartbeat(f.Vitals) // and not what was supposed
			}
			x.Rules = append(x.Rules, told)
		}
		if rule.OK {
			continue
		}
		refused = append(refused, string(rule.Rule)+": "+rule.Saw)
		if o := e.refused(rule.Rule, f); o.result != "" {
			worse(string(rule.Rule), o, rule.Saw)
		} else {
			x.Result = ResultFinding
		}
	}
	if len(refused) == 0 && prospect.Step.Verdict != remedy.VerdictObserved {
		refused = append(refused, prospect.Step.Why)
		if dry := &f.Rehearsal; dry.Answer == remedy.AnswerRejected &&
			dry.Reason != remedy.ReasonForbidden {
			worse("RebootInstance", obstacle{ResultFinding, "ECS would refuse the reboot",
				"what its code says"}, dry.Code)
		} else {
			x.Result = ResultFinding // the operation's own check has said it
		}
	}
	if len(refused) == 0 {
		x.Gets = string(prospect.Grant)
	}
	e.heartbeats(f, prospect.Grant, x.Gets != "", worse)
	e.announced(f, worse)
	switch {
	case len(refused) > 0:
		saw = append(saw, "nothing: "+strings.Join(refused, "; "))
	case prospect.Grant == remedy.GrantFull:
		saw = append(saw, "graceful reboots, then a forced one")
	default:
		saw = append(saw, "graceful reboots, never a forced one")
	}
	if f.Vitals.OK() {
		saw = append(saw, heartbeat(f.Vitals))
	}
	x.Saw = strings.Join(saw, "; ")
	return x
}

// ofInstance are the rules whose answers say something of the instance itself, and not of the alarm
// that is supposed.
var ofInstance = map[remedy.Rule]bool{
	remedy.RuleLastRecovery: true, remedy.RuleCoolDown: true,
	remedy.RuleIncidents: true, remedy.RuleFound: true, remedy.RuleRunning: true,
	remedy.RuleSecurityLock: true, remedy.RuleOtherLock: true, remedy.RuleExpiry: true,
	remedy.RuleOptIn: true, remedy.RulePlatform: true, remedy.RuleHeartbeat: true}

// heartbeats says what it means that Cloud Assistant never reported from an instance that gets
// something: nobody would notice that its guest is alive.
func (e *examination) heartbeats(f *remedy.Facts, grant remedy.Grant, gets bool,
	worse func(string, obstacle, string, ...string)) {
	const key, install = "heartbeat", "install the Cloud Assistant Agent in it"
	weak := ", and weak alarms are refused as unconfirmed-hang"
	if !e.Settings.Policy.SecondCheck {
		weak = ""
	}
	switch {
	case !gets || !f.Vitals.OK() || !f.Vitals.Value.Heartbeat.IsZero():
	case grant == remedy.GrantFull:
		worse(key, obstacle{ResultFinding, "no heartbeat is known: it may be forced though " +
			"nothing would tell that its guest is alive" + weak, install +
			", or set the tag to graceful"}, "")
	case weak != "":
		worse(key, obstacle{ResultWarning, "no heartbeat is known: nothing would tell that its " +
			"guest is alive" + weak, install}, "")
	}
}

// announced says what is going to happen to the instance without us: its subscription ends, or the
// platform waits for an answer.
func (e *examination) announced(f *remedy.Facts, worse func(string, obstacle, string, ...string)) {
	i := &f.Instance.Value
	left := i.ExpiredTime.Sub(f.Instance.Date)
	if f.Instance.OK() && i.ChargeType == "PrePaid" && !f.Instance.Date.IsZero() &&
		!i.ExpiredTime.IsZero() && left > 0 && left <= expiresSoon {
		worse("expiry", obstacle{ResultWarning, "its subscription ends within 14 days",
			"renew its subscription"}, i.ExpiredTime.UTC().Format(time.DateOnly))
	}
	if !f.Platform.OK() {
		return
	}
	for _, event := range f.Platform.Value {
		if event.Status != "Inquiring" || !event.NotBefore.IsZero() {
			continue
		}
		worse("platform-inquiry", obstacle{ResultFinding, event.Type + " waits for the answer of " +
			"the instance's owner, and the platform does nothing before it",
			"to accept: aliyun ecs AcceptInquiredSystemEvent --RegionId " + e.Region +
				" --EventId EVENT"}, event.ID, "to decline: Events in the ECS console")
	}
}

// heartbeat is what is known of the guest.
func heartbeat(v remedy.Reading[remedy.Vitals]) string {
	if v.Value.Heartbeat.IsZero() {
		return "no heartbeat known"
	}
	return "last heartbeat " + remedy.Age(v.Date.Sub(v.Value.Heartbeat)) + " ago"
}
