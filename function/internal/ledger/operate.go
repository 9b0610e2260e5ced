package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
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
		ended.EndedAt, ended.Verdict, ended.Reason = l.now().UTC(), remedy.GaveUp, remedy.Abandoned
		l.end(&record, &ended)
		if _, err = l.putRecord(ctx, instance, record); errors.Is(err, ErrConflict) {
			continue // its owner wrote at the same moment
		}
		if err != nil {
			return remedy.Incident{}, err
		}
		return ended, l.giveBack(ctx, &ended, false)
	}
}

// Reset forgets an instance's spent budget and cool-down: its next alarm is judged as if it had had no incident. Keys of alarms
// and the last recovery stay: old alarms stay old. It returns how many incidents were forgiven.
func (l *Ledger) Reset(ctx context.Context, instance string) (int, error) {
	for {
		record, err := l.getRecord(ctx, instance)
		if err != nil {
			return 0, err
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

// Instances lists the instances that have a record worth looking at: those of open incidents, and those whose incidents began
// within the time that anything of them counts.
func Instances(fleet remedy.Fleet) []string {
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
