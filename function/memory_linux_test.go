package main_test

import (
	"bytes"
	"fmt"
	"os"
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
	for _, row := range []struct {
		why     string
		payload []byte
	}{
		{"elements that are no alarm, as many as fit into a message",
			[]byte("[{}" + strings.Repeat(",{}", 64<<10/3-2) + "]")},
		{"5,000 alarms of as many healthy instances", alarms(5000, alarm)},
		{"5,001", alarms(5001, alarm)},
		{"as many alarms as fit", alarms(size/(len(alarm(0))+1)-1, alarm)},
		{"5,000 alarms about one instance", alarms(5000, func(int) string {
			return kernelHang("i-bp1memory0000000000", time.Now())
		})},
		{"elements that are no alarm", fill("[{}", ",{}", "]")},
		{"elements that cannot be decoded", fill(`[""`, `,"x"`, "]")},
		{"lists in lists", fill("", "[", "")},
		{"objects in objects", fill("", `{"a":`, "")},
		{"one long text", fill(`{"product":"`, "x", `"}`)},
		{"escapes", fill(`{"name":"`, `\u0000`, `"}`)},
		{"no JSON at all", fill("", "\x00\xff", "")},
		{"a form with many fields", fill("a=1", "&a=1", "")},
		{"a form of percent signs", fill("alertName=", "%25", "")},
		{"a base64 text in an envelope", fill(`{"TopicName":"t","Message":"`, "QUJD", `"}`)},
		{"a request", fill(`{"version":"v1","rawPath":"/","headers":{},"body":"`, "x", `"}`)},
		{"a request with many headers",
			fill(`{"version":"v1","rawPath":"/","headers":{"a":"b"`, `,"x":"y"`, `},"body":""}`)},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := newSetting(t, healthy...)
			s.platform.Timeout = 30 * time.Second
			process := s.start()
			s.wait(s.send(fcsim.Event{Payload: row.payload}))
			peak := peakOf(t, process.PID())
			t.Logf("%d KB of payload: %d MB", len(row.payload)>>10, peak>>20)
			if peak > most {
				t.Errorf("it took %d MB", peak>>20)
			}
		})
	}
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
