package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/events"
)

// input is one payload and what it decodes to.
type input struct {
	name    string
	payload []byte
	alarms  []events.Alarm
}

// read reads a payload: of a file, of standard input for "-", or of the embedded sample of that
// name where there is no such file. Its errors name the input, and come with a cure.
func (c *console) read(name string) (input, error) {
	payload, err := c.payload(name)
	if err != nil {
		return input{}, err
	}
	if name == "-" {
		name = "standard input"
	}
	alarms, err := events.Decode(payload)
	if err != nil {
		return input{}, hinted{fmt.Errorf("%s: %w", name, err),
			"an alarm is JSON or a form, as CloudMonitor sends it; remedy drill --list names a " +
				"sample of " +
				"every kind"}
	}
	return input{name: name, payload: payload, alarms: alarms}, nil
}

func (c *console) payload(name string) ([]byte, error) {
	if name == "-" {
		payload, err := limited(c.in)
		if err != nil {
			return nil, hinted{fmt.Errorf("standard input: %w", err),
				"give the alarm's file by its name instead"}
		}
		if len(payload) > events.MaxPayload {
			return nil, tooLarge("standard input", fmt.Sprintf("more than %d", events.MaxPayload))
		}
		return payload, nil
	}
	file, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		if sample, ok := events.SampleByName(name); ok {
			return sample.Payload, nil
		}
		return nil, hinted{fmt.Errorf("%s: no such file, and no sample of that name", name),
			"remedy drill --list names the samples"}
	}
	if err != nil {
		return nil, cannotRead(name, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil && info.IsDir() {
		return nil, hinted{fmt.Errorf("%s: a directory, not a file", name),
			"name its files: remedy drill " + strings.TrimSuffix(name, "/") + "/*"}
	}
	payload, unread := limited(file)
	switch {
	case unread != nil:
		return nil, cannotRead(name, unread)
	case len(payload) <= events.MaxPayload:
		return payload, nil
	case err == nil && info.Size() > events.MaxPayload:
		return nil, tooLarge(name, strconv.FormatInt(info.Size(), 10))
	}
	// a pipe, for example
	return nil, tooLarge(name, fmt.Sprintf("more than %d", events.MaxPayload))
}

// tooLarge is the error of a payload that has more bytes than one may have.
func tooLarge(name, bytes string) error {
	return hinted{fmt.Errorf("%s: it has %s bytes, and an event has %d at most", name, bytes,
		events.MaxPayload), "the function would not get it either: give one event, not a log of " +
		"them"}
}

// limited reads no more than it takes to see that a payload is too large.
func limited(r io.Reader) ([]byte, error) {
	return io.ReadAll(io.LimitReader(r, events.MaxPayload+1))
}

func cannotRead(name string, err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		err = path.Err
	}
	return hinted{fmt.Errorf("%s: %w", name, err), "check the file's name and permissions"}
}

// defaultAlarm is the alarm of a drill that names none: the platform says that an instance hangs,
// 30 s before now. Only its time ever changes, so that a ledger which outlives the drill knows it
// again.
func defaultAlarm(now time.Time) (input, error) {
	at := now.Add(-delivered).UTC()
	payload := fmt.Appendf(nil, `{
  "ver": "1.0", "id": "D8110000-0000-4000-8000-000000000001", "product": "ECS",
  "level": "CRITICAL",
  "resourceId": "acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1drill00000000hung",
  "name": "Instance:InstanceFailure.PerformanceImpact:Executing", "status": "Executing",
  "eventType": "Exception", "userId": "1234567890123456", "regionId": "cn-hangzhou",
  "instanceName": "web-hung", "eventTime": %q,
  "content": {
    "eventId": "e-bp1drill0000000alarm", "instanceId": "i-bp1drill00000000hung",
    "instanceName": "web-hung", "eventType": "InstanceFailure.PerformanceImpact",
    "eventStatus": "Executing", "publishTime": %q, "executeStartTime": %q
  }
}`, at.Format("20060102T150405.000Z0700"), at.Format(time.RFC3339), at.Format(time.RFC3339))
	alarms, err := events.Decode(payload)
	return input{name: "the default alarm", payload: payload, alarms: alarms}, err
}

// delivered is how long after its alarm's time a drill starts: alarms take about that long to
// arrive.
const delivered = 30 * time.Second

// starts is when a drill of the input starts: shortly after the time of its oldest alarm that
// fires, or else of its oldest alarm at all. Where no alarm says when it happened, that is now.
func (in input) starts(now time.Time) time.Time {
	var firing, any time.Time
	for _, a := range in.alarms {
		if a.Time.IsZero() {
			continue
		}
		if any.IsZero() || a.Time.Before(any) {
			any = a.Time
		}
		fires := a.State == events.StateFiring || a.State == events.StateInsufficientData
		if fires && (firing.IsZero() || a.Time.Before(firing)) {
			firing = a.Time
		}
	}
	switch {
	case !firing.IsZero():
		return firing.Add(delivered)
	case !any.IsZero():
		return any.Add(delivered)
	}
	return now
}

// account is the first account that the alarms name; empty where none does.
func (in input) account() string {
	for _, a := range in.alarms {
		if a.Account != "" {
			return a.Account
		}
	}
	return ""
}
