package ecs

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"

	"ecs-remedy/function/internal/remedy"
)

// The ways in which an answer can be broken, besides what it says.
const (
	whole      = iota
	cut        // the body ends in an error
	bodiless   // a transport that forgets the body
	nothing    // a transport that returns neither an answer nor an error
	panicking  // a transport that panics
	unreached  // no connection
	overturned // an error after the request was sent
	ways
)

// adversary answers every call with the same, and looks at what it is sent.
type adversary struct {
	t            *testing.T
	status       int
	body, header string
	way          int

	mu    sync.Mutex
	calls int
}

func (a *adversary) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls++
	q := r.URL.Query()
	if r.URL.Scheme+"://"+r.URL.Host+r.URL.Path != "https://ecs.cn-beijing.aliyuncs.com/" ||
		r.Host != r.URL.Host {
		a.t.Errorf("a request to %s", r.URL.Redacted())
	}
	if q.Get("RegionId") != region || len(r.URL.RawQuery) > 16<<10 {
		a.t.Errorf("%d bytes of request in %q", len(r.URL.RawQuery), q.Get("RegionId"))
	}
	for _, id := range append(asked(q), q.Get("InstanceId")) {
		if id != "" && !validID(id) {
			a.t.Errorf("%q was asked about", id)
		}
	}
	resp := reply(a.status, a.body)
	resp.Header.Set("Date", a.header)
	resp.Header.Set("Location", a.header)
	switch a.way {
	case cut:
		resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(a.body), failing{}))
	case bodiless:
		resp.Body = nil
	case nothing:
		return nil, nil
	case panicking:
		panic("a transport")
	case unreached:
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	case overturned:
		return nil, errors.New(a.body)
	}
	return resp, nil
}

// failing is the end of a body that breaks off.
type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// FuzzAnswer sends any answer through the whole adapter. It must not panic, invent an accepted
// reboot, give readings of other instances, ask about what it was not told to, or show what a human
// must not see.
func FuzzAnswer(f *testing.F) {
	const date = "Mon, 23 Nov 2026 12:00:01 GMT"
	add := func(status int, body string) { f.Add(status, body, date, 0) }
	add(200, machines(healthy(instanceID)+","+healthy("i-2")))
	add(200, machines(healthy("i-other")))
	add(200, strings.Replace(machines(healthy(instanceID)), `{`, `{"NextToken":"more",`, 1))
	add(200, vitals(`{"InstanceId":"`+instanceID+`","LastHeartbeatTime":"2026-11-23T11:59:00Z"}`))
	add(200, vitals(`{"InstanceId":"i-2","CloudAssistantStatus":"true"},{"InstanceId":"i-2"}`))
	add(200, systemEvents(`{"EventId":"e","InstanceId":"`+instanceID+`","EventType":{"Name":"X"},`+
		`"EventCycleStatus":{"Name":"Executing"}}`, "more"))
	add(200, `{"RequestId":"R","InstanceId":"`+instanceID+`","Screenshot":"QUJD",`+
		`"ConsoleOutput":"QUJD"}`)
	add(200, `{"RequestId":"R"}`)
	add(200, `{"RequestId":"R","Code":"InternalError"}`)
	add(200, `{"RequestId":"R","RequestId":""}`)
	add(404, `{"RequestId":"R","Code":"InvalidInstance.NotFound",`+
		`"Message":"The specified instances do not exist."}`)
	add(400, `{"RequestId":"R","Code":"DryRunOperation"}`)
	add(400, `{"RequestId":"R","Code":"SignatureDoesNotMatch",`+
		`"Message":"server string to sign is:POST&%2F&"}`)
	add(502, `{"Code":502}`)
	add(403, `{"Code":"Forbidden.RAM","AccessDeniedDetail":"x"}`)
	add(302, "")
	add(429, "")
	for way := range ways {
		f.Add(200, `{"RequestId":"R"}`, "yesterday", way)
		f.Add(500, "https://ecs.example.com/?Signature=x", "https://evil.example/", way)
	}
	f.Fuzz(func(t *testing.T, status int, body, header string, way int) {
		if status < 0 || status > 999 || way < 0 || way >= ways {
			return
		}
		a := &adversary{t: t, status: status, body: body, header: header, way: way}
		c := newClient(t, func(o *Options) { o.Base = a })
		good := status/100 == 2 && way == whole && len(body) <= maxBody
		ids := []string{instanceID, "i-2", "i-3"}

		var notes []string
		failing := func(at time.Time, failure remedy.Failure, note string) {
			notes = append(notes, note)
			if at.IsZero() || (failure == "") != (note == "") || failure == "" && !good {
				t.Errorf("%d %q, way %d: at %v, failure %q, note %q", status, body, way, at,
					failure, note)
			}
		}
		instances := c.Machines(t.Context(), region, ids)
		beats := c.Heartbeats(t.Context(), region, ids)
		if len(instances) != len(ids) || len(beats) != len(ids) {
			t.Errorf("%d %q: %d and %d readings of %d ids", status, body, len(instances),
				len(beats), len(ids))
		}
		for _, id := range ids {
			i, h := instances[id], beats[id]
			failing(i.At, i.Failure, i.Note)
			failing(h.At, h.Failure, h.Note)
			if i.OK() && (i.Value.ID != id || i.Value.Status == "" || i.Value.Region != region) {
				t.Errorf("%d %q is read as %+v of %s", status, body, i, id)
			}
			if (i.OK() || h.OK() && !h.Value.Heartbeat.IsZero()) && !strings.Contains(body, id) &&
				!strings.Contains(body, `\u`) {
				t.Errorf("%d %q does not hold %s: %+v, %+v", status, body, id, i, h)
			}
		}
		if most := 2 * (2*len(ids) - 1) * maxPages; a.calls > most {
			t.Errorf("%d %q: %d calls, want %d at most", status, body, a.calls, most)
		}
		events := c.PlatformEvents(t.Context(), region, instanceID)
		failing(events.At, events.Failure, events.Note)
		if len(events.Value) > maxPages*maxBatch {
			t.Errorf("%d events", len(events.Value))
		}
		if some := c.Some(t.Context(), region); true {
			failing(some.At, some.Failure, some.Note)
			for _, id := range some.Value {
				if !isToken(id) {
					t.Errorf("%q is listed", id)
				}
			}
		}
		for _, capture := range []remedy.Reading[[]byte]{
			c.Screenshot(t.Context(), region, instanceID), c.Console(t.Context(), region,
				instanceID),
		} {
			failing(capture.At, capture.Failure, capture.Note)
			if len(capture.Value) > base64.StdEncoding.DecodedLen(len(body)) {
				t.Errorf("%d bytes out of %d", len(capture.Value), len(body))
			}
		}

		for _, dryRun := range []bool{false, true} {
			o := order()
			o.DryRun = dryRun
			r := c.Reboot(t.Context(), o)
			notes = append(notes, r.Note, r.Code, r.RequestID)
			var said struct {
				RequestID string `json:"RequestId"`
				Code      string
			}
			understood := json.Unmarshal([]byte(body), &said) == nil
			switch r.Answer {
			case remedy.AnswerAccepted:
				if dryRun {
					if way != whole || status/100 == 2 || !understood || said.Code != dryRunPassed {
						t.Errorf("%d %q, way %d: a dry run passed", status, body, way)
					}
				} else if !good || !understood || r.RequestID == "" ||
					r.RequestID != said.RequestID || said.Code != "" {
					t.Errorf("%d %q, way %d is taken for accepted: %+v", status, body, way, r)
				}
			case remedy.AnswerRejected:
				if way != whole || len(body) > maxBody || !understood || said.Code == "" &&
					!dryRun {
					t.Errorf("%d %q, way %d is taken for rejected: %+v", status, body, way, r)
				}
			case remedy.AnswerNotExecuted:
				if (r.Code == notSent) != (way == unreached) || way != unreached &&
					(way != whole || !understood || said.Code == "") {
					t.Errorf("%d %q, way %d is taken for not executed: %+v", status, body, way, r)
				}
			case remedy.AnswerUnknown:
			default:
				t.Errorf("%d %q: answer %q", status, body, r.Answer)
			}
		}
		for _, note := range notes {
			bad := func(r rune) bool { return !unicode.IsPrint(r) }
			if strings.Contains(note, "://") || len(note) > 1500 ||
				strings.ContainsFunc(note, bad) {
				t.Errorf("%q", note)
			}
			noSecrets(t, strings.ReplaceAll(note, "AccessKeyId", ""))
		}
	})
}

// FuzzObject scans any JSON, and finds in it what encoding/json finds, but for what is there twice
// or in another case.
func FuzzObject(f *testing.F) {
	for _, body := range []string{
		`{"A":"x","B":[1,{"C":[]}],"L":[1, "]", {"}":"\""}]}`,
		` { "A" : "\u0041\\" , "B" : -1e9 } `,
		`{"A":"x","A":"y"}`, `{"a":"x"}`, `{"\u0041":"\ud800","L":null}`, `{"":{},"B":true}`,
		`{"A":"` + "\xff" + `"}`, `{}`, `[]`, `"A"`, `null`, `5`, ` `, `{"L":[[[]],{"L":[]}]}`,
	} {
		f.Add(body)
	}
	f.Fuzz(func(t *testing.T, body string) {
		v, err := parse([]byte(body))
		if (err == nil) != json.Valid([]byte(body)) {
			t.Fatalf("%q: %v", body, err)
		}
		if err != nil {
			return
		}
		var a string
		var b value
		var l list
		fault := object(member{"A", text(&a)}, member{"B", raw(&b)}, member{"L", l.take})(v)
		var fields map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &fields) != nil {
			if fault == nil {
				t.Errorf("%q is no object, and read as one", body)
			}
			return
		}
		for name := range fields {
			if name == "a" || name == "b" || name == "l" {
				if fault == nil {
					t.Errorf("%q: %q is taken for another name", body, name)
				}
			}
		}
		if fault != nil {
			return
		}
		var elements []json.RawMessage
		var said string
		if fields["A"] != nil && json.Unmarshal(fields["A"], &said) != nil || said != a ||
			string(fields["B"]) != string(b) {
			t.Errorf("%q: %q and %q, want %s and %s", body, a, b, fields["A"], fields["B"])
		}
		if fields["L"] != nil && json.Unmarshal(fields["L"], &elements) != nil ||
			len(elements) != len(l.elements) || l.known != (elements != nil) {
			t.Errorf("%q: %q, want %q", body, l.elements, elements)
		}
		for i := range l.elements {
			if string(l.elements[i]) != string(elements[i]) {
				t.Errorf("%q: element %q, want %q", body, l.elements[i], elements[i])
			}
		}
	})
}
