package app

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/notify"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/report"
)

// TestDefectInTelling: a panic while people are told, of what happened or of what was counted long
// ago, is a line in the log, and the invocation's answer is what it was.
func TestDefectInTelling(t *testing.T) {
	store := ledger.NewMem()
	// One was counted that nobody was told of, and its time has come.
	if _, err := store.Put(t.Context(), "notify/refusals",
		[]byte(`{"version":1,"reasons":{"locked":{"count":1}}}`), 0); err != nil {
		t.Fatal(err)
	}
	sender, err := notify.NewSender([]notify.Address{{Form: notify.FormJSON,
		URL: "https://hook.example/", Host: "hook.example"}}, nil, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	notifier, err := notify.New(notify.Options{Sender: sender, Ledger: store, Now: time.Now,
		IsConflict: func(error) bool { return false },
		Words:      func(notify.Notice) notify.Message { panic("a defect") }})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		why    string
		result *remedy.Result
		sweeps bool
	}{
		{"of an end", &remedy.Result{Verdict: remedy.VerdictFailed,
			Reason: remedy.ReasonStuck}, false},
		{"of what was counted", nil, true},
	} {
		var out bytes.Buffer
		told := &telling{Reporter: report.In(report.LangEnglish).Reporter(&out, "1-test", "test"),
			f: &Function{sender: sender}, notifier: notifier}
		if row.result != nil {
			told.Report(row.result)
			out.Reset()
		}
		told.finish(t.Context(), row.sweeps)
		if said := out.String(); strings.Count(said, `"msg":"untold"`) != 1 ||
			!strings.Contains(said, "a defect of this program") {
			t.Errorf("%s: the log says %q", row.why, said)
		}
	}
}
