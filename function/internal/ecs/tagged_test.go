package ecs

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ecs-remedy/function/internal/remedy"
)

func TestTagged(t *testing.T) {
	const more = `{"RequestId":"` + requestID +
		`","NextToken":"two","Instances":{"Instance":[{"InstanceId":"i-2"}]}}`
	const passed = `{"RequestId":"` + requestID +
		`","Code":"DryRunOperation","Message":"Request validation has been passed."}`
	const denied = `{"RequestId":"` + requestID +
		`","Code":"Forbidden.RAM","Message":"User not authorized."}`
	for _, row := range []struct {
		why     string
		answer  func(*http.Request) (*http.Response, error)
		failure remedy.Failure
		want    []string
	}{
		{"two pages, the second with one of the first again",
			func(r *http.Request) (*http.Response, error) {
				if r.URL.Query().Get("NextToken") == "two" {
					return reply(200, machines(`{"InstanceId":"i-1"},{"InstanceId":"i-2"}`)), nil
				}
				return reply(200, more), nil
			}, "", []string{"i-1", "i-2"}},
		{"an empty list is believed once a dry run says that the caller may read",
			func(r *http.Request) (*http.Response, error) {
				if r.URL.Query().Get("DryRun") == "true" {
					return reply(400, passed), nil
				}
				return reply(200, machines("")), nil
			}, "", nil},
		{"an empty list for want of permission", func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("DryRun") == "true" {
				return reply(403, denied), nil
			}
			return reply(200, machines("")), nil
		}, remedy.FailureForbidden, nil},
		{"a dry run that is answered like a call proves nothing", always(200, machines("")),
			remedy.FailureUnavailable, nil},
		{"an instance without an id cannot be asked about",
			always(200, machines(`{"InstanceId":""}`)), remedy.FailureUnavailable, nil},
		{"an id that would move a terminal's cursor",
			always(200, machines(`{"InstanceId":"i-\u001b[2J"}`)), remedy.FailureUnavailable, nil},
		{"an answer without an end: a part must not pass for the whole", always(200, more),
			remedy.FailureUnreadable, nil},
	} {
		calls := 0
		c := carried(t, func(r *http.Request) (*http.Response, error) {
			calls++
			q := r.URL.Query()
			if q.Get("DryRun") != "true" && q.Get("Tag.1.Key") != "auto-restart" {
				t.Errorf("%s: a call without the tag lists the whole region", row.why)
			}
			return row.answer(r)
		})
		got := c.Tagged(t.Context(), region, "auto-restart")
		if got.Failure != row.failure || !slices.Equal(got.Value, row.want) {
			t.Errorf("%s: %q with failure %q (%s), want %q with %q", row.why, got.Value,
				got.Failure, got.Note, row.want, row.failure)
		}
		if strings.ContainsRune(got.Note, 0x1b) {
			t.Errorf("%s: the note %q would reach a terminal", row.why, got.Note)
		}
		if calls > maxListed {
			t.Errorf("%s: %d calls, want %d at most", row.why, calls, maxListed)
		}
	}
	if got := carried(t, always(200, machines(""))).Tagged(t.Context(), region,
		""); got.Failure != remedy.FailureUnreadable {
		t.Errorf("no tag: failure %q, want one without a call", got.Failure)
	}
}

func TestSome(t *testing.T) {
	calls := 0
	c := carried(t, func(r *http.Request) (*http.Response, error) {
		calls++
		const body = `{"RequestId":%q,"NextToken":"more",` +
			`"Instances":{"Instance":[{"InstanceId":"i-1"}]}}`
		return reply(200, fmt.Sprintf(body, requestID)), nil
	})
	if got := c.Some(t.Context(), region); !got.OK() || len(got.Value) != 1 || calls != 1 {
		t.Errorf("%d instances in %d calls (%s), want the one of the first page", len(got.Value),
			calls, got.Note)
	}
}
