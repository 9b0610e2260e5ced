// Package report words what happened, in the operator's language: the detail sentence that a tired
// human understands at 3 a.m., the audit line that a dashboard counts, chat messages, and the
// incident page.
package report

import (
	"io"
	"log/slog"

	"ecs-remedy/function/internal/remedy"
)

// Reporter writes one JSON line per result. It is safe for concurrent use; a line is written whole.
type Reporter struct {
	log   *slog.Logger
	words *Words
}

// Reporter returns a Reporter that writes to out. Every line carries the code's version, and the
// invocation's request id if there is one.
func (w *Words) Reporter(out io.Writer, requestID, version string) *Reporter {
	log := slog.New(slog.NewJSONHandler(out, nil)).With("version", version)
	if requestID != "" {
		log = log.With("requestId", requestID)
	}
	return &Reporter{log: log, words: w}
}

// Report words the result's Detail and writes its audit line, whose message is "verdict" and whose
// other fields are the result's own.
func (r *Reporter) Report(result *remedy.Result) {
	result.Detail = r.words.Detail(result)
	r.log.Info("verdict",
		"verdict", result.Verdict, "reason", result.Reason, "detail", result.Detail,
		"region", result.Region, "instanceId", result.InstanceID, "incident", result.Incident,
		"forced", result.Forced, "evidence", result.Evidence,
		"alarm", result.Alarm, "attempts", result.Attempts, "findings", result.Findings)
}

// Untold writes a line for each thing that people should have been told, or that should have been
// kept, and was not. Nothing depends on it.
func (r *Reporter) Untold(errs ...error) {
	for _, err := range errs {
		r.log.Warn("untold", "detail", err.Error())
	}
}

// Unswept writes the line of a sweep that could not do its work.
func (r *Reporter) Unswept(why string) {
	r.log.Warn("sweep", "detail", "this sweep could not look after open incidents, and the next "+
		"one tries again: "+why)
}

// Detail is the result in one English sentence: what happened to which instance, and what it rests
// on.
func Detail(r *remedy.Result) string { return In(LangEnglish).Detail(r) }
