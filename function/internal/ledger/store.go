package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"
)

// Store keeps small JSON objects under keys ("instance/i-bp1…", "fleet", "observe/fleet"). It can
// compare and swap one key and nothing else: whatever spans two keys is the ledger's business. All
// methods may be called concurrently.
//
// A value may have the top-level field "expires", a time in RFC 3339, from which on the store may
// drop the key. Without it the key is kept for ever: an open incident and a pause have none.
//
// A revision is never used twice for one key, not even after the key expired and was written again.
// A caller that slept through all that still holds a revision that no longer matches.
//
// Keys hold ids from alarms, and values hold texts from everywhere, so to a store both are bytes
// from outside. A key has 1 to MaxKey bytes of UTF-8, a value at most MaxValue bytes; anything else
// is refused before anything is sent. Neither is ever spliced into a command, a script, a pattern
// or a path: bolt and memory compare bytes, Redis gets them as arguments (see [Redis]), and
// Tablestore as the value of a primary key or of a column. Two keys are never one record: what is
// written begins with a word of ours ("instance/", "fleet", "function", the same behind "observe/",
// "doctor", "notify/"), and an id is only ever the end of a key.
//
// No panic of a library, whatever a file or a server made it read, leaves a store: it is the error
// of that call.
type Store interface {
	// Get returns the value and its revision, or nil and 0 where nothing is stored. The value is
	// the caller's own copy.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)

	// Put writes the value if the key's revision is still the expected one (0: nothing is stored)
	// and returns the new revision, which is always greater.
	//
	// ErrConflict: somebody else wrote, or is writing at this moment; this call changed nothing.
	// After any other error it is not known whether the value was written: the caller must not act
	// as if it was, nor as if it was not. A store settles what it can settle (an answer that was
	// lost, say) before it returns such an error.
	Put(ctx context.Context, key string, value []byte, expected uint64) (revision uint64, err error)

	// Close releases what the store holds. Nothing may be called after it.
	Close() error
}

// Lister is what every store of this package can do besides, for the operator's commands: what they
// look for beyond a single record need not stand in one that every process writes. All methods may
// be called concurrently.
type Lister interface {
	// List calls each with every stored key that begins with the prefix (the empty one is that of
	// all), once, in no particular order. Keys that have expired are left out. A key that is
	// written for the first time, or dropped, during the listing may be given or not; one that is
	// there all the time is given.
	//
	// An error of each ends the listing and is returned as it is. each may use the store. A listing
	// takes one request after another, page by page, each with the store's own limit; all together
	// have no limit but the context's.
	List(ctx context.Context, prefix string, each func(key string) error) error
}

const (
	// MaxValue is the largest value in bytes, on every store: what the smallest of them holds.
	// Tablestore takes strings of 2 MB in a column (its document "Limits on the Wide Column
	// model"), by which it means 2,097,152 bytes (its own error says "exceeds the
	// MaxLength:2097152"); Redis takes 512 MB (document "Strings"), and bolt 2 GiB
	// (bbolt.MaxValueSize).
	MaxValue = 2 << 20
	// MaxKey is the longest key in bytes, on every store: a primary key of Tablestore (same
	// document, 1 KB). Redis takes 512 MB, and bolt 32 KiB (bbolt.MaxKeySize); the prefix that
	// Redis keys have is not counted.
	MaxKey = 1 << 10
)

// ErrConflict is Put's answer when the key's revision is not the expected one. Read again, decide
// again.
var ErrConflict = errors.New("the ledger was changed by another invocation in the meantime")

// storeFailure is an error of a Store that is safe to print: it names the ledger without its
// credentials, and says what to do. The cause is for errors.Is and errors.As; its text is not
// shown.
type storeFailure struct {
	ledger  string // redis://HOST:PORT/DB, for example
	problem string // what is wrong, and the cure
	cause   error
}

func (f *storeFailure) Error() string { return "ledger " + f.ledger + ": " + f.problem }

func (f *storeFailure) Unwrap() error { return f.cause }

// storeAccepts checks what a store is asked to write, before anything is sent, and returns the
// value's expiry.
func storeAccepts(key string, value []byte) (expires time.Time, err error) {
	if err := storeKey(key); err != nil {
		return time.Time{}, err
	}
	if len(value) > MaxValue {
		return time.Time{}, fmt.Errorf("record %s would have %d bytes, and a ledger's record has "+
			"%d at most: lower REMEDY_FLEET_HOURLY, REMEDY_FLEET_CONCURRENT or "+
			"REMEDY_FLEET_WAITING if it is the fleet's, REMEDY_INCIDENT_WINDOW if it is an "+
			"instance's", storeShown(key), len(value), MaxValue)
	}
	return storeExpiry(value)
}

// storeKey checks a key.
func storeKey(key string) error {
	if key == "" {
		return errors.New("a ledger's key cannot be empty")
	}
	return storePrefix(key)
}

// storePrefix checks the beginning of a key.
func storePrefix(prefix string) error {
	if len(prefix) > MaxKey || !utf8.ValidString(prefix) {
		return fmt.Errorf("%s is no key of a ledger: it must be UTF-8, and %d bytes at most",
			storeShown(prefix), MaxKey)
	}
	return nil
}

// storeShown is a key as a message shows it: on one line, and not too long.
func storeShown(key string) string {
	const enough = 100
	if len(key) > enough {
		return strconv.Quote(key[:enough]) + "…"
	}
	return strconv.Quote(key)
}

// storePanic is a panic of a library as an error.
type storePanic struct{ cause any }

func (p *storePanic) Error() string { return fmt.Sprintf("the library failed: %v", p.cause) }

// survive runs a library's code, which may panic on what a file holds or a server answers.
func survive(do func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = &storePanic{cause}
		}
	}()
	return do()
}

// storeExpiry returns the time from which on the value may be dropped; the zero time means never. A
// value that is no JSON object is an error: nobody could read its expiry.
func storeExpiry(value []byte) (time.Time, error) {
	var object *struct {
		Expires time.Time `json:"expires"`
	}
	if err := json.Unmarshal(value, &object); err != nil {
		return time.Time{}, fmt.Errorf("a ledger value must be a JSON object with expires, if "+
			"any, in RFC 3339: %w", err)
	}
	if object == nil {
		return time.Time{}, errors.New("a ledger value must be a JSON object, not null")
	}
	return object.Expires, nil
}

// storeExpired reports whether a stored value has reached its expiry.
func storeExpired(value []byte, now time.Time) bool {
	expires, err := storeExpiry(value)
	return err == nil && !expires.IsZero() && !now.Before(expires)
}
