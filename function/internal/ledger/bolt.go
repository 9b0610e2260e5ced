package ledger

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	// boltLockWait is how long OpenBolt waits for another process to let go of the file.
	boltLockWait = time.Second
	// boltPage is how many keys List reads in one transaction.
	boltPage = 64
)

// boltBucket holds every key. A value is its revision (8 bytes, big-endian) and the JSON object.
// The form may change only together with the bucket's name.
var boltBucket = []byte("ledger/1")

// Bolt is a Store in one file, for a single process: the CLI, or a function that never runs twice
// at once. Every Put reaches the disk before it returns.
//
// The library maps the file into memory and trusts what it finds there. So OpenBolt checks the file
// first, and a call that still meets damage (somebody cut the file while it was open, say) gets an
// error, and so does every call after it.
type Bolt struct {
	// Now is the clock that expiry goes by; nil means time.Now. Set it before the first use.
	Now func() time.Time

	path string
	db   *bbolt.DB

	// turn is held by the one call that is under way. The library could run several at once, but a
	// panic in it can leave its locks held, and whoever waited for one of those would wait for
	// ever.
	turn   chan struct{}
	broken error // what a panic left behind; guarded by turn
}

// OpenBolt opens the file at path, or creates it with mode 0600; the folder must exist. It waits a
// second for the file's lock, which the kernel drops when its holder dies.
//
// A file that is damaged, or that this program did not write, is an error that says so and what to
// do, and stays as it is. An empty file is a new ledger: a process that is killed while it creates
// one leaves that behind.
func OpenBolt(path string) (*Bolt, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist): // a new one
	case err != nil:
		return nil, boltUnopened(path, err)
	case !info.Mode().IsRegular():
		// Opening a pipe would wait for its other end.
		return nil, fmt.Errorf("ledger file %s is no file but a folder, a device or a pipe: "+
			"name a file in a folder that exists", path)
	case info.Size() > 0:
		if err := boltInspect(path); err != nil {
			return nil, boltUnopened(path, err)
		}
	}
	b := &Bolt{path: path, turn: make(chan struct{}, 1)}
	err = boltSurvives(func() (err error) {
		b.db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: boltLockWait})
		return err
	})
	if err != nil {
		return nil, boltUnopened(path, err)
	}
	if err := boltSurvives(b.prepare); err != nil {
		if !boltPanicked(err) {
			err = errors.Join(err, b.db.Close())
		}
		return nil, boltUnopened(path, err)
	}
	return b, nil
}

// prepare creates the bucket in a new file.
func (b *Bolt) prepare() error {
	ready := false
	err := b.db.View(func(tx *bbolt.Tx) error {
		ready = tx.Bucket(boltBucket) != nil
		return nil
	})
	if err != nil || ready {
		return err
	}
	return b.db.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket(boltBucket)
		return err
	})
}

// Get implements Store.
func (b *Bolt) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	if err := storeKey(key); err != nil {
		return nil, 0, err
	}
	err = b.call(ctx, "read", func() error {
		return b.db.View(func(tx *bbolt.Tx) error {
			stored, at, err := b.live([]byte(key), tx.Bucket(boltBucket).Get([]byte(key)))
			// The transaction's memory is gone once it ends.
			value, revision = bytes.Clone(stored), at
			return err
		})
	})
	if err != nil {
		return nil, 0, err
	}
	return value, revision, nil
}

// Put implements Store.
func (b *Bolt) Put(ctx context.Context, key string, value []byte, expected uint64) (uint64, error) {
	if _, err := storeAccepts(key, value); err != nil {
		return 0, err
	}
	var revision uint64
	err := b.call(ctx, "write", func() error {
		return b.db.Update(func(tx *bbolt.Tx) error {
			bucket := tx.Bucket(boltBucket)
			_, at, err := b.live([]byte(key), bucket.Get([]byte(key)))
			if err != nil {
				return err
			}
			if at != expected {
				return ErrConflict
			}
			// The bucket's sequence only ever grows, so no revision comes twice.
			if revision, err = bucket.NextSequence(); err != nil {
				return err
			}
			stored := append(binary.BigEndian.AppendUint64(nil, revision), value...)
			return bucket.Put([]byte(key), stored)
		})
	})
	if err != nil {
		return 0, err
	}
	return revision, nil
}

// List implements Lister. Each page of keys is of one moment.
func (b *Bolt) List(ctx context.Context, prefix string, each func(key string) error) error {
	if err := storePrefix(prefix); err != nil {
		return err
	}
	for from := []byte(prefix); from != nil; {
		var keys []string
		var next []byte
		err := b.call(ctx, "list", func() (err error) {
			keys, next, err = b.page(from, []byte(prefix))
			return err
		})
		if err != nil {
			return err
		}
		// Outside of the transaction: each may write, and a write may wait until no reader is left.
		for _, key := range keys {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := each(key); err != nil {
				return err
			}
		}
		from = next
	}
	return ctx.Err()
}

// page returns the keys from one on that have not expired, and where the next page begins, or nil
// where there is none.
func (b *Bolt) page(from, prefix []byte) (keys []string, next []byte, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error {
		cursor, looked := tx.Bucket(boltBucket).Cursor(), 0
		key, stored := cursor.Seek(from)
		for ; key != nil && bytes.HasPrefix(key, prefix); key, stored = cursor.Next() {
			if looked++; looked > boltPage {
				next = bytes.Clone(key)
				return nil
			}
			// A damaged value is there all the same; Get says what is wrong with it.
			if _, at, err := b.live(key, stored); at != 0 || err != nil {
				keys = append(keys, string(key))
			}
		}
		return nil
	})
	return keys, next, err
}

// Close implements Store. It waits for the call under way, and releases the file's lock. A file
// that was found damaged stays open and locked until the process ends: closing it might wait for
// ever.
func (b *Bolt) Close() error {
	b.turn <- struct{}{}
	defer func() { <-b.turn }()
	if b.broken != nil {
		return nil
	}
	return b.failure("close", boltSurvives(b.db.Close))
}

// call runs one transaction when its turn has come.
func (b *Bolt) call(ctx context.Context, doing string, do func() error) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case b.turn <- struct{}{}:
	}
	defer func() { <-b.turn }()
	if err := ctx.Err(); err != nil { // both were ready
		return err
	}
	if b.broken != nil {
		return b.broken
	}
	err := boltSurvives(do)
	if boltPanicked(err) {
		b.broken = boltUnopened(b.path, err)
		return b.broken
	}
	return b.failure(doing, err)
}

// boltSurvives runs what reads the mapped file: a panic of the library is an error, and so is a
// fault of the memory, which is what reading beyond the end of the file gives.
func boltSurvives(do func() error) error {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	return survive(do)
}

// boltPanicked reports whether boltSurvives caught a panic. The library may then hold locks of its
// own: it must not be called again, not even to close the file.
func boltPanicked(err error) bool {
	var panicked *storePanic
	return errors.As(err, &panicked)
}

// live returns what is stored under the key, valid until the transaction ends, or nil and 0 where
// nothing is stored or what was stored has expired. An expired value stays in the file until its
// key is written again.
func (b *Bolt) live(key, stored []byte) (value []byte, revision uint64, err error) {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	if stored == nil {
		return nil, 0, nil
	}
	if len(stored) < 8 {
		return nil, 0, fmt.Errorf("the value of %s is damaged", storeShown(string(key)))
	}
	revision, value = binary.BigEndian.Uint64(stored), stored[8:]
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

// boltDamage is what makes a file unusable.
type boltDamage struct{ error }

func (d boltDamage) Unwrap() error { return d.error }

// boltUnopened says why a file cannot be used, and what to do.
func boltUnopened(path string, err error) error {
	var damage boltDamage
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("ledger file %s is held open by another process, the function or "+
			"another command, and only one process may use it: end that one, then try again; to "+
			"look at a ledger or to pause while the function runs, it must be one that processes "+
			"share, redis:// or ots://", path)
	case errors.As(err, &damage), boltPanicked(err):
		return fmt.Errorf("ledger file %s is damaged, or must be a ledger of this program and is "+
			"not (%w): put a copy of it back, or move it away, and a new one begins without its "+
			"incidents, cool-downs and pause", path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("ledger file %s cannot be opened for reading and writing: give it to "+
			"the user that runs this program, and its folder too: %w", path, err)
	}
	return fmt.Errorf("ledger file %s cannot be opened; it must be a ledger of this program, in a "+
		"folder that exists, on a disk with space: %w", path, err)
}
