package ledger

import (
	"bytes"
	"context"
	"strings"
	"sync"
	"time"
)

// Mem is a Store in memory: for tests, the drill, and trying things out. It ends with its process.
type Mem struct {
	// Now is the clock that expiry goes by; nil means time.Now. Set it before the first use.
	Now func() time.Time

	mutex    sync.Mutex
	entries  map[string]memEntry
	revision uint64 // of the last write of any key, so that no key ever sees one twice
}

type memEntry struct {
	value    []byte
	revision uint64
}

// NewMem returns an empty store.
func NewMem() *Mem {
	return &Mem{entries: map[string]memEntry{}}
}

// Get implements Store.
func (m *Mem) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := ctx.Err(); err != nil {
		return nil, 0, err
	}
	if err := storeKey(key); err != nil {
		return nil, 0, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	entry := m.live(key)
	return bytes.Clone(entry.value), entry.revision, nil
}

// Put implements Store.
func (m *Mem) Put(ctx context.Context, key string, value []byte, expected uint64) (uint64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if _, err := storeAccepts(key, value); err != nil {
		return 0, err
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if m.live(key).revision != expected {
		return 0, ErrConflict
	}
	m.revision++
	m.entries[key] = memEntry{bytes.Clone(value), m.revision}
	return m.revision, nil
}

// List implements Lister. It gives the keys of one moment.
func (m *Mem) List(ctx context.Context, prefix string, each func(key string) error) error {
	if err := storePrefix(prefix); err != nil {
		return err
	}
	for _, key := range m.keys(prefix) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := each(key); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// keys returns the keys that begin with the prefix and have not expired.
func (m *Mem) keys(prefix string) []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var keys []string
	for key := range m.entries {
		if strings.HasPrefix(key, prefix) && m.live(key).revision != 0 {
			keys = append(keys, key)
		}
	}
	return keys
}

// Close implements Store. It keeps the entries: a test may go on reading what was left.
func (m *Mem) Close() error { return nil }

// live returns the key's entry, or the zero one where nothing is stored or what was stored has
// expired.
func (m *Mem) live(key string) memEntry {
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	entry := m.entries[key]
	if entry.revision != 0 && storeExpired(entry.value, now()) {
		delete(m.entries, key)
		return memEntry{}
	}
	return entry
}
