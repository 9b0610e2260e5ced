package notify

import (
	"context"
	"errors"
	"slices"
	"sync"

	"ecs-remedy/function/internal/remedy"
)

// Tally brings the refusals of one process together, so that the processes compete for the ledger's
// record, and not every one of hundreds of invocations: of those, each would win only after all
// others of its time had, and most would give up before. The zero Tally is ready. All methods may
// be called concurrently.
type Tally struct {
	mutex sync.Mutex
	busy  bool     // the first of the queue leads, or is told to
	queue []*entry // who waits or leads; who gives up leaves it, whoever writes for it by then
}

// entry is what one invocation has to count.
type entry struct {
	groups map[remedy.Reason][]Notice
	lead   chan struct{} // it is this one's turn to write for all who wait
	served chan error    // another one wrote for this one
}

// count has write called for the groups, together with what others want to count at the same time:
// by this caller, who then gets what is to be told, or by another one, who does. With an error it
// is not known whether they were counted.
func (t *Tally) count(ctx context.Context, groups map[remedy.Reason][]Notice,
	write func(context.Context, map[remedy.Reason][]Notice) ([]Notice, error)) ([]Notice, error) {
	mine := &entry{groups, make(chan struct{}, 1), make(chan error, 1)}
	t.mutex.Lock()
	t.queue = append(t.queue, mine)
	if !t.busy {
		t.pass()
	}
	t.mutex.Unlock()
	select {
	case err := <-mine.served:
		return nil, err
	case <-mine.lead:
		return t.writeAll(ctx, mine, write)
	case <-ctx.Done():
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.leave(mine)
		if len(mine.lead) > 0 { // it became its turn at this moment
			t.pass()
		}
		return nil, ctx.Err()
	}
}

// errBrokenOff is what the others get of a write that panicked.
var errBrokenOff = errors.New("the write that it went along with was broken off")

// writeAll writes for all who wait. If the leader's time is over in the middle of it, the others go
// on without it.
func (t *Tally) writeAll(ctx context.Context, mine *entry,
	write func(context.Context, map[remedy.Reason][]Notice) ([]Notice, error)) (
	due []Notice, err error) {
	t.mutex.Lock()
	all := slices.Clone(t.queue)
	t.mutex.Unlock()
	together := map[remedy.Reason][]Notice{}
	for _, e := range all {
		for reason, group := range e.groups {
			together[reason] = append(together[reason], group...)
		}
	}
	err = errBrokenOff
	defer func() { // whatever the ledger does
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.leave(mine)
		if err == nil || ctx.Err() == nil {
			t.queue = slices.DeleteFunc(t.queue, func(e *entry) bool {
				served := slices.Contains(all, e)
				if served {
					e.served <- err
				}
				return served
			})
		}
		t.pass()
	}()
	due, err = write(ctx, together)
	return due, err
}

// leave takes an entry out of the queue. The mutex must be held.
func (t *Tally) leave(mine *entry) {
	t.queue = slices.DeleteFunc(t.queue, func(e *entry) bool { return e == mine })
}

// pass makes the first who waits the leader, if there is one. The mutex must be held.
func (t *Tally) pass() {
	if t.busy = len(t.queue) > 0; t.busy {
		t.queue[0].lead <- struct{}{}
	}
}
