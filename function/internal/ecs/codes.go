package ecs

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"unicode"

	"ecs-remedy/function/internal/remedy"
)

const (
	notSent   = "not-sent"        // the code of a call that provably never left
	badRegion = "InvalidRegionId" // ours: a region that is not called
	// a dry run's success comes as an error (ECS API document RebootInstance)
	dryRunPassed = "DryRunOperation"
)

// class is what a trouble means for a read and for a reboot.
type class struct {
	failure   remedy.Failure
	answer    remedy.Answer
	reason    remedy.Reason // of a Rejected
	throttled bool
}

// The classes. A reboot that is busy has provably not run. One that is doubtful may have.
var (
	throttled = class{failure: remedy.FailureUnavailable, answer: remedy.AnswerNotExecuted,
		throttled: true}
	busy     = class{failure: remedy.FailureUnavailable, answer: remedy.AnswerNotExecuted}
	doubtful = class{failure: remedy.FailureUnavailable, answer: remedy.AnswerUnknown}
	gone     = class{failure: remedy.FailureMissing, answer: remedy.AnswerRejected,
		reason: remedy.ReasonNotFound}
	denied = class{failure: remedy.FailureForbidden, answer: remedy.AnswerRejected,
		reason: remedy.ReasonForbidden}
	misasked = class{failure: remedy.FailureUnreadable, answer: remedy.AnswerRejected,
		reason: remedy.ReasonRejected}
	unentitled = class{failure: remedy.FailureForbidden, answer: remedy.AnswerRejected,
		reason: remedy.ReasonRejected}
)

// codes classifies error codes. A code that ends in * stands for all that begin so; the first row
// that fits counts. The same code comes with several HTTP statuses, so the status is asked only
// where no row fits.
var codes = []struct {
	code string
	class
}{
	// ECS API document RebootInstance, error codes.
	{"IncorrectInstanceStatus",
		class{remedy.FailureUnreadable, remedy.AnswerRejected, remedy.ReasonNotRunning, false}},
	{"InstanceExpiredOrInArrears",
		class{remedy.FailureForbidden, remedy.AnswerRejected, remedy.ReasonExpired, false}},
	{"DiskError",
		class{remedy.FailureUnreadable, remedy.AnswerRejected, remedy.ReasonDiskError, false}},
	{"InvalidInstanceId.NotFound", gone},
	{"InvalidParameter.KMSKeyId.KMSUnauthorized", unentitled},
	{"InternalError*", doubtful},
	// ECS user guide, "API behavior when an instance is locked for security reasons".
	{"InstanceLockedForSecurity",
		class{remedy.FailureForbidden, remedy.AnswerRejected, remedy.ReasonSecurityLocked, false}},
	// ECS API document DescribeCloudAssistantStatus, error codes.
	{"InvalidInstance.NotFound", gone},
	{"InstanceIds.ExceedLimit", misasked},
	// ECS API document DescribeInstanceHistoryEvents, error codes.
	{"InstanceIdLimitExceeded", misasked},
	// ECS API document "API throttling".
	{"Throttling*", throttled},
	// ECS API document "Common error codes". A LastTokenProcessing or a conflict means that another
	// request is being worked on.
	{"LastTokenProcessing", busy},
	{"OperationConflict", busy},
	{"ServiceUnavailable*", doubtful},
	{"UnknownError", doubtful},
	{"InsufficientBalance", unentitled},
	{"RealNameAuthenticationError", unentitled},
	{"InvalidOwner*", unentitled},
	{"InvalidRegionId.NotFound",
		class{remedy.FailureMissing, remedy.AnswerRejected, remedy.ReasonRejected, false}},
	{"MissingParameter*", misasked},
	{"InvalidParameter*", misasked},
	{"InvalidAction*", misasked},
	{"UnsupportedHTTPMethod", misasked},
	// bosh-alicloud-cpi-release, which Alibaba Cloud writes, sends RebootInstance again on this
	// one.
	{"InvalidOperation.Conflict", busy},
	// The API gateway's error codes: help.aliyun.com/document_detail/51132.html. A request older
	// than 15 minutes is turned away before it reaches ECS, and is signed anew when it is sent
	// again. A nonce that was used means that the same request came twice, and the first may have
	// run.
	{"InvalidTimeStamp.Expired", busy},
	{"IllegalTimestamp", busy},
	{"SignatureNonceUsed", doubtful},
	{"SignatureDoesNotMatch", denied},
	{"IncompleteSignature", denied},
	{"InvalidAccessKeyId*", denied},
	{"InvalidAccessKeySecret", denied},
	{"InvalidSecurityToken*", denied},
	{"MissingSecurityToken", denied},
	{badRegion, misasked},
	// RAM's refusals, as the ECS API documents list them.
	{"Forbidden.InstanceNotFound", gone},
	{"Forbidden*", denied},
	{"NoPermission*", denied},
}

// trouble is a call that did not end in an answer that makes sense.
type trouble struct {
	sent      bool   // false: provably nothing of it reached ECS
	status    int    // of an answer that says it is an error; 0: there is none
	code      string // of that answer; empty: it has none that looks like one
	requestID string
	text      string         // for a human; safe to show
	failure   remedy.Failure // what a read makes of it, where no code says so
}

// machineCode is what a program can tell t by: ECS's code, "not-sent", or nothing.
func (t *trouble) machineCode() string {
	if !t.sent {
		return notSent
	}
	return t.code
}

// blames reports whether ECS refused a call for what was asked in it.
func (t *trouble) blames() bool {
	failure := t.class().failure
	return t.sent && t.code != "" &&
		(failure == remedy.FailureMissing || failure == remedy.FailureUnreadable)
}

// class classifies t. An answer without a code is not from ECS but from something on the way,
// whatever its status.
func (t *trouble) class() class {
	for _, row := range codes {
		prefix, wild := strings.CutSuffix(row.code, "*")
		if t.code == row.code || wild && strings.HasPrefix(t.code, prefix) {
			return row.class
		}
	}
	switch {
	case t.failure != "":
		return class{failure: t.failure, answer: remedy.AnswerUnknown}
	case t.code == "":
		return doubtful
	case t.status == http.StatusTooManyRequests:
		return throttled
	case t.status < 400 || t.status >= 500 || t.status == http.StatusRequestTimeout:
		return doubtful
	case t.status == http.StatusUnauthorized || t.status == http.StatusForbidden:
		return unentitled
	default:
		return misasked
	}
}

// note words t for a human.
func (t *trouble) note(action string) string {
	var b strings.Builder
	b.WriteString(action)
	if t.code != "" {
		b.WriteString(": " + t.code)
	}
	if t.text != "" {
		b.WriteString(": " + t.text)
	}
	if t.class() == denied {
		fmt.Fprintf(&b,
			" (the function's role must allow ecs:%s, and its credentials must be current)", action)
	}
	if t.status != 0 {
		fmt.Fprintf(&b, " (status %d", t.status)
		if t.requestID != "" {
			b.WriteString(", request " + t.requestID)
		}
		b.WriteString(")")
	}
	return b.String()
}

var token = late(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

// late is a pattern that is compiled when it is first needed, so that start-up does not pay for it.
func late(pattern string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
}

// isToken reports whether s looks like an error code or a RequestId.
func isToken(s string) bool { return token().MatchString(s) }

// unsafeText finds what a server's message may quote of the request: a URL, its parameters, or
// their encoded form.
var unsafeText = late(`(?i)https?:|://|signature|accesskeyid|securitytoken|%[0-9a-f]{2}`)

// in reports whether text holds any of the credentials.
func (k Credentials) in(text string) bool {
	return strings.Contains(text, k.AccessKeyID) || strings.Contains(text, k.AccessKeySecret) ||
		k.SecurityToken != "" && strings.Contains(text, k.SecurityToken)
}

// safe returns a server's message as one line, cut at 200 characters, or nothing when it may quote
// the request. What lies beyond its first 4 KiB is not shown, so only a whole credential is looked
// for there.
func (k Credentials) safe(text string) string {
	if k.in(text) {
		return ""
	}
	text = text[:min(len(text), 4<<10)]
	if unsafeText().MatchString(text) {
		return ""
	}
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
	line := []rune(strings.Join(strings.Fields(printable), " "))
	return string(line[:min(len(line), 200)])
}
