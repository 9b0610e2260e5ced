package main_test

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"ecs-remedy/function/internal/fcsim"
)

// BenchmarkRatioStartup is how long the function takes from exec to its first poll, and the ratio
// to a handler that does nothing, built as anybody would build it. Both are read from the disk
// before they are started, as in an instance that is new: how the kernel caches a file that the
// linker has only just written shows in both.
func BenchmarkRatioStartup(b *testing.B) {
	name, err := buildDeployed(".", "deployed", "-tags=nethttpomithttp2")
	if err != nil {
		b.Fatal(err)
	}
	source := filepath.Join(b.TempDir(), "main.go")
	if err := os.WriteFile(source, []byte(`package main

import "github.com/aliyun/fc-runtime-go-sdk/fc"

func main() { fc.Start(func() error { return nil }) }
`), 0o600); err != nil {
		b.Fatal(err)
	}
	empty, err := buildDeployed(source, "empty")
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{name, empty} {
		if err := readAnew(name); err != nil {
			b.Fatal(err)
		}
	}
	p := fcsim.New(account, region)
	start := func(name string) time.Duration {
		process, err := p.Start(name, "REMEDY_MODE=enforce", "REMEDY_LEDGER=redis://127.0.0.1:1")
		if err != nil {
			b.Fatal(err)
		}
		defer process.Kill()
		took, err := process.Ready(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		return took
	}
	var ours, theirs []time.Duration
	for b.Loop() {
		ours = append(ours, start(name))
		theirs = append(theirs, start(empty))
	}
	median := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)/2].Microseconds()) / 1000
	}
	b.ReportMetric(0, "ns/op") // the two below tell more
	b.ReportMetric(median(ours), "ours-ms")
	b.ReportMetric(median(theirs), "empty-ms")
	b.ReportMetric(median(ours)/median(theirs), "ratio")
}

// readAnew drops what the kernel's cache has of a file, and reads it from the disk from its
// beginning to its end.
func readAnew(name string) error {
	content, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	if err := os.Remove(name); err != nil {
		return err
	}
	file, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o700)
	if err != nil {
		return err
	}
	defer file.Close()
	if _, err := file.Write(content); err != nil {
		return err
	}
	if err := file.Sync(); err != nil { // what is not on the disk yet cannot be dropped
		return err
	}
	const dontNeed = 4 // POSIX_FADV_DONTNEED
	_, _, trouble := syscall.Syscall6(syscall.SYS_FADVISE64, file.Fd(), 0, 0, dontNeed, 0, 0)
	if trouble != 0 {
		return trouble
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, file)
	return err
}
