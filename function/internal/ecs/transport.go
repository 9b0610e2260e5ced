package ecs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
)

const (
	maxBody   = 1 << 20  // bytes of an answer; one with 100 instances has less than half of it
	maxHeader = 64 << 10 // bytes of an answer's header; ECS's has less than one of these 64 KiB
)

// answer is a call that came back with a 2xx.
type answer struct {
	date time.Time // of the Date header; zero: none
	body []byte
}

// call sends one signed request, once, and takes its answer. The date is known of an error's
// answer, too.
//
// Every call has an SDK client of its own: the SDK writes time-outs into a client while it uses it,
// so a shared one races, and keeps the last call's time-out for the next. The settings that the SDK
// would otherwise guess, or look up over the network, are all given.
//
// The SDK signs, and reads nothing: its decoder takes gigabytes for a hostile answer of a few
// megabytes, and its error values panic on a field of another type. It is handed an empty answer in
// place of ECS's, which carrier keeps.
func (c *Client) call(ctx context.Context, region string, request requests.AcsRequest,
	base http.RoundTripper) (a answer, t *trouble) {
	domain, t := c.domain(region)
	if t != nil {
		return a, t
	}
	keys := c.keys()
	config := sdk.NewConfig().WithScheme(c.scheme).WithAutoRetry(false).WithMaxRetryTime(0)
	carry := &carrier{
		ctx: ctx, life: c.life, base: base, scheme: strings.ToLower(c.scheme), host: domain,
	}
	config.Transport = carry
	api, err := sdk.NewClientWithOptions(region, config, keys.provider())
	if err != nil {
		return a, &trouble{text: "the SDK takes no client"}
	}
	// The SDK parses the proxy variables even where it does not use them, and an odd NO_PROXY makes
	// every call fail. What is set here comes first, and is used by nothing, as proxies work only
	// with a transport of the SDK's own.
	api.SetHttpProxy("unused")
	api.SetHttpsProxy("unused")
	api.SetNoProxy("unused")
	api.SetCloseTrace(true) // a tracer would be given the signed URL
	request.SetScheme(c.scheme)
	request.SetDomain(domain)
	request.SetReadTimeout(c.limit) // of the whole call
	request.SetConnectTimeout(c.limit)

	defer func() {
		if recover() != nil { // of the SDK, or of a transport that was given
			t = &trouble{sent: carry.handed, text: "the SDK could not make the call"}
		}
	}()
	err = api.DoAction(request, responses.NewCommonResponse())
	a.date, _ = http.ParseTime(carry.date)
	switch {
	case carry.err != nil:
		return a, describe(carry.err, carry.handed)
	case err != nil || carry.status == 0:
		return a, &trouble{sent: carry.handed, text: "the SDK could not make the call"}
	case carry.status/100 != 2:
		return a, keys.refused(carry.status, carry.body)
	}
	a.body = carry.body
	return a, nil
}

// reads is what carries reading calls: kept connections do no harm there, for a read may be asked
// again.
func (c *Client) reads() http.RoundTripper {
	if c.base != nil {
		return c.base
	}
	return c.pool
}

// provider gives the keys to the SDK.
func (k Credentials) provider() credentials.CredentialsProvider {
	if k.SecurityToken == "" {
		return credentials.NewStaticAKCredentialsProvider(k.AccessKeyID, k.AccessKeySecret)
	}
	return credentials.NewStaticSTSCredentialsProvider(k.AccessKeyID, k.AccessKeySecret,
		k.SecurityToken)
}

// refused keeps of an error answer what is fit to be shown. One with a field of another type, or
// that contradicts itself, is no error of ECS's.
func (k Credentials) refused(status int, body []byte) *trouble {
	t := &trouble{sent: true, status: status}
	var requestID, code, message string
	answer, err := parse(body)
	if err == nil {
		err = object(member{"RequestId", text(&requestID)}, member{"Code", text(&code)},
			member{"Message", text(&message)})(answer)
	}
	switch {
	case err != nil:
		t.text = notECS
		return t
	case !isToken(code) || k.in(code):
		t.text = notECS
	// its message quotes what was signed, the token included
	case strings.Contains(code, "Signature"):
		t.code = code
	default:
		t.code, t.text = code, k.safe(message)
	}
	if isToken(requestID) && !k.in(requestID) {
		t.requestID = requestID
	}
	return t
}

const notECS = "an error answer that is not from ECS"

// carrier takes the one request of one call to ECS and back, under the caller's context, which the
// SDK knows nothing of. It keeps the answer for itself, and the error before http.Client puts the
// signed URL into its text.
type carrier struct {
	ctx, life    context.Context
	base         http.RoundTripper
	scheme, host string // where the request may go, and nowhere else

	handed bool // base has had the request
	status int  // of a whole answer; 0: there is none
	date   string
	body   []byte
	err    error
}

// RoundTrip implements http.RoundTripper. It refuses requests to any host but the pinned one;
// redirects, which would carry the signed URL to another host, in the Referer too; and answers over
// maxHeader and maxBody.
func (t *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	if t.err = t.carry(r); t.err != nil {
		return nil, t.err
	}
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}, nil
}

func (t *carrier) carry(r *http.Request) error {
	if !t.home(r) {
		return errElsewhere
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	for _, outer := range []context.Context{t.ctx, t.life} {
		if err := outer.Err(); err != nil {
			return err
		}
		defer context.AfterFunc(outer, func() { cancel(context.Cause(outer)) })()
	}
	t.handed = true
	resp, err := t.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	t.date = resp.Header.Get("Date")
	switch {
	case resp.StatusCode/100 == 3:
		return errRedirect
	case headerSize(resp.Header) > maxHeader:
		return errHeader
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return err
	case len(body) > maxBody:
		return errTooLong
	}
	t.status, t.body = resp.StatusCode, body
	return nil
}

// home reports whether r goes to the pinned host, as its path's root, and nowhere else.
func (t *carrier) home(r *http.Request) bool {
	u := r.URL
	return u.Scheme == t.scheme && u.Host == t.host && (r.Host == "" || r.Host == t.host) &&
		u.Path == "/" && u.Opaque == "" && u.User == nil
}

// headerSize is the length of a header as it is sent.
func headerSize(header http.Header) (size int) {
	for name, values := range header {
		for _, value := range values {
			size += len(name) + len(value) + len(": \r\n")
		}
	}
	return size
}

var (
	errElsewhere = errors.New("a request to another host than the one of this call")
	errRedirect  = errors.New("an answer that points to another host")
	errHeader    = fmt.Errorf("an answer with a header of more than %d KiB", maxHeader>>10)
	errTooLong   = fmt.Errorf("an answer of more than %d MiB", maxBody>>20)
	errLate      = errors.New(tooLate)
)

// describe words an error of the transport. Its own words are not used: they can hold addresses and
// more.
func describe(err error, handed bool) *trouble {
	t := &trouble{sent: handed}
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var timeout interface{ Timeout() bool }
	ours := []error{errElsewhere, errRedirect, errHeader, errTooLong, errLate}
	switch {
	case errors.As(err, &dns):
		t.sent, t.text = false, "the name of ECS's endpoint does not resolve: is the region "+
			"right, and the network open?"
	case errors.As(err, &op) && op.Op == "dial":
		t.sent, t.text = false, "no connection to ECS's endpoint: is the network open?"
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname):
		t.sent, t.text = false, "the certificate of ECS's endpoint is not trusted"
	case slices.ContainsFunc(ours, func(our error) bool { return errors.Is(err, our) }):
		t.text = err.Error()
	case errors.Is(err, context.Canceled):
		t.text = "the call was given up"
	case errors.As(err, &timeout) && timeout.Timeout():
		t.text = "no answer in time"
	default:
		t.text = "the connection broke before there was a whole answer"
	}
	return t
}
