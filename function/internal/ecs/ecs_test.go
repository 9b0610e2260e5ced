package ecs

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/remedy"
)

const (
	region     = "cn-beijing"
	instanceID = "i-bp1aaaaaaaaaaaaaaaa1"
	requestID  = "473469C7-AA6F-4DC5-B3DB-A3DC0DE3C83E"
)

var (
	testKeys = Credentials{"STS.NTxAccessKeyForTests", "SecretForTestsOnly42",
		"CAIS+token/for=tests"}
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

// newClient returns a client whose clock stands at noon, and which Cleanup closes.
func newClient(t testing.TB, change func(*Options)) *Client {
	t.Helper()
	o := Options{Credentials: testKeys, CallLimit: 10 * time.Second,
		Now: func() time.Time { return noon }}
	change(&o)
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// carried returns a client whose calls are carried by f.
func carried(t testing.TB, f func(*http.Request) (*http.Response, error)) *Client {
	return newClient(t, func(o *Options) { o.Base = roundTripper(f) })
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// served returns a client with connections of its own to a server on the loopback interface.
func served(t testing.TB, h http.HandlerFunc) *Client {
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return newClient(t, func(o *Options) { o.Endpoint = server.URL })
}

func reply(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Date": {"Mon, 23 Nov 2026 12:00:01 GMT"},
			"Content-Type": {"application/json"}},
	}
}

func always(status int, body string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return reply(status, body), nil }
}

func machines(entries string) string {
	return fmt.Sprintf(`{"RequestId":%q,"TotalCount":1,"Instances":{"Instance":[%s]}}`, requestID,
		entries)
}

// healthy is an instance as the API document of DescribeInstances shows it.
func healthy(id string) string {
	return fmt.Sprintf(`{"InstanceId":%q,"RegionId":"cn-beijing","InstanceName":"web",
		"Status":"Running","OperationLocks":{"LockReason":[]},"InstanceChargeType":"PrePaid",
		"ExpiredTime":"2026-12-10T16:00Z","StartTime":"2026-11-01T04:04Z",
		"Tags":{"Tag":[{"TagKey":"auto-restart","TagValue":"true"}]}}`, id)
}

// asked returns the ids that a read names.
func asked(q url.Values) (ids []string) {
	if json.Unmarshal([]byte(q.Get("InstanceIds")), &ids) == nil {
		return ids
	}
	for n := 1; q.Has(fmt.Sprintf("InstanceId.%d", n)); n++ {
		ids = append(ids, q.Get(fmt.Sprintf("InstanceId.%d", n)))
	}
	return ids
}

// answerAll answers every call with success, and a read with all the ids it names.
func answerAll(q url.Values) string {
	var entries []string
	switch q.Get("Action") {
	case "DescribeInstances":
		for _, id := range asked(q) {
			entries = append(entries, healthy(id))
		}
		return machines(strings.Join(entries, ","))
	case "DescribeCloudAssistantStatus":
		for _, id := range asked(q) {
			entries = append(entries,
				fmt.Sprintf(`{"InstanceId":%q,"LastHeartbeatTime":"2026-11-23T11:59:00Z"}`, id))
		}
		return vitals(strings.Join(entries, ","))
	case "DescribeInstanceHistoryEvents":
		return systemEvents("", "")
	default:
		return `{"RequestId":"` + requestID + `"}`
	}
}

func vitals(entries string) string {
	return fmt.Sprintf(`{"RequestId":%q,`+
		`"InstanceCloudAssistantStatusSet":{"InstanceCloudAssistantStatus":[%s]}}`,
		requestID, entries)
}

func systemEvents(entries, next string) string {
	return fmt.Sprintf(`{"RequestId":%q,"NextToken":%q,`+
		`"InstanceSystemEventSet":{"InstanceSystemEventType":[%s]}}`,
		requestID, next, entries)
}

func order() remedy.Order {
	return remedy.Order{Region: region, Instance: instanceID,
		SendBefore: noon.Add(10 * time.Second)}
}

func TestMachines(t *testing.T) {
	const date = "Mon, 23 Nov 2026 12:00:01 GMT"
	whole := remedy.Instance{
		ID: instanceID, Region: region, Name: "web", Status: "Running", LocksKnown: true,
		ChargeType:  "PrePaid",
		ExpiredTime: time.Date(2026, 12, 10, 16, 0, 0, 0, time.UTC), StartTime: "2026-11-01T04:04Z",
		Tags: map[string]string{"auto-restart": "true"},
	}
	with := func(change func(*remedy.Instance)) remedy.Instance {
		i := whole
		change(&i)
		return i
	}
	replaced := func(old, new string) string {
		return machines(strings.Replace(healthy(instanceID),
			old, new, 1))
	}
	const locks = `"OperationLocks":{"LockReason":[]},`
	tests := []struct {
		why     string
		body    string
		want    remedy.Instance
		failure remedy.Failure
	}{
		{why: "everything is there", body: replaced("", ""), want: whole},
		{why: "a lock is a lock, whatever it is called",
			body: replaced(`[]`, `[{"LockReason":"Recycling","LockMsg":"x"}]`),
			want: with(func(i *remedy.Instance) { i.Locks = []string{"Recycling"} })},
		{why: "two locks are both kept",
			body: replaced(`[]`, `[{"LockReason":"financial"},{"LockReason":"security"}]`),
			want: with(func(i *remedy.Instance) { i.Locks = []string{"financial", "security"} })},
		{why: "no list of locks is not an empty one", body: replaced(locks, ""),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "null locks are not known", body: replaced(locks, `"OperationLocks":null,`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "a lock object without its list is not known",
			body: replaced(locks, `"OperationLocks":{},`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "a null list is not known", body: replaced(`[]`, `null`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "a list of another type, which the SDK's own decoding refuses, is not known",
			body: replaced(`[]`,
				`[{"LockReason":{}}]`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "a text for the locks is not known",
			body: replaced(locks, `"OperationLocks":"none",`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "a lock without a name hides what it is", body: replaced(`[]`, `[{"LockMsg":"x"}]`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "an expiry with seconds", body: replaced("2026-12-10T16:00Z", "2026-12-10T16:00:30Z"),
			want: with(func(i *remedy.Instance) {
				i.ExpiredTime = i.ExpiredTime.Add(30 * time.Second)
			})},
		{why: "an expiry that is no time is none", body: replaced("2026-12-10T16:00Z", "soon"),
			want: with(func(i *remedy.Instance) { i.ExpiredTime = time.Time{} })},
		{why: "no tags at all is an untagged instance",
			body: replaced(`{"Tag":[{"TagKey":"auto-restart","TagValue":"true"}]}`, `null`),
			want: with(func(i *remedy.Instance) { i.Tags = map[string]string{} })},
		{why: "a tag twice could mean either",
			body: replaced(`[{"TagKey"`,
				`[{"TagKey":"auto-restart","TagValue":"no"},{"TagKey"`),
			failure: remedy.FailureUnreadable},
		{why: "tags of another type", body: replaced(`"TagValue":"true"`, `"TagValue":true`),
			failure: remedy.FailureUnreadable},
		{why: "a status twice, of which the last would win",
			body:    replaced(`"Status"`, `"Status":"Stopped","Status"`),
			failure: remedy.FailureUnreadable},
		{why: "an id in another case: it is known whose entry makes no sense",
			body: replaced(`"InstanceId"`, `"instanceID"`), failure: remedy.FailureUnreadable},
		{why: "two ids", body: replaced(`"Status"`, `"InstanceId":"i-2","Status"`),
			failure: remedy.FailureUnreadable},
		{why: "fields that are nobody's may differ in case only: ECS has both of these",
			body: replaced(`"Status"`, `"HostName":"a","Hostname":"b","Status"`), want: whole},
		{why: "a lock's reason twice", body: replaced(`[]`,
			`[{"LockReason":"security","LockReason":"x"}]`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "a lock's reason in another case", body: replaced(`[]`, `[{"lockReason":"x"}]`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "the list of locks in another case, and a shorter one",
			body: replaced(`"LockReason":[]`, `"lockReason":[{"LockReason":"x"}],"LockReason":[]`),
			want: with(func(i *remedy.Instance) { i.LocksKnown = false })},
		{why: "tags in another case are not the tags of an untagged instance",
			body: replaced(`"Tags"`, `"tags"`), failure: remedy.FailureUnreadable},
		{why: "no status", body: replaced(`"Status":"Running",`, ``),
			failure: remedy.FailureUnreadable},
		{why: "another region", body: replaced(`"cn-beijing"`, `"cn-hangzhou"`),
			failure: remedy.FailureUnreadable},
		{why: "no region", body: replaced(`"RegionId":"cn-beijing",`, ``),
			failure: remedy.FailureUnreadable},
		{why: "the instance twice", body: machines(healthy(instanceID) + "," + healthy(instanceID)),
			failure: remedy.FailureUnreadable},
		{why: "another instance only", body: machines(healthy("i-other")),
			failure: remedy.FailureMissing},
		{why: "more entries than were asked for are no answer",
			body:    machines(`null,` + healthy(instanceID)),
			failure: remedy.FailureUnreadable},
		{why: "nothing", body: machines(""), failure: remedy.FailureMissing},
		{why: "no list is no answer", body: `{"RequestId":"` + requestID + `"}`,
			failure: remedy.FailureUnavailable},
		{why: "no RequestId is no answer", body: `{"Instances":{"Instance":[]}}`,
			failure: remedy.FailureUnavailable},
		{why: "an empty body", body: "", failure: remedy.FailureUnavailable},
		{why: "a page of somebody else", body: "<html>Log in</html>",
			failure: remedy.FailureUnavailable},
		{why: "half an answer", body: replaced("", "")[:300], failure: remedy.FailureUnavailable},
		{why: "a list of another type", body: `{"RequestId":"` + requestID + `","Instances":[]}`,
			failure: remedy.FailureUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got := carried(t, always(200, tt.body)).Machines(t.Context(), region,
				[]string{instanceID})[instanceID]
			if got.Failure != tt.failure || (got.Note == "") != (tt.failure == "") {
				t.Fatalf("failure %q, note %q; want failure %q", got.Failure, got.Note, tt.failure)
			}
			if !got.At.Equal(noon) {
				t.Errorf("At = %v, want %v", got.At, noon)
			}
			if want, _ := http.ParseTime(date); !got.Date.Equal(want) {
				t.Errorf("Date = %v, want %v", got.Date, want)
			}
			if diff := cmp.Diff(tt.want, got.Value); diff != "" {
				t.Error(diff)
			}
		})
	}
	neighbours := machines(`null,{"InstanceId":5},` + healthy(instanceID))
	odd := carried(t, always(200, neighbours)).Machines(t.Context(), region,
		[]string{instanceID, "i-2", "i-3"})
	if diff := cmp.Diff(whole, odd[instanceID].Value); diff != "" || !odd[instanceID].OK() {
		t.Errorf("odd neighbours spoil it: %s (%s)", diff, odd[instanceID].Note)
	}
	absent := carried(t, always(200, machines(""))).Machines(t.Context(), region,
		[]string{instanceID})[instanceID]
	if !strings.Contains(absent.Note, "ecs:DescribeInstances") {
		t.Errorf("an empty list may be a missing permission, and the note does not name it: %q",
			absent.Note)
	}
}

func TestDateOfAnAnswer(t *testing.T) {
	tests := []struct {
		why, header string
		want        time.Time
	}{
		{"as RFC 9110 says", "Mon, 23 Nov 2026 12:00:01 GMT", noon.Add(time.Second)},
		{"none", "", time.Time{}},
		{"nonsense", "yesterday", time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			c := carried(t, func(*http.Request) (*http.Response, error) {
				resp := reply(200, machines(healthy(instanceID)))
				resp.Header.Set("Date", tt.header)
				return resp, nil
			})
			got := c.Machines(t.Context(), region, []string{instanceID})[instanceID]
			if !got.OK() || !got.Date.Equal(tt.want) {
				t.Errorf("Date = %v (%s), want %v", got.Date, got.Note, tt.want)
			}
		})
	}
}

// TestBatches counts the calls and the ids that each one names.
func TestBatches(t *testing.T) {
	many := make([]string, 201)
	for i := range many {
		many[i] = fmt.Sprintf("i-%04d", i)
	}
	tests := []struct {
		why   string
		ids   []string
		calls []int // ids a call
	}{
		{"none: a call without ids would list the region", nil, nil},
		{"an empty id, the same", []string{""}, nil},
		{"one", many[:1], []int{1}},
		{"a full call", many[:100], []int{100}},
		{"one more", many[:101], []int{100, 1}},
		{"two and one more", many, []int{100, 100, 1}},
		{"an id twice is asked once", []string{"i-1", "i-1"}, []int{1}},
		{"an empty id among others is left out", []string{"i-1", ""}, []int{1}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			var mu sync.Mutex
			var calls []int
			c := carried(t, func(r *http.Request) (*http.Response, error) {
				mu.Lock()
				defer mu.Unlock()
				calls = append(calls, len(asked(r.URL.Query())))
				slices.SortFunc(calls, func(x, y int) int { return y - x }) // all are sent at once
				return reply(200, answerAll(r.URL.Query())), nil
			})
			instances := c.Machines(t.Context(), region, tt.ids)
			if diff := cmp.Diff(tt.calls, calls); diff != "" {
				t.Errorf("DescribeInstances: %s", diff)
			}
			calls = nil
			vitals := c.Heartbeats(t.Context(), region, tt.ids)
			if diff := cmp.Diff(tt.calls, calls); diff != "" {
				t.Errorf("DescribeCloudAssistantStatus: %s", diff)
			}
			for _, id := range tt.ids {
				if want := id != ""; instances[id].OK() != want || vitals[id].OK() != want {
					t.Errorf("%q: %+v, %+v", id, instances[id], vitals[id])
				}
			}
		})
	}
}

// TestOneBadIDHidesNoOther: DescribeCloudAssistantStatus refuses a whole call for one unknown id.
func TestOneBadIDHidesNoOther(t *testing.T) {
	ids := []string{"i-a", "i-b", "i-gone", "i-c", "i-d", "i-e"}
	c := carried(t, func(r *http.Request) (*http.Response, error) {
		if strings.Contains(strings.Join(asked(r.URL.Query()), ","), "i-gone") {
			return reply(404,
				`{"RequestId":"R","Code":"InvalidInstance.NotFound","Message":"not found"}`), nil
		}
		return reply(200, answerAll(r.URL.Query())), nil
	})
	for id, got := range c.Heartbeats(t.Context(), region, ids) {
		want := remedy.Failure("")
		if id == "i-gone" {
			want = remedy.FailureMissing
		}
		if got.Failure != want {
			t.Errorf("%s: %q (%s), want %q", id, got.Failure, got.Note, want)
		}
	}
}

func TestHeartbeats(t *testing.T) {
	entry := func(fields string) string {
		return vitals(`{"InstanceId":"` + instanceID + `"` +
			fields + `}`)
	}
	tests := []struct {
		why, body string
		want      time.Time
		failure   remedy.Failure
	}{
		{"as documented",
			entry(`,"CloudAssistantStatus":"true","LastHeartbeatTime":"2026-11-23T11:58:59Z"`),
			noon.Add(-61 * time.Second), ""},
		{"without seconds", entry(`,"LastHeartbeatTime":"2026-11-23T11:58Z"`),
			noon.Add(-2 * time.Minute), ""},
		{"a heartbeat in another case is not one that was never heard",
			entry(`,"lastHeartbeatTime":"2026-11-23T11:58:59Z"`), time.Time{},
			remedy.FailureUnreadable},
		{"a heartbeat twice",
			entry(`,"LastHeartbeatTime":"2026-11-23T11:58:59Z","LastHeartbeatTime":""`),
			time.Time{}, remedy.FailureUnreadable},
		{"never reported", entry(`,"CloudAssistantStatus":"false","LastHeartbeatTime":""`),
			time.Time{}, ""},
		{"left out, as empty fields are", entry(`,"CloudAssistantStatus":"false"`), time.Time{},
			""},
		{"connected but never reported is a contradiction", entry(`,"CloudAssistantStatus":"true"`),
			time.Time{}, remedy.FailureUnreadable},
		{"not a time", entry(`,"LastHeartbeatTime":"1 minute ago"`), time.Time{},
			remedy.FailureUnreadable},
		{"a local time, of which nobody knows where",
			entry(`,"LastHeartbeatTime":"2026-11-23 19:58:59"`),
			time.Time{}, remedy.FailureUnreadable},
		{"another type", entry(`,"LastHeartbeatTime":1763900000`), time.Time{},
			remedy.FailureUnreadable},
		{"not there", vitals(""), time.Time{}, remedy.FailureMissing},
		{"no list", `{"RequestId":"` + requestID + `"}`, time.Time{}, remedy.FailureUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got := carried(t, always(200, tt.body)).Heartbeats(t.Context(), region,
				[]string{instanceID})[instanceID]
			if got.Failure != tt.failure || !got.Value.Heartbeat.Equal(tt.want) {
				t.Errorf("%v, %q (%s); want %v, %q", got.Value.Heartbeat, got.Failure, got.Note,
					tt.want, tt.failure)
			}
		})
	}
}

func TestPlatformEvents(t *testing.T) {
	event := func(id, kind, status, notBefore string) string {
		return fmt.Sprintf(`{"EventId":"e-1","InstanceId":%q,"NotBefore":%q,
			"EventType":{"Name":%q,"Code":1},"EventCycleStatus":{"Name":%q}}`,
			id, notBefore, kind, status)
	}
	x := event(instanceID, "X", "Executing", "-")
	readX := remedy.PlatformEvent{ID: "e-1", Type: "X", Status: "Executing"}
	y := event(instanceID, "Y", "Scheduled", "2026-11-23T13:00:00Z")
	readY := remedy.PlatformEvent{ID: "e-1", Type: "Y", Status: "Scheduled",
		NotBefore: noon.Add(time.Hour)}
	tests := []struct {
		why     string
		pages   []string
		want    []remedy.PlatformEvent
		failure remedy.Failure
	}{
		{"none", []string{systemEvents("", "")}, nil, ""},
		{"one, and its time", []string{systemEvents(y, "")}, []remedy.PlatformEvent{readY}, ""},
		{"a time that is none", []string{systemEvents(x, "")}, []remedy.PlatformEvent{readX}, ""},
		{"two on a page", []string{systemEvents(x+","+y, "")}, []remedy.PlatformEvent{readX, readY},
			""},
		{"two pages", []string{systemEvents(x, "p2"), systemEvents(y, "")},
			[]remedy.PlatformEvent{readX, readY}, ""},
		{"the last page allowed",
			append(slices.Repeat([]string{systemEvents(x, "more")}, 9),
				systemEvents("", "")), slices.Repeat([]remedy.PlatformEvent{readX}, 9), ""},
		{"an empty page that says that there is more, as where ECS filters after it pages",
			[]string{systemEvents("", "more"), systemEvents(x, "")},
			[]remedy.PlatformEvent{readX}, ""},
		{"an empty page is the end of some that were full",
			[]string{systemEvents(x, "p2"), systemEvents("", "")},
			[]remedy.PlatformEvent{readX}, ""},
		{"one page too many", slices.Repeat([]string{systemEvents(x, "more")}, 11), nil,
			remedy.FailureUnavailable},
		{"a second page that fails", []string{systemEvents(x, "p2"), "?"}, nil,
			remedy.FailureUnavailable},
		{"an event of another instance: the question was not understood",
			[]string{systemEvents(event("i-x", "X", "Executing", ""),
				"")}, nil, remedy.FailureUnreadable},
		{"a status twice", []string{systemEvents(strings.Replace(x, `{"Name":"Executing"}`,
			`{"Name":"Executing","Name":"Avoided"}`, 1), "")}, nil, remedy.FailureUnreadable},
		{"a time in another case", []string{systemEvents(strings.Replace(y, `"NotBefore"`,
			`"notBefore"`, 1), "")}, nil, remedy.FailureUnreadable},
		{"another list of events beside the one",
			[]string{strings.Replace(systemEvents("", ""), `"InstanceSystemEventType"`,
				`"instanceSystemEventType":[`+x+`],"InstanceSystemEventType"`, 1)},
			nil, remedy.FailureUnreadable},
		{"a total of the older way, which is invalid beside MaxResults (API document)",
			[]string{strings.Replace(systemEvents("", ""), `{`, `{"TotalCount":1000,`, 1)}, nil,
			""},
		{"no type", []string{systemEvents(event(instanceID, "", "Executing", ""), "")}, nil,
			remedy.FailureUnreadable},
		{"no status", []string{systemEvents(event(instanceID, "X", "", ""), "")}, nil,
			remedy.FailureUnreadable},
		{"another type", []string{systemEvents(`{"InstanceId":[]}`, "")}, nil,
			remedy.FailureUnreadable},
		{"no list", []string{`{"RequestId":"` + requestID + `"}`}, nil, remedy.FailureUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			n := 0
			c := carried(t, func(r *http.Request) (*http.Response, error) {
				q := r.URL.Query()
				const status = "InstanceEventCycleStatus."
				if q.Get(status+"1")+q.Get(status+"2")+q.Get(status+"3") !=
					"ExecutingScheduledInquiring" || q.Get("InstanceId") != instanceID {
					t.Errorf("asked %v", q)
				}
				if (n > 0) != (q.Get("NextToken") != "") {
					t.Errorf("page %d has the token %q", n, q.Get("NextToken"))
				}
				n++
				return reply(200, tt.pages[n-1]), nil
			})
			got := c.PlatformEvents(t.Context(), region, instanceID)
			if got.Failure != tt.failure || (got.Note == "") != (tt.failure == "") {
				t.Fatalf("failure %q, note %q; want failure %q", got.Failure, got.Note, tt.failure)
			}
			if diff := cmp.Diff(tt.want, got.Value); diff != "" {
				t.Error(diff)
			}
		})
	}
	silent := carried(t, func(*http.Request) (*http.Response, error) {
		t.Error("a call without an id asks for the region's events")
		return reply(200, systemEvents("", "")), nil
	})
	if got := silent.PlatformEvents(t.Context(), region,
		""); got.Failure != remedy.FailureUnreadable {
		t.Errorf("an empty id: %+v", got)
	}
}

// TestCodes has a row for each row of the table, and for each way in which a status decides.
func TestCodes(t *testing.T) {
	const (
		unavailable, denied = remedy.FailureUnavailable, remedy.FailureForbidden
		missing, garbled    = remedy.FailureMissing, remedy.FailureUnreadable
		rejected, unknown   = remedy.AnswerRejected, remedy.AnswerUnknown
		notExecuted         = remedy.AnswerNotExecuted
	)
	tests := []struct {
		status    int
		code      string
		failure   remedy.Failure
		answer    remedy.Answer
		reason    remedy.Reason
		throttled bool
	}{
		{403, "IncorrectInstanceStatus", garbled, rejected, remedy.ReasonNotRunning, false},
		{403, "InstanceLockedForSecurity", denied, rejected, remedy.ReasonSecurityLocked, false},
		{403, "InstanceExpiredOrInArrears", denied, rejected, remedy.ReasonExpired, false},
		{403, "DiskError", garbled, rejected, remedy.ReasonDiskError, false},
		{404, "InvalidInstanceId.NotFound", missing, rejected, remedy.ReasonNotFound, false},
		// the code counts, not the status
		{500, "InvalidInstanceId.NotFound", missing, rejected, remedy.ReasonNotFound, false},
		{404, "InvalidInstance.NotFound", missing, rejected, remedy.ReasonNotFound, false},
		{404, "Forbidden.InstanceNotFound", missing, rejected, remedy.ReasonNotFound, false},
		{403, "InvalidParameter.KMSKeyId.KMSUnauthorized", denied, rejected, remedy.ReasonRejected,
			false},
		{500, "InternalError", unavailable, unknown, "", false},
		{500, "InternalError.Dispatch", unavailable, unknown, "", false},
		{400, "UnknownError", unavailable, unknown, "", false},
		{503, "ServiceUnavailable", unavailable, unknown, "", false},
		{503, "ServiceUnavailable.RegionMaintaining", unavailable, unknown, "", false},
		{400, "SignatureNonceUsed", unavailable, unknown, "", false},
		{400, "Throttling", unavailable, notExecuted, "", true},
		{429, "Throttling", unavailable, notExecuted, "", true},
		{400, "Throttling.User", unavailable, notExecuted, "", true},
		{503, "Throttling.Api", unavailable, notExecuted, "", true},
		{409, "OperationConflict", unavailable, notExecuted, "", false},
		{403, "InvalidOperation.Conflict", unavailable, notExecuted, "", false},
		{403, "LastTokenProcessing", unavailable, notExecuted, "", false},
		{400, "InvalidTimeStamp.Expired", unavailable, notExecuted, "", false},
		{400, "IllegalTimestamp", unavailable, notExecuted, "", false},
		{400, "InvalidTimeStamp.Format", garbled, rejected, remedy.ReasonRejected, false},
		{400, "SignatureDoesNotMatch", denied, rejected, remedy.ReasonForbidden, false},
		{400, "IncompleteSignature", denied, rejected, remedy.ReasonForbidden, false},
		{404, "InvalidAccessKeyId.NotFound", denied, rejected, remedy.ReasonForbidden, false},
		{400, "InvalidAccessKeyId.Inactive", denied, rejected, remedy.ReasonForbidden, false},
		{400, "InvalidAccessKeySecret", denied, rejected, remedy.ReasonForbidden, false},
		{400, "InvalidSecurityToken.Expired", denied, rejected, remedy.ReasonForbidden, false},
		{400, "InvalidSecurityToken.Malformed", denied, rejected, remedy.ReasonForbidden, false},
		{400, "MissingSecurityToken", denied, rejected, remedy.ReasonForbidden, false},
		{403, "Forbidden.RAM", denied, rejected, remedy.ReasonForbidden, false},
		{403, "Forbidden", denied, rejected, remedy.ReasonForbidden, false},
		{403, "Forbidden.AccessKeyDisabled", denied, rejected, remedy.ReasonForbidden, false},
		{403, "NoPermission", denied, rejected, remedy.ReasonForbidden, false},
		{403, "InsufficientBalance", denied, rejected, remedy.ReasonRejected, false},
		{403, "RealNameAuthenticationError", denied, rejected, remedy.ReasonRejected, false},
		{400, "InvalidOwnerId", denied, rejected, remedy.ReasonRejected, false},
		{404, "InvalidRegionId.NotFound", missing, rejected, remedy.ReasonRejected, false},
		{400, "InvalidRegionId", garbled, rejected, remedy.ReasonRejected, false},
		{404, "MissingParameter.InstanceId", garbled, rejected, remedy.ReasonRejected, false},
		{403, "InvalidParameter", garbled, rejected, remedy.ReasonRejected, false},
		{404, "InvalidAction.NotFound", garbled, rejected, remedy.ReasonRejected, false},
		{405, "UnsupportedHTTPMethod", garbled, rejected, remedy.ReasonRejected, false},
		{403, "InstanceIds.ExceedLimit", garbled, rejected, remedy.ReasonRejected, false},
		{403, "InstanceIdLimitExceeded", garbled, rejected, remedy.ReasonRejected, false},

		{400, "BrandNew", garbled, rejected, remedy.ReasonRejected, false},
		{401, "BrandNew", denied, rejected, remedy.ReasonRejected, false},
		{403, "BrandNew", denied, rejected, remedy.ReasonRejected, false},
		{408, "BrandNew", unavailable, unknown, "", false}, // something gave up waiting for ECS
		{429, "BrandNew", unavailable, notExecuted, "", true},
		{499, "BrandNew", garbled, rejected, remedy.ReasonRejected, false},
		{500, "BrandNew", unavailable, unknown, "", false},
		{599, "BrandNew", unavailable, unknown, "", false},
		// of an order that is no dry run
		{400, "DryRunOperation", garbled, rejected, remedy.ReasonRejected, false},
		// no error of ECS: something on the way
		{403, "", unavailable, unknown, "", false},
		// who knows what came of it there
		{429, "", unavailable, unknown, "", false},
		{403, "not a code", unavailable, unknown, "", false},
	}
	used := make(map[string]bool)
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.status, " ", tt.code), func(t *testing.T) {
			body := fmt.Sprintf(`{"RequestId":%q,"HostId":"x","Code":%q,"Message":"It is so."}`,
				requestID, tt.code)
			c := carried(t, always(tt.status, body))
			if got := c.Machines(t.Context(), region,
				[]string{instanceID})[instanceID]; got.Failure != tt.failure {
				t.Errorf("read: %q (%s), want %q", got.Failure, got.Note, tt.failure)
			}
			got := c.Reboot(t.Context(), order())
			want := remedy.Reply{
				At: noon, Answer: tt.answer, RequestID: requestID, Code: tt.code,
				Reason:    tt.reason,
				Throttled: tt.throttled, Note: got.Note,
			}
			if !isToken(tt.code) {
				want.Code = ""
			}
			if diff := cmp.Diff(want, got); diff != "" || got.Note == "" {
				t.Errorf("%s, note %q", diff, got.Note)
			}
		})
		for _, row := range codes {
			prefix, wild := strings.CutSuffix(row.code, "*")
			if tt.code == row.code || wild && strings.HasPrefix(tt.code, prefix) {
				used[row.code] = true
				break
			}
		}
	}
	for _, row := range codes {
		if !used[row.code] {
			t.Errorf("the row %q is never the one that fits", row.code)
		}
	}
}

func TestReboot(t *testing.T) {
	ok := `{"RequestId":"` + requestID + `"}`
	passed := `{"RequestId":"` + requestID +
		`","Code":"DryRunOperation","Message":"Request validation has been passed."}`
	accepted := remedy.Reply{Answer: remedy.AnswerAccepted, RequestID: requestID}
	unknown := remedy.Reply{Answer: remedy.AnswerUnknown}
	asIs := func(*remedy.Order) {}
	tests := []struct {
		why    string
		order  func(*remedy.Order)
		status int
		body   string
		want   remedy.Reply
	}{
		{"accepted", asIs, 200, ok, accepted},
		{"forced", func(o *remedy.Order) { o.Force = true }, 200, ok, accepted},
		{"a dry run that passed comes as an error", func(o *remedy.Order) { o.DryRun = true }, 400,
			passed,
			remedy.Reply{Answer: remedy.AnswerAccepted, RequestID: requestID,
				Code: "DryRunOperation"}},
		{"a dry run needs no time",
			func(o *remedy.Order) { o.DryRun, o.SendBefore = true, time.Time{} }, 400, passed,
			remedy.Reply{Answer: remedy.AnswerAccepted, RequestID: requestID,
				Code: "DryRunOperation"}},
		{"a dry run that was refused", func(o *remedy.Order) { o.DryRun = true }, 403,
			`{"RequestId":"` + requestID + `","Code":"IncorrectInstanceStatus"}`,
			remedy.Reply{Answer: remedy.AnswerRejected, RequestID: requestID,
				Code: "IncorrectInstanceStatus", Reason: remedy.ReasonNotRunning}},
		{"a dry run that was not taken as one", func(o *remedy.Order) { o.DryRun = true }, 200, ok,
			remedy.Reply{Answer: remedy.AnswerRejected, Reason: remedy.ReasonUnreadable,
				RequestID: requestID}},
		{"no RequestId", asIs, 200, `{}`, unknown},
		{"an error with the status of a success", asIs, 200, `{"Code":"InternalError"}`, unknown},
		{"a RequestId twice", asIs, 200, `{"RequestId":"R-1","RequestId":"R-2"}`, unknown},
		{"a code in another case beside a RequestId", asIs, 200,
			`{"RequestId":"R","code":"InternalError"}`, unknown},
		{"an error that is a refusal and none at once", asIs, 400,
			`{"RequestId":"R","Code":"Throttling","Code":"InternalError"}`, unknown},
		{"a dry run that passed and did not", func(o *remedy.Order) { o.DryRun = true }, 400,
			`{"RequestId":"R","Code":"Forbidden.RAM","Code":"DryRunOperation"}`, unknown},
		{"an error with a RequestId, too", asIs, 200, `{"RequestId":"R","Code":"InternalError"}`,
			unknown},
		{"an empty body", asIs, 200, ``, unknown},
		{"no instance: nothing is sent", func(o *remedy.Order) { o.Instance = "" }, 0, ``,
			remedy.Reply{Answer: remedy.AnswerNotExecuted, Code: "not-sent"}},
		{"a region that would name another host: nothing is sent",
			func(o *remedy.Order) { o.Region = "cn-x.evil.example/" }, 0, ``,
			remedy.Reply{Answer: remedy.AnswerNotExecuted, Code: "not-sent"}},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			o := order()
			tt.order(&o)
			calls := 0
			c := carried(t, func(r *http.Request) (*http.Response, error) {
				calls++
				q := r.URL.Query()
				for name, want := range map[string]string{
					"Action": "RebootInstance", "InstanceId": instanceID,
					"ForceStop": fmt.Sprint(o.Force), "DryRun": fmt.Sprint(o.DryRun),
					"RegionId": region, "SecurityToken": testKeys.SecurityToken,
					"AccessKeyId": testKeys.AccessKeyID,
				} {
					if q.Get(name) != want {
						t.Errorf("%s = %q, want %q", name, q.Get(name), want)
					}
				}
				if to := r.Method + " " + r.URL.Scheme + "://" +
					r.URL.Host; to != "POST https://ecs.cn-beijing.aliyuncs.com" {
					t.Error(to)
				}
				return reply(tt.status, tt.body), nil
			})
			got := c.Reboot(t.Context(), o)
			if got.Answer != remedy.AnswerAccepted && got.Note == "" {
				t.Error("no note")
			}
			tt.want.At, tt.want.Note = noon, got.Note
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if want := min(tt.status, 1); calls != want {
				t.Errorf("%d calls, want %d", calls, want)
			}
		})
	}
}

func TestNewRefuses(t *testing.T) {
	good := Options{Credentials: testKeys, CallLimit: time.Second, Now: time.Now}
	tests := []struct {
		why    string
		change func(*Options)
		want   string // in the error; empty: none
	}{
		{"nothing missing", func(*Options) {}, ""},
		{"a long-lived pair has no token", func(o *Options) { o.Credentials.SecurityToken = "" },
			""},
		{"no key", func(o *Options) { o.Credentials.AccessKeyID = "" }, "credentials"},
		{"no secret", func(o *Options) { o.Credentials.AccessKeySecret = "" }, "credentials"},
		{"no limit", func(o *Options) { o.CallLimit = 0 }, "limit"},
		{"no clock", func(o *Options) { o.Now = nil }, "clock"},
		{"https to any host", func(o *Options) { o.Endpoint = "https://ecs.example.com" }, ""},
		{"https with a port", func(o *Options) { o.Endpoint = "https://ecs.example.com:8443" }, ""},
		{"http to the loopback", func(o *Options) { o.Endpoint = "http://127.0.0.1:9000" }, ""},
		{"http to the IPv6 loopback", func(o *Options) { o.Endpoint = "http://[::1]:9000" }, ""},
		{"http to localhost", func(o *Options) { o.Endpoint = "http://localhost:9000" }, ""},
		{"http to another host would show the token",
			func(o *Options) { o.Endpoint = "http://ecs.example.com" }, "https"},
		{"a host that begins like the loopback",
			func(o *Options) { o.Endpoint = "http://127.0.0.1.example.com" }, "https"},
		{"another scheme", func(o *Options) { o.Endpoint = "ftp://127.0.0.1" }, "https"},
		{"no scheme", func(o *Options) { o.Endpoint = "ecs.example.com" }, "https"},
		{"a path", func(o *Options) { o.Endpoint = "https://ecs.example.com/x" }, "https"},
		{"a query", func(o *Options) { o.Endpoint = "https://ecs.example.com?x" }, "https"},
		{"a user", func(o *Options) { o.Endpoint = "https://a:b@ecs.example.com" }, "https"},
		{"not a URL", func(o *Options) { o.Endpoint = "https://%zz" }, "https"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			o := good
			tt.change(&o)
			c, err := New(o)
			if err == nil {
				c.Close()
			}
			if (err == nil) != (tt.want == "") || err != nil &&
				!strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestDomain(t *testing.T) {
	long := "cn-" + strings.Repeat("a", maxRegion-3)
	tests := []struct {
		why, region string
		vpc         bool
		want        string // empty: refused
	}{
		{"by its name", "cn-beijing", false, "ecs.cn-beijing.aliyuncs.com"},
		{"in the SDK's table", "cn-hangzhou", false, "ecs-cn-hangzhou.aliyuncs.com"},
		{"VPC", "cn-beijing", true, "ecs-vpc.cn-beijing.aliyuncs.com"},
		{"VPC, and in the SDK's table, which is for the public network", "cn-hangzhou", true,
			"ecs-vpc.cn-hangzhou.aliyuncs.com"},
		{"three parts", "ap-southeast-1", false, "ecs.ap-southeast-1.aliyuncs.com"},
		{"as long as a name may be", long, false, "ecs." + long + ".aliyuncs.com"},
		{"longer", long + "a", false, ""},
		{"empty", "", false, ""},
		{"one part", "beijing", false, ""},
		{"another host", "cn-a.evil.example/", false, ""},
		{"another user", "x@evil-1", false, ""},
		{"a line end", "cn-beijing\n", false, ""},
		{"upper case", "CN-BEIJING", false, ""},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			got, err := newClient(t, func(o *Options) { o.VPC = tt.vpc }).domain(tt.region)
			if got != tt.want || (err == nil) != (tt.want != "") {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestCredentialsArePrintedByNothing(t *testing.T) {
	var log strings.Builder
	o := Options{Credentials: testKeys, CallLimit: time.Second, Now: time.Now}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil),
		slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("x", "keys", testKeys, "inside", struct{ C Credentials }{testKeys})
	}
	text, _ := json.Marshal(map[string]any{"c": testKeys})
	log.Write(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		fmt.Fprintf(&log, verb+verb+verb+verb, testKeys, &testKeys, o, c)
	}
	noSecrets(t, log.String())
}

// noSecrets fails when text holds anything that must not leave the package.
func noSecrets(t *testing.T, text string) {
	t.Helper()
	for _, secret := range []string{
		testKeys.AccessKeyID, testKeys.AccessKeySecret, testKeys.SecurityToken,
		url.QueryEscape(testKeys.SecurityToken),
		"://", "http:", "Signature=", "SignatureNonce=", "AccessKeyId", "SecurityToken=",
		"RespHeaders", "%3D",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%q is in %q", secret, text)
		}
	}
}

// TestDebugIsRefused runs itself with DEBUG=sdk, which the SDK reads when the program starts.
func TestDebugIsRefused(t *testing.T) {
	if os.Getenv("DEBUG") != "" {
		_, err := New(Options{Credentials: testKeys, CallLimit: time.Second, Now: time.Now})
		fmt.Println("answer:", err)
		return
	}
	tests := []struct {
		value   string
		refused bool
	}{{"sdk", true}, {"x,sdk", true}, {"1", false}, {"sdkx", false}}
	for _, tt := range tests {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestDebugIsRefused$")
		cmd.Env = append(os.Environ(), "DEBUG="+tt.value)
		out, err := cmd.CombinedOutput()
		if err != nil || strings.Contains(string(out), "answer: DEBUG=sdk") != tt.refused {
			t.Errorf("DEBUG=%s: %v, %s; want it refused: %v", tt.value, err, out, tt.refused)
		}
		noSecrets(t, string(out))
	}
}

// TestProxyVariablesChangeNothing: the SDK would fail every call for any of these.
func TestProxyVariablesChangeNothing(t *testing.T) {
	t.Setenv("HTTPS_PROXY", "://")
	t.Setenv("HTTP_PROXY", "://")
	t.Setenv("NO_PROXY", "[")
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, answerAll(r.URL.Query()))
	})
	if got := c.Machines(t.Context(), region, []string{instanceID})[instanceID]; !got.OK() {
		t.Errorf("%+v", got)
	}
	secure := carried(t, func(r *http.Request) (*http.Response,
		error) {
		return reply(200, answerAll(r.URL.Query())), nil
	})
	if got := secure.Reboot(t.Context(), order()); got.Answer != remedy.AnswerAccepted {
		t.Errorf("%+v", got)
	}
}

// TestConcurrentUse is for the race detector: all calls at once, on one client with connections of
// its own.
func TestConcurrentUse(t *testing.T) {
	var reboots atomic.Int32
	c := served(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Get("Action") == "RebootInstance" {
			reboots.Add(1)
		}
		io.WriteString(w, answerAll(r.URL.Query()))
	})
	const each = 16
	var wg sync.WaitGroup
	for range each {
		wg.Go(func() {
			if got := c.Machines(t.Context(), region,
				[]string{instanceID, "i-2"}); !got[instanceID].OK() || !got["i-2"].OK() {
				t.Errorf("%+v", got)
			}
		})
		wg.Go(func() {
			if got := c.Heartbeats(t.Context(), region,
				[]string{instanceID})[instanceID]; !got.OK() {
				t.Errorf("%+v", got)
			}
		})
		wg.Go(func() {
			if got := c.PlatformEvents(t.Context(), region, instanceID); !got.OK() {
				t.Errorf("%+v", got)
			}
		})
		wg.Go(func() {
			if got := c.Reboot(t.Context(), order()); got.Answer != remedy.AnswerAccepted {
				t.Errorf("%+v", got)
			}
		})
	}
	wg.Wait()
	if reboots.Load() != each {
		t.Errorf("%d reboots arrived, want %d", reboots.Load(), each)
	}
}

// TestLimitOfEveryCall: a call must not inherit another's time-out, as the SDK's do on one client.
func TestLimitOfEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, func(o *Options) {
			o.CallLimit = 7 * time.Second
			o.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})
		})
		for range 2 {
			for name, call := range map[string]func() string{
				"read": func() string {
					return c.Machines(t.Context(), region,
						[]string{instanceID})[instanceID].Note
				},
				"events": func() string {
					return c.PlatformEvents(t.Context(), region,
						instanceID).Note
				},
				"reboot": func() string { return c.Reboot(t.Context(), order()).Note },
			} {
				start := time.Now()
				if note := call(); !strings.Contains(note, "no answer in time") {
					t.Errorf("%s: %q", name, note)
				}
				if took := time.Since(start); took != 7*time.Second {
					t.Errorf("%s took %v, want 7s", name, took)
				}
			}
		}
		start := time.Now()
		// the caller's own time is up before
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := c.Reboot(ctx, order()); got.Answer != remedy.AnswerUnknown ||
			time.Since(start) != time.Second {
			t.Errorf("after %v: %+v", time.Since(start), got)
		}
	})
}

func TestCloseLeavesNothing(t *testing.T) {
	before := runtime.NumGoroutine()
	waiting := make(chan struct{}, 8)
	server := httptest.NewUnstartedServer(http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("InstanceId") == "i-hangs" {
				waiting <- struct{}{}
				<-r.Context().Done()
				return
			}
			io.WriteString(w, answerAll(r.URL.Query()))
		}))
	var open sync.WaitGroup // connections, as the server sees them
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		switch state {
		case http.StateNew:
			open.Add(1)
		case http.StateClosed:
			open.Done()
		}
	}
	server.Start()
	now := func() time.Time { return noon }
	c, err := New(Options{Credentials: testKeys, Endpoint: server.URL, CallLimit: time.Minute,
		Now: now})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() { c.Machines(context.Background(), region, []string{instanceID}) })
		wg.Go(func() { c.Reboot(context.Background(), order()) })
	}
	wg.Wait()
	for range 2 {
		wg.Go(func() {
			if got := c.PlatformEvents(context.Background(), region,
				"i-hangs"); got.Failure != remedy.FailureUnavailable {
				t.Errorf("a read that Close ended: %+v", got)
			}
		})
		wg.Go(func() {
			hung := order()
			hung.Instance = "i-hangs"
			if got := c.Reboot(context.Background(), hung); got.Answer != remedy.AnswerUnknown {
				t.Errorf("a reboot that Close ended: %+v", got)
			}
		})
	}
	for range 4 {
		<-waiting
	}
	c.Close()
	wg.Wait()
	if got := c.Machines(context.Background(), region,
		[]string{instanceID})[instanceID]; got.Failure != remedy.FailureUnavailable {
		t.Errorf("a read after Close: %+v", got)
	}
	if got := c.Reboot(context.Background(), order()); got.Answer != remedy.AnswerNotExecuted ||
		got.Code != notSent {
		t.Errorf("a reboot after Close: %+v", got)
	}
	open.Wait()
	server.Close()
	deadline := time.Now().Add(10 * time.Second)
	for ; runtime.NumGoroutine() > before; runtime.Gosched() {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines more than before\n%s", runtime.NumGoroutine()-before,
				stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// BenchmarkMachines reads answers of one instance and of 100, with the fields that are read alone
// and with as many others as real ones have.
func BenchmarkMachines(b *testing.B) {
	var others strings.Builder
	for i := range 50 {
		fmt.Fprintf(&others, `"Other%dField":{"List":["%d"]},`, i, i)
	}
	for _, n := range []int{1, 100} {
		for _, size := range []string{"short", "real"} {
			b.Run(fmt.Sprint(n, size), func(b *testing.B) {
				ids := make([]string, n)
				entries := make([]string, n)
				for i := range ids {
					ids[i] = fmt.Sprintf("i-%04d", i)
					entries[i] = healthy(ids[i])
					if size == "real" {
						entries[i] = "{" + others.String() + entries[i][1:]
					}
				}
				c := carried(b, always(200, machines(strings.Join(entries, ","))))
				b.ReportAllocs()
				for b.Loop() {
					if got := c.Machines(b.Context(), region, ids); !got[ids[n-1]].OK() {
						b.Fatalf("%+v", got[ids[n-1]])
					}
				}
			})
		}
	}
}
