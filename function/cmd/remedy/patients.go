package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// atOnce is how many instances the doctor looks at side by side: few, for the account's calls are counted.
const atOnce = 4

// fleet looks at every instance that opted in.
func (e *examination) fleet(ctx context.Context, ids []string) {
	patients := make([]remedy.Facts, len(ids))
	var machines map[string]remedy.Reading[remedy.Instance]
	e.patiently(ctx, func() (remedy.Failure, string) {
		machines = e.cloud.Machines(ctx, e.region, ids)
		return unavailable(machines)
	})
	var vitals map[string]remedy.Reading[remedy.Vitals]
	e.patiently(ctx, func() (remedy.Failure, string) {
		vitals = e.cloud.Heartbeats(ctx, e.region, ids)
		return unavailable(vitals)
	})
	bar := newProgress(e.console, len(ids))
	var next atomic.Int64
	e.seams.Clock.Each(min(atOnce, len(ids)), func(int) {
		for {
			n := int(next.Add(1)) - 1
			if n >= len(ids) {
				return
			}
			f := &patients[n]
			*f = remedy.Facts{Region: e.region, Instance: machines[ids[n]], Vitals: vitals[ids[n]]}
			e.look(ctx, ids[n], f)
			bar.step()
		}
	})
	bar.end()
	e.permissions(patients)
	for n := range patients {
		e.instance(ids[n], &patients[n])
	}
}

// unavailable is the failure of a reading that may be read later, if there is one.
func unavailable[T any](readings map[string]remedy.Reading[T]) (remedy.Failure, string) {
	for _, r := range readings {
		if r.Failure == remedy.FailureUnavailable {
			return r.Failure, r.Note
		}
	}
	return "", ""
}

// look reads what has to be asked of one instance alone.
func (e *examination) look(ctx context.Context, id string, f *remedy.Facts) {
	e.patiently(ctx, func() (remedy.Failure, string) {
		f.Platform = e.cloud.PlatformEvents(ctx, e.region, id)
		return f.Platform.Failure, f.Platform.Note
	})
	e.patiently(ctx, func() (remedy.Failure, string) {
		f.Rehearsal = e.cloud.Reboot(ctx, remedy.Order{Region: e.region, Instance: id, DryRun: true})
		if f.Rehearsal.Answer == remedy.AnswerNotExecuted ||
			f.Rehearsal.Answer == remedy.AnswerUnknown {
			return remedy.FailureUnavailable, f.Rehearsal.Note
		}
		return "", ""
	})
	f.Now = e.seams.Clock.Now()
	f.Record = remedy.Reading[remedy.Record]{At: f.Now}
	if e.book != nil {
		f.Record = e.book.Record(ctx, id)
	}
}

// permissions says of every operation whether it may be called for all instances.
func (e *examination) permissions(patients []remedy.Facts) {
	vitals, events, reboot := refusals{}, refusals{}, refusals{}
	for n := range patients {
		f := &patients[n]
		vitals.count(f.Vitals.Failure, f.Vitals.Note)
		events.count(f.Platform.Failure, f.Platform.Note)
		switch f.Rehearsal.Answer {
		case remedy.AnswerAccepted:
			reboot.count("", "")
		case remedy.AnswerRejected:
			if f.Rehearsal.Reason == remedy.ReasonForbidden {
				reboot.count(remedy.FailureForbidden, f.Rehearsal.Note)
			} else {
				reboot.count("", "") // refused for the instance's own sake
			}
		default:
			reboot.count(remedy.FailureUnavailable, f.Rehearsal.Note)
		}
	}
	e.permission("DescribeCloudAssistantStatus", "may be called", vitals)
	e.permission("DescribeInstanceHistoryEvents", "may be called", events)
	e.permission("RebootInstance", "DryRun says that it may be called", reboot)
}

// refusals counts the instances for which an operation could not be called.
type refusals struct {
	all, denied, unanswered int
	note                    string // of the first
}

func (r *refusals) count(failure remedy.Failure, note string) {
	r.all++
	switch failure {
	case remedy.FailureForbidden:
		r.denied++
	case remedy.FailureUnavailable:
		r.unanswered++
	default:
		return
	}
	if r.note == "" {
		r.note = note
	}
}

func (e *examination) permission(action, well string, r refusals) {
	switch {
	case r.denied > 0:
		e.add(action, finding, fmt.Sprintf("no permission for %d of %s: %s", r.denied, plural(r.all, "instance"), r.note),
			"allow ecs:"+action+" for them, as the role in template.yml does")
	case r.unanswered > 0:
		e.add(action, finding, fmt.Sprintf("no answer for %d of %s: %s", r.unanswered, plural(r.all, "instance"), r.note),
			"try again later")
	default:
		e.add(action, good, fmt.Sprintf("%s for %s", well, plural(r.all, "instance")))
	}
}

// obstacles says of the rules that can refuse an instance what it means that they do.
var obstacles = map[remedy.Rule]struct {
	result
	cure string
}{
	remedy.RuleFound:        {finding, "allow ecs:DescribeInstances for it"},
	remedy.RuleRunning:      {note, "start it yourself: this program never starts what is stopped"},
	remedy.RuleSecurityLock: {finding, "see the ECS and Security Center consoles for its locks"},
	remedy.RuleOtherLock:    {finding, "see the ECS console for why it is locked, such as an overdue payment"},
	remedy.RuleExpiry:       {finding, "renew its subscription"},
	remedy.RuleOptIn:        {finding, "set the tag to true or to graceful"},
	remedy.RulePlatform:     {note, "leave it to the platform"},
	remedy.RuleHeartbeat:    {finding, "see the clocks' check, and the instance's Cloud Assistant in the ECS console"},
	remedy.RuleCoolDown:     {note, "remedy reset INSTANCE ends it"},
	remedy.RuleIncidents:    {finding, "see why it hangs that often, and then remedy reset INSTANCE"},
}

// instance says what an instance would get if its guest fell silent now.
func (e *examination) instance(id string, f *remedy.Facts) {
	c := check{Check: "instance", InstanceID: id, Result: good}
	worse := func(r result, cure string) {
		if r == finding || c.Result == good {
			c.Result = r
		}
		if cure != "" {
			c.Cures = append(c.Cures, strings.ReplaceAll(cure, "INSTANCE", id))
		}
	}
	var saw []string
	if open := f.Record.Value.Open; open != nil {
		saw = append(saw, "incident "+open.ID+" is open")
		worse(note, "")
	}
	if !f.Record.OK() {
		saw = append(saw, "the ledger: "+f.Record.Note)
		worse(finding, "see the ledger's check")
		f.Record = remedy.Reading[remedy.Record]{At: f.Now}
	}
	prospect := remedy.Foresee(e.settings.Policy, *f)
	var refused []string
	for _, rule := range prospect.Step.Findings {
		if rule.OK {
			continue
		}
		said := string(rule.Rule) + ": " + rule.Saw
		obstacle, known := obstacles[rule.Rule]
		if !known {
			obstacle.result = finding
		}
		switch {
		case rule.Rule == remedy.RuleHeartbeat && f.Vitals.Failure != "", rule.Rule == remedy.RulePlatform && f.Platform.Failure != "":
			// The operation's own check says it once, with the cure.
			said, obstacle.result, obstacle.cure = string(rule.Rule)+": not readable", finding, ""
		case rule.Rule == remedy.RuleOptIn && f.Instance.Value.Tags[e.settings.Policy.OptInTag] == "false":
			obstacle.result, obstacle.cure = note, ""
		}
		refused = append(refused, said)
		worse(obstacle.result, obstacle.cure)
	}
	if len(refused) == 0 && prospect.Step.Verdict != remedy.VerdictObserved {
		refused = append(refused, prospect.Step.Why)
		worse(finding, "")
	}
	switch {
	case len(refused) > 0:
		saw = append(saw, "gets nothing: "+strings.Join(refused, "; "))
	case prospect.Grant == remedy.GrantFull:
		saw = append(saw, "gets graceful reboots, then a forced one")
	default:
		saw = append(saw, "gets graceful reboots, never a forced one")
	}
	if len(refused) == 0 {
		c.Gets = string(prospect.Grant)
	}
	if f.Vitals.OK() {
		saw = append(saw, heartbeat(f.Vitals))
		if prospect.Grant == remedy.GrantFull && f.Vitals.Value.Heartbeat.IsZero() {
			saw = append(saw, "it may be forced though nothing would tell that its guest is alive")
			worse(finding, "install the Cloud Assistant Agent in it, or set the tag to graceful")
		}
	}
	c.Saw = strings.Join(saw, "; ")
	if name := f.Instance.Value.Name; name != "" {
		c.Saw = name + ": " + c.Saw
	}
	e.addOf(c)
}

// heartbeat is what is known of the guest.
func heartbeat(v remedy.Reading[remedy.Vitals]) string {
	if v.Value.Heartbeat.IsZero() {
		return "no heartbeat known"
	}
	return "last heartbeat " + v.Date.Sub(v.Value.Heartbeat).Round(time.Second).String() + " ago"
}
