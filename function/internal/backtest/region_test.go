package backtest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/remedy"
)

// TestSmallRegion: a region with its bad hours, small enough for every run. Whatever the storm, the
// limits hold, every alarm has its answer, and the same region gives the same report.
func TestSmallRegion(t *testing.T) {
	p := policyOf(t, "REMEDY_FLEET_CONCURRENT=8", "REMEDY_FLEET_HOURLY=60",
		"REMEDY_FLEET_WAITING=20")
	region := Region{Instances: 2_000, Hung: 60, Outage: 200, Functions: 9, Seed: 7}
	r := Simulate(p, region)
	// An agent that falls silent reports again; what is more than that came twice.
	if r.Deliveries <= 2*region.Outage+region.Hung || r.Conflicts == 0 || r.Queued == 0 {
		t.Errorf("%d deliveries, %d conflicts, %v in the queue: no storm", r.Deliveries,
			r.Conflicts, r.Queued)
	}
	if r.Counts()[string(remedy.VerdictRefused)+"/"+string(remedy.ReasonStaleAlarm)] == 0 {
		t.Errorf("nothing came late: %v", r.Counts())
	}
	if Quantile(r.PerIncident, 0) < 5 || Quantile(r.AskedPerIncident, 0) < 3 {
		t.Errorf("an incident with %d calls of the ledger and %d of ECS",
			Quantile(r.PerIncident, 0), Quantile(r.AskedPerIncident, 0))
	}
	// Incidents begin within two hours of the alarms and the late deliveries after them.
	if r.Incidents == 0 || r.Incidents > 5*p.FleetHourly {
		t.Errorf("%d incidents, with %d an hour at most", r.Incidents, p.FleetHourly)
	}
	for _, h := range r.Hours {
		if begun := h.Reboots; begun > 5*p.FleetHourly {
			t.Errorf("%d reboots in the hour of %v", begun, h.At)
		}
	}
	if r.Total(remedy.VerdictRefused) == 0 || r.Total(remedy.VerdictWaiting) == 0 ||
		r.Total(remedy.VerdictRestarted) == 0 {
		t.Errorf("nobody was held back, or nobody restarted: %v", r.Counts())
	}
	for n := range r.Alarms {
		if end := r.tally.end(n); end.verdict == "" || end.verdict == remedy.VerdictWaiting {
			t.Errorf("delivery %d ended with %q", n, end)
		}
	}
	if fast := Quantile(r.Delays, 0); fast <= 0 || fast > time.Minute {
		t.Errorf("the first reboot came %v after its alarm", fast)
	}
	again := Simulate(p, region)
	if diff := cmp.Diff(r.Counts(), again.Counts()); diff != "" ||
		r.LedgerCalls != again.LedgerCalls {
		t.Errorf("another run of the same: %d and %d calls, %s", r.LedgerCalls, again.LedgerCalls,
			diff)
	}
}
