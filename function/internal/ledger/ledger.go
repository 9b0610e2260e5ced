// Package ledger remembers incidents, so that any process can take up any of them after any crash.
//
// There are two kinds of record, JSON objects under the keys of a [Store]: "instance/ID" holds what is known of one instance
// (its open incident, the recent ones, the keys of alarms that opened incidents), and "fleet" what is known of all together
// (who is under way, what began when, whether everything is paused). Observe mode keeps its own under "observe/", so that a
// rehearsal never blocks the real thing.
//
// Every write is a compare-and-swap on one record, and the order of writes makes every crash harmless: a slot is reserved in
// the fleet's record before the incident is written with its first claim, and given back after the incident's end is. A slot
// whose incident was never written is dropped once its lease is over.
package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Ledger is the incidents of one mode over a Store. It is safe for concurrent use, by several processes too.
type Ledger struct {
	store  Store
	prefix string
	policy remedy.Policy
	now    func() time.Time

	mu    sync.Mutex
	fleet *remedy.Fleet // as last seen, where the next change of it starts; nil: not seen yet
}

// New returns the ledger that policy.Mode reads and writes.
func New(store Store, policy remedy.Policy, now func() time.Time) *Ledger {
	l := &Ledger{store: store, policy: policy, now: now}
	if policy.Mode == remedy.ModeObserve {
		l.prefix = "observe/"
	}
	return l
}

// version is that of the stored forms below. Compatible changes: a new field whose zero value means what its absence meant
// before. Anything else needs a new version, and code that reads both.
const version = 1

type storedRecord struct {
	Version int                  `json:"version"`
	Open    *remedy.Incident     `json:"open,omitempty"`
	Recent  []remedy.Incident    `json:"recent,omitempty"`
	Alarms  map[string]time.Time `json:"alarms,omitempty"`
	Expires time.Time            `json:"expires,omitzero"` // when a store may drop it; never while an incident is open
}

type storedFleet struct {
	Version int            `json:"version"`
	Open    []remedy.Slot  `json:"open,omitempty"`
	Begun   []remedy.Begun `json:"begun,omitempty"`
	Paused  remedy.Pause   `json:"paused,omitzero"`
	Written time.Time      `json:"written"`
	Expires time.Time      `json:"expires,omitzero"`
}

// expires is until when a store keeps a record that nothing depends on: 30 days, or as long as anything in it counts. It is on
// the machine's clock, whatever the ledger's: it is the stores that drop, and theirs is the real time, in a drill too.
func (l *Ledger) expires() time.Time {
	return time.Now().Add(max(30*24*time.Hour, l.kept()+24*time.Hour)).UTC()
}

// kept is how long an incident that has ended counts for anything.
func (l *Ledger) kept() time.Duration { return max(l.policy.KeyRetention(), l.policy.Cooldown) }

func (l *Ledger) instanceKey(instance string) string { return l.prefix + "instance/" + instance }
func (l *Ledger) fleetKey() string                   { return l.prefix + "fleet" }

// errGarbled marks a record that is there and cannot be understood: trying again gives the same.
var errGarbled = errors.New("unreadable")

// decode reads a stored form; both have their version in the same place.
func decode(key string, value []byte, into any) error {
	var form struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(value, &form); err != nil {
		return fmt.Errorf("record %s is %w, and was not written by this program: look at it, and remove it: %w", key, errGarbled, err)
	}
	if form.Version != version {
		return fmt.Errorf("record %s is %w: it has version %d, and this program knows %d: run the version that wrote it",
			key, errGarbled, form.Version, version)
	}
	if err := json.Unmarshal(value, into); err != nil {
		return fmt.Errorf("record %s is %w, and was not written by this program: look at it, and remove it: %w", key, errGarbled, err)
	}
	return nil
}

func (l *Ledger) getRecord(ctx context.Context, instance string) (remedy.Record, error) {
	key := l.instanceKey(instance)
	value, revision, err := l.store.Get(ctx, key)
	if err != nil || revision == 0 {
		return remedy.Record{}, err
	}
	var s storedRecord
	if err := decode(key, value, &s); err != nil {
		return remedy.Record{}, err
	}
	return remedy.Record{Open: s.Open, Recent: s.Recent, Keys: s.Alarms, Revision: revision}, nil
}

func (l *Ledger) putRecord(ctx context.Context, instance string, r remedy.Record) (remedy.Record, error) {
	s := storedRecord{Version: version, Open: r.Open, Recent: r.Recent, Alarms: r.Keys}
	if r.Open == nil {
		s.Expires = l.expires()
	}
	value, err := json.Marshal(s)
	if err != nil {
		return r, err
	}
	revision, err := l.store.Put(ctx, l.instanceKey(instance), value, r.Revision)
	if err != nil {
		return r, err
	}
	r.Revision = revision
	return r, nil
}

func (l *Ledger) getFleet(ctx context.Context) (remedy.Fleet, error) {
	value, revision, err := l.store.Get(ctx, l.fleetKey())
	if err != nil {
		return remedy.Fleet{}, err
	}
	fleet := remedy.Fleet{Revision: revision}
	if revision != 0 {
		var s storedFleet
		if err := decode(l.fleetKey(), value, &s); err != nil {
			return remedy.Fleet{}, err
		}
		fleet.Open, fleet.Begun, fleet.Paused, fleet.Written = s.Open, s.Begun, s.Paused, s.Written
	}
	l.seen(fleet)
	return fleet, nil
}

func (l *Ledger) seen(fleet remedy.Fleet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fleet = &fleet
}

func (l *Ledger) lastSeen() *remedy.Fleet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fleet
}

// changeFleet applies a change to the fleet's record, anew as often as others get in between. It starts from the record as
// last seen, which saves a read when nobody did. A change that says no is not written, and its reason comes back.
func (l *Ledger) changeFleet(ctx context.Context, change func(*remedy.Fleet) remedy.Reason) (remedy.Reason, error) {
	for last := l.lastSeen(); ; last = nil {
		if last == nil {
			now, err := l.getFleet(ctx)
			if err != nil {
				return "", err
			}
			last = &now
		}
		fleet := *last
		fleet.Open, fleet.Begun = slices.Clone(fleet.Open), slices.Clone(fleet.Begun)
		if reason := change(&fleet); reason != "" {
			return reason, nil
		}
		now := l.now()
		fleet.Begun = slices.DeleteFunc(fleet.Begun, func(b remedy.Begun) bool { return now.Sub(b.At) >= l.kept() })
		s := storedFleet{Version: version, Open: fleet.Open, Begun: fleet.Begun, Paused: fleet.Paused, Written: now.UTC()}
		if len(s.Open) == 0 && s.Paused == (remedy.Pause{}) {
			s.Expires = l.expires()
		}
		value, err := json.Marshal(s)
		if err != nil {
			return "", err
		}
		revision, err := l.store.Put(ctx, l.fleetKey(), value, fleet.Revision)
		if err == nil {
			fleet.Written, fleet.Revision = s.Written, revision
			l.seen(fleet)
			return "", nil
		}
		if !errors.Is(err, ErrConflict) {
			return "", err
		}
	}
}

// reading is a value of the ledger as a fact; failures keep their text, which names the ledger and never a password.
func reading[T any](now time.Time, value T, err error) remedy.Reading[T] {
	r := remedy.Reading[T]{At: now, Value: value}
	if err != nil {
		r.Failure, r.Note = remedy.FailureUnavailable, err.Error()
		if errors.Is(err, errGarbled) {
			r.Failure = remedy.FailureUnreadable
		}
	}
	return r
}

// Record reads what is known of an instance: one round trip.
func (l *Ledger) Record(ctx context.Context, instance string) remedy.Reading[remedy.Record] {
	record, err := l.getRecord(ctx, instance)
	return reading(l.now(), record, err)
}

// Fleet reads what is known of all instances: one round trip, and a few more where the fleet's limit is reached and a slot
// may be one that nobody uses.
func (l *Ledger) Fleet(ctx context.Context) remedy.Reading[remedy.Fleet] {
	fleet, err := l.getFleet(ctx)
	if err == nil {
		if reason, _ := fleet.Full(l.policy, l.now()); reason == remedy.ReasonFleetConcurrent {
			fleet, err = l.prune(ctx, fleet)
		}
	}
	return reading(l.now(), fleet, err)
}

// Open lists the incidents under way, for the sweep, after dropping slots that nobody uses. Once a day it writes a pause anew:
// a table whose rows all expire after some weeks must not end it.
func (l *Ledger) Open(ctx context.Context) ([]remedy.Slot, error) {
	fleet, err := l.getFleet(ctx)
	if err == nil {
		fleet, err = l.prune(ctx, fleet)
	}
	if err == nil && fleet.Paused.On(l.now()) && l.now().Sub(fleet.Written) > 24*time.Hour {
		_, err = l.changeFleet(ctx, func(*remedy.Fleet) remedy.Reason { return "" })
	}
	return fleet.Open, err
}

// prune drops the slots whose reservation is over and whose incident is not in its instance's record: its owner died between
// the two writes, or after the incident's end. An incident that never came to be does not count for the hour either. A record
// that cannot be read keeps its slot, and is in nobody else's way.
func (l *Ledger) prune(ctx context.Context, fleet remedy.Fleet) (remedy.Fleet, error) {
	unused, unbegun := map[string]bool{}, map[string]bool{}
	for _, slot := range fleet.Open {
		// Whoever reserved it may have a clock that is behind ours.
		if l.now().Before(l.policy.Takeover(slot.LeaseUntil).Add(remedy.MaxSkew)) {
			continue
		}
		record, err := l.getRecord(ctx, slot.Instance)
		if err != nil || record.Open != nil && record.Open.ID == slot.Incident {
			continue
		}
		unused[slot.Incident] = true
		unbegun[slot.Incident] = !record.Ended(slot.Incident)
	}
	if len(unused) == 0 {
		return fleet, nil
	}
	_, err := l.changeFleet(ctx, func(f *remedy.Fleet) remedy.Reason {
		f.Open = slices.DeleteFunc(f.Open, func(s remedy.Slot) bool { return unused[s.Incident] })
		f.Begun = slices.DeleteFunc(f.Begun, func(b remedy.Begun) bool { return unbegun[b.Incident] })
		return ""
	})
	return *l.lastSeen(), err
}

// reserve takes a slot for the incident, unless everything is paused, a limit is reached, or somebody else is opening one of the
// same instance: two that open in the same second share an id, and the one that comes too late with its claim would give back
// the other's slot. With slot false (a rehearsal) it counts the incident's beginning only.
func (l *Ledger) reserve(ctx context.Context, record remedy.Record, incident *remedy.Incident, slot bool) (remedy.Reason, error) {
	return l.changeFleet(ctx, func(f *remedy.Fleet) remedy.Reason {
		now := l.now().UTC()
		if f.Paused.On(now) {
			return remedy.ReasonPaused
		}
		if _, opening := f.Opening(l.policy, record, incident.Instance, now); opening {
			return remedy.ReasonInProgress
		}
		if reason, _ := f.Full(l.policy, now); reason != "" {
			return reason
		}
		f.Begun = append(f.Begun, remedy.Begun{At: now, Instance: incident.Instance, Incident: incident.ID})
		if slot {
			l.take(f, incident, now)
		}
		return ""
	})
}

// take gives the incident a slot, in place of any that its instance still has from an incident that is over.
func (l *Ledger) take(f *remedy.Fleet, incident *remedy.Incident, now time.Time) {
	f.Open = slices.DeleteFunc(f.Open, func(s remedy.Slot) bool { return s.Instance == incident.Instance })
	f.Open = append(f.Open, remedy.Slot{Incident: incident.ID, Instance: incident.Instance, OpenedAt: incident.OpenedAt,
		LeaseUntil: l.policy.NewLease(now)})
}

// mayGoOn asks the fleet's record before a further claim: a pause holds at once, even while the guards are being asked. An
// incident whose slot was dropped, because its owner froze between the two writes of its first claim, gets it back: no limit
// stops what has begun.
func (l *Ledger) mayGoOn(ctx context.Context, incident *remedy.Incident) (remedy.Reason, error) {
	fleet, err := l.getFleet(ctx)
	switch {
	case err != nil:
		return "", err
	case fleet.Paused.On(l.now()):
		return remedy.ReasonPaused, nil
	case slices.ContainsFunc(fleet.Open, func(s remedy.Slot) bool { return s.Incident == incident.ID }):
		return "", nil
	}
	return l.changeFleet(ctx, func(f *remedy.Fleet) remedy.Reason {
		l.take(f, incident, l.now().UTC())
		return ""
	})
}

// giveBack frees the incident's slot. With unbegun it also takes back its beginning: the incident never came to be.
func (l *Ledger) giveBack(ctx context.Context, incident *remedy.Incident, unbegun bool) error {
	_, err := l.changeFleet(ctx, func(f *remedy.Fleet) remedy.Reason {
		f.Open = slices.DeleteFunc(f.Open, func(s remedy.Slot) bool { return s.Incident == incident.ID })
		if unbegun {
			f.Begun = slices.DeleteFunc(f.Begun, func(b remedy.Begun) bool { return b.Incident == incident.ID })
		}
		return ""
	})
	return err
}

// Claim writes the incident with one more attempt, before that attempt is sent. It succeeds only for the owner of a lease that
// still runs, and not during a pause; the first claim also reserves a slot. It stamps the attempt's ClaimedAt and SendBefore and
// renews the lease. A reason says that nothing was claimed: a limit, a pause, or InProgress where the record is not as it was
// (read it again). An error says that nothing is known, and nothing may be sent.
func (l *Ledger) Claim(ctx context.Context, record remedy.Record, incident *remedy.Incident, attempt remedy.Attempt) (
	remedy.Record, remedy.Reason, error) {
	first := record.Open == nil
	leaseUntil := l.policy.NewLease(incident.OpenedAt) // a first claim that takes longer than a lease comes too late
	ask := func() (remedy.Reason, error) { return l.reserve(ctx, record, incident, true) }
	if !first {
		leaseUntil = record.Open.LeaseUntil
		if record.Open.Owner != incident.Owner {
			return record, remedy.ReasonInProgress, nil
		}
		ask = func() (remedy.Reason, error) { return l.mayGoOn(ctx, incident) }
	}
	if reason, err := ask(); reason != "" || err != nil {
		return record, reason, err
	}
	now := l.now().UTC()
	claimed := *incident
	attempt.ClaimedAt, attempt.SendBefore = now, now.Add(l.policy.CallLimit())
	claimed.Attempts = append(slices.Clone(incident.Attempts), attempt)
	claimed.LeaseUntil = l.policy.NewLease(now)
	next := record
	next.Open = &claimed
	err := ErrConflict
	if !now.After(leaseUntil) {
		next, err = l.putRecord(ctx, incident.Instance, next)
	}
	switch {
	case err == nil:
		return next, "", nil
	case !errors.Is(err, ErrConflict):
		return record, "", err // a slot that was reserved for nothing is dropped after its lease
	case first:
		return record, remedy.ReasonInProgress, l.giveBack(ctx, incident, true)
	}
	return record, remedy.ReasonInProgress, nil
}

// Keep writes down where the incident stands, for its owner: Owner and LeaseUntil are written as they are, so that it takes
// over an incident whose lease ran out, renews a lease, or releases it (zero LeaseUntil). A note that its alarm was resolved,
// written by somebody else meanwhile, is kept. InProgress: the incident is somebody else's now, or has ended.
func (l *Ledger) Keep(ctx context.Context, record remedy.Record, incident *remedy.Incident) (remedy.Record, remedy.Reason, error) {
	return l.write(ctx, record, incident, func(r *remedy.Record, i *remedy.Incident) { r.Open = i })
}

// Settle writes the incident's end: it becomes one of the recent ones, its alarm's key is remembered, and its slot is free. An
// incident that was never opened (a rehearsal) is counted against the fleet's limits first, and may be refused by them.
func (l *Ledger) Settle(ctx context.Context, record remedy.Record, incident *remedy.Incident) (remedy.Record, remedy.Reason, error) {
	rehearsal := record.Open == nil
	if rehearsal {
		if reason, err := l.reserve(ctx, record, incident, false); reason != "" || err != nil {
			return record, reason, err
		}
	}
	record, reason, err := l.write(ctx, record, incident, l.end)
	if rehearsal && reason != "" {
		return record, reason, l.giveBack(ctx, incident, true)
	}
	if reason != "" || err != nil || rehearsal {
		return record, reason, err
	}
	// Should this fail, the slot is dropped later: its incident is not in the record any more.
	_ = l.giveBack(ctx, incident, false)
	return record, "", nil
}

// end turns the open incident into a recent one, and forgets what is too old to matter.
func (l *Ledger) end(r *remedy.Record, ended *remedy.Incident) {
	now := l.now()
	done := *ended
	done.Owner, done.LeaseUntil = "", time.Time{}
	r.Open = nil
	r.Recent = append(slices.Clone(r.Recent), done)
	r.Recent = slices.DeleteFunc(r.Recent, func(i remedy.Incident) bool { return now.Sub(i.EndedAt) >= l.kept() })
	keys := map[string]time.Time{done.Alarm.Key: now.UTC()}
	for key, at := range r.Keys {
		if now.Sub(at) < l.policy.KeyRetention() {
			keys[key] = at
		}
	}
	r.Keys = keys
}

// write changes the record of an incident that the caller owns or takes over. Where somebody else wrote in between, it goes on
// only if the incident is still the caller's: then no more than the note of a resolved alarm can have been added.
func (l *Ledger) write(ctx context.Context, record remedy.Record, incident *remedy.Incident,
	change func(*remedy.Record, *remedy.Incident)) (remedy.Record, remedy.Reason, error) {
	if open := record.Open; open != nil && open.Owner != incident.Owner && l.now().Before(l.policy.Takeover(open.LeaseUntil)) {
		return record, remedy.ReasonInProgress, nil
	}
	for {
		next, current := record, *incident
		if open := record.Open; open != nil && current.ResolvedAt.IsZero() {
			current.ResolvedAt = open.ResolvedAt
		}
		change(&next, &current)
		next, err := l.putRecord(ctx, incident.Instance, next)
		if !errors.Is(err, ErrConflict) {
			return next, "", err
		}
		if record, err = l.getRecord(ctx, incident.Instance); err != nil {
			return record, "", err
		}
		if open := record.Open; open == nil || open.ID != incident.ID || open.Owner != incident.Owner {
			return record, remedy.ReasonInProgress, nil
		}
	}
}

// Resolve notes in the open incident that its alarm was resolved, whoever owns it.
func (l *Ledger) Resolve(ctx context.Context, incident *remedy.Incident) error {
	for {
		record, err := l.getRecord(ctx, incident.Instance)
		if err != nil || record.Open == nil || record.Open.ID != incident.ID || !record.Open.ResolvedAt.IsZero() {
			return err
		}
		open := *record.Open
		open.ResolvedAt = incident.ResolvedAt
		record.Open = &open
		if _, err := l.putRecord(ctx, incident.Instance, record); !errors.Is(err, ErrConflict) {
			return err
		}
	}
}
