package ecs

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/responses"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"
)

// maxBody caps an answer; one with 100 instances has less than half a megabyte.
const maxBody = 4 << 20

// response is what every typed call of the SDK returns.
type response = responses.AcsResponse

// answer is a call that came back with a 2xx.
type answer struct {
	date time.Time // of the Date header; zero: none
	body []byte
}

// call sends one signed request, once, and takes its answer. Every call has an SDK client of its own: the SDK writes
// time-outs into a client while it uses it, so a shared one races, and keeps the last call's time-out for the next.
// The settings that the SDK would otherwise guess, or look up over the network, are all given.
func (c *Client) call(ctx context.Context, region string, request requests.AcsRequest, base http.RoundTripper,
	send func(*ecs.Client) (response, error)) (a answer, t *trouble) {
	domain, err := c.domain(region)
	if err != nil {
		return a, &trouble{code: "InvalidRegionId", text: err.Error()}
	}
	keys := c.keys()
	config := sdk.NewConfig().WithScheme(c.scheme).WithAutoRetry(false).WithMaxRetryTime(0)
	carry := &carrier{ctx: ctx, life: c.life, base: base}
	config.Transport = carry
	api, err := ecs.NewClientWithOptions(region, config, keys.provider())
	if err != nil {
		return a, &trouble{text: "the SDK takes no client"}
	}
	// The SDK parses the proxy variables even where it does not use them, and an odd NO_PROXY makes every call fail. What
	// is set here comes first, and is used by nothing, as proxies work only with a transport of the SDK's own.
	api.SetHttpProxy("unused")
	api.SetHttpsProxy("unused")
	api.SetNoProxy("unused")
	api.SetCloseTrace(true) // a tracer would be given the signed URL
	request.SetScheme(c.scheme)
	request.SetDomain(domain)
	request.SetReadTimeout(c.limit) // of the whole call
	request.SetConnectTimeout(c.limit)

	defer func() {
		if recover() != nil { // the SDK panics when a field of an error is not what it expects
			t = &trouble{sent: carry.handed, status: carry.status, text: "an answer that the SDK cannot take apart"}
		}
	}()
	resp, err := send(api)
	var refusal *sdkerrors.ServerError
	var undecoded *sdkerrors.ClientError
	switch {
	case carry.err != nil:
		return a, describe(carry.err, carry.handed)
	case errors.As(err, &refusal):
		return a, keys.refused(refusal)
	case errors.As(err, &undecoded) && undecoded.ErrorCode() == sdkerrors.JsonUnmarshalErrorCode:
		// It has an answer, which it cannot decode, but perhaps we can.
	case err != nil:
		return a, &trouble{sent: carry.handed, text: "the SDK could not make the call"}
	}
	date, _ := http.ParseTime(carry.date)
	return answer{date: date, body: resp.GetHttpContentBytes()}, nil
}

// reads is what carries reading calls: kept connections do no harm there, for a read may be asked again.
func (c *Client) reads() http.RoundTripper {
	if c.base != nil {
		return c.base
	}
	return c.pool
}

// read makes one call for each page of an answer.
func (c *Client) read(ctx context.Context, region string, request requests.AcsRequest,
	send func(*ecs.Client, string) (response, error), list func([]byte) (*[]json.RawMessage, error)) answers {
	all := answers{action: request.GetActionName()}
	token := ""
	for range maxPages {
		answer, trouble := c.call(ctx, region, request, c.reads(), func(api *ecs.Client) (response, error) {
			return send(api, token)
		})
		all.at, all.date = c.now(), answer.date
		var head page
		var entries []json.RawMessage
		if trouble == nil {
			head, entries, trouble = decode(answer.body, list)
		}
		if trouble != nil {
			all.entries, all.trouble = nil, trouble
			return all
		}
		all.entries = append(all.entries, entries...)
		if token = head.NextToken; token == "" {
			return all
		}
	}
	all.entries, all.trouble = nil, &trouble{sent: true, text: "an answer without an end"}
	return all
}

// provider gives the keys to the SDK.
func (k Credentials) provider() credentials.CredentialsProvider {
	if k.SecurityToken == "" {
		return credentials.NewStaticAKCredentialsProvider(k.AccessKeyID, k.AccessKeySecret)
	}
	return credentials.NewStaticSTSCredentialsProvider(k.AccessKeyID, k.AccessKeySecret, k.SecurityToken)
}

// refused keeps of an error answer what is fit to be shown.
func (k Credentials) refused(e *sdkerrors.ServerError) *trouble {
	t := &trouble{sent: true, status: e.HttpStatus()}
	switch code := e.ErrorCode(); {
	case !isToken(code) || k.in(code):
		t.text = "an error answer that is not from ECS"
	case strings.Contains(code, "Signature"): // its message quotes what was signed, the token included
		t.code = code
	default:
		t.code, t.text = code, k.safe(e.Message())
	}
	if id := e.RequestId(); isToken(id) && !k.in(id) {
		t.requestID = id
	}
	return t
}

// regionName is what names of regions look like. An alarm names the region, and the region becomes part of a host name.
var regionName = late(`^[a-z]{2,}(-[a-z0-9]+)+$`)

// endpoints is the SDK's table of regions whose public endpoint is not ecs.REGION.aliyuncs.com. The SDK makes it on first
// use, without a lock; made here, it is only read from then on.
var endpoints = ecs.GetEndpointMap()

// domain returns the host to call for a region.
func (c *Client) domain(region string) (string, error) {
	switch host, listed := endpoints[region]; {
	case len(region) > 63 || !regionName().MatchString(region):
		return "", errors.New("the region's name is malformed")
	case c.host != "":
		return c.host, nil
	case c.vpc:
		return "ecs-vpc." + region + ".aliyuncs.com", nil
	case listed:
		return host, nil
	default:
		return "ecs." + region + ".aliyuncs.com", nil
	}
}

// parseEndpoint takes an endpoint apart. Signed requests hold the security token, so plain HTTP may not leave the machine.
func parseEndpoint(endpoint string) (scheme, host string, err error) {
	if endpoint == "" {
		return requests.HTTPS, "", nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" || u.String() != u.Scheme+"://"+u.Host {
		return "", "", errors.New("the ECS endpoint must be https://HOST, and nothing after it")
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Scheme == "https":
		return requests.HTTPS, u.Host, nil
	case u.Scheme == "http" && (ip.IsLoopback() || u.Hostname() == "localhost"):
		return requests.HTTP, u.Host, nil
	default:
		return "", "", errors.New("the ECS endpoint must be https; http is only for a loopback address")
	}
}

// carrier takes the one request of one call to ECS and back, under the caller's context, which the SDK knows nothing of.
// It keeps what the SDK loses: the Date header, and the error before http.Client puts the signed URL into its text.
type carrier struct {
	ctx, life context.Context
	base      http.RoundTripper
	handed    bool // base has had the request
	status    int
	date      string
	err       error
}

// RoundTrip implements http.RoundTripper. It refuses redirects, which would carry the signed URL to another host, in the
// Referer too, and bodies over maxBody, which the SDK would read to the end.
func (t *carrier) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.roundTrip(r)
	t.err = err
	return resp, err
}

func (t *carrier) roundTrip(r *http.Request) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	for _, outer := range []context.Context{t.ctx, t.life} {
		if err := outer.Err(); err != nil {
			return nil, err
		}
		defer context.AfterFunc(outer, func() { cancel(context.Cause(outer)) })()
	}
	t.handed = true
	resp, err := t.base.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	t.status, t.date = resp.StatusCode, resp.Header.Get("Date")
	if resp.StatusCode/100 == 3 {
		return nil, errRedirect
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > maxBody:
		return nil, errTooLong
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

var (
	errRedirect = errors.New("an answer that points to another host")
	errTooLong  = fmt.Errorf("an answer of more than %d MiB", maxBody>>20)
	errLate     = errors.New(tooLate)
)

// describe words an error of the transport. Its own words are not used: they can hold addresses and more.
func describe(err error, handed bool) *trouble {
	t := &trouble{sent: handed}
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &dns):
		t.sent, t.text = false, "the name of ECS's endpoint does not resolve: is the region right, and the network open?"
	case errors.As(err, &op) && op.Op == "dial":
		t.sent, t.text = false, "no connection to ECS's endpoint: is the network open?"
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname):
		t.sent, t.text = false, "the certificate of ECS's endpoint is not trusted"
	case errors.Is(err, errRedirect), errors.Is(err, errTooLong), errors.Is(err, errLate):
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
