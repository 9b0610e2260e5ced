package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"ecs-remedy/function/internal/ledger"
)

// A file or a folder that this user may not use says so, and is no damage. Root may use everything,
// so where the test runs as root, one thread opens the file as somebody else.
func TestBoltNoPermission(t *testing.T) {
	const nobody = 65534
	folder := t.TempDir()
	for at := folder; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
		if err := os.Chmod(at, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(folder, "ledger")
	if err := openBolt(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why, path    string
		file, folder os.FileMode
	}{
		{"a file that may not be read", path, 0o200, 0o755},
		{"a file that may not be written", path, 0o444, 0o755},
		{"a folder that may not be entered", path, 0o600, 0o600},
		{"a new file in a folder that may not be written", path + "-new", 0o600, 0o555},
	} {
		if err := errors.Join(os.Chmod(path, row.file), os.Chmod(folder, row.folder)); err != nil {
			t.Fatal(err)
		}
		answer := make(chan error)
		go func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			if os.Getuid() == 0 {
				if err := syscall.Setfsuid(nobody); err != nil {
					t.Error(err)
				}
			}
			bolt, err := ledger.OpenBolt(row.path)
			if err == nil {
				bolt.Close()
			}
			answer <- err
		}()
		err := <-answer
		if err == nil || !strings.Contains(err.Error(), "cannot be opened for reading and "+
			"writing") ||
			!strings.Contains(err.Error(), row.path) {
			t.Errorf("%s: %v, want that it may not be used, and its path", row.why, err)
		}
	}
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
}
