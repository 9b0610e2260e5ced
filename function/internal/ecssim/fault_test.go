package ecssim

import (
	"context"
	"crypto/x509"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

func isDial(err error) bool {
	var e *net.OpError
	return errors.As(err, &e) && e.Op == "dial"
}

func is(target error) func(error) bool {
	return func(err error) bool { return errors.Is(err, target) }
}

// faultRows say what a client sees of every kind, and whether the instance reboots. A nil check
// means an answer.
var faultRows = []struct {
	fault   Fault
	status  int
	code    string
	process func(error) bool // the error in process
	port    func(error) bool // the error on a port
	effect  bool
}{
	{Fault{Kind: KindFail}, 500, "InternalError", nil, nil, false},
	{Fault{Kind: KindFail, After: true, Status: 503, Code: "ServiceUnavailable"}, 503,
		"ServiceUnavailable", nil, nil, true},
	{Fault{Kind: KindBody, Body: `{"Code":502}`, Status: 502}, 502, "", nil, nil, false},
	{Fault{Kind: KindBody, Body: `{}`, After: true}, 200, "", nil, nil, true},
	{Fault{Kind: KindRedirect, Body: "https://portal.example/"}, 307, "", nil, nil, false},
	{Fault{Kind: KindThrottle}, 400, "Throttling", nil, nil, false},
	{Fault{Kind: KindHang}, 0, "", isTimeout, isTimeout, false},
	{Fault{Kind: KindHang, After: true}, 0, "", isTimeout, isTimeout, true},
	{Fault{Kind: KindDrop}, 0, "", is(io.EOF), is(io.EOF), false},
	{Fault{Kind: KindDrop, After: true}, 0, "", is(io.EOF), is(io.EOF), true},
	{Fault{Kind: KindReset}, 0, "", is(syscall.ECONNRESET), is(syscall.ECONNRESET), false},
	{Fault{Kind: KindReset, After: true}, 0, "", is(syscall.ECONNRESET), is(syscall.ECONNRESET),
		true},
	{Fault{Kind: KindDial}, 0, "", isDial, is(io.EOF), false},
	{Fault{Kind: KindDNS}, 0, "", func(err error) bool {
		var e *net.DNSError
		return isDial(err) && errors.As(err, &e)
	}, is(io.EOF), false},
	{Fault{Kind: KindTLS}, 0, "", func(err error) bool {
		var e x509.UnknownAuthorityError
		return errors.As(err, &e)
	}, is(io.EOF), false},
	{Fault{Kind: KindTruncate}, 200, "", is(io.ErrUnexpectedEOF), is(io.ErrUnexpectedEOF), true},
	{Fault{Kind: KindNoDate}, 200, "", nil, nil, true},
	{Fault{Kind: KindWrongDate}, 200, "", nil, nil, true},
	{Fault{Kind: KindDelay}, 200, "", nil, nil, true},
}

func TestFaults(t *testing.T) {
	check := func(t *testing.T, n int, w *World, rt http.RoundTripper, base string,
		wait time.Duration,
		fails func(error) bool) {
		row := faultRows[n]
		w.Add(Instance{ID: "i-1"})
		row.fault.Action, row.fault.Instance = "RebootInstance", "i-1"
		w.Inject(row.fault)
		send := func(dry string) answer {
			r := signed(t, time.Now(), base, "RebootInstance",
				map[string]string{"InstanceId": "i-1", "DryRun": dry})
			ctx, cancel := context.WithTimeout(t.Context(), wait)
			defer cancel()
			return do(rt, r.WithContext(ctx))
		}
		if a := send("true"); a.code() != "DryRunOperation" {
			t.Errorf("the dry run met it: %+v", a)
		}
		a := send("false")
		if a.status != row.status || a.code() != row.code || (a.err == nil) != (fails == nil) ||
			fails != nil && !fails(a.err) {
			t.Errorf("got %d %q %v", a.status, a.code(), a.err)
		}
		date, err := http.ParseTime(a.header.Get("Date"))
		switch dated := err == nil && time.Since(date).Abs() < time.Minute; {
		case row.fault.Kind == KindNoDate && a.header.Get("Date") != "":
			t.Errorf("Date %s", a.header.Get("Date"))
		case row.status != 0 && row.fault.Kind != KindNoDate &&
			dated == (row.fault.Kind == KindWrongDate):
			t.Errorf("Date %q", a.header.Get("Date"))
		}
		calls := w.Reboots("i-1")
		if row.fault.Kind.unsent() {
			if len(calls) != 0 {
				t.Errorf("arrived: %+v", calls)
			}
		} else if len(calls) != 1 || calls[0].Effect != row.effect ||
			calls[0].Fault != row.fault.Kind ||
			calls[0].HTTP != row.status {
			t.Errorf("kept as %+v", calls)
		}
		if got := w.Instance("i-1").Status; (got == StatusStopping) != row.effect {
			t.Errorf("the instance is %s", got)
		}
	}
	for n, row := range faultRows {
		name := string(row.fault.Kind)
		if row.fault.After {
			name += " after"
		}
		t.Run(name+" in process", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := New(Real())
				check(t, n, w, w.RoundTripper(), endpoint, 10*time.Second, row.process)
			})
		})
		t.Run(name+" on a port", func(t *testing.T) {
			w := New(Real())
			url, stop, err := w.Listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			// a kept connection would hide an EOF by a second try
			transport := &http.Transport{DisableKeepAlives: true}
			wait := 10 * time.Second
			if row.fault.Kind == KindHang {
				wait = 200 * time.Millisecond
			}
			check(t, n, w, transport, url, wait, row.port)
		})
	}
}

func TestFaultsMatch(t *testing.T) {
	w := New(Real())
	w.Add(Instance{ID: "i-1"})
	w.Add(Instance{ID: "i-2"})
	w.Inject(Fault{Kind: KindFail, Action: "DescribeInstances", Instance: "i-2", Skip: 1, Times: 2})
	w.Inject(Fault{Kind: KindFail, Code: "Second", Action: "DescribeInstances"})
	w.Inject(Fault{Kind: KindFail, Code: "Dry", Action: "RebootInstance", DryRuns: true, Times: -1})
	for n, row := range []struct{ action, ids, code string }{
		{"DescribeInstanceStatus", "", ""}, // no fault of this action
		// the first is skipped once, so the next one is met
		{"DescribeInstances", `["i-2"]`, "Second"},
		{"DescribeInstances", `["i-1"]`, ""},                    // not this instance
		{"DescribeInstances", `["i-1","i-2"]`, "InternalError"}, // one of several
		{"DescribeInstances", `["i-2"]`, "InternalError"},
		{"DescribeInstances", `["i-2"]`, ""}, // used up
		{"RebootInstance", "", "Dry"},
		{"RebootInstance", "", "Dry"}, // for ever
	} {
		params := map[string]string{"InstanceIds": row.ids}
		if row.action == "RebootInstance" {
			params = map[string]string{"InstanceId": "i-1", "DryRun": "true"}
		}
		if a := call(t, w, row.action, params); a.code() != row.code {
			t.Errorf("call %d: %q, want %q", n, a.code(), row.code)
		}
	}
}

// Throttling ends with the minute of ECS's clock, and meets every call until then.
func TestThrottle(t *testing.T) {
	clock := NewVirtual(noon.Add(50 * time.Second))
	w := New(clock)
	w.Add(Instance{ID: "i-1"})
	w.Inject(Fault{Kind: KindThrottle, Action: "DescribeInstanceStatus"})
	for _, row := range []struct {
		sleep time.Duration
		code  string
	}{
		{0, "Throttling"}, {0, "Throttling"}, {10*time.Second - 1, "Throttling"}, {1,
			""}, {time.Minute, ""},
	} {
		if err := clock.Sleep(t.Context(), row.sleep); err != nil {
			t.Fatal(err)
		}
		if a := call(t, w, "DescribeInstanceStatus",
			map[string]string{"InstanceId.1": "i-1"}); a.code() != row.code {
			t.Errorf("at %v: %q, want %q", clock.Now(), a.code(), row.code)
		}
	}
}

// Stopping a World on a port ends its hanging calls, and leaves nothing behind.
func TestStopListening(t *testing.T) {
	w := New(Real())
	url, stop, err := w.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.Add(Instance{ID: "i-1"})
	w.Inject(Fault{Kind: KindHang, Action: "RebootInstance", After: true})
	arrived, done := make(chan struct{}), make(chan answer)
	w.Change("i-1", AfterCall("RebootInstance", 1), func(*Instance) { close(arrived) })
	r := signed(t, time.Now(), url, "RebootInstance", map[string]string{"InstanceId": "i-1"})
	transport := &http.Transport{DisableKeepAlives: true}
	go func() { done <- do(transport, r) }()
	<-arrived
	stop()
	if a := <-done; a.err == nil {
		t.Errorf("got %+v", a)
	}
	if a := do(transport, signed(t, time.Now(), url, "DescribeInstances", nil)); !isDial(a.err) {
		t.Errorf("after the end: %+v", a)
	}
}

// In a Virtual world a hang lasts as long as a client would wait, and no real time.
func TestHangInVirtualTime(t *testing.T) {
	clock := NewVirtual(noon)
	w := New(clock)
	w.Add(Instance{ID: "i-1"})
	w.Inject(Fault{Kind: KindHang, Action: "RebootInstance", After: true, Delay: time.Second})
	a := reboot(t, w, false)
	if !isTimeout(a.err) || !errors.Is(a.err, context.DeadlineExceeded) {
		t.Errorf("got %v", a.err)
	}
	if got := clock.Now().Sub(noon); got != 11*time.Second {
		t.Errorf("took %v", got)
	}
}

// A client that gives up during a delay takes no effect back, and its call has none where the delay
// came first.
func TestClientGivesUp(t *testing.T) {
	for _, after := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := New(Real())
			w.Add(Instance{ID: "i-1"})
			w.Inject(Fault{Kind: KindDelay, Delay: time.Minute, Action: "RebootInstance",
				After: after})
			r := signed(t, time.Now(), endpoint, "RebootInstance",
				map[string]string{"InstanceId": "i-1"})
			ctx, cancel := context.WithTimeout(t.Context(), 59*time.Second)
			defer cancel()
			if a := do(w.RoundTripper(), r.WithContext(ctx)); !isTimeout(a.err) {
				t.Errorf("got %v", a.err)
			}
			if c := w.Reboots("i-1")[0]; c.Effect != after || c.HTTP != 0 {
				t.Errorf("kept as %+v", c)
			}
		})
	}
}

// Every fault of the catalogue makes a difference that a client can see.
func TestCatalogueOfFaults(t *testing.T) {
	seen := map[string]string{}
	for _, f := range Faults() {
		if f.Title == "" || f.Title[len(f.Title)-1] != '.' {
			t.Errorf("%s: title %q", f.Name, f.Title)
		}
		if _, twice := seen[f.Name]; twice {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = ""
		synctest.Test(t, func(t *testing.T) {
			seen[f.Name] = story(t, f)
		})
	}
	synctest.Test(t, func(t *testing.T) {
		undisturbed := story(t, NamedFault{apply: func(*World, string) {}})
		for _, name := range slices.Sorted(maps.Keys(seen)) {
			if seen[name] == undisturbed {
				t.Errorf("%s changes nothing", name)
			}
		}
	})
}

// story is what a client sees of an instance over 3 minutes, with two reboots.
func story(t *testing.T, f NamedFault) (text string) {
	w := New(Real())
	w.Add(Instance{ID: "i-1", Tags: map[string]string{"auto-restart": "true"},
		Guest: Guest{IgnoreGraceful: 1}})
	f.Apply(w, "i-1")
	see := func(action string, params map[string]string) {
		r := signed(t, time.Now(), endpoint, action, params)
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		a := do(w.RoundTripper(), r.WithContext(ctx))
		if _, there := a.body["RequestId"]; there {
			a.body["RequestId"] = "there" // its number says nothing
		}
		delete(a.body, "Recommend") // holds the RequestId
		body := encode(a.body)
		text += action + " " + http.StatusText(a.status) + " " + string(body) +
			a.header.Get("Date") + "\n"
		if a.err != nil {
			text += a.err.Error()
		}
	}
	for n := range 18 {
		see("DescribeInstances", map[string]string{"InstanceIds": `["i-1"]`})
		see("DescribeInstanceHistoryEvents",
			map[string]string{"ResourceId.1": "i-1", "EventCycleStatus": "Executing"})
		see("DescribeCloudAssistantStatus", map[string]string{"InstanceId.1": "i-1"})
		if n == 3 || n == 6 {
			see("RebootInstance", map[string]string{"InstanceId": "i-1"})
		}
		if err := Real().Sleep(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	return text
}
