package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/ecssim"
)

// TestExplainLive explains an alarm against an ECS on a port, which stands for the real account:
// what is asked for is read, and nothing else arrives there.
func TestExplainLive(t *testing.T) {
	for _, test := range []struct {
		name           string
		flags          []string
		tags           map[string]string
		next, dryRun   string
		reads, dryRuns int
	}{
		{"would reboot", nil, map[string]string{"auto-restart": "true"}, "reboot", "", 3, 0},
		{"asks with DryRun only when told to", []string{"--dry-run"},
			map[string]string{"auto-restart": "true"},
			"reboot", "accepted", 3, 1},
		{"in mode observe DryRun is not asked either", []string{"--mode", "observe"},
			map[string]string{"auto-restart": "true"},
			"rehearse", "", 3, 0},
		{"refused: there is nothing to ask about", []string{"--dry-run"}, nil, "refuse", "", 3, 0},
		{"mode off: nothing is read", []string{"--mode", "off", "--dry-run"}, nil, "refuse", "", 0,
			0},
	} {
		t.Run(test.name, func(t *testing.T) {
			world := ecssim.New(ecssim.Real())
			address, stop, err := world.Listen("127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
			alarm, err := drill.Default(time.Now())
			if err != nil {
				t.Fatal(err)
			}
			id := alarm.Alarms[0].Instance
			world.Add(ecssim.Instance{ID: id, Tags: test.tags})
			environ := []string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=bolt://" + t.TempDir() +
				"/ledger.db",
				"REMEDY_ECS_ENDPOINT=" + address,
				"ALIBABA_CLOUD_ACCESS_KEY_ID=" + ecssim.DefaultKeyID,
				"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + ecssim.DefaultSecret,
				"ALIBABA_CLOUD_SECURITY_TOKEN=" + ecssim.DefaultToken}
			args := append([]string{"explain", "--live", "--json", "-"}, test.flags...)
			// Twice: had the first written anything to the ledger, the second would find an
			// incident or a duplicate.
			for range 2 {
				var out, stderr bytes.Buffer
				status := run(args, &console{in: bytes.NewReader(alarm.Payload), out: &out,
					err: &stderr, environ: environ})
				if status != 0 {
					t.Fatalf("exit status %d: %s", status, stderr.String())
				}
				var answer answered
				if err := json.Unmarshal(out.Bytes(), &answer); err != nil ||
					len(answer.Explanations) != 1 || answer.Simulated || !answer.LedgerRead {
					t.Fatalf("%v in %s", err, out.String())
				}
				if x := answer.Explanations[0]; x.Next != test.next || x.DryRun != test.dryRun {
					t.Errorf("next %q and DryRun %q, want %q and %q: %s", x.Next, x.DryRun,
						test.next, test.dryRun, out.String())
				}
			}
			reads, dryRuns := 0, 0
			for _, c := range world.Calls() {
				switch {
				case strings.HasPrefix(c.Action, "Describe"):
					reads++
				case c.Action == "RebootInstance" && c.DryRun:
					dryRuns++
				default:
					t.Errorf("it called %s", c.Action)
				}
			}
			if reads != 2*test.reads || dryRuns != 2*test.dryRuns {
				t.Errorf("%d reads and %d dry runs in two runs, want %d and %d each", reads,
					dryRuns, test.reads, test.dryRuns)
			}
			if restarts := world.Instance(id).Restarts; restarts != 0 {
				t.Errorf("the instance restarted %d times", restarts)
			}
		})
	}
}

// What is real is called real, and an empty ledger empty.
func TestExplainLiveSaysWhatItAsked(t *testing.T) {
	world := ecssim.New(ecssim.Real())
	address, stop, err := world.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	environ := []string{"REMEDY_ECS_ENDPOINT=" + address,
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + ecssim.DefaultKeyID,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + ecssim.DefaultSecret,
		"ALIBABA_CLOUD_SECURITY_TOKEN=" + ecssim.DefaultToken}
	for ledger, want := range map[string]string{
		"": "The REAL account that the credentials open, taken for the alarm's (account " +
			"1234567890123456), now; and NO ledger: REMEDY_LEDGER is not set",
		"bolt://" + t.TempDir() + "/ledger.db": "taken for the alarm's (account " +
			"1234567890123456), and the real ledger bolt://",
	} {
		text, stderr, status := command(append(environ, "REMEDY_LEDGER="+ledger), "explain",
			"--live",
			"system-event-agent-stopped")
		if words := strings.Join(strings.Fields(text), " "); status != 0 ||
			!strings.Contains(words, want) {
			t.Errorf("exit %d: %s%s, want %q", status, text, stderr, want)
		}
	}
}

// An alarm without a region is about nobody's instance as long as the operator does not say where
// it is.
func TestExplainLiveNeedsRegion(t *testing.T) {
	payload := `{"alertState": "ALERT", "dimensions": "{instanceId=i-bp1abcdefghijklmnopq}",
		"userId": "42", "ruleId": "r",
		"alertName": "cpu", "rawMetricName": "CPUUtilization", "namespace": "acs_ecs_dashboard",
		"triggerLevel": "CRITICAL",
		"timestamp": "1700000000000"}`
	var out, stderr bytes.Buffer
	status := run([]string{"explain", "--live", "-"}, &console{in: strings.NewReader(payload),
		out: &out, err: &stderr,
		environ: []string{"ALIBABA_CLOUD_ACCESS_KEY_ID=id",
			"ALIBABA_CLOUD_ACCESS_KEY_SECRET=secret"}})
	want := "error: standard input: the alarm does not name a region\nhint: name it: --region " +
		"cn-hangzhou\n"
	if status != 2 || stderr.String() != want || out.Len() > 0 {
		t.Errorf("exit status %d, %q, want 2, %q", status, stderr.String(), want)
	}
}
