// Package drill plays alarms to the function that runs in Function Compute, with a simulated ECS
// behind it, in virtual time: the real handler, adapter and SDK, over an in-process transport.
package drill

import (
	"encoding/json"
	"fmt"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/config"
)

// Event is one delivery: a payload, and what it decodes to.
type Event struct {
	Name    string // for people
	Payload []byte
	Alarms  []events.Alarm
}

// Delivered is how long after its alarm's time a drill starts: alarms take about that long to
// arrive.
const Delivered = 30 * time.Second

// Default is the event of a drill that names none: the platform says that an instance hangs, 30 s
// before now. Only its time ever changes, so that a ledger which outlives the drill knows it again.
func Default(now time.Time) (Event, error) {
	at := now.Add(-Delivered).UTC()
	payload := fmt.Appendf(nil, `{
  "ver": "1.0", "id": "D8110000-0000-4000-8000-000000000001", "product": "ECS", "level": "CRITICAL",
  "resourceId": "acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1drill00000000hung",
  "name": "Instance:InstanceFailure.PerformanceImpact:Executing", "status": "Executing",
  "eventType": "Exception", "userId": "1234567890123456", "regionId": "cn-hangzhou",
  "instanceName": "web-hung", "eventTime": %q,
  "content": {
    "eventId": "e-bp1drill0000000alarm", "instanceId": "i-bp1drill00000000hung",
    "instanceName": "web-hung",
    "eventType": "InstanceFailure.PerformanceImpact", "eventStatus": "Executing",
    "publishTime": %q, "executeStartTime": %q
  }
}`, at.Format("20060102T150405.000Z0700"), at.Format(time.RFC3339), at.Format(time.RFC3339))
	alarms, err := events.Decode(payload)
	return Event{Name: "the default alarm", Payload: payload, Alarms: alarms}, err
}

// Starts is when a drill of the event starts: shortly after the time of its oldest alarm that
// fires, or else of its oldest alarm at all. Where no alarm says when it happened, that is now.
func (e *Event) Starts(now time.Time) time.Time {
	var firing, any time.Time
	for i := range e.Alarms {
		a := &e.Alarms[i]
		if a.Time.IsZero() {
			continue
		}
		if any.IsZero() || a.Time.Before(any) {
			any = a.Time
		}
		fires := a.State == events.StateFiring || a.State == events.StateInsufficientData
		if fires && (firing.IsZero() || a.Time.Before(firing)) {
			firing = a.Time
		}
	}
	switch {
	case !firing.IsZero():
		return firing.Add(Delivered)
	case !any.IsZero():
		return any.Add(Delivered)
	}
	return now
}

// Account is the first account that the alarms name; empty where none does.
func (e *Event) Account() string {
	for i := range e.Alarms {
		if a := &e.Alarms[i]; a.Account != "" {
			return a.Account
		}
	}
	return ""
}

// Admit sees to it that the function lets the event in. Where no token is configured, an event of
// an HTTP trigger gets one that the function will want: the request's own, or else one that is put
// into it. Other events come back as they are. The error is of an event whose headers are none.
func Admit(settings config.Config, e Event) (config.Config, Event, error) {
	if settings.HTTPToken != "" {
		return settings, e, nil
	}
	payload, token, err := withToken(e.Payload)
	if err != nil {
		return settings, e, fmt.Errorf("%s: %w", e.Name, err)
	}
	e.Payload, settings.HTTPToken = payload, token
	return settings, e, nil
}

// withToken returns an HTTP trigger's event as one that the function lets in, and the token that
// lets it in. Other events come back as they are.
func withToken(payload []byte) ([]byte, config.Secret, error) {
	request, ok := events.HTTP(payload)
	if !ok {
		return payload, "", nil
	}
	if token := request.Header["x-remedy-token"]; token != "" {
		return payload, config.Secret(token), nil
	}
	const token = "token-of-this-drill"
	var event map[string]json.RawMessage
	headers := map[string]json.RawMessage{}
	if err := json.Unmarshal(payload, &event); err != nil {
		return nil, "", err
	}
	if raw := event["headers"]; raw != nil {
		if err := json.Unmarshal(raw, &headers); err != nil {
			return nil, "", err
		}
	}
	headers["X-Remedy-Token"] = json.RawMessage(`"` + token + `"`)
	var err error
	if event["headers"], err = json.Marshal(headers); err != nil {
		return nil, "", err
	}
	payload, err = json.Marshal(event)
	return payload, token, err
}
