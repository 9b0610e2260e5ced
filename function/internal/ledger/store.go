package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Store keeps small JSON objects under keys ("instance/i-bp1…", "fleet", "observe/fleet"). It can compare and swap one key
// and nothing else: whatever spans two keys is the ledger's business. All methods may be called concurrently.
//
// A value may have the top-level field "expires", a time in RFC 3339, from which on the store may drop the key. Without it
// the key is kept for ever: an open incident and a pause have none.
//
// A revision is never used twice for one key, not even after the key expired and was written again. A caller that slept
// through all that still holds a revision that no longer matches.
type Store interface {
	// Get returns the value and its revision, or nil and 0 where nothing is stored. The value is the caller's own copy.
	Get(ctx context.Context, key string) (value []byte, revision uint64, err error)

	// Put writes the value if the key's revision is still the expected one (0: nothing is stored) and returns the new
	// revision, which is always greater.
	//
	// ErrConflict: somebody else wrote, or is writing at this moment; this call changed nothing. After any other error
	// it is not known whether the value was written: the caller must not act as if it was, nor as if it was not. A
	// store settles what it can settle (an answer that was lost, say) before it returns such an error.
	Put(ctx context.Context, key string, value []byte, expected uint64) (revision uint64, err error)

	// Close releases what the store holds. Nothing may be called after it.
	Close() error
}

// ErrConflict is Put's answer when the key's revision is not the expected one. Read again, decide again.
var ErrConflict = errors.New("the ledger was changed by another invocation in the meantime")

// storeFailure is an error of a Store that is safe to print: it names the ledger without its credentials, and says what to
// do. The cause is for errors.Is and errors.As; its text is not shown.
type storeFailure struct {
	ledger  string // redis://HOST:PORT/DB, for example
	problem string // what is wrong, and the cure
	cause   error
}

func (f *storeFailure) Error() string { return "ledger " + f.ledger + ": " + f.problem }

func (f *storeFailure) Unwrap() error { return f.cause }

// storeExpiry returns the time from which on the value may be dropped; the zero time means never. A value that is no JSON
// object is an error: nobody could read its expiry.
func storeExpiry(value []byte) (time.Time, error) {
	var object *struct {
		Expires time.Time `json:"expires"`
	}
	if err := json.Unmarshal(value, &object); err != nil {
		return time.Time{}, fmt.Errorf("a ledger value must be a JSON object with expires, if any, in RFC 3339: %w", err)
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
