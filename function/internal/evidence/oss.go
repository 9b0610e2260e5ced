package evidence

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"hash/crc64"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
)

// Keys sign requests. Every usual way of printing them hides them.
type Keys struct {
	ID, Secret string
	Token      string // of temporary keys; empty: they last
}

// Format implements fmt.Formatter: it hides the keys from every verb.
func (Keys) Format(f fmt.State, _ rune) { io.WriteString(f, "Keys(hidden)") }

// MarshalText hides the keys from encoding/json and log/slog.
func (Keys) MarshalText() ([]byte, error) { return []byte("Keys(hidden)"), nil }

// OSSOptions say where the bucket is and who uses it.
type OSSOptions struct {
	Bucket string
	Prefix string // what the keys begin with, such as ecs-remedy or a/b
	Region string // the bucket's; it is signed
	// Internal uses the region's internal endpoint, which answers only within the region.
	Internal bool
	// Endpoint is http:// and an address of this machine with a port, for tests; empty: by region.
	Endpoint string
	Keys     Keys
	// Base carries every request, and is left alone by Close; nil: connections of the store's own,
	// which ignore proxies.
	Base http.RoundTripper
}

// OSS is a Store in a bucket of Alibaba Cloud OSS. A file's key is PREFIX/INCIDENT/NAME. What it
// puts is private whatever the bucket is, and nothing is ever signed into a URL. In a bucket with
// versions OSS overwrites even where it must not (document "PutObject"); the older version stays.
//
// Each call is one HTTPS request to the region's own host, signed with V4, without a second
// attempt, redirects or proxies; it ends with its context, and after callLimit in any case. To put
// needs oss:PutObject on the keys, to get and to remove oss:GetObject and oss:DeleteObject, to list
// oss:ListObjects on the bucket.
//
// Open one for each invocation: keys last as long as an invocation, and so do connections.
type OSS struct {
	options func() OSSOptions // a func, so that printing an OSS prints no key
	base    http.RoundTripper
	own     *http.Transport // base, where it is the store's own

	endpoint     string // for the SDK, which puts the bucket in front of a name
	scheme, host string // where requests go
}

const (
	callLimit    = 30 * time.Second
	mostAnswer   = 256 << 10 // bytes of an answer that holds no file; a page of a list has the most
	mostHeader   = 64 << 10  // bytes of an answer's header
	mostListed   = 100
	longestToken = 64 // characters of a code or of a request's id
)

// OpenOSS returns a store; nothing is sent yet. The error says what is missing or malformed, and
// holds no secret.
func OpenOSS(o OSSOptions) (*OSS, error) {
	switch {
	case !isBucket(o.Bucket):
		return nil, errors.New("not the name of an OSS bucket")
	case !isPrefix(o.Prefix):
		return nil, errors.New("not a prefix for evidence")
	case !isWord(o.Region, "-") || len(o.Region) > 40 || strings.HasPrefix(o.Region, "-") ||
		strings.HasSuffix(o.Region, "-"):
		return nil, errors.New("not the region of an OSS bucket")
	case o.Keys.ID == "" || o.Keys.Secret == "":
		return nil, errors.New("no credentials for OSS: give the function a role, or set an " +
			"AccessKey pair")
	}
	s := &OSS{options: func() OSSOptions { return o }, base: o.Base}
	switch at, isHTTP := strings.CutPrefix(o.Endpoint, "http://"); {
	case isHTTP && isLoopback(at):
		s.endpoint, s.scheme, s.host = o.Endpoint, "http", at
	case o.Endpoint != "":
		return nil, errors.New("an endpoint for OSS that is not of this machine")
	default:
		network := ""
		if o.Internal {
			network = "-internal"
		}
		host := "oss-" + o.Region + network + ".aliyuncs.com"
		s.endpoint, s.scheme, s.host = "https://"+host, "https", o.Bucket+"."+host
	}
	if s.base == nil {
		s.own = &http.Transport{
			TLSHandshakeTimeout: 5 * time.Second, IdleConnTimeout: 30 * time.Second,
			MaxResponseHeaderBytes: mostHeader, MaxIdleConnsPerHost: 4,
			TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		}
		s.base = s.own
	}
	return s, nil
}

// Close closes the store's connections. A call under way goes on.
func (s *OSS) Close() {
	if s.own != nil {
		s.own.CloseIdleConnections()
	}
}

// Put implements Store.
func (s *OSS) Put(ctx context.Context, incident, name string, content []byte,
	overwrite bool) error {
	key, err := s.key(incident, name)
	if err != nil {
		return err
	}
	return s.call(ctx, "PutObject", mostAnswer, func(ctx context.Context, c *oss.Client) error {
		request := &oss.PutObjectRequest{
			Bucket: s.bucket(), Key: &key, Acl: oss.ObjectACLPrivate,
			ContentType: oss.Ptr(ContentType(name)), Body: bytes.NewReader(content),
		}
		if !overwrite {
			request.ForbidOverwrite = oss.Ptr("true")
		}
		_, err := c.PutObject(ctx, request)
		return err
	})
}

// Get implements Store.
func (s *OSS) Get(ctx context.Context, incident, name string, most int) ([]byte, error) {
	key, err := s.key(incident, name)
	if err != nil {
		return nil, err
	}
	var content []byte
	err = s.call(ctx, "GetObject", max(most, 0), func(ctx context.Context, c *oss.Client) error {
		result, err := c.GetObject(ctx, &oss.GetObjectRequest{Bucket: s.bucket(), Key: &key})
		if err != nil {
			return err
		}
		defer result.Body.Close()
		content, err = io.ReadAll(result.Body) // which carrier has, and has limited
		sum := strconv.FormatUint(crc64.Checksum(content, crc64.MakeTable(crc64.ECMA)), 10)
		if given := oss.ToString(result.HashCRC64); err == nil && given != "" && given != sum {
			return errors.New("another content than was stored")
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return content, nil
}

// List implements Store. It looks at the first hundred; an incident has eight.
func (s *OSS) List(ctx context.Context, incident string) ([]string, error) {
	key, err := s.key(incident, "any.txt")
	if err != nil {
		return nil, err
	}
	folder := strings.TrimSuffix(key, "any.txt")
	var names []string
	err = s.call(ctx, "ListObjectsV2", mostAnswer,
		func(ctx context.Context, c *oss.Client) error {
			result, err := c.ListObjectsV2(ctx, &oss.ListObjectsV2Request{
				Bucket: s.bucket(), Prefix: &folder, MaxKeys: mostListed})
			if err != nil {
				return err
			}
			for _, object := range result.Contents {
				name, ours := strings.CutPrefix(oss.ToString(object.Key), folder)
				if ours && CheckName(name) == nil {
					names = append(names, name)
				}
			}
			return nil
		})
	if err != nil {
		return nil, err
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// Remove deletes a file; one that is not there is no error.
func (s *OSS) Remove(ctx context.Context, incident, name string) error {
	key, err := s.key(incident, name)
	if err != nil {
		return err
	}
	return s.call(ctx, "DeleteObject", mostAnswer,
		func(ctx context.Context, c *oss.Client) error {
			_, err := c.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: s.bucket(), Key: &key})
			return err
		})
}

func (s *OSS) bucket() *string { return oss.Ptr(s.options().Bucket) }

// key is that of a file.
func (s *OSS) key(incident, name string) (string, error) {
	if CheckIncident(incident) != nil || CheckName(name) != nil {
		return "", ErrRequest
	}
	return s.options().Prefix + "/" + incident + "/" + name, nil
}

// call makes one request. Each call has an SDK client of its own, whose settings are all given:
// nothing is read from the environment, which can make the SDK print what it signs.
func (s *OSS) call(ctx context.Context, operation string, most int,
	do func(context.Context, *oss.Client) error) (err error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	if ctx.Err() != nil {
		return &Failure{What: outOfTime}
	}
	o := s.options()
	carry := &carrier{store: s, most: most, file: operation == "GetObject"}
	config := oss.NewConfig().WithRegion(o.Region).WithRetryMaxAttempts(1).
		WithEndpoint(s.endpoint).
		WithSignatureVersion(oss.SignatureVersionV4).
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider(o.Keys.ID, o.Keys.Secret,
			o.Keys.Token))
	config.HttpClient = carry

	defer func() {
		if recover() != nil { // of the SDK, or of a transport that was given
			err = &Failure{What: "the SDK could not make the call"}
		}
	}()
	err = do(ctx, oss.NewClient(config))
	switch {
	case carry.err != nil:
		return describe(carry.err)
	case err == nil:
		return nil
	}
	return s.refused(operation, err, carry.status)
}

// refused makes of the SDK's error one that is fit to be shown: its own text holds the URL, the
// message, and of some codes all that was signed.
func (s *OSS) refused(operation string, err error, status int) error {
	var service *oss.ServiceError
	if !errors.As(err, &service) {
		if status/100 == 2 {
			return &Failure{What: "OSS gave an answer to " + operation + " that does not fit it",
				Status: status}
		}
		return &Failure{What: "the SDK could not make the call"}
	}
	switch {
	case service.Code == "FileAlreadyExists":
		return ErrExists
	case service.Code == "NoSuchKey":
		return ErrNotFound
	}
	f := &Failure{What: "OSS refused " + operation, Status: status}
	if service.Code == "BadErrorResponse" || !s.showable(service.Code) { // the first is the SDK's
		f.What = "an error answer that is not from OSS"
	} else {
		f.Code = service.Code
	}
	if s.showable(service.RequestID) {
		f.RequestID = service.RequestID
	}
	return f
}

// showable reports whether a code or an id is one word, and holds none of the keys.
func (s *OSS) showable(word string) bool {
	k := s.options().Keys
	for _, secret := range []string{k.ID, k.Secret, k.Token} {
		if secret != "" && strings.Contains(word, secret) {
			return false
		}
	}
	return word != "" && len(word) <= longestToken && isWord(word, upperCase+".-_")
}

// carrier takes the one request of one call to OSS and back. It keeps the transport's error before
// anything puts a URL into its text.
type carrier struct {
	store  *OSS
	most   int // bytes of a body
	file   bool
	status int // of the answer; 0: there is none
	err    error
}

// Do implements the SDK's HTTPClient. It refuses requests to any host but the bucket's and ones
// whose URL is signed, redirects, and answers that are too long.
func (t *carrier) Do(r *http.Request) (response *http.Response, err error) {
	response, t.err = t.carry(r)
	return response, t.err
}

func (t *carrier) carry(r *http.Request) (*http.Response, error) {
	u := r.URL
	if u.Scheme != t.store.scheme || u.Host != t.store.host || u.Opaque != "" || u.User != nil ||
		r.Host != "" && r.Host != t.store.host || signed(u.Query()) {
		return nil, errElsewhere
	}
	response, err := t.store.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode/100 == 3:
		return nil, errRedirect
	case headerSize(response.Header) > mostHeader:
		return nil, errHeader
	}
	most := t.most
	if response.StatusCode/100 != 2 {
		most = mostAnswer // an error's text, not the file
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(most)+1))
	switch {
	case err != nil:
		return nil, err
	case len(body) > most && response.StatusCode/100 == 2 && t.file:
		return nil, ErrTooLarge
	case len(body) > most:
		return nil, errTooLong
	}
	t.status = response.StatusCode
	response.Body = io.NopCloser(bytes.NewReader(body))
	response.Request = r
	return response, nil
}

// signed reports whether a query holds credentials.
func signed(query url.Values) bool {
	for name := range query {
		switch strings.ToLower(name) {
		case "signature", "ossaccesskeyid", "security-token", "x-oss-signature",
			"x-oss-credential", "x-oss-security-token":
			return true
		}
	}
	return false
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
	errElsewhere = errors.New("a request to another host than the bucket's was stopped")
	errRedirect  = errors.New("OSS's answer points to another host")
	errHeader    = fmt.Errorf("OSS's answer has a header of more than %d KiB", mostHeader>>10)
	errTooLong   = fmt.Errorf("OSS's answer has more than %d KiB", mostAnswer>>10)
)

// describe words an error of the transport. Its own words are not used: they can hold addresses and
// more.
func describe(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var timeout interface{ Timeout() bool }
	ours := []error{errElsewhere, errRedirect, errHeader, errTooLong}
	switch {
	case errors.Is(err, ErrTooLarge):
		return ErrTooLarge
	case slices.ContainsFunc(ours, func(our error) bool { return errors.Is(err, our) }):
		return &Failure{What: err.Error()}
	case errors.Is(err, context.Canceled):
		return &Failure{What: "the call was given up"}
	case errors.Is(err, context.DeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return &Failure{What: outOfTime}
	case errors.As(err, &dns):
		return &Failure{What: "the name of the bucket's host does not resolve: is the region " +
			"right?"}
	case errors.As(err, &op) && op.Op == "dial":
		return &Failure{What: "no connection to OSS: is the network open?"}
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &hostname):
		return &Failure{What: "the certificate of OSS's endpoint is not trusted"}
	}
	return &Failure{What: "the connection to OSS broke before there was a whole answer"}
}

// isBucket and isPrefix are the rules of REMEDY_EVIDENCE: a bucket becomes part of a host name, a
// prefix the beginning of keys (OSS help "Bucket naming conventions", "Object naming conventions").
func isBucket(name string) bool {
	return len(name) >= 3 && len(name) <= 63 && isWord(name, "-") && name[0] != '-' &&
		name[len(name)-1] != '-'
}

const (
	longestPrefix = 256
	upperCase     = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)

func isPrefix(prefix string) bool {
	for part := range strings.SplitSeq(prefix, "/") {
		if !isWord(part, upperCase+"._-") || part[0] == '.' || part[0] == '-' {
			return false
		}
	}
	return len(prefix) <= longestPrefix
}

// isLoopback reports whether it is an address of this machine and a port.
func isLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().IsLoopback()
}
