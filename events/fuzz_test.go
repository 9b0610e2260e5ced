package events

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzDecode checks what must hold for every payload, however hostile.
func FuzzDecode(f *testing.F) {
	for _, s := range Samples() {
		f.Add(s.Payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		alarms, err := Decode(payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("Decode changed its input")
		}
		if again, _ := Decode(payload); !reflect.DeepEqual(again, alarms) {
			t.Fatalf("two answers for one payload:\n%+v\n%+v", alarms, again)
		}
		if (err == nil) != (len(alarms) > 0) || err != nil && !errors.Is(err, ErrMalformed) {
			t.Fatalf("%d alarms, error %v", len(alarms), err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("the error has %d bytes", len(err.Error()))
		}
		if len(alarms) > MaxAlarms || len(alarms) > len(payload) {
			t.Errorf("%d alarms from %d bytes", len(alarms), len(payload))
		}
		for _, a := range alarms {
			checkAlarm(t, a)
		}
	})
}

func checkAlarm(t *testing.T, a Alarm) {
	t.Helper()
	switch a.State {
	case StateFiring, StateResolved, StateInsufficientData, StateUnknown:
	default:
		t.Errorf("state %q", a.State)
	}
	switch a.Problem {
	case "":
		if a.Instance == "" {
			t.Errorf("neither an instance nor a problem: %+v", a)
		}
	case ProblemContradiction, ProblemRegion:
	case ProblemNotAnAlarm, ProblemNotECS, ProblemNoInstance, ProblemPlaceholder,
		ProblemUndecodable:
		if a.Instance != "" {
			t.Errorf("problem %q with an instance: %+v", a.Problem, a)
		}
	default:
		t.Errorf("problem %q", a.Problem)
	}
	if a.Problem != "" && a.Note == "" || a.Problem == "" && a.Note != "" && a.Account != "" &&
		!a.Weak {
		t.Errorf("problem %q, note %q, account %q", a.Problem, a.Note, a.Account)
	}
	if a.Instance != "" && instanceProblem(a.Instance) != "" {
		t.Errorf("instance %q", a.Instance)
	}
	if a.Region != "" && !ValidRegion(a.Region) {
		t.Errorf("region %q", a.Region)
	}
	if a.Format == "" || a.Key == "" {
		t.Errorf("format %q, key %q", a.Format, a.Key)
	}
	if a.Time.Location() != time.UTC || !a.Time.IsZero() && a.Time.Year() < 2001 {
		t.Errorf("time %v", a.Time)
	}
	v := reflect.ValueOf(a)
	for i := range v.NumField() {
		if f := v.Field(i); f.Kind() == reflect.String {
			s := f.String()
			if len(s) > maxString || !utf8.ValidString(s) ||
				strings.ContainsAny(s, "\x00\x1b\r\n") {
				t.Errorf("%s is %q", v.Type().Field(i).Name, s)
			}
		}
	}
}

// FuzzHTTP checks that whatever HTTP takes for a request has all its parts, that nothing is a
// request to Decode and none to HTTP (it would get past the token), and that what a request's
// sender can do to the end of the event changes nothing about who it is.
func FuzzHTTP(f *testing.F) {
	for _, s := range Samples() {
		f.Add(s.Payload)
	}
	for _, payload := range []string{`{"rawPath":"/","headers":{"a":["1"]},"body":"\u00`,
		`{"httpMethod":"GET","path":"","body":"","headers":{"a":1},"headers":{"a":2}}`,
		`{"requestContext":{"http":{"method":"get"}},"queryParameters":"{}"`,
		`{"rawPath":"/","headers":{},"body":"` + strings.Repeat("\xff", 100) + `"}`} {
		f.Add([]byte(payload))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := bytes.Clone(payload)
		r, ok := HTTP(payload)
		if !bytes.Equal(payload, before) {
			t.Fatal("HTTP changed its input")
		}
		// A byte that is no UTF-8 becomes a replacement character of three.
		if ok != (r.Header != nil && r.Query != nil) || len(r.Body) > 3*len(payload) {
			t.Fatalf("%v %+v", ok, r)
		}
		for key := range r.Header {
			if key != strings.ToLower(key) {
				t.Errorf("header %q", key)
			}
		}
		text := trim(string(payload))
		if !strings.HasPrefix(text, "{") || validate(text, 0) != nil {
			return
		}
		o := readObject(text, 0, nil)
		if ok != isHTTP(&o) {
			t.Fatalf("a request: %v to HTTP, %v to Decode", ok, !ok)
		}
		if !ok {
			return
		}
		if m := method(&o); m != r.Method && len(o.bad) == 0 && len(payload) < maxHeader {
			t.Errorf("method %q to HTTP, %q to Decode", r.Method, m)
		}
		more, ok := HTTP(append(before, `}{"headers":{"a":"1"}}`...))
		if !ok || !reflect.DeepEqual(more, r) {
			t.Errorf("with something behind it: %+v, not %+v", more, r)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	agent := sample(b, "system-event-agent-stopped")
	for _, bench := range []struct{ name, payload string }{
		{"system-event", sample(b, "system-event-performance-impact-executing")},
		{"form", sample(b, "threshold-form-cpu-firing")},
		{"http-subscription-form", sample(b, "fc3-http-subscription-form-base64")},
		{"batch-of-1000", "[" + strings.Repeat(agent+",", 999) + agent + "]"},
		{"batch-of-20000-tiny", "[" + strings.Repeat("{},", 19_999) + "{}]"},
		{"hostile-braces-6MiB", `{"a":[` + strings.Repeat("{},", 2_000_000) + "0]}"},
		{"hostile-keys-6MiB", `{` + strings.Repeat(`"Status":0,`, 570_000) + `"a":0}`},
		{"hostile-headers-6MiB", `{"path":"","httpMethod":"","body":"a=b","headers":{` +
			strings.Repeat(`"a":0,`, 1_000_000) + `"a":0}}`},
		{"hostile-commas-6MiB",
			"alertState=ALERT&ruleId=1&dimensions=" + strings.Repeat("instanceId=,", 520_000)},
	} {
		payload := []byte(bench.payload)
		b.Run(bench.name, func(b *testing.B) {
			b.SetBytes(int64(len(payload)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Decode(payload); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
