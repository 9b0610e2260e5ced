package handle

import (
	"context"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// hang is one alarm, just delivered or one that waited, or one swept slot, on its way to a result.
// One goroutine at a time works on it.
type hang struct {
	*Handler
	facts  remedy.Facts
	result *remedy.Result // nil: none yet, or nothing to tell
	done   bool

	followers []*hang // other alarms of the same event about the same instance
}

func (h *Handler) newHang(invocation Invocation) *hang {
	return &hang{Handler: h, facts: remedy.Facts{
		Owner: h.Name(), Account: invocation.Account, Region: invocation.Region,
		Book: h.Policy.Book(), Redelivered: invocation.Retry > 0,
		StopAt: h.stopAt(invocation), ClaimBy: invocation.ClaimBy,
	}}
}

// run asks Next what to do and does it, until there is an answer, or until the phase of the event's
// handling is over. A step that ends a phase is not taken: Next gives it again in the next phase.
func (g *hang) run(ctx context.Context, over phase) {
	g.apart(func() { g.steps(ctx, over) })
}

func (g *hang) steps(ctx context.Context, over phase) {
	var step remedy.Step // one for every round: it is large, and others look at it
	for !g.done {
		g.facts.Ask(g.Clock.Now())
		step = remedy.Next(&g.Policy, &g.facts)
		if over != nil && over(&step) {
			return
		}
		if step.Do == remedy.DoWrite && step.Write.Fleet != nil {
			g.writeFleet(ctx, &step)
			continue
		}
		g.decided(&step)
		switch step.Do {
		case remedy.DoRead:
			g.read(ctx, step.Sources, step.Evidence)
		case remedy.DoWrite:
			g.facts.Wrote(step.Write, g.write(ctx, step.Write))
		case remedy.DoSend:
			g.facts.Replied(step.Order, g.Rebooter.Reboot(ctx, step.Order))
		case remedy.DoWait:
			if g.Clock.Sleep(ctx, step.Until.Sub(g.facts.Now)) != nil {
				g.facts.Interrupted(g.Clock.Now())
			}
			g.facts.Waited()
		default:
			g.answer(step.Result)
			if g.facts.Told(&step); g.facts.Reported {
				g.done, over = false, watched // what was not to be done before
			}
		}
	}
}

// decided keeps what Next made of what it saw, before the step is taken.
func (g *hang) decided(step *remedy.Step) {
	g.facts.Decided(step)
	if g.Watcher != nil {
		g.Watcher.Decided(&g.facts, step)
	}
}

// read reads the sources that Next asked for, all at once.
func (g *hang) read(ctx context.Context, sources remedy.Source, evidence remedy.EvidenceOrder) {
	f := &g.facts
	region, id := f.InstanceRegion(), f.Alarm.Instance
	ids := []string{id}
	var reads []func()
	want := func(source remedy.Source, read func()) {
		if sources.Has(source) {
			reads = append(reads, read)
		}
	}
	want(remedy.SourceRecord, func() { f.Record = g.readRecord(ctx, f.Book, id) })
	want(remedy.SourceFleet, func() { f.Fleet = g.sharedFleet(ctx) })
	want(remedy.SourceSign, func() { f.Sign = g.readSign(ctx, f.Book) })
	want(remedy.SourceInstance, func() { f.Instance = g.Cloud.Machines(ctx, region, ids)[id] })
	want(remedy.SourceVitals, func() { f.Vitals = g.Cloud.Heartbeats(ctx, region, ids)[id] })
	want(remedy.SourcePlatform, func() { f.Platform = g.Cloud.PlatformEvents(ctx, region, id) })
	want(remedy.SourceEvidence, func() { f.Evidence = g.keep(ctx, evidence) })
	want(remedy.SourceRehearsal, func() {
		order := remedy.Order{Region: region, Instance: id, DryRun: true}
		f.Rehearsal = g.Rebooter.Reboot(ctx, order)
	})
	g.each(len(reads), func(i int) { reads[i]() })
}

// keep keeps what the console shows, for no longer than the order allows. It is in nobody's way,
// whatever the store does.
func (g *hang) keep(ctx context.Context, order remedy.EvidenceOrder) (
	kept remedy.Reading[remedy.Evidence]) {
	ctx, cancel := context.WithTimeout(ctx, order.Limit)
	defer cancel()
	if g.Evidence != nil {
		if p := caught(func() { kept = g.Evidence.Keep(ctx, order) }); p != nil {
			kept.Failure, kept.Note = remedy.FailureUnavailable, remedy.Defect(p)
		}
	}
	kept.At = g.Clock.Now()
	kept.Value.Incident, kept.Value.Stage = order.Incident, order.Stage
	return kept
}

// write puts one record into the ledger. It is not cut short where the invocation's time is over:
// what is written down then must not be lost.
func (g *hang) write(ctx context.Context, write remedy.Write) remedy.Written {
	return g.put(context.WithoutCancel(ctx), g.facts.Book, g.facts.Alarm.Instance, write)
}

// put puts one record into the ledger; of the fleet's record and the sign the instance means
// nothing.
func (h *Handler) put(ctx context.Context, book remedy.Book, instance string,
	write remedy.Write) remedy.Written {
	ctx, cancel := context.WithTimeout(ctx, h.writeLimit())
	defer cancel()
	return h.Ledger.Write(ctx, book, instance, write)
}

func (h *Handler) readRecord(ctx context.Context, book remedy.Book, instance string) (
	r remedy.Reading[remedy.Record]) {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.CallLimit())
	defer cancel()
	return h.Ledger.Record(ctx, book, instance)
}

func (h *Handler) readFleet(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Fleet] {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.CallLimit())
	defer cancel()
	return h.Ledger.Fleet(ctx, book)
}

func (h *Handler) readSign(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Sign] {
	ctx, cancel := context.WithTimeout(ctx, h.Policy.CallLimit())
	defer cancel()
	return h.Signs.Sign(ctx, book)
}

// answer reports the result.
func (g *hang) answer(result *remedy.Result) {
	g.done = true
	if result != nil {
		g.result = result
		g.Reporter.Report(result)
	}
}

// stopAt is when everything must be written down; zero: no deadline.
func (h *Handler) stopAt(invocation Invocation) time.Time {
	if invocation.Deadline.IsZero() {
		return time.Time{}
	}
	return invocation.Deadline.Add(-h.Reserve)
}
