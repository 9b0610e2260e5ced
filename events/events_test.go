package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite testdata/decoded.golden")

const (
	instance = "i-bp1abcdefghijklmnopq"
	other    = "i-bp1zyxwvutsrqponmlkj"
	account  = "1234567890123456"
)

// TestSamplesDecode shows what every sample decodes to. Read the difference before rewriting the
// file.
func TestSamplesDecode(t *testing.T) {
	var b strings.Builder
	for _, sample := range Samples() {
		fmt.Fprintf(&b, "=== %s\n", sample.Name)
		alarms, err := Decode(sample.Payload)
		if err != nil {
			fmt.Fprintf(&b, "error: %v\n", err)
		}
		for i, alarm := range alarms {
			if i > 0 {
				b.WriteString("---\n")
			}
			v := reflect.ValueOf(alarm)
			for i := range v.NumField() {
				if f := v.Field(i); !f.IsZero() {
					value := f.Interface()
					if at, ok := value.(time.Time); ok {
						value = at.Format(time.RFC3339Nano)
					}
					fmt.Fprintf(&b, "%s: %v\n", v.Type().Field(i).Name, value)
				}
			}
		}
	}
	golden := filepath.Join("testdata", "decoded.golden")
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	got, lines := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
	sample := ""
	for i := range max(len(got), len(lines)) {
		g, w := at(got, i), at(lines, i)
		if strings.HasPrefix(g, "=== ") {
			sample = g
		}
		if g != w {
			t.Fatalf("%s: line %d of %s\n got %q\nwant %q", sample, i+1, golden, g, w)
		}
	}
}

func at(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

func TestSamplesAreNamedAndListed(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("samples", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	row := regexp.MustCompile(`(?m)^\| ([a-z0-9-]+)\.(json|txt) \| .+ \| (verbatim|reconstructed)`)
	for _, m := range row.FindAllStringSubmatch(string(readme), -1) {
		listed[m[1]] = true
	}
	samples := Samples()
	for i, sample := range samples {
		if !listed[sample.Name] {
			t.Errorf("samples/README.md does not list %s", sample.Name)
		}
		delete(listed, sample.Name)
		if i > 0 && samples[i-1].Name >= sample.Name {
			t.Errorf("%s comes after %s", sample.Name, samples[i-1].Name)
		}
		found, ok := SampleByName(sample.Name)
		if !ok || !bytes.Equal(found.Payload, sample.Payload) {
			t.Errorf("SampleByName(%q) is another payload", sample.Name)
		}
	}
	for name := range listed {
		t.Errorf("samples/README.md lists %s, which does not exist", name)
	}
	if _, ok := SampleByName("no-such-sample"); ok {
		t.Error("found a sample that does not exist")
	}
}

func sample(t testing.TB, name string) string {
	t.Helper()
	s, ok := SampleByName(name)
	if !ok {
		t.Fatalf("no sample %s", name)
	}
	return strings.TrimSpace(string(s.Payload))
}

// decodeOne decodes a payload that holds one alarm.
func decodeOne(t testing.TB, payload string) Alarm {
	t.Helper()
	alarms, err := Decode([]byte(payload))
	if err != nil || len(alarms) != 1 {
		t.Fatalf("%d alarms, error %v, for %.200s", len(alarms), err, payload)
	}
	return alarms[0]
}

func quoteJSON(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

// An alarm means the same in every envelope, and in any two of them: the Key included, or it would
// be handled twice.
func TestEnvelopesChangeNothing(t *testing.T) {
	in64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	cloud := func(kind, field, s string) string {
		return `{"specversion":"1.0","source":"q","type":"` + kind + `","data":{"` + field + `":` +
			quoteJSON(s) + `}}`
	}
	request := func(method, rest string) string {
		return `{"rawPath":"/","requestContext":{"http":{"method":"` + method + `"}},` + rest + `}`
	}
	envelopes := map[string]func(string) string{
		"none":   func(s string) string { return s },
		"base64": in64,
		"base64 URL": func(s string) string {
			return base64.RawURLEncoding.EncodeToString([]byte(s))
		},
		"byte order":   func(s string) string { return "\ufeff\r\n" + s },
		"JSON string":  quoteJSON,
		"batch of one": func(s string) string { return "[" + quoteJSON(s) + "]" },
		"MNS topic": func(s string) string {
			return `{"TopicName":"t","PublishTime":1,"Message":` + quoteJSON(s) + `}`
		},
		"MNS attributes": func(s string) string {
			return `{"body":` + quoteJSON(s) + `,"attrs":{"a":"b"}}`
		},
		"MNS queue": func(s string) string {
			return cloud("mns:Queue:SendMessage", "messageBody", s)
		},
		"RocketMQ": func(s string) string { return cloud("mq:Topic:SendMessage", "body", s) },
		"Kafka":    func(s string) string { return cloud("alikafka:Topic:Message", "value", s) },
		"HTTP": func(s string) string {
			return request("POST", `"isBase64Encoded":false,"body":`+quoteJSON(s))
		},
		"HTTP base64": func(s string) string {
			return request("POST", `"isBase64Encoded":true,"body":"`+in64(s)+`"`)
		},
		"GET data": func(s string) string {
			return request("get", `"queryParameters":{"data":`+quoteJSON(s)+`},"body":""`)
		},
		"API gateway": func(s string) string {
			return `{"path":"/","httpMethod":"POST","isBase64Encoded":"true","body":"` + in64(s) +
				`"}`
		},
	}
	for _, name := range []string{"system-event-agent-stopped", "threshold-form-cpu-firing",
		"metric-mns-firing",
		"subscription-form", "subscription-agent-stopped", "eventbridge-performance-impact",
		"fc-timer"} {
		payload := sample(t, name)
		want := decodeOne(t, payload)
		for inner, wrapInner := range envelopes {
			for outer, wrapOuter := range envelopes {
				if got := decodeOne(t, wrapOuter(wrapInner(payload))); got != want {
					t.Errorf("%s in %s in %s:\n got %+v\nwant %+v", name, inner, outer, got, want)
				}
			}
		}
	}
}

// The same alarm can come by several routes at once, each with a format of its own.
func TestKeyIsTheSameByEveryRoute(t *testing.T) {
	for _, same := range [][]string{
		{"system-event-agent-stopped", "subscription-agent-stopped", "subscription-form",
			"mns-topic-base64",
			"fc3-http-get-data", "fc3-http-get-fields"},
		{"system-event-performance-impact-executing", "eventbridge-performance-impact",
			"eventbridge-whole-notification",
			"system-event-content-as-string"},
		{"threshold-form-cpu-firing", "threshold-json-dimensions-array",
			"fc3-http-threshold-form-plain",
			"apigateway-threshold-form-base64"},
		{"metric-mns-firing", "mns-queue-metric-alarm"},
	} {
		want := decodeOne(t, sample(t, same[0]))
		for _, name := range same[1:] {
			got := decodeOne(t, sample(t, name))
			if got.Key != want.Key || got.Rule != want.Rule || got.Instance != want.Instance ||
				got.State != want.State {
				t.Errorf("%s has Key %q, Rule %q; %s has %q, %q", name, got.Key, got.Rule, same[0],
					want.Key, want.Rule)
			}
		}
	}
}

func TestKeyTellsEpisodesApart(t *testing.T) {
	seen := map[string]string{}
	for _, name := range []string{"threshold-form-cpu-firing", "threshold-form-cpu-resolved",
		"threshold-form-cpu-insufficient-data", "threshold-form-without-transid",
		"metric-mns-resolved", "system-event-agent-stopped", "system-event-agent-running",
		"system-event-performance-impact-executing", "system-event-performance-impact-executed",
		"subscription-resolved",
		"system-event-placeholder-dry-run", "eventbridge-state-change-without-status", "fc-timer",
		"unknown-form"} {
		key := decodeOne(t, sample(t, name)).Key
		if key == "" || seen[key] != "" {
			t.Errorf("%s has the Key %q of %q", name, key, seen[key])
		}
		seen[key] = name
	}
}

func TestMalformed(t *testing.T) {
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	topic := func(message string) string { return `{"TopicName":"t","Message":` + message + `}` }
	tests := []struct {
		name, payload string
		says          string // what the error names; empty: no error
	}{
		{"nothing", "", "empty"},
		{"blanks", " \r\n\t", "empty"},
		{"one byte", "x", "neither JSON nor a form"},
		{"at the size limit", "a=" + strings.Repeat("x", MaxPayload-2), ""},
		{"one byte above", "a=" + strings.Repeat("x", MaxPayload-1), "6291457 bytes"},
		{"at the depth limit", nested(MaxDepth), ""},
		{"one level deeper", nested(MaxDepth + 1), "nested"},
		{"deep and cut off", strings.Repeat("[", 5_000_000), "nested"},
		{"brackets in a string are not nesting", `"` + strings.Repeat("[", 100) + `"`, ""},
		{"an array cut off", `[{}`, "not JSON"},
		{"two values", `{} {}`, "not JSON"},
		{"a form that begins with a brace", `{a}=b`, "not JSON"},
		{"text without an equals sign", "alertState&ruleId", "neither"},
		{"an equals sign without a name", "=x", "neither"},
		{"prose with an equals sign", "we think that a = b", "neither"},
		{"any form", "x=y", ""},
		{"any JSON", "null", ""},
		{"base64 of nothing we know", "AAAA", "neither"},
		{"a topic's message that is no alarm", topic(`"hello"`), "neither"},
		{"a topic's message that is empty", topic(`""`), "empty"},
		{"a topic's message that is no string", topic(`{"a":1}`), ""},
		{"a queue's event without data",
			`{"specversion":"1.0","source":"q","type":"mns:Queue:SendMessage"}`, "empty"},
		{"a request whose body is no string", `{"path":"/","httpMethod":"POST","body":{}}`,
			"no string"},
		{"a GET without parameters", `{"rawPath":"/","requestContext":{"http":{"method":"GET"}}}`,
			"GET"},
		{"the limit of alarms", "[" + strings.Repeat("0,", MaxAlarms-1) + "0]", ""},
		{"one alarm more", "[" + strings.Repeat("0,", MaxAlarms) + "0]", "more than 50000"},
		{"the same in nested batches", "[[" + strings.Repeat("0,", MaxAlarms-1) + "0],[0]]",
			"more than 50000"},
	}
	for _, test := range tests {
		alarms, err := Decode([]byte(test.payload))
		switch {
		case test.says == "" && (err != nil || len(alarms) == 0):
			t.Errorf("%s: %d alarms, error %v", test.name, len(alarms), err)
		case test.says != "" && (!errors.Is(err, ErrMalformed) ||
			!strings.Contains(err.Error(), test.says) || alarms != nil):
			t.Errorf("%s: %d alarms, error %v; want one that says %q", test.name, len(alarms), err,
				test.says)
		case err != nil && len(err.Error()) > 200:
			t.Errorf("%s: the error has %d bytes: %v", test.name, len(err.Error()), err)
		}
	}
}

// Envelopes can be nested without a bracket. Each level of quoting doubles the backslashes, so
// base64 is the one that goes deep.
func TestNestedEnvelopesEnd(t *testing.T) {
	payload := sample(t, "fc-timer")
	for range MaxDepth - 2 {
		payload = base64.StdEncoding.EncodeToString([]byte(payload))
	}
	if a := decodeOne(t, payload); a.Format != FormatTimer {
		t.Errorf("%d levels of base64: %+v", MaxDepth-2, a)
	}
	for range 3 {
		payload = base64.StdEncoding.EncodeToString([]byte(payload))
	}
	if _, err := Decode([]byte(payload)); !errors.Is(err, ErrMalformed) {
		t.Errorf("%d levels of base64: error %v", MaxDepth+1, err)
	}
}

func TestBatch(t *testing.T) {
	agent := sample(t, "system-event-agent-stopped")
	tests := []struct {
		name, payload string
		problems      []Problem
	}{
		{"empty: one result all the same", `[]`, []Problem{ProblemNotAnAlarm}},
		{"an empty one inside", `[[]]`, []Problem{ProblemNotAnAlarm}},
		{"objects and strings", `[` + agent + `,` + quoteJSON(agent) + `]`, []Problem{"", ""}},
		{"bad elements in between", `[` + agent + `,"x",null,` + agent + `]`,
			[]Problem{"", ProblemUndecodable, ProblemNotAnAlarm, ""}},
		{"an envelope around nothing", `[{"TopicName":"t","Message":"x"},` + agent + `]`,
			[]Problem{ProblemUndecodable, ""}},
		{"a string nested too deep", `[` + quoteJSON(strings.Repeat("[", 40)) + `,` + agent + `]`,
			[]Problem{ProblemUndecodable, ""}},
	}
	for _, test := range tests {
		alarms, err := Decode([]byte(test.payload))
		var got []Problem
		for _, a := range alarms {
			got = append(got, a.Problem)
			if a.Problem != "" && a.Note == "" {
				t.Errorf("%s: a problem without a note: %+v", test.name, a)
			}
		}
		if err != nil || !reflect.DeepEqual(got, test.problems) {
			t.Errorf("%s: problems %q, error %v; want %q", test.name, got, err, test.problems)
		}
	}
}

func TestHTTP(t *testing.T) {
	tests := []struct {
		name, payload string
		ok            bool
		want          Request
	}{
		{"FC 3.0", `{"rawPath":"/","isBase64Encoded":false,"body":"a=b",
			"headers":{"X-Token":"1","x-token":"2","Content-Type":"t"},
			"queryParameters":{"token":"s","n":1},
			"requestContext":{"http":{"method":"post"}}}`, true,
			Request{"POST", map[string]string{"x-token": "1,2", "content-type": "t"},
				map[string]string{"token": "s", "n": "1"}, []byte("a=b")}},
		{"FC 3.0, base64",
			`{"rawPath":"/","isBase64Encoded":true,"body":"YT1i",
			"requestContext":{"http":{"method":"POST"}}}`, true,
			Request{"POST", map[string]string{}, map[string]string{}, []byte("a=b")}},
		{"API gateway, flag as text",
			`{"path":"/","httpMethod":"POST","isBase64Encoded":"true","body":"YT1i",
			"headers":null}`, true,
			Request{"POST", map[string]string{}, map[string]string{}, []byte("a=b")}},
		{"API gateway, flag says no",
			`{"path":"/","httpMethod":"POST","isBase64Encoded":"false","body":"YT1i"}`, true,
			Request{"POST", map[string]string{}, map[string]string{}, []byte("YT1i")}},
		{"base64 that is none has no body",
			`{"path":"/","httpMethod":"POST","isBase64Encoded":true,"body":"%"}`, true,
			Request{"POST", map[string]string{}, map[string]string{}, nil}},
		{"no body",
			`{"rawPath":"/","requestContext":{"http":{"method":"GET"}},
			"queryParameters":{"data":"{}"}}`, true,
			Request{"GET", map[string]string{}, map[string]string{"data": "{}"}, nil}},
		{"a system event", sample(t, "system-event-agent-stopped"), false, Request{}},
		{"a batch of requests is none", `[{"path":"/","httpMethod":"POST","body":""}]`, false,
			Request{}},
		{"a form", "path=/&httpMethod=POST&body=x", false, Request{}},
		{"not JSON", `{"path":"/","httpMethod":"POST","body":""`, false, Request{}},
	}
	for _, test := range tests {
		got, ok := HTTP([]byte(test.payload))
		if ok != test.ok || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %+v, %v; want %+v, %v", test.name, got, ok, test.want, test.ok)
		}
	}
}

// Notes and errors go to logs. Headers and query parameters may hold the function's token.
func TestTokensAreNotQuoted(t *testing.T) {
	const token = "s3cret-t0ken"
	for _, method := range []string{"GET", "POST"} {
		for _, body := range []string{`"x"`, `"a=b"`, `"[]"`, `1`, `"{"`, `null`} {
			for _, duplicate := range []string{"", `,"body":"other"`} {
				payload := `{"rawPath":"/","headers":{"authorization":"Bearer ` + token +
					`"},"queryParameters":{"token":"` + token +
					`"},"requestContext":{"http":{"method":"` + method + `"}},"body":` + body +
					duplicate + `}`
				alarms, err := Decode([]byte(payload))
				if said := fmt.Sprint(alarms, err); strings.Contains(said, token) {
					t.Errorf("%s: %s", payload, said)
				}
			}
		}
	}
}

func TestStringsCanBePrinted(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "web-01/10.0.0.1", "web-01/10.0.0.1"},
		{"any language", "基础监控", "基础监控"},
		{"an escape sequence", "a\x1b[31mb", "a\uFFFD[31mb"},
		{"a line break would forge a log line", "a\nb", "a\uFFFDb"},
		{"NUL", "a\x00b", "a\uFFFDb"},
		{"a mark that reverses text", "a\u202eb", "a\uFFFDb"},
		{"not UTF-8", "a\xffb", "a\uFFFDb"},
		{"512 bytes stay", strings.Repeat("x", 512), strings.Repeat("x", 512)},
		{"513 do not", strings.Repeat("x", 513), strings.Repeat("x", 512)},
		{"no character is cut", strings.Repeat("x", 511) + "é", strings.Repeat("x", 511)},
		{"replacing does not lengthen", strings.Repeat("\x01", 512), strings.Repeat("\uFFFD", 170)},
	}
	for _, test := range tests {
		if got := clean(test.in); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	a := decodeOne(t,
		`{"alertState":"ALERT","alertName":"cpu\u001b[2J","ruleId":"r","dimensions":"{}"}`)
	if a.Name != "cpu\uFFFD[2J" {
		t.Errorf("name %q", a.Name)
	}
}
