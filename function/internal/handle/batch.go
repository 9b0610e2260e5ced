package handle

import (
	"context"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// candidatesAtOnce is how many instances are read together: as many as ECS takes ids in one call.
const candidatesAtOnce = 100

// alarmed makes a hang of every alarm of an event.
func (h *Handler) alarmed(invocation Invocation, alarms []events.Alarm) []*hang {
	hangs := make([]*hang, len(alarms))
	resolved := map[[2]string]events.Alarm{} // the latest resolved alarm by rule and instance
	for _, a := range alarms {
		key := [2]string{a.Rule, a.Instance}
		if a.State == events.Resolved && a.Rule != "" && !a.Time.Before(resolved[key].Time) {
			resolved[key] = a
		}
	}
	for i, a := range alarms {
		g := h.newHang(invocation)
		g.facts.Alarm = a
		over, known := resolved[[2]string{a.Rule, a.Instance}]
		g.facts.Superseded = known && a.State != events.Resolved && !a.Time.After(over.Time)
		hangs[i] = g
	}
	return hangs
}

// swept makes a hang of every incident that is under way. Whether its owner is alive is for Next to say.
func (h *Handler) swept(ctx context.Context, invocation Invocation) ([]*hang, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.CallLimit())
	defer cancel()
	slots, err := h.Ledger.Open(ctx)
	hangs := make([]*hang, len(slots))
	for i, slot := range slots {
		hangs[i] = h.newHang(invocation)
		hangs[i].facts.Swept = true
		hangs[i].facts.Alarm.Instance = slot.Instance
	}
	return hangs, err
}

// handleAll takes every hang to its result: first as far as the alarm itself and the instance's record tell, all at once; then
// the candidates that are left, up to a hundred at a time, with one reading of ECS for all of them.
func (h *Handler) handleAll(ctx context.Context, hangs []*hang) {
	for start := 0; start < len(hangs); start += candidatesAtOnce {
		some := hangs[start:min(start+candidatesAtOnce, len(hangs))]
		h.Clock.Each(len(some), func(i int) { some[i].run(ctx, wantsMore) })
	}
	var candidates, open []*hang
	leaders := map[string]bool{}
	for _, g := range hangs {
		if g.done {
			continue
		}
		g.facts.Followed = leaders[g.facts.Alarm.Instance]
		leaders[g.facts.Alarm.Instance] = true
		if g.facts.Followed || g.facts.Record.Value.Open != nil {
			open = append(open, g)
		} else {
			candidates = append(candidates, g)
		}
	}
	h.openAll(ctx, candidates, open)
}

// wantsMore: the next answer needs more than the instance's record, so it is worth reading for several at once.
func wantsMore(g *hang, step *remedy.Step) bool {
	return step.Do != remedy.Refuse && (step.Incident != nil || step.Do == remedy.Read && step.Sources&^remedy.Ledger != 0)
}

// isOpen: the incident has its first claim; what is left is to watch it.
func isOpen(g *hang, step *remedy.Step) bool { return g.stored.Open != nil }

// openAll takes the candidates to their first claim or to a refusal, group by group, while the incidents that are open already
// are followed to their end. Every group is asked for with the fleet's record as the group before left it, so that once the
// fleet's limit is reached the rest is refused unread.
func (h *Handler) openAll(ctx context.Context, candidates, open []*hang) {
	group := candidates[:min(candidatesAtOnce, len(candidates))]
	rest := candidates[len(group):]
	follow := func(i int) { open[i].run(ctx, nil) }
	if len(group) == 0 {
		h.Clock.Each(len(open), follow)
		return
	}
	h.Clock.Each(len(open)+1, func(i int) {
		if i < len(open) {
			follow(i)
			return
		}
		h.readTogether(ctx, group)
		h.Clock.Each(len(group), func(i int) { group[i].run(ctx, isOpen) })
		var opened []*hang
		for _, g := range group {
			if !g.done {
				opened = append(opened, g)
			}
		}
		h.openAll(ctx, rest, opened)
	})
}

// readTogether gives a group of candidates its first facts: the fleet's record, and for those that it leaves in the running
// one reading of ECS per region.
func (h *Handler) readTogether(ctx context.Context, group []*hang) {
	fleet := h.readFleet(ctx)
	regions := map[string][]*hang{}
	for _, g := range group {
		g.facts.Fleet = fleet
		g.facts.Now = h.Clock.Now()
		if step := remedy.Next(h.Policy, g.facts); step.Do == remedy.Read && step.Sources&remedy.Live != 0 {
			regions[g.region()] = append(regions[g.region()], g)
		}
	}
	var reads []func()
	for region, some := range regions {
		ids := make([]string, len(some))
		for i, g := range some {
			ids[i] = g.facts.Alarm.Instance
			reads = append(reads, func() { g.facts.Events = h.Cloud.PlatformEvents(ctx, region, g.facts.Alarm.Instance) })
		}
		reads = append(reads, func() {
			for id, reading := range h.Cloud.Machines(ctx, region, ids) {
				for _, g := range some {
					if g.facts.Alarm.Instance == id {
						g.facts.Machine = reading
					}
				}
			}
		}, func() {
			for id, reading := range h.Cloud.Heartbeats(ctx, region, ids) {
				for _, g := range some {
					if g.facts.Alarm.Instance == id {
						g.facts.Vitals = reading
					}
				}
			}
		})
	}
	h.Clock.Each(len(reads), func(i int) { reads[i]() })
	for _, g := range group {
		g.count()
	}
}

func (h *Handler) readFleet(ctx context.Context) remedy.Reading[remedy.Fleet] {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.CallLimit())
	defer cancel()
	return h.Ledger.Fleet(ctx)
}
