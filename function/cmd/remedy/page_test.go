package main

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestWrap(t *testing.T) {
	for _, test := range []struct {
		text  string
		width int
		want  []string
	}{
		{"", 4, []string{""}},                          // an empty line is a line
		{"ab cd", 5, []string{"ab cd"}},                // just fits
		{"ab cd", 4, []string{"ab", "cd"}},             // one too many
		{"abcd efgh", 4, []string{"abcd", "efgh"}},     // words as long as the line
		{"abcdefghi j", 4, []string{"abcdefghi", "j"}}, // a longer word is never broken
		{"ab cdefghi", 4, []string{"ab", "cdefghi"}},   // and has a line of its own
		// white space is only ever one space
		{"  ab \n cd  ", 9, []string{"ab cd"}},
		// Chinese letters take two columns
		{"使用率 ab", 6, []string{"使用率", "ab"}},
		// a line may end after each of them
		{"使用率ab", 6, []string{"使用率", "ab"}},
		{"使用率ab", 5, []string{"使用", "率ab"}},                        // and before each
		{"使用率。", 6, []string{"使用", "率。"}},                          // but not before a full stop
		{"使（用", 5, []string{"使", "（用"}},                            // nor after a parenthesis
		{"é", 1, []string{"é"}},                                    // bytes do not count
		{"a b c d e f", 3, []string{"a b", "c d", "e f"}},          // many short words
		{"abc de", 1, []string{"abc", "de"}},                       // no width at all
		{"abc de", -9, []string{"abc", "de"}},                      // or less than that
		{"i-bp1 in cn", 11, []string{"i-bp1 in cn"}},               // hyphens do not break
		{"one two three", 7, []string{"one two", "three"}},         // greedy
		{"one two threefour", 7, []string{"one two", "threefour"}}, // greedy, and not broken
	} {
		if got := wrap(test.text, test.width); !slices.Equal(got, test.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", test.text, test.width, got, test.want)
		}
	}
}

// A page is as wide as its terminal, and what is too long for its place is kept whole.
func TestPageOfATerminalsWidth(t *testing.T) {
	const id = "70fb6b53-0000-4d0e-9d2c-000000000001|Agent_Status_Stopped|stopped" // 65 columns
	const head = "   +0:00  alarm      key              "                          // 38 columns
	apart := func(indent int) string {
		return strings.TrimRight(head, " ") + "\n" + pad("", indent) + id + "\n"
	}
	for _, test := range []struct {
		why   string
		width int
		want  string
	}{
		{"nobody knows the width", 0, apart(35)},
		{"just enough", 103, head + id + "\n"},
		{"one column short", 102, apart(37)},
		{"as wide as the id", 65, apart(0)},
		{"narrower than the id", 41, "+0:00  alarm  key\n" + id + "\n"},
		{"too narrow for anything", 2, "+0:00  alarm  key\n" + id + "\n"},
	} {
		var out strings.Builder
		p := newPage(&console{out: &out, width: test.width})
		p.row("+0:00", cell{"alarm", normal}, id, cell{"key" + pad("key", 16) + " ", normal})
		if got := out.String(); got != test.want {
			t.Errorf("%s: %q, want %q", test.why, got, test.want)
		}
	}
}

// Where a page is too narrow for two things beside each other, one stands below the other: text
// gets 24 columns, or all but six.
func TestPageTooNarrowForTwo(t *testing.T) {
	const name, text = "Agent_Status_Stopped", "its agent is silent, and so is perhaps its guest"
	for _, test := range []struct {
		why   string
		width int
		want  string
	}{
		{"24 columns are enough", 48, "  " + name + "  its agent is silent, and\n" + pad("", 24) +
			"so is perhaps its guest\n"},
		{"23 are not", 47, "  " + name + "\n      its agent is silent, and so is perhaps\n" +
			"      its guest\n"},
		{"the narrowest page", 40, "  " + name + "\n      its agent is silent, and so is\n" +
			"      perhaps its guest\n"},
	} {
		var out strings.Builder
		newPage(&console{out: &out, width: test.width}).pairs(2, 20, [][2]string{{name, text}})
		if got := out.String(); got != test.want {
			t.Errorf("%s: %q, want %q", test.why, got, test.want)
		}
	}
}

// The rows of a timeline do without their columns where those leave no room.
func TestPageOfNarrowRows(t *testing.T) {
	var out strings.Builder
	p := newPage(&console{out: &out, width: 40})
	p.row("+0:00", cell{"alarm", normal}, "firing, CRITICAL, format system-event")
	p.row("+0:00", cell{}, "region cn-hangzhou")
	p.row("", cell{}, "region cn-hangzhou, account 1234567890123456")
	p.finding("+0:05", cell{"rules", normal}, true, "mode", "enforce")
	p.finding("+0:05", cell{}, false, "second-check", "last heartbeat 20m0s ago")
	const want = `+0:00  alarm
      firing, CRITICAL, format
      system-event
      region cn-hangzhou
      region cn-hangzhou, account
      1234567890123456
+0:05  rules  ✓ mode  enforce
  ✗ second-check
      last heartbeat 20m0s ago
`
	if got := out.String(); got != want {
		t.Errorf("%s, want\n%s", got, want)
	}
	for width, want := range map[int]string{
		61: "+0:05  rules  ✓ mode  enforce\n",
		62: "   +0:05  rules      ✓ mode           enforce\n",
	} {
		out.Reset()
		p := newPage(&console{out: &out, width: width})
		p.finding("+0:05", cell{"rules", normal}, true, "mode", "enforce")
		if got := out.String(); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

// A table is as wide as what is in it; on a page with one column less its rows are lists.
func TestGrid(t *testing.T) {
	headings, rightward := []string{"name", "n"}, []bool{false, true}
	rows := [][]string{{"a-name-of-36-columns-aaaaaaaaaaaaaaaa", "1"}, {"b", "1,234"}}
	for width, want := range map[int]string{
		46: "  name" + pad("", 39) + "n\n" +
			"  a-name-of-36-columns-aaaaaaaaaaaaaaaa      1\n" +
			"  b" + pad("", 38) + "1,234\n",
		45: "  a-name-of-36-columns-aaaaaaaaaaaaaaaa\n    n  1\n  b\n    n  1,234\n",
	} {
		var out strings.Builder
		newPage(&console{out: &out, width: width}).grid(headings, rightward, rows)
		if got := out.String(); got != want {
			t.Errorf("%d columns: %q, want %q", width, got, want)
		}
	}
}

// The bar leaves the terminal's last column free, so that no line of it wraps.
func TestBar(t *testing.T) {
	for _, test := range []struct {
		width int
		text  string
		want  string
	}{
		{0, "1 of 2", strings.Repeat("█", 20) + strings.Repeat("░", 20) + " 1 of 2"}, // not known
		{48, "1 of 2", strings.Repeat("█", 20) + strings.Repeat("░", 20) + " 1 of 2"},
		{47, "1 of 2", strings.Repeat("█", 19) + strings.Repeat("░", 20) + " 1 of 2"},
		{12, "1 of 2", "██░░ 1 of 2"}, // the shortest
		{11, "1 of 2", "1 of 2"},
		{6, "1 of 2", "1 of "},
		{1, "1 of 2", ""},
	} {
		if got := bar(test.width, 1, 2, test.text); got != test.want {
			t.Errorf("%d columns: %q, want %q", test.width, got, test.want)
		}
	}
}

func TestPlain(t *testing.T) {
	for text, want := range map[string]string{
		"web-01 (ECS)CPU使用率": "web-01 (ECS)CPU使用率", // text is left alone
		// an escape sequence is harmless without its escape
		"a\x1b[31mb\x07c":         "a[31mbc",
		"a\u009b31mb":             "a31mb", // as is the eight-bit form
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
