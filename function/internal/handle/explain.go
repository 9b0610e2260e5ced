package handle

import (
	"context"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// Explanation is what Next makes of one alarm, taken as far as reading alone can take it.
type Explanation struct {
	Facts remedy.Facts // as read; Facts.Rehearsal is ECS's reply, where it was asked for
	Step  remedy.Step  // what would be done now, with a finding of every rule that had its facts
}

// Explain decodes an event and asks Next about every alarm in it, reading what Next asks for, until
// Next wants anything else done; that is not done. Reporter and Watcher are not called: nothing is
// claimed, sent or written. With rehearse, an alarm that would lead to a reboot is put to ECS with
// DryRun; otherwise the Rebooter is not called either. The error is *Malformed, of the payload as a
// whole.
func (h *Handler) Explain(
	ctx context.Context,
	invocation Invocation,
	payload []byte,
	rehearse bool,
) ([]Explanation, error) {
	alarms, err := events.Decode(payload)
	if err != nil {
		return nil, &Malformed{Cause: err}
	}
	sources := remedy.SourceRecord | remedy.SourceFleet | remedy.SourceSign |
		remedy.SourceInstance | remedy.SourceVitals | remedy.SourcePlatform
	if rehearse {
		sources |= remedy.SourceRehearsal
	}
	leaders := map[string]bool{}
	var all []Explanation
	for _, g := range h.alarmed(invocation, alarms) {
		if step := g.consider(ctx, remedy.SourceRecord); told(&step) {
			g.facts.Leader.Leads = leaders[g.facts.Alarm.Instance]
			leaders[g.facts.Alarm.Instance] = true
		}
		step := g.consider(ctx, sources)
		if rehearse && (step.Opens() || step.Claims() != nil) {
			g.read(ctx, remedy.SourceRehearsal, remedy.EvidenceOrder{})
		}
		all = append(all, Explanation{Facts: g.facts, Step: step})
	}
	return all, nil
}

// consider asks Next, and reads for it, until it wants something else than one of the sources.
func (g *hang) consider(ctx context.Context, sources remedy.Source) remedy.Step {
	for {
		g.facts.Ask(g.Clock.Now())
		step := remedy.Next(&g.Policy, &g.facts)
		if step.Do != remedy.DoRead || !sources.Has(step.Sources) {
			return step
		}
		g.facts.Decided(&step)
		g.read(ctx, step.Sources, step.Evidence)
	}
}
