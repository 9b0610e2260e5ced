package ledger_test

import (
	"errors"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/ledger/ledgertest"
)

func TestMem(t *testing.T) {
	ledgertest.TestStore(t, func(*testing.T) ledger.Store { return ledger.NewMem() })
}

func TestMemExpiry(t *testing.T) {
	mem := ledger.NewMem()
	expiresAtTen(t, mem, &mem.Now)
}

// expiresAtTen checks a store that goes by the given clock, on both sides of an expiry.
func expiresAtTen(t *testing.T, store ledger.Store, clock *func() time.Time) {
	ten := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	now := ten.Add(-time.Hour)
	*clock = func() time.Time { return now }
	const value = `{"expires":"2026-11-23T10:00:00Z"}`
	old, err := store.Put(t.Context(), "instance/i-1", []byte(value), 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why  string
		at   time.Time
		want string
	}{
		{"not expired yet", ten.Add(-time.Nanosecond), value},
		{"expires is the first moment without it", ten, ""},
	} {
		now = row.at
		if got, _, err := store.Get(t.Context(),
			"instance/i-1"); string(got) != row.want || err != nil {
			t.Errorf("%s: got %q (%v), want %q", row.why, got, err, row.want)
		}
		listed := 0
		err := store.(ledger.Lister).List(t.Context(), "",
			func(string) error { listed++; return nil })
		if err != nil || (listed == 1) != (row.want != "") {
			t.Errorf("%s: List gave %d keys (%v)", row.why, listed, err)
		}
	}
	fresh, err := store.Put(t.Context(), "instance/i-1", []byte(`{}`), 0)
	if err != nil || fresh <= old {
		t.Errorf("after the expiry: revision %d (%v), want one greater than %d", fresh, err, old)
	}
	if _, err := store.Put(t.Context(), "instance/i-1", []byte(`{}`),
		old); !errors.Is(err, ledger.ErrConflict) {
		t.Errorf("the revision from before the expiry: %v, want ErrConflict", err)
	}
}
