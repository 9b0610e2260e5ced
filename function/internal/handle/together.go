package handle

import (
	"context"
	"slices"
	"sync"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Together lets the hangs of one process change the fleet's record together: those that come while
// a write of it is on its way wait for that, and go into the next one, each decided by Next on the
// record as the one before it leaves it. So one write is as good as all of theirs, one after the
// other and nobody else in between: it is done for all of them, or for none. Nothing is decided
// here, and what this process has written itself nobody in it has to learn from a conflict.
// Readings they share in the same way: who wants one while another is on its way shares the next.
//
// The zero Together is ready. It is safe for concurrent use.
type Together struct {
	mu    sync.Mutex
	lines map[remedy.Book]*line
}

// line is the hangs that want to change one book's record.
type line struct {
	mu      sync.Mutex
	busy    bool      // it is somebody's turn
	waiting []*change // for their turn, in the order in which they came
	// newest is what this process has last written, or read since; zero: somebody else has written
	// since, or may have.
	newest remedy.Reading[remedy.Fleet]
	// reading is on its way, and nextReading is for those who have come since; nil: none.
	reading, nextReading *shared
}

// shared is one reading of the record, for one hang or several; it is there when done is closed.
type shared struct {
	done  chan struct{}
	fleet remedy.Reading[remedy.Fleet]
}

// change is what one hang wants to do to the record.
type change struct {
	hang *hang
	step *remedy.Step
	// ready is closed when it is its turn, or when the write that it goes along with has an answer.
	ready chan struct{}
	// along is that write; nil: none. Once it is set, facts and step are as they were decided for
	// it. The line's mutex guards it.
	along *joint
	facts remedy.Facts
}

// joint is one write of the record, for one hang or several, and what became of it.
type joint struct {
	fleet   remedy.Fleet
	written remedy.Written
}

func (t *Together) line(book remedy.Book) *line {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lines == nil {
		t.lines = map[remedy.Book]*line{}
	}
	if t.lines[book] == nil {
		t.lines[book] = &line{}
	}
	return t.lines[book]
}

// writeFleet takes a step that writes the fleet's record, by itself or with others. Where it had to
// wait and something else is to be done by then, it takes none: Next gives that again.
func (g *hang) writeFleet(ctx context.Context, step *remedy.Step) {
	if g.Together == nil {
		g.decided(step)
		g.facts.Wrote(step.Write, g.write(ctx, step.Write))
		return
	}
	l := g.Together.line(g.facts.Book)
	c := &change{hang: g, step: step, ready: make(chan struct{})}
	waited := l.enter(c)
	if waited && !c.hasTurn(l) {
		return
	}
	defer l.pass()
	if c.upToDate(ctx, l, waited) {
		c.write(ctx, l)
	}
}

// sharedFleet reads the fleet's record, alone or with others of this process.
func (g *hang) sharedFleet(ctx context.Context) remedy.Reading[remedy.Fleet] {
	if g.Together == nil {
		return g.readFleet(ctx, g.facts.Book)
	}
	return g.Together.line(g.facts.Book).read(ctx, g)
}

// read reads the record, after it was asked for, and once for all who ask while another reading is
// on its way. A failure is shared with nobody: it may be that of one who had no more time.
func (l *line) read(ctx context.Context, g *hang) remedy.Reading[remedy.Fleet] {
	l.mu.Lock()
	before, r := l.reading, &shared{done: make(chan struct{})}
	first := true
	switch {
	case before == nil:
		l.reading = r
	case l.nextReading == nil:
		l.nextReading = r
	default:
		first, r = false, l.nextReading
	}
	l.mu.Unlock()
	limit := time.NewTimer(g.Policy.CallLimit())
	defer limit.Stop()
	until := func(done <-chan struct{}) {
		select {
		case <-done:
		case <-ctx.Done():
		case <-limit.C:
		}
	}
	if !first {
		if until(r.done); r.there() {
			return r.fleet
		}
		return g.readFleet(ctx, g.facts.Book)
	}
	defer l.hasRead(r)
	if before != nil {
		until(before.done)
		l.mu.Lock()
		l.reading = r
		if l.nextReading == r {
			l.nextReading = nil // who asks from now on asks for another
		}
		l.mu.Unlock()
	}
	r.fleet = g.readFleet(ctx, g.facts.Book)
	return r.fleet
}

// there reports whether the reading has come, and is one.
func (r *shared) there() bool {
	select {
	case <-r.done:
		return r.fleet.OK()
	default:
		return false
	}
}

// hasRead gives a reading to those who share it.
func (l *line) hasRead(r *shared) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.reading == r {
		l.reading = nil
	}
	l.newest = remedy.Newest(l.newest, r.fleet)
	close(r.done)
}

// enter reports whether the change has to wait.
func (l *line) enter(c *change) (waits bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	waits, l.busy = l.busy, true
	if waits {
		l.waiting = append(l.waiting, c)
	}
	return waits
}

// pass ends a turn: the next one's begins.
func (l *line) pass() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy = len(l.waiting) > 0; l.busy {
		close(l.waiting[0].ready)
		l.waiting = l.waiting[1:]
	}
}

// hasTurn waits for the change's turn, for as long as a write may take. It reports false where the
// change has gone along with another's write, or where there was no more time.
func (c *change) hasTurn(l *line) bool {
	limit := time.NewTimer(c.hang.writeLimit())
	defer limit.Stop()
	late := false
	select {
	case <-c.ready:
	case <-limit.C:
		late = true
	}
	l.mu.Lock()
	along, at := c.along, slices.Index(l.waiting, c)
	if at >= 0 {
		l.waiting = slices.Delete(l.waiting, at, at+1)
	}
	l.mu.Unlock()
	switch {
	case at >= 0: // late: nothing of it was stored, and somebody else writes
		c.hang.facts.Wrote(c.step.Write, remedy.Written{At: c.hang.Clock.Now(),
			Wrote: remedy.WroteConflict, Note: "others of this process write the record"})
	case along == nil:
		return true
	case late:
		c.took(along, remedy.Written{At: c.hang.Clock.Now(), Wrote: remedy.WroteUnknown,
			Note: "the write that it went along with has no answer yet"})
	default:
		c.took(along, along.written)
	}
	return false
}

// took gives a hang the answer to the write that its change went along with.
func (c *change) took(along *joint, written remedy.Written) {
	c.hang.facts = c.facts
	c.hang.decided(c.step)
	c.hang.facts.Wrote(remedy.Write{Fleet: &along.fleet}, written)
}

// upToDate gives a hang whose turn it is the newest record that the process knows, and one that had
// to wait at least one from after that. It reports whether the hang still wants to write it.
func (c *change) upToDate(ctx context.Context, l *line, waited bool) bool {
	g, f := c.hang, &c.hang.facts
	l.mu.Lock()
	newest := l.newest
	l.mu.Unlock()
	read, again := f.CatchUp(newest, waited)
	if read {
		f.Fleet = l.read(ctx, g)
	}
	if !again {
		return true
	}
	f.Ask(g.Clock.Now())
	step := remedy.Next(&g.Policy, f)
	c.step = &step
	return step.Do == remedy.DoWrite && step.Write.Fleet != nil
}

// write writes the record, with the changes of those who wait, as far as they still want to make
// them then. The others stay in the line.
func (c *change) write(ctx context.Context, l *line) {
	g := c.hang
	g.decided(c.step)
	all := &joint{fleet: *c.step.Write.Fleet}
	along := l.gather(g, all)
	defer func() { // whatever the store does
		l.mu.Lock()
		defer l.mu.Unlock()
		l.newest = all.written.Left(all.fleet)
		for _, d := range along {
			close(d.ready)
		}
	}()
	all.written = g.write(ctx, remedy.Write{Fleet: &all.fleet})
	g.facts.Wrote(remedy.Write{Fleet: &all.fleet}, all.written)
}

// gather takes those who go along with g's write out of the line.
func (l *line) gather(g *hang, all *joint) (along []*change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := g.Clock.Now() // nothing that they know is newer
	all.written = remedy.Written{At: now, Wrote: remedy.WroteUnknown,
		Note: "the write that it went along with was broken off"}
	l.waiting = slices.DeleteFunc(l.waiting, func(d *change) bool {
		goes := d.joins(g, all, now)
		if goes {
			along = append(along, d)
		}
		return goes
	})
	return along
}

// joins makes the change one of g's write, and reports whether it is one there. It is none where
// deciding on it panics, which is for its own turn to meet.
func (c *change) joins(g *hang, all *joint, now time.Time) (goes bool) {
	caught(func() {
		facts, step, along := c.hang.facts.Joins(&g.Policy, now, all.fleet, c.hang.writeLimit(),
			g.writeLimit())
		if along {
			c.facts, c.step, c.along = facts, &step, all
			all.fleet = *step.Write.Fleet
		}
		goes = along
	})
	return goes
}
