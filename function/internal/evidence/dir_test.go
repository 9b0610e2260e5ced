//go:build unix

package evidence

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDirIsPrivate: nobody else of this machine can read what is stored.
func TestDirIsPrivate(t *testing.T) {
	d := newDir(t)
	if err := d.Put(t.Context(), incident, "1-console.txt", []byte("x"), false); err != nil {
		t.Fatal(err)
	}
	if err := d.Put(t.Context(), incident, "incident.html", []byte("x"), true); err != nil {
		t.Fatal(err)
	}
	seen := map[string]fs.FileMode{}
	err := filepath.WalkDir(d.folder, func(name string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		seen[strings.TrimPrefix(name, d.folder)] = info.Mode()
		return err
	})
	folder := "/i-bp1example"
	want := map[string]fs.FileMode{"": fs.ModeDir | 0o700, folder: fs.ModeDir | 0o700,
		folder + "/20261123T074201Z":               fs.ModeDir | 0o700,
		folder + "/20261123T074201Z/1-console.txt": 0o600,
		folder + "/20261123T074201Z/incident.html": 0o600}
	if diff := cmp.Diff(want, seen); diff != "" || err != nil {
		t.Errorf("%v, (-want +got) %s", err, diff)
	}
}

// TestDirStaysInside: whatever somebody put into the folder, nothing outside it is read or written,
// and nothing is waited for.
func TestDirStaysInside(t *testing.T) {
	outside := t.TempDir()
	secret := filepath.Join(outside, "1-console.txt")
	if err := os.WriteFile(secret, []byte(mark), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name  string
		place func(folder string) error // makes something of the incident's folder
	}{
		{"the instance's folder leads out", func(folder string) error {
			if err := os.MkdirAll(filepath.Join(outside, "20261123T074201Z"), 0o700); err != nil {
				return err
			}
			return errors.Join(os.RemoveAll(filepath.Dir(folder)),
				os.Symlink(outside, filepath.Dir(folder)))
		}},
		{"the incident's folder leads out", func(folder string) error {
			return errors.Join(os.RemoveAll(folder), os.Symlink(outside, folder))
		}},
		{"the file leads out", func(folder string) error {
			return os.Symlink(secret, filepath.Join(folder, "1-console.txt"))
		}},
		{"the file leads out by dots", func(folder string) error {
			return os.Symlink("../../../../../../../../../../"+secret,
				filepath.Join(folder, "1-console.txt"))
		}},
		{"the file is a folder", func(folder string) error {
			return os.Mkdir(filepath.Join(folder, "1-console.txt"), 0o700)
		}},
		{"the file is a pipe", func(folder string) error {
			return syscall.Mkfifo(filepath.Join(folder, "1-console.txt"), 0o600)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newDir(t)
			folder := filepath.Join(d.folder, incident)
			if err := errors.Join(os.MkdirAll(folder, 0o700), row.place(folder)); err != nil {
				t.Fatal(err)
			}
			content, err := d.Get(t.Context(), incident, "1-console.txt", 1<<20)
			if err == nil {
				t.Errorf("read %q", content)
			}
			secretless(t, "get", err)
			err = d.Put(t.Context(), incident, "1-console.txt", []byte("mine"), false)
			if err == nil {
				t.Error("put without overwriting")
			}
			secretless(t, "put", err)
			// Overwriting replaces the link, not what it leads to.
			d.Put(t.Context(), incident, "1-console.txt", []byte("mine"), true)
			d.Put(t.Context(), incident, "2-console.txt", []byte("mine"), true)
			names, err := d.List(t.Context(), incident)
			for _, name := range names {
				if name != "1-console.txt" && name != "2-console.txt" {
					t.Errorf("listed %v", names)
				}
			}
			secretless(t, "list", err)
			left, err := os.ReadDir(outside)
			if err != nil {
				t.Fatal(err)
			}
			for _, entry := range left {
				if entry.Name() != "1-console.txt" && entry.Name() != "20261123T074201Z" {
					t.Errorf("%s was written outside", entry.Name())
				}
			}
			if content, err := os.ReadFile(secret); err != nil || string(content) != mark {
				t.Errorf("outside there is now %q, %v", content, err)
			}
		})
	}
}

// TestDirLeftovers: what a killed process left behind is not listed, and in nobody's way.
func TestDirLeftovers(t *testing.T) {
	d := newDir(t)
	folder := filepath.Join(d.folder, incident)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{".1-console.txt.ABC", "notes.md", "UPPER.txt"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Put(t.Context(), incident, "1-console.txt", []byte("x"), false); err != nil {
		t.Error(err)
	}
	names, err := d.List(t.Context(), incident)
	if diff := cmp.Diff([]string{"1-console.txt"}, names); diff != "" || err != nil {
		t.Errorf("%v, (-want +got) %s", err, diff)
	}
	all, err := os.ReadDir(folder)
	if err != nil || len(all) != 4 {
		t.Errorf("%v, %v: want the four, and nothing that this Put left", all, err)
	}
}

// TestDirCannotBeMade: a file stands where the folder belongs.
func TestDirCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{file, file + "/below"} {
		d, err := OpenDir(folder)
		if err != nil {
			t.Fatal(err)
		}
		err = d.Put(t.Context(), incident, "1-console.txt", []byte("x"), false)
		var f *Failure
		if !errors.As(err, &f) || strings.Contains(err.Error(), "/") {
			t.Errorf("%s: %v", folder, err)
		}
	}
	if _, err := OpenDir("relative"); err == nil {
		t.Error("a folder that is not absolute was opened")
	}
}

func TestDirTroubles(t *testing.T) {
	for err, want := range map[error]string{
		syscall.ENOSPC: "the disk is full", syscall.EDQUOT: "the disk is full",
		syscall.EROFS:       "the file system is read-only",
		syscall.EACCES:      "the folder for evidence may not be used by this process",
		syscall.EPERM:       "the folder for evidence may not be used by this process",
		syscall.EIO:         "the folder for evidence cannot be used: input/output error",
		errors.New("/path"): "the folder for evidence cannot be used",
	} {
		whole := fmt.Errorf("open: %w", &fs.PathError{Op: "open", Path: "/" + mark, Err: err})
		if got := troubled(whole); got.Error() != want {
			t.Errorf("%v: %q, want %q", err, got, want)
		}
	}
}
