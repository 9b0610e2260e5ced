package remedy

import (
	"fmt"
	"runtime"
)

// answer is a step that reports.
func answer(verdict Verdict, reason Reason, why string) Step {
	return Step{Do: DoAnswer, Verdict: verdict, Reason: reason, Why: why}
}

// with adds the findings of the rules that the step rests on.
func (s Step) with(findings []Finding) Step {
	s.Findings = findings
	return s
}

// merged keeps the newest finding of every rule, in the order in which the rules were first asked.
func merged(old, now []Finding) []Finding {
	if len(now) == 0 {
		return old
	}
	if asksOn(old, now) {
		return now
	}
	all := append(make([]Finding, 0, len(old)+len(now)), old...)
next:
	for _, finding := range now {
		for i := range all {
			if all[i].Rule == finding.Rule {
				all[i] = finding
				continue next
			}
		}
		all = append(all, finding)
	}
	return all
}

// asksOn reports whether the rules of old were asked again in their order, and then others.
func asksOn(old, now []Finding) bool {
	if len(old) > len(now) {
		return false
	}
	for i := range old {
		if old[i].Rule != now[i].Rule {
			return false
		}
	}
	return true
}

// result is the program's output for an answer.
func (m *machine) result(step *Step) *Result {
	a := &m.f.Alarm
	r := &Result{
		Verdict: step.Verdict, Reason: step.Reason, Why: step.Why, InstanceID: a.Instance,
		Alarm: AlarmView{
			Format: string(a.Format),
			Name:   a.Name,
			State:  string(a.State),
			Level:  a.Level,
			ID:     a.Key,
			Time:   a.Time,
		},
		Attempts: []AttemptView{}, Findings: m.seen.Findings, Name: m.f.Instance.Value.Name,
	}
	if r.Region = a.Region; a.Instance != "" && a.Problem == "" {
		r.Region = m.f.InstanceRegion()
	}
	if r.Findings == nil {
		r.Findings = []Finding{}
	}
	incident := m.ended
	if incident == nil && m.incident != nil && len(m.incident.Attempts) > 0 {
		incident = m.incident
	}
	if incident == nil {
		return r
	}
	if m.f.Swept {
		r.Alarm = incident.Alarm.view()
	}
	r.Incident, r.Forced, r.Ended = incident.ID, incident.Forced(), m.ended
	r.Retold = m.retold
	r.Evidence = m.f.place(incident)
	r.Attempts = incident.Views()
	return r
}

// Panicked is the answer to an alarm whose handling hit a defect of this program: the event is
// asked for again.
func (f *Facts) Panicked(value any) *Result {
	m := machine{f: f, seen: f.Seen}
	return m.result(&Step{Verdict: VerdictPending, Reason: ReasonDependencyUnavailable,
		Why: Defect(value)})
}

// Defect says that something panicked, with the value given. That is named by its type or as the
// runtime words it; other text might hold anything.
func Defect(value any) string {
	what := fmt.Sprintf("%T", value)
	if err, ok := value.(runtime.Error); ok {
		what = err.Error()
	}
	return "a defect of this program: " + what
}

// Views are the incident's attempts as results show them.
func (i *Incident) Views() []AttemptView {
	views := make([]AttemptView, len(i.Attempts))
	for n := range i.Attempts {
		a := &i.Attempts[n]
		views[n] = AttemptView{N: a.N, Force: a.Force, At: a.ClaimedAt, RequestID: a.RequestID,
			Outcome: a.Outcome(), Code: a.Code}
	}
	return views
}
