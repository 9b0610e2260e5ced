package fcsim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// Process is one running function process, with a runtime API of its own: that is how the platform
// knows who asks.
type Process struct {
	Started time.Time

	platform *Platform
	command  *exec.Cmd
	server   *http.Server
	stdout   output
	stderr   output
	exited   chan struct{}
	once     sync.Once
	polled   chan struct{}
	polledAt time.Time // written before polled is closed

	// Guarded by the platform's lock.
	busy         map[string]*Invocation
	frozen, dead bool
}

// Start runs a binary in an environment like the platform's and env on top of that; it does not
// wait for anything.
func (p *Platform) Start(binary string, env ...string) (*Process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &Process{
		platform: p,
		exited:   make(chan struct{}),
		polled:   make(chan struct{}),
		busy:     map[string]*Invocation{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2020-11-11/runtime/invocation/next", f.next)
	mux.HandleFunc("POST /2020-11-11/runtime/invocation/{id}/{outcome}", f.outcome)
	f.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	f.command = exec.Command(binary)
	f.command.Env = append([]string{
		"FC_RUNTIME_API=" + listener.Addr().
			String(),
		"FC_ACCOUNT_ID=" + p.Account, "FC_REGION=" + p.Region,
		"FC_FUNCTION_NAME=ecs-remedy", "FC_FUNCTION_HANDLER=main", "FC_FUNCTION_MEMORY_SIZE=128",
		"PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir(),
	}, env...)
	f.command.Stdout, f.command.Stderr = &f.stdout, &f.stderr
	f.Started = time.Now()
	if err := f.command.Start(); err != nil {
		listener.Close()
		return nil, err
	}
	p.mu.Lock()
	p.processes = append(p.processes, f)
	p.mu.Unlock()
	go f.server.Serve(listener) // ends with ErrServerClosed, in which there is nothing to know
	go func() {
		_ = f.command.Wait() // how it ended is in its ProcessState
		f.server.Close()
		p.died(f)
		close(f.exited)
	}()
	return f, nil
}

// next answers with an invocation once there is one. The headers are those that fc-runtime-go-sdk
// reads.
func (f *Process) next(w http.ResponseWriter, r *http.Request) {
	f.once.Do(func() {
		f.polledAt = time.Now()
		close(f.polled)
	})
	i, err := f.platform.take(r.Context(), f)
	if err != nil {
		return // nobody is there any more
	}
	p, timeout := f.platform, f.platform.Timeout
	if timeout == 0 {
		timeout = 10 * time.Minute
	}
	for name, value := range map[string]string{
		"request-id": i.RequestID, "function-type": "0", "function-name": "ecs-remedy",
		"function-handler": "main", "function-memory": "128",
		"function-timeout":  strconv.Itoa(int(timeout / time.Second)),
		"function-deadline": strconv.FormatInt(time.Now().Add(timeout).UnixMilli(), 10),
		"access-key-id":     i.Key.ID, "access-key-secret": i.Key.Secret,
		"security-token": i.Key.Token, "region": p.Region, "account-id": p.Account,
		"retry-count": strconv.Itoa(i.Retry),
	} {
		w.Header().Set("x-fc-"+name, value)
	}
	_, _ = w.Write(
		i.Payload,
	) // where it cannot be written the process is ending, and died takes the invocation back
}

// outcome takes an invocation's response or error.
func (f *Process) outcome(w http.ResponseWriter, r *http.Request) {
	outcome := r.PathValue("outcome")
	body, err := io.ReadAll(r.Body)
	if err == nil && outcome != "response" && outcome != "error" {
		err = fmt.Errorf("no such outcome: %s", outcome)
	}
	if err == nil {
		err = f.platform.answered(f, r.PathValue("id"), body, outcome == "error")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
	}
}

// Ready waits for the process's first poll and returns how long after its start that came. The
// error says how it ended before that.
func (f *Process) Ready(ctx context.Context) (time.Duration, error) {
	select {
	case <-f.polled:
		return f.polledAt.Sub(f.Started), nil
	case <-f.exited:
		return 0, fmt.Errorf(
			"it ended before its first poll (%v): %s",
			f.command.ProcessState,
			f.Stderr(),
		)
	case <-ctx.Done():
		return 0, fmt.Errorf("it did not poll: %w", ctx.Err())
	}
}

// Polled reports whether it has asked for an invocation.
func (f *Process) Polled() bool {
	select {
	case <-f.polled:
		return true
	default:
		return false
	}
}

// Wait waits for the process's end and returns its exit status: -1 where a signal ended it.
func (f *Process) Wait(ctx context.Context) (int, error) {
	select {
	case <-f.exited:
		return f.command.ProcessState.ExitCode(), nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// PID is the process's id.
func (f *Process) PID() int { return f.command.Process.Pid }

// Kill ends the process with SIGKILL, as the platform does, and returns when it is gone and its
// invocations are taken back.
func (f *Process) Kill() {
	_ = f.command.Process.Kill() // fails only where it has ended already
	<-f.exited
}

// Freeze stops the process with SIGSTOP and returns when all of it stands still. It gets no
// invocation until Thaw.
func (f *Process) Freeze() error {
	if err := f.signal(true, syscall.SIGSTOP); err != nil {
		return err
	}
	for {
		var status syscall.WaitStatus
		switch _, err := syscall.Wait4(f.command.Process.Pid, &status, syscall.WUNTRACED, nil); {
		case err == syscall.EINTR:
		case err != nil:
			return err
		case !status.Stopped():
			return errors.New("it ended instead of stopping")
		default:
			return nil
		}
	}
}

// Thaw lets a frozen process go on.
func (f *Process) Thaw() error { return f.signal(false, syscall.SIGCONT) }

func (f *Process) signal(frozen bool, signal syscall.Signal) error {
	f.platform.mu.Lock()
	defer f.platform.mu.Unlock()
	f.frozen = frozen
	f.platform.announce()
	return f.command.Process.Signal(signal)
}

// Stdout and Stderr are what came of the process's output so far: all of it once the process has
// ended, and otherwise perhaps not yet what it printed before its last answer.
func (f *Process) Stdout() string { return f.stdout.String() }
func (f *Process) Stderr() string { return f.stderr.String() }

// output is a buffer that is read while a process writes into it.
type output struct {
	mu  sync.Mutex
	all bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.all.String()
}
