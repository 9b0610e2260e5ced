package ecs

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"ecs-remedy/function/internal/remedy"
)

// whole returns ctx with the end of a whole read, all its pages and rounds together: twice the call
// limit. The first answer is there within one, and when the last one comes more than another one
// later, the first is too old to claim an attempt on. Calls that take a second, which is long for
// ECS, leave time for 20 of them one behind the other; a full batch with a stranger in it needs 8.
func (c *Client) whole(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, 2*c.limit)
}

// maxParallel is how many calls of one batch are under way at once.
const maxParallel = 16

// batch is a read of many instances: at most maxBatch a call, and each id gets a reading.
type batch[T any] struct {
	absent string // what is said of an id that the answer leaves out
	ask    func(ids []string) answers
	parse  func(entry value) (id string, value T, err error)
}

// readEach asks for groups of ids, all at once. When ECS refuses a group for what is asked, one bad
// id may be why: the halves are asked apart, again at once, so that it does not hide the others,
// and neither ages them. A group of n ids has its answers after log2(n)+1 rounds, or a few more
// when so many are bad that maxParallel holds them up. Every reading carries the times of the call
// that it came with. Returned too are the ids that ECS said it does not know.
func readEach[T any](c *Client, groups [][]string,
	b batch[T]) (readings map[string]remedy.Reading[T], unknown []string) {
	readings = make(map[string]remedy.Reading[T])
	for len(groups) > 0 {
		round := make([]answers, len(groups))
		var taken atomic.Int64
		c.each(min(maxParallel, len(groups)), func(int) {
			for {
				n := int(taken.Add(1)) - 1
				if n >= len(groups) {
					return
				}
				round[n] = b.ask(groups[n])
			}
		})
		var halves [][]string
		for n, ids := range groups {
			all := round[n]
			refused := all.trouble != nil && all.trouble.blames()
			if refused && len(ids) > 1 {
				halves = append(halves, ids[:len(ids)/2], ids[len(ids)/2:])
				continue
			}
			if refused && all.trouble.class() == gone {
				unknown = append(unknown, ids...)
			}
			found, whole := entriesByID(all, b.parse), reading[T](all)
			if all.trouble == nil {
				absent := &trouble{sent: true, text: b.absent, failure: remedy.FailureMissing}
				whole = failed[T](all.action, all.at, all.date, absent)
			}
			for _, id := range ids {
				r, there := found[id]
				if !there {
					r = whole
				}
				readings[id] = r
			}
		}
		groups = halves
	}
	return readings, unknown
}

// sortOut returns the ids to ask for, each once and in order, and calls bad with those that are
// none. A list of ids that were all left out would ask for every instance of the region.
func sortOut(ids []string, bad func(id string)) (good []string) {
	for _, id := range slices.Compact(slices.Sorted(slices.Values(ids))) {
		if validID(id) {
			good = append(good, id)
		} else {
			bad(id)
		}
	}
	return good
}

// strangers remembers what was last said of instances that DescribeCloudAssistantStatus did not
// know. One of them has the whole call refused, so they are asked about apart from the others, and
// not at all while the last answer is young.
type strangers struct {
	mu   sync.Mutex
	said map[string]remedy.Reading[remedy.Vitals] // by region and id
}

// ask divides ids into those to ask for together, those to ask for each apart, and those whose
// answer is there already.
func (s *strangers) ask(c *Client, region string, ids []string) (
	groups [][]string, known map[string]remedy.Reading[remedy.Vitals]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	known = make(map[string]remedy.Reading[remedy.Vitals])
	var together []string
	for _, id := range ids {
		last, is := s.said[region+"/"+id]
		switch {
		case !is:
			together = append(together, id)
		case c.now().Round(0).Sub(last.At.Round(0)).Abs() < c.limit:
			known[id] = last
		default:
			groups = append(groups, []string{id})
		}
	}
	return slices.AppendSeq(groups, slices.Chunk(together, maxBatch)), known
}

// learn remembers what was said of ids that ECS does not know, and forgets those of the others.
func (s *strangers) learn(region string, readings map[string]remedy.Reading[remedy.Vitals],
	unknown []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, r := range readings {
		if r.OK() {
			delete(s.said, region+"/"+id)
		}
	}
	for _, id := range unknown {
		s.said[region+"/"+id] = readings[id]
	}
}
