package remedy

import (
	"strings"
	"time"
)

// This file is what the console of an instance showed. A reboot destroys it, so it is kept before
// the first attempt of an incident and before a forced one, and once more after a failed end. It is
// never in the way: it is asked for once, within a limit, and whatever comes of that is a finding
// that forbids nothing.

// Evidence is what was kept of an instance's console.
type Evidence struct {
	Incident string        // whose
	Stage    EvidenceStage // when
	Place    string        // where everything of the incident is kept; empty: nothing was
	Kept     []string      // the names of what is there
	Missing  []string      // what is not, and why, for a human, a phrase each; never a URL
}

// EvidenceStage says when evidence is kept. It begins the names of what is kept.
type EvidenceStage int

// The stages.
const (
	EvidenceBefore EvidenceStage = 1 // before the first attempt
	EvidenceForce  EvidenceStage = 2 // before a forced attempt
	EvidenceFailed EvidenceStage = 3 // after a failed end
)

// evidenceMargin is what must be left of the time for a claim after evidence was asked for.
const evidenceMargin = 500 * time.Millisecond

// evidence asks for the evidence of a stage, if it is wanted, was not asked for yet, and there is
// time.
func (m *machine) evidence(incident *Incident, stage EvidenceStage) (Step, bool) {
	f := m.f
	if f.asked(incident, stage) {
		return Step{}, false
	}
	limit := min(m.p.EvidenceLimit, m.p.CallLimit()) // 0: none is wanted
	for _, last := range []time.Time{f.ClaimBy, f.StopAt} {
		if !last.IsZero() {
			limit = min(limit, last.Add(-evidenceMargin).Sub(f.Now))
		}
	}
	if limit <= 0 {
		return Step{}, false
	}
	return Step{Do: DoRead, Sources: SourceEvidence, Incident: incident,
		Evidence: EvidenceOrder{Region: incident.Region, Incident: incident.ID,
			Instance: incident.Instance, Stage: stage, Limit: limit}}, true
}

// asked reports whether the evidence of a stage was asked for. What failed is not asked for again.
func (f *Facts) asked(incident *Incident, stage EvidenceStage) bool {
	return f.Evidence.Read() && f.Evidence.Value.Incident == incident.ID &&
		f.Evidence.Value.Stage == stage
}

// kept is the finding about the evidence of a stage, after what was found about earlier ones.
func (m *machine) kept(incident *Incident, stage EvidenceStage) []Finding {
	f := m.f
	if m.p.EvidenceLimit == 0 {
		return nil
	}
	saw := "nothing was kept: there was no time"
	if f.asked(incident, stage) {
		saw = f.Evidence.Value.words(f.Evidence.Failure, f.Evidence.Note)
	}
	for _, before := range m.seen.Findings {
		if before.Rule == RuleEvidence && before.Saw != saw &&
			!strings.HasSuffix(before.Saw, "; "+saw) {
			saw = before.Saw + "; " + saw
		}
	}
	return []Finding{{Rule: RuleEvidence, OK: true, Saw: saw}}
}

// words say what was kept, and what not.
func (e *Evidence) words(failure Failure, note string) string {
	if failure != "" {
		return "nothing was kept: " + strings.TrimSpace(string(failure)+" "+note)
	}
	var parts []string
	if len(e.Kept) > 0 {
		parts = append(parts, "kept "+strings.Join(e.Kept, " and "))
	}
	return strings.Join(append(parts, e.Missing...), "; ")
}

// place is where evidence of the incident is kept, as far as is known; empty: nowhere.
func (f *Facts) place(incident *Incident) string {
	if incident.Evidence == "" && f.Evidence.OK() && f.Evidence.Value.Incident == incident.ID {
		return f.Evidence.Value.Place
	}
	return incident.Evidence
}
