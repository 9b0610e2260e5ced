package events

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// cloudMonitor is an event of CloudMonitor on the default bus, with data as JSON; changes are pairs
// of a field and its value as JSON, of which an empty one drops the field.
func cloudMonitor(t *testing.T, kind, data string, changes ...string) string {
	t.Helper()
	fields := map[string]json.RawMessage{}
	payload := sample(t, "eventbridge-cms-agent-content")
	if err := json.Unmarshal([]byte(payload), &fields); err != nil {
		t.Fatal(err)
	}
	fields["type"] = json.RawMessage(quoteJSON("cms:CloudMonitor:" + kind))
	fields["data"] = json.RawMessage(data)
	for i := 0; i < len(changes); i += 2 {
		fields[changes[i]] = json.RawMessage(changes[i+1])
		if changes[i+1] == "" {
			delete(fields, changes[i])
		}
	}
	text, err := json.Marshal(fields)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Whatever CloudMonitor puts into data, an instance is taken from a shape that is documented, and
// anything else is refused, since it may be about a hanging instance and nobody can tell.
func TestCloudMonitorEvents(t *testing.T) {
	const (
		stopped, running, alert = "AgentStatusStopped", "AgentStatusRunning", "AlertWebHook"
		content                 = `{"ipGroup":"10.0.0.11","tianjimonVersion":"1.2.22"}`
		rule                    = `"acs:cms:*:` + account + `:alarm/putNewAlarm_user_1"`
	)
	whole := sample(t, "system-event-agent-stopped")
	back := sample(t, "system-event-agent-running")
	form := sample(t, "threshold-form-cpu-firing")
	mns := sample(t, "metric-mns-firing")
	hang := sample(t, "system-event-performance-impact-executing")
	tests := []struct {
		name, payload string
		state         State
		problem       Problem
		event, metric string
		says          string // what the note says
	}{
		{"the content alone", cloudMonitor(t, stopped, content), StateFiring, "",
			"Agent_Status_Stopped", "", ""},
		{"half of the content", cloudMonitor(t, stopped, `{"ipGroup":""}`), StateFiring, "",
			"Agent_Status_Stopped", "", ""},
		{"the other half", cloudMonitor(t, stopped, `{"tianjimonVersion":""}`), StateFiring, "",
			"Agent_Status_Stopped", "", ""},
		{"it is back", cloudMonitor(t, running, content), StateResolved, "",
			"Agent_Status_Running", "", ""},
		{"the whole notification", cloudMonitor(t, stopped, whole), StateFiring, "",
			"Agent_Status_Stopped", "", ""},
		{"the whole notification as text", cloudMonitor(t, stopped, quoteJSON(whole)), StateFiring,
			"", "Agent_Status_Stopped", "", ""},
		{"type and notification disagree", cloudMonitor(t, stopped, back), StateResolved,
			ProblemContradiction, "Agent_Status_Running", "", "but type says"},
		{"subject and notification disagree", cloudMonitor(t, stopped, strings.Replace(whole,
			instance, other, 1)), StateFiring, ProblemContradiction, "Agent_Status_Stopped", "",
			"but subject says"},
		{"an agent's event of another product", cloudMonitor(t, stopped, strings.Replace(whole,
			`"CloudMonitor"`, `"ECS"`, 1)), StateFiring, ProblemContradiction,
			"Agent_Status_Stopped", "", "but source says"},
		{"the content names the instance", cloudMonitor(t, stopped,
			`{"ipGroup":"","instanceId":"`+instance+`"}`, "subject", ""), StateFiring, "",
			"Agent_Status_Stopped", "", ""},
		{"the content names another one", cloudMonitor(t, stopped,
			`{"ipGroup":"","instanceId":"`+other+`"}`), StateFiring, ProblemContradiction,
			"Agent_Status_Stopped", "", "but subject says"},
		{"nobody names the instance", cloudMonitor(t, stopped, content, "subject", ""), StateFiring,
			ProblemNoInstance, "Agent_Status_Stopped", "", "no field"},
		{"only the rule is named", cloudMonitor(t, stopped, content, "subject", rule), StateFiring,
			ProblemNoInstance, "Agent_Status_Stopped", "", "no field"},
		{"about a disk", cloudMonitor(t, stopped, content, "subject",
			`"acs:ecs:cn-hangzhou:1:disk/d-bp1abc"`), StateFiring, ProblemNotECS,
			"Agent_Status_Stopped", "", "not an ECS instance"},

		{"a callback", cloudMonitor(t, alert, sample(t, "threshold-json-dimensions-string"),
			"subject", rule), StateFiring, "", "", "CPUUtilization", ""},
		{"a callback as a form", cloudMonitor(t, alert, quoteJSON(form), "subject", rule),
			StateFiring, "", "", "CPUUtilization", ""},
		{"a callback that resolves", cloudMonitor(t, alert, quoteJSON(sample(t,
			"threshold-form-cpu-resolved")), "subject", rule), StateResolved, "", "",
			"CPUUtilization", ""},
		{"a callback without subject", cloudMonitor(t, alert, quoteJSON(form), "subject", ""),
			StateFiring, "", "", "CPUUtilization", ""},
		{"a callback whose subject is the instance", cloudMonitor(t, alert, quoteJSON(form)),
			StateFiring, "", "", "CPUUtilization", ""},
		{"a callback whose subject is another instance", cloudMonitor(t, alert, quoteJSON(form),
			"subject", `"acs:ecs:cn-hangzhou:`+account+`:instance/`+other+`"`), StateFiring,
			ProblemContradiction, "", "CPUUtilization", "but subject says"},
		{"a callback about RDS", cloudMonitor(t, alert, quoteJSON(sample(t,
			"threshold-form-other-namespace")), "subject", rule), StateFiring, ProblemNotECS, "",
			"CPUUtilization", "namespace"},
		{"a callback of another region", cloudMonitor(t, alert, quoteJSON(form), "aliyunregionid",
			`"cn-beijing"`, "subject", rule), StateFiring, ProblemContradiction, "",
			"CPUUtilization", "but aliyunregionid says"},
		{"a metric alarm as in MNS", cloudMonitor(t, alert, mns, "subject", rule), StateFiring, "",
			"", "CPUUtilization", ""},
		{"a field of the envelope given in two cases", strings.Replace(cloudMonitor(t, alert, mns,
			"subject", rule), `"subject"`, `"Subject":"","subject"`, 1), StateFiring,
			ProblemContradiction, "", "CPUUtilization", "subject is given twice"},
		{"a notification of ECS", cloudMonitor(t, alert, hang), StateFiring, "",
			"Instance:InstanceFailure.PerformanceImpact", "", ""},
		{"a subscription's message", cloudMonitor(t, alert, sample(t,
			"subscription-agent-stopped")), StateFiring, "", "Agent_Status_Stopped", "", ""},

		{"no data", cloudMonitor(t, stopped, `{}`), StateUnknown, ProblemContradiction, "", "",
			"none of the shapes"},
		{"data that is a number", cloudMonitor(t, stopped, `1`), StateUnknown,
			ProblemContradiction, "", "", "none of the shapes"},
		{"prose", cloudMonitor(t, alert, `{"text":"`+instance+` hangs"}`), StateUnknown,
			ProblemContradiction, "", "", "none of the shapes"},
		{"the content of an agent's event in an alert", cloudMonitor(t, alert, content),
			StateUnknown, ProblemContradiction, "", "", "none of the shapes"},
		{"an alert in an agent's event", cloudMonitor(t, stopped, mns), StateUnknown,
			ProblemContradiction, "", "", "none of the shapes"},
		{"a callback in an agent's event", cloudMonitor(t, running, quoteJSON(form)), StateUnknown,
			ProblemContradiction, "", "", "none of the shapes"},
		{"a subscription's message in an agent's event", cloudMonitor(t, stopped, sample(t,
			"subscription-agent-stopped")), StateUnknown, ProblemContradiction, "", "",
			"none of the shapes"},
		{"a type that is not documented", cloudMonitor(t, "CustomEvent", whole), StateUnknown,
			ProblemContradiction, "", "", `"cms:CloudMonitor:CustomEvent" is none of the three`},
	}
	for _, test := range tests {
		a := decodeOne(t, test.payload)
		if a.Format != FormatEventBridge || a.State != test.state || a.Problem != test.problem ||
			a.Event != test.event || a.Metric != test.metric {
			t.Errorf("%s: %s %s, event %q, metric %q, problem %q (%s)", test.name, a.Format,
				a.State,
				a.Event, a.Metric, a.Problem, a.Note)
		}
		if test.says != "" && !strings.Contains(a.Note, test.says) {
			t.Errorf("%s: the note is %q, want it to say %q", test.name, a.Note, test.says)
		}
		if a.Problem == "" && (a.Instance != instance || a.Account != account ||
			a.Region != "cn-hangzhou" || a.Time.IsZero()) {
			t.Errorf("%s: instance %q, account %q, region %q, time %v", test.name, a.Instance,
				a.Account, a.Region, a.Time)
		}
	}
}

// What an operator sees and what REMEDY_RULES is matched with: an event is called what its type
// says, a metric alarm by its rule's name, whatever brought it.
func TestNamesOnTheBus(t *testing.T) {
	tests := []struct{ sample, name, rule, level string }{
		{"eventbridge-cms-agent-content", "cms:CloudMonitor:AgentStatusStopped", "Agent_Status",
			""},
		{"eventbridge-cms-agent-stopped", "cms:CloudMonitor:AgentStatusStopped", "Agent_Status",
			"CRITICAL"},
		{"eventbridge-cms-alert-callback", "ecs-hung-cpu",
			"putNewAlarm_user_00000000-0000-0000-0000-000000000001", "CRITICAL"},
		{"eventbridge-cms-alert-unknown-data", "cms:CloudMonitor:AlertWebHook", "", ""},
		{"eventbridge-performance-impact", "ecs:Instance:InstanceFailure.PerformanceImpact",
			"Instance:InstanceFailure.PerformanceImpact", ""},
	}
	for _, test := range tests {
		a := decodeOne(t, sample(t, test.sample))
		if a.Name != test.name || a.Rule != test.rule || a.Level != test.level {
			t.Errorf("%s: name %q, rule %q, level %q", test.sample, a.Name, a.Rule, a.Level)
		}
	}
	a := decodeOne(t, cloudMonitor(t, "AlertWebHook", sample(t, "system-event-agent-stopped")))
	if a.Name != "Agent_Status_Stopped" || a.Product != "CloudMonitor" {
		t.Errorf("a notification in an alert: name %q, product %q", a.Name, a.Product)
	}
}

// An event's age decides whether anything is done, so a time that one writer garbled is taken from
// where another one wrote it: the data's own first, and none is made up.
func TestTimesOnTheBus(t *testing.T) {
	bus := sample(t, "eventbridge-performance-impact")
	whole := sample(t, "eventbridge-whole-notification")
	with := func(payload string, changes ...string) string {
		for i := 0; i < len(changes); i += 2 {
			changed := strings.Replace(payload, changes[i], changes[i+1], 1)
			if changed == payload {
				t.Fatalf("the sample does not hold %s", changes[i])
			}
			payload = changed
		}
		return payload
	}
	const oneDigit = `"time": "2023-9-15T02:15:00.123Z"`
	const envelope, published = `"time": "2023-11-15T02:15:00.123Z"`,
		`"publishTime": "2023-11-15T02:14:58Z"`
	agent := sample(t, "system-event-agent-stopped")
	tests := []struct{ name, payload, want string }{
		{"the envelope's", bus, "2023-11-15T02:15:00.123Z"},
		{"one digit: when it was published", with(bus, envelope, oneDigit), "2023-11-15T02:14:58Z"},
		{"none", with(bus, envelope, `"x": ""`), "2023-11-15T02:14:58Z"},
		{"neither: when it began", with(bus, envelope, oneDigit, published, `"publishTime": ""`),
			"2023-11-15T02:15:00Z"},
		{"none at all", with(bus, envelope, oneDigit, published, `"publishTime": "soon"`,
			`"executeStartTime"`, `"x"`), ""},
		{"a whole notification's own", with(whole, envelope, oneDigit), "2023-11-15T02:15:00.123Z"},
		{"a whole notification without one", with(whole, `"eventTime"`, `"x"`),
			"2023-11-15T02:15:00.123Z"},
		{"a whole notification's is garbled", with(whole, "20231115T101500.123+0800",
			"2023-11-15 10:15"), "2023-11-15T02:15:00.123Z"},
		{"an agent's event", cloudMonitor(t, "AgentStatusStopped", agent, "time", `"2023-9-1"`),
			"2023-11-15T02:15:00.123Z"},
		{"an agent's content has none", cloudMonitor(t, "AgentStatusStopped", `{"ipGroup":""}`),
			"2023-11-15T02:15:00.123Z"},
		{"a callback's own", sample(t, "eventbridge-cms-alert-callback"), "2023-11-14T22:13:20Z"},
		{"a callback without one", cloudMonitor(t, "AlertWebHook",
			quoteJSON(callback(t, "timestamp", ""))), "2023-11-15T02:15:00.123Z"},
		{"a callback whose own is garbled", cloudMonitor(t, "AlertWebHook",
			quoteJSON(callback(t, "timestamp", "today"))), "2023-11-15T02:15:00.123Z"},
		{"a callback, neither can be read", cloudMonitor(t, "AlertWebHook",
			quoteJSON(callback(t, "timestamp", "today")), "time", `"today"`), ""},
	}
	for _, test := range tests {
		a, got := decodeOne(t, test.payload), ""
		if !a.Time.IsZero() {
			got = a.Time.Format(time.RFC3339Nano)
		}
		if got != test.want || a.Problem != "" {
			t.Errorf("%s: %q, problem %q (%s); want %q", test.name, got, a.Problem, a.Note,
				test.want)
		}
	}
}

// The types of ECS's events have no status, so only data says what is under way. A type that has a
// suffix all the same is not documented, and must not make up for a status that is missing.
func TestStatusesOnTheBus(t *testing.T) {
	const kind = "ecs:Instance:InstanceFailure.PerformanceImpact"
	bus := sample(t, "eventbridge-performance-impact")
	tests := []struct {
		name, kind, status string
		state              State
		problem            Problem
	}{
		{"only the data", kind, `"Executing"`, StateFiring, ""},
		{"only the type", kind + ":Executing", `null`, StateUnknown, ""},
		{"neither", kind, `null`, StateUnknown, ""},
		{"both, and they agree", kind + ":Executing", `"Executing"`, StateFiring, ""},
		{"both, and they do not", kind + ":Executed", `"Executing"`, StateResolved,
			ProblemContradiction},
	}
	for _, test := range tests {
		payload := strings.Replace(bus, `"`+kind+`"`, `"`+test.kind+`"`, 1)
		payload = strings.Replace(payload, `"eventStatus": "Executing"`,
			`"eventStatus": `+test.status, 1)
		a := decodeOne(t, payload)
		if a.State != test.state || a.Problem != test.problem || a.Name != test.kind ||
			a.Event != "Instance:InstanceFailure.PerformanceImpact" {
			t.Errorf("%s: %s, problem %q (%s), name %q, event %q", test.name, a.State, a.Problem,
				a.Note, a.Name, a.Event)
		}
	}
}

// Two episodes of one alarm must not have one Key, or the second hang would be taken for a
// duplicate of the first.
func TestEpisodesOnTheBusHaveTheirOwnKeys(t *testing.T) {
	undated := quoteJSON(callback(t, "timestamp", ""))
	for name, data := range map[string]string{
		"AlertWebHook":       undated,
		"AgentStatusStopped": `{"ipGroup":""}`,
		"CustomEvent":        `{}`,
	} {
		one := decodeOne(t, cloudMonitor(t, name, data, "id", `"1"`))
		two := decodeOne(t, cloudMonitor(t, name, data, "id", `"2"`))
		if one.Key != "acs.cms|1" || two.Key != "acs.cms|2" {
			t.Errorf("%s: keys %q and %q", name, one.Key, two.Key)
		}
	}
	// Without an id there is only what the alarm says.
	none := decodeOne(t, cloudMonitor(t, "AlertWebHook", undated, "id", ""))
	again := decodeOne(t, cloudMonitor(t, "AgentStatusStopped", `{"ipGroup":""}`, "id", ""))
	if !strings.HasPrefix(none.Key, "sha256:") || !strings.HasPrefix(again.Key, "sha256:") {
		t.Errorf("keys %q and %q", none.Key, again.Key)
	}
}
