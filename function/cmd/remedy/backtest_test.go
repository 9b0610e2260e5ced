package main

import (
	"bytes"
	"strings"
	"testing"

	"ecs-remedy/function/internal/backtest"
)

// TestBacktestProgress: on a terminal the work is a bar that is gone at the end and never gets
// between the results; elsewhere nothing of it is written.
func TestBacktestProgress(t *testing.T) {
	var history bytes.Buffer
	if err := backtest.Generate(&history, 3_000, 1); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"backtest", "-"}, {"backtest", "-", "--json"}} {
		for _, live := range []bool{true, false} {
			var out, terminal bytes.Buffer
			in := bytes.NewReader(history.Bytes())
			c := &console{in: in, out: &out, err: &terminal, live: live}
			if status := run(args, c); status != 0 {
				t.Fatalf("exit %d: %s", status, terminal.String())
			}
			if strings.ContainsAny(out.String(), "\r█") {
				t.Error("the bar is among the results")
			}
			bar := terminal.String()
			if !live {
				if bar != "" {
					t.Errorf("what is no terminal is told %q", bar)
				}
				continue
			}
			for _, want := range []string{"reading, ", "░ replaying, 3", "█ replaying, 100 %"} {
				if !strings.Contains(bar, want) {
					t.Errorf("%q is not among what the terminal showed: %q", want, bar)
				}
			}
			if strings.Contains(bar, "\n") || !strings.HasSuffix(bar, "\r\x1b[K") {
				t.Errorf("the bar is not gone at the end: %q", bar[max(0, len(bar)-40):])
			}
		}
	}
}
