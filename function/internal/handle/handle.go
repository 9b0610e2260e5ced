// Package handle is the path of an alarm: decode it, ask remedy.Next what to do, do that, and ask
// again, until there is an answer to report. Nothing is decided here.
//
//	decode -> [ Next -> read | write | send | wait ]* -> answer
//
// The loop has five verbs, and this is all of it:
//
//	for {
//		facts.Ask(clock.Now())
//		step := remedy.Next(&policy, &facts)
//		facts.Decided(&step)                  // keep what Next made of what it saw
//		switch step.Do {
//		case DoRead:                          // every source of step.Sources, in parallel
//			facts.Record = ledger.Record(…)   // and so on
//		case DoWrite:                         // one record, at its revision
//			facts.Wrote(step.Write, ledger.Write(…, step.Write)) // of the fleet's: see Together
//		case DoSend:                          // RebootInstance, whose claim was just written
//			facts.Replied(step.Order, rebooter.Reboot(…, step.Order))
//		case DoWait:
//			clock.Sleep(…, until step.Until)
//			facts.Waited()                    // drop what was read before
//		case DoAnswer:
//			report(step.Result)
//			facts.Told(&step)
//			return                            // or once more, for what must come after it
//		}
//	}
//
// Everything else is for whoever maintains this: which time, owner, revision or outcome matters is
// known to package remedy alone, so that its search proves the protocol that ships. A rule that is
// added here would escape the search.
//
// hang.go is the loop of one alarm, batch.go takes the alarms of one event through it side by side,
// together.go lets them share writes of the fleet's record, http.go answers an HTTP trigger,
// explain.go goes only as far as reading goes, panic.go keeps a panic where it belongs, and this
// file is the way in and out.
package handle

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// Clock is time, and doing several things in it at once. The real one is the machine's; a drill has
// a virtual one.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or with ctx's error when that ends first.
	Sleep(ctx context.Context, d time.Duration) error
	// Each runs do(0) to do(n-1) at once and returns when all have returned.
	Each(n int, do func(int))
}

// Ledger keeps the records. Its answers never hold a password.
type Ledger interface {
	// Record reads what is known of an instance, Fleet what is known of all together.
	Record(ctx context.Context, book remedy.Book, instance string) remedy.Reading[remedy.Record]
	Fleet(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Fleet]
	// Write puts one record, by a compare-and-swap at the revision that it carries.
	Write(ctx context.Context, book remedy.Book, instance string, write remedy.Write) remedy.Written
}

// Signs reads the function's sign of life, which the sweep writes into the ledger.
type Signs interface {
	Sign(ctx context.Context, book remedy.Book) remedy.Reading[remedy.Sign]
}

// Cloud reads what ECS says now. Every id asked for has an answer, readable or not; no answer holds
// a URL or a secret.
type Cloud interface {
	Machines(
		ctx context.Context,
		region string,
		ids []string,
	) map[string]remedy.Reading[remedy.Instance]
	Heartbeats(
		ctx context.Context,
		region string,
		ids []string,
	) map[string]remedy.Reading[remedy.Vitals]
	PlatformEvents(ctx context.Context, region, id string) remedy.Reading[[]remedy.PlatformEvent]
}

// Rebooter calls RebootInstance once, never again by itself, and not after the order's SendBefore.
type Rebooter interface {
	Reboot(ctx context.Context, order remedy.Order) remedy.Reply
}

// Evidence keeps what an instance's console shows. It returns when ctx ends at the latest, whatever
// the store or ECS do; what it could not keep is in its answer.
type Evidence interface {
	Keep(ctx context.Context, order remedy.EvidenceOrder) remedy.Reading[remedy.Evidence]
}

// Reporter is told every result once; it words the result's Detail and writes the audit line. A
// sweep that cannot do its work is told, too: nobody delivers a timer's event again, for the next
// one comes within a minute.
type Reporter interface {
	Report(*remedy.Result)
	Unswept(why string)
}

// Watcher sees every decision as it is made. It must not block or keep what it is given.
type Watcher interface {
	Decided(facts *remedy.Facts, step *remedy.Step)
}

// Handler handles the events of one invocation. Its fields are set once; Handle may be called
// concurrently.
type Handler struct {
	Policy   remedy.Policy
	Reserve  time.Duration // kept back from the deadline to write down where things stand
	Clock    Clock
	Ledger   Ledger
	Signs    Signs
	Version  string // of the code, for the sign of life
	Cloud    Cloud
	Rebooter Rebooter
	Evidence Evidence // nil: none is kept
	Reporter Reporter
	Watcher  Watcher       // nil: nobody watches
	Name     func() string // a new name for an owner of incidents, never used before
	// Together is shared by all handlers of a process over one ledger; nil: every change of the
	// fleet's record is a write of its own.
	Together *Together

	HTTPToken string // secret of the HTTP trigger; empty: HTTP requests are refused

	answerBy time.Time // when the last write must be over; zero: a while after the deadline
}

// Invocation is what the platform says of one delivery of an event.
type Invocation struct {
	Account  string
	Region   string
	Retry    int       // how often this event was delivered before
	Deadline time.Time // zero: none
	ClaimBy  time.Time // no attempt is claimed after this; zero: until the deadline's reserve
}

// Response is the invocation's answer: a result for every alarm, in the event's order.
type Response struct {
	Results []remedy.Result `json:"results"`

	Swept bool `json:"-"` // it was the timer's event, which asks for a sweep
}

// Pending asks for the event to be delivered again. Function Compute reports the type's name as the
// error's type.
type Pending struct{ Results []remedy.Result }

// Error names what is pending, and why.
func (e *Pending) Error() string { return describe(e.Results, remedy.VerdictPending) }

// Malformed says that the payload, or a part of it, cannot be understood; delivering it again would
// not help, but the platform's dead letter keeps it.
type Malformed struct {
	Cause   error // of the whole payload; nil where parts of a batch are malformed
	Results []remedy.Result
}

// Error says what cannot be understood.
func (e *Malformed) Error() string {
	if e.Cause != nil {
		return e.Cause.Error()
	}
	return describe(e.Results, remedy.VerdictMalformed)
}

// describe lists the results that have the verdict, shortened: an error's text has room for a few.
func describe(results []remedy.Result, verdict remedy.Verdict) string {
	var said []string
	count := 0
	for _, r := range results {
		if r.Verdict != verdict {
			continue
		}
		if count++; count <= 5 {
			said = append(said, inWords(&r))
		}
	}
	if count > len(said) {
		said = append(said, fmt.Sprintf("and %d more", count-len(said)))
	}
	return string(verdict) + ": " + strings.Join(said, "; ")
}

// inWords is a result in an error's text, which names the verdict once.
func inWords(r *remedy.Result) string {
	about := strings.Fields(r.InstanceID + " " + string(r.Reason))
	if string(r.Reason) == string(r.Verdict) {
		about = about[:len(about)-1]
	}
	if len(about) == 0 {
		return r.Detail
	}
	return strings.Join(about, " ") + ": " + r.Detail
}

// Handle takes one event from its payload to its results, and then the alarm whose turn it is after
// an incident has settled, if one waits. Nothing that is done for others is an error. The error
// means "deliver this again" (*Pending) or "keep this" (*Malformed); refused, ignored and failed
// are verdicts. The response holds every result in either case.
func (h *Handler) Handle(
	ctx context.Context,
	invocation Invocation,
	payload []byte,
) (Response, error) {
	alarms, err := events.Decode(payload)
	if err != nil {
		results := unread(h.Reporter, remedy.VerdictMalformed, remedy.ReasonMalformed, err)
		return Response{Results: results}, &Malformed{Cause: err, Results: results}
	}
	return h.HandleAlarms(ctx, invocation, alarms)
}

// HandleAlarms is Handle for an event whose payload has been decoded: a backtest reads millions of
// them, and decodes each once.
func (h *Handler) HandleAlarms(
	ctx context.Context,
	invocation Invocation,
	alarms []events.Alarm,
) (Response, error) {
	var hangs []*hang
	sweeps := isTimer(alarms)
	if sweeps {
		hangs = h.swept(ctx, invocation)
	} else {
		hangs = h.alarmed(invocation, alarms)
	}
	h.handleAll(ctx, hangs)
	if others := h.succeeded(ctx, invocation, hangs); sweeps {
		hangs = append(hangs, others...)
	}
	response := Response{Results: []remedy.Result{}, Swept: sweeps}
	pending, malformed := false, false
	for _, g := range hangs {
		if g.result == nil {
			continue // a swept incident that somebody else looks after
		}
		response.Results = append(response.Results, *g.result)
		pending = pending || g.result.Verdict == remedy.VerdictPending && !g.facts.ForOthers()
		malformed = malformed || g.result.Verdict == remedy.VerdictMalformed
	}
	switch {
	case pending:
		return response, &Pending{Results: response.Results}
	case malformed:
		return response, &Malformed{Results: response.Results}
	}
	return response, nil
}

// NotReady is the answer to an event where there is nothing to handle it with: it is reported, and
// asked for again, unless the timer sent it.
func NotReady(reporter Reporter, payload []byte, cause error) (Response, error) {
	if IsTimer(payload) {
		caught(func() { reporter.Unswept(cause.Error()) })
		return Response{Results: []remedy.Result{}, Swept: true}, nil
	}
	results := unread(reporter, remedy.VerdictPending, remedy.ReasonDependencyUnavailable, cause)
	return Response{Results: results}, &Pending{Results: results}
}

// mostTimer is how long a timer's event may be. Function Compute's has some 100 bytes and the
// payload of the trigger's configuration.
const mostTimer = 4 << 10

// IsTimer reports whether the event is the timer's: it asks for a sweep.
func IsTimer(payload []byte) bool {
	if len(payload) > mostTimer {
		return false
	}
	alarms, err := events.Decode(payload)
	return err == nil && isTimer(alarms)
}

func isTimer(alarms []events.Alarm) bool {
	return len(alarms) == 1 && alarms[0].Format == events.FormatTimer
}

// unread is the result for an event of which no alarm was read.
func unread(
	reporter Reporter,
	verdict remedy.Verdict,
	reason remedy.Reason,
	cause error,
) []remedy.Result {
	result := remedy.Result{Verdict: verdict, Reason: reason, Why: cause.Error(),
		Alarm: remedy.AlarmView{
			Format: string(events.FormatUnknown),
			State:  string(events.StateUnknown),
		},
		Attempts: []remedy.AttemptView{}, Findings: []remedy.Finding{}}
	caught(func() { reporter.Report(&result) })
	return []remedy.Result{result}
}
