package config

import (
	"slices"
	"testing"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// TestWindows reads windows as Load does and asks them on both sides of each boundary. 23 November
// 2026 is a Monday. Berlin goes from +01:00 to +02:00 at 02:00 on Sunday 29 March 2026, and back at
// 03:00 on Sunday 25 October; Shanghai is always +08:00.
func TestWindows(t *testing.T) {
	const (
		nights   = "Mon-Thu 22:00-06:00 Asia/Shanghai; Sat,Sun 00:00-24:00 Asia/Shanghai"
		overWeek = "Sat 22:00-06:00 Asia/Shanghai"
		berlin   = "Sun 02:00-03:00 Europe/Berlin"
		night    = "Sat 22:00-06:00 Europe/Berlin"
	)
	for _, test := range []struct {
		windows, at string
		open        bool
		why         string
	}{
		{nights, "2026-11-23T21:59:59+08:00", false, "a second before it begins"},
		{nights, "2026-11-23T22:00:00+08:00", true, "the beginning belongs to it"},
		{nights, "2026-11-23T14:00:00Z", true, "the same instant in another zone"},
		{nights, "2026-11-23T23:59:59+08:00", true, "before midnight"},
		{nights, "2026-11-24T00:00:00+08:00", true, "after midnight"},
		{nights, "2026-11-24T05:59:59+08:00", true, "the last second"},
		{nights, "2026-11-24T06:00:00+08:00", false, "the end does not belong to it"},
		{nights, "2026-11-23T00:00:00+08:00", false, "Sunday's day has ended, and no night began " +
			"on Sunday"},
		{nights, "2026-11-23T05:59:59+08:00", false, "no night began on Sunday"},
		{nights, "2026-11-27T05:59:59+08:00", true, "Friday morning belongs to Thursday"},
		{nights, "2026-11-27T06:00:00+08:00", false, "Thursday's night is over"},
		{nights, "2026-11-27T22:00:00+08:00", false, "no night begins on Friday"},
		{nights, "2026-11-27T23:59:59+08:00", false, "a second before Saturday"},
		{nights, "2026-11-28T00:00:00+08:00", true, "Saturday begins"},
		{nights, "2026-11-29T23:59:59+08:00", true, "24:00 includes the last minute"},

		{overWeek, "2026-11-28T22:00:00+08:00", true, "Saturday is the last day of Go's week"},
		{overWeek, "2026-11-29T05:59:59+08:00", true, "Sunday, the first, belongs to the " +
			"Saturday before"},
		{overWeek, "2026-11-29T06:00:00+08:00", false, "over"},
		{overWeek, "2026-11-29T22:00:00+08:00", false, "no window begins on Sunday"},

		{"Fri-Mon 09:00-17:00 UTC", "2026-11-26T12:00:00Z", false, "Thursday is not in a range " +
			"that passes the week's end"},
		{"Fri-Mon 09:00-17:00 UTC", "2026-11-27T12:00:00Z", true, "Friday begins it"},
		{"Fri-Mon 09:00-17:00 UTC", "2026-11-29T12:00:00Z", true, "Sunday is inside"},
		{"Fri-Mon 09:00-17:00 UTC", "2026-11-30T12:00:00Z", true, "Monday ends it"},
		{"Fri-Mon 09:00-17:00 UTC", "2026-12-01T12:00:00Z", false, "Tuesday is out"},
		{"mON-mon,WED 09:00-17:00 UTC", "2026-11-24T12:00:00Z", false, "a range of one day is " +
			"not a week"},
		{"mON-mon,WED 09:00-17:00 UTC", "2026-11-25T12:00:00Z", true, "days in any case, listed"},
		{"Mon-Sun 09:00-17:00 UTC", "2026-11-24T12:00:00Z", true, "all days"},
		{"Mon 22:00-00:00 UTC", "2026-11-23T23:59:59Z", true, "00:00 as the end is the next " +
			"midnight"},
		{"Mon 22:00-00:00 UTC", "2026-11-24T00:00:00Z", false, "and not later"},

		{berlin, "2026-03-22T02:30:00+01:00", true, "a week before the change"},
		{berlin, "2026-03-29T01:59:59+01:00", false, "a second before the hour that is left out"},
		{berlin, "2026-03-29T03:00:00+02:00", false, "the next second: this window does not " +
			"exist on that day"},
		{berlin, "2026-10-25T01:59:59+02:00", false, "before the hour that comes twice"},
		{berlin, "2026-10-25T02:00:00+02:00", true, "the hour, first time"},
		{berlin, "2026-10-25T02:59:59+02:00", true, "the hour ends, first time"},
		{berlin, "2026-10-25T02:00:00+01:00", true, "the next second: the hour, second time"},
		{berlin, "2026-10-25T02:59:59+01:00", true, "the hour ends, second time"},
		{berlin, "2026-10-25T03:00:00+01:00", false, "over"},
		{night, "2026-03-28T21:59:59+01:00", false, "before the night of 7 hours"},
		{night, "2026-03-28T22:00:00+01:00", true, "it begins in winter time"},
		{night, "2026-03-29T05:59:59+02:00", true, "and ends in summer time"},
		{night, "2026-03-29T06:00:00+02:00", false, "by the clock on the wall"},
		{night, "2026-10-25T05:59:59+01:00", true, "the night of 9 hours"},
		{night, "2026-10-25T06:00:00+01:00", false, "also ends by the clock on the wall"},
		{"Sun 02:00-03:00 Asia/Shanghai", "2026-03-29T01:59:59+08:00", false,
			"no change in Shanghai: before"},
		{"Sun 02:00-03:00 Asia/Shanghai", "2026-03-29T02:00:00+08:00", true,
			"no change in Shanghai: the hour exists"},
		{"Sun 02:00-03:00 Asia/Shanghai", "2026-03-29T03:00:00+08:00", false,
			"no change in Shanghai: after"},
	} {
		c, err := Load([]string{"REMEDY_WINDOWS=" + test.windows})
		if err != nil {
			t.Errorf("%s: %v", test.windows, err)
			continue
		}
		at, err := time.Parse(time.RFC3339, test.at)
		if err != nil {
			t.Fatal(err)
		}
		got := slices.ContainsFunc(c.Policy.Windows,
			func(w remedy.Window) bool { return w.Open(at) })
		if got != test.open {
			t.Errorf("%s at %s: open %v; %s", test.windows, test.at, got, test.why)
		}
	}
}
