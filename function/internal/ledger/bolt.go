package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

// boltLockWait is how long OpenBolt waits for another process to let go of the file.
const boltLockWait = time.Second

// boltBucket holds every key. A value is its revision (8 bytes, big-endian) and the JSON object. The form may change only
// together with the bucket's name.
var boltBucket = []byte("ledger/1")

// Bolt is a Store in one file, for a single process: the CLI, or a function that never runs twice at once. Every Put
// reaches the disk before it returns.
type Bolt struct {
	// Now is the clock that expiry goes by; nil means time.Now. Set it before the first use.
	Now func() time.Time

	path string
	db   *bbolt.DB
}

// OpenBolt opens the file at path, or creates it with mode 0600; the folder must exist. It waits a second for the file's
// lock, which the kernel drops when its holder dies.
func OpenBolt(path string) (*Bolt, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: boltLockWait})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("ledger file %s is in use by another process, and only one process may use it: "+
			"end that one, or use a redis: or ots: ledger", path)
	}
	if err != nil {
		return nil, fmt.Errorf("ledger file %s cannot be opened; it must be a ledger of this program, in a folder that "+
			"exists, on a disk with space: %w", path, err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucketIfNotExists(boltBucket)
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("ledger file %s cannot be prepared: %w", path, err), db.Close())
	}
	return &Bolt{path: path, db: db}, nil
}

// Get implements Store.
func (b *Bolt) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	err = b.db.View(func(tx *bbolt.Tx) error {
		stored, at, err := b.live(tx, key)
		// The transaction's memory is gone once it ends.
		value, revision = bytes.Clone(stored), at
		return err
	})
	return value, revision, b.failure("read", err)
}

// Put implements Store.
func (b *Bolt) Put(ctx context.Context, key string, value []byte, expected uint64) (revision uint64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if _, err := storeExpiry(value); err != nil {
		return 0, err
	}
	err = b.db.Update(func(tx *bbolt.Tx) error {
		_, at, err := b.live(tx, key)
		if err != nil {
			return err
		}
		if at != expected {
			return ErrConflict
		}
		// The bucket's sequence only ever grows, so no revision comes twice.
		if revision, err = tx.Bucket(boltBucket).NextSequence(); err != nil {
			return err
		}
		return tx.Bucket(boltBucket).Put([]byte(key), append(binary.BigEndian.AppendUint64(nil, revision), value...))
	})
	if err != nil {
		return 0, b.failure("write", err)
	}
	return revision, nil
}

// Close implements Store. It waits for calls under way, and releases the file's lock.
func (b *Bolt) Close() error {
	return b.failure("close", b.db.Close())
}

// live returns what is stored under the key, valid until the transaction ends, or nil and 0 where nothing is stored or what
// was stored has expired. An expired value stays in the file until its key is written again.
func (b *Bolt) live(tx *bbolt.Tx, key string) ([]byte, uint64, error) {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	stored := tx.Bucket(boltBucket).Get([]byte(key))
	if stored == nil {
		return nil, 0, nil
	}
	if len(stored) < 8 {
		return nil, 0, fmt.Errorf("the value of %q is damaged", key)
	}
	revision, value := binary.BigEndian.Uint64(stored), stored[8:]
	if storeExpired(value, now()) {
		return nil, 0, nil
	}
	return value, revision, nil
}

func (b *Bolt) failure(doing string, err error) error {
	if err == nil || errors.Is(err, ErrConflict) {
		return err
	}
	return fmt.Errorf("ledger file %s: cannot %s: %w", b.path, doing, err)
}
