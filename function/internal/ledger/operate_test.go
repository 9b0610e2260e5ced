package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

func TestPause(t *testing.T) {
	until := ten.Add(time.Hour)
	for _, row := range []struct {
		why   string
		until time.Time
		at    time.Time
		want  remedy.Reason
	}{
		{"until somebody resumes", time.Time{}, ten.Add(1000 * time.Hour), remedy.ReasonPaused},
		{"until its last moment", until, until.Add(-1), remedy.ReasonPaused},
		{"and not after it", until, until, ""},
	} {
		c := &clock{ten}
		store := ledger.NewMem()
		if err := ledger.New(store, strict(), c.now).Pause(t.Context(), row.until, "maintenance"); err != nil {
			t.Fatal(err)
		}
		c.at = row.at
		l := ledger.New(store, strict(), c.now) // another process
		_, reason, err := l.Claim(t.Context(), remedy.Record{}, fresh("i-1", "a", c.at), remedy.Attempt{N: 1})
		if reason != row.want || err != nil {
			t.Errorf("%s: a first claim gave %q (%v), want %q", row.why, reason, err, row.want)
		}
		was, err := l.Resume(t.Context())
		if was != (row.want == remedy.ReasonPaused) || err != nil {
			t.Errorf("%s: Resume says that it was paused: %v (%v)", row.why, was, err)
		}
		if was, err = l.Resume(t.Context()); was || err != nil {
			t.Errorf("%s: Resume twice says that it was paused: %v (%v)", row.why, was, err)
		}
	}
}

func TestClose(t *testing.T) {
	c := &clock{ten}
	l := ledger.New(ledger.NewMem(), strict(), c.now)
	first := begin(t, l, "i-1", "a", ten)
	for _, unknown := range []string{"i-1", "i-1/20200101T000000Z", "i-2/20261123T100000Z", "", "/"} {
		if _, err := l.Close(t.Context(), unknown); !errors.Is(err, ledger.ErrNotOpen) {
			t.Errorf("closing %q: %v, want ErrNotOpen", unknown, err)
		}
	}
	c.at = ten.Add(time.Second)
	ended, err := l.Close(t.Context(), first.Open.ID)
	if err != nil || ended.Verdict != remedy.VerdictFailed || ended.Reason != remedy.ReasonAbandoned || !ended.EndedAt.Equal(c.at) {
		t.Fatalf("closed as %s/%s at %v (%v)", ended.Verdict, ended.Reason, ended.EndedAt, err)
	}
	if _, err := l.Close(t.Context(), first.Open.ID); !errors.Is(err, ledger.ErrNotOpen) {
		t.Errorf("closing it twice: %v, want ErrNotOpen", err)
	}
	if fleet := l.Fleet(t.Context()).Value; len(fleet.Open) != 0 {
		t.Errorf("%d slots, want none", len(fleet.Open))
	}
	// Its owner is alive, and knows nothing of it.
	if _, reason, err := l.Claim(t.Context(), first, first.Open, remedy.Attempt{N: 2}); reason != remedy.ReasonInProgress || err != nil {
		t.Errorf("its owner's next claim: %q (%v), want in-progress", reason, err)
	}
	if r := record(t, l, "i-1"); r.Open != nil || r.LeftAloneUntil(strict()) != c.at.Add(strict().Cooldown) {
		t.Errorf("the record is %+v, want a cool-down like after any other end", r)
	}
}

func TestReset(t *testing.T) {
	l := ledger.New(ledger.NewMem(), strict(), (&clock{ten}).now)
	if _, err := l.Reset(t.Context(), "i-1"); !errors.Is(err, ledger.ErrNoRecord) {
		t.Errorf("an instance that is not known: %v, want ErrNoRecord", err)
	}
	settle(t, l, begin(t, l, "i-1", "a", ten), ten, remedy.VerdictRestarted)
	if n, err := l.Reset(t.Context(), "i-1"); n != 1 || err != nil {
		t.Errorf("%d incidents forgiven (%v), want 1", n, err)
	}
	r := record(t, l, "i-1")
	if !r.LeftAloneUntil(strict()).IsZero() || r.Spent(time.Time{}) != 0 || r.Keys["key-of-i-1"].IsZero() ||
		r.Recent[0].Verdict != remedy.VerdictRestarted {
		t.Errorf("the record is %+v, want nothing counted, and the alarm and the recovery remembered", r)
	}
	if n, err := l.Reset(t.Context(), "i-1"); n != 0 || err != nil {
		t.Errorf("twice: %d forgiven (%v), want 0 and no error", n, err)
	}
}

// counting counts the writes to a store.
type counting struct {
	ledger.Store
	puts int
}

func (c *counting) Put(ctx context.Context, key string, value []byte, expected uint64) (uint64, error) {
	c.puts++
	return c.Store.Put(ctx, key, value, expected)
}

func TestLook(t *testing.T) {
	policy := strict()
	policy.FleetConcurrent = 20
	c := &clock{ten}
	store := &counting{Store: ledger.NewMem()}
	l := ledger.New(store, policy, c.now)
	for n := range 11 { // more than are read at a time
		begin(t, l, fmt.Sprintf("i-%02d", n), "a", ten)
	}
	settle(t, l, record(t, l, "i-00"), ten, remedy.VerdictFailed)
	now := record(t, l, "i-01")
	if _, err := store.Store.Put(t.Context(), "instance/i-01", []byte(`{"version":7}`), now.Revision); err != nil {
		t.Fatal(err)
	}
	c.at = ten.Add(5 * time.Hour) // every lease is over: a sweep would write
	store.puts = 0
	seen, err := l.Look(t.Context())
	if err != nil || len(seen.Records) != 11 || !seen.At.Equal(c.at) || len(seen.Fleet.Open) != 10 {
		t.Fatalf("%d records and %d slots at %v (%v), want 11 and 10", len(seen.Records), len(seen.Fleet.Open), seen.At, err)
	}
	if store.puts != 0 {
		t.Errorf("looking wrote %d times", store.puts)
	}
	if r := seen.Records["i-00"]; !r.OK() || len(r.Value.Recent) != 1 {
		t.Errorf("the ended one is %+v", r)
	}
	if r := seen.Records["i-01"]; r.Failure != remedy.FailureUnreadable {
		t.Errorf("one record that cannot be understood is %q, want a failure of its own", r.Failure)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Look(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("a store that cannot be asked: %v, want its error", err)
	}
}

// careless is a store that swaps without comparing.
type careless struct{ ledger.Store }

func (c careless) Put(ctx context.Context, key string, value []byte, _ uint64) (uint64, error) {
	_, now, err := c.Get(ctx, key)
	if err != nil {
		return 0, err
	}
	return c.Store.Put(ctx, key, value, now)
}

// forgetful is a store that loses what it is given.
type forgetful struct{ ledger.Store }

func (f forgetful) Put(context.Context, string, []byte, uint64) (uint64, error) { return 1, nil }

func TestProbe(t *testing.T) {
	store := ledger.NewMem()
	l := ledger.New(store, strict(), (&clock{ten}).now)
	before := begin(t, l, "i-1", "a", ten)
	for range 2 { // the second time its key is there
		if took, err := ledger.Probe(t.Context(), store); err != nil || took <= 0 {
			t.Errorf("a store that is well: %v in %v", err, took)
		}
	}
	if after := record(t, l, "i-1"); after.Revision != before.Revision {
		t.Error("probing wrote to a record")
	}
	for why, bad := range map[string]ledger.Store{
		"a store that swaps without comparing": careless{ledger.NewMem()},
		"a store that loses what it is given":  forgetful{ledger.NewMem()},
		"a store that cannot be written":       &failing{Store: ledger.NewMem(), key: "doctor"},
	} {
		if _, err := ledger.Probe(t.Context(), bad); err == nil {
			t.Errorf("%s passes", why)
		}
	}
}

func TestRedisClock(t *testing.T) {
	server := miniredis.RunT(t)
	server.SetTime(ten)
	store := openRedis(t, "redis://"+server.Addr(), time.Second)
	defer store.Close()
	if at, err := store.Clock(t.Context()); !at.Equal(ten) || err != nil {
		t.Errorf("the server's clock shows %v (%v), want %v", at, err, ten)
	}
	server.Close()
	if _, err := store.Clock(t.Context()); err == nil {
		t.Error("a server that is gone shows a time")
	}
}
