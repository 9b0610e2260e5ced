package evidence

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/osssim"
)

const (
	incident = "i-bp1example/20261123T074201Z"
	mark     = "hunter2" // stands in everything that is secret
)

var keys = Keys{ID: "id-" + mark, Secret: "secret-" + mark, Token: "token-" + mark}

// newOSS returns a simulated OSS, and a store in it that is reached in process.
func newOSS(t *testing.T) (*osssim.Server, *OSS) {
	t.Helper()
	s := osssim.New(osssim.Options{Bucket: "my-bucket", Region: "cn-hangzhou",
		AccessKeyID: keys.ID, AccessKeySecret: keys.Secret, SecurityToken: keys.Token})
	store, err := OpenOSS(OSSOptions{Bucket: "my-bucket", Prefix: "ecs-remedy/a.b_C",
		Region: "cn-hangzhou", Internal: true, Keys: keys, Base: s})
	if err != nil {
		t.Fatal(err)
	}
	return s, store
}

func newDir(t *testing.T) *Dir {
	t.Helper()
	d, err := OpenDir(t.TempDir() + "/not/there/yet")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// remover is what both stores can do besides.
type remover interface {
	Store
	Remove(ctx context.Context, incident, name string) error
}

// stores are one of each kind, OSS over a socket too.
func stores(t *testing.T) map[string]remover {
	t.Helper()
	s, inProcess := newOSS(t)
	address, stop, err := s.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	overHTTP, err := OpenOSS(OSSOptions{Bucket: "my-bucket", Prefix: "p", Region: "cn-hangzhou",
		Endpoint: address, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(overHTTP.Close)
	return map[string]remover{"dir": newDir(t), "oss": inProcess, "oss over HTTP": overHTTP}
}

// TestStores puts every store through the same.
func TestStores(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			is := func(what string, err, want error) {
				t.Helper()
				if !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", what, err, want)
				}
			}
			holds := func(what, name, want string) {
				t.Helper()
				if content, err := s.Get(ctx, incident, name, 1<<20); err != nil ||
					string(content) != want {
					t.Errorf("%s: %s holds %q, %v, want %q", what, name, content, err, want)
				}
			}

			_, err := s.Get(ctx, incident, "1-console.txt", 1<<20)
			is("get of nothing", err, ErrNotFound)
			names, err := s.List(ctx, incident)
			if err != nil || len(names) != 0 {
				t.Errorf("list of nothing: %v, %v", names, err)
			}
			is("remove of nothing", s.Remove(ctx, incident, "1-console.txt"), nil)

			is("put", s.Put(ctx, incident, "1-console.txt", []byte("first"), false), nil)
			is("put again", s.Put(ctx, incident, "1-console.txt", []byte("other"), false),
				ErrExists)
			holds("after both", "1-console.txt", "first")
			is("overwrite", s.Put(ctx, incident, "1-console.txt", []byte("third"), true), nil)
			holds("after that", "1-console.txt", "third")
			is("overwrite of nothing", s.Put(ctx, incident, "incident.html", []byte("p"), true),
				nil)
			is("put of no bytes", s.Put(ctx, incident, "incident.json", nil, false), nil)
			holds("no bytes", "incident.json", "")
			all := make([]byte, 256)
			for i := range all {
				all[i] = byte(i)
			}
			binary := bytes.Repeat(all, 2048) // 512 KiB
			is("put of bytes", s.Put(ctx, incident, "1-screenshot.jpg", binary, false), nil)
			content, err := s.Get(ctx, incident, "1-screenshot.jpg", len(binary))
			if err != nil || !bytes.Equal(content, binary) {
				t.Errorf("get of exactly so many bytes: %d of %d, %v", len(content), len(binary),
					err)
			}
			_, err = s.Get(ctx, incident, "1-screenshot.jpg", len(binary)-1)
			is("get of one byte more than allowed", err, ErrTooLarge)
			_, err = s.Get(ctx, incident, "1-console.txt", 0)
			is("get of nothing at most", err, ErrTooLarge)

			other := "i-bp1example/20261123T074202Z"
			is("put of another incident", s.Put(ctx, other, "2-console.txt", []byte("x"), false),
				nil)
			names, err = s.List(ctx, incident)
			want := []string{"1-console.txt", "1-screenshot.jpg", "incident.html", "incident.json"}
			if diff := cmp.Diff(want, names); diff != "" || err != nil {
				t.Errorf("list: %v, (-want +got) %s", err, diff)
			}
			is("remove", s.Remove(ctx, incident, "1-console.txt"), nil)
			_, err = s.Get(ctx, incident, "1-console.txt", 1<<20)
			is("get of what was removed", err, ErrNotFound)

			for _, bad := range badRequests {
				is("put "+bad[0]+" "+bad[1], s.Put(ctx, bad[0], bad[1], []byte("x"), true),
					ErrRequest)
				_, err := s.Get(ctx, bad[0], bad[1], 1)
				is("get "+bad[0]+" "+bad[1], err, ErrRequest)
				is("remove "+bad[0]+" "+bad[1], s.Remove(ctx, bad[0], bad[1]), ErrRequest)
				if bad[0] != incident {
					_, err = s.List(ctx, bad[0])
					is("list "+bad[0], err, ErrRequest)
				}
			}

			gone, cancel := context.WithCancel(ctx)
			cancel()
			var failure *Failure
			if err := s.Put(gone, incident, "3-console.txt", []byte("x"), false); !errors.As(err,
				&failure) {
				t.Errorf("put without time: %v", err)
			}
			_, err = s.Get(ctx, incident, "3-console.txt", 1)
			is("get of what had no time", err, ErrNotFound)
		})
	}
}

// badRequests are incidents and names of which one is none.
var badRequests = [][2]string{
	{"", "a.txt"}, {"i-1", "a.txt"}, {"i-1/", "a.txt"}, {"/20261123T074201Z", "a.txt"},
	{"i-1/20261123T074201", "a.txt"}, {"i-1/20261123T074201Z/", "a.txt"},
	{"i-1/20261323T074201Z", "a.txt"}, {"i-1/2026-11-23T07:42:01Z", "a.txt"},
	{"../20261123T074201Z", "a.txt"}, {"i-1/..", "a.txt"}, {"I-1/20261123T074201Z", "a.txt"},
	{"1-i/20261123T074201Z", "a.txt"}, {"-/20261123T074201Z", "a.txt"},
	{"i-1\x00/20261123T074201Z", "a.txt"}, {"i.1/20261123T074201Z", "a.txt"},
	{"i-1/20261123T074201.5Z", "a.txt"}, {"i-1/20261123T074201,5Z", "a.txt"},
	{strings.Repeat("i", 65) + "/20261123T074201Z", "a.txt"},
	{incident, ""}, {incident, ".txt"}, {incident, "a"}, {incident, "a."}, {incident, "a.exe"},
	{incident, "../a.txt"}, {incident, "a/b.txt"}, {incident, `a\b.txt`}, {incident, "a.b.txt"},
	{incident, "A.txt"}, {incident, "-a.txt"}, {incident, "a b.txt"}, {incident, "a.txt\x00"},
	{incident, "a.TXT"}, {incident, strings.Repeat("a", 61) + ".txt"}, {incident, "重.txt"},
}

func TestRequests(t *testing.T) {
	for _, id := range []string{incident, "i-1/20261123T074201Z", "doctor/20280229T235959Z",
		strings.Repeat("i", 64) + "/20261123T074201Z"} {
		if err := CheckIncident(id); err != nil {
			t.Errorf("%s is an incident: %v", id, err)
		}
	}
	for name, media := range map[string]string{"1-screenshot.jpg": "image/jpeg",
		"2-screenshot.png": "image/png", "3-console.txt": "text/plain; charset=utf-8",
		"incident.json": "application/json", "incident.html": "text/html; charset=utf-8",
		strings.Repeat("a", 60) + ".txt": "text/plain; charset=utf-8"} {
		if err := CheckName(name); err != nil || ContentType(name) != media {
			t.Errorf("%s is a name: %v, %s", name, err, ContentType(name))
		}
	}
	for _, row := range [][3]string{
		{"oss://b/p", incident, "oss://b/p/" + incident + "/"},
		{"dir:///e", incident, "dir:///e/" + incident + "/"},
		{"", incident, ""}, {"oss://b/p", "", ""}, {"oss://b/p", "../x", ""},
	} {
		if got := Where(row[0], row[1]); got != row[2] {
			t.Errorf("Where(%q, %q) is %q, want %q", row[0], row[1], got, row[2])
		}
	}
}

// TestManyAtOnce: of many that put without overwriting, one wins, and nobody reads half a file.
func TestManyAtOnce(t *testing.T) {
	for name, s := range stores(t) {
		t.Run(name, func(t *testing.T) {
			var all sync.WaitGroup
			errs := make([]error, 20)
			for i := range errs {
				all.Go(func() {
					content := bytes.Repeat([]byte{byte('a' + i)}, 100_000)
					errs[i] = s.Put(t.Context(), incident, "1-console.txt", content, false)
					got, err := s.Get(t.Context(), incident, "1-console.txt", 1<<20)
					if err != nil || len(got) != 100_000 ||
						bytes.Count(got, got[:1]) != len(got) {
						t.Errorf("read %d bytes, %v", len(got), err)
					}
				})
			}
			all.Wait()
			won := 0
			for _, err := range errs {
				switch {
				case err == nil:
					won++
				case !errors.Is(err, ErrExists):
					t.Error(err)
				}
			}
			if won != 1 {
				t.Errorf("%d have put it", won)
			}
		})
	}
}

// secretless fails if a text holds a secret or an address.
func secretless(t *testing.T, what string, text any) {
	t.Helper()
	for _, verb := range []string{"%v", "%+v", "%#v"} {
		shown := fmt.Sprintf(verb, text)
		for _, never := range []string{mark, "://", "aliyuncs", "127.0.0.1", "Signature=",
			"elsewhere"} {
			if strings.Contains(shown, never) {
				t.Errorf("%s shows %q: %s", what, never, shown)
			}
		}
	}
}
