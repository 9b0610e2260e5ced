package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// meddled is a store that lets somebody else write just before the first write of a key, and counts
// the writes that reach it. key is how the key begins.
type meddled struct {
	ledger.Store
	key    string
	before func()
	puts   int
}

func (m *meddled) Put(ctx context.Context, key string, value []byte, expected uint64) (
	uint64, error) {
	if before := m.before; before != nil && strings.HasPrefix(key, m.key) {
		m.before = nil
		before()
	}
	m.puts++
	return m.Store.Put(ctx, key, value, expected)
}

// List implements ledger.Lister.
func (m *meddled) List(ctx context.Context, prefix string, each func(string) error) error {
	return m.Store.(ledger.Lister).List(ctx, prefix, each)
}

// contested is a store in which somebody else is always first; it ends the caller's context after
// some writes.
type contested struct {
	ledger.Store
	left   int
	cancel func()
}

func (c *contested) Put(context.Context, string, []byte, uint64) (uint64, error) {
	if c.left--; c.left == 0 {
		c.cancel()
	}
	return 0, ledger.ErrConflict
}

// table is what an operator and a function have before them: the same records, by ways of their
// own. What the function writes does not go through the operator's store.
type table struct {
	clock    clock
	mem      *ledger.Mem
	store    *meddled       // the operator's way to mem
	function *ledger.Ledger // the function's
	operator *ledger.Records
}

func newTable() *table {
	w := &table{clock: clock{ten}, mem: ledger.NewMem()}
	w.store = &meddled{Store: w.mem}
	w.function = ledger.New(w.mem, strict(), w.clock.now)
	w.operator = ledger.New(w.store, strict(), w.clock.now).In(remedy.BookEnforce)
	return w
}

// meddle lets the function write just before the operator does.
func (w *table) meddle(key string, write func()) { w.store.key, w.store.before = key, write }

// opened has an incident under way, with so many attempts, and its slot.
func (w *table) opened(t *testing.T, instance string, attempts int) remedy.Record {
	t.Helper()
	i := opened(instance, ten, attempts)
	f := fleet(t, w.function)
	f.Open, f.Begun = append(f.Open, slot(i)), append(f.Begun, begun(i))
	putFleet(t, w.function, f)
	r := record(t, w.function, instance)
	r.Open = i
	return put(t, w.function, instance, r)
}

func TestPause(t *testing.T) {
	before := remedy.Pause{Since: ten.Add(-time.Hour), Until: ten, Reason: "before"}
	for _, row := range []struct {
		why      string
		was      remedy.Pause
		at       time.Time
		replaced remedy.Pause
	}{
		{"none before", remedy.Pause{}, ten, remedy.Pause{}},
		{"one that is in force is replaced", before, ten.Add(-1), before},
		{"one that is over was none any more", before, ten, remedy.Pause{}},
	} {
		w := newTable()
		w.opened(t, "i-1", 1)
		f := fleet(t, w.function)
		f.Paused = row.was
		f = putFleet(t, w.function, f)
		w.clock.at = row.at
		until := ten.Add(time.Hour)
		replaced, err := w.operator.Pause(t.Context(), until, "maintenance")
		if err != nil || replaced != row.replaced {
			t.Errorf("%s: replaced %+v (%v), want %+v", row.why, replaced, err, row.replaced)
		}
		want := f
		want.Paused = remedy.Pause{Since: row.at, Until: until, Reason: "maintenance"}
		want.Written = row.at
		got := fleet(t, w.function)
		want.Revision = got.Revision
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: the fleet is (-want +got)\n%s", row.why, diff)
		}
	}
}

// The stop switch goes into a record that every process writes: neither loses what the other wrote.
func TestPauseUnderWay(t *testing.T) {
	w := newTable()
	w.meddle("fleet", func() { w.opened(t, "i-1", 0) })
	if replaced, err := w.operator.Pause(t.Context(), time.Time{}, "maintenance"); err != nil ||
		replaced != (remedy.Pause{}) {
		t.Fatalf("the pause replaced %+v (%v)", replaced, err)
	}
	if f := fleet(t, w.function); len(f.Open) != 1 || len(f.Begun) != 1 ||
		!f.Paused.On(ten.Add(1000*time.Hour)) || f.Paused.Reason != "maintenance" {
		t.Errorf("a slot was reserved at the same moment: %+v", f)
	}
	// Another operator was first: it is that one's pause that is replaced.
	var theirs remedy.Pause
	w.meddle("fleet", func() {
		other := w.function.In(remedy.BookEnforce)
		if _, err := other.Pause(t.Context(), ten.Add(time.Hour), "theirs"); err != nil {
			t.Error(err)
		}
		theirs = fleet(t, w.function).Paused
	})
	replaced, err := w.operator.Pause(t.Context(), time.Time{}, "mine")
	if err != nil || replaced != theirs || theirs.Reason != "theirs" {
		t.Errorf("the pause replaced %+v (%v), want %+v", replaced, err, theirs)
	}
	// Another one resumed first: then there is nothing to replace any more.
	w.meddle("fleet", func() {
		if _, err := w.function.In(remedy.BookEnforce).Resume(t.Context()); err != nil {
			t.Error(err)
		}
	})
	replaced, err = w.operator.Pause(t.Context(), time.Time{}, "mine")
	if err != nil || replaced != (remedy.Pause{}) {
		t.Errorf("the pause replaced %+v (%v), which was resumed before", replaced, err)
	}
	if f := fleet(t, w.function); f.Paused.Reason != "mine" || !f.Paused.Until.IsZero() {
		t.Errorf("the pause is %+v", f.Paused)
	}
}

func TestResume(t *testing.T) {
	for _, row := range []struct {
		why   string
		pause *remedy.Pause // nil: nothing is stored at all
		want  bool
	}{
		{"nothing is known", nil, false},
		{"no pause", &remedy.Pause{}, false},
		{"a pause", &remedy.Pause{Since: ten}, true},
		{"one to its last moment", &remedy.Pause{Since: ten.Add(-time.Hour), Until: ten.Add(1)},
			true},
		{"one that is over", &remedy.Pause{Since: ten.Add(-time.Hour), Until: ten}, false},
	} {
		w := newTable()
		if row.pause != nil {
			putFleet(t, w.function, remedy.Fleet{Paused: *row.pause})
		}
		paused, err := w.operator.Resume(t.Context())
		if paused != row.want || err != nil {
			t.Errorf("%s: paused %v (%v)", row.why, paused, err)
		}
		// It is there now, in either case: who lost it with the rest may go on.
		if f := fleet(t, w.function); f.Paused != (remedy.Pause{}) || f.Revision == 0 ||
			!f.Written.Equal(ten) {
			t.Errorf("%s: the fleet is %+v", row.why, f)
		}
		if again, err := w.operator.Resume(t.Context()); again || err != nil {
			t.Errorf("%s: paused again: %v (%v)", row.why, again, err)
		}
	}
}

func TestResumeUnderWay(t *testing.T) {
	w := newTable()
	putFleet(t, w.function, remedy.Fleet{Paused: remedy.Pause{Since: ten}})
	w.meddle("fleet", func() { w.opened(t, "i-1", 0) })
	paused, err := w.operator.Resume(t.Context())
	if f := fleet(t, w.function); !paused || err != nil || len(f.Open) != 1 || f.Paused.On(ten) {
		t.Errorf("a slot was reserved at the same moment: paused %v (%v), %+v", paused, err, f)
	}
	putFleet(t, w.function, remedy.Fleet{Paused: remedy.Pause{Since: ten},
		Revision: fleet(t, w.function).Revision})
	w.meddle("fleet", func() {
		if _, err := w.function.In(remedy.BookEnforce).Resume(t.Context()); err != nil {
			t.Error(err)
		}
	})
	if paused, err := w.operator.Resume(t.Context()); paused || err != nil {
		t.Errorf("another operator was first: paused %v (%v), want that one's work", paused, err)
	}
}

func TestClose(t *testing.T) {
	w := newTable()
	open := w.opened(t, "i-1", 2)
	other := w.opened(t, "i-2", 1)
	w.clock.at = ten.Add(3 * time.Minute)
	closed, err := w.operator.Close(t.Context(), open.Open.ID)
	want := *opened("i-1", ten, 2)
	want.EndedAt, want.Why = w.clock.at, "by an operator"
	want.Verdict, want.Reason = remedy.VerdictFailed, remedy.ReasonAbandoned
	for n := range want.Attempts {
		want.Attempts[n].Fate = remedy.FateUnconfirmed
	}
	if diff := cmp.Diff(want, closed); err != nil || diff != "" {
		t.Errorf("closed (%v): (-want +got)\n%s", err, diff)
	}
	r := record(t, w.function, "i-1")
	if r.Open != nil || len(r.Recent) != 1 || r.Recent[0].Reason != remedy.ReasonAbandoned ||
		!r.Keys["key of i-1"].Equal(w.clock.at) ||
		!r.LeftAloneUntil(strict()).Equal(w.clock.at.Add(strict().Cooldown)) {
		t.Errorf("the record is %+v, want a cool-down like after any other end", r)
	}
	f := fleet(t, w.function)
	if len(f.Open) != 1 || f.Open[0].Incident != other.Open.ID || len(f.Begun) != 2 {
		t.Errorf("the fleet is %+v, want the other's slot, and both beginnings", f)
	}
}

func TestCloseOfWhatIsNotOpen(t *testing.T) {
	w := newTable()
	open := w.opened(t, "i-1", 1)
	put(t, w.function, "i-2", remedy.Record{Recent: []remedy.Incident{
		ended("i-2", ten.Add(-time.Hour), remedy.VerdictFailed)}})
	w.store.puts = 0
	for _, row := range []struct{ why, incident string }{
		{"an instance is no incident", "i-1"},
		{"another incident of the instance", "i-1/20200101T000000Z"},
		{"one that has ended", remedy.IncidentID("i-2", ten.Add(-time.Hour))},
		{"one that was never known", "i-3/20261123T100000Z"},
		{"no name", ""},
		{"hardly one", "/"},
	} {
		ended, err := w.operator.Close(t.Context(), row.incident)
		if !errors.Is(err, ledger.ErrNotOpen) || !strings.HasPrefix(err.Error(), row.incident) ||
			ended.ID != "" {
			t.Errorf("%s: %+v (%v), want ErrNotOpen with its name", row.why, ended, err)
		}
	}
	if now := record(t, w.function, "i-1"); now.Revision != open.Revision || w.store.puts != 0 {
		t.Errorf("something was written: %d times", w.store.puts)
	}
}

// The owner is alive, and writes at the same moment: what it wrote is closed, and not what the
// operator saw before.
func TestCloseUnderWay(t *testing.T) {
	w := newTable()
	open := w.opened(t, "i-1", 1)
	w.meddle("instance/i-1", func() {
		open.Open = opened("i-1", ten, 2)
		put(t, w.function, "i-1", open)
	})
	closed, err := w.operator.Close(t.Context(), open.Open.ID)
	if r := record(t, w.function, "i-1"); err != nil || len(closed.Attempts) != 2 ||
		r.Open != nil || len(r.Recent) != 1 || len(r.Recent[0].Attempts) != 2 {
		t.Errorf("the owner claimed its second: closed %+v (%v), stored %+v", closed, err, r)
	}

	w = newTable()
	open = w.opened(t, "i-1", 1)
	w.meddle("instance/i-1", func() {
		put(t, w.function, "i-1", remedy.Record{Revision: open.Revision,
			Recent: []remedy.Incident{ended("i-1", ten, remedy.VerdictRestarted)}})
	})
	if _, err = w.operator.Close(t.Context(), open.Open.ID); !errors.Is(err, ledger.ErrNotOpen) {
		t.Errorf("the owner ended it: %v, want ErrNotOpen", err)
	}
	if r := record(t, w.function, "i-1"); r.Recent[0].Verdict != remedy.VerdictRestarted {
		t.Errorf("the owner ended it as restarted, and it is %+v", r.Recent)
	}

	w = newTable()
	open = w.opened(t, "i-1", 1)
	w.meddle("fleet", func() { w.opened(t, "i-2", 0) })
	_, err = w.operator.Close(t.Context(), open.Open.ID)
	if f := fleet(t, w.function); err != nil || len(f.Open) != 1 || f.Open[0].Instance != "i-2" {
		t.Errorf("another slot was reserved when this one was given back: %+v (%v)", f, err)
	}
	// That the slot cannot be given back is not the operator's trouble: the sweep drops it.
	w = newTable()
	open = w.opened(t, "i-1", 1)
	store := &broken{Store: w.mem, key: "fleet"}
	closed, err = ledger.New(store, strict(), w.clock.now).In(remedy.BookEnforce).
		Close(t.Context(), open.Open.ID)
	if err != nil || closed.ID != open.Open.ID || record(t, w.function, "i-1").Open != nil ||
		len(fleet(t, w.function).Open) != 1 {
		t.Errorf("the fleet could not be written: closed %+v (%v)", closed, err)
	}
}

// broken is a store whose keys that begin with key cannot be written.
type broken struct {
	ledger.Store
	key string
}

func (b *broken) Put(ctx context.Context, key string, value []byte, expected uint64) (
	uint64, error) {
	if strings.HasPrefix(key, b.key) {
		return 0, errGone
	}
	return b.Store.Put(ctx, key, value, expected)
}

func TestReset(t *testing.T) {
	w := newTable()
	if _, err := w.operator.Reset(t.Context(), "i-1"); !errors.Is(err, ledger.ErrNoRecord) ||
		!strings.HasPrefix(err.Error(), "i-1:") {
		t.Errorf("an instance that is not known: %v, want ErrNoRecord with its name", err)
	}
	forgiven := ended("i-1", ten.Add(-3*time.Hour), remedy.VerdictFailed)
	forgiven.Forgiven = true
	before := put(t, w.function, "i-1", remedy.Record{
		Recent: []remedy.Incident{forgiven,
			ended("i-1", ten.Add(-2*time.Hour), remedy.VerdictFailed),
			ended("i-1", ten.Add(-time.Hour), remedy.VerdictRestarted)},
		Keys: map[string]time.Time{"key of i-1": ten}})
	if n, err := w.operator.Reset(t.Context(), "i-1"); n != 2 || err != nil {
		t.Errorf("%d incidents forgiven (%v), want the two that counted", n, err)
	}
	want, got := before, record(t, w.function, "i-1")
	want.Recent[1].Forgiven, want.Recent[2].Forgiven = true, true
	want.Revision = got.Revision
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the record is (-want +got)\n%s", diff)
	}
	if !got.LeftAloneUntil(strict()).IsZero() || got.Spent(time.Time{}) != 0 {
		t.Error("something still counts")
	}
	w.store.puts = 0
	if n, err := w.operator.Reset(t.Context(), "i-1"); n != 0 || err != nil || w.store.puts != 0 {
		t.Errorf("twice: %d forgiven (%v) with %d writes, want none of each", n, err, w.store.puts)
	}
}

func TestResetUnderWay(t *testing.T) {
	w := newTable()
	open := w.opened(t, "i-1", 1)
	w.store.puts = 0
	if n, err := w.operator.Reset(t.Context(), "i-1"); n != 0 || !errors.Is(err, ledger.ErrOpen) ||
		!strings.HasPrefix(err.Error(), open.Open.ID) || w.store.puts != 0 {
		t.Errorf("an incident is open: %d (%v) with %d writes, want ErrOpen with its name", n, err,
			w.store.puts)
	}

	past := ended("i-1", ten.Add(-time.Hour), remedy.VerdictFailed)
	w = newTable()
	before := put(t, w.function, "i-1", remedy.Record{Recent: []remedy.Incident{past}})
	w.meddle("instance/i-1", func() { w.opened(t, "i-1", 0) })
	if n, err := w.operator.Reset(t.Context(), "i-1"); n != 0 || !errors.Is(err, ledger.ErrOpen) {
		t.Errorf("an incident opened at the same moment: %d (%v), want ErrOpen", n, err)
	}
	if r := record(t, w.function, "i-1"); r.Open == nil || r.Recent[0].Forgiven {
		t.Errorf("beside an open incident, the past was forgiven: %+v", r)
	}

	w = newTable()
	before = put(t, w.function, "i-1", remedy.Record{Recent: []remedy.Incident{past}})
	w.meddle("instance/i-1", func() {
		before.Recent = append(before.Recent, ended("i-1", ten, remedy.VerdictRestarted))
		put(t, w.function, "i-1", before)
	})
	if n, err := w.operator.Reset(t.Context(), "i-1"); n != 2 || err != nil {
		t.Errorf("another one ended at the same moment: %d forgiven (%v), want both", n, err)
	}
	if r := record(t, w.function, "i-1"); r.Spent(time.Time{}) != 0 || len(r.Recent) != 2 {
		t.Errorf("the record is %+v", r)
	}
}

// An operator's command ends with its time, however busy the ledger is, and says so; and with an
// answer that is not known.
func TestOperatorsGiveUp(t *testing.T) {
	commands := map[string]func(context.Context, *ledger.Records) error{
		"pause": func(ctx context.Context, l *ledger.Records) error {
			_, err := l.Pause(ctx, time.Time{}, "maintenance")
			return err
		},
		"resume": func(ctx context.Context, l *ledger.Records) error {
			_, err := l.Resume(ctx)
			return err
		},
		"close": func(ctx context.Context, l *ledger.Records) error {
			_, err := l.Close(ctx, remedy.IncidentID("i-1", ten))
			return err
		},
		"reset": func(ctx context.Context, l *ledger.Records) error {
			_, err := l.Reset(ctx, "i-2")
			return err
		},
	}
	for what, command := range commands {
		w := newTable()
		w.opened(t, "i-1", 1)
		put(t, w.function, "i-2", remedy.Record{Recent: []remedy.Incident{
			ended("i-2", ten, remedy.VerdictFailed)}})
		ctx, cancel := context.WithCancel(t.Context())
		busy := ledger.New(&contested{w.mem, 5, cancel}, strict(), w.clock.now)
		if err := command(ctx, busy.In(remedy.BookEnforce)); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: somebody else is always first: %v, want the end of its time", what, err)
		}
		gone := ledger.New(&broken{Store: w.mem}, strict(), w.clock.now)
		if err := command(t.Context(), gone.In(remedy.BookEnforce)); err == nil ||
			err.Error() != errGone.Error() {
			t.Errorf("%s: the store is gone: %v, want its words", what, err)
		}
	}
}

func TestLook(t *testing.T) {
	w := newTable()
	for n := range 11 { // more than are read at a time
		w.opened(t, fmt.Sprintf("i-%02d", n), 1)
	}
	zero := record(t, w.function, "i-00")
	put(t, w.function, "i-00", remedy.Record{Revision: zero.Revision,
		Recent: []remedy.Incident{ended("i-00", ten, remedy.VerdictFailed)}})
	f := fleet(t, w.function)
	f.Open = f.Open[1:]   // its beginning still counts
	f.Begun = f.Begun[:9] // the others have been under way for more than an hour
	f.Open = slices.DeleteFunc(f.Open, func(s remedy.Slot) bool { return s.Instance == "i-10" })
	putFleet(t, w.function, f) // i-10 is in its own record only
	one := record(t, w.function, "i-01")
	later := []byte(`{"version":7}`)
	if _, err := w.mem.Put(t.Context(), "instance/i-01", later, one.Revision); err != nil {
		t.Fatal(err)
	}
	put(t, w.function, "i-99", remedy.Record{}) // nothing of it is under way
	observer := w.function.In(remedy.BookObserve)
	if _, err := observer.Pause(t.Context(), ten, "of another book"); err != nil {
		t.Fatal(err)
	}
	write := remedy.Write{Record: &remedy.Record{}}
	w.function.Write(t.Context(), remedy.BookObserve, "i-observed", write)

	w.clock.at = ten.Add(5 * time.Hour) // every lease is over: a sweep would write
	w.store.puts = 0
	seen, err := w.operator.Look(t.Context())
	if err != nil || len(seen.Records) != 12 || !seen.At.Equal(w.clock.at) ||
		len(seen.Fleet.Open) != 9 || w.store.puts != 0 {
		t.Fatalf("%d records and %d slots at %v (%v), %d writes; want 12, 9 and none",
			len(seen.Records), len(seen.Fleet.Open), seen.At, err, w.store.puts)
	}
	for id, r := range seen.Records {
		switch id {
		case "i-00":
			if !r.OK() || len(r.Value.Recent) != 1 {
				t.Errorf("the ended one is %+v", r)
			}
		case "i-01":
			if r.Failure != remedy.FailureUnreadable || !strings.Contains(r.Note, "instance/i-01") {
				t.Errorf("one that cannot be understood is %+v, want a failure of its own", r)
			}
		case "i-99":
			if !r.OK() || r.Value.Open != nil || r.Value.Revision == 0 {
				t.Errorf("one of which nothing counts is %+v", r)
			}
		default:
			if !r.OK() || r.Value.Open == nil || r.Value.Open.Instance != id ||
				!r.At.Equal(w.clock.at) {
				t.Errorf("%s is %+v", id, r)
			}
		}
	}
}

// An incident that ends between the two reads is shown as both say.
func TestLookUnderWay(t *testing.T) {
	w := newTable()
	open := w.opened(t, "i-1", 1)
	store := &reading{Store: w.mem, key: "instance/i-1", before: func() {
		function := w.function.In(remedy.BookEnforce)
		if _, err := function.Close(t.Context(), open.Open.ID); err != nil {
			t.Error(err)
		}
	}}
	operator := ledger.New(store, strict(), w.clock.now).In(remedy.BookEnforce)
	seen, err := operator.Look(t.Context())
	if r := seen.Records["i-1"]; err != nil || len(seen.Fleet.Open) != 1 || !r.OK() ||
		r.Value.Open != nil || len(r.Value.Recent) != 1 {
		t.Errorf("it ended meanwhile: %+v (%v)", seen, err)
	}
	store.fails = true
	if _, err := operator.Look(t.Context()); !errors.Is(err, errGone) {
		t.Errorf("a record cannot be had: %v, want the store's error", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := operator.Look(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a store that cannot be asked: %v, want its error", err)
	}
}

// A store that cannot list its records would hide some of them: that is an error, and no short
// list.
func TestLookNeedsAList(t *testing.T) {
	w := newTable()
	w.opened(t, "i-1", 1)
	bare := struct{ ledger.Store }{w.mem}
	_, err := ledger.New(bare, strict(), w.clock.now).In(remedy.BookEnforce).Look(t.Context())
	if err == nil || !strings.Contains(err.Error(), "cannot list") {
		t.Errorf("it looked: %v", err)
	}
}

// reading is a store that lets somebody else write just before a key is first read, or whose key
// cannot be read.
type reading struct {
	ledger.Store
	key    string
	before func()
	fails  bool
}

// List implements ledger.Lister.
func (r *reading) List(ctx context.Context, prefix string, each func(string) error) error {
	return r.Store.(ledger.Lister).List(ctx, prefix, each)
}

func (r *reading) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if before := r.before; before != nil && key == r.key {
		r.before = nil
		before()
	}
	if r.fails && key == r.key {
		return nil, 0, errGone
	}
	return r.Store.Get(ctx, key)
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
	w := newTable()
	before := w.opened(t, "i-1", 1)
	for range 2 { // the second time its key is there
		if took, err := ledger.Probe(t.Context(), w.mem); err != nil || took <= 0 {
			t.Errorf("a store that is well: %v in %v", err, took)
		}
	}
	if after := record(t, w.function, "i-1"); after.Revision != before.Revision {
		t.Error("probing wrote to a record")
	}
	for why, bad := range map[string]ledger.Store{
		"a store that swaps without comparing": careless{ledger.NewMem()},
		"a store that loses what it is given":  forgetful{ledger.NewMem()},
		"a store that cannot be written":       &broken{Store: ledger.NewMem(), key: "doctor"},
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
