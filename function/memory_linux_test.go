package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/fcsim"
)

// most is what a process may take in all: Function Compute's smallest instance has 128 MB, and ends
// a process that takes more.
const most = 110 << 20

// TestMemory: whatever an event of up to 6 MiB says, the process stays small. Each payload meets a
// process of its own, whose peak is read from /proc.
func TestMemory(t *testing.T) {
	const size = 6 << 20
	alarm := func(n int) string {
		return kernelHang(fmt.Sprintf("i-bp1memory%010d", n), time.Now())
	}
	alarms := func(n int, of func(int) string) []byte {
		var b bytes.Buffer
		for i := range n {
			b.WriteByte("[,"[min(i, 1)])
			b.WriteString(of(i))
		}
		b.WriteByte(']')
		return b.Bytes()
	}
	fill := func(head, part, tail string) []byte {
		n := (size - len(head) - len(tail)) / len(part)
		return []byte(head + strings.Repeat(part, n) + tail)
	}
	var healthy []ecssim.Instance // which costs more than those that are not there
	for n := range 5000 {
		healthy = append(healthy, optedIn(fmt.Sprintf("i-bp1memory%010d", n),
			ecssim.Guest{Agent: ecssim.AgentAlive}))
	}
	const token, ignored = "a-token-of-sixteen-characters", "1 ignored/not-an-alarm"
	const malformed = "an error: Malformed"
	// request is the beginning of one for the HTTP trigger, as far as its headers.
	request := func(query string) string {
		return `{"version":"v1","rawPath":"/","queryParameters":{` + query +
			`},"requestContext":{` +
			`"accountId":"` + account + `","http":{"method":"POST","path":"/"}},"headers":{"a":"b"`
	}
	for _, row := range []struct {
		why     string
		payload []byte
		ended   string // what becomes of it: little memory is no merit of what was not handled
	}{
		{"elements that are no alarm, as many as fit into a message",
			[]byte("[{}" + strings.Repeat(",{}", 64<<10/3-2) + "]"), ignored},
		{"5,000 alarms of as many healthy instances", alarms(5000, alarm),
			"5000 refused/guest-alive"},
		{"5,001", alarms(5001, alarm), malformed},
		{"as many alarms as fit", alarms(size/(len(alarm(0))+1)-1, alarm), malformed},
		{"5,000 alarms about one instance", alarms(5000, func(int) string {
			return kernelHang("i-bp1memory0000000000", time.Now())
		}), "1 refused/guest-alive, 4999 refused/in-progress"},
		{"elements that are no alarm", fill("[{}", ",{}", "]"), ignored},
		{"elements that cannot be decoded", fill(`[""`, `,"x"`, "]"), malformed},
		{"lists in lists", fill("", "[", ""), malformed},
		{"objects in objects", fill("", `{"a":`, ""), malformed},
		{"one long text", fill(`{"product":"`, "x", `"}`), ignored},
		{"escapes", fill(`{"name":"`, `\u0000`, `"}`), ignored},
		{"no JSON at all", fill("", "\x00\xff", ""), malformed},
		{"a form with many fields", fill("a=1", "&a=1", ""), ignored},
		{"a form of percent signs", fill("alertName=", "%25", ""), ignored},
		{"a base64 text in an envelope", fill(`{"TopicName":"t","Message":"`, "QUJD", `"}`),
			malformed},
		{"a request of a stranger", fill(request("")+`},"body":"`, "x", `"}`), "HTTP 401"},
		{"a request", fill(request(`"token":"`+token+`"`)+`},"body":"`, "x", `"}`), "HTTP 400"},
		{"a request with an alarm that is none",
			fill(request(`"token":"`+token+`"`)+`},"body":"{\"product\":\"`, "x", `\"}"}`),
			"HTTP 200"},
		{"a request with many headers",
			fill(request(`"token":"`+token+`"`), `,"x":"y"`, `},"body":""}`), "HTTP 400"},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := newSetting(t, healthy...)
			s.platform.Timeout = 30 * time.Second
			process := s.start("REMEDY_HTTP_TOKEN=" + s.secret(token))
			answer := s.wait(s.send(fcsim.Event{Payload: row.payload}))
			if got := s.became(answer); got != row.ended {
				t.Errorf("it ended %s, want %s", got, row.ended)
			}
			peak := peakOf(t, process.PID())
			t.Logf("%d KB of payload: %d MB", len(row.payload)>>10, peak>>20)
			if peak > most {
				t.Errorf("it took %d MB", peak>>20)
			}
		})
	}
}

// became is an answer in short: the error's type, the status of an HTTP response, or how many
// results there are of each kind.
func (s *setting) became(a fcsim.Answer) string {
	s.Helper()
	if a.Error != nil {
		return "an error: " + a.Error.Type
	}
	var response struct{ StatusCode int }
	if err := json.Unmarshal(a.Body, &response); err != nil {
		s.Fatalf("%v in the answer %.300s", err, a.Body)
	}
	if response.StatusCode > 0 {
		return fmt.Sprintf("HTTP %d", response.StatusCode)
	}
	count := map[string]int{}
	for _, r := range s.decode(a.Body) {
		count[r.Verdict+"/"+r.Reason]++
	}
	var all []string
	for _, end := range slices.Sorted(maps.Keys(count)) {
		all = append(all, fmt.Sprintf("%d %s", count[end], end))
	}
	return strings.Join(all, ", ")
}

// peakOf is the most memory that the process ever held, in bytes.
func peakOf(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, is := strings.CutPrefix(line, "VmHWM:"); is {
			kilobytes, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(
				strings.TrimSpace(rest), "kB")))
			if err != nil {
				t.Fatal(err)
			}
			return kilobytes << 10
		}
	}
	t.Fatal("the process does not say how much memory it took")
	return 0
}
