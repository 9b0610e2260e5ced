package handle_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

const region = "cn-hangzhou"

// secret is what a panic holds: it may be anything, and is shown nowhere.
const secret = "a-secret-in-a-panic"

// told is everybody who is told of results, and what a sweep could not do.
type told struct {
	mu      sync.Mutex
	results []remedy.Result
	unswept []string
}

func (r *told) Report(result *remedy.Result) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results = append(r.results, *result)
}

func (r *told) Unswept(why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unswept = append(r.unswept, why)
}

func (*told) Decided(*remedy.Facts, *remedy.Step) {}

func (*told) Keep(context.Context, remedy.EvidenceOrder) (none remedy.Reading[remedy.Evidence]) {
	return none
}

// fragile is everything around a handler, of which one method panics: for one instance, or
// whichever it is called for; for ever, or so many times.
type fragile struct {
	handle.Ledger
	handle.Signs
	handle.Cloud
	handle.Rebooter
	*told

	at, of string
	times  int  // 0: for ever
	dark   bool // the fleet's record cannot be read

	mu  sync.Mutex
	met int
}

func (f *fragile) enter(method string, instances ...string) {
	if f.at != method || f.of != "" && !slices.Contains(instances, f.of) {
		return
	}
	f.mu.Lock()
	f.met++
	over := f.times > 0 && f.met > f.times
	f.mu.Unlock()
	if !over {
		panic(errors.New(secret))
	}
}

func (f *fragile) Record(ctx context.Context, book remedy.Book, id string) (
	r remedy.Reading[remedy.Record]) {
	f.enter("Record", id)
	return f.Ledger.Record(ctx, book, id)
}

func (f *fragile) Fleet(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Fleet] {
	f.enter("Fleet")
	if f.dark {
		return remedy.Reading[remedy.Fleet]{At: time.Now(), Failure: remedy.FailureUnavailable}
	}
	return f.Ledger.Fleet(ctx, book)
}

func (f *fragile) Write(ctx context.Context, book remedy.Book, id string, w remedy.Write) (
	written remedy.Written) {
	if f.enter("Write", id); w.Fleet != nil {
		f.enter("Write of the fleet's", id)
	}
	if w.Sign != nil {
		f.enter("Write of the sign")
	}
	return f.Ledger.Write(ctx, book, id, w)
}

func (f *fragile) Sign(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Sign] {
	f.enter("Sign")
	return f.Signs.Sign(ctx, book)
}

func (f *fragile) Machines(ctx context.Context, region string, ids []string) (
	all map[string]remedy.Reading[remedy.Instance]) {
	f.enter("Machines", ids...)
	return f.Cloud.Machines(ctx, region, ids)
}

func (f *fragile) Heartbeats(ctx context.Context, region string, ids []string) (
	all map[string]remedy.Reading[remedy.Vitals]) {
	f.enter("Heartbeats", ids...)
	return f.Cloud.Heartbeats(ctx, region, ids)
}

func (f *fragile) PlatformEvents(ctx context.Context, region, id string) (
	all remedy.Reading[[]remedy.PlatformEvent]) {
	f.enter("PlatformEvents", id)
	return f.Cloud.PlatformEvents(ctx, region, id)
}

func (f *fragile) Reboot(ctx context.Context, order remedy.Order) remedy.Reply {
	f.enter("Reboot", order.Instance)
	return f.Rebooter.Reboot(ctx, order)
}

func (f *fragile) Keep(ctx context.Context, order remedy.EvidenceOrder) (
	kept remedy.Reading[remedy.Evidence]) {
	f.enter("Keep", order.Instance)
	return f.told.Keep(ctx, order)
}

func (f *fragile) Report(result *remedy.Result) {
	f.enter("Report", result.InstanceID)
	f.told.Report(result)
}

func (f *fragile) Unswept(why string) {
	f.enter("Unswept")
	f.told.Unswept(why)
}

func (f *fragile) Decided(facts *remedy.Facts, _ *remedy.Step) {
	f.enter("Decided", facts.Alarm.Instance)
}

// scene is one process with a simulated account and a ledger.
type scene struct {
	*testing.T
	world    *ecssim.World
	book     *ledger.Ledger
	config   config.Config
	together handle.Together
	names    int
	mu       sync.Mutex
}

const token = "a-token-of-sixteen-characters"

func newScene(t *testing.T, ids []string) *scene {
	t.Helper()
	settings, err := config.Load([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:",
		"REMEDY_FLEET_CONCURRENT=5"})
	if err != nil {
		t.Fatal(err)
	}
	settings.Policy.EvidenceLimit = 3 * time.Second
	s := &scene{T: t, world: ecssim.New(ecssim.Real()), config: settings}
	for _, id := range ids {
		s.world.Add(ecssim.Instance{ID: id, Tags: map[string]string{"auto-restart": "true"}})
	}
	s.book = ledger.New(ledger.NewMem(), settings.Policy, time.Now)
	return s
}

// handler makes the fragile world whole, and a handler of it. Its clock contains no panic.
func (s *scene) handler(f *fragile) *handle.Handler {
	cloud, err := app.OpenCloud(s.config, app.Credentials{AccessKeyID: "STS.simulated",
		AccessKeySecret: "simulated-secret", SecurityToken: "simulated-token"}, region,
		app.Seams{Transport: s.world.RoundTripper()})
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(cloud.Close)
	f.Ledger, f.Signs, f.Cloud, f.Rebooter, f.told = s.book, s.book, cloud, cloud, &told{}
	return &handle.Handler{
		Policy: s.config.Policy, Reserve: s.config.Reserve, Clock: ecssim.Real(), Version: "v",
		Ledger: f, Signs: f, Cloud: f, Rebooter: f, Evidence: f, Reporter: f, Watcher: f,
		Together: &s.together, HTTPToken: token,
		Name: func() string {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.names++
			return fmt.Sprint("owner-", s.names)
		},
	}
}

// hangs is an event about instances whose kernel hangs.
func hangs(ids ...string) []byte {
	var all []json.RawMessage
	for n, id := range ids {
		all = append(all, json.RawMessage(fmt.Sprintf(
			`{"ver":"1.0","id":"event-%[1]s","product":"ECS","level":"CRITICAL",
			"resourceId":"acs:ecs:%[2]s:%[3]s:instance/%[1]s","userId":"%[3]s","regionId":"%[2]s",
			"name":"Instance:InstanceFailure.PerformanceImpact:Executing","eventTime":"%[4]s",
			"content":{"eventId":"e-%[1]s","instanceId":"%[1]s",
			"eventType":"InstanceFailure.PerformanceImpact","eventStatus":"Executing"}}`,
			id, region, ecssim.DefaultAccount, time.Now().UTC().Add(time.Duration(n-9)*time.Second).
				Format("20060102T150405.000-0700"))))
	}
	text, _ := json.Marshal(all)
	return text
}

const timer = `{"triggerTime":"2026-11-21T00:00:00Z","triggerName":"sweep"}`

// delivery is how an event comes to a handler, and how it answers.
type delivery struct {
	name string
	// ends are what an alarm comes to where nothing panics.
	ends    string
	deliver func(s *scene, h *handle.Handler, ids []string) ([]remedy.Result, error)
}

func about() handle.Invocation {
	return handle.Invocation{Account: ecssim.DefaultAccount, Region: region,
		Deadline: time.Now().Add(time.Hour)}
}

// request handles the alarms as an HTTP trigger's request.
func (s *scene) request(h *handle.Handler, body []byte) ([]remedy.Result, error) {
	answer := h.HandleHTTP(s.Context(), about(),
		events.Request{Query: map[string]string{"token": token}}, body)
	var response handle.Response
	if err := json.Unmarshal([]byte(answer.Body), &response); err != nil {
		s.Error(err)
	}
	if answer.StatusCode == http.StatusOK {
		return response.Results, nil
	}
	return response.Results, errors.New(http.StatusText(answer.StatusCode))
}

var deliveries = []delivery{
	{"an event", "restarted/recovered", func(s *scene, h *handle.Handler, ids []string) (
		[]remedy.Result, error) {
		response, err := h.Handle(s.Context(), about(), hangs(ids...))
		return response.Results, err
	}},
	{"the timer", "restarted/recovered", func(s *scene, h *handle.Handler, ids []string) (
		[]remedy.Result, error) {
		// Their incidents are under way, and nobody looks after them.
		s.request(s.handler(&fragile{}), hangs(ids...))
		response, err := h.Handle(s.Context(), about(), []byte(timer))
		return response.Results, err
	}},
	{"a request", "pending/out-of-time", func(s *scene, h *handle.Handler, ids []string) (
		[]remedy.Result, error) {
		return s.request(h, hangs(ids...))
	}},
}

// bubble runs a test in virtual time, when there are alarms.
func bubble(t *testing.T, test func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)))
		test(t)
	})
}

const defect = "pending/dependency-unavailable"

// TestPanics: a panic of a store or of anything within one alarm is that alarm's failure: not the
// process's end, and no other alarm's.
func TestPanics(t *testing.T) {
	victim := "i-bp1panics000000000b"
	others := []string{"i-bp1panics000000000a", "i-bp1panics000000000c"}
	const ordinary = "as where nothing panics"
	for _, row := range []struct {
		at     string
		times  int
		apart  bool   // it panics for the victim only; otherwise whichever it is called for
		ends   string // of the victim, or of all
		timers string // at the timer, where that is something else; "-": no result
		dark   bool
	}{
		{at: "", ends: ordinary},
		{at: "Record", apart: true, ends: defect},
		{at: "Record", apart: true, times: 1, ends: defect},
		{at: "Write", apart: true, ends: defect},
		{at: "Write of the fleet's", apart: true, ends: defect},
		{at: "Machines", apart: true, ends: defect},
		// What one call tells of all is asked for each of them alone then.
		{at: "Machines", apart: true, times: 1, ends: ordinary, timers: defect},
		{at: "Heartbeats", apart: true, ends: defect},
		{at: "PlatformEvents", apart: true, ends: defect, timers: ordinary}, // no guard is asked
		{at: "Reboot", apart: true, ends: defect, timers: ordinary},         // it is sent by then
		{at: "Keep", apart: true, ends: ordinary},                           // is in nobody's way
		{at: "Report", apart: true, ends: ordinary},
		{at: "Decided", apart: true, ends: defect},
		{at: "Fleet", ends: defect, timers: "-"},
		{at: "Fleet", times: 1, ends: ordinary, timers: "-"},
		{at: "Sign", ends: defect, timers: ordinary},
		{at: "Write of the sign", ends: ordinary},
		{at: "Unswept", ends: defect, timers: "-", dark: true},
	} {
		for _, way := range deliveries {
			for _, ids := range [][]string{{victim}, {others[0], victim, others[1]}} {
				name := fmt.Sprintf("%s at %q %d of %d", way.name, row.at, row.times, len(ids))
				t.Run(name, func(t *testing.T) {
					bubble(t, func(t *testing.T) {
						s := newScene(t, ids)
						f := &fragile{at: row.at, times: row.times, dark: row.dark}
						if row.apart {
							f.of = victim
						}
						ends := row.ends
						switch {
						case way.name == "the timer" && row.timers != "":
							ends = row.timers
						case row.times > 0 && len(ids) == 1:
							ends = defect // there is nobody else to ask for it again
						}
						results, err := way.deliver(s, s.handler(f), ids)
						s.checkPanic(f, way, ids, victim, ends, results, err)
					})
				})
			}
		}
	}
}

// checkPanic: every alarm has one result, and only the victim's is another than without the panic.
func (s *scene) checkPanic(f *fragile, way delivery, ids []string, victim, ends string,
	results []remedy.Result, err error) {
	s.Helper()
	if strings.HasPrefix(ends, "as ") {
		ends = way.ends
	}
	want := map[string]string{}
	for _, id := range ids {
		if want[id] = way.ends; id == victim || f.of == "" {
			want[id] = ends
		}
		if ends == "-" {
			delete(want, id)
		}
	}
	got := map[string]string{}
	for _, r := range results {
		if got[r.InstanceID] != "" {
			s.Errorf("%s has more than one result", r.InstanceID)
		}
		got[r.InstanceID] = string(r.Verdict) + "/" + string(r.Reason)
		if strings.Contains(r.Why, secret) {
			s.Errorf("a panic's text is shown: %s", r.Why)
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		s.Errorf("they end %v, want %v", got, want)
	}
	asked := strings.Contains(fmt.Sprint(want), "pending")
	if (err != nil) != (asked && way.name != "the timer") {
		s.Errorf("the answer is the error %v", err)
	}
	reports := map[string]int{}
	for _, r := range f.told.results {
		reports[r.InstanceID]++
	}
	for id := range want {
		if silent := f.at == "Report" && id == victim; reports[id] != 1 && !silent {
			s.Errorf("%s is reported %d times", id, reports[id])
		}
	}
	if unswept := ends == "-" || way.name == "the timer" && slices.Contains(
		[]string{"Sign", "Write of the sign"}, f.at); unswept && f.at != "Unswept" &&
		(len(f.told.unswept) != 1 || strings.Contains(f.told.unswept[0], secret)) {
		s.Errorf("the sweep says that it could not do: %q", f.told.unswept)
	}
	if !s.together.Idle() {
		s.Error("somebody is left waiting")
	}
	for _, id := range ids {
		if sent := s.world.Reboots(id); len(sent) > 1 {
			s.Errorf("%s is rebooted %d times", id, len(sent))
		}
	}
}

// TestNobodyToTell: whoever is told of results and panics takes no answer away.
func TestNobodyToTell(t *testing.T) {
	f := &fragile{told: &told{}}
	for _, at := range []string{"Report", "Unswept"} {
		f.at = at
		h := &handle.Handler{Reporter: f}
		response, err := h.Handle(t.Context(), about(), []byte("hello"))
		var malformed *handle.Malformed
		if !errors.As(err, &malformed) || len(response.Results) != 1 {
			t.Errorf("%s, malformed: %v, %+v", at, err, response)
		}
		response, err = handle.NotReady(f, []byte(timer), errors.New("no role"))
		if err != nil || !response.Swept || len(response.Results) != 0 {
			t.Errorf("%s, a timer's, not ready: %v, %+v", at, err, response)
		}
		response, err = handle.NotReady(f, hangs("i-bp1panics000000000a"), errors.New("no role"))
		var pending *handle.Pending
		if !errors.As(err, &pending) || len(response.Results) != 1 {
			t.Errorf("%s, not ready: %v, %+v", at, err, response)
		}
	}
}
