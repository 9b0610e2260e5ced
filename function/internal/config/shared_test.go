package config

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	stores "ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// This package may not know the ledger, so what both must agree on stands in both. These tests may,
// and compare the two.

func TestFleetFitsTheSmallestStore(t *testing.T) {
	if fleetBudget*2 != stores.MaxValue {
		t.Errorf("the fleet's record may have %d bytes, want half of the %d that every store holds",
			fleetBudget, stores.MaxValue)
	}
	defaults, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	concurrent, hourly, waiting := defaults.Policy.FleetConcurrent, defaults.Policy.FleetHourly,
		defaults.Policy.FleetWaiting
	if remedy.WaiterSize >= fleetAwaiting {
		t.Errorf("an alarm that waits takes %d bytes and a comma, and %d are planned for it",
			remedy.WaiterSize, fleetAwaiting)
	}
	for _, row := range []struct {
		why                               string
		concurrent, hourly, waiting, each int
	}{
		{"REMEDY_FLEET_CONCURRENT", mostConcurrent, hourly, waiting, fleetSlot},
		{"REMEDY_FLEET_HOURLY", concurrent, mostHourly, waiting, fleetBegun},
		{"REMEDY_FLEET_WAITING", concurrent, hourly, mostWaiting, fleetAwaiting},
	} {
		takes := row.concurrent*fleetSlot + row.hourly*fleetBegun + row.waiting*fleetAwaiting
		if left := fleetBudget - takes; left < 0 || left >= row.each {
			t.Errorf("%s: its largest value leaves %d bytes beside the defaults", row.why, left)
		}
	}
}

// TestFleetCosts: nothing in the fleet's record takes more bytes than the limits count for it, with
// the longest ids that an alarm may name.
func TestFleetCosts(t *testing.T) {
	at := time.Date(2026, 11, 23, 8, 0, 0, 123456789, time.UTC)
	instance := "i-" + strings.Repeat("z", 40) // see events: no id is longer, and no region
	incident := remedy.IncidentID(instance, at)
	waiter := remedy.Waiter{Instance: instance, Region: strings.Repeat("r", 40), Since: at,
		Alarm: remedy.WaitingAlarm{AlarmRef: remedy.AlarmRef{Key: "k", Time: at}}}
	text, err := json.Marshal(waiter)
	if err != nil {
		t.Fatal(err)
	}
	waiter.Alarm.Name = strings.Repeat("n", remedy.WaiterSize-len(text))
	size := func(fleet remedy.Fleet) int {
		store := stores.NewMem()
		defaults, err := Load(nil)
		if err != nil {
			t.Fatal(err)
		}
		written := stores.New(store, defaults.Policy, time.Now).Write(t.Context(),
			remedy.BookEnforce, "", remedy.Write{Fleet: &fleet})
		value, _, err := store.Get(t.Context(), "fleet")
		if err != nil || written.Wrote != remedy.WroteDone {
			t.Fatal(written, err)
		}
		return len(value)
	}
	const many = 100
	for _, row := range []struct {
		why    string
		all    remedy.Fleet
		counts int
	}{
		{"an incident under way, whose alarm waited", remedy.Fleet{Open: slices.Repeat(
			[]remedy.Slot{{Incident: incident, Instance: instance, Region: waiter.Region,
				OpenedAt: at, LeaseUntil: at, Waiter: &waiter}}, many)}, fleetSlot},
		{"a beginning", remedy.Fleet{Begun: slices.Repeat([]remedy.Begun{{At: at,
			Instance: instance, Incident: incident}}, many)}, fleetBegun},
		{"an alarm that waits", remedy.Fleet{Waiting: slices.Repeat([]remedy.Waiter{waiter},
			many)}, fleetAwaiting},
	} {
		takes := float64(size(row.all)-size(remedy.Fleet{})) / many
		if takes > float64(row.counts) || takes < float64(row.counts)/2 {
			t.Errorf("%s takes %.1f bytes, and %d are counted", row.why, takes, row.counts)
		}
	}
}

// TestTablestoreHost: what is a host of the instance here is one there.
func TestTablestoreHost(t *testing.T) {
	opens := func(host string) bool {
		store, err := stores.OpenTablestore(stores.TablestoreOptions{Instance: "re-m1",
			Region: "cn-hangzhou",
			Table:  "t", Endpoint: "https://" + host, AccessKeyID: "id", AccessKeySecret: "secret",
			Limit: time.Second})
		if err == nil {
			store.Close()
		}
		return err == nil
	}
	parts := []string{"re-m1", "Re-M1", "vpc", "v1", "-", "-", ".", ".", ".cn-hangzhou.",
		".cn-beijing.", "ots",
		"ots-internal", "tablestore", "vpc.ots", "vpc.tablestore", ".aliyuncs.com",
		".aliyuncs.com", "oss", "1",
		"example.com", "@", "/", ":443", "_", "%2e", "é", " ", "\n", strings.Repeat("v", 60)}
	random := rand.New(rand.NewPCG(9, 9))
	accepted := 0
	for range 30_000 {
		host := ""
		switch random.IntN(3) {
		case 0: // anything
			for range 1 + random.IntN(7) {
				host += parts[random.IntN(len(parts))]
			}
		default: // nearly a host
			for range random.IntN(4) {
				host += parts[random.IntN(6)]
			}
			host += "re-m1.cn-hangzhou." + parts[11+random.IntN(4)] + ".aliyuncs.com"
			if random.IntN(8) == 0 {
				host += parts[random.IntN(len(parts))]
			}
		}
		here, there := tablestoreHost(host, "re-m1", "cn-hangzhou"), opens(host)
		if here != there {
			t.Fatalf("%q: %v here, %v there", host, here, there)
		}
		if here {
			accepted++
		}
	}
	if accepted < 1000 {
		t.Errorf("%d hosts were accepted, want enough of them to compare", accepted)
	}
}
