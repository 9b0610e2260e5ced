package ecssim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

const endpoint = "https://ecs-cn-hangzhou.aliyuncs.com"

var nonces atomic.Int64

// signed is a request as the RPC style wants it. The first edit may spoil the parameters before
// they are signed, the second one after.
func signed(t *testing.T, now time.Time, base, action string, params map[string]string,
	edits ...func(url.Values)) *http.Request {
	t.Helper()
	values := url.Values{
		"Version": {"2014-05-26"}, "Format": {"JSON"}, "Action": {action},
		"RegionId":    {"cn-hangzhou"},
		"AccessKeyId": {DefaultKeyID}, "SecurityToken": {DefaultToken},
		"SignatureMethod": {"HMAC-SHA1"}, "SignatureVersion": {"1.0"}, "SignatureType": {""},
		"SignatureNonce": {fmt.Sprint("nonce-",
			nonces.Add(1))}, "Timestamp": {now.UTC().Format("2006-01-02T15:04:05Z")},
	}
	for name, value := range params {
		values.Set(name, value)
	}
	if len(edits) > 0 {
		edits[0](values)
	}
	values.Set("Signature", sign(stringToSign("POST", query(values)), DefaultSecret))
	if len(edits) > 1 {
		edits[1](values)
	}
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/?"+values.Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// answer is what a client gets.
type answer struct {
	status int
	header http.Header
	body   object
	err    error
}

func (a answer) code() string {
	code, _ := a.body["Code"].(string)
	return code
}

// entries digs a list out of an answer: set, then the name of the element.
func (a answer) entries(t *testing.T, set, element string) []object {
	t.Helper()
	outer, ok := a.body[set].(object)
	if !ok {
		t.Fatalf("no %s in %v, %v", set, a.body, a.err)
	}
	var list []object
	for _, e := range outer[element].([]any) {
		list = append(list, e.(object))
	}
	return list
}

func do(rt http.RoundTripper, r *http.Request) answer {
	stay := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	client := http.Client{Transport: rt, CheckRedirect: stay}
	resp, err := client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer resp.Body.Close()
	a := answer{status: resp.StatusCode, header: resp.Header}
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.err = err
		return a
	}
	if len(text) > 0 {
		a.err = json.Unmarshal(text, &a.body)
	}
	return a
}

// call makes one call in process.
func call(t *testing.T, w *World, action string, params map[string]string) answer {
	t.Helper()
	return do(w.RoundTripper(), signed(t, w.now(), endpoint, action, params))
}

func reboot(t *testing.T, w *World, force bool) answer {
	t.Helper()
	return call(t, w, "RebootInstance",
		map[string]string{"InstanceId": "i-1", "ForceStop": fmt.Sprint(force)})
}

func status(t *testing.T, w *World) string {
	t.Helper()
	a := call(t, w, "DescribeInstanceStatus", map[string]string{"InstanceId.1": "i-1"})
	return a.entries(t, "InstanceStatuses", "InstanceStatus")[0]["Status"].(string)
}

// vitals is what DescribeCloudAssistantStatus says of i-1.
func vitals(t *testing.T, w *World) object {
	t.Helper()
	a := call(t, w, "DescribeCloudAssistantStatus", map[string]string{"InstanceId.1": "i-1"})
	return a.entries(t, "InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus")[0]
}

// Every guest of the catalogue, as its status and heartbeat are read from outside.
func TestGuests(t *testing.T) {
	type order struct {
		at    time.Duration
		force bool
	}
	graceful, retry, force := order{0, false}, order{5 * time.Minute,
		false}, order{10 * time.Minute, true}
	ladder := []order{graceful, retry, force}
	const silent = "silent"
	rows := map[string]struct {
		orders    []order
		timeline  string // every change of the status, with its time
		heartbeat string // the first heartbeat after the start; silent: none; never: none ever
		restarts  int
		refused   string // codes of refused orders
	}{
		"obeys": {[]order{graceful}, "0s Stopping, 20s Starting, 40s Running", "1m10s",
			1, ""},
		"ignores-graceful": {ladder, "10m0s Stopping, 10m20s Starting, 10m40s Running", "11m10s", 1,
			""},
		"ignores-one": {[]order{graceful, retry},
			"5m0s Stopping, 5m20s Starting, 5m40s Running", "6m10s", 1, ""},
		"deaf": {ladder, "10m0s Stopping, 10m20s Starting, 10m40s Running", "11m10s", 1,
			""},
		"ignores-force": {append(ladder, order{15 * time.Minute, true}),
			"15m0s Stopping, 15m20s Starting, 15m40s Running",
			"16m10s", 1, ""},
		"dead": {ladder, "", silent, 0, ""},
		// The retry is refused while it sticks; after 10 minutes it is Running, and has ignored one
		// graceful reboot only.
		"sticks-in-stopping": {[]order{graceful, retry, {11 * time.Minute, false}},
			"0s Stopping, 10m0s Running, 11m0s Stopping", silent, 0, "IncorrectInstanceStatus"},
		"sticks-until-forced": {ladder, "0s Stopping, 10m20s Starting, 10m40s Running", "11m10s", 1,
			"IncorrectInstanceStatus"},
		"stuck-forever": {ladder, "0s Stopping", silent, 0,
			"IncorrectInstanceStatus IncorrectInstanceStatus"},
		"stuck-starting": {ladder, "0s Starting", silent, 0,
			"IncorrectInstanceStatus IncorrectInstanceStatus"},
		"never-boots": {[]order{graceful}, "0s Stopping, 20s Starting, 40s Running", silent,
			1, ""},
		"stays-stopped": {[]order{graceful, retry}, "0s Stopping, 20s Stopped", silent, 0,
			"IncorrectInstanceStatus"},
		"slow-boot": {[]order{graceful}, "0s Stopping, 20s Starting, 40s Running",
			"10m40s", 1, ""},
		"slow-stop": {[]order{graceful}, "0s Stopping, 4m0s Starting, 4m20s Running",
			"4m50s", 1, ""},
		"slow-stop-8m": {ladder, "0s Stopping, 8m0s Starting, 8m20s Running, 10m0s Stopping, " +
			"10m20s Starting, 10m40s Running", "8m50s", 2, "IncorrectInstanceStatus"},
		"slow-stop-8m-force": {[]order{graceful, retry, {6 * time.Minute, true}},
			"0s Stopping, 6m0s Starting, 6m20s Running", "6m50s", 1, "IncorrectInstanceStatus"},
		"slow-stop-20m": {ladder, "0s Stopping, 20m0s Starting", silent, 0,
			"IncorrectInstanceStatus IncorrectInstanceStatus"},
		"slow-stop-20m-force": {ladder, "0s Stopping, 10m0s Starting, 10m20s Running", "10m50s",
			1, "IncorrectInstanceStatus"},
		"last-gasp": {[]order{graceful}, "0s Stopping, 20s Starting, 40s Running", "0s",
			1, ""},
		"via-stopped": {[]order{graceful},
			"0s Stopping, 20s Stopped, 25s Starting, 45s Running", "1m15s", 1, ""},
		"unseen": {[]order{graceful}, "0s Stopping, 1s Running", "31s", 1, ""},
		"read-lag": {[]order{graceful}, "15s Stopping, 20s Starting, 40s Running",
			"1m10s", 1, ""},
		"flapping": {[]order{graceful, {10 * time.Minute, false}},
			"0s Stopping, 20s Starting, 40s Running, 10m0s Stopping, 10m20s Starting, 10m40s " +
				"Running", "1m10s", 2, ""},
		"no-agent": {[]order{graceful}, "0s Stopping, 20s Starting, 40s Running", "never", 1,
			""},
		"no-agent-dead": {ladder, "", "never", 0, ""},
		"alive": {[]order{graceful}, "0s Stopping, 20s Starting, 40s Running", "1m10s", 1,
			""},
	}
	if len(rows) != len(Guests()) {
		t.Errorf("%d rows for %d guests", len(rows), len(Guests()))
	}
	for _, guest := range Guests() {
		row, ok := rows[guest.Name]
		if !ok {
			t.Errorf("%s: no row", guest.Name)
			continue
		}
		t.Run(guest.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := New(Real())
				w.Add(Instance{ID: "i-1", Guest: guest.Guest})
				start := time.Now()
				var timeline, refused []string
				seen, heartbeat := StatusRunning, silent
				orders := row.orders
				for now := time.Duration(0); now <= 20*time.Minute; {
					for len(orders) > 0 && orders[0].at == now {
						if a := reboot(t, w, orders[0].force); a.err != nil {
							t.Fatal(a.err)
						} else if a.code() != "" {
							refused = append(refused, a.code())
						}
						orders = orders[1:]
					}
					if s := status(t, w); s != seen {
						seen = s
						timeline = append(timeline, fmt.Sprint(now, " ", s))
					}
					beat := vitals(t, w)["LastHeartbeatTime"].(string)
					if at, err := time.Parse(time.RFC3339, beat); err != nil {
						heartbeat = "never"
					} else if heartbeat == silent && !at.Before(start) {
						heartbeat = at.Sub(start).String()
					}
					step := time.Second
					if now >= time.Minute {
						step = 5 * time.Second
					}
					if err := Real().Sleep(t.Context(), step); err != nil {
						t.Fatal(err)
					}
					now += step
				}
				if got := strings.Join(timeline, ", "); got != row.timeline {
					t.Errorf("got  %s\nwant %s", got, row.timeline)
				}
				if heartbeat != row.heartbeat {
					t.Errorf("heartbeat %s, want %s", heartbeat, row.heartbeat)
				}
				if got := w.Instance("i-1").Restarts; got != row.restarts {
					t.Errorf("%d restarts, want %d", got, row.restarts)
				}
				if got := strings.Join(refused, " "); got != row.refused {
					t.Errorf("refused %q, want %q", got, row.refused)
				}
			})
		})
	}
}

// The heartbeat of a guest that is alive: every minute, whole seconds, while it shuts down, and not
// while it is down.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Real())
		w.Add(Instance{ID: "i-1",
			Guest: Guest{Agent: AgentAlive, Stop: 3 * time.Minute, Start: 5 * time.Minute}})
		start := time.Now()
		pause := func(until time.Duration) {
			if err := Real().Sleep(t.Context(), time.Until(start.Add(until))); err != nil {
				t.Fatal(err)
			}
		}
		reboot(t, w, false)
		for _, row := range []struct {
			at, beat time.Duration
			alive    string
			why      string
		}{
			{39 * time.Second, -20 * time.Second, "true", "the next beat is a second away"},
			{40 * time.Second, 40 * time.Second, "true",
				"a minute after the last one, while Stopping"},
			{179 * time.Second, 160 * time.Second, "true", "the last one before it is down"},
			{280 * time.Second, 160 * time.Second, "true", "down, but 2 minutes are not over"},
			{281 * time.Second, 160 * time.Second, "false", "2 minutes are over"},
			{509 * time.Second, 160 * time.Second, "false",
				"Running since 480 s, and not booted yet"},
			{510 * time.Second, 510 * time.Second, "true", "booted"},
		} {
			pause(row.at)
			entry, want := vitals(t, w), start.Add(row.beat).UTC().Format("2006-01-02T15:04:05Z")
			if entry["LastHeartbeatTime"] != want || entry["CloudAssistantStatus"] != row.alive {
				t.Errorf("%v: got %v, want %v %v: %s", row.at, entry, want, row.alive, row.why)
			}
		}
	})
}

func TestStartTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Real())
		w.Add(Instance{ID: "i-1"})
		w.Add(Instance{ID: "i-2", Guest: Guest{StartTimeUnchanged: true}})
		read := func(id string) string {
			return describe(t, w,
				map[string]string{"InstanceIds": `["` + id + `"]`})[0]["StartTime"].(string)
		}
		old := read("i-1")
		for _, id := range []string{"i-1", "i-2"} {
			call(t, w, "RebootInstance", map[string]string{"InstanceId": id})
		}
		if err := Real().Sleep(t.Context(), 40*time.Second); err != nil {
			t.Fatal(err)
		}
		if got, want := read("i-1"), time.Now().UTC().Format("2006-01-02T15:04Z"); got != want {
			t.Errorf("StartTime %s, want %s", got, want)
		}
		if got := read("i-2"); got != old {
			t.Errorf("StartTime %s, want the old %s", got, old)
		}
	})
}

func describe(t *testing.T, w *World, params map[string]string) []object {
	t.Helper()
	return call(t, w, "DescribeInstances", params).entries(t, "Instances", "Instance")
}

// What other people do, and when it shows.
func TestChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Real())
		w.Add(Instance{ID: "i-1", Tags: map[string]string{"auto-restart": "true"}})
		w.Change("i-1", AtTime(time.Now().Add(time.Minute)),
			func(i *Instance) { i.Tags["auto-restart"] = "graceful" })
		w.Change("i-1", BeforeCall("DescribeInstances", 2),
			func(i *Instance) { i.Name = "renamed" })
		w.Change("i-1", AfterCall("RebootInstance", 2),
			func(i *Instance) { i.Locks = []string{"security"} })
		w.Change("i-1", OnStatus(StatusStarting), func(i *Instance) { i.Status = StatusStopped })
		tag := func() string { return w.Instance("i-1").Tags["auto-restart"] }
		sleep := func(d time.Duration) {
			if err := Real().Sleep(t.Context(), d); err != nil {
				t.Fatal(err)
			}
		}
		sleep(time.Minute - 1)
		if tag() != "true" {
			t.Error("the tag changed early")
		}
		sleep(1)
		if tag() != "graceful" {
			t.Error("the tag did not change")
		}
		ids := map[string]string{"InstanceIds": `["i-1"]`}
		for _, want := range []string{"web-i-1", "renamed"} {
			if got := describe(t, w, ids)[0]["InstanceName"]; got != want {
				t.Errorf("name %v, want %s", got, want)
			}
		}
		// does not count
		call(t, w, "RebootInstance", map[string]string{"InstanceId": "i-1", "DryRun": "true"})
		reboot(t, w, false)
		if locks := w.Instance("i-1").Locks; locks != nil {
			t.Errorf("locked early: %v", locks)
		}
		if a := reboot(t, w, false); a.code() != "IncorrectInstanceStatus" {
			t.Errorf("the second reboot: %v", a.body)
		}
		if a := reboot(t, w, false); a.code() != "InstanceLockedForSecurity" {
			t.Errorf("the third reboot: %v", a.body)
		}
		sleep(time.Hour)
		if s := w.Instance("i-1"); s.Status != StatusStopped || s.Restarts != 0 {
			t.Errorf("%s after %d restarts, want Stopped instead of the rest of its reboot",
				s.Status, s.Restarts)
		}
	})
}

// What happens between two looks happens in the order of its time.
func TestOrderOfEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, start := New(Real()), time.Now()
		w.Add(Instance{ID: "i-1"}) // Stopping, at 20 s Starting, at 40 s Running
		var seen []string
		see := func(i *Instance) { seen = append(seen, i.Status) }
		for _, at := range []time.Duration{30, 10, 50, 20} { // at 20 s the transition comes first
			w.Change("i-1", AtTime(start.Add(at*time.Second)), see)
		}
		reboot(t, w, false)
		if err := Real().Sleep(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		w.Instance("i-1")
		if got, want := strings.Join(seen, " "), "Stopping Starting Starting Running"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}

// A change may set off another one; each happens once, and ends what the platform still showed.
func TestChangesOnStatus(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Real())
		w.Add(Instance{ID: "i-1", Guest: Guest{ReadLag: time.Minute}})
		var runs int
		w.Change("i-1", OnStatus(StatusStarting), func(i *Instance) { i.Status = StatusRunning })
		w.Change("i-1", OnStatus(StatusRunning), func(*Instance) { runs++ })
		w.Change("i-1", OnStatus(StatusStarting),
			func(*Instance) { t.Error("it is not Starting any more") })
		w.Change("i-1", AtTime(time.Now().Add(30*time.Second)),
			func(i *Instance) { i.Status = StatusStopped })
		reboot(t, w, false)
		if err := Real().Sleep(t.Context(), 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := status(t, w); got != StatusStopped || runs != 1 {
			t.Errorf("%s, %d runs", got, runs)
		}
	})
}

// Somebody else's restart: Stopping by hand, then Running, boots the guest.
func TestSomebodyElseRestarts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, start := New(Real()), time.Now()
		w.Add(Instance{ID: "i-1", Guest: Guest{IgnoreGraceful: -1}})
		w.Change("i-1", AtTime(start.Add(time.Minute)),
			func(i *Instance) { i.Status = StatusStopping })
		w.Change("i-1", AtTime(start.Add(2*time.Minute)),
			func(i *Instance) { i.Status = StatusRunning })
		if err := Real().Sleep(t.Context(), 3*time.Minute); err != nil {
			t.Fatal(err)
		}
		if s := w.Instance("i-1"); s.Restarts != 1 ||
			!s.StartTime.Equal(start.Add(2*time.Minute)) ||
			!s.Heartbeat.Equal(start.Add(150*time.Second)) {
			t.Errorf("got %+v", s)
		}
	})
}

func TestCallsAreKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Real())
		w.Add(Instance{ID: "i-1"})
		w.Inject(Fault{Kind: KindDrop, Action: "RebootInstance", After: true})
		call(t, w, "RebootInstance", map[string]string{"InstanceId": "i-1", "DryRun": "true"})
		reboot(t, w, true)
		reboot(t, w, true)
		calls := w.Calls()
		if len(calls) != 3 || len(w.Reboots("i-1")) != 2 || len(w.Reboots("i-2")) != 0 ||
			len(w.Reboots("")) != 2 {
			t.Fatalf("calls %+v", calls)
		}
		if c := calls[0]; !c.DryRun || c.Effect || c.Code != "DryRunOperation" || c.HTTP != 400 ||
			c.Fault != "" {
			t.Errorf("the dry run: %+v", c)
		}
		if c := calls[1]; !c.Force || !c.Effect || !c.Works || c.HTTP != 0 || c.RequestID == "" ||
			c.Fault != KindDrop ||
			c.StatusBefore != StatusRunning || c.Instance != "i-1" || c.Region != "cn-hangzhou" ||
			c.Scheme != "https" ||
			c.Host != "ecs-cn-hangzhou.aliyuncs.com" || !c.At.Equal(time.Now()) {
			t.Errorf("the reboot: %+v", c)
		}
		if c := calls[2]; c.Effect || c.Works || c.HTTP != 403 ||
			c.Code != "IncorrectInstanceStatus" ||
			c.StatusBefore != StatusStopping {
			t.Errorf("the second reboot: %+v", c)
		}
		text := fmt.Sprintf("%+v", calls)
		for _, secret := range []string{DefaultToken, "Signature:["} {
			if strings.Contains(text, secret) {
				t.Errorf("the calls hold %s", secret)
			}
		}
	})
}

// Many clients at once: for the race detector, and each reboot must be the only one that takes
// effect.
func TestConcurrentCalls(t *testing.T) {
	clock := NewVirtual(noon)
	w := New(clock)
	w.Latency = time.Second
	w.Add(Instance{ID: "i-1"})
	clock.Each(20, func(n int) {
		reboot(t, w, n%2 == 0)
		for range 5 {
			status(t, w)
		}
	})
	var effects int
	for _, c := range w.Reboots("i-1") {
		if c.Effect {
			effects++
		}
	}
	if got := clock.Now().Sub(noon); effects != 1 || got != 6*time.Second {
		t.Errorf("%d took effect, in %v", effects, got)
	}
	if err := clock.Sleep(context.Background(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if s := w.Instance("i-1"); s.Status != StatusRunning || s.Restarts != 1 {
		t.Errorf("ends %s after %d restarts", s.Status, s.Restarts)
	}
}
