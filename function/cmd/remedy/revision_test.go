package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestRevision: a checkout has the hash of its commit, one with changes a "+" behind it, and a
// folder that only lies in a checkout, or in none, has nothing.
func TestRevision(t *testing.T) {
	folder, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if got := revision(folder); got != "" {
		t.Errorf("no checkout: %q", got)
	}
	git := func(args ...string) string {
		t.Helper()
		command := exec.Command("git", append([]string{"-C", folder, "-c", "user.name=n", "-c",
			"user.email=n@example.com", "-c", "commit.gpgsign=false"}, args...)...)
		said, err := command.CombinedOutput()
		if err != nil {
			t.Fatalf("git %v: %v %s", args, err, said)
		}
		return string(said)
	}
	file := filepath.Join(folder, "below", "file")
	if err := os.Mkdir(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	git("init", "-q")
	git("add", ".")
	git("commit", "-q", "-m", "one")
	head := git("rev-parse", "HEAD")[:7]
	if got := revision(folder); got != head {
		t.Errorf("a checkout: %q, want %q", got, head)
	}
	if got := revision(filepath.Dir(file)); got != "" {
		t.Errorf("a folder in one: %q", got)
	}
	if err := os.WriteFile(file, []byte("2"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := revision(folder); got != head+"+" {
		t.Errorf("a checkout with a change: %q, want %q", got, head+"+")
	}
}
