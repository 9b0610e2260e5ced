package backtest

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// auditLine is what the function wrote about one alarm: a result, as package report writes it.
type auditLine struct {
	Message    string           `json:"msg"`
	Verdict    remedy.Verdict   `json:"verdict"`
	Reason     remedy.Reason    `json:"reason"`
	Region     string           `json:"region"`
	InstanceID string           `json:"instanceId"`
	Alarm      remedy.AlarmView `json:"alarm"`
	Findings   []remedy.Finding `json:"findings"`
}

// audit makes an audit line into a payload that says what its alarm said, as far as the line tells;
// events.Decode is asked about it like about any other. It reports whether the line is one at all,
// or one of a log export that holds one in a field.
func (in *Input) audit(line []byte) (payload []byte, unfinished bool, key string, audited bool) {
	if line[0] != '{' || !bytes.Contains(line, []byte("verdict")) {
		return nil, false, "", false
	}
	var told auditLine
	if json.Unmarshal(line, &told) != nil || told.Message != "verdict" {
		var export map[string]json.RawMessage
		if json.Unmarshal(line, &export) != nil {
			return nil, false, "", false
		}
		found := false
		for _, raw := range export {
			var text string
			if json.Unmarshal(raw, &text) != nil {
				text = string(raw) // an export that has parsed it
			}
			told = auditLine{}
			if json.Unmarshal([]byte(text), &told) == nil && told.Message == "verdict" {
				found = true
				break
			}
		}
		if !found {
			return nil, false, "", false
		}
	}
	unfinished = told.Verdict == remedy.VerdictWaiting || told.Verdict == remedy.VerdictPending
	return in.rebuild(&told), unfinished, told.Alarm.ID, true
}

// ownAccount stands for the function's own account in the alarm of an audit line, which does not
// say whose it was. Which account that is, the alarms of other lines may say.
const ownAccount = "supposed"

// rebuild is a payload with the alarm of an audit line. What a line does not say is supposed: the
// account is the function's own, unless that was why it was refused, and the metric is one that the
// policy lists, unless no restart could cure it.
func (in *Input) rebuild(told *auditLine) []byte {
	if told.Verdict == remedy.VerdictMalformed {
		return []byte("malformed")
	}
	if told.Verdict == remedy.VerdictIgnored && told.Reason == remedy.ReasonNotAnAlarm {
		return []byte("{}")
	}
	account := ownAccount
	if told.Reason == remedy.ReasonWrongAccount {
		account = ""
	}
	switch told.Alarm.Format {
	case string(events.FormatThreshold), string(events.FormatMetricMNS):
		return in.rebuiltMetric(told, account)
	}
	return rebuiltEvent(told, account)
}

func (in *Input) rebuiltMetric(told *auditLine, account string) []byte {
	state := map[string]string{
		string(events.StateFiring):           "ALERT",
		string(events.StateResolved):         "OK",
		string(events.StateInsufficientData): "INSUFFICIENT_DATA",
	}[told.Alarm.State]
	metric := "CPUUtilization"
	if told.Alarm.State == string(events.StateInsufficientData) {
		metric = "cpu_total" // of the agent in the guest, whose silence is a sign
	}
	if len(in.Metrics) > 0 && !slices.Contains(in.Metrics, metric) {
		metric = in.Metrics[0]
	}
	namespace, instance := "acs_ecs_dashboard", told.InstanceID
	if told.Verdict == remedy.VerdictIgnored {
		switch told.Reason {
		case remedy.ReasonNotRestartable:
			metric = "not-restartable"
		case remedy.ReasonNotECS:
			namespace = "acs_rds_dashboard"
		case remedy.ReasonPlaceholder:
			instance = "i-bp1****************"
		}
	}
	fields := map[string]any{
		"alertName": told.Alarm.Name, "alertState": state, "metricName": metric,
		"rawMetricName": metric, "namespace": namespace, "triggerLevel": told.Alarm.Level,
		"userId": account, "regionId": told.Region, "transId": told.Alarm.ID,
		"dimensions": map[string]string{"userId": account, "instanceId": instance},
	}
	if !told.Alarm.Time.IsZero() {
		fields["timestamp"] = told.Alarm.Time.UnixMilli()
	}
	return encoded(fields)
}

func rebuiltEvent(told *auditLine, account string) []byte {
	name := told.Alarm.Name
	name = strings.TrimPrefix(name, "ecs:")
	switch name {
	case "cms:CloudMonitor:AgentStatusStopped":
		name = "Agent_Status_Stopped"
	case "cms:CloudMonitor:AgentStatusRunning":
		name = "Agent_Status_Running"
	}
	product, status := "ECS", ""
	if strings.HasPrefix(name, "Agent_Status_") {
		product, status = "CloudMonitor", strings.ToLower(strings.TrimPrefix(name, "Agent_Status_"))
	} else {
		base := name
		for _, s := range []string{"Executing", "Executed", "Scheduled", "Inquiring", "Avoided",
			"Canceled", "Failed"} {
			if event, found := strings.CutSuffix(name, ":"+s); found {
				base, status = event, s
			}
		}
		switch { // an event of EventBridge has its status elsewhere
		case told.Alarm.State == string(events.StateFiring) && status == "":
			status = "Executing"
		case told.Alarm.State == string(events.StateResolved) && (status == "" ||
			status == "Executing"):
			status = "Executed"
		}
		if name = base; status != "" {
			name += ":" + status
		}
	}
	instance := told.InstanceID
	if told.Verdict == remedy.VerdictIgnored {
		switch told.Reason {
		case remedy.ReasonNotECS:
			product = "RDS"
		case remedy.ReasonPlaceholder:
			instance = "i-bp1****************"
		}
	}
	fields := map[string]any{
		"product": product, "name": name, "level": told.Alarm.Level, "userId": account,
		"regionId": told.Region, "id": told.Alarm.ID, "status": status,
		"resourceId": "acs:ecs:" + told.Region + ":" + account + ":instance/" + instance,
		"content":    map[string]string{"eventId": told.Alarm.ID, "instanceId": instance},
	}
	if !told.Alarm.Time.IsZero() {
		fields["eventTime"] = told.Alarm.Time.UTC().Format(time.RFC3339Nano)
	}
	return encoded(fields)
}

func encoded(fields map[string]any) []byte {
	payload, err := json.Marshal(fields)
	if err != nil {
		return nil // of strings and numbers: it cannot be
	}
	return payload
}
