package ecssim

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Kind is what a fault does to a call.
type Kind string

// The kinds. The first group answers in ECS's place; the second gives no answer; the third never
// lets the request arrive (on a port, where that cannot be played, the connection is closed
// instead); the fourth spoils the real answer.
const (
	KindFail     Kind = "fail"     // a well-formed error: Status, Code
	KindBody     Kind = "body"     // any answer: Status, Body
	KindRedirect Kind = "redirect" // 307 to Body
	// like Fail, for every call that matches until the next minute of ECS's clock
	KindThrottle Kind = "throttle"

	KindHang  Kind = "hang"  // no answer until the client gives up
	KindDrop  Kind = "drop"  // the connection is closed
	KindReset Kind = "reset" // the connection is reset

	KindDial Kind = "dial" // connection refused
	KindDNS  Kind = "dns"  // no such host
	KindTLS  Kind = "tls"  // a certificate of an unknown authority

	KindTruncate  Kind = "truncate"   // the body breaks off in the middle
	KindNoDate    Kind = "no-date"    // the answer has no Date
	KindWrongDate Kind = "wrong-date" // the answer's Date is a day late

	KindDelay Kind = "delay" // the call takes longer, by Fault.Delay
)

func (k Kind) unsent() bool { return k == KindDial || k == KindDNS || k == KindTLS }
func (k Kind) spoils() bool { return k == KindTruncate || k == KindNoDate || k == KindWrongDate }

// Fault goes wrong with calls.
type Fault struct {
	Kind     Kind
	Action   string // empty: any
	Instance string // empty: any
	Skip     int    // how many matching calls come through first
	Times    int    // how many calls it meets (a Throttle: how many minutes); zero: one; -1: all
	// After lets the call have its effect first: then only the answer is lost. Kinds that spoil the
	// real answer always do.
	After bool
	// DryRuns meets dry runs, too. Otherwise they pass, and do not use the fault up.
	DryRuns bool

	Status int           // default: 500, and 400 of a Throttle, and 200 of a Body
	Code   string        // default: InternalError, and Throttling of a Throttle
	Body   string        // of a Body; where a Redirect leads
	Type   string        // the Content-Type of a Body; default: application/json;charset=utf-8
	Delay  time.Duration // before the fault strikes
}

// fault is a Fault with what is left of it.
type fault struct {
	Fault
	until time.Time // of a Throttle that has begun
}

// Inject adds a fault. Of several that match a call the first one injected meets it.
func (w *World) Inject(f Fault) {
	defaults := map[Kind]struct {
		status int
		code   string
	}{
		KindBody: {200, ""}, KindThrottle: {400, "Throttling"}, KindRedirect: {307, ""},
		KindFail: {500, "InternalError"},
	}[f.Kind]
	if f.Status == 0 {
		f.Status = defaults.status
	}
	if f.Code == "" {
		f.Code = defaults.code
	}
	if f.Type == "" {
		f.Type = jsonType
	}
	if f.Times == 0 {
		f.Times = 1
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, &fault{Fault: f})
}

// moment is when in a call a fault can strike.
type moment int

const (
	sending moment = iota
	before
	after
)

func (f *fault) moment() moment {
	switch {
	case f.Kind.unsent():
		return sending
	case f.After || f.Kind.spoils():
		return after
	}
	return before
}

// take finds the fault that meets a call at a moment and uses it up; nil where there is none.
func (w *World) take(c *Call, at moment, now time.Time) *fault {
	for n, f := range w.faults {
		if f.moment() != at || f.Action != "" && f.Action != c.Action || c.DryRun && !f.DryRuns ||
			f.Instance != "" && !slices.Contains(c.Instances, f.Instance) {
			continue
		}
		if now.Before(f.until) {
			return f
		}
		if f.Skip > 0 {
			f.Skip--
			continue
		}
		if f.Times == 0 {
			continue
		}
		if f.Times > 0 {
			f.Times--
		}
		if f.Kind == KindThrottle {
			f.until = now.Truncate(time.Minute).Add(time.Minute)
		} else if f.Times == 0 {
			w.faults = slices.Delete(w.faults, n, n+1)
		}
		return f
	}
	return nil
}

// reply is what goes back to the client.
type reply struct {
	status int
	header http.Header
	body   []byte
	lost   Kind // how there is no answer, or only half of one; empty: there is one
}

const jsonType = "application/json;charset=utf-8"

// strike gives the reply that a fault makes of the real one. The real one is nil where the fault
// comes before the effect.
func (w *World) strike(ctx context.Context, f *fault, c *Call, real *reply) *reply {
	c.Fault = f.Kind
	if f.Delay > 0 {
		if w.sleep(ctx, f.Delay) != nil {
			c.HTTP = 0
			return &reply{lost: KindHang} // the client has gone
		}
	}
	now := w.settle()
	switch f.Kind {
	case KindFail, KindThrottle:
		message := "The request processing has failed due to some unknown error."
		if f.Kind == KindThrottle {
			message = "Request was denied due to request throttling."
		}
		return w.errorReply(c, refuse(f.Status, f.Code, "%s", message), now)
	case KindBody:
		r := w.plainReply(c, f.Status, []byte(f.Body), now)
		r.header.Set("Content-Type", f.Type)
		return r
	case KindRedirect:
		r := w.plainReply(c, f.Status, nil, now)
		r.header.Set("Location", f.Body)
		return r
	case KindTruncate:
		real.lost = KindTruncate
	case KindNoDate:
		real.header["Date"] = nil // net/http would add one otherwise
	case KindWrongDate:
		real.header.Set("Date", now.AddDate(0, 0, 1).UTC().Format(http.TimeFormat))
	case KindDelay:
		return real
	default:
		c.HTTP, c.Code = 0, ""
		return &reply{lost: f.Kind}
	}
	return real
}

func (w *World) plainReply(c *Call, status int, body []byte, now time.Time) *reply {
	c.HTTP = status
	return &reply{status: status, body: body, header: http.Header{
		"Content-Type":   {jsonType},
		"Content-Length": {strconv.Itoa(len(body))},
		"Date":           {now.UTC().Format(http.TimeFormat)},
	}}
}

// errorReply is an error as every RPC API of Alibaba Cloud words it ("Common errors").
func (w *World) errorReply(c *Call, e *apiError, now time.Time) *reply {
	if c.RequestID == "" {
		c.RequestID = w.requestID(c)
	}
	c.Code = e.code
	body := object{
		"RequestId": c.RequestID, "HostId": c.Host, "Code": e.code, "Message": e.message,
		"Recommend": "https://api.aliyun.com/troubleshoot?q=" + e.code + "&product=Ecs&requestId=" +
			c.RequestID,
	}
	if e.denied != "" {
		body["AccessDeniedDetail"] = object{
			"AuthAction": e.denied, "AuthPrincipalType": "AssumedRoleUser",
			"AuthPrincipalOwnerId":     DefaultAccount,
			"AuthPrincipalDisplayName": "simulated-role:session",
			"PolicyType":               "ResourceGroupLevelIdentityBasedPolicy",
			"NoPermissionType":         e.kind,
		}
	}
	return w.plainReply(c, e.status, encode(body), now)
}
