package ecs

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"ecs-remedy/function/internal/remedy"
)

// The SDK's decoding of an answer is not used: it cannot tell a missing list of locks from an empty one, and one odd field
// of one instance makes it refuse a whole batch. What is decoded here is decoded again, strictly.

const (
	maxBatch = 100 // instances or events a call: the API documents' limit for each of the reads
	maxPages = 10  // of one read; more are no answer to what was asked
)

// page is what every answer of ECS has: a RequestId, a NextToken where there is more, and a Code only in an error.
type page struct {
	RequestID string `json:"RequestId"`
	NextToken string
	Code      string
}

// answers are the entries of one read, all pages together.
type answers struct {
	at, date time.Time // of the last page
	entries  []json.RawMessage
	action   string
	trouble  *trouble // nil: every page made sense
}

// readingOf returns the reading that a says by itself: its times, and its trouble as a failure.
func readingOf[T any](a answers) remedy.Reading[T] {
	r := remedy.Reading[T]{At: a.at, Date: a.date}
	if a.trouble != nil {
		r.Failure, r.Note = a.trouble.class().failure, a.trouble.note(a.action)
	}
	return r
}

// readEach asks for the ids, at most maxBatch at a time, and gives every id its reading. When ECS refuses a batch for what
// is asked, one bad id may be why: the halves are asked apart, so that it does not hide the others.
func readEach[T any](c *Client, ids []string, absent string, ask func([]string) answers,
	parse func([]byte) (string, T, error)) map[string]remedy.Reading[T] {
	readings := make(map[string]remedy.Reading[T], len(ids))
	var batch func(ids []string)
	batch = func(ids []string) {
		all := ask(ids)
		whole := readingOf[T](all)
		if len(ids) > 1 && (whole.Failure == remedy.FailureMissing || whole.Failure == remedy.FailureUnreadable) {
			batch(ids[:len(ids)/2])
			batch(ids[len(ids)/2:])
			return
		}
		found := entriesByID(all, parse)
		for _, id := range ids {
			reading, ok := found[id]
			if !ok {
				reading = whole
			}
			if !ok && whole.Failure == "" {
				reading.Failure, reading.Note = remedy.FailureMissing, absent
			}
			readings[id] = reading
		}
	}
	asked := slices.Compact(slices.Sorted(slices.Values(ids)))
	if len(asked) > 0 && asked[0] == "" { // alone, it would ask for every instance of the region
		readings[""] = remedy.Reading[T]{At: c.now(), Failure: remedy.FailureUnreadable, Note: noID}
		asked = asked[1:]
	}
	for chunk := range slices.Chunk(asked, maxBatch) {
		batch(chunk)
	}
	return readings
}

// entriesByID reads the entries of an answer. One that cannot be understood spoils no other.
func entriesByID[T any](all answers, parse func([]byte) (string, T, error)) map[string]remedy.Reading[T] {
	found := make(map[string]remedy.Reading[T], len(all.entries))
	for _, entry := range all.entries {
		id, value, err := parse(entry)
		if _, twice := found[id]; twice {
			err = errors.New("the instance is in the answer twice")
		}
		if err != nil {
			found[id] = remedy.Reading[T]{
				At: all.at, Date: all.date, Failure: remedy.FailureUnreadable, Note: all.action + ": " + err.Error(),
			}
			continue
		}
		found[id] = remedy.Reading[T]{At: all.at, Date: all.date, Value: value}
	}
	return found
}

// decode takes the body of a 2xx apart. Without a RequestId, with an error's code, or without the list that must be there,
// it is no answer.
func decode(body []byte, list func([]byte) (*[]json.RawMessage, error)) (page, []json.RawMessage, *trouble) {
	var head page
	if json.Unmarshal(body, &head) != nil || !isToken(head.RequestID) || head.Code != "" {
		return page{}, nil, &trouble{sent: true, text: "an answer without a RequestId, or with an error in it"}
	}
	if list == nil {
		return head, nil, nil
	}
	entries, err := list(body)
	if err != nil || entries == nil {
		return page{}, nil, &trouble{sent: true, text: "an answer that makes no sense"}
	}
	return head, *entries, nil
}

func instanceEntries(body []byte) (*[]json.RawMessage, error) {
	var answer struct {
		Instances struct{ Instance *[]json.RawMessage }
	}
	err := json.Unmarshal(body, &answer)
	return answer.Instances.Instance, err
}

func vitalsEntries(body []byte) (*[]json.RawMessage, error) {
	var answer struct {
		InstanceCloudAssistantStatusSet struct{ InstanceCloudAssistantStatus *[]json.RawMessage }
	}
	err := json.Unmarshal(body, &answer)
	return answer.InstanceCloudAssistantStatusSet.InstanceCloudAssistantStatus, err
}

func eventEntries(body []byte) (*[]json.RawMessage, error) {
	var answer struct {
		InstanceSystemEventSet struct{ InstanceSystemEventType *[]json.RawMessage }
	}
	err := json.Unmarshal(body, &answer)
	return answer.InstanceSystemEventSet.InstanceSystemEventType, err
}

// errShape is all that is said of a value of the wrong JSON type: the decoder's own words could quote the answer.
var errShape = errors.New("an entry has a value of the wrong type")

func parseInstance(entry []byte, region string) (string, remedy.Instance, error) {
	var e struct {
		InstanceID         string `json:"InstanceId"`
		RegionID           string `json:"RegionId"`
		InstanceName       string
		Status             string
		OperationLocks     json.RawMessage
		InstanceChargeType string
		ExpiredTime        string
		StartTime          string
		Tags               struct {
			Tag []struct{ TagKey, TagValue string }
		}
	}
	if json.Unmarshal(entry, &e) != nil {
		return e.InstanceID, remedy.Instance{}, errShape
	}
	i := remedy.Instance{
		ID: e.InstanceID, Region: e.RegionID, Name: e.InstanceName, Status: e.Status, ChargeType: e.InstanceChargeType,
		StartTime: e.StartTime, Tags: make(map[string]string, len(e.Tags.Tag)),
	}
	i.Locks, i.LocksKnown = parseLocks(e.OperationLocks)
	i.ExpiredTime, _ = parseTime(e.ExpiredTime) // zero when it cannot be understood
	switch {
	case e.RegionID != region:
		return i.ID, i, errors.New("an instance of another region")
	case e.Status == "":
		return i.ID, i, errors.New("an instance without a Status")
	}
	for _, t := range e.Tags.Tag {
		if _, twice := i.Tags[t.TagKey]; twice {
			return i.ID, i, errors.New("a tag key is there twice")
		}
		i.Tags[t.TagKey] = t.TagValue
	}
	return i.ID, i, nil
}

// parseLocks returns the lock reasons, and whether the list can be trusted to be complete.
func parseLocks(raw []byte) (reasons []string, known bool) {
	var locks struct {
		LockReason *[]struct{ LockReason string }
	}
	if json.Unmarshal(raw, &locks) != nil || locks.LockReason == nil {
		return nil, false
	}
	for _, l := range *locks.LockReason {
		if l.LockReason == "" {
			return nil, false
		}
		reasons = append(reasons, l.LockReason)
	}
	return reasons, true
}

func parseVitals(entry []byte) (string, remedy.Vitals, error) {
	var e struct {
		InstanceID           string `json:"InstanceId"`
		CloudAssistantStatus string
		LastHeartbeatTime    string
	}
	if json.Unmarshal(entry, &e) != nil {
		return e.InstanceID, remedy.Vitals{}, errShape
	}
	if e.LastHeartbeatTime == "" {
		if e.CloudAssistantStatus == "true" { // connected, yet it never reported: a live guest would pass for a silent one
			return e.InstanceID, remedy.Vitals{}, errors.New("a Cloud Assistant that is connected and never reported")
		}
		return e.InstanceID, remedy.Vitals{}, nil
	}
	at, err := parseTime(e.LastHeartbeatTime)
	return e.InstanceID, remedy.Vitals{Heartbeat: at}, err
}

func parseEvent(entry []byte, id string) (remedy.PlatformEvent, error) {
	var e struct {
		EventID          string `json:"EventId"`
		InstanceID       string `json:"InstanceId"`
		NotBefore        string
		EventType        struct{ Name string }
		EventCycleStatus struct{ Name string }
	}
	switch {
	case json.Unmarshal(entry, &e) != nil:
		return remedy.PlatformEvent{}, errShape
	case e.InstanceID != id:
		return remedy.PlatformEvent{}, errors.New("an event of another instance")
	case e.EventType.Name == "" || e.EventCycleStatus.Name == "":
		return remedy.PlatformEvent{}, errors.New("an event without a type or a status")
	}
	at, _ := parseTime(e.NotBefore) // zero when it cannot be understood
	return remedy.PlatformEvent{ID: e.EventID, Type: e.EventType.Name, Status: e.EventCycleStatus.Name, NotBefore: at}, nil
}

// parseTime reads a time of ECS, which is UTC, with seconds or without (the API documents have both for the same field).
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04Z", "2006-01-02T15:04:05Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("a time cannot be understood")
}
