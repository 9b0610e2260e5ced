package events

import (
	"encoding/base64"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"unsafe"
)

// hostile is a payload that costs a decoder as much as possible.
type hostile struct {
	name, payload string
	alarms        int // that it decodes to; 0: malformed
	times         int // bytes that may be allocated in all, in multiples of the payload
}

// full repeats unit between head and tail as often as MaxPayload allows.
func full(head, unit, tail string) string { return fill(MaxPayload, head, unit, tail) }

// most does the same with 1 MiB, which is enough for what grows with the payload, and faster.
func most(head, unit, tail string) string { return fill(1<<20, head, unit, tail) }

func fill(size int, head, unit, tail string) string {
	n := (size - len(head) - len(tail)) / len(unit)
	return head + strings.Repeat(unit, n) + tail
}

func hostilePayloads() []hostile {
	const event = `{"product":"ECS","name":"Instance:InstanceFailure.PerformanceImpact:Executing",
		"resourceId":"acs:ecs:cn-hangzhou:` + account + `:instance/` + instance +
		`","id":"100000000000"}`
	events := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(strings.Replace(event, "100000000000", strconv.Itoa(1e11+i), 1) + ",")
		}
		return "[" + b.String() + "{}]"
	}
	// Every character of the names is replaced by a longer one, and is kept several times.
	long := strings.Repeat("\x7f", 400)
	callback := `{"alertState":"ALERT","alertName":"` + long + `","ruleId":"` + long +
		`","triggerLevel":"` + long + `"},`
	nested := "{}"
	for range MaxDepth - 2 {
		nested = base64.StdEncoding.EncodeToString([]byte(nested))
	}
	return []hostile{
		{"64 KB of empty objects", "[" + strings.Repeat("{},", 21_799) + "{}]", 1, 2},
		{"2 million empty objects", full("[", "{},", "{}]"), 1, 2},
		{"numbers", most("[", "0,", "0]"), 1, 2},
		{"empty strings", most("[", `"",`, "0]"), 2, 2},
		{"strings that are no JSON", most("[", `"{",`, "0]"), 2, 16},
		{"strings that are base64 of nothing", most("[", `"AAAA",`, "0]"), 2, 10},
		// The most expensive ones: little strings of which nothing is kept, one at a time.
		{"strings with escapes", most("[", `"\n",`, "0]"), 2, 45},
		{"strings that are forms", most("[", `"a=b",`, "0]"), 1, 5},
		{"objects of one known field", most("[", `{"id":1},`, "0]"), 1, 2},
		{"envelopes around nothing", most("[", `{"body":"","attrs":0},`, "0]"), 2, 2},
		{"empty batches", most("[", `[],`, "0]"), 1, 2},
		{"as many alarms as are allowed", events(MaxAlarms - 1), MaxAlarms, 20},
		{"one alarm more", events(MaxAlarms), 0, 20},
		{"25,000 alarms", events(25_000), 0, 5},
		{"the shortest alarms", most("[", `{"alertState":0,"ruleId":0},`, "0]"), 0, 12},
		{"alarms of long names", most("[", callback, "0]"), (1<<20)/len(callback) + 1, 20},
		{"only opening brackets", most("", "[", ""), 0, 2},
		{"objects within objects", most("", `{"a":`, ""), 0, 2},
		{"deep and valid", most(strings.Repeat("[", MaxDepth-1), "{},",
			"{}"+strings.Repeat("]", MaxDepth-1)), 1, 2},
		{"base64 of base64", nested, 1, 10},
		{"one string", full(`"`, "x", `"`), 1, 6},
		{"one string of escapes", most(`"`, `\"`, `"`), 1, 7},
		{"one word", most("", "x", "!"), 0, 3},
		{"one name", most(`{"alertState":"ALERT","ruleId":"`, "é", `"}`), 1, 2},
		{"one object of known keys", most("{", `"Status":0,`, `"a":0}`), 1, 3},
		{"dimensions", most("alertState=ALERT&ruleId=1&dimensions=", "instanceId=,", ""), 1, 3},
		{"headers", most(`{"path":"","httpMethod":"","body":"a=b","headers":{`, `"a":0,`,
			`"a":0}}`), 1, 2},
		{"a body of escapes", most(`{"path":"","httpMethod":"","body":"`, `\n`, `"}`), 0, 5},
		{"a body of base64", most(`{"path":"","httpMethod":"","isBase64Encoded":true,"body":"`,
			"AAAA", `"}`), 0, 5},
	}
}

// A function has 128 MB for everything. Some payloads are 6 MiB of what looks harmless, and must
// cost about as much as 6 MiB of anything.
func TestMemoryOfHostilePayloads(t *testing.T) {
	for _, test := range hostilePayloads() {
		payload := []byte(test.payload)
		if testing.Short() && len(payload) > 128<<10 {
			continue // the small ones show much of it in less time
		}
		var before, after, kept runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		alarms, err := Decode(payload)
		runtime.ReadMemStats(&after)
		runtime.GC()
		runtime.ReadMemStats(&kept)
		if len(alarms) != test.alarms || (err != nil) != errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %d alarms, error %v; want %d", test.name, len(alarms), err, test.alarms)
		}
		allocated := after.TotalAlloc - before.TotalAlloc
		if limit := test.times * len(payload); allocated > uint64(limit)+1<<20 {
			t.Errorf("%s: %d bytes were allocated for %d, more than %d times as much", test.name,
				allocated, len(payload), test.times)
		}
		// An alarm has 14 strings of 512 bytes at most. What it was read from is not kept.
		limit := 64<<10 + 8<<10*len(alarms)
		if n := int64(kept.HeapAlloc) - int64(before.HeapAlloc); n > int64(limit) {
			t.Errorf("%s: %d bytes are kept for %d alarms", test.name, n, len(alarms))
		}
		runtime.KeepAlive(payload)
		runtime.KeepAlive(alarms)
	}
}

// An alarm is kept while an instance restarts, which takes minutes. A name in Chinese must not keep
// the 6 MiB around it, just because there was nothing to replace in it.
func TestCleanSharesNoMemory(t *testing.T) {
	for _, s := range []string{"plain", "基础监控", "a\nb", strings.Repeat("é", 300),
		strings.Repeat("x", 600)} {
		if got := clean(s); unsafe.StringData(got) == unsafe.StringData(s) {
			t.Errorf("%.20q is returned as a part of the payload", s)
		}
	}
}
