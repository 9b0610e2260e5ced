package serve

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
	"ecs-remedy/function/internal/timeline"
)

// modes are those that a run may have, the first one where none is chosen.
var modes = []string{"enforce", "observe", "off"}

// speeds are how many times faster than real time a run may be; 0: as fast as it goes. The first
// one is where none is chosen.
var speeds = []int{60, 1, 10, 0}

// asked is what a run is made of.
type asked struct {
	Guest   string
	Faults  []string
	Mode    string
	Speed   int
	Sample  string // name of the alarm's sample; empty: the default one, or a pasted one
	Event   drill.Event
	Setting config.Config
	Scene   drill.Scenario
}

// run is one drill, with what it told so far.
type run struct {
	asked
	N     int
	Begun time.Time // in real time
	start time.Time // in virtual time

	hurried chan struct{} // closed when it is to end as fast as it goes
	hurry   sync.Once

	mu      sync.Mutex
	entries []timeline.Entry
	now     timeline.Entry // the last reading of an instance that showed something new
	results []remedy.Result
	shelf   drill.Shelf
	failed  error // why there are no results
	over    bool
	more    chan struct{} // closed when there is more to tell, and replaced
}

// begin starts a run. The error says why the world could not be made.
func (s *Server) begin(a asked, now time.Time) (*run, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.active >= mostAtOnce || s.ctx.Err() != nil {
		return nil, errTooMany
	}
	s.last++
	r := &run{asked: a, N: s.last, Begun: now, start: a.Event.Starts(now.UTC().Round(time.Second)),
		hurried: make(chan struct{}), more: make(chan struct{})}
	s.active++
	s.runs = append(s.runs, r)
	if len(s.runs) > mostRuns {
		if n := slices.IndexFunc(s.runs, (*run).ended); n >= 0 {
			s.runs = slices.Delete(s.runs, n, n+1)
		}
	}
	s.under.Go(func() { s.play(r) })
	return r, nil
}

// play runs the drill. The virtual clock counts this goroutine.
func (s *Server) play(r *run) {
	recorder := timeline.NewRecorder(r.Event.Alarms, r.start, r.tell)
	over := func(results []remedy.Result, err error) {
		s.mu.Lock()
		s.active--
		s.mu.Unlock()
		r.end(results, err)
	}
	store, err := app.OpenStore(r.Setting, app.Credentials{})
	if err != nil {
		over(nil, err)
		return
	}
	folder, err := os.MkdirTemp("", "ecs-remedy-serve-")
	if err != nil {
		store.Close() // nothing was written
		over(nil, err)
		return
	}
	sim, err := drill.Simulate(drill.Options{Settings: r.Setting, Event: r.Event, Scenario: r.Scene,
		Start: r.start, Store: store, Watcher: &pace{s.ctx, r, recorder}, Evidence: folder})
	if err != nil {
		store.Close() // nothing was written
		os.RemoveAll(folder)
		over(nil, err)
		return
	}
	s.show(sim.World)
	recorder.Begin()
	results, err := sim.Play(s.ctx, r.Event.Payload, recorder)
	sim.Function.Close() // every write was answered before
	os.RemoveAll(folder) // the run holds what it held
	r.Event.Payload, r.shelf = nil, sim.Shelf
	over(results, err)
	// From now on the world lives in real time, until another run's takes its place.
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for s.world.Load() == sim.World {
		select {
		case <-s.ctx.Done():
			return
		case <-tick.C:
		}
		if sim.Clock.Sleep(s.ctx, time.Second) != nil {
			return
		}
	}
}

// pace lets a run's time pass no faster than it was asked for: it holds up the function after each
// decision, and virtual time stands still for whoever is held up. So the world is ahead of the
// clock on the wall by one poll at most.
type pace struct {
	ctx context.Context
	run *run
	to  *timeline.Recorder
}

// Decided implements handle.Watcher. What was decided before is told first.
func (p *pace) Decided(facts *remedy.Facts, step *remedy.Step) {
	p.to.Decided(facts, step)
	p.run.see(facts)
	p.run.wait(p.ctx, facts.Now)
}

// wait returns when the run's time has come that far on the wall.
func (r *run) wait(ctx context.Context, at time.Time) {
	if r.Speed == 0 {
		return
	}
	due := at.Sub(r.start)/time.Duration(r.Speed) - time.Since(r.Begun)
	if due <= 0 {
		return
	}
	timer := time.NewTimer(due)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-r.hurried:
	}
}

// tell takes an entry of the timeline.
func (r *run) tell(e timeline.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, e)
	r.wake()
}

// see takes what an instance was seen to be. The timeline tells it when it is over; whoever watches
// a slow run wants to know it before.
func (r *run) see(facts *remedy.Facts) {
	if !facts.Instance.OK() {
		return
	}
	status := facts.Instance.Value.Status
	r.mu.Lock()
	defer r.mu.Unlock()
	before := &r.now
	if before.Look != nil && before.Look.Status == status &&
		before.Event.Instance == facts.Alarm.Instance {
		return
	}
	alarm, at := facts.Alarm, facts.Instance.At
	r.now = timeline.Entry{At: at, Kind: timeline.KindLook, Event: &alarm,
		Look: &timeline.Look{Status: status, Until: at, Looks: 1}}
	r.wake()
}

// end takes what came of it.
func (r *run) end(results []remedy.Result, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results, r.failed, r.over = results, err, true
	r.wake()
}

func (r *run) wake() {
	close(r.more)
	r.more = make(chan struct{})
}

func (r *run) ended() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.over
}

// after is what was told after the nth entry, what an instance was last seen to be, whether that is
// all there will be, and what is closed when there is more.
func (r *run) after(n int) (entries []timeline.Entry, now timeline.Entry, over bool,
	more <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.entries[min(n, len(r.entries)):], r.now, r.over, r.more
}

// outcome is what came of the run; nil and nil while it is under way.
func (r *run) outcome() ([]remedy.Result, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.results, r.failed
}

// stories are what the run's page tells. The run is over.
func (r *run) stories(words *report.Words) []report.Story {
	r.mu.Lock()
	defer r.mu.Unlock()
	return drill.Stories(words, r.Event, r.entries, r.results, r.shelf)
}

// about is the first alarm that names an instance; nil where none does.
func (r *run) about() *events.Alarm {
	for n := range r.Event.Alarms {
		if a := &r.Event.Alarms[n]; a.Instance != "" {
			return a
		}
	}
	return nil
}

// find is the run of that number; nil where there is none.
func (s *Server) find(n int) *run {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.runs {
		if r.N == n {
			return r
		}
	}
	return nil
}
