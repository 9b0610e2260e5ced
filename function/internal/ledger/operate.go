package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// What an operator does by hand: the core's changes of the records, each a compare-and-swap like
// the function's own, made again as often as somebody else writes in between. They take effect at
// once.

// Records are what one mode keeps in a ledger, for an operator.
type Records struct {
	*Ledger
	book remedy.Book
}

// In returns the records of one mode.
func (l *Ledger) In(book remedy.Book) *Records { return &Records{l, book} }

// Record reads what is known of an instance.
func (l *Records) Record(ctx context.Context, instance string) remedy.Reading[remedy.Record] {
	return l.Ledger.Record(ctx, l.book, instance)
}

// Fleet reads what is known of all instances.
func (l *Records) Fleet(ctx context.Context) remedy.Reading[remedy.Fleet] {
	return l.Ledger.Fleet(ctx, l.book)
}

// Sign reads the function's sign of life.
func (l *Records) Sign(ctx context.Context) remedy.Reading[remedy.Sign] {
	return l.Ledger.Sign(ctx, l.book)
}

// changeFleet makes a change of the fleet's record.
func (l *Records) changeFleet(ctx context.Context,
	change func(remedy.Fleet) (_ remedy.Fleet, worthIt bool)) error {
	for {
		fleet, err := l.getFleet(ctx, l.book)
		if err != nil {
			return err
		}
		fleet, worthIt := change(fleet)
		if !worthIt {
			return nil
		}
		if again, err := l.put(ctx, "", remedy.Write{Fleet: &fleet}); !again {
			return err
		}
	}
}

// put writes a record. It reports whether somebody else wrote first, so that the change must be
// made again on what is there now.
func (l *Records) put(ctx context.Context, instance string, write remedy.Write) (
	again bool, err error) {
	switch w := l.Write(ctx, l.book, instance, write); w.Wrote {
	case remedy.WroteDone:
		return false, nil
	case remedy.WroteConflict:
		return ctx.Err() == nil, ctx.Err()
	default:
		return false, errors.New(w.Note)
	}
}

// Pause stops claims everywhere until the given time (zero: until Resume). Attempts that were
// claimed before are still watched. It returns the pause that it replaces, if one was in force.
func (l *Records) Pause(ctx context.Context, until time.Time, reason string) (
	replaced remedy.Pause, err error) {
	err = l.changeFleet(ctx, func(f remedy.Fleet) (remedy.Fleet, bool) {
		replaced = remedy.Pause{}
		if f.Paused.On(l.now()) {
			replaced = f.Paused
		}
		return f.WithPause(until, reason, l.now()), true
	})
	return replaced, err
}

// Resume ends a pause. It reports whether there was one.
func (l *Records) Resume(ctx context.Context) (paused bool, err error) {
	err = l.changeFleet(ctx, func(f remedy.Fleet) (_ remedy.Fleet, always bool) {
		f, paused = f.Resumed(l.now())
		return f, true
	})
	return paused, err
}

// ErrNotOpen is the answer of Close where no such incident is open.
var ErrNotOpen = errors.New("no such incident is open")

// Close ends an open incident by hand, as failed/abandoned: nothing more is sent for it, even by an
// owner that is alive. It counts like any other that has ended.
func (l *Records) Close(ctx context.Context, incident string) (
	remedy.Incident, error) {
	instance := remedy.InstanceOf(incident)
	for {
		record, err := l.getRecord(ctx, l.book, instance)
		if err != nil {
			return remedy.Incident{}, err
		}
		record, ended, open := record.Closed(incident, l.policy, l.now())
		if !open {
			return remedy.Incident{}, fmt.Errorf("%s: %w", incident, ErrNotOpen)
		}
		again, err := l.put(ctx, instance, remedy.Write{Record: &record})
		if again {
			continue // its owner wrote at the same moment
		}
		if err == nil {
			// Should this fail, the sweep drops the slot: its incident has ended.
			_ = l.changeFleet(ctx, func(f remedy.Fleet) (remedy.Fleet, bool) {
				return f.Freed(&ended, l.now())
			})
		}
		return ended, err
	}
}

// ErrNoRecord is the answer of Reset where nothing is known of the instance, and ErrOpen where an
// incident of it is open: the one that is under way would be judged by half of its past.
var (
	ErrNoRecord = errors.New("the ledger knows no such instance")
	ErrOpen     = errors.New("an incident of the instance is open")
)

// Reset forgets an instance's spent budget and cool-down: its next alarm is judged as if it had had
// no incident. Keys of alarms and the last recovery stay: old alarms stay old. It returns how many
// incidents were forgiven.
func (l *Records) Reset(ctx context.Context, instance string) (int, error) {
	for {
		record, err := l.getRecord(ctx, l.book, instance)
		if err != nil {
			return 0, err
		}
		if record.Revision == 0 {
			return 0, fmt.Errorf("%s: %w", instance, ErrNoRecord)
		}
		record, forgiven, allowed := record.Reset()
		if !allowed {
			return 0, fmt.Errorf("%s: %w", record.Open.ID, ErrOpen)
		}
		if forgiven == 0 {
			return 0, nil
		}
		if again, err := l.put(ctx, instance, remedy.Write{Record: &record}); !again {
			return forgiven, err
		}
	}
}

// Overview is what the ledger held at a moment.
type Overview struct {
	At    time.Time
	Fleet remedy.Fleet
	// Records holds a reading of every instance that the ledger has a record of, or that has a slot
	// or a beginning in the fleet's. A record that cannot be understood is a reading with a
	// Failure.
	Records map[string]remedy.Reading[remedy.Record]
}

// lookers is how many records Look reads at a time.
const lookers = 8

// Look reads all that there is, and writes nothing: the records that stand in the store, whatever
// the fleet's record says of them, so that nothing hides from an operator. It takes a round trip,
// those of a listing, and one for every instance. Records are read after the fleet, so an incident
// that opens or ends at this moment may be in one of them only.
func (l *Records) Look(ctx context.Context) (Overview, error) {
	fleet, err := l.getFleet(ctx, l.book)
	if err != nil {
		return Overview{}, err
	}
	ids, err := l.instances(ctx, fleet)
	if err != nil {
		return Overview{}, err
	}
	all := Overview{At: l.now().UTC(), Fleet: fleet,
		Records: map[string]remedy.Reading[remedy.Record]{}}
	var mu sync.Mutex
	for few := range slices.Chunk(ids, lookers) {
		var reads sync.WaitGroup
		for _, id := range few {
			reads.Go(func() {
				record, unread := l.getRecord(ctx, l.book, id)
				mu.Lock()
				defer mu.Unlock()
				all.Records[id] = reading(l.now(), record, unread)
				if unread != nil && !errors.Is(unread, errUnreadable) {
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

// instances are those that have a record in the store, and those that the fleet's record names.
func (l *Records) instances(ctx context.Context, fleet remedy.Fleet) ([]string, error) {
	lister, can := l.store.(Lister)
	if !can {
		return nil, errors.New("this ledger cannot list its records")
	}
	var ids []string
	prefix := instanceKey(l.book, "")
	err := lister.List(ctx, prefix, func(key string) error {
		if id := key[len(prefix):]; id != "" {
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, slot := range fleet.Open {
		ids = append(ids, slot.Instance)
	}
	for _, begun := range fleet.Begun {
		ids = append(ids, begun.Instance)
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
