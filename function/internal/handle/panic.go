package handle

import "ecs-remedy/function/internal/remedy"

// A panic, of a store or of anything else within one alarm, is that alarm's failure: never the
// process's end, and no other alarm's. What is done for several alarms at once and panics is done
// for each of them alone. What a sweep itself does and panics is told as undone.

// caught does something, and returns what it panicked with; nil: it did not.
func caught(do func()) (panicked any) {
	defer func() { panicked = recover() }()
	do()
	return nil
}

// apart does something for this alarm alone. A panic is its result, if it has none yet.
func (g *hang) apart(do func()) {
	p := caught(do)
	if p == nil || g.done {
		return
	}
	g.done = true
	if g.result == nil {
		caught(func() { g.answer(g.facts.Panicked(p)) }) // whoever is told panics perhaps
	}
}

// each is the clock's Each. A panic is the caller's when all have returned, whichever goroutine it
// was on.
func (h *Handler) each(n int, do func(int)) {
	panicked := make([]any, n)
	h.Clock.Each(n, func(i int) { panicked[i] = caught(func() { do(i) }) })
	for _, p := range panicked {
		if p != nil {
			panic(p)
		}
	}
}

// forAll reads something for several hangs at once. Where that panics it is read for each of them
// alone; whom it panics for then reads for itself, and meets it there.
func (h *Handler) forAll(hangs []*hang, read func([]*hang)) {
	if caught(func() { read(hangs) }) != nil && len(hangs) > 1 {
		h.Clock.Each(len(hangs), func(i int) { caught(func() { read(hangs[i : i+1]) }) })
	}
}

// sweeping does a part of a sweep that is no single alarm's.
func (h *Handler) sweeping(do func()) {
	if p := caught(do); p != nil {
		caught(func() { h.Reporter.Unswept(remedy.Defect(p)) })
	}
}
