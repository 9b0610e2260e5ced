package serve_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/serve"
)

// served is a Server on two ports: itself, and the URLs of the page and of the simulated ECS.
func served(t *testing.T, environ ...string) (s *serve.Server, page, ecs string) {
	t.Helper()
	s, err := serve.New(serve.Options{Load: func(mode string) (config.Config, error) {
		return config.Load(append(environ[:len(environ):len(environ)], "REMEDY_MODE="+mode,
			"REMEDY_LEDGER=mem:"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := httptest.NewServer(s.Page()), httptest.NewServer(s.ECS())
	s.Addresses(first.Listener.Addr().String(), second.Listener.Addr().String())
	t.Cleanup(func() {
		s.Close()
		first.Close()
		second.Close()
	})
	return s, first.URL, second.URL
}

// hostile is an alarm about an instance that hangs, as somebody might have forged it: NAME stands
// in every name.
const hostile = `{
  "ver": "1.0", "id": "D8110000-0000-4000-8000-000000000002", "product": "ECS", "level": "CRITICAL",
  "resourceId": "acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1forged0000000hung",
  "name": "NAME", "status": "Executing", "eventType": "Exception",
  "userId": "1234567890123456", "regionId": "cn-hangzhou", "instanceName": "NAME",
  "eventTime": "20261123T074200.000+0000",
  "content": {
    "eventId": "e-bp1forged000000alarm", "instanceId": "i-bp1forged0000000hung",
    "instanceName": "NAME", "eventType": "InstanceFailure.PerformanceImpact",
    "eventStatus": "Executing", "publishTime": "2026-11-23T07:42:00Z",
    "executeStartTime": "2026-11-23T07:42:00Z"
  }
}`

// request is one to the page, with the Origin that the page's own script has where it changes
// something. Headers are pairs, and replace what is there.
func request(t *testing.T, method, address, body string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if method != http.MethodGet {
		r.Header.Set("Origin", "http://"+r.Host)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		}
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	return answer
}

func read(t *testing.T, answer *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// send sends an alarm that must be taken, and returns the run's number.
func send(t *testing.T, page, query, body string) int {
	t.Helper()
	answer := request(t, "POST", page+"/runs?"+query, body)
	text := read(t, answer)
	var row struct{ N int }
	if err := json.Unmarshal([]byte(text), &row); err != nil ||
		answer.StatusCode != http.StatusCreated {
		t.Fatalf("%d: %s", answer.StatusCode, text)
	}
	return row.N
}

// told is an event of a stream.
type told struct {
	Event string
	ID    int
	Data  string
}

// stream reads the events of a run to the end, those after the last one that arrived.
func stream(t *testing.T, page string, run, last int) []told {
	t.Helper()
	var headers []string
	if last > 0 {
		headers = []string{"Last-Event-ID", strconv.Itoa(last)}
	}
	answer := request(t, "GET", fmt.Sprintf("%s/runs/%d/events", page, run), "", headers...)
	if kind := answer.Header.Get("Content-Type"); kind != "text/event-stream" {
		t.Fatalf("the stream is %s", kind)
	}
	var all []told
	var one told
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			one.Event = value
		case "id":
			one.ID, _ = strconv.Atoi(value) // 0 is no id of ours
		case "data":
			one.Data = value
		case "":
			if one.Event != "" && one.Event != "now" {
				all = append(all, one)
			}
			one = told{}
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestNames: each port answers to its own names only, for a site whose name was made to mean
// loopback comes with that name, and only the page itself changes anything.
func TestNames(t *testing.T) {
	_, page, ecs := served(t)
	_, port, _ := strings.Cut(strings.TrimPrefix(page, "http://"), ":")
	_, ecsPort, _ := strings.Cut(strings.TrimPrefix(ecs, "http://"), ":")
	for _, row := range []struct {
		why, method, address string
		headers              []string
		status               int
	}{
		{"as printed", "GET", page + "/", nil, 200},
		{"localhost is the same", "GET", page + "/", []string{"Host", "localhost:" + port}, 200},
		{"a foreign name", "GET", page + "/", []string{"Host", "evil.example:" + port}, 403},
		{"a foreign name that begins like ours", "GET", page + "/",
			[]string{"Host", "127.0.0.1.evil.example:" + port}, 403},
		{"without the port", "GET", page + "/", []string{"Host", "127.0.0.1"}, 403},
		{"the other port", "GET", page + "/", []string{"Host", "127.0.0.1:" + ecsPort}, 403},
		{"a list under a foreign name", "GET", page + "/runs",
			[]string{"Host", "evil.example"}, 403},
		{"the simulated ECS, without keys", "GET",
			ecs + "/?Version=2014-05-26&Format=JSON", nil, 404},
		{"the simulated ECS under a foreign name", "GET", ecs + "/",
			[]string{"Host", "evil.example"}, 403},

		{"a run from the page itself", "POST", page + "/runs?speed=0", nil, 201},
		{"a run from a foreign site", "POST", page + "/runs?speed=0",
			[]string{"Origin", "http://evil.example"}, 403},
		{"a run from the other port's page", "POST", page + "/runs?speed=0",
			[]string{"Origin", ecs}, 403},
		{"a run from a page without origin", "POST", page + "/runs?speed=0",
			[]string{"Origin", "null"}, 403},
		{"a run from nowhere", "POST", page + "/runs?speed=0", []string{"Origin", ""}, 403},
		{"localhost is another origin than 127.0.0.1", "POST", page + "/runs?speed=0",
			[]string{"Host", "localhost:" + port, "Origin", page}, 403},
		{"a hurry from a foreign site", "POST", page + "/runs/1/hurry",
			[]string{"Origin", "http://evil.example"}, 403},
		{"nothing starts by being looked at", "GET", page + "/runs/1/hurry", nil, 405},
		{"a run that there is not", "GET", page + "/runs/99/page", nil, 404},
		{"a run that is no number", "GET", page + "/runs/first/events", nil, 404},
		{"a sample", "GET", page + "/samples/mns-queue-base64", nil, 200},
		{"no sample", "GET", page + "/samples/..%2fREADME", nil, 404},
	} {
		got := request(t, row.method, row.address, "", row.headers...).StatusCode
		if got != row.status {
			t.Errorf("%s: %d, not %d", row.why, got, row.status)
		}
	}
}

// TestPolicy: nothing of the page comes from elsewhere or may be framed, and the sums in its policy
// are those of what it holds, or nothing of it would run (the browser's tests see that).
func TestPolicy(t *testing.T) {
	_, page, _ := served(t)
	n := send(t, page, "speed=0&guest=obeys", "")
	stream(t, page, n, 0)
	for _, path := range []string{"/", "/runs", "/samples/mns-queue-base64",
		fmt.Sprintf("/runs/%d/page", n)} {
		answer := request(t, "GET", page+path, "")
		h := answer.Header
		policy := h.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'") ||
			!strings.Contains(policy, "frame-ancestors 'none'") ||
			strings.Contains(policy, "http") || strings.Contains(policy, "script-src 'unsafe") {
			t.Errorf("%s has the policy %q", path, policy)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" ||
			answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %v", path, answer.StatusCode, h)
		}
	}
	for lang, name := range map[string]string{"en": "en", "zh": "zh-CN"} {
		want := fmt.Sprintf("<html lang=%q>", name)
		text := read(t, request(t, "GET", page+"/?lang="+lang, ""))
		if !strings.Contains(text, want) {
			t.Errorf("no %s with lang=%s", want, lang)
		}
	}
	answer := request(t, "GET", page+"/", "", "Accept-Language", "zh-CN,zh;q=0.9,en;q=0.8")
	if text := read(t, answer); !strings.Contains(text, `<html lang="zh-CN">`) {
		t.Error("a browser that prefers Chinese gets another language")
	}
}

// TestWhatIsRefused: each choice that there is not, and each limit, on both sides.
func TestWhatIsRefused(t *testing.T) {
	_, page, _ := served(t)
	alarms := func(n int) string { return "[" + strings.Repeat(hostile+",", n-1) + hostile + "]" }
	for _, row := range []struct {
		why, query, body string
		status           int
		says             string
	}{
		{"no such guest", "guest=ded", "", 400, "ded"},
		{"no such fault", "fault=throttled&fault=nothing", "", 400, "nothing"},
		{"no such mode", "mode=kill", "", 400, ""},
		{"no such sample", "sample=nothing", "", 400, ""},
		{"no such speed", "speed=61", "", 400, ""},
		{"a speed that is no number", "speed=fast", "", 400, ""},
		{"a query that is none", "guest=%zz", "", 400, ""},
		{"a sample that is malformed", "sample=malformed-truncated", "", 422, "malformed"},
		{"an alarm that is empty", "sample=paste", "", 422, "empty"},
		{"an alarm that is none", "sample=paste", "{", 422, "malformed"},
		{"as large as it may be, and no alarm", "sample=paste",
			strings.Repeat("x", events.MaxPayload), 422, "malformed"},
		{"a byte larger", "sample=paste", strings.Repeat("x", events.MaxPayload+1), 413, "6 MiB"},
		{"as many alarms as it may have", "speed=0&mode=off&sample=paste", alarms(200), 201, ""},
		{"an alarm more", "speed=0&mode=off&sample=paste", alarms(201), 413, "200"},
		{"a fault twice is one fault", "speed=0&fault=throttled&fault=throttled", "", 201,
			`["throttled"]`},
	} {
		answer := request(t, "POST", page+"/runs?"+row.query, row.body)
		text := read(t, answer)
		if answer.StatusCode != row.status || !strings.Contains(text, row.says) {
			t.Errorf("%s: %d %.300s, not %d %q", row.why, answer.StatusCode, text, row.status,
				row.says)
		}
	}
	answer := request(t, "POST", page+"/runs?guest=ded&lang=zh", "")
	if !strings.Contains(read(t, answer), "无法运行") {
		t.Error("the reason is not in Chinese")
	}
}

// TestStream: the entries come in the order of their numbers, and whoever comes back misses none
// and gets none twice, wherever the connection broke.
func TestStream(t *testing.T) {
	_, page, _ := served(t)
	n := send(t, page, "speed=0", "")
	all := stream(t, page, n, 0)
	if len(all) < 10 {
		t.Fatalf("only %d events", len(all))
	}
	var labels []string
	for i, e := range all[:len(all)-1] {
		var line struct{ At, Label string }
		if err := json.Unmarshal([]byte(e.Data), &line); err != nil {
			t.Fatal(err)
		}
		if e.ID != i+1 || e.Event != "entry" {
			t.Errorf("event %d is %s %d", i+1, e.Event, e.ID)
		}
		if len(labels) == 0 || labels[len(labels)-1] != line.Label {
			labels = append(labels, line.Label)
		}
	}
	for _, want := range []string{"alarm", "rules", "attempt 1", "attempt 2", "attempt 3",
		"restarted"} {
		i := slices.Index(labels, want)
		if i < 0 {
			t.Fatalf("no %q, or not after its predecessor, in %q", want, labels)
		}
		labels = labels[i:]
	}
	last := all[len(all)-1]
	if last.Event != "over" || !strings.Contains(last.Data, `"reason":"recovered"`) ||
		!strings.Contains(last.Data, fmt.Sprintf(`"page":"/runs/%d/page?lang=en"`, n)) {
		t.Errorf("it ends with %+v", last)
	}
	for seen := range len(all) {
		rest := all[min(seen, len(all)-1):]
		if !slices.Equal(stream(t, page, n, seen), rest) {
			t.Errorf("after event %d another story", seen)
		}
	}
	answer := request(t, "GET", fmt.Sprintf("%s/runs/%d/events", page, n), "",
		"Last-Event-ID", "a lie")
	if text := read(t, answer); !strings.HasPrefix(text, "event: entry\nid: 1\n") {
		t.Errorf("an id that is none: %.99s", text)
	}
}

func summary(all []told) []string {
	var lines []string
	for _, e := range all {
		lines = append(lines, fmt.Sprint(e))
	}
	return lines
}

// TestHurry: a run in real time would last for minutes; it has told its beginning at once, is under
// way, and ends at once when it is told to.
func TestHurry(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	_, page, _ := served(t)
	n := send(t, page, "speed=1", "")
	answer := request(t, "GET", fmt.Sprintf("%s/runs/%d/events", page, n), "")
	lines := bufio.NewReader(answer.Body)
	if first, err := lines.ReadString('\n'); err != nil || first != "event: entry\n" {
		t.Fatalf("the stream begins with %q, %v", first, err)
	}
	for line := ""; line != "event: now\n"; { // the instance was read, and time passes slowly
		var err error
		if line, err = lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if data, err := lines.ReadString('\n'); err != nil ||
		!strings.Contains(data, `"lines":["Running"]`) ||
		!strings.Contains(data, `"about":"i-bp1drill00000000hung"`) {
		t.Errorf("it is seen as %s, %v", data, err)
	}
	this := fmt.Sprintf("%s/runs/%d", page, n)
	if got := request(t, "GET", this+"/page", "").StatusCode; got != http.StatusConflict {
		t.Errorf("the page of a run that is under way: %d", got)
	}
	for range 2 { // twice does no harm
		got := request(t, "POST", this+"/hurry", "").StatusCode
		if got != http.StatusNoContent {
			t.Fatalf("hurry: %d", got)
		}
	}
	rest, err := io.ReadAll(lines)
	if err != nil || !strings.Contains(string(rest), "event: over\n") {
		t.Errorf("%v in %.200s", err, rest)
	}
	// The page shows what the guest's console showed before the reboots destroyed it.
	story := read(t, request(t, "GET", this+"/page", ""))
	for _, want := range []string{"soft lockup", `src="data:image/jpeg;base64,`} {
		if !strings.Contains(story, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if left, err := filepath.Glob(filepath.Join(os.TempDir(), "ecs-remedy-serve-*")); err != nil ||
		len(left) > 0 {
		t.Errorf("what the page was made from is left over: %v, %v", left, err)
	}
}

// TestSeveralRuns: no more than 8 at once, the last 50 are kept, and the list has the last one
// first.
func TestSeveralRuns(t *testing.T) {
	_, page, _ := served(t)
	for range 8 {
		send(t, page, "speed=1", "")
	}
	got := request(t, "POST", page+"/runs?speed=0", "").StatusCode
	if got != http.StatusTooManyRequests {
		t.Errorf("a ninth run at once: %d", got)
	}
	request(t, "POST", page+"/runs/2/hurry", "")
	stream(t, page, 2, 0)
	for range 50 {
		n := send(t, page, "speed=0&mode=off", "")
		stream(t, page, n, 0)
	}
	var rows []struct {
		N    int
		Over bool
	}
	list := read(t, request(t, "GET", page+"/runs", ""))
	if err := json.Unmarshal([]byte(list), &rows); err != nil {
		t.Fatal(err)
	}
	if len(rows) != 50 || rows[0].N != 58 || rows[49].N != 1 || rows[49].Over {
		t.Errorf("%d runs, from %+v to %+v", len(rows), rows[0], rows[len(rows)-1])
	}
	if got := request(t, "GET", page+"/runs/2/page", "").StatusCode; got != http.StatusNotFound {
		t.Errorf("the oldest run that was over: %d", got)
	}
}

// TestHostileAlarm: markup in an alarm is text in the stream and on the page, and letters that
// would turn other text round are not there.
func TestHostileAlarm(t *testing.T) {
	_, page, _ := served(t)
	const script = `</script><script>alert(1)</script>`
	body := strings.ReplaceAll(hostile, "NAME", script+"\u202etxt.exe")
	n := send(t, page, "speed=0&sample=paste&guest=obeys", body)
	all := stream(t, page, n, 0)
	if text := strings.Join(summary(all), "\n"); strings.Contains(text, "\u202e") ||
		strings.Contains(text, "<script>") || !strings.Contains(text, `\u003cscript\u003e`) {
		t.Errorf("the stream:\n%s", text)
	}
	text := read(t, request(t, "GET", fmt.Sprintf("%s/runs/%d/page", page, n), ""))
	if strings.Contains(text, "<script") || !strings.Contains(text, "&lt;script&gt;") {
		t.Error("the page holds a script")
	}
}

// TestToken: an alarm of an HTTP trigger passes without a token where none is configured, and is
// refused where one is; the run says so, and no secret.
func TestToken(t *testing.T) {
	const token = "a-secret-token-of-16"
	_, page, _ := served(t, "REMEDY_HTTP_TOKEN="+token)
	n := send(t, page, "speed=0&sample=fc3-http-system-event", "")
	all := stream(t, page, n, 0)
	if last := all[len(all)-1]; !strings.Contains(last.Data, "401") ||
		strings.Contains(last.Data, token) {
		t.Errorf("it ends with %+v", last)
	}
	got := request(t, "GET", fmt.Sprintf("%s/runs/%d/page", page, n), "").StatusCode
	if got != http.StatusConflict {
		t.Errorf("a page of a run that came to nothing: %d", got)
	}
	if _, err := serve.New(serve.Options{Load: func(string) (config.Config, error) {
		return config.Load([]string{"REMEDY_LEASE=1s"})
	}}); err == nil {
		t.Error("a wrong environment is not noticed at the start")
	}
}

// visitor is an SDK's client of the simulated ECS.
func visitor(t *testing.T, keys serve.Keys) *ecs.Client {
	t.Helper()
	settings := sdk.NewConfig().WithScheme("HTTP").WithAutoRetry(false).
		WithTimeout(10 * time.Second)
	client, err := ecs.NewClientWithOptions("cn-hangzhou", settings,
		credentials.NewStsTokenCredential(keys.ID, keys.Secret, keys.Token))
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// TestVisitors: an SDK sees the instance that hangs before the first run, and then the run's, which
// was restarted; the keys of a run do not open it, and a reboot is carried out.
func TestVisitors(t *testing.T) {
	s, page, address := served(t)
	endpoint := strings.TrimPrefix(address, "http://")
	client := visitor(t, s.Keys)
	see := func() (id, start string) {
		t.Helper()
		r := ecs.CreateDescribeInstancesRequest()
		r.Domain = endpoint
		answer, err := client.DescribeInstances(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(answer.Instances.Instance) != 1 {
			t.Fatalf("%d instances", len(answer.Instances.Instance))
		}
		i := answer.Instances.Instance[0]
		return i.InstanceId, i.StartTime
	}
	hung := strings.ReplaceAll(hostile, "NAME",
		"Instance:InstanceFailure.PerformanceImpact:Executing")
	idle, _ := see()
	if idle != "i-bp1drill00000000hung" {
		t.Errorf("before the first run there is %s", idle)
	}
	n := send(t, page, "speed=0&sample=paste&guest=obeys&fault=describe-down", hung)
	stream(t, page, n, 0)
	id, before := see() // although the function's calls fail for ever
	if id != "i-bp1forged0000000hung" {
		t.Errorf("after the run there is %s", id)
	}
	n = send(t, page, "speed=0&sample=paste&guest=obeys", hung)
	stream(t, page, n, 0)
	if _, after := see(); after == before {
		t.Errorf("the run restarted nothing: %s", after)
	}
	r := ecs.CreateRebootInstanceRequest()
	r.Domain, r.InstanceId = endpoint, id
	if _, err := client.RebootInstance(r); err != nil {
		t.Errorf("a visitor's reboot: %v", err)
	}
	for _, keys := range []serve.Keys{{s.Keys.ID, "another", s.Keys.Token},
		{s.Keys.ID, s.Keys.Secret, "another"}} {
		r := ecs.CreateDescribeInstancesRequest()
		r.Domain = endpoint
		if _, err := visitor(t, keys).DescribeInstances(r); err == nil {
			t.Error("wrong keys open it")
		}
	}
}
