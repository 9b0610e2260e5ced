package ecs

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"ecs-remedy/function/internal/remedy"
)

// fill repeats element, with commas, until the text is an answer's cap long.
func fill(head, element, tail string) string {
	n := (maxBody - len(head) - len(tail)) / (len(element) + 1)
	return head + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + tail
}

// hostileAnswers are answers of 1 MiB, each of which costs a decoder that believes it far more than
// that.
func hostileAnswers() map[string]string {
	const (
		head     = `{"RequestId":"R",`
		statuses = `"InstanceCloudAssistantStatusSet":{"InstanceCloudAssistantStatus":[`
		events   = `"InstanceSystemEventSet":{"InstanceSystemEventType":[`
	)
	instance := head + `"Instances":{"Instance":[{"InstanceId":"` + instanceID + `","RegionId":"` +
		region + `","Status":"Running",`
	return map[string]string{
		"instances without anything": fill(head+`"Instances":{"Instance":[`, `{}`, `]}}`),
		"numbers for instances":      fill(head+`"Instances":{"Instance":[`, `0`, `]}}`),
		"statuses without anything":  fill(head+statuses, `{}`, `]}}`),
		"events without anything":    fill(head+events, `{}`, `]}}`),
		"the list again and again":   fill(head+`"Instances":{`, `"Instance":[]`, `}}`),
		"the null list again":        fill(head+`"Instances":{`, `"Instance":null`, `}}`),
		"the set again and again":    fill(head, `"Instances":{"Instance":[]}`, `}`),
		"tags without anything":      fill(instance+`"Tags":{"Tag":[`, `{}`, `]}}]}}`),
		"locks without anything": fill(instance+`"OperationLocks":{"LockReason":[`, `{}`,
			`]}}]}}`),
		"the locks again and again": fill(instance, `"OperationLocks":{}`, `}]}}`),
		"lists in lists": head + `"Instances":` + strings.Repeat("[", 9000) +
			strings.Repeat("]", 9000) + `}`,
		"lists too deep": head + `"Instances":` + strings.Repeat("[", maxBody-50),
		"objects in objects": head + `"x":` + strings.Repeat(`{"a":`, 9000) + "1" +
			strings.Repeat("}", 9000) + `}`,
		"names that nobody asked for": fill(head, `"":0`, `}`),
		"a long name":                 fill(head+`"`, `x`, `":1}`),
		"a long RequestId":            `{"RequestId":"` + strings.Repeat("R", maxBody-100) + `"}`,
		"escapes": head + `"NextToken":"` +
			strings.Repeat(`\u0041`, maxBody/6-20) + `","Instances":{"Instance":[]}}`,
		"a token of 1 MiB": head + `"Instances":{"Instance":[]},"NextToken":"` +
			strings.Repeat("t", maxBody-100) + `"}`,
		"an error with a long message": `{"RequestId":"R","Code":"Throttling","Message":"` +
			strings.Repeat("m", maxBody-100) + `"}`,
		"an error with many details": fill(`{"Code":"Forbidden.RAM","AccessDeniedDetail":{`,
			`"":{"":0}`, `}}`),
		"an error with a list": fill(`{"Code":"Forbidden.RAM","Message":[`, `{"":0}`, `]}`),
		"an instance with a long name": instance + `"InstanceName":"` +
			strings.Repeat("n", maxBody-300) + `"}]}}`,
		"a picture": head + `"InstanceId":"` + instanceID + `","Screenshot":"` +
			strings.Repeat("QUJD", (maxBody-100)/4) + `"}`,
		"a log": head + `"InstanceId":"` + instanceID +
			`","ConsoleOutput":"` + strings.Repeat("QUJD", (maxBody-100)/4) + `"}`,
		"nothing": strings.Repeat(" ", maxBody),
	}
}

// TestHostileAnswers measures what reading each of them costs.
func TestHostileAnswers(t *testing.T) {
	const limit = 32 << 20
	machines := func(c *Client) { c.Machines(t.Context(), region, []string{instanceID}) }
	// reads no list, and errors as all others do
	reboot := func(c *Client) { c.Reboot(t.Context(), order()) }
	others := map[string]func(*Client){
		"statuses without anything": func(c *Client) {
			c.Heartbeats(t.Context(), region,
				[]string{instanceID})
		},
		"events without anything": func(c *Client) {
			c.PlatformEvents(t.Context(), region,
				instanceID)
		},
		"a token of 1 MiB": func(c *Client) {
			c.Tagged(t.Context(), region,
				"auto-restart")
		},
		"a picture": func(c *Client) {
			c.Screenshot(t.Context(), region,
				instanceID)
		},
		"a log": func(c *Client) { c.Console(t.Context(), region, instanceID) },
	}
	worst := uint64(0)
	for why, body := range hostileAnswers() {
		if len(body) > maxBody {
			t.Fatalf("%s: %d bytes are more than are read", why, len(body))
		}
		read := others[why]
		if read == nil {
			read = machines
		}
		measure(t, why, limit, &worst, 200, body, read)
		if strings.HasPrefix(why, "an error") || strings.HasPrefix(why, "objects") {
			measure(t, why, limit, &worst, 403, body, reboot)
			measure(t, why, limit, &worst, 200, body, reboot)
		}
	}
	t.Logf("the worst took %d MiB", worst>>20)
}

// measure makes a call that has the answer, and fails when more than limit bytes were allocated for
// it.
func measure(t *testing.T, why string, limit uint64, worst *uint64, status int, body string,
	call func(*Client)) {
	t.Helper()
	c := carried(t, always(status, body))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call(c)
	runtime.ReadMemStats(&after)
	took := after.TotalAlloc - before.TotalAlloc
	*worst = max(*worst, took)
	if took > limit {
		t.Errorf("%s, status %d: %d MiB allocated, want %d at most", why, status, took>>20,
			limit>>20)
	}
}

// TestListsEnd has a row on each side of what a list may hold.
func TestListsEnd(t *testing.T) {
	many := func(n int) []string {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = fmt.Sprintf("i-%04d", i)
		}
		return ids
	}
	tagged := func(n int) string {
		var tags []string
		for i := range n {
			tags = append(tags, fmt.Sprintf(`{"TagKey":"k%d","TagValue":"v"}`, i))
		}
		return strings.Replace(healthy(instanceID), `[{"TagKey":"auto-restart","TagValue":"true"}]`,
			"["+strings.Join(tags, ",")+"]", 1)
	}
	locked := func(n int) string {
		locks := strings.TrimSuffix(strings.Repeat(`{"LockReason":"security"},`, n), ",")
		return strings.Replace(healthy(instanceID), `"LockReason":[]`, `"LockReason":[`+locks+`]`,
			1)
	}
	named := func(n int) string {
		return strings.Replace(healthy(instanceID), `"web"`,
			`"`+strings.Repeat("w", n-len(healthy(instanceID))+len("web"))+`"`, 1)
	}
	for _, row := range []struct {
		why     string
		ids     []string
		entry   string
		failure remedy.Failure
		locks   bool // known
	}{
		{"as many entries as were asked for", many(3), strings.Repeat(`{},`, 2) + healthy("i-0000"),
			"", true},
		{"one more", many(3), strings.Repeat(`{},`, 3) + healthy("i-0000"),
			remedy.FailureUnreadable, false},
		{"100 of 100", many(100), strings.Repeat(`{},`, 99) + healthy("i-0000"), "", true},
		{"101 of 100: the rest is not even decoded", many(100), healthy("i-0000") +
			strings.Repeat(`,{}`, 100), remedy.FailureUnreadable, false},
		{"100 tags", []string{instanceID}, tagged(100), "", true},
		{"101 tags", []string{instanceID}, tagged(101), remedy.FailureUnreadable, false},
		{"100 locks", []string{instanceID}, locked(100), "", true},
		{"101 locks: not all of them are known", []string{instanceID}, locked(101), "", false},
		{"an entry of 64 KiB", []string{instanceID}, named(maxEntry), "", true},
		{"a longer one", []string{instanceID}, named(maxEntry + 1), remedy.FailureUnreadable,
			false},
		{"the list of locks twice, the second time without any", []string{instanceID},
			strings.Replace(healthy(instanceID), `"LockReason":[]`,
				`"LockReason":[{"LockReason":"security"}],"LockReason":[]`, 1), "", false},
	} {
		got := carried(t, always(200, machines(row.entry))).Machines(t.Context(), region,
			row.ids)[row.ids[0]]
		if got.Failure != row.failure || got.Value.LocksKnown != row.locks {
			t.Errorf("%s: %q (%s), locks known %v; want %q and %v",
				row.why, got.Failure, got.Note, got.Value.LocksKnown, row.failure, row.locks)
		}
	}
}

// TestContradictions: every field that a reading rests on is in an answer once, and in no other
// case than ECS's, however its name is written. encoding/json takes the last of all these.
func TestContradictions(t *testing.T) {
	event := `{"EventId":"e","InstanceId":"` + instanceID + `","NotBefore":"2026-11-23T13:00Z",` +
		`"EventType":{"Name":"SystemFailure.Reboot"},"EventCycleStatus":{"Name":"Scheduled"}}`
	beat := `{"InstanceId":"` + instanceID + `","CloudAssistantStatus":"true",` +
		`"LastHeartbeatTime":"2026-11-23T11:59:00Z"}`
	page := func(body string) string { return strings.Replace(body, `{`, `{"NextToken":"",`, 1) }
	machine := func(c *Client) bool {
		r := c.Machines(t.Context(), region, []string{instanceID})[instanceID]
		return r.OK() && r.Value.LocksKnown
	}
	vital := func(c *Client) bool {
		return c.Heartbeats(t.Context(), region, []string{instanceID})[instanceID].OK()
	}
	events := func(c *Client) bool {
		return c.PlatformEvents(t.Context(), region, instanceID).OK()
	}
	locked := strings.Replace(healthy(instanceID), `[]`, `[{"LockReason":"Recycling"}]`, 1)
	for _, answer := range []struct {
		body   string
		read   func(*Client) bool
		fields string
	}{
		{page(machines(locked)), machine, `RequestId NextToken Instances Instance InstanceId
			RegionId InstanceName Status OperationLocks LockReason InstanceChargeType ExpiredTime
			StartTime Tags Tag TagKey TagValue`},
		{page(vitals(beat)), vital, `RequestId NextToken InstanceCloudAssistantStatusSet
			InstanceCloudAssistantStatus InstanceId CloudAssistantStatus LastHeartbeatTime`},
		{systemEvents(event, ""), events, `RequestId NextToken InstanceSystemEventSet
			InstanceSystemEventType EventId InstanceId NotBefore EventType Name EventCycleStatus`},
	} {
		if !answer.read(carried(t, always(200, answer.body))) {
			t.Fatalf("%s: not read", answer.body)
		}
		for _, name := range strings.Fields(answer.fields) {
			field := `"` + name + `":`
			if !strings.Contains(answer.body, field) {
				t.Fatalf("%s: no %s", answer.body, name)
			}
			other := strings.ToLower(name[:1]) + name[1:]
			escaped := fmt.Sprintf(`\u%04x`, name[0]) + name[1:]
			for why, instead := range map[string]string{
				"twice, first null":         field + `null,` + field,
				"twice, first in an escape": `"` + escaped + `":null,` + field,
				"twice in two cases":        `"` + other + `":null,` + field,
				"in lower case only":        `"` + strings.ToLower(name) + `":`,
				"in upper case only":        `"` + strings.ToUpper(name) + `":`,
				"with letters that fold":    `"` + folded(name) + `":null,` + field,
			} {
				body := strings.Replace(answer.body, field, instead, 1)
				if answer.read(carried(t, always(200, body))) {
					t.Errorf("%s %s is believed: %s", name, why, body)
				}
			}
			body := strings.Replace(answer.body, field, `"`+escaped+`":`, 1)
			if !answer.read(carried(t, always(200, body))) {
				t.Errorf("%s: an escape is the letter that it stands for: %s", name, body)
			}
		}
	}
}

// folded writes a name with letters that are no ASCII and fold to some: a long s, a Kelvin sign.
func folded(name string) string {
	return strings.NewReplacer("s", "\u017f", "k", "\u212a").Replace(name)
}

// TestOnlyWhatWasAskedFor: entries of other instances are no readings of anybody.
func TestOnlyWhatWasAskedFor(t *testing.T) {
	ids := []string{"i-1", "i-2", "i-3"}
	c := carried(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("Action") == "DescribeInstances" {
			return reply(200,
				machines(healthy("i-1")+","+healthy("i-other")+","+healthy("i-another"))), nil
		}
		return reply(200, vitals(`{"InstanceId":"i-1"},{"InstanceId":"i-other"}`)), nil
	})
	instances, beats := c.Machines(t.Context(), region, ids), c.Heartbeats(t.Context(), region, ids)
	if len(instances) != 3 || len(beats) != 3 {
		t.Errorf("%d and %d readings of 3 ids", len(instances), len(beats))
	}
	for _, id := range ids {
		if want := id == "i-1"; instances[id].OK() != want || beats[id].OK() != want {
			t.Errorf("%s: %+v, %+v", id, instances[id], beats[id])
		}
	}
}
