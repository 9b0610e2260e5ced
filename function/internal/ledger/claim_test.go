package ledger_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// interrupted lets something happen just before the first write of an instance's record.
type interrupted struct {
	ledger.Store
	before func()
}

func (i *interrupted) Put(ctx context.Context, key string, value []byte, expected uint64) (uint64, error) {
	if before := i.before; before != nil && strings.HasPrefix(key, "instance/") {
		i.before = nil
		before()
	}
	return i.Store.Put(ctx, key, value, expected)
}

// TestClaimTwice: two invocations open the same incident in the same second. One of them gets it, with one slot, and the other
// leaves that slot alone.
func TestClaimTwice(t *testing.T) {
	policy := remedy.Policy{Mode: remedy.ModeEnforce, Lease: time.Minute, FleetConcurrent: 2, FleetHourly: 2, IncidentLimit: time.Hour,
		Cooldown: time.Minute, IncidentWindow: time.Hour}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	store := &interrupted{Store: ledger.NewMem()}
	open := func(owner string) (remedy.Reason, error) {
		incident := &remedy.Incident{ID: remedy.IncidentID("i-1", now), Instance: "i-1", OpenedAt: now, Owner: owner}
		_, reason, err := ledger.New(store, policy, clock).Claim(t.Context(), remedy.Record{}, incident, remedy.Attempt{N: 1})
		return reason, err
	}
	store.before = func() {
		if reason, err := open("second"); reason != remedy.ReasonInProgress || err != nil {
			t.Errorf("the second claim gave %q (%v), want in-progress", reason, err)
		}
	}
	if reason, err := open("first"); reason != "" || err != nil {
		t.Errorf("the first claim gave %q (%v)", reason, err)
	}
	book := ledger.New(store, policy, clock)
	fleet := book.Fleet(t.Context())
	if !fleet.OK() || len(fleet.Value.Open) != 1 || len(fleet.Value.Begun) != 1 {
		t.Errorf("%d slots and %d beginnings, want one of each", len(fleet.Value.Open), len(fleet.Value.Begun))
	}
	if record := book.Record(t.Context(), "i-1"); record.Value.Open == nil || record.Value.Open.Owner != "first" {
		t.Errorf("the incident is %+v", record.Value.Open)
	}
}
