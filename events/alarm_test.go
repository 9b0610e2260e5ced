package events

import (
	"fmt"
	"net/url"
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

func TestIsRegion(t *testing.T) {
	tests := []struct {
		region string
		want   bool
		why    string
	}{
		{"cn-hangzhou", true, "a region"},
		{"ap-southeast-1", true, "with a number"},
		{"cn-north-2-gov-1", true, "with many words"},
		{"cn", false, "one word"},
		{"c-hangzhou", false, "a first word of one letter"},
		{"c1-hangzhou", false, "a digit in the first word"},
		{"cn-", false, "an empty word"},
		{"cn--hangzhou", false, "an empty word in the middle"},
		{"-cn-hangzhou", false, "an empty first word"},
		{"cn-Hangzhou", false, "a capital"},
		{"cn-hangzhou.evil.example", false, "a host name"},
		{"cn-hangzhou/x", false, "a path"},
		{"cn-hangzhou\x00", false, "NUL"},
		{"cn-" + strings.Repeat("a", 37), true, "forty bytes"},
		{"cn-" + strings.Repeat("a", 38), false, "forty-one bytes"},
		{"", false, "nothing"},
	}
	for _, test := range tests {
		if got := isRegion(test.region); got != test.want {
			t.Errorf("%q: %v: %s", test.region, got, test.why)
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
			ProblemContradiction},
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
		if (a.Problem == "") != (a.Instance == instance) && a.Problem != ProblemContradiction {
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
		{"P2 is a level of the alert log only", `"CRITICAL"`, `"P2"`, StateUnknown, ""},
		{"an event name that says OK", `"eventType"`, `"eventName": "AlertOk", "eventType"`,
			StateFiring, ProblemContradiction},
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
		{"acs:ecs:*:1234567890123456:instance/" + instance, ProblemContradiction,
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
		named := test.want == "" || test.want == ProblemContradiction
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
