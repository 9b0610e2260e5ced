package events

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestInstanceProblem(t *testing.T) {
	tests := []struct {
		id   string
		want Problem
		why  string
	}{
		{"i-bp1abcdefghijklmnopq", "", "ids of today"},
		{"i-25k35abcd", "", "ids of before 2016 are shorter: nine characters"},
		{"i-25k35abc", ProblemPlaceholder, "eight are too few"},
		{"i-" + strings.Repeat("ab", 20), "", "forty characters"},
		{"i-" + strings.Repeat("ab", 20) + "c", ProblemPlaceholder, "forty-one are too many"},
		{"i-bp1ecr********5go2go", ProblemPlaceholder, "masked in a document"},
		{"<resource-id>", ProblemPlaceholder, "the console's debug event"},
		{"{instanceId}", ProblemPlaceholder, "SendDryRunSystemEvent"},
		{"i-12345", ProblemPlaceholder, "the 2018 edition of document 60714"},
		{"i-1234567890", ProblemPlaceholder, "counted up"},
		{"i-1234567891", "", "not counted up"},
		{"i-testhost", ProblemPlaceholder, "the subscription's sample"},
		{"i-testinstance01", ProblemPlaceholder, "a test word"},
		{"i-bp1testabcdefghijk", "", "the word is no beginning: real ids are random"},
		{"i-bp1xxxxabcdefghijk", "", "four x may happen"},
		{"i-bp1xxxxxabcdefghij", ProblemPlaceholder, "five x do not"},
		{"i-000000000", ProblemPlaceholder, "one character only"},
		{"i-000000001", "", "not one character only"},
		{"i-BP1ABCDEFGHIJKLMNO", ProblemPlaceholder, "capitals"},
		{"i-bp1abcdefghijklmno\n", ProblemPlaceholder, "a line break"},
		{"i-bp1abcdefg/../hijkl", ProblemPlaceholder, "a path"},
		{"i-", ProblemPlaceholder, "nothing behind the prefix"},
		{"ibp1abcdefghijklmnopq", ProblemPlaceholder, "no hyphen"},
		{"rm-bp1abcdefghijklmno", ProblemNotECS, "an RDS instance"},
		{"d-bp1abcdefghijklmnop", ProblemNotECS, "a disk"},
		{"", ProblemPlaceholder, "nothing"},
	}
	for _, test := range tests {
		if got := instanceProblem(test.id); got != test.want {
			t.Errorf("%q: %q, want %q: %s", test.id, got, test.want, test.why)
		}
	}
}

func TestParseTime(t *testing.T) {
	tests := []struct{ in, want, why string }{
		{"20190409T121826.922+0800", "2019-04-09T04:18:26.922Z", "a notification's eventTime"},
		{"20190409T121826+0800", "2019-04-09T04:18:26Z", "without a fraction"},
		{"20190409T041826Z", "2019-04-09T04:18:26Z", "in UTC"},
		{"2019-04-09T04:18:26Z", "2019-04-09T04:18:26Z", "RFC 3339"},
		{"2019-04-09T12:18:26.5+08:00", "2019-04-09T04:18:26.5Z", "RFC 3339 with an offset"},
		{"2019-04-09T12:18:26+0800", "2019-04-09T04:18:26Z", "an offset without colon"},
		{"2019-11-11T11:00Z", "2019-11-11T11:00:00Z", "minutes"},
		{"2019-11-11T19:00+08:00", "2019-11-11T11:00:00Z", "minutes with an offset"},
		{"2020-11-19T21:04:42.179PRC", "2020-11-19T13:04:42.179Z", "EventBridge"},
		{"2020-11-19T21:04:42.179", "", "no zone: could be either"},
		{"2020-11-19 21:04:42", "", "no zone"},
		{"1508136760", "2017-10-16T06:52:40Z", "ten digits are seconds"},
		{"1508136760000", "2017-10-16T06:52:40Z", "thirteen are milliseconds"},
		{"1.534736160000E12", "2018-08-20T03:36:00Z", "a float of whole milliseconds"},
		{"1508136760.5", "", "a float that is not whole"},
		{"999999999", "", "nine digits: 2001 and before"},
		{"1000000000", "2001-09-09T01:46:40Z", "the first second of ten digits"},
		{"9999999999", "2286-11-20T17:46:39Z", "the last one"},
		{"10000000000", "", "eleven digits: neither"},
		{"999999999999", "", "twelve digits: neither"},
		{"1000000000000", "2001-09-09T01:46:40Z", "the first millisecond of thirteen digits"},
		{"9999999999999", "2286-11-20T17:46:39.999Z", "the last one"},
		{"10000000000000", "", "fourteen digits: neither"},
		{"-1508136760", "", "negative"},
		{"NaN", "", "no number"},
		{"1e400", "", "no number that fits"},
		{"0001-01-01T00:00:00Z", "", "how Go and ARMS write no time"},
		{"2000-12-31T23:59:59Z", "", "no event of a cloud: as with epochs, 2001 is the first year"},
		{"2001-01-01T00:00:00Z", "2001-01-01T00:00:00Z", "the first second that counts"},
		{"yesterday", "", "no time"},
		{"", "", "nothing"},
	}
	for _, test := range tests {
		got := parseTime(test.in)
		if test.want == "" && got.IsZero() {
			continue
		}
		if text := got.Format(time.RFC3339Nano); text != test.want || got.Location() != time.UTC {
			t.Errorf("%q: %s, want %q: %s", test.in, text, test.want, test.why)
		}
	}
}

// callback is a threshold callback with some of its parameters replaced; an empty value drops one.
func callback(t *testing.T, changes ...string) string {
	t.Helper()
	form, err := url.ParseQuery(sample(t, "threshold-form-cpu-firing"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(changes); i += 2 {
		form.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			form.Del(changes[i])
		}
	}
	return form.Encode()
}

func TestThreshold(t *testing.T) {
	dims := func(s string) []string { return []string{"dimensions", s} }
	tests := []struct {
		name    string
		changes []string
		state   State
		problem Problem
	}{
		{"ALERT", nil, StateFiring, ""},
		{"ALARM", []string{"alertState", "ALARM"}, StateFiring, ""},
		{"OK", []string{"alertState", "OK", "triggerLevel", "OK"}, StateResolved, ""},
		{"OK with the level that it had", []string{"alertState", "OK"}, StateResolved, ""},
		{"no data", []string{"alertState", "INSUFFICIENT_DATA"}, StateInsufficientData, ""},
		{"another state", []string{"alertState", "ALERTING"}, StateUnknown, ""},
		{"the word null", []string{"alertState", "null"}, StateUnknown, ""},
		{"ALERT, but the level is OK", []string{"triggerLevel", "OK"}, StateFiring,
			ProblemContradiction},
		{"ALERT, no level", []string{"triggerLevel", "NULL"}, StateFiring, ""},
		{"both spellings of ECS", []string{"namespace", "acs_ecs", "metricProject",
			"acs_ecs_dashboard"}, StateFiring, ""},
		{"no namespace, but the project", []string{"namespace", "null"}, StateFiring, ""},
		{"neither", []string{"namespace", "", "metricProject", ""}, StateFiring, ProblemNotECS},
		{"another service", []string{"namespace", "acs_slb_dashboard"}, StateFiring, ProblemNotECS},
		{"another service by the project only", []string{"metricProject", "acs_slb"}, StateFiring,
			ProblemNotECS},
		{"a probe", []string{"namespace", "acs_cms_detect"}, StateFiring, ProblemNoInstance},
		{"a probe by the project only", []string{"metricProject", "acs_networkmonitor"},
			StateFiring, ProblemNoInstance},
		{"no region", []string{"regionId", ""}, StateFiring, ""},
		{"no valid region", []string{"regionId", "cn-hangzhou.evil.example"}, StateFiring,
			ProblemRegion},
		{"other order, more keys",
			dims("{device=/dev/vda1, instanceId=" + instance + ",userId=" + account + "}"),
			StateFiring, ""},
		{"no brackets", dims("instanceId=" + instance), StateFiring, ""},
		{"a value with an equals sign", dims("{state=a=b, instanceId=" + instance + "}"),
			StateFiring, ""},
		{"the same instance twice",
			dims("{instanceId=" + instance + ", instanceId=" + instance + "}"), StateFiring, ""},
		{"two instances", dims("{instanceId=" + instance + ", instanceId=" + other + "}"),
			StateFiring, ProblemContradiction},
		{"two instances, no blank",
			dims("{device=x,instanceId=" + other + ",instanceId=" + instance + "}"), StateFiring,
			ProblemContradiction},
		{"keys that differ in case",
			dims("{instanceId=" + instance + ", InstanceId=" + other + "}"), StateFiring,
			ProblemContradiction},
		{"only another case", dims("{InstanceId=" + instance + "}"), StateFiring,
			ProblemNoInstance},
		{"the word null as the instance", dims("{instanceId=null}"), StateFiring,
			ProblemNoInstance},
		{"empty", dims("{}"), StateFiring, ProblemNoInstance},
		{"none", []string{"dimensions", ""}, StateFiring, ProblemNoInstance},
		{"JSON object", dims(`{"instanceId":"` + instance + `"}`), StateFiring, ""},
		{"JSON object, two instances",
			dims(`{"instanceId":"` + instance + `","instanceId":"` + other + `"}`), StateFiring,
			ProblemContradiction},
		{"JSON array", dims(`[{"instanceId":"` + instance + `"}]`), StateFiring, ""},
		{"JSON array, one instance twice",
			dims(`[{"instanceId":"` + instance + `"},{"instanceId":"` + instance + `"}]`),
			StateFiring, ""},
		{"JSON array, two instances",
			dims(`[{"instanceId":"` + instance + `"},{"instanceId":"` + other + `"}]`), StateFiring,
			ProblemContradiction},
		{"JSON array of nothing", dims(`[]`), StateFiring, ProblemNoInstance},
		{"a hundred in a JSON array", dims(`[` + strings.Repeat(`{"instanceId":"`+instance+`"},`,
			99) + `{}]`), StateFiring, ""},
		{"one more", dims(`[` + strings.Repeat(`{"instanceId":"`+instance+`"},`, 100) + `{}]`),
			StateFiring, ProblemContradiction},
		{"an endless JSON array",
			dims(`[` + strings.Repeat(`{"instanceId":"`+instance+`"},`, 200) + `{}]`), StateFiring,
			ProblemContradiction},
		{"cut-off JSON is read as the map that it is not", dims(`{"instanceId":"` + instance),
			StateFiring, ProblemNoInstance},
	}
	for _, test := range tests {
		a := decodeOne(t, callback(t, test.changes...))
		if a.Format != FormatThreshold || a.State != test.state || a.Problem != test.problem {
			t.Errorf("%s: %s, problem %q (%s); want %s, %q", test.name, a.State, a.Problem, a.Note,
				test.state, test.problem)
		}
		named := a.Problem == "" || a.Problem == ProblemRegion
		if named != (a.Instance == instance) && a.Problem != ProblemContradiction {
			t.Errorf("%s: instance %q with problem %q", test.name, a.Instance, a.Problem)
		}
	}
}

// What url.ParseQuery would drop or refuse must neither be guessed nor take anything else with it.
func TestFormPitfalls(t *testing.T) {
	form := sample(t, "threshold-form-cpu-firing")
	tests := []struct {
		name, payload string
		problem       Problem
	}{
		{"unit=% at the end", form + "&unit=%", ""},
		{"unit=% at the beginning", "unit=%&" + form, ""},
		{"a broken name", "%zz=1&" + form, ""},
		{"a semicolon in a field that nobody reads", form + "&instanceName=a;b", ""},
		{"pairs without value, empty pairs", "&&x&=&" + form + "&", ""},
		{"the same field twice, same value", form + "&alertState=ALERT", ""},
		{"the same field twice", form + "&alertState=OK", ProblemContradiction},
		{"the same field in another case", form + "&AlertState=OK", ProblemContradiction},
		{"the same field, escaped", form + "&%61lertState=OK", ProblemContradiction},
		{"a second, broken state", form + "&alertState=%", ProblemContradiction},
		{"a broken account", form + "&userId=%f", ProblemContradiction},
		{"a broken instance", form + "&dimensions=%", ProblemContradiction},
		{"a semicolon in the dimensions", form + "&dimensions=a;b", ProblemContradiction},
	}
	for _, test := range tests {
		a := decodeOne(t, test.payload)
		if a.Problem != test.problem || (a.Instance == instance) != (test.problem == "") {
			t.Errorf("%s: problem %q (%s), instance %q; want %q", test.name, a.Problem, a.Note,
				a.Instance, test.problem)
		}
	}
}

func TestMetricMNS(t *testing.T) {
	tests := []struct {
		name, old, new string
		state          State
		problem        Problem
	}{
		{"CRITICAL", "", "", StateFiring, ""},
		{"WARN", `"CRITICAL"`, `"WARN"`, StateFiring, ""},
		{"INFO", `"CRITICAL"`, `"INFO"`, StateFiring, ""},
		{"OK", `"CRITICAL"`, `"OK"`, StateResolved, ""},
		{"a level of no document", `"CRITICAL"`, `"FATAL"`, StateUnknown, ""},
		{"no level", `"CRITICAL"`, `null`, StateUnknown, ""},
		{"another event name", `"eventType"`, `"eventName": "Alert", "eventType"`, StateFiring, ""},
		{"resources and metricData differ", `\"instanceId\": \"` + instance,
			`\"instanceId\": \"` + other, StateFiring, ProblemContradiction},
		{"resources name none, metricData does", `\"instanceId\"`, `\"groupId\"`, StateFiring, ""},
		{"resources is an object", `"{\"instanceId\": \"` + instance + `\"}"`,
			`{"instanceId": "` + instance + `"}`, StateFiring, ""},
		{"another namespace", "acs_ecs_dashboard", "acs_kvstore", StateFiring, ProblemNotECS},
	}
	for _, test := range tests {
		payload := sample(t, "metric-mns-firing")
		changed := strings.Replace(payload, test.old, test.new, 1)
		if test.old != "" && changed == payload {
			t.Fatalf("%s: the sample does not hold %s", test.name, test.old)
		}
		a := decodeOne(t, changed)
		if a.Format != FormatMetricMNS || a.State != test.state || a.Problem != test.problem {
			t.Errorf("%s: %s, problem %q (%s); want %s, %q", test.name, a.State, a.Problem, a.Note,
				test.state, test.problem)
		}
	}
}

// Silence is the sign of a hang that needs no agent to report it, so an alarm about it must get
// through, however it is written; and what doubts itself must be told from what does not.
func TestWhatAMetricAlarmSays(t *testing.T) {
	mns := func(changes ...string) string {
		payload := sample(t, "metric-mns-firing")
		for i := 0; i < len(changes); i += 2 {
			changed := strings.Replace(payload, changes[i], changes[i+1], 1)
			if changed == payload {
				t.Fatalf("the sample does not hold %s", changes[i])
			}
			payload = changed
		}
		return payload
	}
	level := func(word string) []string {
		return []string{`"curLevel": "CRITICAL"`, `"curLevel": ` + quoteJSON(word)}
	}
	data := func(fields string) string {
		return regexp.MustCompile(`(?s)"metricData": \{.*?\}`).ReplaceAllLiteralString(mns(),
			`"metricData": `+fields)
	}
	const alertOK, who = `"eventName": "AlertOk", "eventType"`, `"userId":"` + account + `"`
	tests := []struct {
		name, payload string
		state         State
		level         string
		weak          bool
	}{
		{"a level", mns(), StateFiring, "CRITICAL", false},
		{"in small letters", mns(level("critical")...), StateFiring, "CRITICAL", false},
		{"P1 is above P2", mns(level("P1")...), StateFiring, "CRITICAL", false},
		{"P2 in the alert log", mns(level("P2")...), StateFiring, "CRITICAL", false},
		{"P3 in the alert log", mns(level("P3")...), StateFiring, "WARN", false},
		{"P4 in the alert log", mns(level("p4")...), StateFiring, "INFO", false},
		{"P5 is in none", mns(level("P5")...), StateUnknown, "P5", false},
		{"ERROR of CloudMonitor 2.0", mns(level("ERROR")...), StateFiring, "ERROR", false},
		{"WARNING of CloudMonitor 2.0", mns(level("Warning")...), StateFiring, "WARNING", false},
		{"OK", mns(level("Ok")...), StateResolved, "", false},

		{"no data", mns(level("INSUFFICIENT_DATA")...), StateInsufficientData, "", false},
		{"no data, another word", mns(level("NODATA")...), StateInsufficientData, "", false},
		{"no data, a third one", mns(level("No_Data")...), StateInsufficientData, "", false},
		{"not quite the word", mns(level("DATA")...), StateUnknown, "DATA", false},
		{"no data, and AlertOk", mns(append(level("NODATA"), `"eventType"`, alertOK)...),
			StateInsufficientData, "", true},

		{"a level and AlertOk", mns(`"eventType"`, alertOK), StateFiring, "CRITICAL", true},
		{"a level and alertok", mns(`"eventType"`, `"eventName": "alertok", "eventType"`),
			StateFiring, "CRITICAL", true},
		{"a level and another event", mns(`"eventType"`, `"eventName": "Alert", "eventType"`),
			StateFiring, "CRITICAL", false},
		{"OK and AlertOk agree", mns(append(level("OK"), `"eventType"`, alertOK)...),
			StateResolved, "", false},
		{"a level that nobody knows, and AlertOk", mns(append(level("FATAL"), `"eventType"`,
			alertOK)...), StateUnknown, "FATAL", false},

		{"nothing was measured", data(`{"timestamp":1700000000000,` + who + `}`),
			StateInsufficientData, "CRITICAL", false},
		{"empty data", data(`{}`), StateInsufficientData, "CRITICAL", false},
		{"data without values as text", data(`"{}"`), StateInsufficientData, "CRITICAL", false},
		{"a value that is null", data(`{"Average":null,"Maximum":""}`), StateInsufficientData,
			"CRITICAL", false},
		{"a value that is no number", data(`{"Average":"NaN"}`), StateInsufficientData, "CRITICAL",
			false},
		{"only numbers that are no values",
			data(`{"timestamp":1,"userId":1,"time":1,"period":60}`), StateInsufficientData,
			"CRITICAL", false},
		{"only text and objects", data(`{"instanceId":"` + instance + `","AliyunCmsPrevValues":
			{"Average":1}}`), StateInsufficientData, "CRITICAL", false},
		{"zero is a value", data(`{"Average":0}`), StateFiring, "CRITICAL", false},
		{"a value as text", data(`{"Average":"99.8"}`), StateFiring, "CRITICAL", false},
		{"a value in a list", data(`{"Average":["99.8"]}`), StateFiring, "CRITICAL", false},
		{"an empty list", data(`{"Average":[]}`), StateInsufficientData, "CRITICAL", false},
		{"a statistic of any name", data(`{"p99":1e2}`), StateFiring, "CRITICAL", false},
		{"no metricData", mns(`"metricData"`, `"otherData"`), StateFiring, "CRITICAL", false},
		{"metricData is no object", data(`5`), StateFiring, "CRITICAL", false},
		{"nothing was measured, and it is OK", strings.Replace(data(`{}`), `"CRITICAL"`, `"OK"`, 1),
			StateResolved, "", false},
		{"nothing was measured, a level that nobody knows",
			strings.Replace(data(`{}`), `"CRITICAL"`, `"FATAL"`, 1), StateUnknown, "FATAL", false},

		{"a callback", callback(t), StateFiring, "CRITICAL", false},
		{"a callback with P3", callback(t, "triggerLevel", "P3"), StateFiring, "WARN", false},
		{"a callback without data", callback(t, "alertState", "INSUFFICIENT_DATA", "triggerLevel",
			"null"), StateInsufficientData, "", false},
		{"a callback without data keeps its level", callback(t, "alertState", "insufficient_data",
			"triggerLevel", "INFO"), StateInsufficientData, "INFO", false},
		{"a callback without data whose level says so, too", callback(t, "alertState", "NO_DATA",
			"triggerLevel", "NODATA"), StateInsufficientData, "", false},
		{"a callback without data whose level is OK", callback(t, "alertState", "NoData",
			"triggerLevel", "OK"), StateInsufficientData, "", false},
		{"a callback of which only the level says so", callback(t, "triggerLevel", "NO_DATA"),
			StateInsufficientData, "", false},
		{"resolved, whatever its level says", callback(t, "alertState", "OK", "triggerLevel",
			"NO_DATA"), StateResolved, "", false},
		{"a JSON callback without data", strings.Replace(sample(t,
			"threshold-json-dimensions-string"), `"ALERT"`, `"NODATA"`, 1), StateInsufficientData,
			"CRITICAL", false},
	}
	for _, test := range tests {
		a := decodeOne(t, test.payload)
		if a.State != test.state || a.Level != test.level || a.Weak != test.weak ||
			a.Problem != "" || a.Instance != instance {
			t.Errorf("%s: %s, level %q, weak %v, problem %q (%s), instance %q; want %s, %q, %v",
				test.name, a.State, a.Level, a.Weak, a.Problem, a.Note, a.Instance, test.state,
				test.level, test.weak)
		}
		if a.Weak && !strings.Contains(a.Note, "AlertOk") && !strings.Contains(a.Note, "alertok") {
			t.Errorf("%s: the note does not say why it is weak: %q", test.name, a.Note)
		}
	}
}

// inAList replaces the value of a field by a list of its text.
func inAList(t *testing.T, payload, name string) string {
	t.Helper()
	fields := map[string]json.RawMessage{}
	if err := json.Unmarshal([]byte(payload), &fields); err != nil || fields[name] == nil {
		t.Fatalf("no field %s: %v", name, err)
	}
	fields[name] = json.RawMessage(`[` + quoteJSON(string(fields[name])) + `]`)
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// An event's level is told in the same words as a metric's.
func TestLevelsOfEvents(t *testing.T) {
	for level, want := range map[string]string{"CRITICAL": "CRITICAL", "P2": "CRITICAL",
		"warn": "WARN", "P3": "WARN", "P4": "INFO", "OK": "", "": "", "null": ""} {
		payload := strings.Replace(sample(t, "system-event-agent-stopped"), `"CRITICAL"`,
			quoteJSON(level), 1)
		if a := decodeOne(t, payload); a.Level != want {
			t.Errorf("%q: level %q, want %q", level, a.Level, want)
		}
	}
}

// Forwarders that read a form with Python's parse_qs pass every value on as a list of one. Only
// where there is nothing to choose from is a list as good as its element.
func TestListsOfOne(t *testing.T) {
	lists := sample(t, "threshold-json-lists")
	with := func(field, value string) string {
		return regexp.MustCompile(`(?s)"`+field+`": \[.*?\]`).ReplaceAllLiteralString(lists,
			`"`+field+`":`+value)
	}
	event := func(field, value string) string {
		return regexp.MustCompile(`"`+field+`": "[^"]*"`).ReplaceAllLiteralString(
			sample(t, "system-event-agent-stopped"), `"`+field+`":`+value)
	}
	const arn = "acs:ecs:cn-hangzhou:" + account + ":instance/"
	dims := `{userId=` + account + `, instanceId=` + instance + `}`
	inJSON := `{"userId":"` + account + `","instanceId":"` + instance + `"}`
	tests := []struct {
		name, payload string
		state         State
		says          string // the field that the note names; empty: no problem
	}{
		{"every value a list of one", lists, StateFiring, ""},
		{"two states", with("alertState", `["ALERT","OK"]`), StateUnknown, "alertState is a list"},
		{"the same state twice", with("alertState", `["ALERT","ALERT"]`), StateUnknown,
			"alertState is a list"},
		{"a list and a text", with("alertState", `["ALERT"],"alertState":"ALERT"`), StateFiring,
			"alertState is given twice"},
		{"a list within a list", with("alertState", `[["ALERT"]]`), StateUnknown, ""},
		{"an object in a list", with("alertState", `[{}]`), StateUnknown, ""},
		{"null in a list", with("alertState", `[null]`), StateUnknown, ""},
		{"the word null in a list", with("alertState", `["null"]`), StateUnknown, ""},
		{"an empty list", with("alertState", `[]`), StateUnknown, ""},
		{"blanks around", with("alertState", `[ " ALERT " ]`), StateFiring, ""},
		{"a number in a list", with("timestamp", `[1700000000000]`), StateFiring, ""},
		{"two times", with("timestamp", `[1700000000000,1]`), StateFiring, "timestamp is a list"},
		{"two regions", with("regionId", `["cn-hangzhou","cn-beijing"]`), StateFiring,
			"regionId is a list"},
		{"two accounts", with("userId", `["`+account+`","1"]`), StateFiring, "userId is a list"},
		{"two episodes", with("transId", `["1","2"]`), StateFiring, "transId is a list"},
		{"two rules", with("ruleId", `["1","2"]`), StateFiring, "ruleId is a list"},
		{"two of what nobody reads", with("curValue", `["1","2"]`), StateFiring, ""},
		{"dimensions, as JSON", with("dimensions", quoteJSON(`[`+quoteJSON(inJSON)+`]`)),
			StateFiring, ""},
		{"dimensions twice", with("dimensions", `[`+quoteJSON(dims)+`,`+quoteJSON(dims)+`]`),
			StateFiring, "dimensions is a list"},
		{"dimensions twice, as JSON", with("dimensions", `[`+quoteJSON(inJSON)+`,`+inJSON+`]`),
			StateFiring, "dimensions is a list"},
		{"dimensions twice, in a text", with("dimensions", quoteJSON(`[`+quoteJSON(dims)+`,`+
			quoteJSON(dims)+`]`)), StateFiring, "dimensions is a list"},
		{"an instance in a list", with("dimensions", `{"instanceId":["`+instance+`"]}`),
			StateFiring, ""},
		{"two instances in a list", with("dimensions", `{"instanceId":["`+instance+`","`+other+
			`"]}`), StateFiring, "instanceId is a list"},

		{"a form", callback(t, "alertState", `["ALERT"]`, "dimensions", `[`+quoteJSON(dims)+`]`),
			StateFiring, ""},
		{"a form with two states", callback(t, "alertState", `["ALERT","OK"]`), StateUnknown,
			"alertState is a list"},
		{"a form with two regions", callback(t, "regionId", ` ["cn-hangzhou", "cn-beijing"] `),
			StateFiring, "regionId is a list"},

		{"an event's status", event("status", `["stopped"]`), StateFiring, ""},
		{"an event's two statuses", event("status", `["stopped","running"]`), StateFiring,
			"status is a list"},
		{"an event's resource", event("resourceId", `["`+arn+instance+`"]`), StateFiring, ""},
		{"an event's two resources", event("resourceId", `["`+arn+instance+`","`+arn+other+`"]`),
			StateFiring, "resourceId is a list"},
		{"an event's two levels", event("level", `["INFO","CRITICAL"]`), StateFiring,
			"level is a list"},
		{"an event's id", event("id", `["a","b"]`), StateFiring, "id is a list"},
		{"two products", event("product", `["ECS","RDS"]`), StateFiring, "product is a list"},
		{"a metric alarm in MNS", strings.Replace(sample(t, "metric-mns-firing"), `"CRITICAL"`,
			`["CRITICAL"]`, 1), StateFiring, ""},
		{"a metric alarm in MNS, two levels", strings.Replace(sample(t, "metric-mns-firing"),
			`"CRITICAL"`, `["CRITICAL","OK"]`, 1), StateUnknown, "curLevel is a list"},
		{"resources in a list", strings.Replace(sample(t, "metric-mns-firing"),
			`"{\"instanceId\": \"`+instance+`\"}"`, `["{\"instanceId\": \"`+instance+`\"}"]`, 1),
			StateFiring, ""},
		{"two accounts in the data", strings.Replace(sample(t, "metric-mns-firing"),
			`"userId": "`+account+`"`, `"userId": ["1","2"]`, 1), StateFiring, "userId is a list"},
		{"an event on the bus", strings.Replace(sample(t, "eventbridge-performance-impact"),
			`"subject": "`+arn+instance+`"`, `"subject": ["`+arn+instance+`"]`, 1), StateFiring,
			""},
		{"two subjects on the bus", strings.Replace(sample(t, "eventbridge-performance-impact"),
			`"subject": "`+arn+instance+`"`, `"subject": ["`+arn+instance+`","x"]`, 1), StateFiring,
			"subject is a list"},
		{"an alert's two statuses", strings.Replace(sample(t, "subscription-agent-stopped"),
			`"TRIGGERED"`, `["TRIGGERED","RESOLVED"]`, 1), StateUnknown, "alertStatus is a list"},
		{"an alert as text in a list", inAList(t, sample(t, "subscription-agent-stopped"),
			"alert"), StateFiring, ""},
		{"a content as text in a list", inAList(t, sample(t, "system-event-agent-stopped"),
			"content"), StateFiring, ""},
		{"metricData as text in a list", inAList(t, sample(t, "metric-mns-firing"), "metricData"),
			StateFiring, ""},
	}
	for _, test := range tests {
		a := decodeOne(t, test.payload)
		if a.State != test.state || a.Problem == ProblemContradiction != (test.says != "") ||
			!strings.Contains(a.Note, test.says) || test.says == "" && a.Instance != instance {
			t.Errorf("%s: %s, problem %q (%s), instance %q; want %s, %q", test.name, a.State,
				a.Problem, a.Note, a.Instance, test.state, test.says)
		}
	}
	// Only a list of texts is one where a text belongs: a rule may be called anything else.
	for _, name := range []string{`[prod] cpu`, `[1,2]`, `["a",2]`, `[]`, `[ ]`, `["a","b"`, `[]]`,
		`{"a":["b"]}`} {
		if a := decodeOne(t, callback(t, "alertName", name)); a.Name != name {
			t.Errorf("the name %s becomes %s", name, a.Name)
		}
	}
	// A list changes nothing about what the alarm is.
	want, got := decodeOne(t, callback(t)), decodeOne(t, lists)
	if want != got || decodeOne(t, sample(t, "threshold-form-lists")) != want {
		t.Errorf("the lists decode to\n%+v, not to\n%+v", got, want)
	}
}

// notify is a system event with the name, the outer status and the content's fields given as JSON.
func notify(name, status, content string) string {
	return fmt.Sprintf(`{"product":"ECS","id":"1","name":%q,"status":%q,
		"resourceId":"acs:ecs:cn-hangzhou:%s:instance/%s","regionId":"cn-hangzhou","userId":%q,
		"eventTime":"20231115T101500.123+0800","content":{%s}}`,
		name, status, account, instance, account, content)
}

func TestSystemEventState(t *testing.T) {
	const reboot, hang = "Instance:SystemMaintenance.Reboot",
		"Instance:InstanceFailure.PerformanceImpact"
	tests := []struct {
		name, status, content string
		state                 State
		problem               Problem
		why                   string
	}{
		{hang + ":Executing", "", `"eventStatus":"Executing"`, StateFiring, "", "the hang"},
		{hang + ":Executing", "", ``, StateFiring, "", "the name alone says it"},
		{hang + ":Executing", "Normal", `"eventStatus":"Executing"`, StateFiring, "",
			"Normal is neutral"},
		{hang + ":Executing", "null", `"eventStatus":null`, StateFiring, "", "null is not given"},
		{hang + ":Executing", "executing", `"eventStatus":"EXECUTING"`, StateFiring, "",
			"case is no contradiction"},
		{hang + ":Executed", "", `"eventStatus":"Executed"`, StateResolved, "", "over"},
		{reboot + ":Scheduled", "", `"eventStatus":"Scheduled"`, StateFiring, "", "planned"},
		{reboot + ":Inquiring", "", ``, StateFiring, "", "asking"},
		{reboot + ":Avoided", "", ``, StateResolved, "", "over"},
		{reboot + ":Canceled", "", ``, StateResolved, "", "over"},
		{reboot + ":Failed", "", ``, StateFiring, "", "still there"},
		{reboot + ":Postponed", "", ``, StateUnknown, "", "a status that no document has"},
		{"Instance:StateChange", "Normal", `"state":"Running"`, StateFiring, "", "a notification"},
		{"Instance:StateChange", "", `"state":"Running"`, StateUnknown, "",
			"content.state is not the status"},
		{"Instance:StateChange", "Executing", ``, StateFiring, "", "the outer status is one"},
		{"Instance:LiveMigrationAcrossDDH", "", `"status":"started"`, StateUnknown, "",
			"content.status is not the status"},
		{reboot + ":Scheduled", "", `"eventStatus":"Avoided"`, StateFiring, ProblemContradiction,
			"the document's own sample"},
		{hang + ":Executing", "Executed", `"eventStatus":"Executing"`, StateFiring,
			ProblemContradiction, "the outer status disagrees"},
		{hang + ":Executing", "", `"eventStatus":"Executing","eventStatus":"Executed"`, StateFiring,
			ProblemContradiction, "given twice"},
		{hang + ":Executing", "", `"executeFinishTime":"2023-11-15T02:25:00Z"`, StateFiring,
			ProblemContradiction, "finished, but executing"},
		{hang + ":Executing", "", `"executeFinishTime":""`, StateFiring, "", "not finished"},
		{hang + ":Executing", "", `"executeFinishTime":null`, StateFiring, "", "not finished"},
		{hang + ":Executed", "", `"executeFinishTime":"2023-11-15T02:25:00Z"`, StateResolved, "",
			"finished and executed"},
		{hang + ":Executing", "", `"eventType":"InstanceFailure.PerformanceImpact"`, StateFiring,
			"", "the type is the name's"},
		{hang + ":Executing", "", `"eventType":"PerformanceImpact"`, StateFiring,
			ProblemContradiction, "only a part of it"},
		{hang + ":Executing", "", `"eventType":"SystemFailure.Reboot"`, StateFiring,
			ProblemContradiction, "another event"},
		{hang + ":Executing", "", `"instanceId":"` + instance + `"`, StateFiring, "",
			"the ARN's instance"},
		{hang + ":Executing", "", `"instanceId":"` + other + `"`, StateFiring, ProblemContradiction,
			"another instance"},
		{hang + ":Executing", "", `"resourceId":"` + other + `"`, StateFiring, ProblemContradiction,
			"another instance"},
		{hang + ":Executing", "", `"ecsInstanceId":"` + other + `"`, StateFiring,
			ProblemContradiction, "another instance"},
		{hang + ":Executing", "", `"ecsInstanceId":"` + instance + `"`, StateFiring, "",
			"the same instance"},
		{hang + ":Executing", "", `"instanceId":"i-bp1****"`, StateFiring, ProblemPlaceholder,
			"masked"},
		{hang + ":Executing", "", `"resourceId":"acs:ecs:cn-hangzhou:1:disk/d-bp1abc"`, StateFiring,
			ProblemNotECS, "a disk"},
		{"Agent_Status_Stopped", "stopped", ``, StateFiring, "", "the agent is gone"},
		{"Agent_Status_Stopped", "Stopped", ``, StateFiring, "", "as the tables spell it"},
		{"Agent_Status_Stopped", "", ``, StateFiring, "", "the name says it"},
		{"Agent_Status_Running", "running", ``, StateResolved, "", "it is back"},
		{"Agent_Status_Stopped", "running", ``, StateFiring, ProblemContradiction,
			"name and status disagree"},
		{"Agent_Status_Running", "stopped", ``, StateResolved, ProblemContradiction,
			"name and status disagree"},
		{"Agent_Status_Executing", "", ``, StateUnknown, "", "no status of an agent"},
		{"Instance:StateChange", "stopped", ``, StateUnknown, "", "only an agent's status"},
	}
	for _, test := range tests {
		a := decodeOne(t, notify(test.name, test.status, test.content))
		if a.Format != FormatSystemEvent || a.State != test.state || a.Problem != test.problem {
			t.Errorf("%s, status %q, content {%s}: %s, problem %q (%s); want %s, %q: %s", test.name,
				test.status, test.content,
				a.State, a.Problem, a.Note, test.state, test.problem, test.why)
		}
	}
}

// A name that is there and empty is no name; nothing may be read from what comes first in no list.
func TestEventWithoutName(t *testing.T) {
	for _, name := range []string{`null`, `""`, `"null"`, `{}`, `[]`} {
		a := decodeOne(t, `{"product":"ECS","name":`+name+`,"status":"Executing","resourceId":"`+
			instance+`"}`)
		if a.State != StateFiring || a.Event != "" || a.Name != "" || a.Instance != instance {
			t.Errorf("name %s: %s, event %q, name %q, instance %q", name, a.State, a.Event, a.Name,
				a.Instance)
		}
	}
}

// An event of a disk names the instance that the disk is attached to. It is not about the instance.
func TestAttachedInstanceIsNotTheSubject(t *testing.T) {
	a := decodeOne(t, `{"product":"ECS","name":"Disk:Stalled:Executing","resourceId":"",
		"content":{"ecsInstanceId":"`+instance+`"}}`)
	if a.Problem != ProblemNoInstance || a.Instance != "" {
		t.Errorf("problem %q (%s), instance %q", a.Problem, a.Note, a.Instance)
	}
}

func TestEventNames(t *testing.T) {
	tests := []struct{ name, event, rule, status string }{
		{"Instance:SystemFailure.Reboot:Failed", "Instance:SystemFailure.Reboot",
			"Instance:SystemFailure.Reboot", "Failed"},
		{"Instance:StateChange", "Instance:StateChange", "Instance:StateChange", ""},
		{"Agent_Status_Stopped", "Agent_Status_Stopped", "Agent_Status", "stopped"},
		{"Agent_Status_Running", "Agent_Status_Running", "Agent_Status", "running"},
		{"Group_Failed", "Group_Failed", "Group_Failed", ""},
	}
	for _, test := range tests {
		a := decodeOne(t, notify(test.name, "", ""))
		if a.Name != test.name || a.Event != test.event || a.Rule != test.rule ||
			a.EventStatus != test.status {
			t.Errorf("%s: name %q, event %q, rule %q, status %q", test.name, a.Name, a.Event,
				a.Rule, a.EventStatus)
		}
	}
}

func TestResourceNames(t *testing.T) {
	tests := []struct {
		resource string
		want     Problem
		why      string
	}{
		{"acs:ecs:cn-hangzhou:1234567890123456:instance/" + instance, "", "the ARN of an instance"},
		{"acs:ecs:::instance/" + instance, "", "region and account may be missing"},
		{"acs:ecs:*:1234567890123456:instance/" + instance, ProblemRegion,
			"a star is no region"},
		{instance, "", "a bare id"},
		{"acs:ecs:cn-hangzhou:1234567890123456:instance/*", ProblemPlaceholder,
			"a star is no instance"},
		{"acs:ecs:cn-hangzhou:1234567890123456:instance/" + instance + "/x", ProblemPlaceholder,
			"something behind the id"},
		{"acs:ecs:cn-hangzhou:1234567890123456:instance/", ProblemNoInstance, "no id"},
		{"acs:ecs:cn-hangzhou:1234567890123456:instance", ProblemNoInstance, "no id, no slash"},
		{"acs:ecs:cn-hangzhou:1234567890123456:disk/" + instance, ProblemNotECS,
			"a disk, whatever its id"},
		{"acs:rds:cn-hangzhou:1234567890123456:instance/" + instance, ProblemNotECS,
			"an instance of another product"},
		{"acs:ecs:cn-hangzhou:instance/" + instance, ProblemPlaceholder, "a part is missing"},
		{"null", ProblemNoInstance, "the word null"},
	}
	for _, test := range tests {
		a := decodeOne(t, `{"product":"ECS","name":"Instance:StateChange","resourceId":`+
			quoteJSON(test.resource)+`}`)
		named := test.want == "" || test.want == ProblemRegion
		if a.Problem != test.want || (a.Instance == instance) != named {
			t.Errorf("%s: problem %q (%s), instance %q; want %q: %s",
				test.resource, a.Problem, a.Note, a.Instance, test.want, test.why)
		}
	}
}

func TestSubscription(t *testing.T) {
	payload := sample(t, "subscription-agent-stopped")
	tests := []struct {
		name, old, new string
		state          State
		problem        Problem
	}{
		{"as it is", "", "", StateFiring, ""},
		{"resolved", `"TRIGGERED"`, `"RESOLVED"`, StateResolved, ""},
		{"another alert status", `"TRIGGERED"`, `"ESCALATED"`, StateUnknown, ""},
		{"no alert status", `"alertStatus"`, `"alertState"`, StateUnknown, ""},
		{"the event inside has ended", `Agent_Status_Stopped`, `Agent_Status_Running`, StateFiring,
			ProblemContradiction},
		{"two products", `"product": "CloudMonitor"`, `"product": "ECS"`, StateFiring,
			ProblemContradiction},
		{"another product", `"product": "CloudMonitor"`, `"product": "RDS"`, StateFiring,
			ProblemNotECS},
		{"another source", `"source": "SYS_EVENT"`, `"source": "METRIC"`, StateUnknown,
			ProblemNotAnAlarm},
		{"no event", `"eventName"`, `"eventTitle"`, StateUnknown, ProblemNotAnAlarm},
	}
	for _, test := range tests {
		changed := strings.Replace(payload, test.old, test.new, 1)
		if test.old != "" && changed == payload {
			t.Fatalf("%s: the sample does not hold %s", test.name, test.old)
		}
		a := decodeOne(t, changed)
		if a.Format != FormatSubscription || a.State != test.state || a.Problem != test.problem {
			t.Errorf("%s: %s, problem %q (%s); want %s, %q", test.name, a.State, a.Problem, a.Note,
				test.state, test.problem)
		}
	}
}

// A key that cannot be kept as it is must still tell two alarms apart.
func TestLongKeysAreHashed(t *testing.T) {
	long := strings.Repeat("x", 600)
	a, b := decodeOne(t, callback(t, "transId", long+"a")),
		decodeOne(t, callback(t, "transId", long+"b"))
	if a.Key == b.Key || len(a.Key) > 100 {
		t.Errorf("keys %q and %q", a.Key, b.Key)
	}
}

// Readers differ in which of two equal keys they take, and encoding/json folds their case. Whoever
// can write one of them must not be able to choose the machine.
func TestFieldsGivenTwice(t *testing.T) {
	arn := func(region, id string) string {
		return `"acs:ecs:` + region + `:` + account + `:instance/` + id + `"`
	}
	const head = `"product":"ECS","content":{},` +
		`"name":"Instance:InstanceFailure.PerformanceImpact:Executing",`
	hz := func(id string) string { return arn("cn-hangzhou", id) }
	tests := []struct {
		name, fields string
		problem      Problem
	}{
		{"once", `"resourceId":` + hz(instance), ""},
		{"twice the same", `"resourceId":` + hz(instance) + `,"resourceId":` + hz(instance), ""},
		{"two instances", `"resourceId":` + hz(other) + `,"resourceId":` + hz(instance),
			ProblemContradiction},
		{"two regions", `"resourceId":` + arn("cn-beijing",
			instance) + `,"resourceId":` + hz(instance), ProblemContradiction},
		{"another case", `"RESOURCEID":` + hz(other) + `,"resourceId":` + hz(instance),
			ProblemContradiction},
		{"another case, behind", `"resourceId":` + hz(instance) + `,"ResourceId":` + hz(other),
			ProblemContradiction},
		{"an escaped key", `"resourceId":` + hz(instance) + `,"resource\u0049d":` + hz(other),
			ProblemContradiction},
		{"only another case is no field", `"ResourceId":` + hz(instance),
			ProblemNotAnAlarm},
		{"unknown fields may be given twice",
			`"x":1,"x":2,"resourceId":` + hz(instance), ""},
	}
	for _, test := range tests {
		a := decodeOne(t, `{`+head+test.fields+`}`)
		if a.Problem != test.problem || (a.Instance == instance) != (test.problem == "") {
			t.Errorf("%s: problem %q (%s), instance %q; want %q", test.name, a.Problem, a.Note,
				a.Instance, test.problem)
		}
	}
}

func TestAccount(t *testing.T) {
	const second = "9999999999999999"
	agent := sample(t, "system-event-agent-stopped")
	bus := sample(t, "eventbridge-performance-impact")
	tests := []struct{ name, payload, want string }{
		{"the ARN's and userId agree", agent, account},
		{"they do not", strings.Replace(agent, `"userId": "`+account, `"userId": "`+second, 1), ""},
		{"only the ARN", strings.Replace(agent, `"userId"`, `"otherId"`, 1), account},
		{"only userId", callback(t, "dimensions", "{instanceId="+instance+"}"), account},
		{"only the dimensions", callback(t, "userId", ""), account},
		{"dimensions and userId disagree", callback(t, "userId", second), ""},
		{"only the bus", strings.Replace(sample(t, "eventbridge-without-subject"), account, second,
			1), second},
		{"subject and bus disagree", strings.Replace(bus, `"aliyunaccountid": "`+account,
			`"aliyunaccountid": "`+second, 1), ""},
		{"masked", callback(t, "dimensions", "{instanceId="+instance+"}", "userId", "1234****"),
			"1234****"},
	}
	for _, test := range tests {
		a := decodeOne(t, test.payload)
		if a.Account != test.want || a.Problem != "" || a.Instance != instance ||
			(a.Note == "") != (test.want != "") {
			t.Errorf("%s: account %q, problem %q, note %q; want %q", test.name, a.Account,
				a.Problem, a.Note, test.want)
		}
	}
}

// Callbacks that somebody posts by hand name no account. That is no contradiction, and a note about
// one would be untrue: whoever decides says that the alarm does not say whose instance it is.
func TestNoAccountIsNoContradiction(t *testing.T) {
	for name, payload := range map[string]string{
		"a callback": callback(t, "userId", "", "dimensions", "{instanceId="+instance+"}"),
		"a metric alarm in MNS": strings.ReplaceAll(sample(t, "metric-mns-firing"), `"userId"`,
			`"user"`),
		"an event": `{"product":"ECS","name":"Instance:StateChange:Executing","resourceId":"` +
			instance + `"}`,
	} {
		if a := decodeOne(t, payload); a.Account != "" || a.Note != "" || a.Problem != "" {
			t.Errorf("%s: account %q, note %q, problem %q", name, a.Account, a.Note, a.Problem)
		}
	}
}

// Where an alarm cannot be used for several reasons, the one that says most about it wins.
func TestProblemsInOrder(t *testing.T) {
	disk := `"resourceId":"acs:ecs:cn-hangzhou:1:disk/d-bp1abc",`
	tests := []struct {
		name, payload string
		want          Problem
	}{
		{"given twice before not ECS", notify("Disk:Stalled", "",
			disk+`"eventStatus":"Executing","eventStatus":"Executed"`), ProblemContradiction},
		{"not ECS before a placeholder", notify("Disk:Stalled", "", disk+`"instanceId":"i-****"`),
			ProblemNotECS},
		{"a probe before a placeholder", callback(t, "namespace", "acs_cms_detect", "dimensions",
			"{instanceId=i-****}"), ProblemNoInstance},
		{"a placeholder before a state that disagrees",
			callback(t, "triggerLevel", "OK", "dimensions", "{instanceId=i-****}"),
			ProblemPlaceholder},
		{"a placeholder before another instance",
			notify("Instance:StateChange", "", `"instanceId":"i-****"`), ProblemPlaceholder},
	}
	for _, test := range tests {
		if a := decodeOne(t, test.payload); a.Problem != test.want {
			t.Errorf("%s: %q (%s), want %q", test.name, a.Problem, a.Note, test.want)
		}
	}
}
