// Package handle is the path of an alarm: decode it, ask remedy.Next what to do, do that, and ask again, until there is a
// verdict to report. Nothing is decided here.
//
//	decode -> [ Next -> read | claim+reboot | wait | settle ]* -> report
//
// batch.go takes the alarms of one event side by side, hang.go is the loop of one alarm, and this file the way in and out.
package handle

import (
	"context"
	"fmt"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// Clock is time, and doing several things in it at once. The real one is the machine's; a drill has a virtual one.
type Clock interface {
	Now() time.Time
	// Sleep returns after d, or with ctx's error when that ends first.
	Sleep(ctx context.Context, d time.Duration) error
	// Each runs do(0) to do(n-1) at once and returns when all have returned.
	Each(n int, do func(int))
}

// Ledger is what is remembered of incidents. Its answers never hold a password.
type Ledger interface {
	// Record reads what is known of an instance, Fleet what is known of all together.
	Record(ctx context.Context, instance string) remedy.Reading[remedy.Record]
	Fleet(ctx context.Context) remedy.Reading[remedy.Fleet]
	// Open lists the incidents that are under way.
	Open(ctx context.Context) ([]remedy.Slot, error)
}

// Owner writes an incident, each time by a compare-and-swap against the record as last read, and returns the record as it is
// now. A reason instead of a write says why not; InProgress means that the record is not what it was. After an error nothing is
// known, and the caller must not act on the write.
type Owner interface {
	// Claim adds an attempt before it is sent, opens the incident with the first one, and stamps the attempt's SendBefore.
	Claim(ctx context.Context, record remedy.Record, incident *remedy.Incident, attempt remedy.Attempt) (remedy.Record, remedy.Reason, error)
	// Keep writes where the incident stands, with Owner and LeaseUntil as given: taking over, renewing or releasing it.
	Keep(ctx context.Context, record remedy.Record, incident *remedy.Incident) (remedy.Record, remedy.Reason, error)
	// Settle writes the incident's end.
	Settle(ctx context.Context, record remedy.Record, incident *remedy.Incident) (remedy.Record, remedy.Reason, error)
}

// Resolver notes in an open incident, whoever owns it, that its alarm was resolved.
type Resolver interface {
	Resolve(ctx context.Context, incident *remedy.Incident) error
}

// Cloud reads what ECS says now. Every id asked for has an answer, readable or not; no answer holds a URL or a secret.
type Cloud interface {
	Machines(ctx context.Context, region string, ids []string) map[string]remedy.Reading[remedy.Instance]
	Heartbeats(ctx context.Context, region string, ids []string) map[string]remedy.Reading[remedy.Vitals]
	PlatformEvents(ctx context.Context, region, id string) remedy.Reading[[]remedy.PlatformEvent]
}

// Rebooter calls RebootInstance once, never again by itself, and not after the order's SendBefore.
type Rebooter interface {
	Reboot(ctx context.Context, order remedy.Order) remedy.Reply
}

// Reporter is told every result once; it words the result's Detail and writes the audit line.
type Reporter interface {
	Report(*remedy.Result)
}

// Watcher sees every decision as it is made, and every answer to a reboot. It must not block or keep what it is given.
type Watcher interface {
	Decided(facts *remedy.Facts, step *remedy.Step)
	Answered(facts *remedy.Facts, attempt *remedy.Attempt)
}

// Handler handles the events of one invocation. Its fields are set once; Handle may be called concurrently.
type Handler struct {
	Policy   remedy.Policy
	Reserve  time.Duration // kept back from the deadline to write down where things stand
	Clock    Clock
	Ledger   Ledger
	Owner    Owner
	Resolver Resolver
	Cloud    Cloud
	Rebooter Rebooter
	Reporter Reporter
	Watcher  Watcher       // nil: nobody watches
	Name     func() string // a new name for an owner of incidents, never used before

	HTTPToken  string        // secret of the HTTP trigger; empty: HTTP requests are refused
	WriteLimit time.Duration // of a last write when the time is over; zero: Policy.CallLimit
	// Also has another ledger, whose overdue incidents the sweep ends as well; nil: there is none.
	Also *Handler
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
}

// Pending asks for the event to be delivered again. Function Compute reports the type's name as the error's type.
type Pending struct{ Results []remedy.Result }

// Error names what is pending, and why.
func (e *Pending) Error() string { return describe(e.Results, remedy.VerdictPending) }

// Malformed says that the payload, or a part of it, cannot be understood; delivering it again would not help, but the platform's
// dead letter keeps it.
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
			said = append(said, strings.TrimSpace(r.InstanceID+" "+string(r.Reason)+": "+r.Detail))
		}
	}
	if count > len(said) {
		said = append(said, fmt.Sprintf("and %d more", count-len(said)))
	}
	return string(verdict) + ": " + strings.Join(said, "; ")
}

// Handle takes one event from its payload to its results. Its error means "deliver this again" (*Pending) or "keep this"
// (*Malformed); refused, ignored and failed are verdicts. The response holds every result in either case.
func (h *Handler) Handle(ctx context.Context, invocation Invocation, payload []byte) (Response, error) {
	alarms, err := events.Decode(payload)
	if err != nil {
		results := unread(h.Reporter, remedy.VerdictMalformed, remedy.ReasonMalformed, err)
		return Response{Results: results}, &Malformed{Cause: err, Results: results}
	}
	var hangs []*hang
	if len(alarms) == 1 && alarms[0].Format == events.FormatTimer {
		hangs, err = h.swept(ctx, invocation, func(remedy.Slot) bool { return true })
		if err == nil && h.Also != nil {
			var overdue []*hang
			overdue, err = h.Also.swept(ctx, invocation, func(s remedy.Slot) bool {
				return h.Clock.Now().After(s.OpenedAt.Add(h.Policy.IncidentLimit))
			})
			hangs = append(hangs, overdue...)
		}
		if err != nil {
			pending := NotReady(h.Reporter, fmt.Errorf("the sweep cannot read the ledger: %w", err))
			return Response{Results: pending.Results}, pending
		}
	} else {
		hangs = h.alarmed(invocation, alarms)
	}
	h.handleAll(ctx, hangs)
	response := Response{Results: []remedy.Result{}}
	pending, malformed := false, false
	for _, g := range hangs {
		if g.result.Verdict == "" {
			continue // a swept incident that somebody else looks after
		}
		response.Results = append(response.Results, g.result)
		pending = pending || g.result.Verdict == remedy.VerdictPending
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

// NotReady is the answer to an event where there is nothing to handle it with: it is reported, and asked for again.
func NotReady(reporter Reporter, cause error) *Pending {
	return &Pending{Results: unread(reporter, remedy.VerdictPending, remedy.ReasonDependencyUnavailable, cause)}
}

// unread is the result for an event of which no alarm was read.
func unread(reporter Reporter, verdict remedy.Verdict, reason remedy.Reason, cause error) []remedy.Result {
	result := remedy.Result{Verdict: verdict, Reason: reason, Why: cause.Error(),
		Alarm:    remedy.AlarmView{Format: string(events.FormatUnknown), State: string(events.StateUnknown)},
		Attempts: []remedy.AttemptView{}, Findings: []remedy.Finding{}}
	reporter.Report(&result)
	return []remedy.Result{result}
}

// stopAt is when everything must be written down; zero: no deadline.
func (h *Handler) stopAt(invocation Invocation) time.Time {
	if invocation.Deadline.IsZero() {
		return time.Time{}
	}
	return invocation.Deadline.Add(-h.Reserve)
}
