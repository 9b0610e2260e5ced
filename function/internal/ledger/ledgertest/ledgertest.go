// Package ledgertest is the suite that every ledger.Store passes.
package ledgertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
)

// TestStore checks the contract of ledger.Store. open returns an empty store; it is called once for each subtest, which
// closes the store.
func TestStore(t *testing.T, open func(t *testing.T) ledger.Store) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, store ledger.Store)
	}{
		{"absent", absent},
		{"create", create},
		{"compare and swap", compareAndSwap},
		{"copies", copies},
		{"keys", keys},
		{"big value", bigValue},
		{"not an object", notAnObject},
		{"expiry", expiry},
		{"cancelled", cancelled},
		{"no lost update", noLostUpdate},
		{"linearizable", linearizable},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, closing(t, open(t))) })
	}
}

// TestLinearizable checks only that concurrent calls behave as if they came one after the other. The store may fail now and
// then: such a Put may have taken effect, or may still, or never will.
func TestLinearizable(t *testing.T, open func(t *testing.T) ledger.Store) {
	linearizable(t, closing(t, open(t)))
}

func closing(t *testing.T, store ledger.Store) ledger.Store {
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store
}

func absent(t *testing.T, store ledger.Store) {
	wantStored(t, store, "instance/i-absent", "", 0)
	// Somebody removed the key since it was read.
	wantConflict(t, store, "instance/i-absent", 7)
	wantStored(t, store, "instance/i-absent", "", 0)
}

func create(t *testing.T, store ledger.Store) {
	revision := put(t, store, "fleet", `{"n":1}`, 0)
	wantStored(t, store, "fleet", `{"n":1}`, revision)
	wantConflict(t, store, "fleet", 0)
	wantStored(t, store, "fleet", `{"n":1}`, revision)
}

func compareAndSwap(t *testing.T, store ledger.Store) {
	first := put(t, store, "fleet", `{"n":1}`, 0)
	second := put(t, store, "fleet", `{"n":2}`, first)
	if second <= first {
		t.Errorf("revision %d after %d is not greater", second, first)
	}
	for _, row := range []struct {
		why      string
		expected uint64
	}{
		{"the revision before is stale", first},
		{"one less than the revision is not it", second - 1},
		{"one more than the revision is not it", second + 1},
		{"zero means that nothing is stored", 0},
	} {
		if _, err := store.Put(t.Context(), "fleet", []byte(`{"n":9}`), row.expected); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("%s: Put expecting %d gave %v, want ErrConflict", row.why, row.expected, err)
		}
	}
	wantStored(t, store, "fleet", `{"n":2}`, second)
	third := put(t, store, "fleet", `{"n":3}`, second)
	wantStored(t, store, "fleet", `{"n":3}`, third)
}

func copies(t *testing.T, store ledger.Store) {
	given := []byte(`{"n":1}`)
	revision, err := store.Put(t.Context(), "fleet", given, 0)
	if err != nil {
		t.Fatal(err)
	}
	copy(given, `scribble`)
	got, _, err := store.Get(t.Context(), "fleet")
	if err != nil {
		t.Fatal(err)
	}
	copy(got, `scribble`)
	wantStored(t, store, "fleet", `{"n":1}`, revision)
}

func keys(t *testing.T, store ledger.Store) {
	odd := []string{"instance/i-bp1", "instance/i-bp1/", "instance", "observe/instance/i-bp1", "..", "a b", "{tag}", "*", "%2F",
		"quote\"'", "line\nbreak", "nul\x00byte", "实例/一", strings.Repeat("k", 512)}
	revisions := map[string]uint64{}
	for i, key := range odd {
		revisions[key] = put(t, store, key, fmt.Sprintf(`{"n":%d}`, i), 0)
	}
	for i, key := range odd {
		wantStored(t, store, key, fmt.Sprintf(`{"n":%d}`, i), revisions[key])
	}
}

// bigValue is far beyond any record of ours: 256 KiB.
func bigValue(t *testing.T, store ledger.Store) {
	value, err := json.Marshal(map[string]string{"text": strings.Repeat("实例\n", 256<<10/7)})
	if err != nil {
		t.Fatal(err)
	}
	revision := put(t, store, "instance/i-big", string(value), 0)
	wantStored(t, store, "instance/i-big", string(value), revision)
}

func notAnObject(t *testing.T, store ledger.Store) {
	for _, value := range []string{``, `null`, `[]`, `"text"`, `{"n":1`, `{"expires":"tomorrow"}`} {
		if _, err := store.Put(t.Context(), "fleet", []byte(value), 0); err == nil || errors.Is(err, ledger.ErrConflict) {
			t.Errorf("Put(%s) gave %v, want an error about the value", value, err)
		}
	}
	wantStored(t, store, "fleet", "", 0)
}

func expiry(t *testing.T, store ledger.Store) {
	expires := func(at time.Time) string { return fmt.Sprintf(`{"expires":%q}`, at.Format(time.RFC3339)) }

	ahead := expires(time.Now().Add(time.Hour))
	revision := put(t, store, "ahead", ahead, 0)
	wantStored(t, store, "ahead", ahead, revision)

	// A store may drop the key now, and need not. Either way no revision comes back.
	past := put(t, store, "past", expires(time.Now().Add(-time.Hour)), 0)
	_, now, err := store.Get(t.Context(), "past")
	if err != nil {
		t.Fatal(err)
	}
	if now != 0 && now != past {
		t.Errorf("the expired key has revision %d, want %d or 0", now, past)
	}
	again := put(t, store, "past", `{"n":2}`, now)
	if again <= past {
		t.Errorf("revision %d after the expired %d is not greater", again, past)
	}
	wantConflict(t, store, "past", past)
	wantStored(t, store, "past", `{"n":2}`, again)
}

func cancelled(t *testing.T, store ledger.Store) {
	revision := put(t, store, "fleet", `{"n":1}`, 0)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := store.Get(ctx, "fleet"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get gave %v, want context.Canceled", err)
	}
	if _, err := store.Put(ctx, "fleet", []byte(`{"n":2}`), revision); !errors.Is(err, context.Canceled) {
		t.Errorf("Put gave %v, want context.Canceled", err)
	}
	wantStored(t, store, "fleet", `{"n":1}`, revision)
}

// noLostUpdate lets several writers count in one key.
func noLostUpdate(t *testing.T, store ledger.Store) {
	const writers, each, patience = 4, 10, 10_000
	type counter struct{ N int }
	increment := func() error {
		for range patience {
			value, revision, err := store.Get(t.Context(), "fleet")
			if err != nil {
				return err
			}
			var count counter
			if value != nil {
				if err := json.Unmarshal(value, &count); err != nil {
					return err
				}
			}
			_, err = store.Put(t.Context(), "fleet", fmt.Appendf(nil, `{"N":%d}`, count.N+1), revision)
			if !errors.Is(err, ledger.ErrConflict) {
				return err
			}
		}
		return errors.New("nothing but conflicts")
	}
	var group sync.WaitGroup
	for range writers {
		group.Go(func() {
			for range each {
				if err := increment(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	value, _, err := store.Get(t.Context(), "fleet")
	if want := fmt.Sprintf(`{"N":%d}`, writers*each); err != nil || string(value) != want {
		t.Errorf("counted %s (%v), want %s", value, err, want)
	}
}

// linearizable records what concurrent callers of one key saw, and looks for an order that explains it.
func linearizable(t *testing.T, store ledger.Store) {
	const callers, calls = 4, 25
	start := time.Now()
	histories := make([][]operation, callers)
	var group sync.WaitGroup
	for caller := range callers {
		group.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(caller)))
			var seen []uint64
			for call := range calls {
				did := operation{caller: caller, called: time.Since(start)}
				if random.IntN(3) == 0 {
					var value []byte
					value, did.revision, did.err = store.Get(t.Context(), "fleet")
					did.value = string(value)
					seen = append(seen, did.revision)
				} else {
					did.put, did.value = true, fmt.Sprintf(`{"caller":%d,"call":%d}`, caller, call)
					// Mostly the latest revision seen; sometimes an old one, and sometimes none.
					if len(seen) > 0 && random.IntN(8) > 0 {
						did.expected = seen[max(0, len(seen)-1-random.IntN(8)/7)]
					}
					did.revision, did.err = store.Put(t.Context(), "fleet", []byte(did.value), did.expected)
					if did.err == nil {
						seen = append(seen, did.revision)
					}
				}
				did.returned = time.Since(start)
				histories[caller] = append(histories[caller], did)
			}
		})
	}
	group.Wait()
	var history []operation
	written, failed := 0, 0
	for _, did := range histories {
		for _, one := range did {
			history = append(history, one)
			switch {
			case one.err != nil && !errors.Is(one.err, ledger.ErrConflict):
				failed++
			case one.put && one.err == nil:
				written++
			}
		}
	}
	t.Logf("%d calls, %d written, %d failed", len(history), written, failed)
	if written == 0 {
		t.Error("nothing was ever written")
	}
	if err := explain(history); err != nil {
		t.Error(err)
	}
}

func put(t *testing.T, store ledger.Store, key, value string, expected uint64) uint64 {
	t.Helper()
	revision, err := store.Put(t.Context(), key, []byte(value), expected)
	if err != nil {
		t.Fatalf("Put(%q) expecting %d: %v", key, expected, err)
	}
	if revision <= expected {
		t.Fatalf("Put(%q) expecting %d gave revision %d, want a greater one", key, expected, revision)
	}
	return revision
}

func wantStored(t *testing.T, store ledger.Store, key, value string, revision uint64) {
	t.Helper()
	got, at, err := store.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("Get(%q): %v", key, err)
	}
	if !bytes.Equal(got, []byte(value)) || at != revision || (got == nil) != (revision == 0) {
		t.Fatalf("Get(%q) = %.60q at revision %d, want %.60q at %d", key, got, at, value, revision)
	}
}

func wantConflict(t *testing.T, store ledger.Store, key string, expected uint64) {
	t.Helper()
	if _, err := store.Put(t.Context(), key, []byte(`{"n":99}`), expected); !errors.Is(err, ledger.ErrConflict) {
		t.Fatalf("Put(%q) expecting %d gave %v, want ErrConflict", key, expected, err)
	}
}
