package fcsim_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"

	"ecs-remedy/function/internal/fcsim"
)

// TestMain is the function under test, too: fcsim starts this very binary with FC_RUNTIME_API set.
func TestMain(m *testing.M) {
	if os.Getenv("FC_RUNTIME_API") == "" {
		os.Exit(m.Run())
	}
	if os.Getenv("EXIT") != "" {
		fmt.Fprintln(os.Stderr, "as told")
		os.Exit(3)
	}
	fc.Start(function)
}

type Refusal struct{ text string }

func (r *Refusal) Error() string { return r.text }

// function says who it is told to be, fails, dies or hangs, as its payload says.
func function(ctx context.Context, payload []byte) (string, error) {
	about, _ := fccontext.FromContext(ctx)
	switch order, count, _ := strings.Cut(string(payload), " "); {
	case order == "who":
		deadline, _ := ctx.Deadline()
		c := about.Credentials
		return fmt.Sprint(
			c.AccessKeyId,
			c.AccessKeySecret,
			c.SecurityToken,
			about.Region,
			about.AccountId,
			about.RetryCount,
			time.Until(deadline).Round(time.Minute),
			os.Getenv("EXTRA"),
		), nil
	case count != fmt.Sprint(about.RetryCount) && order == "fail":
		return "", &Refusal{"once more"}
	case count != fmt.Sprint(about.RetryCount) && order == "die":
		os.Exit(1)
	case order == "hang":
		<-ctx.Done()
		return "", errors.New("the deadline came")
	}
	return "done", nil
}

func start(t *testing.T, p *fcsim.Platform, env ...string) *fcsim.Process {
	t.Helper()
	process, err := p.Start(os.Args[0], env...)
	if err != nil {
		t.Fatal(err)
	}
	return process
}

func TestContext(t *testing.T) {
	p := fcsim.New("1234", "cn-hangzhou")
	defer p.Close()
	f := start(t, p, "EXTRA=extra")
	if _, err := f.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	key := fcsim.Key{ID: "key", Secret: "secret", Token: "token"}
	answer, err := p.Invoke(t.Context(), fcsim.Event{Payload: []byte("who"), Key: key, Retry: 2})
	if want := `"keysecrettokencn-hangzhou12342 10m0sextra"`; err != nil || answer.Error != nil ||
		string(answer.Body) != want {
		t.Errorf("%s, %+v, %v; want %s", answer.Body, answer.Error, err, want)
	}
	f.Kill() // its output is whole after that
	if !strings.Contains(f.Stdout(), "FC Invoke Start RequestId: 1-") {
		t.Errorf("the SDK's lines are not in its output: %q", f.Stdout())
	}
}

// TestRedelivery: an error and a death are followed by another delivery, as often as the event
// allows.
func TestRedelivery(t *testing.T) {
	for _, row := range []struct {
		why, payload string
		retries      int
		want         []string // the error types of all deliveries
	}{
		{"no error", "who", 3, []string{""}},
		{"an error, and the third delivery succeeds", "fail 2", 2,
			[]string{"Refusal", "Refusal", ""}},
		{"one retry too few", "fail 2", 1, []string{"Refusal", "Refusal"}},
		{"a synchronous invocation has none", "fail 2", 0, []string{"Refusal"}},
		{"a death", "die 1", 1, []string{fcsim.Died, ""}},
	} {
		t.Run(row.why, func(t *testing.T) {
			p := fcsim.New("1234", "cn-hangzhou")
			defer p.Close()
			start(t, p)
			start(t, p)
			i := p.Send(fcsim.Event{Payload: []byte(row.payload), Retries: row.retries})
			if _, err := i.Wait(t.Context()); err != nil {
				t.Fatal(err)
			}
			var got []string
			for n, answer := range i.Answers() {
				if answer.Retry != n {
					t.Errorf("delivery %d had the retry count %d", n, answer.Retry)
				}
				kind := ""
				if answer.Error != nil {
					kind = answer.Error.Type
				}
				got = append(got, kind)
			}
			if fmt.Sprint(got) != fmt.Sprint(row.want) {
				t.Errorf("ended %q, want %q", got, row.want)
			}
		})
	}
}

// TestFree: a process that is busy or frozen is given nothing more; another one, or the same one
// later, is.
func TestFree(t *testing.T) {
	p := fcsim.New("1234", "cn-hangzhou")
	defer p.Close()
	f := start(t, p)
	if _, err := f.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	hang := p.Send(fcsim.Event{Payload: []byte("hang")})
	who := func() *fcsim.Process {
		t.Helper()
		answer, err := p.Invoke(t.Context(), fcsim.Event{Payload: []byte("who")})
		if err != nil || answer.Error != nil {
			t.Fatal(answer.Error, err)
		}
		return answer.By
	}
	other := start(t, p)
	if who() != other {
		t.Error("an event went to a process that was busy")
	}
	f.Kill()
	if answers := hang.Answers(); len(answers) != 1 || answers[0].Error.Type != fcsim.Died {
		t.Errorf("the killed process left %+v", answers)
	}
	if err := other.Freeze(); err != nil {
		t.Fatal(err)
	}
	third := start(t, p)
	if who() != third {
		t.Error("an event went to a process that was frozen")
	}
	third.Kill()
	if err := other.Thaw(); err != nil {
		t.Fatal(err)
	}
	if who() != other {
		t.Error("no event went to a process that was thawed")
	}
}

func TestExit(t *testing.T) {
	p := fcsim.New("1234", "cn-hangzhou")
	defer p.Close()
	f := start(t, p, "EXIT=1")
	if _, err := f.Ready(t.Context()); err == nil || !strings.Contains(err.Error(), "as told") {
		t.Errorf("it was ready after its end: %v", err)
	}
	if status, err := f.Wait(t.Context()); status != 3 || err != nil || f.Polled() {
		t.Errorf("exit status %d (%v), want 3", status, err)
	}
}
