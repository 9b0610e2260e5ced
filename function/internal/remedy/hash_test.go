package remedy_test

import (
	"hash/maphash"
	"time"

	. "ecs-remedy/function/internal/remedy"
)

// hasher writes down all that the future of a state depends on.
type hasher struct{ buf []byte }

func (h *hasher) number(
	n int,
) {
	h.buf = append(h.buf, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
}

func (h *hasher) text(s string) { h.buf = append(append(h.buf, s...), 0) }

func (h *hasher) flag(b bool) {
	if b {
		h.buf = append(h.buf, 1)
	} else {
		h.buf = append(h.buf, 0)
	}
}

func (h *hasher) when(t time.Time) {
	if t.IsZero() {
		h.number(-1 << 30)
	} else {
		h.number(int(t.Sub(Start) / time.Millisecond))
	}
}

func (h *hasher) instance(i *Instance) {
	h.text(i.Status)
	h.text(i.StartTime)
	h.number(len(i.Locks))
	h.text(i.Tags["auto-restart"])
}

func (h *hasher) attempt(a *Attempt) {
	h.flag(a.Force)
	h.flag(a.Stuck)
	h.text(string(a.Answer))
	h.text(string(a.Fate))
	h.text(a.Code)
	h.when(a.ClaimedAt)
	h.when(a.AnsweredAt)
	h.when(a.LeftRunningAt)
	h.when(a.BackAt)
	h.when(a.LastReadAt)
}

func (h *hasher) incident(i *Incident) {
	if h.flag(i != nil); i == nil {
		return
	}
	h.text(i.ID)
	h.text(i.Owner)
	h.text(string(i.Reason))
	h.when(i.OpenedAt)
	h.when(i.LeaseUntil)
	h.when(i.TakenOverAt)
	h.when(i.ResolvedAt)
	h.when(i.EndedAt)
	for n := range i.Attempts {
		h.attempt(&i.Attempts[n])
	}
}

func (h *hasher) record(r *Record) {
	h.number(int(r.Revision))
	h.incident(r.Open)
	h.number(len(r.Recent))
	for n := range r.Recent {
		h.text(r.Recent[n].ID)
		h.text(string(r.Recent[n].Reason))
		h.when(r.Recent[n].EndedAt)
	}
}

func (h *hasher) fleet(f *Fleet) {
	h.number(int(f.Revision))
	h.when(f.Paused.Since)
	h.when(f.Lost)
	h.number(len(f.Begun))
	for n := range f.Open {
		h.text(f.Open[n].Incident)
		h.waiter(f.Open[n].Waiter)
	}
	for n := range f.Waiting {
		h.waiter(&f.Waiting[n])
	}
}

func (h *hasher) waiter(w *Waiter) {
	if h.flag(w != nil); w == nil {
		return
	}
	h.text(w.Alarm.Key)
	h.text(w.By)
	h.when(w.Since)
	h.when(w.ResolvedAt)
	h.when(w.LeaseUntil)
}

func (h *hasher) process(p *process) {
	if h.flag(p.done); p.done {
		return
	}
	f := &p.facts
	h.flag(p.looks)
	h.flag(p.ready)
	h.flag(p.left)
	h.flag(p.came)
	h.number(int(p.old))
	h.when(p.wake)
	h.text(f.Owner)
	h.when(f.Now)
	h.flag(f.Swept)
	h.waiter(f.Slot.Waiter)
	h.waiter(f.Waiter)
	h.number(len(p.queue))
	h.flag(f.Reported)
	h.flag(f.Seen.Stays)
	h.when(f.Record.At)
	h.text(string(f.Record.Failure))
	h.record(&f.Record.Value)
	h.when(f.Fleet.At)
	h.text(string(f.Fleet.Failure))
	h.fleet(&f.Fleet.Value)
	h.when(f.Sign.At)
	h.number(int(f.Sign.Value.Revision))
	h.when(f.Instance.At)
	h.text(string(f.Instance.Failure))
	h.instance(&f.Instance.Value)
	h.when(f.Vitals.At)
	h.text(string(f.Vitals.Failure))
	h.when(f.Vitals.Value.Heartbeat)
	h.when(f.Platform.At)
	h.text(string(f.Platform.Failure))
	h.when(f.Evidence.At)
	h.number(int(f.Evidence.Value.Stage))
	s := &f.Seen
	h.incident(s.Incident)
	h.incident(s.Ending)
	if s.Claim != nil {
		h.attempt(s.Claim)
	}
	h.when(s.WaitUntil)
	h.when(s.RestUntil)
	h.number(s.Blind)
	h.flag(s.Reread)
	h.when(f.Written.At)
	h.text(string(f.Written.Wrote))
	h.flag(f.Written.Fleet)
	h.number(f.Conflicts)
	h.when(f.Sent.SendBefore)
	h.text(f.Reply.Code)
}

// key is a hash of all that the future depends on.
func (s *search) key(x *searched) uint64 {
	h := hasher{s.buf[:0]}
	for _, n := range []int{x.crashes, x.freezes, x.faults, x.changes, x.sweeps, x.losses} {
		h.number(n)
	}
	w := &x.w
	h.when(w.now)
	m := &w.machine
	h.instance(&m.Instance)
	h.when(m.beatFrom)
	h.when(m.lastBeat)
	h.number(m.ignores)
	h.number(m.ignoresForce)
	for _, t := range m.turns {
		h.when(t.at)
		h.text(t.status)
	}
	h.record(&w.record)
	h.fleet(&w.fleet)
	h.number(int(w.sign.Revision))
	h.flag(w.slotless)
	h.text(w.came)
	for _, o := range w.outages {
		h.when(o.from)
		h.text(string(o.failure))
	}
	h.flag(x.over)
	h.text(w.laws.Digest())
	for i := range x.p {
		h.process(&x.p[i])
	}
	s.buf = h.buf
	return maphash.Bytes(s.seed, h.buf)
}
