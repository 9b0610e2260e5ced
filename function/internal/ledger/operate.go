package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// What an operator does by hand. Every change is a compare-and-swap like the function's own, and takes effect at once.

// Pause stops claims everywhere until the given time (zero: until Resume). Attempts that were claimed before are still watched.
func (l *Ledger) Pause(ctx context.Context, until time.Time, reason string) error {
	_, err := l.changeFleet(ctx, func(f *remedy.Fleet) remedy.Reason {
		f.Paused = remedy.Pause{Since: l.now().UTC(), Until: until, Reason: reason}
		return ""
	})
	return err
}

// Resume ends a pause. It reports whether there was one.
func (l *Ledger) Resume(ctx context.Context) (bool, error) {
	paused := false
	_, err := l.changeFleet(ctx, func(f *remedy.Fleet) remedy.Reason {
		paused = f.Paused.On(l.now())
		f.Paused = remedy.Pause{}
		return ""
	})
	return paused, err
}

// ErrNotOpen is the answer of Close where no such incident is open.
var ErrNotOpen = errors.New("no such incident is open")

// Close ends an open incident by hand, as failed/abandoned: nothing more is sent for it, even by an owner that is alive. It
// counts like any other that has ended.
func (l *Ledger) Close(ctx context.Context, incident string) (remedy.Incident, error) {
	instance, _, _ := strings.Cut(incident, "/")
	for {
		record, err := l.getRecord(ctx, instance)
		if err != nil {
			return remedy.Incident{}, err
		}
		if record.Open == nil || record.Open.ID != incident {
			return remedy.Incident{}, fmt.Errorf("%s: %w", incident, ErrNotOpen)
		}
		ended := *record.Open
		ended.Attempts = slices.Clone(ended.Attempts)
		ended.Unwatch()
		ended.EndedAt, ended.Verdict, ended.Reason = l.now().UTC(), remedy.VerdictFailed, remedy.ReasonAbandoned
		l.end(&record, &ended)
		if _, err = l.putRecord(ctx, instance, record); errors.Is(err, ErrConflict) {
			continue // its owner wrote at the same moment
		}
		if err != nil {
			return remedy.Incident{}, err
		}
		// Should this fail, the slot is dropped later: its incident is not in the record any more.
		_ = l.giveBack(ctx, &ended, false)
		return ended, nil
	}
}

// ErrNoRecord is the answer of Reset where nothing is known of the instance.
var ErrNoRecord = errors.New("the ledger knows no such instance")

// Reset forgets an instance's spent budget and cool-down: its next alarm is judged as if it had had no incident. Keys of alarms
// and the last recovery stay: old alarms stay old. It returns how many incidents were forgiven. An open incident goes on.
func (l *Ledger) Reset(ctx context.Context, instance string) (int, error) {
	for {
		record, err := l.getRecord(ctx, instance)
		if err != nil {
			return 0, err
		}
		if record.Revision == 0 {
			return 0, fmt.Errorf("%s: %w", instance, ErrNoRecord)
		}
		forgiven := 0
		record.Recent = slices.Clone(record.Recent)
		for i := range record.Recent {
			if !record.Recent[i].Forgiven {
				record.Recent[i].Forgiven = true
				forgiven++
			}
		}
		if forgiven == 0 {
			return 0, nil
		}
		if _, err := l.putRecord(ctx, instance, record); !errors.Is(err, ErrConflict) {
			return forgiven, err
		}
	}
}

// Overview is what the ledger held at a moment.
type Overview struct {
	At    time.Time
	Fleet remedy.Fleet
	// Records holds a reading of every instance with an open incident, or with one that began so lately that anything of it
	// counts. A record that cannot be understood is a reading with a Failure.
	Records map[string]remedy.Reading[remedy.Record]
}

// lookers is how many records Look reads at a time.
const lookers = 8

// Look reads all that counts, and writes nothing. It takes a round trip, and one for every instance. Records are read one after
// the fleet, so an incident that opens or ends at this moment may be in one of them only.
func (l *Ledger) Look(ctx context.Context) (Overview, error) {
	fleet, err := l.getFleet(ctx)
	if err != nil {
		return Overview{}, err
	}
	all := Overview{At: l.now().UTC(), Fleet: fleet, Records: map[string]remedy.Reading[remedy.Record]{}}
	var mu sync.Mutex
	for few := range slices.Chunk(instances(fleet), lookers) {
		var reads sync.WaitGroup
		for _, id := range few {
			reads.Go(func() {
				record, unread := l.getRecord(ctx, id)
				mu.Lock()
				defer mu.Unlock()
				all.Records[id] = reading(l.now(), record, unread)
				if unread != nil && !errors.Is(unread, errGarbled) {
					err = unread
				}
			})
		}
		reads.Wait()
		if err != nil {
			return Overview{}, err
		}
	}
	return all, nil
}

// instances are those whose record is worth looking at.
func instances(fleet remedy.Fleet) []string {
	var ids []string
	for _, slot := range fleet.Open {
		ids = append(ids, slot.Instance)
	}
	for _, begun := range fleet.Begun {
		ids = append(ids, begun.Instance)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
