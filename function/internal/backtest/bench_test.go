package backtest

import (
	"bytes"
	"runtime"
	"testing"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/remedy"
)

func policyOf(t testing.TB, environ ...string) remedy.Policy {
	t.Helper()
	c, err := config.Load(append([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:"}, environ...))
	if err != nil {
		t.Fatal(err)
	}
	return c.Policy
}

func BenchmarkReplay(b *testing.B) {
	const n = 50_000
	var history bytes.Buffer
	if err := Generate(&history, n, 1); err != nil {
		b.Fatal(err)
	}
	p := policyOf(b)
	defer UseMemory()()
	b.ReportAllocs()
	for b.Loop() {
		h, err := Read(Input{Files: []string{"-"}, Stdin: bytes.NewReader(history.Bytes()),
			Assumed: Assumed(), Metrics: p.Metrics})
		if err != nil {
			b.Fatal(err)
		}
		report, err := h.Replay(p, Assumed(), nil)
		if err != nil {
			b.Fatal(err)
		}
		if report.Alarms != n {
			b.Fatalf("%d alarms", report.Alarms)
		}
		h.Close()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/n, "µs/alarm")
	b.ReportMetric(float64(m.Sys)/(1<<20), "MB")
}
