package ecssim

import (
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func ids(list []object) (ids []string) {
	for _, entry := range list {
		ids = append(ids, entry["InstanceId"].(string))
	}
	return ids
}

func quoted(from, to int) string {
	var ids []string
	for n := from; n <= to; n++ {
		ids = append(ids, fmt.Sprintf("%q", fmt.Sprint("i-", n)))
	}
	return "[" + strings.Join(ids, ",") + "]"
}

func TestDescribeInstancesChooses(t *testing.T) {
	w := New(Real())
	for n := range 25 {
		w.Add(Instance{ID: fmt.Sprint("i-", n)})
	}
	w.Add(Instance{ID: "i-tagged", Tags: map[string]string{"auto-restart": "true", "team": "web"}})
	w.Add(Instance{ID: "i-away", Region: "cn-beijing"})
	w.Add(Instance{ID: "i-gone", Released: true})
	w.Add(Instance{ID: "i-twice", Duplicated: true})
	w.Add(Instance{ID: "i-other", ReportID: "i-wrong"})
	for _, row := range []struct {
		why    string
		params map[string]string
		want   int
		first  string
	}{
		{"one", map[string]string{"InstanceIds": `["i-3"]`}, 1, "i-3"},
		{"the same one twice", map[string]string{"InstanceIds": `["i-3","i-3"]`}, 1, "i-3"},
		{"an empty list is a filter", map[string]string{"InstanceIds": `[]`}, 0, ""},
		{"a blank one is none: the region, 10 a page", map[string]string{"InstanceIds": ""}, 10,
			"i-0"},
		{"10 of 25 without a page size", map[string]string{"InstanceIds": quoted(0, 24)}, 10,
			"i-0"},
		{"all 25", map[string]string{"InstanceIds": quoted(0, 24), "MaxResults": "100"}, 25, "i-0"},
		{"fewer than 10 are 10", map[string]string{"MaxResults": "1"}, 10, "i-0"},
		{"page 3, with one listed twice", map[string]string{"PageNumber": "3"}, 9, "i-20"},
		{"an unknown id is no error", map[string]string{"InstanceIds": `["i-3","i-none"]`}, 1,
			"i-3"},
		{"another region's", map[string]string{"InstanceIds": `["i-away"]`}, 0, ""},
		{"from its region", map[string]string{"InstanceIds": `["i-away"]`,
			"RegionId": "cn-beijing"}, 1, "i-away"},
		{"a released one", map[string]string{"InstanceIds": `["i-gone"]`}, 0, ""},
		{"listed twice", map[string]string{"InstanceIds": `["i-twice"]`}, 2, "i-twice"},
		{"with another id", map[string]string{"InstanceIds": `["i-other"]`}, 1, "i-wrong"},
		{"by tag", map[string]string{"Tag.1.Key": "auto-restart", "Tag.1.Value": "true",
			"Tag.2.Key": "team"}, 1, "i-tagged"},
		{"by another value", map[string]string{"Tag.1.Key": "auto-restart", "Tag.1.Value": "false"},
			0, ""},
	} {
		got := ids(describe(t, w, row.params))
		if len(got) != row.want || row.want > 0 && got[0] != row.first {
			t.Errorf("%s: got %v", row.why, got)
		}
	}

	var all []string
	token := ""
	for range 3 {
		a := call(t, w, "DescribeInstances",
			map[string]string{"MaxResults": "10", "NextToken": token})
		all = append(all, ids(a.entries(t, "Instances", "Instance"))...)
		token = a.body["NextToken"].(string)
	}
	if len(all) != 29 || token != "" {
		t.Errorf("three pages hold %v and end with %q", all, token)
	}
}

func TestErrorsOfActions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Real())
		for _, i := range []Instance{
			{ID: "i-1"},
			{ID: "i-away", Region: "cn-beijing"},
			{ID: "i-stopped", Status: StatusStopped},
			{ID: "i-stopping", Status: StatusStopping},
			{ID: "i-cures", Status: StatusStopping, Guest: Guest{AcceptForceInTransition: true}},
			{ID: "i-security", Locks: []string{"Security"}, Status: StatusStopped},
			{ID: "i-financial", Locks: []string{"financial"}},
			{ID: "i-recycling", Locks: []string{"recycling"}},
			{ID: "i-lasts", ChargeType: "PrePaid",
				ExpiredTime: time.Now().Add(time.Minute).UTC().Format("2006-01-02T15:04Z")},
			{ID: "i-over", ChargeType: "PrePaid",
				ExpiredTime: time.Now().UTC().Format("2006-01-02T15:04Z")},
			{ID: "i-garbled", ChargeType: "PrePaid", ExpiredTime: "soon"},
			{ID: "i-postpaid", ExpiredTime: "2020-01-01T16:00Z"},
		} {
			w.Add(i)
		}
		many := map[string]string{}
		for n := range 101 {
			many[fmt.Sprint("InstanceId.", n+1)] = "i-1"
		}
		id := func(id string) map[string]string {
			return map[string]string{"InstanceId": id,
				"DryRun": "true"}
		}
		for _, row := range []struct {
			action string
			params map[string]string
			status int
			code   string
			why    string
		}{
			{"DescribeInstances", map[string]string{"InstanceIds": quoted(1, 100)}, 200, "",
				"100 ids"},
			{"DescribeInstances", map[string]string{"InstanceIds": quoted(1, 101)}, 400,
				"InvalidInstanceIds.Malformed", "101"},
			{"DescribeInstances", map[string]string{"InstanceIds": "i-1"}, 400,
				"InvalidInstanceIds.Malformed", "not JSON"},
			{"DescribeInstances", map[string]string{"MaxResults": "101"}, 400, "InvalidParameter",
				"more than 100 a page"},
			{"DescribeInstances", map[string]string{"NextToken": "?"}, 400,
				"InvalidParameter.NextToken", "not a token of ours"},
			{"DescribeInstances", map[string]string{"RegionId": ""}, 400, "MissingParameter",
				"no region"},
			{"DescribeInstances", map[string]string{"DryRun": "true"}, 400, "DryRunOperation",
				"success is an error"},
			{"DescribeInstanceStatus", many, 403, "InstanceIdLimitExceeded", "101 ids"},
			{"DescribeCloudAssistantStatus", many, 403, "InstanceIds.ExceedLimit", "101 ids"},
			{"DescribeCloudAssistantStatus", map[string]string{"InstanceId.1": "i-none"}, 404,
				"InvalidInstance.NotFound", "none"},
			{"GetInstanceScreenshot", map[string]string{"InstanceId": "i-stopped"}, 405,
				"IncorrectInstanceStatus", "off"},
			{"RebootInstance", nil, 400, "MissingParameter", "no id"},
			{"RebootInstance", map[string]string{"InstanceId": "i-1", "ForceStop": "yes"}, 400,
				"InvalidParameter", "not a bool"},
			{"RebootInstance", id("i-1"), 400, "DryRunOperation", "Running and free"},
			{"RebootInstance", id("i-none"), 404, "InvalidInstanceId.NotFound", "unknown"},
			{"RebootInstance", id("i-away"), 404, "InvalidInstanceId.NotFound", "another region's"},
			{"RebootInstance", id("i-stopped"), 403, "IncorrectInstanceStatus", "Stopped"},
			{"RebootInstance", id("i-stopping"), 403, "IncorrectInstanceStatus", "in transition"},
			{"RebootInstance", id("i-cures"), 403, "IncorrectInstanceStatus",
				"in transition, graceful"},
			{"RebootInstance", map[string]string{"InstanceId": "i-cures", "ForceStop": "true"}, 200,
				"", "in transition, forced"},
			{"RebootInstance", id("i-security"), 403, "InstanceLockedForSecurity",
				"whatever its case and status"},
			{"RebootInstance", id("i-financial"), 403, "InstanceExpiredOrInArrears", "in arrears"},
			{"RebootInstance", id("i-recycling"), 400, "DryRunOperation",
				"no document says that it is refused"},
			{"RebootInstance", id("i-lasts"), 400, "DryRunOperation", "a minute before its end"},
			{"RebootInstance", id("i-over"), 403, "InstanceExpiredOrInArrears", "at its end"},
			{"RebootInstance", id("i-garbled"), 400, "DryRunOperation",
				"only the list shows a garbled time"},
			{"RebootInstance", id("i-postpaid"), 400, "DryRunOperation",
				"pay-as-you-go does not expire"},
		} {
			if a := call(t, w, row.action, row.params); a.err != nil || a.status != row.status ||
				a.code() != row.code {
				t.Errorf("%s %s: %d %v %v", row.action, row.why, a.status, a.body, a.err)
			}
		}
	})
}

func TestRawFields(t *testing.T) {
	w := New(Real())
	w.Add(Instance{ID: "i-plain", Locks: []string{"security"}})
	w.Add(Instance{ID: "i-null", LocksNull: true})
	w.Add(Instance{ID: "i-missing", LocksMissing: true})
	w.Add(Instance{ID: "i-raw", Raw: map[string]map[string]any{
		"DescribeInstances":            {"Status": 7, "ExpiredTime": nil, "Tags": Absent},
		"DescribeCloudAssistantStatus": {"LastHeartbeatTime": "yesterday"},
	}})
	list := describe(t, w, nil)
	locks := list[0]["OperationLocks"].(object)["LockReason"].([]any)[0].(object)["LockReason"]
	if locks != "security" {
		t.Errorf("locks %v", list[0])
	}
	if locks, there := list[1]["OperationLocks"]; locks != nil || !there {
		t.Errorf("null locks %v, %v", locks, there)
	}
	if locks, there := list[2]["OperationLocks"]; there {
		t.Errorf("missing locks %v", locks)
	}
	_, tags := list[3]["Tags"]
	expired, there := list[3]["ExpiredTime"]
	if list[3]["Status"] != 7.0 || expired != nil || !there || tags {
		t.Errorf("raw fields %v", list[3])
	}
	beat := call(t, w, "DescribeCloudAssistantStatus", map[string]string{"InstanceId.1": "i-raw"}).
		entries(t, "InstanceCloudAssistantStatusSet",
			"InstanceCloudAssistantStatus")[0]["LastHeartbeatTime"]
	if beat != "yesterday" {
		t.Errorf("heartbeat %v", beat)
	}
}

func TestHistoryEvents(t *testing.T) {
	w := New(Real())
	w.Add(Instance{ID: "i-1", Events: []Event{
		{ID: "e-1", Type: "SystemMaintenance.Reboot", Status: "Scheduled", NotBefore: noon},
		{ID: "e-2", Type: "SystemFailure.Reboot", Status: "Executing", NotBefore: noon},
		{ID: "e-3", Type: "SystemFailure.Reboot", Status: "Executed", NotBefore: noon,
			Finished: noon},
	}})
	w.Add(Instance{ID: "i-2"})
	for _, row := range []struct {
		why    string
		params map[string]string
		want   []string
	}{
		{"only finished ones unless asked for", map[string]string{"InstanceId": "i-1"},
			[]string{"e-3"}},
		{"those that are not over", map[string]string{"ResourceId.1": "i-1", "ResourceId.2": "i-2",
			"InstanceEventCycleStatus.1": "Executing", "InstanceEventCycleStatus.2": "Scheduled"},
			[]string{"e-1", "e-2"}},
		{"the single parameter",
			map[string]string{"InstanceId": "i-1",
				"EventCycleStatus": "Scheduled"}, []string{"e-1"}},
		{"by type", map[string]string{"InstanceId": "i-1", "EventCycleStatus": "Scheduled",
			"EventType": "SystemFailure.Reboot"}, nil},
		{"of another instance",
			map[string]string{"InstanceId": "i-2", "EventCycleStatus": "Executing"}, nil},
	} {
		var got []string
		a := call(t, w, "DescribeInstanceHistoryEvents", row.params)
		for _, e := range a.entries(t, "InstanceSystemEventSet", "InstanceSystemEventType") {
			got = append(got, e["EventId"].(string))
		}
		if !reflect.DeepEqual(got, row.want) {
			t.Errorf("%s: got %v, want %v", row.why, got, row.want)
		}
	}
}

// What an instance is given to show, it shows; without that, what such a guest would.
func TestConsoleContents(t *testing.T) {
	const log = "\x1b[1;31mpanic\x1b[0m: attempted to kill init\r\n"
	for _, row := range []struct {
		why      string
		instance Instance
		action   string
		params   map[string]string
		status   int
		code     string
		want     string
	}{
		{"a picture of its own", Instance{Screenshot: []byte("\x89PNG...")},
			"GetInstanceScreenshot", nil, 200, "", "\x89PNG..."},
		{"an empty picture of its own", Instance{Screenshot: []byte{}}, "GetInstanceScreenshot",
			nil, 200, "", ""},
		{"a log of its own, as it is", Instance{ConsoleOutput: []byte(log)},
			"GetInstanceConsoleOutput", nil, 200, "", log},
		{"a log without escape sequences", Instance{ConsoleOutput: []byte(log)},
			"GetInstanceConsoleOutput",
			map[string]string{"RemoveSymbols": "true"}, 200, "",
			"panic: attempted to kill init\r\n"},
		{"Windows has a screen", Instance{Windows: true, Screenshot: []byte("x")},
			"GetInstanceScreenshot", nil, 200, "", "x"},
		{"and no serial console", Instance{Windows: true}, "GetInstanceConsoleOutput", nil, 405,
			"NotSupported", ""},
		{"nothing while it is Stopping", Instance{Status: StatusStopping}, "GetInstanceScreenshot",
			nil, 405, "IncorrectInstanceStatus", ""},
		{"nor a log", Instance{Status: StatusStopped}, "GetInstanceConsoleOutput", nil, 405,
			"IncorrectInstanceStatus", ""},
	} {
		w := New(Real())
		row.instance.ID = "i-1"
		w.Add(row.instance)
		params := map[string]string{"InstanceId": "i-1"}
		maps.Copy(params, row.params)
		a := call(t, w, row.action, params)
		if a.status != row.status || a.code() != row.code {
			t.Errorf("%s: %d %s, want %d %s", row.why, a.status, a.code(), row.status, row.code)
		}
		if a.status != 200 {
			continue
		}
		field := "Screenshot"
		if row.action == "GetInstanceConsoleOutput" {
			field = "ConsoleOutput"
			at, err := time.Parse(time.DateTime, a.body["LastUpdateTime"].(string))
			if err != nil || at.Sub(w.now().UTC()).Round(time.Minute) != 8*time.Hour {
				t.Errorf("%s: updated at %v, want a time of UTC+8 (%v)", row.why,
					a.body["LastUpdateTime"], err)
			}
		}
		if got, err := base64.StdEncoding.DecodeString(a.body[field].(string)); err != nil ||
			string(got) != row.want {
			t.Errorf("%s: %q (%v), want %q", row.why, got, err, row.want)
		}
	}
}

// The console may be looked at once in 10 s, and shows why the guest hangs until it was restarted.
func TestConsole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := New(Real())
		w.Add(Instance{ID: "i-1"})
		m := w.by["i-1"]
		if !strings.Contains(string(consoleLog(m, time.Now())), "soft lockup") {
			t.Error("the log of a hung guest does not say so")
		}
		for _, action := range []string{"GetInstanceScreenshot", "GetInstanceConsoleOutput"} {
			id := map[string]string{"InstanceId": "i-1"}
			if a := call(t, w, action, id); a.status != 200 {
				t.Errorf("%s: %v", action, a.body)
			}
			sleep := func(d time.Duration) {
				if err := Real().Sleep(t.Context(), d); err != nil {
					t.Fatal(err)
				}
			}
			sleep(10*time.Second - 1)
			if a := call(t, w, action, id); a.status != 429 || a.code() != "Throttling" {
				t.Errorf("%s too soon: %v", action, a.body)
			}
			sleep(1)
			if a := call(t, w, action, id); a.status != 200 {
				t.Errorf("%s after 10 s: %v", action, a.body)
			}
		}
		reboot(t, w, false)
		if err := Real().Sleep(t.Context(), 2*time.Minute); err != nil {
			t.Fatal(err)
		}
		w.Instance("i-1") // time passes when somebody looks
		if log := string(consoleLog(m, time.Now())); strings.Contains(log, "soft lockup") ||
			!strings.Contains(log, "login:") {
			t.Errorf("after the restart: %s", log)
		}
	})
}
