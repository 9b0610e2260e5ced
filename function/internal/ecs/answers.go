package ecs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"

	"ecs-remedy/function/internal/remedy"
)

const (
	// instances or events a call, and so elements of a list: the API documents' limit for each read
	maxBatch = 100
	maxPages = 10       // of one read; more are no answer to what was asked
	maxEntry = 64 << 10 // bytes of an instance or an event; real ones have a tenth of it
)

// page is what every answer of ECS has: a RequestId, a NextToken where there is more, and a Code
// only in an error.
type page struct{ requestID, nextToken, code string }

// path is where an answer has the list that it is about: a field of a field.
type path struct{ set, list string }

var (
	instanceList = path{"Instances", "Instance"}
	vitalsList   = path{"InstanceCloudAssistantStatusSet", "InstanceCloudAssistantStatus"}
	eventList    = path{"InstanceSystemEventSet", "InstanceSystemEventType"}
)

// question is a read: a request, and what may be believed of its answer.
type question struct {
	request requests.AcsRequest
	turn    func(token string) // puts the token of the next page into the request
	list    path
	most    int // entries that there can be
	pages   int // that are read at most
}

// answers are the entries of one read, all pages together.
type answers struct {
	at, date time.Time // of the first page, which is the oldest
	entries  []value   // undecoded, so that one that makes no sense spoils no other
	action   string
	trouble  *trouble // nil: every page made sense
	more     bool     // there are more pages than were to be read
}

// read makes one call for each page of an answer, until the last page, the first trouble, or the
// end of ctx. Whether a page is the last one only its NextToken says: beside MaxResults the value
// of TotalCount is invalid (ECS API document DescribeInstanceHistoryEvents). Where ids are asked
// about, one that is left out is seen to be missing.
func (c *Client) read(ctx context.Context, region string, q question) answers {
	all := answers{action: q.request.GetActionName()}
	for n := range q.pages {
		answer, trouble := c.call(ctx, region, q.request, c.reads())
		if n == 0 {
			all.at, all.date = c.now(), answer.date
		}
		var head page
		var found []value
		if trouble == nil {
			head, found, trouble = decode(answer.body, &q.list)
		}
		if trouble == nil && len(all.entries)+len(found) > q.most {
			trouble = garbled(tooMany)
		}
		if trouble != nil {
			all.entries, all.trouble = nil, trouble
			return all
		}
		all.entries = append(all.entries, found...)
		if head.nextToken == "" {
			return all
		}
		q.turn(head.nextToken)
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
	parse func(entry value) (string, T, error)) map[string]remedy.Reading[T] {
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
func decode(body []byte, at *path) (page, []value, *trouble) {
	var head page
	var found list
	members := []member{
		{"RequestId", text(&head.requestID)}, {"NextToken", text(&head.nextToken)},
		{"Code", text(&head.code)},
	}
	if at != nil {
		members = append(members, member{at.set, object(member{at.list, found.take})})
	}
	answer, err := parse(body)
	if err == nil {
		err = object(members...)(answer)
	}
	switch {
	case !isToken(head.requestID) || head.code != "":
		return page{}, nil, unusable("an answer without a RequestId, or with an error in it")
	case errors.Is(err, errContradiction):
		return page{}, nil, garbled(err.Error())
	case errors.Is(err, errMany):
		return page{}, nil, garbled(tooMany)
	case err != nil || at != nil && !found.known || !validCursor(head.nextToken):
		return page{}, nil, unusable("an answer that makes no sense")
	}
	return head, found.elements, nil
}

// understand takes the members of an entry. After an error it may be known whose entry it is.
func understand(entry value, members ...member) error {
	err := object(members...)(entry)
	if err == nil && len(entry) > maxEntry {
		err = fmt.Errorf("an entry of more than %d KiB", maxEntry>>10)
	}
	return err
}

func parseInstance(entry value, region string) (string, remedy.Instance, error) {
	var i remedy.Instance
	var expires string
	var locks value
	var tags list
	if err := understand(entry,
		member{"InstanceId", text(&i.ID)},
		member{"RegionId", text(&i.Region)},
		member{"InstanceName", text(&i.Name)},
		member{"Status", text(&i.Status)},
		member{"OperationLocks", raw(&locks)},
		member{"InstanceChargeType", text(&i.ChargeType)},
		member{"ExpiredTime", text(&expires)},
		member{"StartTime", text(&i.StartTime)},
		member{"Tags", object(member{"Tag", tags.take})},
	); err != nil {
		return i.ID, remedy.Instance{}, err
	}
	i.Locks, i.LocksKnown = parseLocks(locks)
	i.ExpiredTime, _ = parseTime(expires) // zero when it cannot be understood
	switch {
	case i.Region != region:
		return i.ID, i, errors.New("an instance of another region")
	case i.Status == "":
		return i.ID, i, errors.New("an instance without a Status")
	}
	i.Tags = make(map[string]string, len(tags.elements))
	for _, tag := range tags.elements {
		var key, says string
		err := object(member{"TagKey", text(&key)}, member{"TagValue", text(&says)})(tag)
		if err != nil {
			return i.ID, i, err
		}
		if _, twice := i.Tags[key]; twice {
			return i.ID, i, errors.New("a tag key is there twice")
		}
		i.Tags[key] = says
	}
	return i.ID, i, nil
}

// parseLocks returns the lock reasons, and whether the list can be trusted to be complete.
func parseLocks(locks value) (reasons []string, known bool) {
	var found list
	if object(member{"LockReason", found.take})(locks) != nil || !found.known {
		return nil, false
	}
	for _, lock := range found.elements {
		var reason string
		if object(member{"LockReason", text(&reason)})(lock) != nil || reason == "" {
			return nil, false
		}
		reasons = append(reasons, reason)
	}
	return reasons, true
}

func parseVitals(entry value) (string, remedy.Vitals, error) {
	var id, connected, heartbeat string
	if err := understand(entry,
		member{"InstanceId", text(&id)},
		member{"CloudAssistantStatus", text(&connected)},
		member{"LastHeartbeatTime", text(&heartbeat)},
	); err != nil {
		return id, remedy.Vitals{}, err
	}
	if heartbeat == "" {
		// connected, yet it never reported: a live guest would pass for a silent one
		if connected == "true" {
			return id, remedy.Vitals{},
				errors.New("a Cloud Assistant that is connected and never reported")
		}
		return id, remedy.Vitals{}, nil
	}
	at, err := parseTime(heartbeat)
	return id, remedy.Vitals{Heartbeat: at}, err
}

func parseEvent(entry value, id string) (remedy.PlatformEvent, error) {
	var e remedy.PlatformEvent
	var instance, notBefore string
	err := understand(entry,
		member{"EventId", text(&e.ID)},
		member{"InstanceId", text(&instance)},
		member{"NotBefore", text(&notBefore)},
		member{"EventType", object(member{"Name", text(&e.Type)})},
		member{"EventCycleStatus", object(member{"Name", text(&e.Status)})},
	)
	switch {
	case err != nil:
		return remedy.PlatformEvent{}, err
	case instance != id:
		return remedy.PlatformEvent{}, errors.New("an event of another instance")
	case e.Type == "" || e.Status == "":
		return remedy.PlatformEvent{}, errors.New("an event without a type or a status")
	}
	e.NotBefore, _ = parseTime(notBefore) // zero when it cannot be understood
	return e, nil
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
