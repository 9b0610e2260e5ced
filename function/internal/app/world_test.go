package app_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecs"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/lawtest"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

const (
	account  = ecssim.DefaultAccount
	region   = "cn-hangzhou"
	instance = "i-bp1pathtest000000001"
)

// bubble runs a test in virtual time, from the start of a Saturday on. (A bubble begins in the year
// 2000, which is before there were alarms.)
func bubble(t *testing.T, test func(*testing.T)) {
	synctest.Test(t, func(t *testing.T) {
		<-time.After(time.Until(time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)))
		test(t)
	})
}

// setting is the whole program with a world around it: real handler, real adapter, real SDK, in the
// virtual time of a testing/synctest bubble. Nothing in it opens a socket.
type setting struct {
	t        *testing.T
	world    *ecssim.World
	store    *countingStore
	function *app.Function
	policy   remedy.Policy // of the function
	lost     []time.Time   // when something was taken out of the ledger
	out      *output
}

// newSetting puts the instances into a world and wires a function in mode enforce; env goes on top
// of that.
func newSetting(t *testing.T, env []string, instances ...ecssim.Instance) *setting {
	t.Helper()
	s := &setting{
		t:     t,
		world: ecssim.New(ecssim.Real()),
		store: &countingStore{Store: ledger.NewMem()},
		out:   &output{},
	}
	for _, i := range instances {
		s.world.Add(i)
	}
	s.function = s.another(env...)
	s.policy = load(t, env).Policy
	return s
}

// load is a configuration in mode enforce; env goes on top of that.
func load(t testing.TB, env []string) config.Config {
	t.Helper()
	settings, err := config.Load(
		append([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:"}, env...),
	)
	if err != nil {
		t.Fatal(err)
	}
	return settings
}

// another is one more function process over the same ledger and the same ECS.
func (s *setting) another(env ...string) *app.Function { return s.watched(nil, env...) }

// watched is another function whose decisions somebody sees, and may interfere with.
func (s *setting) watched(watcher handle.Watcher, env ...string) *app.Function {
	s.t.Helper()
	return s.wired(app.Seams{Watcher: watcher}, env...)
}

// wired is another function with some seams of its own, over the same ledger and the same ECS.
func (s *setting) wired(seams app.Seams, env ...string) *app.Function {
	s.t.Helper()
	seams.Transport, seams.Store = s.world.RoundTripper(), s.store
	function, err := app.New(load(s.t, env), s.out, seams)
	if err != nil {
		s.t.Fatal(err)
	}
	return function
}

// delivery is an invocation with the simulated account's credentials and an hour to live.
func delivery(retry int) app.Invocation {
	return app.Invocation{
		RequestID: "1-simulated",
		Credentials: ecs.Credentials{
			AccessKeyID:     "STS.simulated",
			AccessKeySecret: "simulated-secret",
			SecurityToken:   "simulated-token",
		},
		Account: account, Region: region, Retry: retry, Deadline: time.Now().Add(time.Hour),
	}
}

// deliver hands a payload to the function and returns its results; an error of any other kind than
// Pending and Malformed fails the test.
func (s *setting) deliver(payload string) []remedy.Result {
	s.t.Helper()
	return s.deliverTo(s.function, delivery(0), payload)
}

func (s *setting) deliverTo(f *app.Function, about app.Invocation, payload string) []remedy.Result {
	s.t.Helper()
	ctx, cancel := context.WithDeadline(context.Background(), about.Deadline)
	defer cancel()
	answer, err := f.Invoke(ctx, about, []byte(payload))
	var pending *handle.Pending
	var malformed *handle.Malformed
	if err != nil && !errors.As(err, &pending) && !errors.As(err, &malformed) {
		s.t.Fatalf("the invocation failed: %v", err)
	}
	response, ok := answer.(handle.Response)
	if !ok {
		s.t.Fatalf("the answer is %T", answer)
	}
	for _, r := range response.Results {
		isPending := r.Verdict == remedy.VerdictPending
		isMalformed := r.Verdict == remedy.VerdictMalformed
		asked := err != nil && (pending != nil && isPending || malformed != nil && isMalformed)
		if !asked && (isPending || isMalformed && pending == nil) {
			s.t.Errorf("verdict %s came without the error that belongs to it", r.Verdict)
		}
	}
	return response.Results
}

// lawful checks what must hold whatever happened: the laws, on the world's own record of calls and
// on the ledger's incidents, and that no secret was written.
func (s *setting) lawful(results []remedy.Result) {
	s.t.Helper()
	seen, err := s.ledgerOf().Look(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	var incidents []remedy.Incident
	for id, record := range seen.Records {
		if !record.OK() {
			s.t.Errorf("the record of %s: %s", id, record.Note)
		}
		if open := record.Value.Open; open != nil {
			incidents = append(incidents, *open)
		}
		incidents = append(incidents, record.Value.Recent...)
	}
	incidents = slices.DeleteFunc(incidents, func(i remedy.Incident) bool { return i.Void() })
	slices.SortFunc(incidents, func(a, b remedy.Incident) int {
		return cmp.Or(a.OpenedAt.Compare(b.OpenedAt), cmp.Compare(a.ID, b.ID))
	})
	var calls []lawtest.Call
	for _, c := range s.world.Calls() {
		switch {
		case c.Action == "StopInstance" || c.Action == "StartInstance" ||
			c.Action == "RebootInstances":
			s.t.Errorf("%s was called", c.Action)
		case c.Action == "DescribeInstances" && c.Params.Get("InstanceIds") == "":
			s.t.Error("DescribeInstances listed the whole region")
		case c.Action == "RebootInstance" && !c.DryRun:
			calls = append(calls, lawtest.Call{At: c.At, Instance: c.Instance, Force: c.Force,
				Answer:  lawtest.Truth(c.Effect, c.HTTP, c.Code),
				Unknown: c.HTTP != 200 && c.Effect, Works: c.Works})
		}
	}
	laws := lawtest.Checker{Policy: s.policy, Unwatched: true}
	for _, at := range s.lost {
		laws.Lost(at)
	}
	laws.Incidents(incidents, calls)
	if laws.Broken != "" {
		s.t.Errorf("%s\nincidents %+v\ncalls %+v", laws.Broken, incidents, calls)
	}
	text, err := json.Marshal(results)
	if err != nil {
		s.t.Fatal(err)
	}
	written := s.written() + string(text)
	for _, secret := range []string{"simulated-secret", "simulated-token",
		"STS.simulated", "Signature="} {
		if strings.Contains(written, secret) {
			s.t.Errorf("a secret was written: %s", secret)
		}
	}
}

// written is everything that the functions wrote to standard output so far.
func (s *setting) written() string {
	s.out.mu.Lock()
	defer s.out.mu.Unlock()
	return s.out.String()
}

// sent is the reboots that reached ECS, as one letter each: G graceful, F forced.
func (s *setting) sent(id string) string {
	var letters strings.Builder
	for _, call := range s.world.Reboots(id) {
		letters.WriteByte(map[bool]byte{false: 'G', true: 'F'}[call.Force])
	}
	return letters.String()
}

// output is a strings.Builder that is safe for concurrent writes.
type output struct {
	strings.Builder
	mu sync.Mutex
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Builder.Write(p)
}

// countingStore counts the round trips to the ledger, and fails those that it is told to.
type countingStore struct {
	ledger.Store
	mu    sync.Mutex
	trips int
	fail  func(trip int, put bool) (before, after error)
	after func(key string, value []byte) // sees what was written
}

func (c *countingStore) trip(put bool) (before, after error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trips++
	if c.fail == nil {
		return nil, nil
	}
	return c.fail(c.trips, put)
}

func (c *countingStore) inner() ledger.Store {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.Store
}

// swap puts another Store in the place of the one below, while processes are at work.
func (c *countingStore) swap(store ledger.Store) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Store = store
}

func (c *countingStore) Get(ctx context.Context, key string) ([]byte, uint64, error) {
	if before, after := c.trip(false); before != nil || after != nil {
		return nil, 0, errors.Join(before, after)
	}
	return c.inner().Get(ctx, key)
}

func (c *countingStore) Put(
	ctx context.Context,
	key string,
	value []byte,
	expected uint64,
) (uint64, error) {
	before, after := c.trip(true)
	if before != nil {
		return 0, before
	}
	revision, err := c.inner().Put(ctx, key, value, expected)
	if after != nil {
		return 0, after
	}
	if c.after != nil {
		c.after(key, value)
	}
	return revision, err
}

// agentStopped is the system event of an instance whose monitoring agent fell silent: a weak alarm.
func agentStopped(id string, at time.Time) string {
	return fmt.Sprintf(
		`{"product":"CloudMonitor","resourceId":"acs:ecs:%s:%s:instance/%s","level":"CRITICAL",
		"instanceName":"web",
		"regionId":"%s","name":"Agent_Status_Stopped","content":{"ipGroup":"10.0.0.10","tianjimonVersion":"3.5.8"},
		"status":"stopped","eventTime":"%s","id":"event-%s-%d","ver":"1.0","userId":"%s"}`,
		region,
		account,
		id,
		region,
		at.UTC().Format("20060102T150405.000-0700"),
		id,
		at.UnixNano(),
		account,
	)
}

// agentRunning is the event that resolves agentStopped.
func agentRunning(id string, at time.Time) string {
	return strings.NewReplacer("Agent_Status_Stopped", "Agent_Status_Running", `"stopped"`,
		`"running"`).
		Replace(agentStopped(id, at))
}

// kernelHang is the system event of a guest whose kernel hangs: a strong alarm.
func kernelHang(id string, at time.Time) string {
	return fmt.Sprintf(
		`{"ver":"1.0","id":"event-%s-%d","product":"ECS",
		"resourceId":"acs:ecs:%s:%s:instance/%s","level":"CRITICAL",
		"name":"Instance:InstanceFailure.PerformanceImpact:Executing","userId":"%s","eventTime":"%s","regionId":"%s",
		"content":{"eventId":"e-%s-%d","instanceId":"%s","eventType":"InstanceFailure.PerformanceImpact","eventStatus":"Executing"}}`,
		id,
		at.UnixNano(),
		region,
		account,
		id,
		account,
		at.UTC().Format("20060102T150405.000-0700"),
		region,
		id,
		at.UnixNano(),
		id,
	)
}

// threshold is a metric alarm's callback, with fields replaced or added.
func threshold(id, metric, state string, at time.Time, fields ...string) string {
	form := url.Values{
		"alertName": {
			"cpu-hung",
		}, "alertState": {state}, "curValue": {"99.8"}, "rawMetricName": {metric},
		"metricName": {"CPU"},
		"dimensions": {
			"{userId=" + account + ", instanceId=" + id + "}",
		}, "namespace": {"acs_ecs_dashboard"},
		"metricProject": {
			"acs_ecs",
		}, "regionId": {region}, "ruleId": {"rule-1"}, "triggerLevel": {"CRITICAL"},
		"transId": {"trans-" + id}, "timestamp": {fmt.Sprint(at.UnixMilli())}, "userId": {account},
	}
	for i := 0; i+1 < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form.Encode()
}

// batch is several events in one payload.
func batch(payloads ...string) string {
	elements := make([]json.RawMessage, len(payloads))
	for i, p := range payloads {
		if json.Valid([]byte(p)) {
			elements[i] = json.RawMessage(p)
		} else {
			elements[i], _ = json.Marshal(p)
		}
	}
	text, _ := json.Marshal(elements)
	return string(text)
}
