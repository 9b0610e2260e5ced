package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// probeKey is a key that no record has.
const probeKey = "doctor"

// Probe writes and reads a key of its own, and leaves every record alone: it shows that a store
// keeps what it is given and compares before it swaps. It returns how long a read and a write took
// together. The key expires after an hour.
func Probe(ctx context.Context, store Store) (time.Duration, error) {
	began := time.Now()
	for {
		_, before, err := store.Get(ctx, probeKey)
		if err != nil {
			return 0, err
		}
		value, err := json.Marshal(map[string]any{"version": version,
			"expires": time.Now().Add(time.Hour).UTC()})
		if err != nil {
			return 0, err
		}
		after, err := store.Put(ctx, probeKey, value, before)
		if errors.Is(err, ErrConflict) {
			continue // another probe at the same moment
		}
		if err != nil {
			return 0, err
		}
		took := time.Since(began)
		_, now, err := store.Get(ctx, probeKey)
		if err != nil {
			return 0, err
		}
		if after <= before || now < after {
			return 0, fmt.Errorf("the ledger does not keep what it is given: revision %d was "+
				"written over %d, and %d was read",
				after, before, now)
		}
		switch _, err := store.Put(ctx, probeKey, value, before); {
		case err == nil:
			return 0, fmt.Errorf("the ledger does not compare before it swaps: a write that "+
				"expected revision %d went through where %d was stored", before, now)
		case !errors.Is(err, ErrConflict):
			return 0, err
		}
		return took, nil
	}
}

// Clock returns the server's time, by which it drops what has expired.
func (r *Redis) Clock(ctx context.Context) (time.Time, error) {
	var at time.Time
	err := r.ask(ctx, func(ctx context.Context) (err error) {
		at, err = r.client().Time(ctx).Result()
		return err
	})
	if err != nil {
		return time.Time{}, r.failure(err)
	}
	return at.UTC(), nil
}
