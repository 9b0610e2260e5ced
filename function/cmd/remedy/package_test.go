package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/fcsim"
)

// sourceCopy copies what the build needs into a folder, as another clone would have it.
func sourceCopy(t *testing.T, into string) {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(into, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go.mod", "go.sum", "template.yml", "events", "function"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(path string, entry fs.DirEntry,
			err error) error {
			if err != nil {
				return err
			}
			relative, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			target := filepath.Join(into, relative)
			switch {
			case entry.IsDir() && entry.Name() == "testdata":
				return filepath.SkipDir
			case entry.IsDir():
				return os.MkdirAll(target, 0o755)
			case strings.HasSuffix(path, "_test.go"):
				return nil
			}
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(target, text, 0o644)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// packageIn runs the command in a folder and returns what it says, and the zip.
func packageIn(t *testing.T, folder string, flags ...string) (packaged, []byte) {
	t.Helper()
	t.Chdir(folder)
	var out, stderr bytes.Buffer
	status := run(append([]string{"package", "--json"}, flags...), &console{out: &out, err: &stderr,
		environ: os.Environ()})
	if status != 0 {
		t.Fatalf("status %d: %s", status, stderr.String())
	}
	var said packaged
	if err := json.Unmarshal(out.Bytes(), &said); err != nil {
		t.Fatalf("the output is not JSON: %v\n%s", err, out.String())
	}
	text, err := os.ReadFile(said.Zip)
	if err != nil {
		t.Fatal(err)
	}
	return said, text
}

// TestPackage builds twice, from two copies of the sources in two folders, and starts what it
// built.
func TestPackage(t *testing.T) {
	first, second := t.TempDir(), filepath.Join(t.TempDir(), "a folder", "elsewhere")
	sourceCopy(t, first)
	sourceCopy(t, second)
	said, archive := packageIn(t, first)
	again, archiveAgain := packageIn(t, filepath.Join(second, "function"), "--output",
		filepath.Join(t.TempDir(), "out"))

	if !bytes.Equal(archive, archiveAgain) || said.Object != again.Object ||
		said.SHA256 != again.SHA256 {
		t.Errorf("two builds of one source differ: %d bytes as %s, %d bytes as %s",
			len(archive), said.Object, len(archiveAgain), again.Object)
	}
	if want := filepath.Join("dist", "ecs-remedy-"+said.SHA256[:12]+".zip"); said.Zip != want {
		t.Errorf("the zip is %s, want %s", said.Zip, want)
	}
	if said.Bytes != len(archive) || said.Bytes >= zipLimit {
		t.Errorf("said %d bytes, the zip has %d, the limit is %d", said.Bytes, len(archive),
			zipLimit)
	}
	opened, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	if len(opened.File) != 1 || opened.File[0].Name != said.Handler {
		t.Fatalf("the zip holds %d files, want the handler %s alone", len(opened.File),
			said.Handler)
	}
	entry := opened.File[0]
	if mode := entry.Mode(); mode != 0o755 {
		t.Errorf("the binary has mode %v, want 0755: Function Compute could not start it", mode)
	}
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" {
		t.Skip("what follows starts the binary, which is for linux/amd64")
	}
	binary := filepath.Join(t.TempDir(), said.Handler)
	unpack(t, entry, binary)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	platform := fcsim.New("1234567890123456", "cn-hangzhou")
	defer platform.Close()
	process, err := platform.Start(binary)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := process.Ready(ctx); err != nil {
		t.Fatalf("the packaged function does not start: %v\n%s", err, platform.Output())
	}
	for _, tt := range []struct{ sample, verdict, reason string }{
		{"metric-mns-resolved.json", "ignored", "resolved"},
		{"system-event-agent-stopped.json", "refused", "stale-alarm"},
		// a firing alarm, from years ago
	} {
		payload, err := os.ReadFile(filepath.Join(first, "events", "samples", tt.sample))
		if err != nil {
			t.Fatal(err)
		}
		key := fcsim.Key{ID: "id", Secret: "secret", Token: "token"}
		answer, err := platform.Invoke(ctx, fcsim.Event{Payload: payload, Key: key})
		if err != nil || answer.Error != nil {
			t.Fatalf("%s: %v, %v\n%s", tt.sample, err, answer.Error, platform.Output())
		}
		var response struct {
			Results []struct{ Verdict, Reason string }
		}
		if err := json.Unmarshal(answer.Body, &response); err != nil || len(response.Results) != 1 {
			t.Fatalf("%s: the packaged function answered %s (%v)", tt.sample, answer.Body, err)
		}
		if got := response.Results[0]; got.Verdict != tt.verdict || got.Reason != tt.reason {
			t.Errorf("%s: %s/%s, want %s/%s", tt.sample, got.Verdict, got.Reason, tt.verdict,
				tt.reason)
		}
	}
}

func unpack(t *testing.T, entry *zip.File, path string) {
	t.Helper()
	in, err := entry.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	text, err := io.ReadAll(in)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, text, entry.Mode()); err != nil {
		t.Fatal(err)
	}
}

// TestShellWord has a shell read back what was written for it.
func TestShellWord(t *testing.T) {
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no POSIX shell")
	}
	for _, word := range []string{
		"plain-1.0_x/y:z", "", "two words", "it's", "$HOME", "`id`", "<BUCKET>", "a;b", `\`, "*",
		"~", "#x", "!x",
	} {
		got, err := exec.Command(sh, "-c", "printf %s "+shellWord(word)).Output()
		if err != nil || string(got) != word {
			t.Errorf("a shell reads %q as %q (%v), want %q", shellWord(word), got, err, word)
		}
	}
}

// TestPackageProblems checks that what is missing is said with its cure.
func TestPackageProblems(t *testing.T) {
	for _, tt := range []struct {
		name, want string
		prepare    func(t *testing.T)
	}{
		{"outside the sources", "is not within the sources of ecs-remedy\nhint: cd to the clone",
			func(t *testing.T) {
				t.Chdir(t.TempDir())
			}},
		{"in another module", "is not within the sources of ecs-remedy\nhint: cd to the clone",
			func(t *testing.T) {
				folder := t.TempDir()
				if err := os.WriteFile(filepath.Join(folder, "go.mod"),
					[]byte("module ecs-remedy-too\n"), 0o644); err != nil {
					t.Fatal(err)
				}
				t.Chdir(folder)
			}},
		{"without go", "the go tool is not in PATH\nhint: install Go",
			func(t *testing.T) { t.Setenv("PATH", t.TempDir()) }},
		{"a source that does not compile", "go build: exit status 1\nhint: ", func(t *testing.T) {
			folder := t.TempDir()
			sourceCopy(t, folder)
			broken := filepath.Join(folder, "function", "broken.go")
			if err := os.WriteFile(broken, []byte("package main\nvar x int = true\n"),
				0o644); err != nil {
				t.Fatal(err)
			}
			t.Chdir(folder)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.prepare(t)
			var out, stderr bytes.Buffer
			status := run([]string{"package", "--output", t.TempDir()}, &console{out: &out,
				err: &stderr, environ: os.Environ()})
			if status != 2 || out.Len() > 0 || !strings.Contains(stderr.String(), tt.want) {
				t.Errorf("status %d, stdout %q, stderr %q; want 2, nothing, and %q", status,
					out.String(), stderr.String(), tt.want)
			}
		})
	}
}
