// Package ledgertest is the suite that every ledger.Store passes.
package ledgertest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
)

// TestStore checks the contracts of ledger.Store and ledger.Lister. open returns an empty store; it
// is called once for each subtest, which closes the store.
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
		{"refused keys", refusedKeys},
		{"big value", bigValue},
		{"biggest value", biggestValue},
		{"list", list},
		{"list expiry", listExpiry},
		{"list pages", listPages},
		{"list ends", listEnds},
		{"not an object", notAnObject},
		{"expiry", expiry},
		{"cancelled", cancelled},
		{"no lost update", noLostUpdate},
		{"linearizable", linearizable},
	} {
		t.Run(test.name, func(t *testing.T) {
			store := closing(t, open(t))
			if _, lists := store.(ledger.Lister); !lists {
				t.Fatal("it cannot list its keys")
			}
			test.run(t, store)
		})
	}
}

// TestLinearizable checks only that concurrent calls behave as if they came one after the other.
// The store may fail now and then: such a Put may have taken effect, or may still, or never will.
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
		if _, err := store.Put(t.Context(), "fleet", []byte(`{"n":9}`),
			row.expected); !errors.Is(err, ledger.ErrConflict) {
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
	odd := []string{"instance/i-bp1", "instance/i-bp1/", "instance", "observe/instance/i-bp1", "..",
		"a b", "{tag}", "*", "%2F",
		"quote\"'", "line\nbreak", "nul\x00byte", "实例/一", strings.Repeat("k", 512)}
	revisions := map[string]uint64{}
	for i, key := range odd {
		revisions[key] = put(t, store, key, fmt.Sprintf(`{"n":%d}`, i), 0)
	}
	for i, key := range odd {
		wantStored(t, store, key, fmt.Sprintf(`{"n":%d}`, i), revisions[key])
	}
}

// refusedKeys are those that the smallest store does not take: no other one may take them.
func refusedKeys(t *testing.T, store ledger.Store) {
	longest := strings.Repeat("k", ledger.MaxKey)
	revision := put(t, store, longest, `{"n":1}`, 0)
	wantStored(t, store, longest, `{"n":1}`, revision)
	for why, key := range map[string]string{
		"no key at all":       "",
		"one byte too long":   longest + "k",
		"not UTF-8":           "instance/\xff",
		"half of a character": "instance/\xe5\xae",
	} {
		_, _, got := store.Get(t.Context(), key)
		_, put := store.Put(t.Context(), key, []byte(`{}`), 0)
		for call, err := range map[string]error{"Get": got, "Put": put} {
			if err == nil || errors.Is(err, ledger.ErrConflict) ||
				strings.Contains(err.Error(), "\n") ||
				len(err.Error()) > 300 {
				t.Errorf("%s: %s gave %v, want a short error about the key", why, call, err)
			}
		}
	}
	if err := all(t, store, longest+"k", nil); err == nil {
		t.Error("List took a prefix that is longer than any key")
	}
	if err := all(t, store, "instance/\xff", nil); err == nil {
		t.Error("List took a prefix that is not UTF-8")
	}
}

// biggestValue is the largest that every store takes; one byte more is refused, and nothing is
// sent.
func biggestValue(t *testing.T, store ledger.Store) {
	const frame = len(`{"text":""}`)
	value := []byte(`{"text":"` + strings.Repeat("x", ledger.MaxValue-frame) + `"}`)
	revision := put(t, store, "fleet", string(value), 0)
	wantStored(t, store, "fleet", string(value), revision)

	more := []byte(`{"text":"` + strings.Repeat("x", ledger.MaxValue-frame+1) + `"}`)
	_, err := store.Put(t.Context(), "fleet", more, revision)
	if err == nil || errors.Is(err, ledger.ErrConflict) {
		t.Fatalf("a value of %d bytes: %v, want that it is too large", len(more), err)
	}
	for _, want := range []string{`"fleet"`, fmt.Sprint(len(more)), fmt.Sprint(ledger.MaxValue),
		"lower REMEDY_FLEET_HOURLY"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
	wantStored(t, store, "fleet", string(value), revision)
}

// all collects what List gives into keys, and checks that it gives nothing twice.
func all(t *testing.T, store ledger.Store, prefix string, keys *[]string) error {
	t.Helper()
	seen := map[string]bool{}
	return store.(ledger.Lister).List(t.Context(), prefix, func(key string) error {
		if seen[key] {
			t.Errorf("List(%q) gave %q twice", prefix, key)
		}
		seen[key] = true
		if keys != nil {
			*keys = append(*keys, key)
		}
		return nil
	})
}

func wantListed(t *testing.T, store ledger.Store, prefix string, want ...string) {
	t.Helper()
	var got []string
	if err := all(t, store, prefix, &got); err != nil {
		t.Fatalf("List(%q): %v", prefix, err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("List(%q) gave %q, want %q", prefix, got, want)
	}
}

// list asks for prefixes that hold what other programs take for patterns.
func list(t *testing.T, store ledger.Store) {
	wantListed(t, store, "")
	keys := []string{"instance/i-bp1", "instance/i-bp10", "instance/",
		"instance", "instances/i-bp1",
		"observe/instance/i-bp1", "fleet", "Instance/i-bp1", "a*b", "a*bc", "axb",
		"a?b", "a[xy]b", "a[xy]bc",
		"a\\b", "a\\", "a^b", "a-b", "实例/一", "实例/二", "实", "line\nbreak",
		"nul\x00byte", "{tag}",
		"\U0010FFFF", "\U0010FFFFx"}
	for _, key := range keys {
		put(t, store, key, `{}`, 0)
	}
	wantListed(t, store, "", keys...)
	for prefix := range map[string]bool{"instance/": true, "instance/i-bp1": true, "instance": true,
		"observe/": true, "i": true, "I": true, "a*": true, "a*b": true, "a?": true,
		"a[": true, "a[xy]": true,
		"a\\": true, "a^": true, "*": true, "?": true, "[a-z]": true, "[^x]": true,
		"\\": true, "实例/": true,
		"实": true, "line\n": true, "nul\x00": true, "{": true, "\U0010FFFF": true, "nothing": true,
		"instance/i-bp10 ": true} {
		var want []string
		for _, key := range keys {
			if strings.HasPrefix(key, prefix) {
				want = append(want, key)
			}
		}
		wantListed(t, store, prefix, want...)
	}
}

func listExpiry(t *testing.T, store ledger.Store) {
	expires := func(at time.Time) string {
		return fmt.Sprintf(`{"expires":%q}`,
			at.Format(time.RFC3339))
	}
	put(t, store, "instance/ahead", expires(time.Now().Add(time.Hour)), 0)
	put(t, store, "instance/never", `{}`, 0)
	past := put(t, store, "instance/past", expires(time.Now().Add(-time.Hour)), 0)
	wantListed(t, store, "instance/", "instance/ahead", "instance/never")
	// Written again, it is there again, and so is one whose expiry is taken back.
	if _, now, err := store.Get(t.Context(), "instance/past"); err != nil {
		t.Fatal(err)
	} else if now != 0 && now != past {
		t.Fatalf("the expired key has revision %d, want %d or 0", now, past)
	} else {
		put(t, store, "instance/past", `{}`, now)
	}
	wantListed(t, store, "instance/", "instance/ahead", "instance/never", "instance/past")
}

// listPages lists more keys than a page has, while others are written.
func listPages(t *testing.T, store ledger.Store) {
	const count = 200
	revisions := map[string]uint64{}
	for i := range count {
		key := fmt.Sprintf("instance/i-%03d", i)
		revisions[key] = put(t, store, key, `{"n":1}`, 0)
		if i%3 == 0 { // some of others in between
			put(t, store, fmt.Sprintf("observe/i-%03d", i), `{}`, 0)
		}
	}
	var sorted []string
	for key := range revisions {
		sorted = append(sorted, key)
	}
	wantListed(t, store, "instance/", sorted...)

	got := map[string]int{}
	written := 0
	err := store.(ledger.Lister).List(t.Context(), "instance/", func(key string) error {
		got[key]++
		if len(got)%10 == 0 {
			// A new one, and an old one anew: whoever lists may write.
			put(t, store, fmt.Sprintf("instance/i-%03d-new", written), `{}`, 0)
			old := fmt.Sprintf("instance/i-%03d", count-1-written)
			put(t, store, old, `{"n":2}`, revisions[old])
			written++
		}
		return nil
	})
	if err != nil || written < count/10 {
		t.Errorf("List: %v, and %d written meanwhile, want %d at least", err, written, count/10)
	}
	for key, times := range got {
		if _, old := revisions[key]; times != 1 || !old && !strings.HasSuffix(key, "-new") {
			t.Errorf("List gave %q %d times", key, times)
		}
	}
	for key := range revisions {
		if got[key] == 0 {
			t.Errorf("List left %q out, which was there all the time", key)
		}
	}
}

func listEnds(t *testing.T, store ledger.Store) {
	for i := range 5 {
		put(t, store, fmt.Sprintf("instance/i-%d", i), `{}`, 0)
	}
	enough, calls := errors.New("enough"), 0
	err := store.(ledger.Lister).List(t.Context(), "",
		func(string) error { calls++; return enough })
	if err != enough || calls != 1 {
		t.Errorf("List gave %v after %d calls, want the error of the first, as it is", err, calls)
	}
	ctx, cancel := context.WithCancel(t.Context())
	calls = 0
	err = store.(ledger.Lister).List(ctx, "", func(string) error { calls++; cancel(); return nil })
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("List gave %v after %d calls, want that it ends with its context", err, calls)
	}
	err = store.(ledger.Lister).List(ctx, "", func(string) error { calls++; return nil })
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("List gave %v after %d calls, want that it does not begin", err, calls)
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
		if _, err := store.Put(t.Context(), "fleet", []byte(value), 0); err == nil ||
			errors.Is(err, ledger.ErrConflict) {
			t.Errorf("Put(%s) gave %v, want an error about the value", value, err)
		}
	}
	wantStored(t, store, "fleet", "", 0)
}

func expiry(t *testing.T, store ledger.Store) {
	expires := func(at time.Time) string {
		return fmt.Sprintf(`{"expires":%q}`,
			at.Format(time.RFC3339))
	}

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
	if _, err := store.Put(ctx, "fleet", []byte(`{"n":2}`),
		revision); !errors.Is(err, context.Canceled) {
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
			_, err = store.Put(t.Context(), "fleet",
				fmt.Appendf(nil, `{"N":%d}`, count.N+1), revision)
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

// linearizable records what concurrent callers of one key saw, and looks for an order that explains
// it.
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
					did.revision, did.err = store.Put(t.Context(), "fleet",
						[]byte(did.value), did.expected)
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
		t.Fatalf("Put(%q) expecting %d gave revision %d, want a greater one",
			key, expected, revision)
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
	if _, err := store.Put(t.Context(), key, []byte(`{"n":99}`),
		expected); !errors.Is(err, ledger.ErrConflict) {
		t.Fatalf("Put(%q) expecting %d gave %v, want ErrConflict", key, expected, err)
	}
}
