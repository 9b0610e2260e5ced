package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"

	"ecs-remedy/function/internal/ecssim"
)

// TestDoctorCalls examines a world on a port, as it would a real account, and looks at what arrived there.
func TestDoctorCalls(t *testing.T) {
	world := ecssim.New(ecssim.Real())
	for _, i := range []ecssim.Instance{
		{ID: "i-bp1ready", Tags: map[string]string{"auto-restart": "true"}, Guest: ecssim.Guest{Agent: ecssim.AgentAlive}},
		{ID: "i-bp1hung", Name: "web " + hostile, Tags: map[string]string{"auto-restart": "graceful"}},
		{ID: "i-bp1bystander"},
	} {
		world.Add(i)
	}
	url, stop, err := world.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	redis := miniredis.RunT(t)
	redis.RequireAuth("open-sesame")
	environ := []string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=redis://:open-sesame@" + redis.Addr(), "REMEDY_ECS_ENDPOINT=" + url,
		"REMEDY_HTTP_TOKEN=0123456789abcdef", "ALIBABA_CLOUD_REGION_ID=cn-hangzhou",
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + ecssim.DefaultKeyID,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + ecssim.DefaultSecret, "ALIBABA_CLOUD_SECURITY_TOKEN=" + ecssim.DefaultToken}
	text, stderr, status := command(environ, "doctor")
	if status != 0 || stderr != "" || !strings.Contains(text, "✓ i-bp1ready") || strings.Contains(text, "bystander") {
		t.Errorf("exit %d\n%s%s", status, text, stderr)
	}
	document, stderr, status := command(environ, "doctor", "--json")
	if status != 0 || stderr != "" || !json.Valid([]byte(document)) {
		t.Errorf("--json: exit %d\n%s%s", status, document, stderr)
	}
	written := text + document
	for _, secret := range []string{"open-sesame", "0123456789abcdef", ecssim.DefaultSecret, ecssim.DefaultToken,
		ecssim.DefaultKeyID, "\x1b", "\u009b"} {
		if strings.Contains(written, secret) {
			t.Errorf("%q was written", secret)
		}
	}

	rehearsed := 0
	for _, call := range world.Calls() {
		switch {
		case call.Action == "RebootInstance" && !call.DryRun, strings.HasPrefix(call.Action, "St"): // Stop or Start
			t.Errorf("%s was called for %s", call.Action, call.Instance)
		case call.Action == "RebootInstance":
			rehearsed++
		}
	}
	if rehearsed != 4 || world.Instance("i-bp1hung").Restarts != 0 {
		t.Errorf("%d dry runs, want one for each tagged instance, twice", rehearsed)
	}
	for _, key := range redis.Keys() {
		if key != "ecs-remedy/doctor" {
			t.Errorf("the doctor wrote %s", key)
		}
	}
	if left := redis.TTL("ecs-remedy/doctor"); left <= 0 || left > time.Hour {
		t.Errorf("its key expires in %v, want within the hour", left)
	}
}

func TestDoctorRedis(t *testing.T) {
	redis := miniredis.RunT(t)
	policy := ""
	redis.Server().SetPreHook(func(c *server.Peer, command string, _ ...string) bool {
		if command == "INFO" {
			c.WriteBulk("# Memory\r\nmaxmemory:0\r\nmaxmemory_policy:" + policy + "\r\n")
		}
		return command == "INFO"
	})
	environ := []string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=redis://" + redis.Addr()}
	for _, row := range []struct {
		why, policy string
		clock       time.Duration // of the server, ahead of ours
		status      int
		want        string
	}{
		{"a server that keeps what it has", "noeviction", 0, 0, "✓ ledger its maxmemory-policy is noeviction"},
		{"one that may drop an open incident", "allkeys-lru", 0, 1, "✗ ledger its maxmemory-policy is allkeys-lru"},
		{"one that may drop ended ones", "volatile-ttl", 0, 1, "✗ ledger its maxmemory-policy is volatile-ttl"},
		{"a clock a little away", "noeviction", time.Minute, 0, "✓ clock the ledger's clock is "},
		{"a clock far away", "noeviction", 3 * time.Minute, 1, "✗ clock the ledger's clock is "},
	} {
		policy = row.policy
		redis.SetTime(time.Now().Add(row.clock))
		text, stderr, status := command(environ, "doctor", "--simulate=well")
		if said := strings.Join(strings.Fields(text), " "); status != row.status || !strings.Contains(said, row.want) || stderr != "" {
			t.Errorf("%s: exit %d, want %d with %q\n%s%s", row.why, status, row.status, row.want, text, stderr)
		}
	}
}

// On a terminal the work on a fleet is a bar that is gone at the end; it never gets between the results.
func TestDoctorProgress(t *testing.T) {
	for _, args := range [][]string{{"doctor", "--simulate=fleet"}, {"doctor", "--simulate=fleet", "--json"}} {
		var out, terminal bytes.Buffer
		if status := run(args, &console{out: &out, err: &terminal, live: true}); status != 0 {
			t.Fatalf("exit %d", status)
		}
		bar := terminal.String()
		for _, want := range []string{"░ 0 of 120 instances", "░ 60 of 120 instances", "█ 120 of 120 instances"} {
			if !strings.Contains(bar, want) {
				t.Errorf("%q is not among what the terminal showed", want)
			}
		}
		if strings.Contains(bar, "\n") || !strings.HasSuffix(bar, "\r\x1b[K") {
			t.Errorf("the bar is not gone at the end: %q", bar[max(0, len(bar)-40):])
		}
		if strings.Contains(out.String(), "\r") {
			t.Error("the bar is among the results")
		}
	}
}
