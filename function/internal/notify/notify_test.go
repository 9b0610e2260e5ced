package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

func TestWorth(t *testing.T) {
	told := map[remedy.Reason]bool{"security-locked": true, "locked": true, "expired": true,
		"incidents-spent": true, "fleet-hourly": true, "guest-alive": true, "platform-acting": true,
		"unconfirmed-hang": true, "forbidden": true, "unreadable": true}
	reasons := []remedy.Reason{"paused", "rule-not-allowed", "stale-alarm", "wrong-account",
		"outside-window", "wrong-region", "duplicate-alarm", "in-progress", "cooling-down",
		"fleet-concurrent", "not-found", "not-running", "not-opted-in", "disk-error", "rejected",
		"resolved", "not-an-alarm", "out-of-time", ""}
	for reason := range told {
		reasons = append(reasons, reason)
	}
	for _, reason := range reasons {
		for verdict, want := range map[remedy.Verdict]Kind{"restarted": KindRestarted,
			"failed":  KindFailed,
			"waiting": KindWaiting, "refused": KindRefused, "ignored": "", "observed": "",
			"pending":   "",
			"malformed": "", "": "", "Refused": ""} {
			if verdict == "refused" && !told[reason] {
				want = ""
			}
			kind, tell := Worth(remedy.Result{Verdict: verdict, Reason: reason})
			if kind != want || tell != (want != "") {
				t.Errorf("%s/%s: %q, %v", verdict, reason, kind, tell)
			}
		}
	}
}

// group is a chat group: it takes messages, and remembers their texts.
type group struct {
	mutex sync.Mutex
	texts []string
}

// RoundTrip implements http.RoundTripper.
func (g *group) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	var m struct{ Text string }
	if err := json.Unmarshal(body, &m); err != nil {
		return answer(400, "invalid_payload"), nil
	}
	g.mutex.Lock()
	defer g.mutex.Unlock()
	g.texts = append(g.texts, m.Text)
	return answer(200, "ok"), nil
}

// heard returns what was said since the last call.
func (g *group) heard() []string {
	g.mutex.Lock()
	defer g.mutex.Unlock()
	texts := g.texts
	g.texts = nil
	return texts
}

// words are short ones that hold all there is.
func words(n Notice) Message {
	since := "never"
	if !n.Since.IsZero() {
		since = n.Since.Format("15:04:05")
	}
	title := fmt.Sprintf("%s %s %s %s +%d since %s",
		n.Kind, n.Result.Reason, n.Result.InstanceID, n.Name, n.More, since)
	if n.Overdue {
		title = "overdue " + title
	}
	return Message{Title: strings.ReplaceAll(title, "  ", " ")}
}

// world is a ledger, a group and a clock that only tests move.
type world struct {
	store Ledger
	group *group
	now   time.Time
}

func newWorld() *world {
	w := &world{group: &group{}, now: noon}
	mem := ledger.NewMem()
	mem.Now = func() time.Time { return w.now }
	w.store = mem
	return w
}

func isConflict(err error) bool { return errors.Is(err, ledger.ErrConflict) }

// process is one of those that share the world.
func (w *world) process(t *testing.T, store Ledger) *Notifier {
	t.Helper()
	hook := Address{FormSlack, "https://hooks.slack.com/services/" + mark, "", "host"}
	s, err := NewSender([]Address{hook}, w.group, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	n, err := New(Options{Sender: s, Words: words, Ledger: store, IsConflict: isConflict,
		Now: func() time.Time { return w.now }, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// news is a result, "VERDICT/REASON INSTANCE [INCIDENT]".
func news(short string) News {
	fields := append(strings.Fields(short), "", "")
	verdict, reason, _ := strings.Cut(fields[0], "/")
	return News{Result: remedy.Result{Verdict: remedy.Verdict(verdict),
		Reason:     remedy.Reason(reason),
		InstanceID: fields[1], Incident: fields[2], Alarm: remedy.AlarmView{ID: "alarm of " +
			fields[1]}}}
}

// TestTell is a story: what is told as results come in.
func TestTell(t *testing.T) {
	w := newWorld()
	n := w.process(t, w.store)
	for _, step := range []struct {
		after time.Duration
		news  []string // none: a flush
		heard []string
		why   string
	}{
		{0, []string{"restarted/recovered i-a i-a/1"},
			[]string{"restarted recovered i-a +0 since never"},
			"an end"},
		{time.Minute, []string{"restarted/recovered i-a i-a/1"}, nil,
			"the same end, delivered again"},
		{0, []string{"failed/stuck i-a i-a/1"}, []string{"failed stuck i-a +0 since never"},
			"another kind"},
		{0, []string{"failed/stuck i-a i-a/2"}, []string{"failed stuck i-a +0 since never"},
			"another incident"},
		{0, []string{"failed/stuck i-b i-b/1", "failed/stuck i-b i-b/1"},
			[]string{"failed stuck i-b +0 since never"}, "twice in one delivery"},
		{0, []string{"ignored/resolved i-c", "refused/duplicate-alarm i-c",
			"pending/out-of-time i-c",
			"refused/in-progress i-c", "malformed/malformed", "observed/would-restart i-c"}, nil,
			"nothing worth telling"},
		{0, []string{"waiting/fleet-concurrent i-d", "waiting/fleet-concurrent i-e",
			"restarted/recovered i-f i-f/1", "failed/stuck i-g i-g/1"},
			[]string{"failed stuck i-g +0 since never", "restarted recovered i-f +0 since never",
				"waiting fleet-concurrent i-d +1 since never"},
			"the most urgent first, and what waits together"},
		{0, []string{"waiting/fleet-concurrent i-e"}, nil, "it is known to wait"},
		{0, []string{"restarted/recovered i-e i-e/1"},
			[]string{"restarted recovered i-e +0 since never"},
			"and then it is restarted"},
		{0, []string{"refused/locked i-h"}, []string{"refused locked i-h +0 since never"},
			"a refusal"},
		{0, []string{"refused/locked i-i"}, nil, "the same reason is counted"},
		{0, []string{"refused/expired i-i"}, []string{"refused expired i-i +0 since never"},
			"another reason"},
		{0, nil, nil, "a flush has nothing to say yet"},
		{9 * time.Minute, []string{"refused/locked i-j", "refused/locked i-k"}, nil, "still quiet"},
		{time.Minute, []string{"refused/locked i-l", "refused/locked i-m"},
			[]string{"refused locked i-l +4 since 12:01:00"}, "3 before, and 1 beside it"},
		{0, []string{"refused/locked i-n"}, nil, "quiet again"},
		{10*time.Minute - 1, nil, nil, "not yet"},
		{1, nil, []string{"overdue refused locked i-n +1 since 12:11:00"},
			"nothing new, but one was not told of"},
		{0, nil, nil, "once"},
		{0, []string{"refused/locked i-o"}, nil, "what a flush told counts as a message"},
		{24 * time.Hour, []string{"refused/rejected i-p i-p/1", "refused/forbidden i-p i-p/1"},
			[]string{"refused forbidden i-p +0 since never"}, "a refusal of an incident"},
		{time.Hour, []string{"refused/forbidden i-p i-p/1"}, nil, "the same, delivered again"},
	} {
		w.now = w.now.Add(step.after)
		var errs []error
		if step.news == nil {
			errs = n.Flush(t.Context())
		} else {
			var all []News
			for _, short := range step.news {
				all = append(all, news(short))
			}
			errs = n.Tell(t.Context(), all...)
		}
		if len(hidden(t, errs)) > 0 {
			t.Errorf("%s: %v", step.why, errs)
		}
		if heard := w.group.heard(); !slices.Equal(heard, step.heard) {
			t.Errorf("%s: heard %q, want %q", step.why, heard, step.heard)
		}
	}
}

// TestNewsReachWords: what the news hold is there to be worded, and addresses that take JSON get
// results.
func TestNewsReachWords(t *testing.T) {
	w := newWorld()
	var bodies []string
	s := sender(t, carrier(func(r *http.Request) (*http.Response, error) {
		body, err := io.ReadAll(r.Body)
		bodies = append(bodies, string(body))
		return answer(200, ""), err
	}), Address{FormJSON, "https://hook.example.com/" + mark, "", "host"})
	var noticed []Notice
	n, err := New(Options{Sender: s, Ledger: w.store, IsConflict: isConflict,
		Now:   func() time.Time { return w.now },
		Words: func(n Notice) Message { noticed = append(noticed, n); return Message{} }})
	if err != nil {
		t.Fatal(err)
	}
	full := News{Name: "web-1", Took: 4 * time.Minute, Page: "oss://b/p", Result: news(
		"restarted/recovered i-a i-a/1").Result}
	full.Result.Forced = true
	refusal := news("refused/locked i-b")
	refusal.Name, refusal.Result.Region = "ns<script>@"+strings.Repeat("重", 500), "cn-hangzhou"
	errs := n.Tell(t.Context(), full, refusal, refusal, news("waiting/x i-c"),
		news("waiting/x i-d"))
	if len(hidden(t, errs)) > 0 {
		t.Fatal(errs)
	}
	if len(noticed) != 3 || noticed[0].Name != "web-1" || noticed[0].Took != 4*time.Minute ||
		noticed[0].Page != "oss://b/p" || !noticed[0].Result.Forced ||
		noticed[2].Name != refusal.Name {
		t.Errorf("words were asked for %+v", noticed)
	}
	for i, want := range []string{`"instanceId":"i-a","verdict":"restarted"`,
		`"instanceId":"i-c","verdict":"waiting"`, `"instanceId":"i-b","verdict":"refused"`} {
		if i >= len(bodies) || !strings.Contains(bodies[i], want) ||
			strings.Contains(bodies[i], "null") {
			t.Fatalf("want %s in %s", want, bodies)
		}
	}
	if strings.Contains(bodies[1], `"more"`) || !strings.Contains(bodies[1], "i-d") ||
		!strings.HasSuffix(bodies[2], `],"more":1}`) {
		t.Errorf("further results are lost: %s", bodies)
	}
	n.Tell(t.Context(), refusal)
	w.now = w.now.Add(time.Hour)
	n.Flush(t.Context())
	last := noticed[len(noticed)-1]
	if !last.Overdue || last.Kind != KindRefused || last.More != 1 ||
		last.Result.InstanceID != "i-b" ||
		last.Result.Region != "cn-hangzhou" || last.Result.Reason != "locked" ||
		!strings.HasPrefix(last.Name, "ns<script>＠重") || len(last.Name) > 128 {
		t.Errorf("overdue: %+v", last)
	}
}

// flood is 500 refusals of one reason at once in 8 processes, each with a connection of its own to
// one ledger. It makes one message, and a count.
func flood(t *testing.T, w *world, store func() Ledger) {
	var processes sync.WaitGroup
	var mutex sync.Mutex
	var all []error
	for p := range 8 {
		n := w.process(t, store())
		for i := p; i < 500; i += 8 { // invocations of one process, all at the same time
			processes.Go(func() {
				errs := n.Tell(t.Context(), news(fmt.Sprintf("refused/guest-alive i-%d", i)))
				mutex.Lock()
				defer mutex.Unlock()
				all = append(all, errs...)
			})
		}
	}
	processes.Wait()
	if len(hidden(t, all)) > 0 {
		t.Error(all[0])
	}
	heard := w.group.heard()
	if len(heard) != 1 || !strings.HasPrefix(heard[0], "refused guest-alive i-") ||
		!strings.HasSuffix(heard[0], "+0 since never") {
		t.Errorf("heard %q", heard)
	}
	w.now = w.now.Add(10 * time.Minute)
	for range 8 { // every process's sweep comes by, at the same time
		n := w.process(t, store())
		processes.Go(func() {
			if errs := n.Flush(t.Context()); len(errs) > 0 {
				t.Error(errs)
			}
		})
	}
	processes.Wait()
	heard = w.group.heard()
	if len(heard) != 1 || !strings.HasPrefix(heard[0], "overdue refused guest-alive i-") ||
		!strings.HasSuffix(heard[0], "+499 since 12:00:00") {
		t.Errorf("later: heard %q", heard)
	}
}

func TestFlood(t *testing.T) {
	w := newWorld()
	flood(t, w, func() Ledger { return w.store })
}

// TestFloodOverRedis is the same with a ledger behind a network.
func TestFloodOverRedis(t *testing.T) {
	server := miniredis.RunT(t)
	w := newWorld()
	flood(t, w, func() Ledger {
		store, err := ledger.OpenRedis("redis://"+server.Addr(), 30*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { store.Close() })
		return store
	})
}

// TestOneEndManyTellers: the same end in 8 processes at the same time is told once.
func TestOneEndManyTellers(t *testing.T) {
	w := newWorld()
	var processes sync.WaitGroup
	for range 8 {
		n := w.process(t, w.store)
		processes.Go(func() {
			if errs := n.Tell(t.Context(), news("failed/stuck i-a i-a/1")); len(errs) > 0 {
				t.Error(errs)
			}
		})
	}
	processes.Wait()
	if heard := w.group.heard(); len(heard) != 1 {
		t.Errorf("heard %q", heard)
	}
}

// faulty is a ledger with a fault before or after a write's effect, or without an answer.
type faulty struct {
	Ledger
	get, put, lost error // lost: of Put, after it was done
}

// Get implements Ledger.
func (f *faulty) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if f.get != nil {
		return nil, 0, f.get
	}
	return f.Ledger.Get(ctx, key)
}

// Put implements Ledger.
func (f *faulty) Put(ctx context.Context, key string, value []byte, expected uint64) (
	uint64, error) {
	if f.put != nil {
		return 0, f.put
	}
	revision, err := f.Ledger.Put(ctx, key, value, expected)
	if f.lost != nil {
		return 0, f.lost
	}
	return revision, err
}

// TestLedgerFaults: without a ledger ends are told, and nothing else; with one whose answer was
// lost, too.
func TestLedgerFaults(t *testing.T) {
	down := errors.New("the ledger is down")
	for name, fault := range map[string]faulty{"reads": {get: down}, "writes": {put: down},
		"answers": {lost: down}} {
		t.Run(name, func(t *testing.T) {
			w := newWorld()
			fault.Ledger = w.store
			n := w.process(t, &fault)
			told := n.Tell(t.Context(),
				news("failed/stuck i-a i-a/1"), news("restarted/recovered i-b i-b/1"),
				news("waiting/x i-c"), news("refused/locked i-d"),
				news("refused/forbidden i-e i-e/1"))
			want := []string{"failed stuck i-a +0 since never",
				"restarted recovered i-b +0 since never"}
			if heard := w.group.heard(); !slices.Equal(heard, want) {
				t.Errorf("heard %q, want %q", heard, want)
			}
			texts := hidden(t, told)
			if len(texts) != 2 ||
				texts[0] != "notify: what was told already of 4 instances is not known: "+
					"the ledger is down" ||
				texts[1] != "notify: counting refusals: the ledger is down" ||
				!errors.Is(told[0], down) {
				t.Errorf("errors: %q", texts)
			}
			w.now = w.now.Add(time.Hour)
			n.Tell(t.Context(), news("refused/locked i-d"))
			n.Flush(t.Context())
			if heard := w.group.heard(); len(heard) > 0 {
				t.Errorf("heard %q", heard)
			}
			fault = faulty{Ledger: w.store} // it is up again
			n.Tell(t.Context(), news("failed/stuck i-a i-a/1"))
			again := []string{"failed stuck i-a +0 since never"}
			if name == "answers" {
				again = nil // it had been written down
			}
			if heard := w.group.heard(); !slices.Equal(heard, again) {
				t.Errorf("once the ledger is up: heard %q, want %q", heard, again)
			}
		})
	}
}

// TestOddRecords: a record that cannot be read counts as an empty one, and what stands in it is not
// believed.
func TestOddRecords(t *testing.T) {
	many := `{"version":1,"told":[` +
		strings.Repeat(`{"of":"x","kind":"failed","at":"2026-11-25T12:00:00Z"},`, 500) +
		`{"of":"i-a/1","kind":"failed","at":"2026-11-25T12:00:00Z"}]}`
	for _, row := range []struct {
		key, value string
		news       string // empty: a flush
		heard      []string
		why        string
	}{
		{"notify/told/i-a", `{"told":7}`, "failed/stuck i-a i-a/1",
			[]string{"failed stuck i-a +0 since never"},
			"not a record"},
		{"notify/told/i-a", many, "failed/stuck i-a i-a/1", nil, "a long record is still read"},
		{"notify/told/i-a", `{"told":[{"of":"i-a/1","kind":"failed","at":"2026-11-17T11:59:59Z"}]}`,
			"failed/stuck i-a i-a/1", []string{"failed stuck i-a +0 since never"},
			"told more than 8 days ago"},
		{"notify/told/i-a", `{"told":[{"of":"i-a/1","kind":"failed","at":"2026-11-17T12:00:00Z"}]}`,
			"failed/stuck i-a i-a/1", nil, "told 8 days ago"},
		{"notify/refusals", `{"reasons":[]}`, "refused/locked i-a",
			[]string{"refused locked i-a +0 since never"},
			"not a record"},
		{"notify/refusals", `{"reasons":{"locked":{"since":"2099-01-01T00:00:00Z","count":-4}}}`,
			"refused/locked i-a", []string{"refused locked i-a +0 since 00:00:00"},
			"a time to come"},
		{"notify/refusals",
			`{"reasons":{"locked":{"since":"2026-11-25T11:55:00Z","count":3}},"more":1}`,
			"refused/locked i-a", nil, "a later version's record"},
		{"notify/refusals", `{"reasons":{"made-up":{"count":3},"paused":{"count":1}}}`, "", nil,
			"reasons that are never told"},
		{"notify/refusals", `{"reasons":{"locked":{"count":3,"last":{"instanceId":"<b>@all"}}}}`,
			"",
			[]string{"overdue refused locked &lt;b&gt;＠all +3 since never"},
			"what is told is made harmless"},
	} {
		w := newWorld()
		if _, err := w.store.Put(t.Context(), row.key, []byte(row.value), 0); err != nil {
			t.Fatal(err)
		}
		n := w.process(t, w.store)
		var errs []error
		if row.news == "" {
			errs = n.Flush(t.Context())
		} else {
			errs = n.Tell(t.Context(), news(row.news))
		}
		if heard := w.group.heard(); len(errs) > 0 || !slices.Equal(heard, row.heard) {
			t.Errorf("%s: heard %q, want %q; %v", row.why, heard, row.heard, errs)
		}
	}
}

// TestRecords: the records stay small, know when they may go, and hold nothing hidden.
func TestRecords(t *testing.T) {
	w := newWorld()
	n := w.process(t, w.store)
	long := news("refused/locked i-a")
	long.Name = strings.Repeat("名", 5_000)
	n.Tell(t.Context(), long)
	for i := range 40 {
		n.Tell(t.Context(), long, news(fmt.Sprintf("failed/stuck i-a i-a/%d", i)))
		for reason := range refusals {
			n.Tell(t.Context(), News{Name: long.Name, Result: remedy.Result{Verdict: "refused",
				Reason:     reason,
				InstanceID: long.Name, Region: long.Name}})
		}
	}
	odd := news("failed/stuck i-a " + strings.Repeat("x", 5000))
	odd.Result.Alarm.ID = strings.Repeat("y", 5000)
	n.Tell(t.Context(), odd)
	for key, most := range map[string]int{"notify/told/i-a": 4096, "notify/refusals": 8192} {
		value, _, err := w.store.Get(t.Context(), key)
		if err != nil || len(value) == 0 || len(value) > most {
			t.Errorf("%s has %d bytes: %v", key, len(value), err)
		}
		if strings.Contains(string(value), mark) {
			t.Errorf("%s holds an address", key)
		}
		const expires = `"expires":"2026-12-03T12:00:00Z"`
		if key == "notify/told/i-a" && !strings.Contains(string(value), expires) {
			t.Errorf("%s does not say when it may go: %s", key, value)
		}
	}
	if w.group.heard(); len(n.Tell(t.Context(), odd)) > 0 || len(w.group.heard()) > 0 {
		t.Error("an incident with a long id is told twice")
	}
}

// TestPrefix: a rehearsal keeps its own records.
func TestPrefix(t *testing.T) {
	w := newWorld()
	n := w.process(t, w.store)
	n.Prefix = "observe/"
	n.Tell(t.Context(), news("failed/stuck i-a i-a/1"), news("refused/locked i-b"))
	for _, key := range []string{"observe/notify/told/i-a", "observe/notify/refusals"} {
		if value, _, err := w.store.Get(t.Context(), key); err != nil || value == nil {
			t.Errorf("%s is not there: %v", key, err)
		}
	}
	w.group.heard()
	w.process(t, w.store).Tell(t.Context(), news("failed/stuck i-a i-a/1"))
	if heard := w.group.heard(); len(heard) != 1 {
		t.Errorf("heard %q", heard)
	}
}

// TestOddInstances: an id that can be no key never becomes one.
func TestOddInstances(t *testing.T) {
	w := newWorld()
	n := w.process(t, w.store)
	for _, id := range []string{"", "../fleet", "i-a/b", "i a", strings.Repeat("a", 65), "ｉ-a"} {
		odd := news("failed/ledger-lost x y/1")
		odd.Result.InstanceID = id
		if errs := n.Tell(t.Context(), odd); len(errs) > 0 || len(w.group.heard()) != 1 {
			t.Errorf("%q is not told: %v", id, errs)
		}
		if value, _, _ := w.store.Get(t.Context(), "notify/told/"+id); value != nil {
			t.Errorf("%q is a key", id)
		}
	}
}

// defective is a ledger that panics as long as it is broken.
type defective struct {
	Ledger
	broken bool
}

func (d *defective) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if d.broken {
		panic("a defect")
	}
	return d.Ledger.Get(ctx, key)
}

// TestDefectiveLedger: a panic of the ledger ends neither the process nor the telling: ends are
// told, and refusals are once it works again.
func TestDefectiveLedger(t *testing.T) {
	w := newWorld()
	ledger := &defective{Ledger: w.store, broken: true}
	n := w.process(t, ledger)
	if errs := n.Tell(t.Context(), news("failed/stuck i-1 i-1/1"),
		news("refused/locked i-2")); len(errs) == 0 {
		t.Error("nothing is said of the defect")
	}
	if heard := w.group.heard(); len(heard) != 1 || !strings.HasPrefix(heard[0], "failed") {
		t.Errorf("heard %q", heard)
	}
	ledger.broken = false
	n.Tell(t.Context(), news("refused/locked i-3"))
	if heard := w.group.heard(); len(heard) != 1 || !strings.HasPrefix(heard[0], "refused") {
		t.Errorf("heard %q", heard)
	}
}

// slow is a ledger that takes its time with everything, and gives up with the context.
type slow struct {
	Ledger
	each time.Duration
}

func (s slow) wait(ctx context.Context) error {
	select {
	case <-time.After(s.each):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Get implements Ledger.
func (s slow) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if err := s.wait(ctx); err != nil {
		return nil, 0, err
	}
	return s.Ledger.Get(ctx, key)
}

// Put implements Ledger.
func (s slow) Put(ctx context.Context, key string, value []byte, expected uint64) (uint64, error) {
	if err := s.wait(ctx); err != nil {
		return 0, err
	}
	return s.Ledger.Put(ctx, key, value, expected)
}

// TestBudget: how long telling takes at most, and what is told in that time.
func TestBudget(t *testing.T) {
	for _, row := range []struct {
		ledger   time.Duration // each call
		left     time.Duration // of the context
		budget   time.Duration
		took     time.Duration
		messages int
		fails    string
		why      string
	}{
		{0, time.Hour, 0, 0, 1, "", "nothing takes time"},
		{time.Second, time.Hour, 0, 1500 * time.Millisecond, 1, "not known",
			"a slow ledger gets half of it"},
		{700 * time.Millisecond, time.Hour, 0, 1400 * time.Millisecond, 1, "", "just in time"},
		{time.Hour, time.Second, 0, 500 * time.Millisecond, 1, "not known",
			"the context leaves less"},
		{time.Hour, time.Hour, 10 * time.Second, 5 * time.Second, 1, "not known", "another budget"},
		{0, 300 * time.Millisecond, 0, 0, 1, "", "the least that is enough"},
		{0, 299 * time.Millisecond, 0, 0, 0, "nobody was told: less than 300ms",
			"too late to begin"},
		{0, 0, 0, 0, 0, "nobody was told: less than 300ms", "no time at all"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld()
			n := w.process(t, slow{w.store, row.ledger})
			o := n.Options
			o.Budget = row.budget
			n, err := New(o)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), row.left)
			defer cancel()
			begin := time.Now()
			texts := hidden(t, n.Tell(ctx, news("failed/stuck i-a i-a/1")))
			if took := time.Since(begin); took != row.took {
				t.Errorf("%s: it took %v, want %v", row.why, took, row.took)
			}
			if heard := w.group.heard(); len(heard) != row.messages {
				t.Errorf("%s: heard %q", row.why, heard)
			}
			if (row.fails == "") != (len(texts) == 0) ||
				!strings.Contains(strings.Join(texts, ";"), row.fails) {
				t.Errorf("%s: %q", row.why, texts)
			}
			if row.messages == 0 {
				value, _, err := w.store.Get(context.WithoutCancel(ctx), "notify/told/i-a")
				if value != nil || err != nil {
					t.Errorf("%s: the ledger holds that it was told", row.why)
				}
			}
		})
	}
}

// TestNobodyToTell: without addresses the ledger is not asked, nor anybody else.
func TestNobodyToTell(t *testing.T) {
	w := newWorld()
	n := w.process(t, w.store)
	n.Sender = sender(t, nil)
	n.Ledger = &faulty{get: errors.New("asked")}
	if errs := append(n.Tell(t.Context(), news("failed/stuck i-a i-a/1"),
		news("refused/locked i-b")),
		n.Flush(t.Context())...); len(errs) > 0 {
		t.Error(errs)
	}
}

func TestNew(t *testing.T) {
	w := newWorld()
	whole := w.process(t, w.store).Options
	if n, err := New(whole); err != nil || n.Budget != time.Minute {
		t.Error(err)
	}
	for _, lacks := range []func(*Options){
		func(o *Options) { o.Sender = nil },
		func(o *Options) { o.Words = nil },
		func(o *Options) { o.Ledger = nil },
		func(o *Options) { o.IsConflict = nil },
		func(o *Options) { o.Now = nil },
	} {
		o := whole
		lacks(&o)
		if _, err := New(o); err == nil {
			t.Error("something is missing, and there is no error")
		}
	}
}
