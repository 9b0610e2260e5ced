package config

import (
	"math/rand/v2"
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
