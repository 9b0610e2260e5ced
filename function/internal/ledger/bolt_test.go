package ledger_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/ledger/ledgertest"
)

func TestBolt(t *testing.T) {
	ledgertest.TestStore(t, func(t *testing.T) ledger.Store { return openBolt(t, filepath.Join(t.TempDir(), "ledger")) })
}

func TestBoltExpiry(t *testing.T) {
	bolt := openBolt(t, filepath.Join(t.TempDir(), "ledger"))
	defer bolt.Close()
	expiresAtTen(t, bolt, &bolt.Now)
}

func TestBoltKeepsWhatItHolds(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	bolt := openBolt(t, path)
	revision, err := bolt.Put(t.Context(), "fleet", []byte(`{"n":1}`), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := bolt.Close(); err != nil {
		t.Fatal(err)
	}
	bolt = openBolt(t, path)
	defer bolt.Close()
	if value, at, err := bolt.Get(t.Context(), "fleet"); string(value) != `{"n":1}` || at != revision || err != nil {
		t.Errorf("after opening again: %s at %d (%v), want what was written at %d", value, at, err, revision)
	}
	if next, err := bolt.Put(t.Context(), "other", []byte(`{}`), 0); err != nil || next <= revision {
		t.Errorf("after opening again: revision %d (%v), want one greater than %d", next, err, revision)
	}
}

func TestBoltCannotOpen(t *testing.T) {
	held := filepath.Join(t.TempDir(), "held")
	holder := openBolt(t, held)
	defer holder.Close()
	foreign := filepath.Join(t.TempDir(), "foreign")
	if err := os.WriteFile(foreign, []byte(strings.Repeat("not a ledger\n", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ why, path, want string }{
		{"somebody else holds its lock", held, "only one process may use it"},
		{"its folder does not exist", filepath.Join(t.TempDir(), "no", "ledger"), "in a folder that exists"},
		{"it is a folder", t.TempDir(), "must be a ledger of this program"},
		{"it is some other file", foreign, "must be a ledger of this program"},
	} {
		bolt, err := ledger.OpenBolt(row.path)
		if err == nil {
			bolt.Close()
			t.Errorf("%s: opened", row.why)
			continue
		}
		if !strings.Contains(err.Error(), row.want) || !strings.Contains(err.Error(), row.path) {
			t.Errorf("%s: %v, want the path and %q", row.why, err, row.want)
		}
	}
}

func openBolt(t *testing.T, path string) *ledger.Bolt {
	t.Helper()
	bolt, err := ledger.OpenBolt(path)
	if err != nil {
		t.Fatal(err)
	}
	return bolt
}
