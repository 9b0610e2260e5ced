package backtest

import (
	"os"
	"runtime/debug"
)

// processMemory is what a backtest's process takes. A history of a million alarms keeps some
// 50 MB of it; the rest is room to work in. The collector runs when it is used up, instead of
// whenever as much as is kept was thrown away, which took half of all time.
const processMemory = 140 << 20

// UseMemory lets this process, which has nothing else to do, use so much memory for a backtest,
// and returns how to undo that. Where GOGC or GOMEMLIMIT say what the collector is to do, it does
// that.
func UseMemory() (undo func()) {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return func() {}
	}
	limit, percent := debug.SetMemoryLimit(processMemory), debug.SetGCPercent(-1)
	return func() {
		debug.SetGCPercent(percent)
		debug.SetMemoryLimit(limit)
	}
}
