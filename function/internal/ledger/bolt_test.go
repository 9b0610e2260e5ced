package ledger_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/ledger/ledgertest"
)

func TestBolt(t *testing.T) {
	ledgertest.TestStore(t, func(t *testing.T) ledger.Store {
		return openBolt(t,
			filepath.Join(t.TempDir(), "ledger"))
	})
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
	if value, at, err := bolt.Get(t.Context(), "fleet"); string(value) != `{"n":1}` ||
		at != revision || err != nil {
		t.Errorf("after opening again: %s at %d (%v), want what was written at %d",
			value, at, err, revision)
	}
	if next, err := bolt.Put(t.Context(), "other", []byte(`{}`),
		0); err != nil || next <= revision {
		t.Errorf("after opening again: revision %d (%v), want one greater than "+
			"%d", next, err, revision)
	}
}

func TestBoltCannotOpen(t *testing.T) {
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	held := filepath.Join(folder, "held")
	holder := openBolt(t, held)
	defer holder.Close()
	other := filepath.Join(folder, "other")
	foreign, err := bbolt.Open(other, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = foreign.Update(func(tx *bbolt.Tx) error {
		_, err := tx.CreateBucket([]byte("members"))
		return err
	})
	if err := errors.Join(err, foreign.Close()); err != nil {
		t.Fatal(err)
	}
	const damaged = "damaged, or must be a ledger of this program and is not"
	for _, row := range []struct {
		why, path string
		want      []string
	}{
		{"somebody else holds its lock", held, []string{"held open by another process",
			"end that one", "to pause while the function runs"}},
		{"its folder does not exist", filepath.Join(folder, "no", "ledger"),
			[]string{"in a folder that exists"}},
		{"it is a folder", folder, []string{"is no file but a folder", "name a file"}},
		{"it is a device", os.DevNull, []string{"is no file", "name a file"}},
		{"a long text", write("long", strings.Repeat("not a ledger\n", 1000)),
			[]string{damaged, "move it away"}},
		{"a short text", write("short", "not a ledger\n"), []string{damaged, "move it away"}},
		{"nothing but zeros", write("zeros", strings.Repeat("\x00", 32<<10)),
			[]string{damaged, "move it away"}},
		{"a bolt file of another program", other, []string{damaged, `"members"`, "move it away"}},
	} {
		bolt, err := ledger.OpenBolt(row.path)
		if err == nil {
			bolt.Close()
			t.Errorf("%s: opened", row.why)
			continue
		}
		for _, want := range append(row.want, row.path) {
			if text := err.Error(); !strings.Contains(text, want) || strings.Contains(text, "\n") {
				t.Errorf("%s: %v, want one line with %q", row.why, err, want)
			}
		}
	}
}

// A process that is killed while it creates a ledger leaves an empty file; the next one goes on.
func TestBoltEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	bolt := openBolt(t, path)
	defer bolt.Close()
	if _, err := bolt.Put(t.Context(), "fleet", []byte(`{}`), 0); err != nil {
		t.Error(err)
	}
}

// boltSample is a file with all kinds of pages: branches, leaves, a value over several pages, and
// free pages; and what it holds.
func boltSample(t *testing.T) (file []byte, values map[string]string) {
	t.Helper()
	boltSampled.Do(func() { boltSampled.file, boltSampled.values = boltNewSample(t) })
	if boltSampled.file == nil {
		t.Fatal("there is no sample")
	}
	return bytes.Clone(boltSampled.file), boltSampled.values
}

// boltSampled is made once: it takes the disk a while.
var boltSampled struct {
	sync.Once
	file   []byte
	values map[string]string
}

func boltNewSample(t *testing.T) (file []byte, values map[string]string) {
	path := filepath.Join(t.TempDir(), "ledger")
	bolt := openBolt(t, path)
	values = map[string]string{}
	for i := range 120 {
		key, size := fmt.Sprintf("instance/i-%d", i%80), 40+i*7%400
		if i%40 == 7 {
			size = 10_000
		}
		value := fmt.Sprintf(`{"n":%d,"text":%q}`, i, strings.Repeat("x", size))
		_, at, err := bolt.Get(t.Context(), key)
		if err == nil {
			_, err = bolt.Put(t.Context(), key, []byte(value), at)
		}
		if err != nil {
			t.Fatal(err)
		}
		values[key] = value
	}
	if err := bolt.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return file, values
}

// boltTries counts the files that could be opened.
var boltTries int

// boltTry uses a file that may be damaged. Either it cannot be opened, with an error that says so
// and the file left as it is; or it can, and then whatever is asked has an answer or an error.
func boltTry(t *testing.T, why string, file []byte, values map[string]string) (opened bool) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(path)
	bolt, err := ledger.OpenBolt(path)
	if err != nil {
		text := err.Error()
		if !strings.HasPrefix(text, "ledger file "+path+" is damaged") ||
			!strings.Contains(text, "move it away") || strings.Contains(text, "\n") {
			t.Errorf("%s: %v, want one line with the path, the damage and the cure", why, err)
		}
		if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, file) {
			t.Errorf("%s: the file was changed (%v)", why, err)
		}
		return false
	}
	for key := range values {
		bolt.Get(t.Context(), key)
	}
	bolt.List(t.Context(), "", func(string) error { return nil })
	_, at, err := bolt.Get(t.Context(), "instance/i-5")
	if boltTries++; boltTries%4 != 0 { // the disk takes its time over a write
		err = errors.New("not tried")
	}
	if err == nil {
		_, err = bolt.Put(t.Context(), "instance/i-5", []byte(`{"fresh":true}`), at)
	}
	if closed := bolt.Close(); closed != nil {
		t.Errorf("%s: Close: %v", why, closed)
	}
	if err != nil {
		return true
	}
	// What was written into it is no worse than before.
	again, err := ledger.OpenBolt(path)
	if err != nil {
		t.Errorf("%s: after a write: %v", why, err)
		return true
	}
	defer again.Close()
	value, _, err := again.Get(t.Context(), "instance/i-5")
	if err != nil || string(value) != `{"fresh":true}` {
		t.Errorf("%s: what was written reads as %.50s (%v)", why, value, err)
	}
	return true
}

func TestBoltCutOff(t *testing.T) {
	file, values := boltSample(t)
	pageSize := os.Getpagesize()
	// Behind the last page in use the file may end: the library makes it longer than it needs.
	used := 0
	for _, meta := range []int{0, pageSize} {
		used = max(used, int(binary.NativeEndian.Uint64(file[meta+16+40:])))
	}
	opened := 0
	for page := range len(file) / pageSize {
		for _, size := range []int{page * pageSize, page*pageSize + 1, page*pageSize + 15,
			page*pageSize + pageSize/2, (page+1)*pageSize - 1} {
			why := fmt.Sprintf("cut to %d of %d bytes", size, len(file))
			may := size == 0 || size >= used*pageSize
			got := boltTry(t, why, file[:size], values)
			if got != may {
				t.Errorf("%s: opened %v, want %v", why, got, may)
			}
			if got {
				opened++
			}
		}
	}
	// With the meta pages left, the error can say how much is gone.
	path := filepath.Join(t.TempDir(), "ledger")
	if err := os.WriteFile(path, file[:3*pageSize], 0o600); err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("cut off: of %d pages, 3 are left", used)
	if _, err := ledger.OpenBolt(path); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("cut to 3 pages: %v, want %q", err, want)
	}
	if opened < 2 {
		t.Errorf("opened %d files, want the empty one and those cut behind their last page", opened)
	}
}

// Every page gets damaged in many ways. The library alone panics on some, and others end the
// process with a fault of its memory.
func TestBoltDamagedPages(t *testing.T) {
	file, values := boltSample(t)
	pageSize := os.Getpagesize()
	random := rand.New(rand.NewPCG(7, 7))
	opened, refused := 0, 0
	try := func(why string, damaged []byte) {
		if boltTry(t, why, damaged, values) {
			opened++
		} else {
			refused++
		}
	}
	for page := range len(file) / pageSize {
		from, to := page*pageSize, (page+1)*pageSize
		change := func(why string, how func(page []byte)) {
			damaged := bytes.Clone(file)
			how(damaged[from:to])
			if !bytes.Equal(damaged, file) {
				try(fmt.Sprintf("page %d: %s", page, why), damaged)
			}
		}
		change("zeros", func(page []byte) { clear(page) })
		change("ones", func(page []byte) { copy(page, bytes.Repeat([]byte{0xff}, pageSize)) })
		change("half of it zeros", func(page []byte) { clear(page[pageSize/2:]) })
		change("noise", func(page []byte) {
			for i := range page {
				page[i] = byte(random.Uint32())
			}
		})
		for range 2 {
			other := random.IntN(len(file) / pageSize)
			change(fmt.Sprintf("page %d in its place", other), func(page []byte) {
				copy(page, file[other*pageSize:][:pageSize])
			})
		}
		for range 10 {
			at, mask := random.IntN(pageSize), byte(1<<random.IntN(8))
			if random.IntN(3) > 0 { // where the numbers are
				at = random.IntN(200)
			}
			if random.IntN(2) == 0 {
				mask = byte(1 + random.IntN(255))
			}
			change(fmt.Sprintf("byte %d flipped by %#x", at,
				mask), func(page []byte) { page[at] ^= mask })
		}
	}
	t.Logf("%d opened all the same, %d refused", opened, refused)
	if opened < 10 || refused < 100 {
		t.Errorf("%d opened, %d refused: want some that opened (free pages, values), and many "+
			"refused",
			opened, refused)
	}
}

// Meta pages have a checksum, so chance does not get past them; who writes them on purpose does.
func TestBoltForgedMeta(t *testing.T) {
	file, values := boltSample(t)
	pageSize := os.Getpagesize()
	for _, field := range []struct {
		name     string
		at, size int
	}{{"page size", 8, 4}, {"root", 16, 8}, {"free list", 32, 8}, {"pages", 40, 8}} {
		for _, value := range []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 17, 512, 1024, 4095,
			4097, 1 << 13, 1 << 24,
			1 << 31, 1 << 40, 1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1} {
			forged := bytes.Clone(file)
			for _, at := range []int{0, pageSize} {
				meta := forged[at+16:][:64]
				number := make([]byte, 8)
				binary.NativeEndian.PutUint64(number, value)
				copy(meta[field.at:][:field.size], number)
				sum := fnv.New64a()
				sum.Write(meta[:56])
				binary.NativeEndian.PutUint64(meta[56:], sum.Sum64())
			}
			boltTry(t, fmt.Sprintf("%s %d", field.name, value), forged, values)
		}
	}
}

// A file that is cut while it is open: reading beyond its end is a fault of the memory, which ends
// a process that does not expect it.
func TestBoltCutWhileOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger")
	file, _ := boltSample(t)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	bolt := openBolt(t, path)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	const want = "is damaged"
	for range 2 { // and it stays so
		_, _, got := bolt.Get(t.Context(), "instance/i-5")
		_, put := bolt.Put(t.Context(), "instance/i-5", []byte(`{}`), 0)
		list := bolt.List(t.Context(), "", func(string) error { return nil })
		for call, err := range map[string]error{"Get": got, "Put": put, "List": list} {
			if err == nil || !strings.Contains(err.Error(), want) ||
				!strings.Contains(err.Error(), path) {
				t.Errorf("%s gave %v, want %q and the path", call, err, want)
			}
		}
	}
	if err := bolt.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// A call that waits for its turn does not outlive its context.
func TestBoltTurn(t *testing.T) {
	bolt := openBolt(t, filepath.Join(t.TempDir(), "ledger"))
	defer bolt.Close()
	if _, err := bolt.Put(t.Context(), "fleet", []byte(`{}`), 0); err != nil {
		t.Fatal(err)
	}
	under, leave, done := make(chan bool), make(chan bool), make(chan error)
	bolt.Now = func() time.Time { under <- true; <-leave; return time.Now() }
	go func() {
		_, _, err := bolt.Get(t.Context(), "fleet")
		done <- err
	}()
	<-under
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, _, err := bolt.Get(ctx, "fleet"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Get gave %v, want context.DeadlineExceeded", err)
	}
	leave <- true
	if err := <-done; err != nil {
		t.Error(err)
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
