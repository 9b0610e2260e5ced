package main

import (
	"slices"
	"testing"
	"time"

	"ecs-remedy/events"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 4, []string{""}},                                          // an empty line is a line
		{"ab cd", 5, []string{"ab cd"}},                                // just fits
		{"ab cd", 4, []string{"ab", "cd"}},                             // one too many
		{"abcd efgh", 4, []string{"abcd", "efgh"}},                     // words as long as the line
		{"abcdefghi j", 4, []string{"abcd", "efgh", "i j"}},            // a longer word is broken
		{"ab cdefghi", 4, []string{"ab", "cdef", "ghi"}},               // and begins on a line of its own
		{"  ab \n cd  ", 9, []string{"ab cd"}},                         // white space is only ever one space
		{"使用率 ab", 6, []string{"使用率", "ab"}},                           // Chinese letters take two columns
		{"使用率ab", 6, []string{"使用率", "ab"}},                            // also within a word
		{"é", 1, []string{"é"}},                                        // bytes do not count
		{"a b c d e f", 3, []string{"a b", "c d", "e f"}},              // many short words
		{"（ＣＰＵ）", 4, []string{"（Ｃ", "ＰＵ", "）"}},                        // full-width forms
		{"abc de", 1, []string{"a", "b", "c", "d", "e"}},               // one column is enough
		{"i-bp1 in cn", 11, []string{"i-bp1 in cn"}},                   // hyphens do not break
		{"one two three", 7, []string{"one two", "three"}},             // greedy
		{"one two threefour", 7, []string{"one two", "threefo", "ur"}}, // greedy, then broken
	} {
		if got := wrap(test.text, test.width); !slices.Equal(got, test.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"web-01 (ECS)CPU使用率":      "web-01 (ECS)CPU使用率", // text is left alone
		"a\x1b[31mb\x07c":         "a[31mbc",            // an escape sequence is harmless without its escape
		"a\u009b31mb":             "a31mb",              // as is the eight-bit form
		"two\nlines\tand a tab\r": "two lines and a tab",
		"a\u202eb\u2066c\ufeffd":  "abcd", // direction marks and other invisible letters
		"a\xffb":                  "ab",   // no valid UTF-8
		"a\u2028b":                "ab",   // a line separator
	} {
		if got := plain(text); got != want {
			t.Errorf("plain(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestElapsed(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0:                                     "+0:00",
		59*time.Second + 499*time.Millisecond: "+0:59",
		59*time.Second + 500*time.Millisecond: "+1:00",
		59*time.Minute + 59*time.Second:       "+59:59",
		time.Hour:                             "+1:00:00",
		26*time.Hour + 61*time.Second:         "+26:01:01",
	} {
		if got := elapsed(d); got != want {
			t.Errorf("elapsed(%v) = %s, want %s", d, got, want)
		}
	}
}

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
		if got := (input{alarms: test.alarms}).starts(now); !got.Equal(now.Add(test.want)) {
			t.Errorf("%s: %v, want %v", test.why, got, now.Add(test.want))
		}
	}
}
