package backtest

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC) // a Monday

// hang is the platform's report that an instance hangs.
func hang(instance string, at time.Time) string {
	return fmt.Sprintf(`{"ver":"1.0","id":"n-%s-%d","product":"ECS","resourceId":`+
		`"acs:ecs:cn-hangzhou:1234567890123456:instance/%s","level":"CRITICAL","name":`+
		`"Instance:InstanceFailure.PerformanceImpact:Executing","userId":"1234567890123456",`+
		`"eventTime":%q,"regionId":"cn-hangzhou","status":"Executing","content":{"eventId":`+
		`"e-%s-%d","instanceId":%q}}`, instance, at.Unix(), instance,
		at.UTC().Format(time.RFC3339), instance, at.Unix(), instance)
}

func readAll(t *testing.T, p remedy.Policy, assumed Assumptions, lines ...string) *History {
	t.Helper()
	h, err := Read(Input{Files: []string{"-"}, Stdin: strings.NewReader(strings.Join(lines, "\n")),
		Assumed: assumed, Metrics: p.Metrics})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

func replayed(t *testing.T, p remedy.Policy, assumed Assumptions, lines ...string) *Report {
	t.Helper()
	r, err := readAll(t, p, assumed, lines...).Replay(p, assumed, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const web = "i-bp1abcdefghijklmnopq"

// TestReplay: what the rules make of a history, as the world supposes it. The rows are on each side
// of what they are about.
func TestReplay(t *testing.T) {
	known := func(change func(*Instance)) Assumptions {
		a := Assumed()
		one := a.Instance
		one.ID = web
		change(&one)
		a.Instances = map[string]Instance{web: one}
		return a
	}
	late := func(published time.Time) string {
		return fmt.Sprintf(`{"TopicOwner":"1","TopicName":"t","PublishTime":%d,"Message":%q}`,
			published.UnixMilli(), hang(web, noon))
	}
	timeless := strings.Replace(hang(web, noon), `"eventTime"`, `"other"`, 1)
	resolved := strings.ReplaceAll(hang(web, noon.Add(40*time.Second)), "Executing", "Executed")
	for _, row := range []struct {
		why     string
		environ []string
		assumed Assumptions
		lines   []string
		want    map[string]int
		reboots int
		forced  int
	}{
		{"the first graceful reboot works", nil, Assumed(), []string{hang(web, noon)},
			map[string]int{"restarted/recovered": 1}, 1, 0},
		{"the second works", nil, known(func(i *Instance) { i.Outcome = OutcomeRetry }),
			[]string{hang(web, noon)}, map[string]int{"restarted/recovered": 1}, 2, 0},
		{"only a forced one works", nil, known(func(i *Instance) { i.Outcome = OutcomeForce }),
			[]string{hang(web, noon)}, map[string]int{"restarted/recovered": 1}, 3, 1},
		{"its owner allows no force", nil, known(func(i *Instance) {
			i.Outcome, i.Tag = OutcomeForce, "graceful"
		}), []string{hang(web, noon)}, map[string]int{"failed/force-not-allowed": 1}, 2, 0},
		{"none works", nil, known(func(i *Instance) { i.Outcome = OutcomeNever }),
			[]string{hang(web, noon)}, map[string]int{"failed/not-recovered": 1}, 3, 1},
		{"it is locked", nil, known(func(i *Instance) { i.Locks = []string{"security"} }),
			[]string{hang(web, noon)}, map[string]int{"refused/security-locked": 1}, 0, 0},
		{"it has no tag", nil, known(func(i *Instance) { i.Tag = "" }),
			[]string{hang(web, noon)}, map[string]int{"refused/not-opted-in": 1}, 0, 0},
		{"its guest lives", nil, known(func(i *Instance) { i.Heartbeat = HeartbeatAlive }),
			[]string{hang(web, noon)}, map[string]int{"refused/guest-alive": 1}, 0, 0},
		{"nothing of it ever reported, and the alarm is not weak", nil,
			known(func(i *Instance) { i.Heartbeat = HeartbeatNone }),
			[]string{hang(web, noon)}, map[string]int{"restarted/recovered": 1}, 1, 0},
		{"within the cool-down", nil, Assumed(),
			[]string{hang(web, noon), hang(web, noon.Add(30*time.Minute))},
			map[string]int{"restarted/recovered": 1, "refused/cooling-down": 1}, 1, 0},
		{"after the cool-down", nil, Assumed(),
			[]string{hang(web, noon), hang(web, noon.Add(40*time.Minute))},
			map[string]int{"restarted/recovered": 2}, 2, 0},
		{"whatever the order of the lines, that of the times counts", nil, Assumed(),
			[]string{hang(web, noon.Add(30*time.Minute)), hang(web, noon)},
			map[string]int{"restarted/recovered": 1, "refused/cooling-down": 1}, 1, 0},
		{"the same alarm again, while it is handled", nil, Assumed(),
			[]string{hang(web, noon), hang(web, noon)},
			map[string]int{"restarted/recovered": 1, "refused/in-progress": 1}, 1, 0},
		{"a third incident of the day is one too many", []string{"REMEDY_MAX_INCIDENTS=2"},
			Assumed(), []string{hang(web, noon), hang(web, noon.Add(time.Hour)),
				hang(web, noon.Add(2*time.Hour))},
			map[string]int{"restarted/recovered": 2, "refused/incidents-spent": 1}, 2, 0},
		{"the next day it is not", []string{"REMEDY_MAX_INCIDENTS=2"}, Assumed(),
			[]string{hang(web, noon), hang(web, noon.Add(time.Hour)),
				hang(web, noon.Add(50*time.Hour))},
			map[string]int{"restarted/recovered": 3}, 3, 0},
		{"no window is open at noon in China", []string{
			"REMEDY_WINDOWS=Mon-Fri 00:00-20:00 Asia/Shanghai"}, Assumed(),
			[]string{hang(web, noon)}, map[string]int{"refused/outside-window": 1}, 0, 0},
		{"it waits, and is judged when the slot is free", []string{"REMEDY_FLEET_CONCURRENT=1"},
			Assumed(), []string{hang(web, noon), hang("i-bp1bbbbbbbbbbbbbbbbb", noon)},
			map[string]int{"restarted/recovered": 2, "waiting/fleet-concurrent": 1}, 2, 0},
		{"it cannot wait", []string{"REMEDY_FLEET_CONCURRENT=1", "REMEDY_FLEET_WAITING=0"},
			Assumed(), []string{hang(web, noon), hang("i-bp1bbbbbbbbbbbbbbbbb", noon)},
			map[string]int{"restarted/recovered": 1, "refused/fleet-concurrent": 1}, 1, 0},
		{"the hour is spent", []string{"REMEDY_FLEET_HOURLY=1"}, Assumed(),
			[]string{hang(web, noon), hang("i-bp1bbbbbbbbbbbbbbbbb", noon.Add(50*time.Minute))},
			map[string]int{"restarted/recovered": 1, "refused/fleet-hourly": 1}, 1, 0},
		{"a topic took it in within its age", nil, Assumed(),
			[]string{late(noon.Add(14 * time.Minute))},
			map[string]int{"restarted/recovered": 1}, 1, 0},
		{"a topic took it in too late", nil, Assumed(), []string{late(noon.Add(15 * time.Minute))},
			map[string]int{"refused/stale-alarm": 1}, 0, 0},
		{"an alarm without a time", nil, Assumed(), []string{hang("i-bp1bbbbbbbbbbbbbbbbb", noon),
			timeless}, map[string]int{"restarted/recovered": 1, "refused/unreadable": 1}, 1, 0},
		{"resolved while the guest ignores us", nil,
			known(func(i *Instance) { i.Outcome = OutcomeForce }),
			[]string{hang(web, noon), resolved},
			map[string]int{"restarted/recovered": 1, "ignored/resolved": 1}, 1, 0},
		{"a batch is one event", nil, Assumed(),
			[]string{"[" + hang(web, noon) + "," + hang(web, noon.Add(time.Second)) + "]"},
			map[string]int{"restarted/recovered": 1, "refused/in-progress": 1}, 1, 0},
		{"observe mode asks ECS, and sends nothing", []string{"REMEDY_MODE=observe"}, Assumed(),
			[]string{hang(web, noon), hang(web, noon.Add(time.Minute))},
			map[string]int{"observed/would-restart": 1, "refused/cooling-down": 1}, 0, 0},
	} {
		r := replayed(t, policyOf(t, row.environ...), row.assumed, row.lines...)
		if diff := cmp.Diff(row.want, r.Counts()); diff != "" || r.Reboots != row.reboots ||
			r.Forced != row.forced {
			t.Errorf("%s: %d reboots, %d forced, want %d and %d (-want +got):\n%s", row.why,
				r.Reboots, r.Forced, row.reboots, row.forced, diff)
		}
	}
}

// auditOf is a line as the function writes it.
func auditOf(format, name, state, id, verdict, reason string) string {
	line, err := json.Marshal(map[string]any{"time": "2027-01-01T00:00:00Z", "level": "INFO",
		"msg": "verdict", "verdict": verdict, "reason": reason, "region": "cn-hangzhou",
		"instanceId": web, "alarm": map[string]any{"format": format, "name": name, "state": state,
			"level": "CRITICAL", "id": id, "time": noon}, "attempts": []int{}, "findings": []int{}})
	if err != nil {
		panic(err)
	}
	return string(line)
}

// TestAuditLines: an audit line becomes the alarm again that it told of.
func TestAuditLines(t *testing.T) {
	metric := auditOf("metric-mns", "ecs-hung-cpu", "firing", "k1", "refused", "paused")
	export, err := json.Marshal(map[string]string{"__time__": "1", "message": metric})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why   string
		lines []string
		want  map[string]int
	}{
		{"a metric", []string{metric}, map[string]int{"restarted/recovered": 1}},
		{"within a field of an export", []string{string(export)},
			map[string]int{"restarted/recovered": 1}},
		{"a missing metric",
			[]string{auditOf("threshold", "r", "insufficient-data", "k", "x", "y")},
			map[string]int{"restarted/recovered": 1}},
		{"an event", []string{auditOf("system-event",
			"Instance:InstanceFailure.PerformanceImpact:Executing", "firing",
			"k", "failed", "stuck")},
			map[string]int{"restarted/recovered": 1}},
		{"an event of EventBridge, whose name has no status", []string{auditOf("eventbridge",
			"ecs:Instance:InstanceFailure.PerformanceImpact", "firing", "k", "failed", "stuck")},
			map[string]int{"restarted/recovered": 1}},
		{"an agent's", []string{auditOf("system-event", "Agent_Status_Stopped", "firing", "k",
			"failed", "stuck")}, map[string]int{"restarted/recovered": 1}},
		{"an agent's end", []string{auditOf("system-event", "Agent_Status_Running", "resolved",
			"k", "ignored", "resolved")}, map[string]int{"ignored/resolved": 1}},
		{"a metric that no restart cures", []string{auditOf("threshold", "r", "firing", "k",
			"ignored", "not-restartable")}, map[string]int{"ignored/not-restartable": 1}},
		{"another product", []string{auditOf("threshold", "r", "firing", "k", "ignored",
			"not-ecs")}, map[string]int{"ignored/not-ecs": 1}},
		{"an event of another product", []string{auditOf("system-event", "Instance:Failure",
			"firing", "k", "ignored", "not-ecs")}, map[string]int{"ignored/not-ecs": 1}},
		{"a placeholder", []string{auditOf("threshold", "r", "firing", "k", "ignored",
			"placeholder")}, map[string]int{"ignored/placeholder": 1}},
		{"no alarm", []string{auditOf("unknown", "", "unknown", "k", "ignored", "not-an-alarm")},
			map[string]int{"ignored/not-an-alarm": 1}},
		{"a malformed payload", []string{auditOf("unknown", "", "unknown", "", "malformed",
			"malformed")}, map[string]int{"malformed/malformed": 1}},
		{"another account's", []string{auditOf("threshold", "r", "firing", "k", "refused",
			"wrong-account")}, map[string]int{"refused/wrong-account": 1}},
		{"one that waited has two lines", []string{
			auditOf("threshold", "r", "firing", "k", "waiting", "fleet-concurrent"),
			auditOf("threshold", "r", "firing", "k", "restarted", "recovered")},
			map[string]int{"restarted/recovered": 1}},
		{"and one where the log ends before the second", []string{
			auditOf("threshold", "r", "firing", "k", "waiting", "fleet-concurrent")},
			map[string]int{"restarted/recovered": 1}},
		{"a duplicate has a line of its own", []string{
			auditOf("threshold", "r", "firing", "k", "restarted", "recovered"),
			auditOf("threshold", "r", "firing", "k", "refused", "duplicate-alarm")},
			map[string]int{"restarted/recovered": 1, "refused/in-progress": 1}},
	} {
		r := replayed(t, policyOf(t), Assumed(), row.lines...)
		if diff := cmp.Diff(row.want, r.Counts()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.why, diff)
		}
	}
}

// TestAccountOfAuditLines: an audit line does not say whose alarm it told of, so it is the
// function's own, whichever account that is by the other lines; and no account is made up.
func TestAccountOfAuditLines(t *testing.T) {
	earlier := strings.ReplaceAll(auditOf("system-event",
		"Instance:InstanceFailure.PerformanceImpact:Executing", "firing", "k", "refused", "paused"),
		noon.Format(time.RFC3339), noon.Add(-24*time.Hour).Format(time.RFC3339))
	later := strings.ReplaceAll(earlier, noon.Add(-24*time.Hour).Format(time.RFC3339),
		noon.Add(24*time.Hour).Format(time.RFC3339))
	assumed := Assumed()
	given := assumed
	given.Account = "1234567890123456"
	for _, row := range []struct {
		why     string
		assumed Assumptions
		lines   []string
		want    map[string]int
		account string
	}{
		{"by itself", assumed, []string{earlier}, map[string]int{"restarted/recovered": 1}, ""},
		{"before an alarm", assumed, []string{earlier, hang(web, noon)},
			map[string]int{"restarted/recovered": 2}, "1234567890123456"},
		{"after an alarm", assumed, []string{hang(web, noon), later},
			map[string]int{"restarted/recovered": 2}, "1234567890123456"},
		{"of an account that is given", given, []string{earlier},
			map[string]int{"restarted/recovered": 1}, "1234567890123456"},
	} {
		h := readAll(t, policyOf(t), row.assumed, row.lines...)
		r, err := h.Replay(policyOf(t), row.assumed, nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(row.want, r.Counts()); diff != "" || h.Account != row.account {
			t.Errorf("%s: account %q, want %q; verdicts (-want +got):\n%s", row.why, h.Account,
				row.account, diff)
		}
	}
}

// TestBadLines: what is no alarm is named with its place, and left out only where that is asked
// for.
func TestBadLines(t *testing.T) {
	good := hang(web, noon)
	for _, row := range []struct{ lines, want string }{
		{good + "\n" + good[:100], "in:2: not JSON"},
		{good + "\n\n" + `{"some": "JSON"}`, "in:3: it is no alarm: "},
		{`{"triggerTime":"2026-05-04T12:00:00Z","triggerName":"sweep","payload":""}`,
			"in:1: it is a timer's event"},
		{"\x00\x01", "in:1: neither JSON nor a form"},
		{good + "\n" + `{"message": "FC Invoke Start"}` + "\n" + good, "in:2: it is no alarm: "},
		{"[]", "in:1: it is no alarm: "},
	} {
		name := filepath.Join(t.TempDir(), "in")
		if err := os.WriteFile(name, []byte(row.lines), 0o666); err != nil {
			t.Fatal(err)
		}
		in := Input{Files: []string{name}, Assumed: Assumed()}
		_, err := Read(in)
		var bad *BadLine
		if !errors.As(err, &bad) || !strings.Contains(err.Error(), "/"+row.want) {
			t.Errorf("%q: %v, want %s", row.lines, err, row.want)
		}
		skipped := 0
		in.Bad = func(*BadLine) error { skipped++; return nil }
		h, err := Read(in)
		if err != nil || skipped != 1 || h.Alarms != strings.Count(row.lines, good) {
			t.Errorf("%q: %v, %d left out", row.lines, err, skipped)
			continue
		}
		h.Close()
	}
}

// TestFiles: lines, payloads for people, forms, and folders of them.
func TestFiles(t *testing.T) {
	dir := t.TempDir()
	var pretty bytes.Buffer
	if err := json.Indent(&pretty, []byte(hang(web, noon)), "", "  "); err != nil {
		t.Fatal(err)
	}
	form, ok := events.SampleByName("threshold-form-cpu-firing")
	if !ok {
		t.Fatal("no such sample")
	}
	for name, text := range map[string]string{
		"a.json": "\ufeff" + pretty.String(), "b.jsonl": hang(web, noon.Add(time.Hour)) + "\r\n" +
			hang(web, noon.Add(2*time.Hour)) + "\n", "sub/c.txt": string(form.Payload),
		".hidden": "no alarm",
	} {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	h, err := Read(Input{Files: []string{dir}, Assumed: Assumed()})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	if h.Alarms != 4 || h.Account != "1234567890123456" || h.Region != "cn-hangzhou" {
		t.Errorf("%d alarms of account %q in %q", h.Alarms, h.Account, h.Region)
	}
	for _, wrong := range []Input{{Files: []string{filepath.Join(dir, "missing")}},
		{Files: []string{"-", dir}, Stdin: strings.NewReader("")},
		{Files: []string{t.TempDir()}}} {
		if h, err := Read(wrong); err == nil {
			h.Close()
			t.Errorf("%q was read", wrong.Files)
		}
	}
}

// TestSpool: deliveries come back in the order of time, and those of one time as they came, whether
// they fit the memory or not; and so they do a second time.
func TestSpool(t *testing.T) {
	for _, limit := range []int{0, 1, 500} { // all in memory, a run each, some runs
		random := rand.New(rand.NewPCG(1, uint64(limit)))
		s := spool{limit: limit}
		var want []delivery
		for n := range 3 * aheadOf {
			d := delivery{at: noon.Add(time.Duration(random.IntN(40)) * time.Second),
				alarms: []alarm{filled(t, n), {}, {key: "renamed"}}}
			if n%5 == 0 {
				d = delivery{at: d.at, payload: fmt.Appendf(nil, "malformed %d", n),
					alarms: []alarm{}}
			}
			want = append(want, d)
			if err := s.add(&d); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.finish(); err != nil {
			t.Fatal(err)
		}
		slices.SortStableFunc(want, func(a, b delivery) int { return a.at.Compare(b.at) })
		for _, ahead := range []bool{false, true} {
			var got []delivery
			keep := func(d *delivery) bool {
				one := *d
				one.alarms = append([]alarm{}, d.alarms...)
				got = append(got, one)
				return true
			}
			err := s.each(keep)
			if ahead {
				got = nil
				err = s.ahead(func(d *delivery) { keep(d) })
			}
			if err != nil {
				t.Fatal(err)
			}
			diff := cmp.Diff(want, got, cmp.AllowUnexported(delivery{}, alarm{}))
			if diff != "" {
				t.Fatalf("limit %d (-want +got):\n%s", limit, diff)
			}
		}
		if err := s.close(); err != nil {
			t.Error(err)
		}
	}
}

// filled is an alarm with another value in every field, so that none is lost on the way.
func filled(t *testing.T, n int) (a alarm) {
	t.Helper()
	fields := reflect.ValueOf(&a.Alarm).Elem()
	for i := range fields.NumField() {
		switch field := fields.Field(i); {
		case field.Kind() == reflect.String:
			field.SetString(fmt.Sprintf("%s %d", fields.Type().Field(i).Name, n))
		case field.Kind() == reflect.Bool:
			field.SetBool(n%2 == 0)
		case field.Type() == reflect.TypeFor[time.Time]():
			field.Set(reflect.ValueOf(noon.Add(time.Duration(n) * time.Millisecond)))
		default:
			t.Fatalf("a spool keeps no %v", field.Type())
		}
	}
	a.key = a.Key
	return a
}

// TestTornSpool: a temporary file that was cut off is an error, not a shorter history, and no
// panic.
func TestTornSpool(t *testing.T) {
	d := delivery{at: noon, alarms: []alarm{filled(t, 1)}}
	whole := d.append(nil, &entry{sec: noon.Unix()})
	_, skip := binary.Uvarint(whole)
	for n := skip; n < len(whole); n++ {
		r := &reader{}
		if err := r.read(whole[skip:n]); err == nil {
			t.Errorf("%d of %d bytes are a delivery", n, len(whole))
		}
		r = &reader{file: bufio.NewReader(bytes.NewReader(whole[:n]))}
		if err := r.next(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
}

// TestGenerate: the same seed gives the same bytes, another one others; and every line is an alarm
// of a real shape, in the mixture that is promised.
func TestGenerate(t *testing.T) {
	const n = 4_000
	var first, second, other bytes.Buffer
	for seed, out := range map[uint64]*bytes.Buffer{1: &first, 2: &other} {
		if err := Generate(out, n, seed); err != nil {
			t.Fatal(err)
		}
	}
	if err := Generate(&second, n, 1); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) || bytes.Equal(first.Bytes(), other.Bytes()) {
		t.Error("a history depends on more, or on less, than its seed")
	}
	lines := strings.Split(strings.TrimSpace(first.String()), "\n")
	if len(lines) != n {
		t.Fatalf("%d lines", len(lines))
	}
	seen, states := map[string]int{}, map[events.State]int{}
	formats, late := map[events.Format]int{}, 0
	minutes := map[time.Time]int{}
	for _, line := range lines {
		seen[line]++
		alarms, err := events.Decode([]byte(line))
		if err != nil || len(alarms) != 1 || alarms[0].Problem != "" || alarms[0].Time.IsZero() {
			t.Fatalf("%s: %v, %+v", line, err, alarms)
		}
		states[alarms[0].State]++
		formats[alarms[0].Format]++
		if alarms[0].Event == "Agent_Status_Stopped" {
			minutes[alarms[0].Time.Truncate(3*time.Minute)]++
		}
		if published([]byte(line)).Sub(alarms[0].Time) > time.Minute {
			late++
		}
	}
	most := 0
	for _, count := range minutes {
		most = max(most, count)
	}
	if n-len(seen) < n/100 || late < n/200 || states[events.StateInsufficientData] == 0 ||
		states[events.StateResolved] < n/5 || formats[events.FormatThreshold] == 0 ||
		formats[events.FormatMetricMNS] == 0 || most < 10 {
		t.Errorf("%d duplicates, %d late, %d agents at once, %v, %v", n-len(seen), late, most,
			states, formats)
	}
}

// TestDeterminism: the same history gives the same report, also where it does not fit the memory;
// and one policy differs from itself in nothing.
func TestDeterminism(t *testing.T) {
	var history bytes.Buffer
	if err := Generate(&history, 3_000, 3); err != nil {
		t.Fatal(err)
	}
	p := policyOf(t, "REMEDY_FLEET_HOURLY=5")
	h := readAll(t, p, Assumed(), history.String())
	var reports []*Report
	for range 2 {
		r, err := h.Replay(p, Assumed(), nil)
		if err != nil {
			t.Fatal(err)
		}
		reports = append(reports, r)
	}
	if diff := cmp.Diff(reports[0].Hours, reports[1].Hours); diff != "" {
		t.Error(diff)
	}
	differences := func(second *Report) (n int, last Difference) {
		if err := h.Differences(reports[0], second, func(d Difference) bool {
			n, last = n+1, d
			return true
		}); err != nil {
			t.Fatal(err)
		}
		return n, last
	}
	if n, last := differences(reports[1]); n != 0 {
		t.Errorf("%d differences, the last is %+v", n, last)
	}
	other, err := h.Replay(policyOf(t, "REMEDY_FLEET_HOURLY=1"), Assumed(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n, last := differences(other)
	if n == 0 || last.Key == "" || last.Instance == "" || last.Time.IsZero() ||
		last.First == last.Second || other.Reboots >= reports[0].Reboots {
		t.Errorf("%d differences, the last is %+v", n, last)
	}
	total := 0
	for n := range h.Alarms {
		if end := reports[0].tally.end(n); end.verdict == "" ||
			end.verdict == remedy.VerdictWaiting {
			t.Errorf("alarm %d ended with %q", n, end)
		}
	}
	for _, v := range reports[0].Verdicts {
		total += v.N
	}
	if total -= reports[0].Total(remedy.VerdictWaiting); total != h.Alarms {
		t.Errorf("%d results of %d alarms", total, h.Alarms)
	}
}

// TestReadPolicy: a mistake is named with its line.
func TestReadPolicy(t *testing.T) {
	c, err := ReadPolicy("p.env", strings.NewReader("# mine\n\nexport REMEDY_COOLDOWN=\"2h\"\n"+
		"REMEDY_MODE=off\n"), "REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:")
	if err != nil || c.Policy.Cooldown != 2*time.Hour || c.Policy.Mode != remedy.ModeEnforce {
		t.Errorf("%v, %+v", err, c.Policy)
	}
	for _, row := range []struct{ text, want string }{
		{"REMEDY_COOLDOWN=1h\nREMEDY_COLDOWN=2h", "p.env:2: REMEDY_COLDOWN: no such variable"},
		{"\nREMEDY_COOLDOWN=soon", "p.env:2: REMEDY_COOLDOWN=\"soon\": not a duration"},
		{"REMDY_COOLDOWN=1h", `p.env:1: "REMDY_COOLDOWN": no such variable`},
		{"just words", "p.env:1: not NAME=VALUE"},
		{"REMEDY_POLL=1s\nREMEDY_POLL=2s", "p.env:2: REMEDY_POLL is given on line 1 already"},
		{"REMEDY_MODE=enforcee", "p.env:1: REMEDY_MODE"},
	} {
		_, err := ReadPolicy("p.env", strings.NewReader(row.text), "REMEDY_MODE=enforce",
			"REMEDY_LEDGER=mem:")
		if err == nil || !strings.HasPrefix(err.Error(), row.want) {
			t.Errorf("%q: %v, want %s", row.text, err, row.want)
		}
	}
}

// TestReadInstances: what is left out is as usual, and a mistake is named with its line.
func TestReadInstances(t *testing.T) {
	usual := Assumed().Instance
	all, err := ReadInstances("i.jsonl", strings.NewReader(`{"id": "i-1"}
{"id": "i-2", "tag": "", "locks": ["financial"], "outcome": "never", "heartbeat": "none"}`), usual)
	want := map[string]Instance{"i-1": {ID: "i-1", Tag: "true", Outcome: OutcomeGraceful,
		Heartbeat: HeartbeatSilent}, "i-2": {ID: "i-2", Locks: []string{"financial"},
		Outcome: OutcomeNever, Heartbeat: HeartbeatNone}}
	if diff := cmp.Diff(want, all); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for _, wrong := range []string{`{}`, `{"id": "i-1"} {}`, `{"id": "i-1", "tga": "true"}`,
		`{"id": "i-1", "outcome": "maybe"}`, `{"id": "i-1", "tag": "yes"}`, `[]`,
		`{"id": "i-1", "heartbeat": "loud"}`} {
		_, err := ReadInstances("i.jsonl", strings.NewReader("\n"+wrong), usual)
		var bad *BadLine
		if !errors.As(err, &bad) || bad.Line != 2 {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}

// TestPage: the page needs nothing from outside, allows nothing, and escapes what alarms say.
func TestPage(t *testing.T) {
	hostile := `<script>alert(1)</script>"'`
	lines := []string{hang(web, noon), hang(web, noon.Add(31*time.Minute)),
		fmt.Sprintf(`{"alertName":%q,"alertState":"ALERT","metricName":"CPUUtilization",`+
			`"rawMetricName":"CPUUtilization","namespace":"acs_ecs_dashboard","triggerLevel":`+
			`"CRITICAL","userId":"1234567890123456","regionId":"cn-hangzhou","transId":%q,`+
			`"timestamp":"%d","dimensions":{"userId":"1234567890123456","instanceId":%q}}`, hostile,
			hostile, noon.UnixMilli(), web)}
	p := policyOf(t)
	h := readAll(t, p, Assumed(), lines...)
	page := Page{Names: []string{"this policy", hostile}, Assumed: []string{hostile}, Top: 10,
		Different: 3, Differences: []Difference{{Key: hostile, Instance: web, First: "a/b"}}}
	for range 2 {
		r, err := h.Replay(p, Assumed(), nil)
		if err != nil {
			t.Fatal(err)
		}
		page.Reports = append(page.Reports, r)
	}
	var out bytes.Buffer
	if err := page.Write(&out); err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(out.String(), "<wbr>", "")
	for _, forbidden := range []string{"<script", "http:", "https:", "//", "url(", "@import",
		" style=", "onload", "ZgotmplZ"} {
		if strings.Contains(text, forbidden) {
			t.Errorf("the page holds %q", forbidden)
		}
	}
	for _, needed := range []string{`content="default-src 'none'; style-src 'sha256-`, "<svg",
		"Reboots over time", "Refusals over time", "By reason", "Refusals by rule",
		"&lt;script&gt;", "prefers-color-scheme: dark", "restarted/recovered",
		"refused/cooling-down",
		web,
		"3 alarms end in another way", "REMEDY_COOLDOWN"} {
		if !strings.Contains(text, needed) {
			t.Errorf("the page lacks %q", needed)
		}
	}
	if plots := strings.Count(text, `role="img"`); plots != 2*3 {
		t.Errorf("%d plots", plots)
	}
	if charts := strings.Count(text, `class="bars"`); charts != 2*3 {
		t.Errorf("%d charts", charts)
	}
}
