package main

import (
	"slices"
	"testing"
	"time"
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
