package ecs

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"ecs-remedy/function/internal/remedy"
)

// The SDK's decoding of an answer is not used: it cannot tell a missing list of locks from an empty
// one, one odd field of one instance makes it refuse a whole batch, and a hostile answer costs it
// gigabytes. What is decoded here is decoded strictly, and no list is taken further than it can be
// meant.

const (
	// instances or events a call, and so elements of a list: the API documents' limit for each read
	maxBatch = 100
	maxPages = 10       // of one read; more are no answer to what was asked
	maxEntry = 64 << 10 // bytes of an instance or an event; real ones have a tenth of it
)

// page is what every answer of ECS has: a RequestId, a NextToken where there is more, and a Code
// only in an error.
type page struct {
	RequestID string `json:"RequestId"`
	NextToken string
	Code      string
}

// list is a list of an answer. Its decoding ends at the first element too many, so that what it
// costs is bounded.
type list[T any] struct {
	elements []T
	met      bool // it was in the answer, as a list or as null
	known    bool // it was there as a list, and whole
}

var (
	errTwice = errors.New("a list is in the answer twice")
	errMany  = errors.New("a list has more elements than can be meant")
	// errShape is all that is said of a value of the wrong JSON type: the decoder's own words could
	// quote the answer.
	errShape = errors.New("an entry has a value of the wrong type")
)

// UnmarshalJSON implements json.Unmarshaler.
func (l *list[T]) UnmarshalJSON(text []byte) error {
	if l.met {
		return errTwice
	}
	l.met = true
	if string(text) == "null" {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if start, err := d.Token(); err != nil || start != json.Delim('[') {
		return errShape
	}
	for d.More() {
		if len(l.elements) == maxBatch {
			return errMany
		}
		var element T
		if d.Decode(&element) != nil {
			return errShape
		}
		l.elements = append(l.elements, element)
	}
	l.known = true
	return nil
}

// entries are the elements of the list that an answer is about, undecoded, so that one that makes
// no sense spoils no other.
type entries = list[json.RawMessage]

// question is a read: a request, and what may be believed of its answer.
type question struct {
	request requests.AcsRequest
	turn    func(token string) // puts the token of the next page into the request
	list    func(body []byte) (entries, error)
	most    int // entries that there can be
	pages   int // that are read at most
}

// answers are the entries of one read, all pages together.
type answers struct {
	at, date time.Time // of the first page, which is the oldest
	entries  []json.RawMessage
	action   string
	trouble  *trouble // nil: every page made sense
	more     bool     // there are more pages than were to be read
}

// read makes one call for each page of an answer.
func (c *Client) read(ctx context.Context, region string, q question) answers {
	all := answers{action: q.request.GetActionName()}
	for n := range q.pages {
		answer, trouble := c.call(ctx, region, q.request, c.reads())
		if n == 0 {
			all.at, all.date = c.now(), answer.date
		}
		var head page
		var found []json.RawMessage
		if trouble == nil {
			head, found, trouble = decode(answer.body, q.list)
		}
		if trouble == nil && len(all.entries)+len(found) > q.most {
			trouble = garbled(tooMany)
		}
		if trouble != nil {
			all.entries, all.trouble = nil, trouble
			return all
		}
		all.entries = append(all.entries, found...)
		if head.NextToken == "" {
			return all
		}
		q.turn(head.NextToken)
	}
	all.more = true
	return all
}

// ended makes an answer that has more pages than were to be read a trouble: a part would pass for
// the whole.
func (a answers) ended() answers {
	if a.more {
		a.entries, a.trouble = nil, unusable("an answer without an end")
	}
	return a
}

// unusable is an answer that is none: another one may make sense.
func unusable(text string) *trouble { return &trouble{sent: true, text: text} }

// garbled is an answer, or a part of one, that cannot be understood, and would not be the next
// time.
func garbled(text string) *trouble {
	return &trouble{sent: true, text: text, failure: remedy.FailureUnreadable}
}

const tooMany = "an answer with more entries than were asked for"

// failed is the reading of a source that could not be read, or not understood.
func failed[T any](action string, at, date time.Time, t *trouble) remedy.Reading[T] {
	return remedy.Reading[T]{
		At: at, Date: date,
		Failure: t.class().failure,
		Code:    t.machineCode(),
		Note:    t.note(action),
	}
}

// reading is the reading that a says by itself: its times, and its trouble.
func reading[T any](a answers) remedy.Reading[T] {
	if a.trouble != nil {
		return failed[T](a.action, a.at, a.date, a.trouble)
	}
	return remedy.Reading[T]{At: a.at, Date: a.date}
}

// unasked is the reading of something that was never asked about.
func unasked[T any](c *Client, request requests.AcsRequest, text string) remedy.Reading[T] {
	t := &trouble{text: text, failure: remedy.FailureUnreadable}
	return failed[T](request.GetActionName(), c.now(), time.Time{}, t)
}

// entriesByID reads the entries of an answer. One that cannot be understood spoils no other.
func entriesByID[T any](all answers,
	parse func(entry []byte) (string, T, error)) map[string]remedy.Reading[T] {
	found := make(map[string]remedy.Reading[T], len(all.entries))
	for _, entry := range all.entries {
		id, value, err := parse(entry)
		if _, twice := found[id]; twice {
			err = errors.New("the instance is in the answer twice")
		}
		if err != nil {
			found[id] = failed[T](all.action, all.at, all.date, garbled(err.Error()))
			continue
		}
		found[id] = remedy.Reading[T]{At: all.at, Date: all.date, Value: value}
	}
	return found
}

// decode takes the body of a 2xx apart. Without a RequestId, with an error's code, or without the
// list that must be there, it is no answer.
func decode(body []byte, list func([]byte) (entries, error)) (page, []json.RawMessage, *trouble) {
	var head page
	if json.Unmarshal(body, &head) != nil || !isToken(head.RequestID) || head.Code != "" {
		return page{}, nil, unusable("an answer without a RequestId, or with an error in it")
	}
	if list == nil {
		return head, nil, nil
	}
	found, err := list(body)
	switch {
	case errors.Is(err, errMany):
		return page{}, nil, garbled(tooMany)
	case err != nil || !found.known || !validCursor(head.NextToken):
		return page{}, nil, unusable("an answer that makes no sense")
	}
	return head, found.elements, nil
}

func instanceEntries(body []byte) (entries, error) {
	var answer struct {
		Instances struct{ Instance entries }
	}
	err := json.Unmarshal(body, &answer)
	return answer.Instances.Instance, err
}

func vitalsEntries(body []byte) (entries, error) {
	var answer struct {
		InstanceCloudAssistantStatusSet struct{ InstanceCloudAssistantStatus entries }
	}
	err := json.Unmarshal(body, &answer)
	return answer.InstanceCloudAssistantStatusSet.InstanceCloudAssistantStatus, err
}

func eventEntries(body []byte) (entries, error) {
	var answer struct {
		InstanceSystemEventSet struct{ InstanceSystemEventType entries }
	}
	err := json.Unmarshal(body, &answer)
	return answer.InstanceSystemEventSet.InstanceSystemEventType, err
}

// understand decodes an entry. After an error it may be known whose entry it is.
func understand(entry []byte, into any) error {
	switch {
	case json.Unmarshal(entry, into) != nil:
		return errShape
	case len(entry) > maxEntry:
		return fmt.Errorf("an entry of more than %d KiB", maxEntry>>10)
	}
	return nil
}

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
			Tag list[struct{ TagKey, TagValue string }]
		}
	}
	if err := understand(entry, &e); err != nil {
		return e.InstanceID, remedy.Instance{}, err
	}
	i := remedy.Instance{
		ID: e.InstanceID, Region: e.RegionID, Name: e.InstanceName, Status: e.Status,
		ChargeType: e.InstanceChargeType, StartTime: e.StartTime,
		Tags: make(map[string]string, len(e.Tags.Tag.elements)),
	}
	i.Locks, i.LocksKnown = parseLocks(e.OperationLocks)
	i.ExpiredTime, _ = parseTime(e.ExpiredTime) // zero when it cannot be understood
	switch {
	case e.RegionID != region:
		return i.ID, i, errors.New("an instance of another region")
	case e.Status == "":
		return i.ID, i, errors.New("an instance without a Status")
	}
	for _, t := range e.Tags.Tag.elements {
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
		LockReason list[struct{ LockReason string }]
	}
	if json.Unmarshal(raw, &locks) != nil || !locks.LockReason.known {
		return nil, false
	}
	for _, l := range locks.LockReason.elements {
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
	if err := understand(entry, &e); err != nil {
		return e.InstanceID, remedy.Vitals{}, err
	}
	if e.LastHeartbeatTime == "" {
		// connected, yet it never reported: a live guest would pass for a silent one
		if e.CloudAssistantStatus == "true" {
			return e.InstanceID, remedy.Vitals{},
				errors.New("a Cloud Assistant that is connected and never reported")
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
	err := understand(entry, &e)
	switch {
	case err != nil:
		return remedy.PlatformEvent{}, err
	case e.InstanceID != id:
		return remedy.PlatformEvent{}, errors.New("an event of another instance")
	case e.EventType.Name == "" || e.EventCycleStatus.Name == "":
		return remedy.PlatformEvent{}, errors.New("an event without a type or a status")
	}
	at, _ := parseTime(e.NotBefore) // zero when it cannot be understood
	return remedy.PlatformEvent{
		ID: e.EventID, Type: e.EventType.Name, Status: e.EventCycleStatus.Name, NotBefore: at,
	}, nil
}

// parseTime reads a time of ECS, which is UTC, with seconds or without (the API documents have both
// for the same field).
func parseTime(s string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02T15:04Z", "2006-01-02T15:04:05Z"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errors.New("a time cannot be understood")
}
