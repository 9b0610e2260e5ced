package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/remedy"
)

// swept leaves in the environment's ledger what a function's sweep leaves there.
func swept(t *testing.T, environ []string, at time.Time) {
	t.Helper()
	settings, err := config.Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	books, err := app.OpenLedger(settings, app.Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	defer books.Store.Close()
	book := settings.Policy.Book()
	for _, write := range []remedy.Write{{Fleet: &remedy.Fleet{Written: at}},
		{Sign: &remedy.Sign{Mode: settings.Policy.Mode, Version: app.Version(), At: at}}} {
		if w := books.Enforce.Write(t.Context(), book, "", write); w.Wrote != remedy.WroteDone {
			t.Fatal(w.Note)
		}
	}
}

// sinceSwept is the sign of life that a sweep left 20 s before the command began.
var sinceSwept = regexp.MustCompile(`function last seen [2-9]\d s ago: enforce, version `)

// TestDoctorCalls examines a world on a port, as it would a real account, and looks at what arrived
// there.
func TestDoctorCalls(t *testing.T) {
	world := ecssim.New(ecssim.Real())
	alive := ecssim.Guest{Agent: ecssim.AgentAlive}
	for _, i := range []ecssim.Instance{
		{ID: "i-bp1ready", Tags: map[string]string{"auto-restart": "true"}, Guest: alive},
		{ID: "i-bp1hung", Name: "web " + hostile,
			Tags: map[string]string{"auto-restart": "graceful"}},
		{ID: "i-bp1bystander", Tags: map[string]string{"name": hostile}},
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
	environ := []string{"REMEDY_MODE=enforce", "REMEDY_ECS_ENDPOINT=" + url,
		"REMEDY_LEDGER=redis://:open-sesame@" + redis.Addr(),
		"REMEDY_HTTP_TOKEN=0123456789abcdef", "ALIBABA_CLOUD_REGION_ID=cn-hangzhou",
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + ecssim.DefaultKeyID,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + ecssim.DefaultSecret,
		"ALIBABA_CLOUD_SECURITY_TOKEN=" + ecssim.DefaultToken}
	swept(t, environ, time.Now().Add(-20*time.Second))
	text, stderr, status := command(environ, "doctor", "--all")
	if status != 0 || stderr != "" || !strings.Contains(text, "✓ i-bp1ready") ||
		!sinceSwept.MatchString(text) ||
		strings.Contains(text, "bystander") {
		t.Errorf("exit %d\n%s%s", status, text, stderr)
	}
	document, stderr, status := command(environ, "doctor", "--json")
	if status != 0 || stderr != "" || !json.Valid([]byte(document)) {
		t.Errorf("--json: exit %d\n%s%s", status, document, stderr)
	}
	written := text + document
	for _, secret := range []string{"open-sesame", "0123456789abcdef", ecssim.DefaultSecret,
		ecssim.DefaultToken, ecssim.DefaultKeyID, "\x1b", "\u009b"} {
		if strings.Contains(written, secret) {
			t.Errorf("%q was written", secret)
		}
	}

	rehearsed := 0
	for _, call := range world.Calls() {
		switch {
		case call.Action == "RebootInstance" && !call.DryRun,
			strings.HasPrefix(call.Action, "St"): // Stop or Start
			t.Errorf("%s was called for %s", call.Action, call.Instance)
		case call.Action == "RebootInstance":
			rehearsed++
		}
	}
	if rehearsed != 4 || world.Instance("i-bp1hung").Restarts != 0 {
		t.Errorf("%d dry runs, want one for each tagged instance, twice", rehearsed)
	}
	for _, key := range redis.Keys() {
		if key != "ecs-remedy/doctor" && key != "ecs-remedy/fleet" && key != "ecs-remedy/function" {
			t.Errorf("the doctor wrote %s", key)
		}
	}
	if left := redis.TTL("ecs-remedy/doctor"); left <= 0 || left > time.Hour {
		t.Errorf("its key expires in %v, want within the hour", left)
	}
	before := len(world.Calls())
	text, _, status = command(environ, "doctor", "--instance", "i-bp1hung")
	if status != 0 || !strings.Contains(text, "\n1 instance of cn-hangzhou: 0 the whole ladder,") {
		t.Errorf("--instance: exit %d\n%s", status, text)
	}
	for _, call := range world.Calls()[before:] {
		if len(call.Instances) != 1 || call.Instance != "i-bp1hung" {
			t.Errorf("%s was called for %v, though one instance was asked about", call.Action,
				call.Instances)
		}
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
	swept(t, environ, time.Now().Add(-20*time.Second))
	for _, row := range []struct {
		why, policy string
		clock       time.Duration // of the server, ahead of ours
		status      int
		want        string
	}{
		{"a server that keeps what it has", "noeviction", 0, 0,
			"✓ ledger its maxmemory-policy is noeviction"},
		{"everything is well then", "noeviction", 0, 0, "All is well."},
		{"one that may drop an open incident", "allkeys-lru", 0, 1,
			"✗ ledger its maxmemory-policy is allkeys-lru"},
		{"one that may drop ended ones", "volatile-ttl", 0, 1,
			"✗ ledger its maxmemory-policy is volatile-ttl"},
		{"a clock a little away", "noeviction", time.Minute, 0,
			"✓ clock the ledger's clock is "},
		{"a clock far away", "noeviction", 3 * time.Minute, 1,
			"✗ clock the ledger's clock is "},
	} {
		policy = row.policy
		redis.SetTime(time.Now().Add(row.clock))
		text, stderr, status := command(environ, "doctor", "--simulate=well")
		said := strings.Join(strings.Fields(text), " ")
		if status != row.status || !strings.Contains(said, row.want) || stderr != "" {
			t.Errorf("%s: exit %d, want %d with %q\n%s%s", row.why, status, row.status, row.want,
				text, stderr)
		}
	}
	// The fleet's record beside the sign of life is gone, and a pause with it perhaps.
	redis.SetTime(time.Now())
	redis.Del("ecs-remedy/fleet")
	text, _, status := command(environ, "doctor", "--simulate=well")
	if status != 1 || !strings.Contains(text, "✗ ledger   ") ||
		!strings.Contains(text, "cure: remedy resume, once you know ") {
		t.Errorf("the fleet's record is missing: exit %d\n%s", status, text)
	}
}

// TestDoctorNotifyTest: one message to each address, and what is said of an address is its host.
func TestDoctorNotifyTest(t *testing.T) {
	var asked atomic.Int64
	hook := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if strings.Contains(r.URL.Path, "gone") {
			w.WriteHeader(http.StatusNotFound)
		}
		io.WriteString(w, "open-sesame")
	}))
	defer hook.Close()
	host := strings.TrimPrefix(hook.URL, "http://")
	good, bad := hook.URL+"/open-sesame", hook.URL+"/gone/open-sesame"
	for _, row := range []struct {
		why, addresses string
		args           []string
		status, calls  int
		want           []string
	}{
		{"nobody is told unless that is asked for", good, nil, 0, 0,
			[]string{"✓ notifications " + host + "; --notify-test sends "}},
		{"everybody is told once", good + " " + good, []string{"--notify-test"}, 0, 2,
			[]string{"✓ notifications " + host + ": it took the message"}},
		{"who was not is a finding", good + " " + bad, []string{"--notify-test"}, 1, 2,
			[]string{"✗ notifications " + host + ": HTTP 404",
				"✓ notifications " + host + ": it took"}},
	} {
		asked.Store(0)
		environ := []string{"REMEDY_NOTIFY=" + row.addresses}
		text, stderr, status := command(environ, append([]string{"doctor", "--simulate=well"},
			row.args...)...)
		said := strings.Join(strings.Fields(text), " ")
		for _, want := range row.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %q is missing", row.why, want)
			}
		}
		if status != row.status || int(asked.Load()) != row.calls || stderr != "" ||
			strings.Contains(text, "open-sesame") {
			t.Errorf("%s: exit %d and %d calls, want %d and %d\n%s%s", row.why, status,
				asked.Load(), row.status, row.calls, text, stderr)
		}
	}
}

// On a terminal the work on a fleet is a bar that is gone at the end; it never gets between the
// results.
func TestDoctorProgress(t *testing.T) {
	for _, args := range [][]string{{"doctor", "--simulate=fleet"},
		{"doctor", "--simulate=fleet", "--json"}} {
		var out, terminal bytes.Buffer
		if status := run(args, &console{out: &out, err: &terminal, live: true}); status != 1 {
			t.Fatalf("exit %d", status)
		}
		bar := terminal.String()
		for _, want := range []string{"░ 0 of 300 instances", "░ 150 of 300 instances",
			"█ 300 of 300 instances"} {
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

// TestDoctorSameEachTime: two runs on the same day print the same, RequestIds included.
func TestDoctorSameEachTime(t *testing.T) {
	for _, scene := range []string{"no-reboot-permission", "fleet"} {
		for try := 0; ; try++ {
			day := time.Now().UTC().YearDay()
			first, _, _ := command(nil, "doctor", "--all", "--simulate="+scene)
			second, _, _ := command(nil, "doctor", "--all", "--simulate="+scene)
			if first == second {
				break
			}
			if day == time.Now().UTC().YearDay() || try > 0 {
				t.Fatalf("%s: two runs differ:\n%s", scene, cmp.Diff(first, second))
			}
		}
	}
}
