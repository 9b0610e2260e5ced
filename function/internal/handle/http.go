package handle

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// CloudMonitor waits 5 s for the answer to a callback, and calls again when there is none. What is
// done about an HTTP request is over httpAnswer after its beginning, so that people can still be
// told of it; all of these are counted from there.
const (
	httpAnswer = 3500 * time.Millisecond
	httpClaim  = httpAnswer - 2*time.Second // an attempt is claimed by then, or none
	httpStop   = 2800 * time.Millisecond    // no call begins after this
	httpCut    = 3 * time.Second            // and one that is under way then is given up
	// What is left is the last write's: a half for its answer, and as much again to see whether it
	// was stored where that is lost. No write has more than httpWrite for its answer.
	httpWrite = 500 * time.Millisecond
)

// HTTPResponse is what Function Compute turns into the answer to an HTTP request.
type HTTPResponse struct {
	StatusCode int               `json:"statusCode"`
	Headers    map[string]string `json:"headers"`
	Body       string            `json:"body"`
}

// HandleHTTP handles an event of an HTTP trigger. The trigger is open to the world, so the token is
// the only gate: without a token configured, every request is refused. An incident that goes on
// after the answer is left to the timer's sweep. The answer is there 3.5 s after the beginning at
// the latest, whatever has no answer, if only the stores and the cloud obey their contexts.
func (h *Handler) HandleHTTP(
	ctx context.Context,
	invocation Invocation,
	request events.Request,
	payload []byte,
) HTTPResponse {
	if !authorized(request, h.HTTPToken) {
		return unauthorized()
	}
	if request.TooLarge {
		return tooLarge()
	}
	now := h.Clock.Now()
	quick := *h
	quick.Reserve, quick.answerBy = 0, now.Add(httpAnswer)
	invocation.Deadline, invocation.ClaimBy = now.Add(httpStop), now.Add(httpClaim)
	ctx, cancel := context.WithTimeout(ctx, httpCut)
	defer cancel()
	response, err := quick.Handle(ctx, invocation, payload)
	status := http.StatusOK
	switch err := err.(type) {
	case *Malformed:
		if status = http.StatusBadRequest; err.Cause != nil { // there is no alarm to have a result
			return answerHTTP(status, map[string]string{"error": err.Error()})
		}
	case *Pending:
		status = http.StatusAccepted
		for _, r := range err.Results {
			if r.Verdict == remedy.VerdictPending &&
				(r.Reason == remedy.ReasonDependencyUnavailable || r.Incident == "") {
				status = http.StatusServiceUnavailable
			}
		}
	}
	return answerHTTP(status, response)
}

// writeLimit is how long a write may take.
func (h *Handler) writeLimit() time.Duration {
	limit := h.Policy.CallLimit()
	if !h.answerBy.IsZero() {
		limit = min(limit, httpWrite, h.answerBy.Sub(h.Clock.Now())/2)
	}
	return limit
}

// HTTPNotReady is the answer where there is nothing to handle a request with. A stranger learns
// nothing of that.
func HTTPNotReady(request events.Request, token string) HTTPResponse {
	switch {
	case !authorized(request, token):
		return unauthorized()
	case request.TooLarge:
		return tooLarge()
	}
	return answerHTTP(
		http.StatusServiceUnavailable,
		map[string]string{"error": "not ready: the function's log says why"},
	)
}

// authorized compares the token, wherever it is, in constant time.
func authorized(request events.Request, token string) bool {
	if token == "" {
		return false
	}
	scheme, bearer, _ := strings.Cut(request.Header["authorization"], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		bearer = ""
	}
	ok := 0
	header := request.Header["x-remedy-token"]
	for _, given := range []string{request.Query["token"], header, bearer} {
		ok |= subtle.ConstantTimeCompare([]byte(given), []byte(token))
	}
	return ok == 1
}

func tooLarge() HTTPResponse {
	return answerHTTP(http.StatusRequestEntityTooLarge,
		map[string]string{"error": "the request has more than 6 MiB"})
}

func unauthorized() HTTPResponse {
	return answerHTTP(
		http.StatusUnauthorized,
		map[string]string{"error": "the token is missing or wrong"},
	)
}

func answerHTTP(status int, body any) HTTPResponse {
	text, err := json.Marshal(body)
	if err != nil { // unreachable: results hold nothing that JSON cannot
		status, text = http.StatusInternalServerError, []byte(
			`{"error":"the answer cannot be encoded"}`,
		)
	}
	return HTTPResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/json"},
		Body:       string(text),
	}
}
