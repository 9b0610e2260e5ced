// Package ledger keeps what is known of incidents, so that any process can take up any of them
// after any crash. It knows no rule: the records and every change of them are package remedy's;
// this package encodes them, checks what it reads back, puts them into a [Store], and settles lost
// answers.
//
// There are three kinds of record, JSON objects under the keys of a Store: "instance/ID" holds what
// is known of one instance, "fleet" what is known of all together, and "function" the sweep's sign
// of life. Observe mode keeps its own under "observe/". Every write is a compare-and-swap on one
// record. Besides, [Probe] writes "doctor", and package notify what begins with "notify/".
package ledger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// Ledger is the records in a Store. It is safe for concurrent use, by several processes too.
type Ledger struct {
	store  Store
	policy remedy.Policy
	now    func() time.Time
}

// New returns the ledger in a store. The policy says how long a record that nothing depends on
// counts.
func New(store Store, policy remedy.Policy, now func() time.Time) *Ledger {
	return &Ledger{store: store, policy: policy, now: now}
}

// version is that of the stored forms below. Compatible changes: a new field whose zero value means
// what its absence meant before. Anything else needs a new version, and code that reads both.
const version = 2

type storedRecord struct {
	Version int                  `json:"version"`
	Open    *remedy.Incident     `json:"open,omitempty"`
	Recent  []remedy.Incident    `json:"recent,omitempty"`
	Alarms  map[string]time.Time `json:"alarms,omitempty"`
	// Expires is when a store may drop the record; never while an incident with an attempt is open.
	Expires time.Time `json:"expires,omitzero"`
}

// storedFleet never expires: where it is missing beside the function's sign of life, it was lost.
type storedFleet struct {
	Version int             `json:"version"`
	Open    []remedy.Slot   `json:"open,omitempty"`
	Waiting []remedy.Waiter `json:"waiting,omitempty"`
	Begun   []remedy.Begun  `json:"begun,omitempty"`
	Paused  remedy.Pause    `json:"paused,omitzero"`
	Lost    time.Time       `json:"lost,omitzero"`
	Written time.Time       `json:"written"`
}

type storedSign struct {
	Version int         `json:"version"`
	Mode    remedy.Mode `json:"mode"`
	Code    string      `json:"code"` // the code's version
	At      time.Time   `json:"at"`
	Open    int         `json:"open"`
	Waiting int         `json:"waiting"`
}

// expires is until when a store keeps a record that nothing depends on: 30 days, or as long as
// anything in it counts. It is on the machine's clock, whatever the ledger's: it is the stores that
// drop, and theirs is the real time, in a drill too.
func (l *Ledger) expires() time.Time {
	return time.Now().Add(max(30*24*time.Hour, l.policy.Retention()+24*time.Hour)).UTC()
}

func instanceKey(book remedy.Book, instance string) string {
	return string(book) + "instance/" + instance
}

func fleetKey(book remedy.Book) string { return string(book) + "fleet" }

func signKey(book remedy.Book) string { return string(book) + "function" }

// errUnreadable marks a record that is there and cannot be understood: trying again gives the same.
var errUnreadable = errors.New("unreadable")

// decode reads a stored form; all have their version in the same place. What can be read is read in
// one go: of a large fleet's record that is most of what a call costs us.
func decode(key string, value []byte, into any, found *int) error {
	foreign := "record %s is %w, and was not written by this program: look at it, and remove it: %w"
	malformed := json.Unmarshal(value, into)
	form := struct {
		Version int `json:"version"`
	}{*found}
	if malformed != nil { // perhaps another version has other types
		form.Version = 0
		if err := json.Unmarshal(value, &form); err != nil {
			return fmt.Errorf(foreign, key, errUnreadable, err)
		}
	}
	if form.Version == 0 {
		return fmt.Errorf(foreign, key, errUnreadable, errors.New("it has no version"))
	}
	if form.Version != version {
		return fmt.Errorf("record %s is %w: it has version %d, and this program knows %d: "+
			"run the version that wrote it", key, errUnreadable, form.Version, version)
	}
	if malformed != nil {
		return fmt.Errorf(foreign, key, errUnreadable, malformed)
	}
	return nil
}

func (l *Ledger) getRecord(ctx context.Context, book remedy.Book, instance string) (
	remedy.Record, error) {
	key := instanceKey(book, instance)
	value, revision, err := l.store.Get(ctx, key)
	if err != nil || revision == 0 {
		return remedy.Record{}, err
	}
	var s storedRecord
	if err := decode(key, value, &s, &s.Version); err != nil {
		return remedy.Record{}, err
	}
	if wrong := wrongRecord(&s, instance); wrong != "" {
		return remedy.Record{}, fmt.Errorf("record %s is %w: %s: look at it, and remove it", key,
			errUnreadable, wrong)
	}
	return remedy.Record{Open: s.Open, Recent: s.Recent, Keys: s.Alarms, Revision: revision}, nil
}

func (l *Ledger) getFleet(ctx context.Context, book remedy.Book) (remedy.Fleet, error) {
	key := fleetKey(book)
	value, revision, err := l.store.Get(ctx, key)
	if err != nil || revision == 0 {
		return remedy.Fleet{}, err
	}
	var s storedFleet
	if err := decode(key, value, &s, &s.Version); err != nil {
		return remedy.Fleet{}, err
	}
	if wrong := wrongFleet(&s); wrong != "" {
		return remedy.Fleet{}, fmt.Errorf("record %s is %w: %s: look at it, and remove it", key,
			errUnreadable, wrong)
	}
	return remedy.Fleet{Open: s.Open, Waiting: s.Waiting, Begun: s.Begun, Paused: s.Paused,
		Lost: s.Lost, Written: s.Written, Revision: revision}, nil
}

func (l *Ledger) getSign(ctx context.Context, book remedy.Book) (remedy.Sign, error) {
	key := signKey(book)
	value, revision, err := l.store.Get(ctx, key)
	if err != nil || revision == 0 {
		return remedy.Sign{}, err
	}
	var s storedSign
	if err := decode(key, value, &s, &s.Version); err != nil {
		return remedy.Sign{}, err
	}
	return remedy.Sign{Mode: s.Mode, Version: s.Code, At: s.At, Open: s.Open, Waiting: s.Waiting,
		Revision: revision}, nil
}

// encode is a record as it is stored, its key, and the revision that it replaces.
func (l *Ledger) encode(book remedy.Book, instance string, write remedy.Write) (
	key string, value []byte, expected uint64, err error) {
	if fleet := write.Fleet; fleet != nil {
		value, err = json.Marshal(storedFleet{Version: version, Open: fleet.Open,
			Waiting: fleet.Waiting, Begun: fleet.Begun, Paused: fleet.Paused, Lost: fleet.Lost,
			Written: fleet.Written})
		return fleetKey(book), value, fleet.Revision, err
	}
	if sign := write.Sign; sign != nil {
		value, err = json.Marshal(storedSign{Version: version, Mode: sign.Mode, Code: sign.Version,
			At: sign.At, Open: sign.Open, Waiting: sign.Waiting})
		return signKey(book), value, sign.Revision, err
	}
	record := write.Record
	s := storedRecord{
		Version: version,
		Open:    record.Open,
		Recent:  record.Recent,
		Alarms:  record.Keys,
	}
	if record.Open == nil || len(record.Open.Attempts) == 0 {
		s.Expires = l.expires() // an opening that nobody goes on with is nothing
	}
	value, err = json.Marshal(s)
	return instanceKey(book, instance), value, record.Revision, err
}

// reading is a value of the ledger as a fact; failures keep their text, which names the ledger and
// never a password.
func reading[T any](now time.Time, value T, err error) remedy.Reading[T] {
	r := remedy.Reading[T]{At: now, Value: value}
	if err != nil {
		r.Failure, r.Note = remedy.FailureUnavailable, err.Error()
		if errors.Is(err, errUnreadable) {
			r.Failure = remedy.FailureUnreadable
		}
	}
	return r
}

// Record reads what is known of an instance: one round trip.
func (l *Ledger) Record(ctx context.Context, book remedy.Book, instance string) (
	r remedy.Reading[remedy.Record]) {
	record, err := l.getRecord(ctx, book, instance)
	return reading(l.now(), record, err)
}

// Fleet reads what is known of all instances: one round trip.
func (l *Ledger) Fleet(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Fleet] {
	fleet, err := l.getFleet(ctx, book)
	return reading(l.now(), fleet, err)
}

// Sign reads the function's sign of life: one round trip.
func (l *Ledger) Sign(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Sign] {
	sign, err := l.getSign(ctx, book)
	return reading(l.now(), sign, err)
}

// Write puts a record, at the revision that it carries: one round trip. Where the answer is lost,
// it looks once, in as much time as the call had, whether the record was stored.
func (l *Ledger) Write(ctx context.Context, book remedy.Book, instance string,
	write remedy.Write) remedy.Written {
	key, value, expected, err := l.encode(book, instance, write)
	if err != nil {
		return remedy.Written{At: l.now(), Wrote: remedy.WroteUnknown, Note: err.Error()}
	}
	limit := l.policy.CallLimit()
	if deadline, has := ctx.Deadline(); has {
		limit = min(limit, time.Until(deadline))
	}
	revision, err := l.store.Put(ctx, key, value, expected)
	switch {
	case err == nil:
		return remedy.Written{At: l.now(), Wrote: remedy.WroteDone, Revision: revision}
	case errors.Is(err, ErrConflict):
		return remedy.Written{At: l.now(), Wrote: remedy.WroteConflict, Note: err.Error()}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	stored, revision, lost := l.store.Get(ctx, key)
	switch {
	case lost == nil && bytes.Equal(stored, value):
		return remedy.Written{At: l.now(), Wrote: remedy.WroteDone, Revision: revision}
	case lost == nil && revision != expected:
		return remedy.Written{At: l.now(), Wrote: remedy.WroteConflict, Note: ErrConflict.Error()}
	}
	return remedy.Written{At: l.now(), Wrote: remedy.WroteUnknown, Note: err.Error()}
}
