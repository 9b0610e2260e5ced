// Package events turns what CloudMonitor sends about ECS instances into Go values.
//
// [Decode] accepts every documented way by which an alarm reaches a function: threshold callbacks
// (form or JSON), metric alarms written to MNS, system event notifications, the event subscription
// webhook, EventBridge events, and the envelopes around them (MNS topic and queue, RocketMQ, FC 3.0
// HTTP trigger, API gateway, batches). It decides by shape, never by trust: a field that
// contradicts another makes the alarm unusable, and the reason is kept in [Alarm.Problem].
//
// The package does no I/O, keeps no state and never panics; every function is safe for concurrent
// use.
package events

import (
	"errors"
	"fmt"
	"time"
)

// Format says which kind of document an alarm was. Envelopes (MNS, HTTP, API gateway, batches) are
// not formats.
type Format string

// The formats. The strings are part of the program's output.
const (
	FormatThreshold    Format = "threshold"    // metric alarm callback, form or JSON
	FormatMetricMNS    Format = "metric-mns"   // metric alarm written to MNS
	FormatSystemEvent  Format = "system-event" // system event notification of an event rule
	FormatSubscription Format = "subscription" // event subscription push channel
	FormatEventBridge  Format = "eventbridge"  // CloudEvent from the default bus
	FormatTimer        Format = "timer"        // Function Compute timer trigger
	FormatUnknown      Format = "unknown"      // anything else
)

// State says whether the alarm's condition holds. The zero State is not a state; Decode always sets
// one.
type State string

// The states. The strings are part of the program's output.
const (
	StateFiring           State = "firing"
	StateResolved         State = "resolved"
	StateInsufficientData State = "insufficient-data"
	// the payload gives no state, or one that is not documented
	StateUnknown State = "unknown"
)

// Problem says why nothing can be done about an alarm. Empty means that it names one ECS instance
// and that no two of its fields disagree; its State may still be StateUnknown, and its Time,
// Region and Account may be missing.
type Problem string

// The problems. Contradiction, Region and Undecodable mean that the alarm cannot be trusted; the
// others that it is none of our business. A missing time is no Problem here: [Alarm.Time] is zero,
// and whoever decides must refuse it. Where several hold, the first in this order is given: a field
// that is not decodable or given twice, NotECS, NoInstance, Placeholder, any other Contradiction,
// Region.
const (
	// well-formed, but not a shape of a CloudMonitor alarm
	ProblemNotAnAlarm Problem = "not-an-alarm"
	// about another product, or a resource of ECS that is not an instance
	ProblemNotECS Problem = "not-ecs"
	// names no instance, or only the machine that did the probing
	ProblemNoInstance Problem = "no-instance"
	// a sample, debug or masked identifier, never a real instance
	ProblemPlaceholder Problem = "placeholder"
	// two fields disagree about which instance, region, event or state, or one that is needed is
	// not decodable
	ProblemContradiction Problem = "contradiction"
	// the region that it names is no region id, and nothing else is wrong: whatever this alarm
	// would have led to, nothing may be asked of that region
	ProblemRegion Problem = "region"
	// an element of a batch that cannot be understood at all
	ProblemUndecodable Problem = "undecodable"
)

// Alarm is one alarm as received. Strings that the payload does not give are empty; the word "null"
// counts as not given. Every string is valid UTF-8 without control characters and at most 512 bytes
// long, so that it can be printed.
type Alarm struct {
	Format Format
	// Name is the alarm rule's name for metric alarms and the event's name, as received, for
	// events.
	Name string
	// Rule identifies what fires and resolves: alarms with the same Rule and Instance are episodes
	// of one condition. It is the rule id (or name) for metric alarms, and the event's name without
	// its status for events. Agent_Status_Stopped and Agent_Status_Running share one Rule.
	Rule  string
	State State
	// Weak: the document itself casts doubt on its state, and Note says how. A metric alarm that
	// fires and says AlertOk is one. Whoever decides needs a second signal; so it does for
	// StateInsufficientData, which is not marked.
	Weak bool
	// Level is CRITICAL, WARN or INFO (P1 and P2 are CRITICAL, P3 is WARN, P4 is INFO), ERROR or
	// WARNING as CloudMonitor 2.0 has them, or another word in capitals as received; empty where
	// none is given, and where the word says OK or that there is no data. An alarm of
	// StateInsufficientData keeps a level that it names besides.
	Level string
	// Key identifies this delivery's content for de-duplication: the same alarm delivered twice has
	// the same Key.
	Key string
	// Time is when the alarm says that it happened, in UTC; zero where it does not say, or
	// unreadably.
	Time time.Time
	// Account is the Alibaba Cloud account id that owns the instance; empty, with a Note, where two
	// fields disagree.
	Account string
	// Region is a region id such as cn-hangzhou, for which [ValidRegion] holds, whatever else is
	// wrong; or empty: where the payload names none, and where two fields disagree about it or name
	// one that is none, which is a Problem.
	Region string
	// Instance is the ECS instance's id. It is set only where it is well-formed and unambiguous,
	// and never with a Problem other than Contradiction or Region.
	Instance string
	// Product is ECS, CloudMonitor or, with Problem NotECS, another one for events; empty for
	// metric alarms.
	Product string
	// Event is the event's name without its status, in CloudMonitor's spelling
	// ("Instance:SystemFailure.Reboot", "Agent_Status_Stopped"), for events of every format; empty
	// for metric alarms.
	Event string
	// EventStatus is the event's status ("Executing", "Executed", "Normal", "stopped"); empty for
	// metric alarms.
	EventStatus string
	// Metric is the metric's id (rawMetricName, else metricName) without its "#period" suffix;
	// empty for events.
	Metric string
	// RawState is the state as the payload spells it (ALERT, WARN, TRIGGERED, Executing).
	RawState string
	// Problem says why nothing can be done; Note says it in words, naming the fields and the
	// values. A Note without a Problem says why the alarm is Weak, or why the Account is empty
	// although the payload names one.
	Problem Problem
	Note    string
}

// TwoAccounts begins the part of a Note that says why the Account is empty although the payload
// names one: two fields disagree, and behind it stands which and what they say.
const TwoAccounts = "the account is not known: "

// Limits on what Decode accepts; a payload beyond one of them is malformed.
const (
	MaxPayload = 6 << 20 // bytes
	MaxDepth   = 32      // nesting, counted over JSON values and over envelopes within envelopes
	MaxAlarms  = 5_000   // alarms in one payload, after folding: 6 MiB hold 25,000 real ones
)

// ErrMalformed is wrapped by every error that Decode returns. Its text says what is wrong and
// quotes at most 40 bytes of the payload, never headers or query parameters.
var ErrMalformed = errors.New("malformed payload")

// Decode returns the alarms in a payload, one at least, in the payload's order. An empty batch is
// one alarm with NotAnAlarm.
//
// Of a batch, all elements that are no alarm are folded into one alarm with NotAnAlarm, and all
// that cannot be understood into one with Undecodable. Each stands where the first of its kind
// stood, and its Note says how many there are and which element the first one is. Elements are
// counted from 1 in the order in which they are read; one that holds a batch itself counts as
// that batch's elements.
//
// The error, which wraps [ErrMalformed], is for payloads that cannot be understood at all: empty,
// beyond a limit, or neither JSON nor a form. Valid JSON of an unknown shape is no error but one
// alarm with the Problem NotAnAlarm.
//
// Whatever the payload, its memory is within a small multiple of the payload's size, and what is
// returned shares none with the payload: an alarm is some 8 KiB at most.
func Decode(payload []byte) ([]Alarm, error) {
	if len(payload) > MaxPayload {
		return nil, fmt.Errorf("%w: it has %d bytes, more than the limit of %d", ErrMalformed,
			len(payload), MaxPayload)
	}
	d := newDecoder()
	err := d.document(string(payload), 0)
	if err == nil {
		d.alarms, err = d.result()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrMalformed, reason(err)) // keeps no part of the payload
	}
	return d.alarms, nil
}
