package drill

import (
	"testing"
	"time"

	"ecs-remedy/events"
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
		{"30 s after the alarm", []events.Alarm{at(-60, events.StateFiring)}, -60*time.Minute + 30*time.Second},
		{"missing data fires, too", []events.Alarm{at(-60, events.StateInsufficientData)}, -60*time.Minute + 30*time.Second},
		{"the oldest of several that fire", []events.Alarm{at(-2, events.StateFiring), at(-3, events.StateFiring)}, -150 * time.Second},
		{"rather one that fires than an older one", []events.Alarm{at(-9, events.StateResolved), at(-2, events.StateFiring)}, -90 * time.Second},
		{"the oldest where none fires", []events.Alarm{at(-2, events.StateResolved), at(-3, events.StateUnknown)}, -150 * time.Second},
		{"one without a time does not count", []events.Alarm{{State: events.StateFiring}, at(-3, events.StateResolved)}, -150 * time.Second},
		{"now where no alarm says when it was", []events.Alarm{{State: events.StateFiring}}, 0},
	} {
		if got := (&Event{Alarms: test.alarms}).Starts(now); !got.Equal(now.Add(test.want)) {
			t.Errorf("%s: %v, want %v", test.why, got, now.Add(test.want))
		}
	}
}
