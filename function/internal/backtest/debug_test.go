package backtest

import (
	"bytes"
	"io"
	"testing"
	"time"
)

func TestDebug(t *testing.T) {
	start := time.Now()
	var history bytes.Buffer
	if err := Generate(&history, 5000, 1); err != nil {
		t.Fatal(err)
	}
	t.Log("generated", time.Since(start), history.Len())
	_ = io.Discard
	p := policyOf(t)
	h, err := Read(Input{Files: []string{"-"}, Stdin: bytes.NewReader(history.Bytes()),
		Assumed: Assumed(), Metrics: p.Metrics})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("read", time.Since(start), h.Alarms)
	last := 0
	report, err := h.Replay(p, Assumed(), func(n int) { last = n; t.Log(n, time.Since(start)) })
	if err != nil {
		t.Fatal(err)
	}
	t.Log(time.Since(start), last, report.Counts(), report.Reboots, report.Forced)
}
