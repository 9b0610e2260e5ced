package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/testscript"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"remedy": main})
}

// TestSessions plays the sessions in testdata/script: what an operator types, and what comes back.
func TestSessions(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		UpdateScripts:       *update,
		Setup: func(env *testscript.Env) error {
			redis := miniredis.RunT(t)
			env.Setenv("REDIS", "redis://"+redis.Addr())
			env.Setenv("REDISHOST", redis.Addr())
			// a race-enabled command otherwise takes a second to end
			env.Setenv("GORACE", "atexit_sleep_ms=10")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"json": validJSON, "timeless": timeless, "columns": withinColumns, "sweep": sweep,
			"alarm": alarm,
		},
	})
}

// validJSON checks that a file, or stdout, is one JSON document and nothing else.
func validJSON(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json FILE")
	}
	if text := ts.ReadFile(args[0]); !json.Valid([]byte(text)) {
		ts.Fatalf("not one JSON document:\n%s", text)
	}
}

// sweep lets a function of a mode sweep once, some time ago, with a ledger: sweep LEDGER MODE AGO.
func sweep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: sweep LEDGER MODE AGO")
	}
	ago, err := time.ParseDuration(args[2])
	ts.Check(err)
	settings, err := config.Load([]string{"REMEDY_LEDGER=" + args[0], "REMEDY_MODE=" + args[1]})
	ts.Check(err)
	then := time.Now().Add(-ago)
	function, err := app.New(settings, io.Discard, app.Seams{Clock: ecssim.NewVirtual(then)})
	ts.Check(err)
	invocation := app.Invocation{Account: "42", Region: "cn-hangzhou", Credentials: app.Credentials{
		AccessKeyID: ecssim.DefaultKeyID, AccessKeySecret: ecssim.DefaultSecret}}
	_, err = function.Invoke(context.Background(), invocation, fmt.Appendf(nil,
		`{"triggerTime": %q, "triggerName": "sweep", "payload": ""}`, then.Format(time.RFC3339)))
	ts.Check(err)
	ts.Check(function.Close())
}

// alarm writes the default alarm into a file, with an event id of its own, as if it were sent some
// time ahead: alarm FILE EVENT AHEAD.
func alarm(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: alarm FILE EVENT AHEAD")
	}
	ahead, err := time.ParseDuration(args[2])
	ts.Check(err)
	in, err := drill.Default(time.Now().Add(ahead))
	ts.Check(err)
	payload := bytes.ReplaceAll(in.Payload, []byte("e-bp1drill0000000alarm"), []byte(args[1]))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), payload, 0o666))
}

var realTime = regexp.MustCompile(`in \S+ of real time`)

// timeless copies a file, or stdout, with the real time that a drill took left out: nothing else
// differs between two runs.
func timeless(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: timeless FROM TO")
	}
	text := realTime.ReplaceAllString(ts.ReadFile(args[0]), "in NO TIME of real time")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o666))
}

// withinColumns checks that no line of a file, or stdout, is wider than a page.
func withinColumns(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: columns FILE")
	}
	for line := range strings.SplitSeq(ts.ReadFile(args[0]), "\n") {
		if wide(line) > columns {
			ts.Fatalf("%d columns: %s", wide(line), line)
		}
	}
}

// TestSamplesVerdicts drills every embedded sample, and compares exit status, verdict and reason
// with the golden file.
func TestSamplesVerdicts(t *testing.T) {
	const golden = "testdata/samples.golden"
	var got strings.Builder
	for _, sample := range events.Samples() {
		var out, stderr bytes.Buffer
		status := run([]string{"drill", "--json", sample.Name}, &console{out: &out, err: &stderr})
		fmt.Fprintf(&got, "%s: exit %d", sample.Name, status)
		var response handle.Response
		if err := json.Unmarshal(out.Bytes(), &response); err != nil {
			t.Fatalf("%s: %v in %q", sample.Name, err, out.String())
		}
		for _, r := range response.Results {
			fmt.Fprintf(&got, ", %s %s", r.Verdict, r.Reason)
		}
		if stderr.Len() > 0 {
			line, _, _ := strings.Cut(stderr.String(), "\n")
			got.WriteString(", " + line)
		}
		got.WriteByte('\n')
	}
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("go test -run %s -update writes it anew (-want +got):\n%s", t.Name(), diff)
	}
}
