package main

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestREADMEDrill: what the README shows of the first command is what it prints, but for the time of day and how long it took.
func TestREADMEDrill(t *testing.T) {
	text, err := os.ReadFile("../../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, shown, found := strings.Cut(string(text), "    go run ./function/cmd/remedy drill\n")
	if !found {
		t.Fatal("README.md does not show the first command")
	}
	var out, errors bytes.Buffer
	if status := run([]string{"drill"}, &console{out: &out, err: &errors}); status != 0 || errors.Len() > 0 {
		t.Fatalf("drill ended with %d: %s", status, errors.String())
	}
	clock := regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|in \S+ of real time`)
	var want []string
	for line := range strings.Lines(shown) {
		if rest, indented := strings.CutPrefix(strings.TrimRight(line, "\n"), "    "); indented {
			want = append(want, rest)
		} else if strings.TrimSpace(line) != "" {
			break
		}
	}
	lines := func(s string) []string {
		return strings.Fields(strings.Join(strings.Fields(clock.ReplaceAllString(s, "TIME")), "\n"))
	}
	got, said := lines(out.String()), lines(strings.Join(want, "\n"))
	for i := range max(len(got), len(said)) {
		if i >= len(got) || i >= len(said) || got[i] != said[i] {
			t.Fatalf("README.md and the drill differ from word %d on:\nREADME: %s\ndrill:  %s", i,
				strings.Join(said[i:min(i+12, len(said))], " "), strings.Join(got[i:min(i+12, len(got))], " "))
		}
	}
}
