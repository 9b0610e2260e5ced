package app_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
)

const token = "a-token-of-sixteen-characters"

// httpEvent is what Function Compute makes of an HTTP request.
func httpEvent(body string, header, query map[string]string) string {
	if header == nil {
		header = map[string]string{}
	}
	if query == nil {
		query = map[string]string{}
	}
	text, _ := json.Marshal(map[string]any{
		"version": "v1", "rawPath": "/", "body": body,
		"isBase64Encoded": false, "headers": header,
		"queryParameters": query,
		"requestContext": map[string]any{
			"accountId": account,
			"http":      map[string]any{"method": "POST", "path": "/"},
		},
	})
	return string(text)
}

// request hands an HTTP event to the function and returns its answer, which must come in the time
// that is promised where nobody is told of it. CloudMonitor waits 5 s.
func (s *setting) request(f *app.Function, event string) (handle.HTTPResponse, handle.Response) {
	s.t.Helper()
	start := time.Now()
	answer, err := f.Invoke(s.t.Context(), delivery(0), []byte(event))
	if err != nil {
		s.t.Fatalf("an HTTP request ended in an error of the function: %v", err)
	}
	response := answer.(handle.HTTPResponse)
	if spent := time.Since(start); spent > 3500*time.Millisecond {
		s.t.Errorf("the answer took %v; 3.5s are promised", spent)
	}
	var body handle.Response
	if err := json.Unmarshal([]byte(response.Body), &body); err != nil ||
		response.Headers["Content-Type"] != "application/json" {
		s.t.Fatalf("the body is not JSON: %s", response.Body)
	}
	s.lawful(body.Results)
	if strings.Contains(response.Body+s.written(), token) {
		s.t.Error("the token was written")
	}
	return response, body
}

func TestHTTPToken(t *testing.T) {
	for _, row := range []struct {
		why           string
		configured    string
		header, query map[string]string
		want          int
	}{
		{"no token is configured: nobody gets in", "", nil, map[string]string{"token": ""},
			http.StatusUnauthorized},
		{"none is given", token, nil, nil, http.StatusUnauthorized},
		{"a wrong one", token, nil, map[string]string{"token": token + "x"},
			http.StatusUnauthorized},
		{"the beginning of the right one", token, nil, map[string]string{"token": token[:16]},
			http.StatusUnauthorized},
		{"in the query, as a callback's URL has it", token, nil, map[string]string{"token": token},
			http.StatusOK},
		{"as a bearer token", token, map[string]string{"Authorization": "Bearer " + token}, nil,
			http.StatusOK},
		{"a scheme has no case", token, map[string]string{"Authorization": "bearer " + token}, nil,
			http.StatusOK},
		{"another scheme", token, map[string]string{"Authorization": "Basic " + token}, nil,
			http.StatusUnauthorized},
		{"in its own header, whatever its case", token, map[string]string{"x-REMEDY-token": token},
			nil, http.StatusOK},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(
					t,
					[]string{"REMEDY_HTTP_TOKEN=" + row.configured},
					optedIn(ecssim.Guest{}),
				)
				body := threshold(instance, "diskusage_utilization", "ALERT", time.Now())
				answer, _ := s.request(s.function, httpEvent(body, row.header, row.query))
				if answer.StatusCode != row.want {
					t.Errorf("status %d, want %d: %s", answer.StatusCode, row.want, answer.Body)
				}
				if row.want == http.StatusUnauthorized &&
					(s.store.trips > 0 || len(s.world.Calls()) > 0) {
					t.Error("a stranger cost a call")
				}
			})
		})
	}
}

func TestHTTPAnswers(t *testing.T) {
	for _, row := range []struct {
		why    string
		world  func(s *setting)
		body   func() string
		want   int
		ending string
		sent   string
	}{
		{"the incident goes on after the answer", nil,
			func() string { return kernelHang(instance, time.Now()) }, http.StatusAccepted,
			"pending/out-of-time", "G"},
		{"a verdict at once", func(s *setting) {
			s.world.Change(instance, ecssim.AtTime(time.Now()),
				func(i *ecssim.Instance) { i.Locks = []string{"security"} })
		}, func() string { return kernelHang(instance, time.Now()) },
			http.StatusOK, "refused/security-locked", ""},
		{"nothing to do", nil,
			func() string {
				return threshold(instance, "CPUUtilization", "OK", time.Now(), "triggerLevel", "OK")
			},
			http.StatusOK, "ignored/resolved", ""},
		{"not an alarm by any reading", nil, func() string { return "hello" },
			http.StatusBadRequest, "", ""},
		{"ECS cannot be reached: CloudMonitor is to try again", func(s *setting) {
			s.world.Inject(ecssim.Fault{Kind: ecssim.KindDial, Times: -1})
		}, func() string { return kernelHang(instance, time.Now()) },
			http.StatusServiceUnavailable, "pending/", ""},
		{"ECS is slow: no attempt is begun that nobody could wait for", func(s *setting) {
			s.world.Latency = 1600 * time.Millisecond
		},
			func() string { return kernelHang(instance, time.Now()) },
			http.StatusServiceUnavailable,
			"pending/out-of-time", ""},
		{"a batch of nothing but what cannot be understood", nil,
			func() string { return `["{"]` },
			http.StatusBadRequest, "malformed/malformed", ""},
		{"ECS is a little slow: there is still time for the first attempt", func(s *setting) {
			s.world.Latency = 1400 * time.Millisecond
		},
			func() string { return kernelHang(instance, time.Now()) },
			http.StatusAccepted, "pending/out-of-time", "G"},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, []string{"REMEDY_HTTP_TOKEN=" + token}, optedIn(ecssim.Guest{}))
				if row.world != nil {
					row.world(s)
				}
				answer, body := s.request(
					s.function,
					httpEvent(row.body(), nil, map[string]string{"token": token}),
				)
				if answer.StatusCode != row.want || s.sent(instance) != row.sent {
					t.Errorf(
						"status %d after %q, want %d after %q: %s",
						answer.StatusCode,
						s.sent(instance),
						row.want,
						row.sent,
						answer.Body,
					)
				}
				ended := verdicts(body.Results)
				if row.ending != "" &&
					(len(ended) != 1 || !strings.HasPrefix(ended[0], row.ending)) {
					t.Errorf("ended %v, want %s", ended, row.ending)
				}
				if row.want != http.StatusAccepted {
					return
				}
				if detail := body.Results[0].Detail; strings.Contains(detail, "delivered again") ||
					!strings.Contains(detail, "the timer's sweep goes on") {
					t.Errorf("nobody delivers a request again: %s", detail)
				}
				// The lease is free: the timer's sweep goes on at once, and sends nothing again.
				results := s.deliver(`{"triggerTime":"2026-11-21T00:00:00Z","triggerName":"sweep"}`)
				check(t, s, results, ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"})
			})
		})
	}
}

// TestHTTPBatch: a batch of which a part is malformed is answered with its results, and asks for
// what is pending first.
func TestHTTPBatch(t *testing.T) {
	for _, row := range []struct {
		why    string
		locked bool
		want   int
		ends   []string
	}{
		{"beside one that has its verdict", true, http.StatusBadRequest,
			[]string{"refused/security-locked", "malformed/malformed"}},
		{"beside one that goes on", false, http.StatusAccepted,
			[]string{"pending/out-of-time", "malformed/malformed"}},
	} {
		t.Run(row.why, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				s := newSetting(t, []string{"REMEDY_HTTP_TOKEN=" + token}, optedIn(ecssim.Guest{}))
				if row.locked {
					s.world.Change(instance, ecssim.AtTime(time.Now()),
						func(i *ecssim.Instance) { i.Locks = []string{"security"} })
				}
				payload := batch(kernelHang(instance, time.Now()), "{")
				answer, body := s.request(s.function,
					httpEvent(payload, nil, map[string]string{"token": token}))
				ends := verdicts(body.Results)
				if answer.StatusCode != row.want || !slices.Equal(ends, row.ends) {
					t.Errorf("%d: %s", answer.StatusCode, answer.Body)
				}
			})
		})
	}
}

// TestMalformedText: an error says once what is malformed, and so does a result.
func TestMalformedText(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil)
		for _, payload := range []string{`["{"]`, `["{","{"]`, "hello", ""} {
			_, err := s.function.Invoke(t.Context(), delivery(0), []byte(payload))
			var malformed *handle.Malformed
			if !errors.As(err, &malformed) {
				t.Fatalf("%q: %v", payload, err)
			}
			text := err.Error() + malformed.Results[0].Detail
			if t.Log(err); strings.Count(err.Error(), "malformed") > 1 ||
				strings.Contains(text, "malformed: malformed") {
				t.Errorf("%q: %v", payload, err)
			}
		}
	})
}

// TestHTTPInTime: whatever has no answer, be it for ever or from some call on, the request has one
// 3.5 s after its beginning.
func TestHTTPInTime(t *testing.T) {
	ask := func(s *setting) (handle.HTTPResponse, handle.Response) {
		return s.request(s.function, httpEvent(kernelHang(instance, time.Now()), nil,
			map[string]string{"token": token}))
	}
	late := func(t *testing.T, why string, answer handle.HTTPResponse) {
		if answer.StatusCode != http.StatusAccepted &&
			answer.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: answered %d: %s", why, answer.StatusCode, answer.Body)
		}
	}
	env := []string{"REMEDY_HTTP_TOKEN=" + token, "REMEDY_POLL=900ms"}
	for _, action := range []string{"DescribeInstances", "DescribeCloudAssistantStatus",
		"DescribeInstanceHistoryEvents", "RebootInstance", ""} {
		bubble(t, func(t *testing.T) {
			s := newSetting(t, env, optedIn(ecssim.Guest{IgnoreGraceful: 9}))
			s.world.Inject(ecssim.Fault{Kind: ecssim.KindHang, Action: action, Times: -1})
			answer, _ := ask(s)
			late(t, "ECS "+action, answer)
		})
	}
	for _, key := range []string{"instance/", "fleet", ""} {
		for n := 1; n <= 9; n++ { // the call from which on the ledger hangs
			for _, only := range []bool{true, false} { // that call, or every one since
				for _, alarms := range []int{1, 4} { // some of them about instances without slots
					why := fmt.Sprintf("%d alarms, call %d of %q, only that: %v", alarms, n, key,
						only)
					bubble(t, func(t *testing.T) {
						s := newSetting(t, env)
						h := s.hangs(key, n, only)
						var payloads []string
						for _, id := range s.many(alarms) {
							payloads = append(payloads, kernelHang(id, time.Now()))
						}
						start := time.Now()
						answer, err := s.function.Invoke(t.Context(), delivery(0),
							[]byte(httpEvent(batch(payloads...), nil,
								map[string]string{"token": token})))
						response, is := answer.(handle.HTTPResponse)
						if spent := time.Since(start); spent > 3500*time.Millisecond || !is {
							t.Errorf("%s: %v, %v after %v", why, answer, err, spent)
						}
						late(t, why, response)
						s.store.Store = h.Store
						s.lawful(nil)
					})
				}
			}
		}
	}
}

// hangs lets the setting's ledger give no answer to the nth call for a key, or of a kind of keys,
// and to every one since, until whoever calls gives up.
func (s *setting) hangs(key string, n int, only bool) *hookedStore {
	var calls atomic.Int64
	h := &hookedStore{before: func(ctx context.Context, _ bool, called string, _ []byte) error {
		if !strings.HasPrefix(called, key) {
			return nil
		}
		if call := int(calls.Add(1)); call < n || only && call > n {
			return nil
		}
		<-ctx.Done()
		return ctx.Err()
	}}
	s.hook(h)
	return h
}

// TestHTTPWatches: the first attempt at a deaf guest is watched until about the end.
func TestHTTPWatches(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_HTTP_TOKEN=" + token, "REMEDY_POLL=500ms"},
			optedIn(ecssim.Guest{IgnoreGraceful: 9}))
		start := time.Now()
		answer, body := s.request(s.function, httpEvent(kernelHang(instance, start), nil,
			map[string]string{"token": token}))
		expect(t, body.Results, "pending/out-of-time")
		if answer.StatusCode != http.StatusAccepted || s.sent(instance) != "G" {
			t.Errorf("answered %d after %q", answer.StatusCode, s.sent(instance))
		}
		var last time.Time
		for _, call := range s.world.Calls() {
			if call.Action == "DescribeInstances" {
				last = call.At
			}
		}
		if last.Sub(start) < 2*time.Second {
			t.Errorf("it was seen last %v after the beginning", last.Sub(start))
		}
		record := s.ledgerOf().Record(t.Context(), instance)
		if open := record.Value.Open; open == nil || !open.LeaseUntil.IsZero() {
			t.Errorf("the incident is not free for the sweep: %+v", open)
		}
	})
}

// TestNotReady: without credentials nothing can be done, and that is said once, clearly, as
// something to mend and try again.
func TestNotReady(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_HTTP_TOKEN=" + token}, optedIn(ecssim.Guest{}))
		bare := delivery(0)
		bare.Credentials.AccessKeyID = ""
		results := s.deliverTo(s.function, bare, kernelHang(instance, time.Now()))
		expect(t, results, "pending/dependency-unavailable")
		if !strings.Contains(results[0].Detail, "give the function a role") {
			t.Errorf("no cure: %s", results[0].Detail)
		}
		answer, err := s.function.Invoke(
			t.Context(),
			bare,
			[]byte(httpEvent("", nil, map[string]string{"token": token})),
		)
		if err != nil || answer.(handle.HTTPResponse).StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%v %v", answer, err)
		}
	})
}
