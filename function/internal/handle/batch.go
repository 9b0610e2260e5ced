package handle

import (
	"context"
	"sync/atomic"

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
		if a.State == events.StateResolved && a.Rule != "" && !a.Time.Before(resolved[key].Time) {
			resolved[key] = a
		}
	}
	for i, a := range alarms {
		g := h.newHang(invocation)
		g.facts.Alarm = a
		over, known := resolved[[2]string{a.Rule, a.Instance}]
		g.facts.Superseded = known && a.State != events.StateResolved && !a.Time.IsZero() && !a.Time.After(over.Time)
		hangs[i] = g
	}
	return hangs
}

// swept makes a hang of every incident under way whose slot is chosen. Whether its owner is alive is for Next to say.
func (h *Handler) swept(ctx context.Context, invocation Invocation, chosen func(remedy.Slot) bool) ([]*hang, error) {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.CallLimit())
	defer cancel()
	slots, err := h.Ledger.Open(ctx)
	var hangs []*hang
	for _, slot := range slots {
		if chosen(slot) {
			g := h.newHang(invocation)
			g.facts.Swept, g.facts.Alarm.Instance = true, slot.Instance
			hangs = append(hangs, g)
		}
	}
	return hangs, err
}

// handleAll takes every hang to its result: first as far as the alarm itself and the instance's record tell, all at once; then
// those that are left, one leader for each instance with its followers.
func (h *Handler) handleAll(ctx context.Context, hangs []*hang) {
	for start := 0; start < len(hangs); start += candidatesAtOnce {
		some := hangs[start:min(start+candidatesAtOnce, len(hangs))]
		h.Clock.Each(len(some), func(i int) { some[i].run(ctx, wantsMore) })
	}
	var candidates, open []*hang
	leaders := map[string]*hang{}
	for _, g := range hangs {
		switch id := g.facts.Alarm.Instance; {
		case g.done:
		case leaders[id] != nil:
			leaders[id].followers = append(leaders[id].followers, g)
		case g.open() != nil:
			leaders[id] = g
			open = append(open, g)
		default:
			leaders[id] = g
			candidates = append(candidates, g)
		}
	}
	h.Clock.Each(len(open)+1, func(i int) {
		if i < len(open) {
			open[i].lead(ctx)
			return
		}
		h.openAll(ctx, candidates)
	})
}

// wantsMore: the next answer needs more than the instance's record, so it is worth reading for several at once.
func wantsMore(g *hang, step *remedy.Step) bool {
	return step.Do != remedy.DoRefuse && (step.Incident != nil || step.Do == remedy.DoRead && step.Sources&^remedy.SourceRecord != 0)
}

// isOpen: the incident has its first claim; what is left is to watch it.
func isOpen(g *hang, step *remedy.Step) bool { return g.stored.Open != nil }

// openAll takes the candidates to their results, group by group. The next group is read when everybody of the group before has
// an incident or an answer, with the fleet's record as that left it: so that once the fleet's limit is reached the rest is
// refused unread.
func (h *Handler) openAll(ctx context.Context, candidates []*hang) {
	if len(candidates) == 0 {
		return
	}
	group := candidates[:min(candidatesAtOnce, len(candidates))]
	rest := candidates[len(group):]
	h.readTogether(ctx, group)
	var opening atomic.Int64
	opening.Store(int64(len(group)))
	h.Clock.Each(len(group)+1, func(i int) {
		if i < len(group) {
			group[i].run(ctx, isOpen)
			opening.Add(-1)
			group[i].lead(ctx)
			return
		}
		for len(rest) > 0 && opening.Load() > 0 && h.Clock.Sleep(ctx, h.Policy.Poll) == nil {
		}
		h.openAll(ctx, rest)
	})
}

// lead takes the leader of its instance's alarms to its end, and answers those that follow it as soon as it is known whether
// it leads anywhere: where only its own weakness refused it, the next one leads.
func (g *hang) lead(ctx context.Context) {
	g.run(ctx, isOpen)
	if len(g.followers) > 0 {
		next := g.followers[0]
		next.followers = g.followers[1:]
		next.facts.Followed = !(g.done && g.result.Reason == remedy.ReasonUnconfirmedHang)
		next.lead(ctx)
	}
	g.run(ctx, nil)
}

// readTogether gives a group of candidates its first facts: the fleet's record, and for those that it leaves in the running
// one reading of ECS per region.
func (h *Handler) readTogether(ctx context.Context, group []*hang) {
	fleet := h.readFleet(ctx)
	regions := map[string][]*hang{}
	for _, g := range group {
		g.facts.Fleet = fleet
		g.facts.Now = h.Clock.Now()
		if step := remedy.Next(h.Policy, g.facts); step.Do == remedy.DoRead && step.Sources&remedy.SourceLive != 0 {
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
