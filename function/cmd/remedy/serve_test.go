package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestServe: the command prints where the page and the simulated ECS are, both answer there, and
// Ctrl-C ends it with status 0, although somebody watches.
func TestServe(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	// Under this name the test's binary is the command: see TestMain.
	command := &exec.Cmd{Path: self, Args: []string{"remedy", "serve"}, Stderr: &stderr}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	// However slow the machine is: what hangs is ended before the whole test is.
	late := time.AfterFunc(90*time.Second, func() { command.Process.Kill() })
	defer late.Stop()
	var said strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan(); {
		said.WriteString(lines.Text() + "\n")
		if strings.HasPrefix(lines.Text(), "Ctrl-C") {
			break
		}
	}
	urls := regexp.MustCompile(`http://127\.0\.0\.1:\d+`).FindAllString(said.String(), -1)
	if len(urls) != 2 || !strings.Contains(said.String(),
		"--endpoint "+strings.TrimPrefix(urls[1], "http://")+" --insecure") {
		t.Fatalf("it says %s%s", said.String(), stderr.String())
	}
	for line := range strings.SplitSeq(said.String(), "\n") {
		if wide(line) > columns {
			t.Errorf("%d columns: %s", wide(line), line)
		}
	}
	for n, want := range map[int]string{0: "Send the alarm", 1: "InvalidAccessKeyId.NotFound"} {
		answer, err := http.Get(urls[n] + "/?Version=2014-05-26&Format=JSON")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s answers %.200s, %v", urls[n], text, err)
		}
	}
	r, err := http.NewRequest(http.MethodPost, urls[0]+"/runs?speed=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Origin", urls[0])
	sent, err := http.DefaultClient.Do(r)
	if err != nil || sent.StatusCode != http.StatusCreated {
		t.Fatalf("a run: %v, %v", sent, err)
	}
	sent.Body.Close()
	stream, err := http.Get(urls[0] + "/runs/1/events")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	if err := command.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, out); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
	if err := command.Wait(); err != nil || stderr.Len() > 0 {
		t.Errorf("it ends with %v, and says %q", err, stderr.String())
	}
}

// TestServeCannotListen: each reason is one line, with a cure, and exit status 2.
func TestServeCannotListen(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, row := range []struct{ why, address, says string }{
		{"a port in use", taken.Addr().String(), "the port is in use"},
		{"every address of the machine", "0.0.0.0:0", "not an address of loopback"},
		{"every address, in short", ":0", "not an address of loopback"},
		{"another machine's", "192.0.2.1:0", "not an address of loopback"},
		{"a name that could be anybody's", "printer.example:0", "not an address of loopback"},
		{"no port", "127.0.0.1", "missing port in address"},
		{"a port that there is not", "127.0.0.1:65536", "invalid port"},
		{"nothing", "", "missing port in address"},
	} {
		var out, stderr bytes.Buffer
		status := run([]string{"serve", "--listen=" + row.address},
			&console{out: &out, err: &stderr})
		if status != 2 || out.Len() > 0 || !strings.Contains(stderr.String(), row.says) ||
			strings.Count(stderr.String(), "\n") != 2 || !strings.Contains(stderr.String(),
			"\nhint: ") {
			t.Errorf("%s: status %d, %s%s", row.why, status, out.String(), stderr.String())
		}
	}
	var out, stderr bytes.Buffer
	environ := []string{"REMEDY_LEASE=1s"}
	status := run([]string{"serve"}, &console{out: &out, err: &stderr, environ: environ})
	if status != 2 || !strings.Contains(stderr.String(), "REMEDY_LEASE") {
		t.Errorf("a wrong environment: %d %s", status, stderr.String())
	}
}
