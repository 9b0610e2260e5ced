package config

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"ecs-remedy/function/internal/remedy"
)

var update = flag.Bool("update", false, "rewrite the problems in testdata")

// TestWrong loads environments that are each wrong in one way. A file of testdata/wrong has a
// sentence why, the environment, and the problems as the operator reads them.
func TestWrong(t *testing.T) {
	files, err := filepath.Glob("testdata/wrong/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	complained := map[string]bool{}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(archive.Files) != 2 {
				t.Fatal("want the sections environment and problems")
			}
			c, err := Load(strings.Split(string(archive.Files[0].Data), "\n"))
			if err == nil {
				t.Fatal("no error")
			}
			if diff := cmp.Diff(Config{}, c); diff != "" {
				t.Error("a half-read Config came with the error:", diff)
			}
			got := err.Error() + "\n"
			if strings.Contains(got, "hunter2") {
				t.Error("a secret is shown:", got)
			}
			for _, problem := range err.(interface{ Unwrap() []error }).Unwrap() {
				var p Problem
				if !errors.As(problem, &p) || p.Wrong == "" || p.Cure == "" ||
					strings.Contains(p.Error(), "\n") {
					t.Errorf("not a Problem with a cure in one line: %v", problem)
				}
				complained[p.Variable] = true
			}
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(archive.Files[1].Data), got); diff != "" {
				t.Error("problems (-want +got):", diff)
			}
		})
	}
	for _, v := range Variables() {
		if !complained[v.Name] {
			t.Errorf("no file of testdata/wrong has a wrong %s", v.Name)
		}
	}
}

// TestDefaults compares what an empty environment means with a literal.
func TestDefaults(t *testing.T) {
	want := Config{
		Policy: remedy.Policy{
			Mode:            remedy.ModeObserve,
			Force:           true,
			OptInTag:        "auto-restart",
			Untagged:        remedy.GrantNone,
			Metrics:         []string{"CPUUtilization", "cpu_total"},
			Rules:           []string{"*"},
			Levels:          []string{"CRITICAL"},
			SecondCheck:     true,
			HeartbeatFresh:  3 * time.Minute,
			AlarmMaxAge:     15 * time.Minute,
			AttemptTimeout:  5 * time.Minute,
			BootGrace:       15 * time.Minute,
			MaxAttempts:     5,
			IncidentLimit:   45 * time.Minute,
			Poll:            5 * time.Second,
			Lease:           time.Minute,
			Cooldown:        30 * time.Minute,
			MaxIncidents:    3,
			IncidentWindow:  24 * time.Hour,
			FleetConcurrent: 3,
			FleetHourly:     20,
			FleetWaiting:    50,
		},
		Ledger:   Ledger{Kind: LedgerMemory, Name: "mem:"},
		Evidence: Evidence{Kind: EvidenceOff, Name: "off", Timeout: 3 * time.Second},
		Lang:     LangEnglish,
		Reserve:  15 * time.Second,
		Warnings: []string{"REMEDY_LEDGER: with mem: only one process may run: several would not " +
			"know of each other's incidents, and could reboot the same instance"},
	}
	empty := []string{}
	for _, v := range Variables() {
		empty = append(empty, v.Name+"=")
	}
	for name, environ := range map[string][]string{
		"nothing":         nil,
		"all empty":       empty,
		"all white space": {"REMEDY_MODE= ", "REMEDY_HTTP_TOKEN=\t\n"},
		"names of others": {"PATH=/bin", "REMEDYMODE=off", "remedy_mode=off",
			"FC_REMEDY_MODE=off"},
		"an unknown, unset": {"REMEDY_MODUS="},
		"the last one":      {"REMEDY_MODE=off", "REMEDY_MODE=observe"},
		"the default's word": {"REMEDY_NOTIFY=none", "REMEDY_EVIDENCE=off", "REMEDY_WINDOWS=always",
			"REMEDY_LEDGER=mem:"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Load(environ)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error("(-want +got):", diff)
			}
		})
	}
}

// TestVariables compares names and defaults with the documented ones, and checks that each default
// means what unset means.
func TestVariables(t *testing.T) {
	want := [][2]string{
		{"REMEDY_MODE", "observe"}, {"REMEDY_FORCE", "allow"},
		{"REMEDY_OPT_IN_TAG", "auto-restart"},
		{"REMEDY_UNTAGGED", "refuse"}, {"REMEDY_METRICS", "CPUUtilization,cpu_total"},
		{"REMEDY_RULES", "*"},
		{"REMEDY_LEVELS", "CRITICAL"}, {"REMEDY_SECOND_CHECK", "heartbeat"},
		{"REMEDY_HEARTBEAT_FRESH", "3m"},
		{"REMEDY_ALARM_MAX_AGE", "15m"}, {"REMEDY_ATTEMPT_TIMEOUT", "5m"},
		{"REMEDY_BOOT_GRACE", "15m"},
		{"REMEDY_MAX_ATTEMPTS", "5"}, {"REMEDY_INCIDENT_LIMIT", "45m"}, {"REMEDY_POLL", "5s"},
		{"REMEDY_LEASE", "60s"},
		{"REMEDY_COOLDOWN", "30m"}, {"REMEDY_MAX_INCIDENTS", "3"},
		{"REMEDY_INCIDENT_WINDOW", "24h"},
		{"REMEDY_FLEET_CONCURRENT", "3"}, {"REMEDY_FLEET_HOURLY", "20"},
		{"REMEDY_FLEET_WAITING", "50"}, {"REMEDY_WINDOWS", "always"},
		{"REMEDY_LEDGER", "mem:"}, {"REMEDY_EVIDENCE", "off"}, {"REMEDY_EVIDENCE_TIMEOUT", "3s"},
		{"REMEDY_NOTIFY", "none"},
		{"REMEDY_LANG", "en"}, {"REMEDY_HTTP_TOKEN", "none"}, {"REMEDY_ECS_ENDPOINT", "by region"},
		{"REMEDY_NETWORK", "public"},
		{"REMEDY_DEADLINE_RESERVE", "15s"},
	}
	var got [][2]string
	var environ []string
	for _, v := range Variables() {
		got = append(got, [2]string{v.Name, v.Default})
		if v.Meaning == "" {
			t.Error("no meaning:", v.Name)
		}
		if v.Name != "REMEDY_HTTP_TOKEN" && v.Name != "REMEDY_ECS_ENDPOINT" { // words for "not set"
			environ = append(environ, v.Name+"="+v.Default)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error("(-want +got):", diff)
	}
	unset, err := Load(nil)
	if err != nil {
		t.Fatal(err)
	}
	set, err := Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(unset, set); diff != "" {
		t.Error("the defaults, set explicitly (-unset +set):", diff)
	}
}

// TestEveryVariable sets each variable to something else than its default, and finds it in the
// Config.
func TestEveryVariable(t *testing.T) {
	shanghai, err := time.LoadLocation("Asia/Shanghai")
	if err != nil {
		t.Fatal(err)
	}
	environ := []string{
		"REMEDY_MODE=enforce", "REMEDY_FORCE=never", "REMEDY_OPT_IN_TAG=重启",
		"REMEDY_UNTAGGED=graceful",
		"REMEDY_METRICS=load_5m#60, memory_usedutilization,磁盘使用率", "REMEDY_RULES=web-*,db-[0-9]",
		"REMEDY_LEVELS=critical, Warn",
		"REMEDY_SECOND_CHECK=none", "REMEDY_HEARTBEAT_FRESH=2m", "REMEDY_ALARM_MAX_AGE=10m",
		"REMEDY_ATTEMPT_TIMEOUT=4m",
		"REMEDY_BOOT_GRACE=20m", "REMEDY_MAX_ATTEMPTS=3", "REMEDY_INCIDENT_LIMIT=1h",
		"REMEDY_POLL=10ms", "REMEDY_LEASE=2s",
		"REMEDY_COOLDOWN=1h30m", "REMEDY_MAX_INCIDENTS=1", "REMEDY_INCIDENT_WINDOW=48h",
		"REMEDY_FLEET_CONCURRENT=1",
		"REMEDY_FLEET_HOURLY=1", "REMEDY_FLEET_WAITING=0", "REMEDY_LANG=zh",
		"REMEDY_WINDOWS=Fri-Sun 22:00-06:00 Asia/Shanghai",
		"REMEDY_LEDGER=ots://remedy.cn-hangzhou/incidents" +
			"?endpoint=vpc1-remedy.cn-hangzhou.vpc.ots.aliyuncs.com",
		"REMEDY_EVIDENCE=oss://my-bucket/ecs-remedy", "REMEDY_EVIDENCE_TIMEOUT=500ms",
		"REMEDY_HTTP_TOKEN=sixteen-letters!",
		"REMEDY_ECS_ENDPOINT=http://127.0.0.1:8080", "REMEDY_NETWORK=vpc",
		"REMEDY_DEADLINE_RESERVE=500ms",
		"REMEDY_NOTIFY=https://hook.example.com/x",
	}
	want := Config{
		Policy: remedy.Policy{
			Mode:            remedy.ModeEnforce,
			OptInTag:        "重启",
			Untagged:        remedy.GrantGraceful,
			Metrics:         []string{"load_5m", "memory_usedutilization", "磁盘使用率"},
			Rules:           []string{"web-*", "db-[0-9]"},
			Levels:          []string{"CRITICAL", "WARN"},
			HeartbeatFresh:  2 * time.Minute,
			AlarmMaxAge:     10 * time.Minute,
			AttemptTimeout:  4 * time.Minute,
			BootGrace:       20 * time.Minute,
			MaxAttempts:     3,
			IncidentLimit:   time.Hour,
			Poll:            10 * time.Millisecond,
			Lease:           2 * time.Second,
			Cooldown:        90 * time.Minute,
			MaxIncidents:    1,
			IncidentWindow:  48 * time.Hour,
			FleetConcurrent: 1,
			FleetHourly:     1,
			EvidenceLimit:   500 * time.Millisecond,
			Windows: []remedy.Window{{Days: [7]bool{time.Friday: true,
				time.Saturday: true, time.Sunday: true},
				From: 22 * 60, To: 6 * 60, Location: shanghai}},
		},
		Ledger: Ledger{Kind: LedgerTablestore, Instance: "remedy",
			Region: "cn-hangzhou", Table: "incidents",
			Endpoint: "https://vpc1-remedy.cn-hangzhou.vpc.ots.aliyuncs.com",
			Name:     "ots://remedy.cn-hangzhou/incidents"},
		HTTPToken: "sixteen-letters!",
		Endpoint:  "http://127.0.0.1:8080",
		VPC:       true,
		Reserve:   500 * time.Millisecond,
		Notify:    []Address{{FormJSON, "https://hook.example.com/x", "", "hook.example.com"}},
		Evidence: Evidence{Kind: EvidenceOSS, Bucket: "my-bucket", Prefix: "ecs-remedy",
			Name: "oss://my-bucket/ecs-remedy", Timeout: 500 * time.Millisecond},
		Lang: LangChinese,
	}
	got, err := Load(environ)
	if err != nil {
		t.Fatal(err)
	}
	byName := cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })
	if diff := cmp.Diff(want, got, byName); diff != "" {
		t.Error("(-want +got):", diff)
	}
	for _, v := range Variables() {
		isSet := slices.ContainsFunc(environ,
			func(entry string) bool { return strings.HasPrefix(entry, v.Name+"=") })
		if !isSet {
			t.Error("not set in this test:", v.Name)
		}
	}
}

// TestJustRight holds the good sides of the boundaries whose bad sides are in testdata/wrong.
func TestJustRight(t *testing.T) {
	for _, test := range []struct{ environ, why string }{
		{"REMEDY_OPT_IN_TAG=" + strings.Repeat("钥", 128), "128 characters, though more bytes"},
		{"REMEDY_HTTP_TOKEN=0123456789abcdef", "16 characters"},
		{"REMEDY_POLL=10ms", "the shortest poll"},
		{"REMEDY_LEASE=2s REMEDY_POLL=1s", "the shortest lease, and two polls exactly"},
		{"REMEDY_LEASE=2000000003ns REMEDY_POLL=1000000001ns", "two polls and a nanosecond: " +
			"halves are not rounded wrongly"},
		{"REMEDY_ALARM_MAX_AGE=24h REMEDY_INCIDENT_WINDOW=1h", "as old as keys of alarms are " +
			"kept at least"},
		{"REMEDY_ALARM_MAX_AGE=48h REMEDY_INCIDENT_WINDOW=48h", "the memory is as long as the " +
			"incident window"},
		{"REMEDY_MAX_ATTEMPTS=3", "graceful, graceful, forced"},
		{"REMEDY_MAX_INCIDENTS=1 REMEDY_FLEET_CONCURRENT=1 REMEDY_FLEET_HOURLY=1", "one is the " +
			"least"},
		{"REMEDY_FLEET_HOURLY=1000 REMEDY_FLEET_CONCURRENT=500", "every ledger holds as much"},
		{"REMEDY_FLEET_CONCURRENT=706", "the most beside the others' defaults"},
		{"REMEDY_FLEET_HOURLY=4946", "the most beside the others' defaults"},
		{"REMEDY_FLEET_WAITING=945", "the most beside the others' defaults"},
		{"REMEDY_FLEET_WAITING=0", "nobody waits"},
		{"REMEDY_FLEET_CONCURRENT=300 REMEDY_FLEET_HOURLY=1000 REMEDY_FLEET_WAITING=389",
			"420,000 and 200,000 and 427,900 bytes are within 1,048,576"},
		{"REMEDY_COOLDOWN=1ns", "positive is enough"},
		{"REMEDY_COOLDOWN=0s", "no cool-down"},
		{"REMEDY_DEADLINE_RESERVE=0s", "nothing kept back"},
		{"REMEDY_RULES=a/*,[a-z]?", "a slash is plain text"},
		{"REMEDY_METRICS=cpu_total#60", "a period, which alarms have, too"},
		{"REMEDY_BOOT_GRACE=2562047h", "the longest in hours that a duration can hold"},
		{"REMEDY_ECS_ENDPOINT=https://ecs-vpc.cn-beijing.aliyuncs.com", "HTTPS to anywhere"},
		{"REMEDY_ECS_ENDPOINT=http://localhost:1", "a loopback name"},
		{"REMEDY_ECS_ENDPOINT=http://[::1]:8080", "the loopback address of IPv6"},
		{"REMEDY_ECS_ENDPOINT=http://127.9.9.9", "127/8 is loopback"},
		{"REMEDY_MODE=enforce REMEDY_LEDGER=mem:", "explicitly in memory"},
		{"REMEDY_MODE=off", "off needs no ledger either"},
		{"REMEDY_EVIDENCE_TIMEOUT=100ms", "the shortest"},
		{"REMEDY_EVIDENCE_TIMEOUT=10s", "the longest"},
		{"REMEDY_EVIDENCE_TIMEOUT=10s REMEDY_LEASE=2s REMEDY_POLL=1s",
			"nobody waits for evidence that is off"},
		{"REMEDY_EVIDENCE=dir:///e REMEDY_EVIDENCE_TIMEOUT=10s REMEDY_LEASE=30s",
			"a third of the lease exactly"},
		{"REMEDY_EVIDENCE=dir:///e REMEDY_LEASE=9s REMEDY_POLL=1s",
			"the default, a third of the lease exactly"},
		{"REMEDY_MODE=enforce REMEDY_ECS_ENDPOINT=http://127.0.0.1:4321 " +
			"REMEDY_ATTEMPT_TIMEOUT=2500ms REMEDY_POLL=50ms REMEDY_DEADLINE_RESERVE=500ms " +
			"REMEDY_LEASE=2s REMEDY_LEDGER=mem: REMEDY_BOOT_GRACE=3s",
			"all short, for a test against a simulator"},
	} {
		if _, err := Load(strings.Fields(test.environ)); err != nil {
			t.Errorf("%s (%s): %v", test.environ, test.why, err)
		}
	}
}

func TestLedger(t *testing.T) {
	for _, test := range []struct {
		value string
		want  Ledger
	}{
		{"mem:", Ledger{Kind: LedgerMemory, Name: "mem:"}},
		{"bolt:///var/lib/ledger.db", Ledger{Kind: LedgerBolt, Path: "/var/lib/ledger.db",
			Name: "bolt:///var/lib/ledger.db"}},
		// a path, not a URL
		{"bolt:///a/../b%20c#1", Ledger{Kind: LedgerBolt, Path: "/b%20c#1",
			Name: "bolt:///b%20c#1"}},
		{"redis://cache", Ledger{Kind: LedgerRedis, URL: "redis://cache", Name: "redis://cache"}},
		{"redis://cache:6379/", Ledger{Kind: LedgerRedis, URL: "redis://cache:6379/",
			Name: "redis://cache:6379/"}},
		{"rediss://u:p%2Fw%40%3F%23%25%3A@cache:6379/3", Ledger{Kind: LedgerRedis,
			URL: "rediss://u:p%2Fw%40%3F%23%25%3A@cache:6379/3", Name: "rediss://cache:6379/3"}},
		{"redis://:pw@[::1]:6379", Ledger{Kind: LedgerRedis, URL: "redis://:pw@[::1]:6379",
			Name: "redis://[::1]:6379"}},
		{"ots://Re-1.ap-southeast-1/_T9", Ledger{Kind: LedgerTablestore, Instance: "Re-1",
			Region: "ap-southeast-1", Table: "_T9",
			Name: "ots://Re-1.ap-southeast-1/_T9"}},
		{"ots://remedy.cn-hangzhou/t?endpoint=my-vpc-remedy.cn-hangzhou.vpc.ots.aliyuncs.com",
			Ledger{Kind: LedgerTablestore,
				Instance: "remedy", Region: "cn-hangzhou", Table: "t",
				Name:     "ots://remedy.cn-hangzhou/t",
				Endpoint: "https://my-vpc-remedy.cn-hangzhou.vpc.ots.aliyuncs.com"}},
		{"ots://remedy.cn-hangzhou/t?endpoint=http%3A%2F%2F127.0.0.1%3A8080",
			Ledger{Kind: LedgerTablestore,
				Instance: "remedy", Region: "cn-hangzhou", Table: "t",
				Name:     "ots://remedy.cn-hangzhou/t",
				Endpoint: "http://127.0.0.1:8080"}},
	} {
		c, err := Load([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=" + test.value})
		if err != nil {
			t.Errorf("%s: %v", test.value, err)
			continue
		}
		if diff := cmp.Diff(test.want, c.Ledger); diff != "" {
			t.Errorf("%s (-want +got): %s", test.value, diff)
		}
	}
}

func TestWarnings(t *testing.T) {
	const shared = "REMEDY_LEDGER=redis://cache "
	for _, test := range []struct {
		environ string
		want    []string // what each warning is about, in order
		why     string
	}{
		{"", []string{"REMEDY_LEDGER: with mem: only one process may run"}, "also by default"},
		{"REMEDY_LEDGER=bolt:///l.db", []string{"REMEDY_LEDGER: with bolt:///l.db only one " +
			"process may run"},
			"a file has one owner"},
		{shared, nil, "several processes share it"},
		{"REMEDY_LEDGER=ots://a.cn-hangzhou/t", nil, "several processes share it"},
		{shared + "REMEDY_HEARTBEAT_FRESH=59s", []string{"REMEDY_HEARTBEAT_FRESH"},
			"a live guest's heartbeat can be older"},
		{shared + "REMEDY_HEARTBEAT_FRESH=60s", nil, "one heartbeat fits"},
		{shared + "REMEDY_HEARTBEAT_FRESH=59s REMEDY_SECOND_CHECK=none", nil,
			"nobody asks for a heartbeat"},
		{shared + "REMEDY_INCIDENT_LIMIT=10m", []string{"REMEDY_INCIDENT_LIMIT"},
			"the third attempt would begin at the limit"},
		{shared + "REMEDY_INCIDENT_LIMIT=10m1s", nil, "just before the limit"},
		{shared + "REMEDY_ATTEMPT_TIMEOUT=179s", []string{"REMEDY_ATTEMPT_TIMEOUT"},
			"an ordinary restart may take longer"},
		{shared + "REMEDY_ATTEMPT_TIMEOUT=3m", nil, "most restarts are done"},
		{shared + "REMEDY_DEADLINE_RESERVE=301s", []string{"REMEDY_DEADLINE_RESERVE"},
			"much of every invocation is kept back"},
		{shared + "REMEDY_DEADLINE_RESERVE=5m", nil, "much, but not too much"},
		{shared + "REMEDY_LEASE=601s", []string{"REMEDY_LEASE"}, "nobody takes over for that long"},
		{shared + "REMEDY_LEASE=10m", nil, "long, but not too long"},
		{shared + "REMEDY_INCIDENT_LIMIT=10m REMEDY_FORCE=never", nil,
			"there is no forced attempt to come to"},
	} {
		c, err := Load(strings.Fields(test.environ))
		if err != nil {
			t.Errorf("%s: %v", test.environ, err)
			continue
		}
		same := slices.EqualFunc(c.Warnings, test.want, strings.HasPrefix)
		if !same {
			t.Errorf("%s (%s): warnings %q, want %q", test.environ, test.why, c.Warnings, test.want)
		}
	}
}

// TestSecretsStayHidden prints a Config that is full of secrets in every way there is.
func TestSecretsStayHidden(t *testing.T) {
	c, err := Load([]string{"REMEDY_MODE=enforce", "REMEDY_HTTP_TOKEN=hunter2-hunter2-hunter2",
		"REMEDY_LEDGER=redis://admin:hunter2@cache:6379/1"})
	if err != nil {
		t.Fatal(err)
	}
	if c.HTTPToken.Reveal() != "hunter2-hunter2-hunter2" ||
		!strings.Contains(c.Ledger.URL.Reveal(), "admin:hunter2@") {
		t.Fatal("Reveal does not reveal")
	}
	var out strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X", "%t"} {
		fmt.Fprintf(&out, verb+"\n", c)
		fmt.Fprintf(&out, verb+"\n", &c)
		fmt.Fprintf(&out, verb+"\n", c.HTTPToken)
		fmt.Fprintf(&out, verb+"\n", []Secret{c.Ledger.URL})
	}
	fmt.Fprintln(&out, c.HTTPToken.GoString(), c.HTTPToken.String())
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil),
		slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("start", "config", c, "token", c.HTTPToken, "ledger", c.Ledger)
	}
	text, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	out.Write(text)
	hex := fmt.Sprintf("%x", "hunter2")
	for _, secret := range []string{"hunter2", hex, strings.ToUpper(hex), "104 117 110", "admin"} {
		if strings.Contains(out.String(), secret) {
			t.Errorf("%q is shown in %s", secret, out.String())
		}
	}
	if !strings.Contains(out.String(), "redis://cache:6379/1") {
		t.Error("the ledger's name is not shown")
	}
	if got := fmt.Sprint(Secret("")); got != "" {
		t.Errorf("an empty secret prints as %q", got)
	}
}

// TestLongValue: a value from a paste gone wrong does not flood the message, and stays on its line.
func TestLongValue(t *testing.T) {
	_, err := Load([]string{"REMEDY_POLL=" + strings.Repeat("长\n", 5000)})
	if err == nil || len(err.Error()) > 1000 || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %.2000v", err)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1},
		{"abc", "ac", 1}, {"ac", "abc", 1},
		{"kitten", "sitting", 3},
	} {
		if got := distance(test.a, test.b); got != test.want {
			t.Errorf("distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}
