// Package fcsim is as much of Function Compute as a function process sees, for tests: it starts
// real processes of a built binary, hands them invocations through the runtime API (version
// 2020-11-11), and takes back what they answer. Like the platform it delivers an asynchronous event
// at least once, to any instance that is free, and again after an error or the death of the
// process.
//
// Sources: Function Compute help "Retry policies" and "Asynchronous invocation", and the client's
// side of the runtime API in fc-runtime-go-sdk. It does not end an invocation at its deadline: the
// platform destroys the process then, and Process.Kill does the same.
package fcsim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Platform hands out invocations. The exported fields are set before its first use; the methods are
// safe for concurrent use.
type Platform struct {
	Account     string        // of the function
	Region      string        // of the function
	Timeout     time.Duration // of an invocation, at least a second; zero: 10 minutes
	Concurrency int           // how many invocations a process is given at once; zero: one
	Backoff     time.Duration // before an event is delivered again

	mu        sync.Mutex
	changed   chan struct{} // closed whenever somebody who waits should look again
	queue     []*Invocation
	processes []*Process
	serial    int
}

// New returns a Platform for a function of that account and region.
func New(account, region string) *Platform {
	return &Platform{
		Account:     account,
		Region:      region,
		Timeout:     10 * time.Minute,
		Concurrency: 1,
		changed:     make(chan struct{}),
	}
}

// Event is what is to be handled, and how.
type Event struct {
	Payload []byte
	Key     Key
	// Retries is how often the event is delivered again after an error or the death of its process
	// (maxAsyncRetryAttempts). Zero is that of a synchronous invocation.
	Retries int
	// Retry is how often it was delivered before.
	Retry int
}

// Key is the temporary credentials of the function's role.
type Key struct{ ID, Secret, Token string }

// Invocation is an Event on its way to its last answer.
type Invocation struct {
	Event
	RequestID string

	platform *Platform
	done     chan struct{} // closed with the last answer
	answers  []Answer
}

// Answer is what became of one delivery.
type Answer struct {
	Body  []byte // as the process answered; empty where it died
	Error *Error // nil: the function returned no error
	Retry int    // how often the event had been delivered before
	By    *Process
}

// Error is how the function failed.
type Error struct {
	Message string `json:"errorMessage"`
	Type    string `json:"errorType"`
}

// Died is the Error.Type of a delivery whose process ended.
const Died = "ProcessDied"

// Send queues an event and returns at once.
func (p *Platform) Send(e Event) *Invocation {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.serial++
	i := &Invocation{
		Event:     e,
		RequestID: fmt.Sprintf("1-fc515000-%012x", p.serial),
		platform:  p,
		done:      make(chan struct{}),
	}
	p.enqueue(i)
	return i
}

// Invoke sends an event and waits for its last answer.
func (p *Platform) Invoke(
	ctx context.Context,
	e Event,
) (Answer, error) {
	return p.Send(e).Wait(ctx)
}

// Wait returns the last answer, or ctx's error.
func (i *Invocation) Wait(ctx context.Context) (Answer, error) {
	select {
	case <-i.done:
		answers := i.Answers()
		return answers[len(answers)-1], nil
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("invocation %s has no last answer: %w", i.RequestID, ctx.Err())
	}
}

// Answers is what became of every delivery so far.
func (i *Invocation) Answers() []Answer {
	i.platform.mu.Lock()
	defer i.platform.mu.Unlock()
	return slices.Clone(i.answers)
}

// Output is everything that all processes printed so far.
func (p *Platform) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []byte
	for _, process := range p.processes {
		all = append(append(all, process.Stdout()...), process.Stderr()...)
	}
	return string(all)
}

// Close ends every process and waits until nothing of them is left.
func (p *Platform) Close() {
	p.mu.Lock()
	processes := slices.Clone(p.processes)
	p.mu.Unlock()
	for _, process := range processes {
		process.Kill()
	}
}

// announce lets everybody who waits look again. The caller holds p.mu.
func (p *Platform) announce() {
	close(p.changed)
	p.changed = make(chan struct{})
}

func (p *Platform) enqueue(i *Invocation) {
	p.queue = append(p.queue, i)
	p.announce()
}

// take waits until the process is free and there is an invocation for it.
func (p *Platform) take(ctx context.Context, process *Process) (*Invocation, error) {
	for {
		p.mu.Lock()
		changed := p.changed
		ready := !process.dead && !process.frozen && len(process.busy) < max(1, p.Concurrency)
		if ready && len(p.queue) > 0 {
			next := p.queue[0]
			p.queue = p.queue[1:]
			process.busy[next.RequestID] = next
			p.mu.Unlock()
			return next, nil
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

var errUnknown = errors.New("no such invocation in this process")

// answered takes what a process answered.
func (p *Platform) answered(process *Process, requestID string, body []byte, failed bool) error {
	answer := Answer{Body: body, By: process}
	if failed {
		answer.Error = &Error{}
		if err := json.Unmarshal(body, answer.Error); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	i := process.busy[requestID]
	if i == nil {
		return errUnknown
	}
	delete(process.busy, requestID)
	p.finish(i, answer)
	return nil
}

// died takes back what a process had not answered.
func (p *Platform) died(process *Process) {
	p.mu.Lock()
	defer p.mu.Unlock()
	process.dead = true
	for _, i := range process.busy {
		p.finish(
			i,
			Answer{
				Error: &Error{Type: Died, Message: "the process ended before it answered"},
				By:    process,
			},
		)
	}
	process.busy = nil
}

// finish ends a delivery, and with it the invocation unless it is delivered again. The caller holds
// p.mu.
func (p *Platform) finish(i *Invocation, answer Answer) {
	answer.Retry = i.Retry
	i.answers = append(i.answers, answer)
	if answer.Error == nil || i.Retries == 0 {
		close(i.done)
	} else {
		i.Retries--
		i.Retry++
		time.AfterFunc(p.Backoff, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.enqueue(i)
		})
	}
	p.announce()
}
