package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
	"ecs-remedy/function/internal/timeline"
)

// sweepEvery is the period of the timer in a deployment.
const sweepEvery = time.Minute

// sweeps is how many of the timer's sweeps a drill waits for: more than an incident's limit and a
// guest's boot take.
const sweeps = 180

// Play delivers the payload, and after it the timer's, as long as an incident is under way or an
// alarm waits. It returns a result for every alarm, in the event's order, and notes sweeps and ends
// with the recorder, which should also be the simulation's watcher. The error says that the
// function did not let the event in.
func (s *Simulation) Play(ctx context.Context, payload []byte, recorder *timeline.Recorder) (
	[]remedy.Result, error) {
	results, err := s.invoke(ctx, payload)
	if err != nil {
		return nil, err
	}
	for range sweeps {
		if !underWay(results) {
			break
		}
		recorder.Sweep(s.Clock.Now())
		if err := s.Clock.Sleep(ctx, sweepEvery); err != nil {
			return nil, err
		}
		timer := fmt.Appendf(nil, `{"triggerTime": %q, "triggerName": "sweep", "payload": ""}`,
			s.Clock.Now().UTC().Format(time.RFC3339))
		if _, err := s.invoke(ctx, timer); err != nil {
			return nil, err
		}
		for i := range results {
			if underWay(results[i : i+1]) {
				results[i] = s.audit.last(results[i])
			}
		}
	}
	recorder.End(results, s.Clock.Now())
	return results, s.take(ctx, results)
}

// underWay reports whether a sweep has something to take up.
func underWay(results []remedy.Result) bool {
	for i := range results {
		r := &results[i]
		if r.Verdict == remedy.VerdictPending && r.Incident != "" ||
			r.Verdict == remedy.VerdictWaiting {
			return true
		}
	}
	return false
}

// invoke delivers one event to the function. The errors by which the function asks for an event
// again, or to keep it, are verdicts here.
func (s *Simulation) invoke(ctx context.Context, payload []byte) ([]remedy.Result, error) {
	answer, err := s.Function.Invoke(ctx, s.Invocation, payload)
	var pending *handle.Pending
	var malformed *handle.Malformed
	if err != nil && !errors.As(err, &pending) && !errors.As(err, &malformed) {
		return nil, err
	}
	switch answer := answer.(type) {
	case handle.Response:
		return answer.Results, nil
	case handle.HTTPResponse:
		var response handle.Response
		if err := json.Unmarshal([]byte(answer.Body), &response); err != nil {
			return nil, err
		}
		if answer.StatusCode == http.StatusUnauthorized ||
			answer.StatusCode == http.StatusBadRequest {
			return nil, fmt.Errorf("the HTTP trigger answers %d: %s", answer.StatusCode,
				answer.Body)
		}
		return response.Results, nil
	}
	return nil, fmt.Errorf("the function answered with a %T", answer)
}
