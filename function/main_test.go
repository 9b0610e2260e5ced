package main_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
)

// TestAlarm: the ladder up to force, through the real runtime, SDK and sockets.
func TestAlarm(t *testing.T) {
	t.Parallel()
	s := newSetting(t, optedIn(instance, ecssim.Guest{IgnoreGraceful: 2}))
	process := s.start()
	results := s.results(s.invoke(kernelHang(instance, time.Now())))
	if ended(results) != "restarted/recovered" || s.reboots(instance) != "GGF" {
		t.Fatalf("ended %s after %q: %s", ended(results), s.reboots(instance), results[0].Detail)
	}
	r := results[0]
	if r.InstanceID != instance || !r.Forced || len(r.Attempts) != 3 || len(r.Findings) == 0 ||
		r.Detail == "" ||
		!strings.HasPrefix(r.Incident, instance+"/") {
		t.Errorf("the result lacks something: %+v", r)
	}
	for n, call := range s.world.Reboots(instance) {
		if attempt := r.Attempts[n]; attempt.RequestID != call.RequestID ||
			attempt.Force != call.Force {
			t.Errorf("attempt %d is told as %+v, and was %+v", n+1, attempt, call)
		}
	}
	// The incident is remembered by the process.
	if again := s.results(s.invoke(kernelHang(instance, time.Now()))); ended(
		again,
	) != "refused/cooling-down" {
		t.Errorf("right after that, a new alarm ended %s", ended(again))
	}
	process.Kill() // its output is whole after that
	var audits []string
	for line := range strings.Lines(process.Stdout()) {
		var audit struct{ Msg, Verdict, RequestID string }
		if json.Unmarshal([]byte(line), &audit) == nil && audit.Msg == "verdict" {
			audits = append(audits, audit.Verdict)
		}
	}
	if !slices.Equal(audits, []string{"restarted", "refused"}) {
		t.Errorf("the audit lines say %q: %s", audits, process.Stdout())
	}
	if !strings.Contains(
		process.Stderr(),
		"warning: REMEDY_LEDGER: with mem: only one process may run",
	) {
		t.Errorf("no warning that a ledger in memory is for one process: %q", process.Stderr())
	}
}

// TestConcurrentInvocations: several invocations in one process, each with credentials of its own,
// never sign with those of another.
func TestConcurrentInvocations(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	s.detects = true
	process := s.start("REMEDY_FLEET_CONCURRENT=8")
	owners := map[string]string{}
	var sent []*fcsim.Invocation
	for n := range 8 {
		id := fmt.Sprintf("i-bp1together%09d", n)
		s.world.Add(optedIn(id, ecssim.Guest{IgnoreGraceful: n % 2}))
		key := s.key(fmt.Sprintf("invocation-%d", n))
		owners[id] = key.ID
		sent = append(
			sent,
			s.send(fcsim.Event{Payload: []byte(kernelHang(id, time.Now())), Key: key}),
		)
	}
	for n, i := range sent {
		answer := s.wait(i)
		if results := s.results(answer); ended(results) != "restarted/recovered" ||
			answer.By != process {
			t.Errorf("invocation %d ended %s: %s", n, ended(results), results[0].Detail)
		}
	}
	for _, call := range s.world.Calls() {
		if call.Reject != "" || len(call.Instances) != 1 || call.Key != owners[call.Instance] {
			t.Errorf(
				"%s of %v was signed with %s (%s)",
				call.Action,
				call.Instances,
				call.Key,
				call.Reject,
			)
		}
	}
}

// TestErrors: what asks the platform for another delivery, and what goes to the dead letter at
// once.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why     string
		fault   ecssim.Kind
		payload string
		kind    string   // of the error; empty: none
		says    []string // the error, or the results
	}{
		{"neither JSON nor a form", "", "hello", "Malformed", nil},
		{"nothing at all", "", "", "Malformed", nil},
		{"valid JSON that is no alarm is none", "", `{"hello":"world"}`, "",
			[]string{"ignored/not-an-alarm"}},
		{"ECS drops every connection", ecssim.KindDrop, kernelHang(instance, time.Now()), "Pending",
			[]string{"dependency-unavailable", instance}},
		{"a batch has a result for every element", "",
			"[" + kernelHang(instance, time.Now()) + `,{"hello":"world"},` +
				kernelHang(instance, time.Now().Add(-time.Hour)) + "]", "",
			[]string{"restarted/recovered ignored/not-an-alarm refused/stale-alarm"}},
		{"a batch with an element that cannot be understood", "", `[{"hello":"world"},"{broken"]`,
			"Malformed", nil},
		{"a sweep without incidents has nothing to tell", "", timer, "", []string{""}},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			s := newSetting(t, optedIn(instance, ecssim.Guest{}))
			if row.fault != "" {
				s.world.Inject(ecssim.Fault{Kind: row.fault, Times: -1})
			}
			s.start()
			answer := s.invoke(row.payload)
			said := ""
			switch {
			case answer.Error == nil:
				said = ended(s.results(answer))
			case answer.Error.Type != row.kind:
				t.Fatalf("error %+v, want of type %q", *answer.Error, row.kind)
			default:
				said = answer.Error.Message
			}
			if answer.Error == nil && row.kind != "" {
				t.Errorf("ended %s, want an error of type %s", said, row.kind)
			}
			for _, want := range row.says {
				if !strings.Contains(said, want) {
					t.Errorf("%q, want %q", said, want)
				}
			}
		})
	}
}

// TestPendingIsDeliveredAgain: at the reserve of the invocation's deadline the event is asked for
// again, and the next delivery takes over without waiting for the lease, in another process.
func TestPendingIsDeliveredAgain(t *testing.T) {
	t.Parallel()
	s := newSetting(t, optedIn(instance, ecssim.Guest{IgnoreGraceful: 1, Agent: ecssim.AgentNone}))
	s.env = append(
		s.env,
		"REMEDY_LEDGER=redis://"+redisServer(t, ""),
		"REMEDY_LEASE=12s",
		"REMEDY_ATTEMPT_TIMEOUT=4s",
	)
	s.platform.Timeout = 3 * time.Second
	first := s.start()
	event := fcsim.Event{Payload: []byte(kernelHang(instance, time.Now()))}
	if e := s.wait(s.send(event)).Error; e == nil || e.Type != "Pending" ||
		!strings.Contains(e.Message, "out-of-time") {
		t.Errorf("the first delivery was answered %+v, want an error of type Pending", e)
	}
	// The platform's next delivery, once the first process gets none any more.
	if err := first.Freeze(); err != nil {
		t.Fatal(err)
	}
	s.start()
	event.Retry, event.Retries = 1, 100
	i := s.send(event)
	results := s.results(s.wait(i))
	answers := i.Answers()
	for n, answer := range answers[:len(answers)-1] {
		if strings.Contains(answer.Error.Message, "lease-held") {
			t.Errorf("delivery %d found the lease held", n+2)
		}
	}
	if ended(results) != "restarted/recovered" || s.reboots(instance) != "GG" {
		t.Errorf("ended %s after %q in %d deliveries", ended(results), s.reboots(instance),
			len(answers)+1)
	}
}

// TestHTTP: the answers to requests from an HTTP trigger.
func TestHTTP(t *testing.T) {
	t.Parallel()
	const token = "a-token-of-sixteen-characters"
	request := func(body string, query map[string]string) string {
		text, err := json.Marshal(map[string]any{
			"version": "v1", "rawPath": "/", "body": body, "isBase64Encoded": false,
			"headers": map[string]string{}, "queryParameters": query,
			"requestContext": map[string]any{
				"accountId": account,
				"http":      map[string]any{"method": "POST", "path": "/"},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	right := map[string]string{"token": token}
	for _, row := range []requested{
		{"no token", nil, hang, ecssim.Guest{}, "", http.StatusUnauthorized, "", ""},
		{"a wrong token", map[string]string{"token": token + "x"}, hang, ecssim.Guest{}, "",
			http.StatusUnauthorized, "", ""},
		{"the incident ends before the answer is due", right, hang,
			ecssim.Guest{Agent: ecssim.AgentNone}, "", http.StatusOK, "restarted/recovered", ""},
		{"the incident goes on, and the timer's sweep goes on with it", right, hang,
			ecssim.Guest{IgnoreGraceful: 2}, "", http.StatusAccepted, "pending/out-of-time",
			"restarted/recovered"},
		{"neither JSON nor a form", right, func() string { return "hello" }, ecssim.Guest{}, "",
			http.StatusBadRequest, "", ""},
		{"ECS cannot be reached", right, hang, ecssim.Guest{}, ecssim.KindDrop,
			http.StatusServiceUnavailable, "pending/dependency-unavailable", ""},
	} {
		t.Run(row.why, func(t *testing.T) {
			t.Parallel()
			for try := 1; !row.happens(t, token, request(row.body(), row.query)); try++ {
				if try == 5 {
					t.Fatal("no attempt came so far in its time")
				}
				t.Log("this machine was too busy for the attempt; once more")
			}
		})
	}
}

// requested is a request from an HTTP trigger, and its answer.
type requested struct {
	why    string
	query  map[string]string
	body   func() string
	guest  ecssim.Guest
	fault  ecssim.Kind
	status int
	ended  string
	swept  string // after the answer, by a timer event
}

// hang is an alarm of now.
func hang() string { return kernelHang(instance, time.Now()) }

// happens sends the request. It reports false where the machine is so busy that the incident did
// not come as far as the row says before the answer was due.
func (row requested) happens(t *testing.T, token, payload string) bool {
	s := newSetting(t, optedIn(instance, row.guest))
	process := s.start("REMEDY_HTTP_TOKEN="+s.secret(token), "REMEDY_ATTEMPT_TIMEOUT=2s")
	if row.fault != "" {
		s.world.Inject(ecssim.Fault{Kind: row.fault, Times: -1})
	}
	s.until("the start of the process", process.Polled)
	began := time.Now()
	answer := s.invoke(payload)
	took := time.Since(began)
	if answer.Error != nil {
		t.Fatalf("a request ended in an error of the function: %+v", *answer.Error)
	}
	var response struct {
		StatusCode int
		Headers    map[string]string
		Body       string
	}
	if err := json.Unmarshal(answer.Body, &response); err != nil ||
		response.Headers["Content-Type"] != "application/json" {
		t.Fatalf("answered %s (%v)", answer.Body, err)
	}
	if took > 5*time.Second+s.slowness() {
		t.Errorf("it took %v; CloudMonitor hangs up after 5s", took)
	}
	got := ended(s.decode([]byte(response.Body)))
	if row.status <= http.StatusAccepted && response.StatusCode > row.status &&
		strings.HasPrefix(got, "pending/") {
		return false
	}
	if response.StatusCode != row.status || got != row.ended {
		t.Fatalf("answered %s, want status %d and %q", answer.Body, row.status, row.ended)
	}
	if row.status == http.StatusUnauthorized && len(s.world.Calls()) > 0 {
		t.Error("a stranger cost a call")
	}
	if row.swept == "" {
		return true
	}
	if got := ended(s.results(s.invoke(timer))); got != row.swept {
		t.Errorf("the sweep ended %q, want %q", got, row.swept)
	}
	return true
}

// TestBadConfiguration: every problem is a line, the status is 1, and the runtime is never asked
// for an invocation.
func TestBadConfiguration(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	process := s.start(
		"REMEDY_MODE=enforced",
		"REMEDY_POLL=1ms",
		"REMEDY_LEDGER=redis://:"+s.secret(
			"horse-battery",
		)+"@host:port",
		"REMEDY_MOOD=good",
		"REMEDY_HTTP_TOKEN="+s.secret("too-short"),
	)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if status, err := process.Wait(ctx); status != 1 || err != nil || process.Polled() {
		t.Errorf(
			"exit status %d (%v), polled: %v; want 1 before the first poll",
			status,
			err,
			process.Polled(),
		)
	}
	lines := strings.Split(strings.TrimSpace(process.Stderr()), "\n")
	for _, name := range []string{"REMEDY_MODE", "REMEDY_POLL",
		"REMEDY_LEDGER", "REMEDY_MOOD", "REMEDY_HTTP_TOKEN"} {
		if n := len(slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
			return !strings.HasPrefix(line, name) || !strings.Contains(line, "; cure: ")
		})); n != 1 {
			t.Errorf("%d lines about %s, want 1:\n%s", n, name, process.Stderr())
		}
	}
	if len(lines) != 5 || process.Stdout() != "" {
		t.Errorf(
			"want 5 lines on standard error and nothing else:\n%s%s",
			process.Stderr(),
			process.Stdout(),
		)
	}
}

// TestOutsideOfThePlatform: started by hand it says how to see it work.
func TestOutsideOfThePlatform(t *testing.T) {
	t.Parallel()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.Command(name)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "REMEDY_MODE=nonsense"}
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	_ = command.Run() // its status is what the test is about
	if status := command.ProcessState.ExitCode(); status != 2 || stdout.Len() > 0 {
		t.Errorf("exit status %d, want 2; on standard output: %s", status, stdout.String())
	}
	if said := stderr.String(); !strings.HasPrefix(said, "error: ") ||
		!strings.Contains(said, "\nhint: ") ||
		!strings.Contains(said, "go run ./function/cmd/remedy drill") {
		t.Errorf("it says %q", said)
	}
}

// TestDebug: DEBUG=sdk would make the ECS SDK print signed requests, so the function does not start
// with it.
func TestDebug(t *testing.T) {
	t.Parallel()
	s := newSetting(t)
	process := s.start("DEBUG=sdk")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	status, err := process.Wait(ctx)
	named := strings.Contains(process.Stderr(), "DEBUG=sdk makes the ECS SDK print")
	if status != 1 || err != nil || process.Polled() || !named {
		t.Errorf(
			"exit status %d (%v), want 1 before the first poll, with the reason: %s",
			status,
			err,
			process.Stderr(),
		)
	}
}

// TestBadStart: whatever is wrong with the configuration is told at once, a line for each, with the
// variable's name and a cure; also what shows only when the ledger is opened.
func TestBadStart(t *testing.T) {
	t.Parallel()
	name, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	text := folder + "/no-ledger"
	if err := os.WriteFile(text, []byte("some text"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why    string
		ledger string
		poll   string
		want   []string // how the lines begin
	}{
		{"two variables", "paper:", "1ms", []string{"REMEDY_POLL=", "REMEDY_LEDGER: "}},
		{"the ledger's folder is not there", "bolt://" + folder + "/none/ledger.db", "",
			[]string{"REMEDY_LEDGER="}},
		{"and something else is wrong", "bolt://" + folder + "/none/ledger.db", "1ms",
			[]string{"REMEDY_POLL=", "REMEDY_LEDGER="}},
		{"the file is no ledger", "bolt://" + text, "", []string{"warning: ", "REMEDY_LEDGER: "}},
	} {
		command := exec.Command(name)
		command.Env = []string{"FC_RUNTIME_API=127.0.0.1:1", "REMEDY_MODE=enforce",
			"REMEDY_LEDGER=" + row.ledger, "REMEDY_POLL=" + row.poll}
		var out, told bytes.Buffer
		command.Stdout, command.Stderr = &out, &told
		_ = command.Run() // its status is what the test is about
		status := command.ProcessState.ExitCode()
		lines := strings.Split(strings.TrimSuffix(told.String(), "\n"), "\n")
		if status != 1 || out.Len() > 0 || len(lines) != len(row.want) {
			t.Errorf("%s: exit %d, told %q", row.why, status, lines)
			continue
		}
		for i, want := range row.want {
			cure := strings.Contains(lines[i], "; cure: ") || want == "warning: "
			if !strings.HasPrefix(lines[i], want) || !cure {
				t.Errorf("%s: told %q, want %s with a cure", row.why, lines[i], want)
			}
		}
	}
}
