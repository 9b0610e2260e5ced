package events

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
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
		"fc-timer", "null", "true", "7", "{}"} {
		payload := name // JSON of no known shape
		if s, ok := SampleByName(name); ok {
			payload = string(s.Payload)
		}
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
	const tiny = `{"alertState":"ALERT","ruleId":"r"}`
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
		{"nor are those behind a quote in it", `"\"` + strings.Repeat("[", 100) + `"`, ""},
		{"nor those behind a backslash in it", `"\\\"` + strings.Repeat("[", 100) + `"`, ""},
		{"those behind a string are", `["\\",` + strings.Repeat("[", 100), "nested"},
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
		{"a topic's message that is the word null: JSON of no known shape", topic(`"null"`), ""},
		{"a topic's message that is null, which is the same", topic(`null`), ""},
		{"a topic's message that is null in base64", topic(`"bnVsbA=="`), ""},
		{"a form's document that is null", "data=null", ""},
		{"a request whose body is null", `{"path":"/","httpMethod":"POST","body":"null"}`, ""},
		{"a request without a body", `{"path":"/","httpMethod":"POST","body":null}`, "empty"},
		{"a topic's message that is no string", topic(`{"a":1}`), ""},
		{"a queue's event without data",
			`{"specversion":"1.0","source":"q","type":"mns:Queue:SendMessage"}`, "empty"},
		{"a request whose body is no string", `{"path":"/","httpMethod":"POST","body":{}}`,
			"no string"},
		{"a GET without parameters", `{"rawPath":"/","requestContext":{"http":{"method":"GET"}}}`,
			"GET"},
		{"the limit of alarms", "[" + strings.Repeat(tiny+",", MaxAlarms-1) + tiny + "]", ""},
		{"one alarm more", "[" + strings.Repeat(tiny+",", MaxAlarms) + tiny + "]",
			"more than 5000 alarms"},
		{"the same in nested batches", "[[" + strings.Repeat(tiny+",", MaxAlarms-1) + tiny + "],[" +
			tiny + "]]", "more than 5000 alarms"},
		{"one that is none more", "[" + strings.Repeat(tiny+",", MaxAlarms) + "0]",
			"more than 5000 alarms"},
		{"what is folded counts once", "[" + strings.Repeat(tiny+",", MaxAlarms-2) +
			strings.Repeat(`0,"x",`, MaxAlarms) + "0]", ""},
		{"the limit in an envelope", topic("[" + strings.Repeat(tiny+",", MaxAlarms) + tiny + "]"),
			"more than 5000 alarms"},
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

// The limit of nesting holds over envelopes as over brackets, or a few bytes that unfold into one
// another could make a decoder of any depth.
func TestEnvelopesCountAsNesting(t *testing.T) {
	in64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	in := func(head, tail string) func(string) string {
		return func(s string) string { return head + quoteJSON(s) + tail }
	}
	tests := []struct {
		name   string
		wrap   func(string) string
		levels int
	}{
		{"none", func(s string) string { return s }, 0},
		{"base64", in64, 1},
		{"JSON string", quoteJSON, 1},
		{"batch", in(`[`, `]`), 1},
		{"batch within batches", in(`[[[`, `]]]`), 3},
		{"MNS topic", in(`{"TopicName":"t","Message":`, `}`), 1},
		{"MNS topic in a topic, as JSON",
			in(`{"TopicName":"t","Message":{"TopicName":"t","Message":`, `}}`), 2},
		{"MNS topic around a batch", in(`{"TopicName":"t","Message":[`, `]}`), 2},
		{"MNS attributes", in(`{"attrs":{},"body":`, `}`), 1},
		{"MNS queue", in(`{"specversion":"1","source":"q","type":"mns:q","data":{"messageBody":`,
			`}}`), 2},
		{"HTTP", in(`{"httpMethod":"POST","path":"/","body":`, `}`), 1},
		{"GET", in(`{"httpMethod":"GET","path":"/","body":"","queryParameters":{"data":`, `}}`), 2},
		{"GET of an envelope", in(`{"httpMethod":"GET","path":"/","body":"","queryParameters":
			{"TopicName":"t","Message":`, `}}`), 2},
		{"form", func(s string) string { return "data=" + url.QueryEscape(s) }, 1},
		{"form in base64", func(s string) string { return in64("data=" + url.QueryEscape(s)) }, 2},
		{"form in a topic", func(s string) string {
			return `{"TopicName":"t","Message":` + quoteJSON("data="+url.QueryEscape(s)) + `}`
		}, 2},
	}
	nested := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for _, test := range tests {
		alarms, err := Decode([]byte(test.wrap(nested(MaxDepth - test.levels))))
		if err != nil || len(alarms) != 1 || alarms[0].Note != "an empty batch" {
			t.Errorf("%s at the limit: %+v, error %v", test.name, alarms, err)
		}
		alarms, err = Decode([]byte(test.wrap(nested(MaxDepth - test.levels + 1))))
		if err == nil && alarms[0].Note == "an empty batch" {
			t.Errorf("%s is decoded above the limit: %+v", test.name, alarms)
		}
	}
	// Envelopes without a bracket: each is the base64 of the next. The limit is a level, too.
	for inner, limit := range map[string]int{"[]": MaxDepth - 1, "a=b": MaxDepth} {
		want := decodeOne(t, inner).Note
		payload := inner
		for n := range MaxDepth + 2 {
			a, err := Decode([]byte(payload))
			if ok := err == nil && a[0].Note == want; ok != (n <= limit) {
				t.Errorf("%d levels of base64 around %s: %+v, error %v", n, inner, a, err)
			}
			payload = in64(payload)
		}
	}
}

func TestBatch(t *testing.T) {
	agent := sample(t, "system-event-agent-stopped")
	const none, broken = ProblemNotAnAlarm, ProblemUndecodable
	queue := func(message string) string {
		return `{"specversion":"1.0","source":"q","type":"mns:Queue:SendMessage",
			"data":{"messageBody":` + quoteJSON(message) + `}}`
	}
	tests := []struct {
		name, payload string
		problems      []Problem
		notes         []string // how the notes of what is no alarm begin, in this order
	}{
		{"empty: one result all the same", `[]`, []Problem{none}, []string{"an empty batch"}},
		{"an empty one inside", `[[]]`, []Problem{none}, []string{"an empty batch"}},
		{"a batch of one is as good as none", `[{}]`, []Problem{none}, []string{"none of the"}},
		{"objects and strings", `[` + agent + `,` + quoteJSON(agent) + `]`, []Problem{"", ""}, nil},
		{"bad elements in between", `[` + agent + `,"x",null,` + agent + `]`,
			[]Problem{"", broken, none, ""}, []string{
				`1 of 4 elements is undecodable, element 2: neither JSON nor a form, it starts w`,
				`1 of 4 elements is no alarm, element 3: a JSON value that is no object`}},
		{"an envelope around nothing", `[{"TopicName":"t","Message":"x"},` + agent + `]`,
			[]Problem{broken, ""}, []string{"1 of 2 elements is undecodable, element 1: neither"}},
		{"a string nested too deep", `[` + quoteJSON(strings.Repeat("[", 40)) + `,` + agent + `]`,
			[]Problem{broken, ""}, []string{"1 of 2 elements is undecodable, element 1: it is ne"}},
		{"a string that is no JSON", `[` + agent + `,"{\"a"]`, []Problem{"", broken},
			[]string{"1 of 2 elements is undecodable, element 2: not JSON: unexpected end"}},
		{"many that are no alarm", `[` + agent + `,0,1,` + agent + `,{},[],"1"]`,
			[]Problem{"", none, ""}, []string{
				"5 of 7 elements are no alarm, the first is element 2: a JSON value that is"}},
		{"many that are undecodable", `["x",` + agent + `,"","{"]`, []Problem{broken, ""}, []string{
			"3 of 4 elements are undecodable, the first is element 1: neither JSON nor a form"}},
		{"both, in the order of their first ones", `["x",0,"y",1,` + agent + `,2,"z"]`,
			[]Problem{broken, none, ""}, []string{
				"3 of 7 elements are undecodable, the first is element 1: neither JSON",
				"3 of 7 elements are no alarm, the first is element 2: a JSON value"}},
		{"events of the timer", `[` + sample(t, "fc-timer") + `,{},` + agent + `]`,
			[]Problem{none, ""}, []string{"2 of 3 elements are no alarm, the first is element 1"}},
		{"one event of the timer stays one", `[` + agent + `,` + sample(t, "fc-timer") + `]`,
			[]Problem{"", none}, []string{"1 of 2 elements is no alarm, element 2: a timer"}},
		{"events of others that are no alarms", `[` + strings.Repeat(`{"specversion":"1.0",
			"source":"q","type":"t"},`, 3) + agent + `]`, []Problem{none, ""},
			[]string{"3 of 4 elements are no alarm, the first is element 1: source is"}},
		{"events of other services are alarms", `[` + strings.Repeat(`{"specversion":"1.0",
			"source":"acs.rds","type":"t"},`, 2) + agent + `]`,
			[]Problem{ProblemNotECS, ProblemNotECS, ""}, []string{"source is", "source is"}},
		{"contradictions are alarms", `[` + strings.Repeat(sample(t,
			"system-event-duplicate-key")+`,`, 2) + agent + `]`,
			[]Problem{ProblemContradiction, ProblemContradiction, ""},
			[]string{"resourceId is", "resourceId is"}},
		{"batches within a batch count as their elements", `[[0,` + agent + `],[[],["x"]],` +
			agent + `,"y"]`, []Problem{none, "", broken, ""}, []string{
			"2 of 6 elements are no alarm, the first is element 1: a JSON value that is no object",
			"2 of 6 elements are undecodable, the first is element 4: neither JSON"}},
		{"a batch in an envelope", queue(`[0,1,` + agent + `]`), []Problem{none, ""},
			[]string{"2 of 3 elements are no alarm, the first is element 1: a JSON value"}},
		{"envelopes in a batch", `[` + queue("x") + `,` + queue(agent) + `,` + queue("{}") + `,` +
			queue("y") + `]`, []Problem{broken, "", none}, []string{
			"2 of 4 elements are undecodable, the first is element 1: neither",
			"1 of 4 elements is no alarm, element 3: none of the"}},
	}
	for _, test := range tests {
		alarms, err := Decode([]byte(test.payload))
		var problems []Problem
		var notes []string
		for _, a := range alarms {
			problems = append(problems, a.Problem)
			if a.Problem != "" {
				notes = append(notes, a.Note)
			}
			checkAlarm(t, a)
		}
		if err != nil || !slices.Equal(problems, test.problems) {
			t.Errorf("%s: problems %q, error %v; want %q", test.name, problems, err, test.problems)
		}
		if !slices.EqualFunc(notes, test.notes, strings.HasPrefix) {
			t.Errorf("%s: the notes are %q, not %q...", test.name, notes, test.notes)
		}
	}
}

// A folded alarm says nothing of the first of its elements but its reason, and has a Key of its
// own: it stands for as many as it counts.
func TestFoldedAlarms(t *testing.T) {
	timer := sample(t, "fc-timer")
	one := decodeOne(t, `[`+timer+`]`)
	two := decodeOne(t, `[`+timer+`,`+timer+`]`)
	three := decodeOne(t, `[`+timer+`,`+timer+`,`+timer+`]`)
	if one.Format != FormatTimer || one.Name != "TestTimer" || one.Time.IsZero() {
		t.Errorf("a batch of one timer: %+v", one)
	}
	if two.Format != FormatUnknown || two.State != StateUnknown || two.Name != "" ||
		!two.Time.IsZero() || two.Problem != ProblemNotAnAlarm {
		t.Errorf("two timers: %+v", two)
	}
	if one.Key == two.Key || two.Key == three.Key {
		t.Errorf("keys %q, %q, %q", one.Key, two.Key, three.Key)
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
		{"bytes of which no character begins", strings.Repeat("\x80", 513), ""},
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

// A note quotes what it complains about, and says where it cut it.
func TestQuote(t *testing.T) {
	long := strings.Repeat("x", 60)
	tests := []struct{ in, want string }{
		{"", `""`},
		{"a\n\"b", `"a\n\"b"`},
		{long, `"` + long + `"`},
		{long + "x", `"` + long + `"...`},
		{long[1:] + "é", `"` + long[1:] + `"...`},
	}
	for _, test := range tests {
		if got := quote(test.in); got != test.want {
			t.Errorf("%q: %s, want %s", test.in, got, test.want)
		}
	}
}
