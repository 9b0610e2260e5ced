package handle

import (
	"context"
	"slices"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// The alarms of an event are handled side by side, in four phases: told, what the alarm itself and
// its instance's record say; admitted, one after the other, the oldest first: which of them get a
// slot and which wait; opened, up to the first wait, where an attempt has been made or the alarm
// has its answer; and watched, to the end.

// phase reports whether a step belongs to a later phase.
type phase func(*remedy.Step) bool

// begin takes a hang through the phase told. An alarm that says that a hang is over leads nowhere
// else.
func (g *hang) begin(ctx context.Context) {
	if g.facts.Leads() {
		g.run(ctx, told)
	} else {
		g.run(ctx, watched)
	}
}

// told: the next step needs more than the instance's record.
func told(step *remedy.Step) bool {
	return step.Do != remedy.DoAnswer &&
		!(step.Do == remedy.DoRead && step.Sources == remedy.SourceRecord)
}

// admitted: the next step asks ECS for something, or sends it something.
func admitted(step *remedy.Step) bool {
	return step.Do == remedy.DoWait || step.Do == remedy.DoSend || step.Claims() != nil ||
		step.Do == remedy.DoRead && step.Sources&remedy.SourceLive != 0
}

// opened: there is nothing more to do for now.
func opened(step *remedy.Step) bool { return step.Do == remedy.DoWait }

// watched: to the end.
var watched phase

// candidatesAtOnce is how many instances are read together: as many as ECS takes ids in one call.
const candidatesAtOnce = 100

// alarmed makes a hang of every alarm of an event.
func (h *Handler) alarmed(invocation Invocation, alarms []events.Alarm) []*hang {
	hangs := make([]*hang, len(alarms))
	superseded := remedy.Superseded(alarms)
	for i := range alarms {
		g := h.newHang(invocation)
		g.facts.Alarm, g.facts.Superseded = alarms[i], superseded[i]
		hangs[i] = g
	}
	return hangs
}

// swept makes a hang of every slot that the sweep looks after, and of every alarm whose turn it is.
// Whether the owner of a slot's incident is alive is for Next to say.
func (h *Handler) swept(ctx context.Context, invocation Invocation) (hangs []*hang) {
	for _, book := range h.Policy.SweptBooks() {
		h.sweeping(func() {
			fleet := h.readFleet(ctx, book)
			if !fleet.OK() {
				h.Reporter.Unswept("the ledger: " + fleet.Note)
				return
			}
			now := h.Clock.Now()
			for _, slot := range fleet.Value.Sweepable(h.Policy, book, invocation.Region, now) {
				g := h.newHang(invocation)
				g.facts.Swept, g.facts.Slot, g.facts.Book = true, slot, book
				g.facts.Alarm.Instance, g.facts.Fleet = slot.Instance, fleet
				hangs = append(hangs, g)
			}
			for _, w := range fleet.Value.DueWaiters(h.Policy, invocation.Region, now) {
				g := h.newHang(invocation)
				g.facts.TakeTurn(w, book, fleet)
				hangs = append(hangs, g)
			}
			if book == h.Policy.Book() {
				h.tend(ctx, book, fleet)
			}
		})
	}
	return hangs
}

// tend writes what the sweep keeps in the ledger besides.
func (h *Handler) tend(ctx context.Context, book remedy.Book, fleet remedy.Reading[remedy.Fleet]) {
	t := remedy.Tending{Fleet: fleet, Sign: h.readSign(ctx, book), Version: h.Version}
	for {
		write, wanted := remedy.Tend(&h.Policy, &t, h.Clock.Now())
		if !wanted {
			return
		}
		t.Last, t.Written = write, h.put(ctx, book, "", write)
	}
}

// succeeded takes the alarm that waited for what the hangs gave free to its result, if there is
// one.
func (h *Handler) succeeded(ctx context.Context, invocation Invocation, hangs []*hang) []*hang {
	all := make([]*remedy.Facts, len(hangs))
	for i, g := range hangs {
		all[i] = &g.facts
	}
	next, turn := h.newHang(invocation), false
	h.sweeping(func() {
		next.facts.Ask(h.Clock.Now())
		turn = next.facts.Succeed(h.Policy, all)
	})
	if !turn {
		return nil
	}
	next.run(ctx, watched)
	return []*hang{next}
}

// handleAll takes every hang to its result.
func (h *Handler) handleAll(ctx context.Context, hangs []*hang) {
	h.beginAll(ctx, hangs)
	var leaders []*hang
	leading := map[key]*hang{}
	for _, g := range hangs {
		switch leader := leading[g.key()]; {
		case g.done:
		case leader != nil:
			leader.followers = append(leader.followers, g)
		default:
			leading[g.key()] = g
			leaders = append(leaders, g)
		}
	}
	slices.SortStableFunc(leaders, func(a, b *hang) int { return a.facts.Compare(&b.facts) })
	h.open(ctx, leaders)
}

// key is an instance's record, in its book.
type key struct {
	book     remedy.Book
	instance string
}

func (g *hang) key() key { return key{g.facts.Book, g.facts.Alarm.Instance} }

// beginAll takes every hang through the phase told. An instance's record is read for the first of
// its alarms and shown to the others: whoever writes says what it has seen, and is refused where
// that is no longer so.
func (h *Handler) beginAll(ctx context.Context, hangs []*hang) {
	first := map[key]*hang{}
	var heads, others []*hang
	for _, g := range hangs {
		if g.facts.Leads() && first[g.key()] != nil {
			others = append(others, g)
			continue
		}
		heads = append(heads, g)
		if g.facts.Leads() {
			first[g.key()] = g
		}
	}
	h.sideBySide(heads, func(g *hang) { g.begin(ctx) })
	h.sideBySide(others, func(g *hang) {
		g.facts.Record = first[g.key()].facts.Record
		g.begin(ctx)
	})
}

// sideBySide does something with each of the hangs, candidatesAtOnce at a time.
func (h *Handler) sideBySide(hangs []*hang, do func(*hang)) {
	for some := range slices.Chunk(hangs, candidatesAtOnce) {
		h.Clock.Each(len(some), func(i int) { do(some[i]) })
	}
}

// open takes the leaders through the phase opened, group by group, so that once the fleet's limit
// is reached the rest is refused unread. Those that are opened are watched beside the next group.
func (h *Handler) open(ctx context.Context, leaders []*hang) {
	if len(leaders) == 0 {
		return
	}
	group := leaders[:min(candidatesAtOnce, len(leaders))]
	rest := leaders[len(group):]
	h.readTogether(ctx, group)
	for i, g := range group {
		if i > 0 {
			g.facts.Hear(&group[i-1].facts)
		}
		g.run(ctx, admitted)
	}
	h.Clock.Each(len(group), func(i int) { group[i].run(ctx, opened) })
	h.Clock.Each(len(group)+1, func(i int) {
		if i < len(group) {
			group[i].lead(ctx)
			return
		}
		h.open(ctx, rest)
	})
}

// lead answers those that follow the leader, and takes it to its end.
func (g *hang) lead(ctx context.Context) {
	if len(g.followers) > 0 {
		next := g.followers[0]
		next.followers = g.followers[1:]
		next.facts.Follow(&g.facts, g.result)
		next.run(ctx, opened)
		next.lead(ctx)
	}
	g.run(ctx, watched)
}

// readTogether gives a group its first facts: the fleet's record, the function's sign for those
// that ask for it, and for those that then ask for ECS the readings that they ask for, in one call
// for all where ECS has such a call. Next asks step by step for what it needs of one of many, what
// one call tells of all of them first: of most of a crowd that is the answer.
func (h *Handler) readTogether(ctx context.Context, group []*hang) {
	if len(group) == 1 {
		return // it asks for what it needs
	}
	fleets := map[remedy.Book]remedy.Reading[remedy.Fleet]{}
	signs := map[remedy.Book]remedy.Reading[remedy.Sign]{}
	for _, g := range group {
		book := g.facts.Book
		if _, known := fleets[book]; !known {
			caught(func() { fleets[book] = h.readFleet(ctx, book) }) // or for the next of them
		}
		g.facts.Fleet, g.facts.Crowd = fleets[book], true
		if g.asks() == remedy.SourceSign {
			if _, known := signs[book]; !known {
				caught(func() { signs[book] = h.readSign(ctx, book) })
			}
			g.facts.Sign = signs[book]
		}
	}
	for range 3 {
		asked := map[question][]*hang{}
		for _, g := range group {
			if sources := g.asks(); sources&remedy.SourceLive != 0 {
				q := question{g.facts.InstanceRegion(), sources}
				asked[q] = append(asked[q], g)
			}
		}
		h.readFor(ctx, asked)
	}
}

// question is what several hangs ask ECS for.
type question struct {
	region  string
	sources remedy.Source
}

// asks is what Next wants to be read now; nothing where it wants something else.
func (g *hang) asks() (sources remedy.Source) {
	if g.done {
		return 0
	}
	g.apart(func() {
		g.facts.Now = g.Clock.Now()
		if step := remedy.Next(&g.Policy, &g.facts); step.Do == remedy.DoRead {
			sources = step.Sources
		}
	})
	return sources
}

// readFor reads what several hangs ask ECS for, all at once.
func (h *Handler) readFor(ctx context.Context, asked map[question][]*hang) {
	var reads []func()
	for q, some := range asked {
		want := func(source remedy.Source, hangs []*hang, read func(some []*hang, ids []string)) {
			if q.sources.Has(source) {
				reads = append(reads, func() {
					h.forAll(hangs, func(some []*hang) { read(some, instances(some)) })
				})
			}
		}
		want(remedy.SourceInstance, some, func(some []*hang, ids []string) {
			machines := h.Cloud.Machines(ctx, q.region, ids)
			for i, g := range some {
				g.facts.Instance = machines[ids[i]]
			}
		})
		want(remedy.SourceVitals, some, func(some []*hang, ids []string) {
			heartbeats := h.Cloud.Heartbeats(ctx, q.region, ids)
			for i, g := range some {
				g.facts.Vitals = heartbeats[ids[i]]
			}
		})
		for i := range some {
			want(remedy.SourcePlatform, some[i:i+1], func(one []*hang, ids []string) {
				one[0].facts.Platform = h.Cloud.PlatformEvents(ctx, q.region, ids[0])
			})
		}
	}
	h.Clock.Each(len(reads), func(i int) { reads[i]() })
}

// instances are those that the hangs are about.
func instances(hangs []*hang) []string {
	ids := make([]string, len(hangs))
	for i, g := range hangs {
		ids[i] = g.facts.Alarm.Instance
	}
	return ids
}
