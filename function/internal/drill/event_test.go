package drill

import (
	"bytes"
	"testing"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/config"
)

func TestStarts(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	at := func(minutes int, state events.State) events.Alarm {
		return events.Alarm{State: state, Time: now.Add(time.Duration(minutes) * time.Minute)}
	}
	for _, test := range []struct {
		why    string
		alarms []events.Alarm
		want   time.Duration // after now
	}{
		{"30 s after the alarm", []events.Alarm{at(-60, events.StateFiring)},
			-60*time.Minute + 30*time.Second},
		{"missing data fires, too", []events.Alarm{at(-60, events.StateInsufficientData)},
			-60*time.Minute + 30*time.Second},
		{"the oldest of several that fire",
			[]events.Alarm{at(-2, events.StateFiring), at(-3, events.StateFiring)},
			-150 * time.Second},
		{"rather one that fires than an older one",
			[]events.Alarm{at(-9, events.StateResolved), at(-2, events.StateFiring)},
			-90 * time.Second},
		{"the oldest where none fires",
			[]events.Alarm{at(-2, events.StateResolved), at(-3, events.StateUnknown)},
			-150 * time.Second},
		{"one without a time does not count",
			[]events.Alarm{{State: events.StateFiring}, at(-3, events.StateResolved)},
			-150 * time.Second},
		{"now where no alarm says when it was", []events.Alarm{{State: events.StateFiring}}, 0},
	} {
		if got := (&Event{Alarms: test.alarms}).Starts(now); !got.Equal(now.Add(test.want)) {
			t.Errorf("%s: %v, want %v", test.why, got, now.Add(test.want))
		}
	}
}

// TestAdmit: an event of an HTTP trigger brings the token that lets it in, or is given one; where
// one is configured, nothing is changed, and other events never are.
func TestAdmit(t *testing.T) {
	const other = `{"triggerTime": "2026-11-23T02:00:00Z", "triggerName": "sweep"}`
	request, ok := events.SampleByName("fc3-http-system-event")
	if !ok {
		t.Fatal("the sample is gone")
	}
	for _, row := range []struct {
		why        string
		payload    []byte
		configured config.Secret
		want       config.Secret
		changed    bool
	}{
		{"one is given", request.Payload, "", "token-of-this-drill", true},
		{"one is configured", request.Payload, "a-configured-token", "a-configured-token", false},
		{"no request", []byte(other), "", "", false},
	} {
		settings, event, err := Admit(config.Config{HTTPToken: row.configured},
			Event{Payload: row.payload})
		if err != nil {
			t.Fatal(err)
		}
		if settings.HTTPToken != row.want ||
			bytes.Equal(event.Payload, row.payload) == row.changed {
			t.Errorf("%s: the token is %q, and the payload %s", row.why,
				settings.HTTPToken.Reveal(), event.Payload)
		}
		if !row.changed {
			continue
		}
		got, _ := events.HTTP(event.Payload)
		if got.Header["x-remedy-token"] != row.want.Reveal() {
			t.Errorf("%s: the request brings %q", row.why, got.Header["x-remedy-token"])
		}
	}
}
