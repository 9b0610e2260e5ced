package osssim

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
	"github.com/google/go-cmp/cmp"
)

var options = Options{Bucket: "my-bucket", Region: "cn-hangzhou", AccessKeyID: "key-id",
	AccessKeySecret: "key-secret", SecurityToken: "sts-token"}

// TestDocumentedSignature holds the computation against two that others made: the canonical request
// of the document "Include a V4 signature in the header" (whose example names no real secret, so
// that only its hash can be checked), and a whole vector from the tests of the SDK.
func TestDocumentedSignature(t *testing.T) {
	header := http.Header{}
	for _, line := range []string{"content-disposition:attachment", "content-length:3",
		"content-md5:ICy5YqxZB1uWSwcVLSNLcA==", "content-type:text/plain",
		"x-oss-content-sha256:UNSIGNED-PAYLOAD", "x-oss-date:20250411T064124Z"} {
		name, value, _ := strings.Cut(line, ":")
		header.Set(name, value)
	}
	r := &http.Request{Method: "PUT", URL: &url.URL{Path: "/exampleobject"}, Header: header}
	got := canonicalRequest(r, "examplebucket", "exampleobject",
		[]string{"content-disposition", "content-length"})
	const want = `PUT
/examplebucket/exampleobject

content-disposition:attachment
content-length:3
content-md5:ICy5YqxZB1uWSwcVLSNLcA==
content-type:text/plain
x-oss-content-sha256:UNSIGNED-PAYLOAD
x-oss-date:20250411T064124Z

content-disposition;content-length
UNSIGNED-PAYLOAD`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the document's canonical request (-want +got): %s", diff)
	}

	header = http.Header{}
	for _, line := range []string{"x-oss-head1:value", "abc:value", "ZAbc:value", "XYZ:value",
		"content-type:text/plain", "x-oss-content-sha256:UNSIGNED-PAYLOAD"} {
		name, value, _ := strings.Cut(line, ":")
		header.Set(name, value)
	}
	query := url.Values{"param1": {"value1"}, "+param1": {"value3"}, "|param1": {"value4"},
		"+param2": {""}, "|param2": {""}, "param2": {""}}
	r = &http.Request{Method: "PUT", URL: &url.URL{RawQuery: query.Encode()}, Header: header}
	for _, row := range []struct {
		additional  []string
		stamp, want string
	}{
		{nil, "20231216T162057Z",
			"e21d18daa82167720f9b1047ae7e7f1ce7cb77a31e8203a7d5f4624fa0284afe"},
		{[]string{"abc", "zabc"}, "20231216T172512Z",
			"4a4183c187c07c8947db7620deb0a6b38d9fbdd34187b6dbaccb316fa251212f"},
	} {
		r.Header.Set("x-oss-date", row.stamp)
		canonical := canonicalRequest(r, "bucket", "1234+-/123/1.txt", row.additional)
		if got := signature("sk", row.stamp, "cn-hangzhou", canonical); got != row.want {
			t.Errorf("the SDK's vector with %v: %s, want %s", row.additional, got, row.want)
		}
	}
}

// through is an HTTP client of the SDK's.
type through struct{ base http.RoundTripper }

func (h through) Do(r *http.Request) (*http.Response, error) { return h.base.RoundTrip(r) }

// client is the SDK's, with one thing changed.
func client(base http.RoundTripper, change func(*oss.Config)) *oss.Client {
	c := oss.NewConfig().WithRegion(options.Region).WithRetryMaxAttempts(1).
		WithCredentialsProvider(credentials.NewStaticCredentialsProvider(options.AccessKeyID,
			options.AccessKeySecret, options.SecurityToken))
	c.HttpClient = through{base}
	if change != nil {
		change(c)
	}
	return oss.NewClient(c)
}

// TestOfficialClient lets the SDK do all there is, over a socket and in process.
func TestOfficialClient(t *testing.T) {
	for _, inProcess := range []bool{false, true} {
		t.Run(fmt.Sprint("in process ", inProcess), func(t *testing.T) {
			s := New(options)
			var c *oss.Client
			if inProcess {
				c = client(s, func(c *oss.Config) { c.WithUseInternalEndpoint(true) })
			} else {
				address, stop, err := s.Start()
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				c = client(http.DefaultTransport, func(c *oss.Config) { c.WithEndpoint(address) })
			}
			ctx := context.Background()
			bucket := oss.Ptr(options.Bucket)
			for _, key := range []string{"a/1 +%~.txt", "a/2", "a/3", "b/重启"} {
				_, err := c.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: &key,
					ForbidOverwrite: oss.Ptr("true"), Acl: oss.ObjectACLPrivate,
					Body: strings.NewReader("content of " + key)})
				if err != nil {
					t.Fatalf("put %s: %v", key, err)
				}
				got, err := c.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: &key})
				if err != nil {
					t.Fatalf("get %s: %v", key, err)
				}
				content, err := io.ReadAll(got.Body)
				if err != nil || string(content) != "content of "+key {
					t.Fatalf("get %s: %q, %v", key, content, err)
				}
			}
			if acl := s.Objects()["a/2"].ACL; acl != "private" {
				t.Errorf("the object's access control is %q", acl)
			}
			_, err := c.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("a/2"),
				ForbidOverwrite: oss.Ptr("true"), Body: strings.NewReader("other")})
			refused(t, err, 409, "FileAlreadyExists")
			_, err = c.PutObject(ctx, &oss.PutObjectRequest{Bucket: bucket, Key: oss.Ptr("a/2"),
				Body: strings.NewReader("other")})
			if err != nil || string(s.Objects()["a/2"].Content) != "other" {
				t.Errorf("overwritten: %v, %q", err, s.Objects()["a/2"].Content)
			}

			var keys []string
			request := &oss.ListObjectsV2Request{Bucket: bucket, Prefix: oss.Ptr("a/"), MaxKeys: 2}
			for pages := 0; ; pages++ {
				page, err := c.ListObjectsV2(ctx, request)
				if err != nil || pages > 3 {
					t.Fatalf("list, page %d: %v", pages, err)
				}
				for _, object := range page.Contents {
					keys = append(keys, *object.Key)
				}
				if !page.IsTruncated {
					break
				}
				request.ContinuationToken = page.NextContinuationToken
			}
			if diff := cmp.Diff([]string{"a/1 +%~.txt", "a/2", "a/3"}, keys); diff != "" {
				t.Errorf("list (-want +got): %s", diff)
			}
			for range 2 { // also of what is not there
				_, err = c.DeleteObject(ctx, &oss.DeleteObjectRequest{Bucket: bucket,
					Key: oss.Ptr("a/2")})
				if err != nil {
					t.Errorf("delete: %v", err)
				}
			}
			_, err = c.GetObject(ctx, &oss.GetObjectRequest{Bucket: bucket, Key: oss.Ptr("a/2")})
			refused(t, err, 404, "NoSuchKey")
			_, err = c.GetObject(ctx, &oss.GetObjectRequest{Bucket: oss.Ptr("other-bucket"),
				Key: oss.Ptr("a")})
			refused(t, err, 404, "NoSuchBucket")
		})
	}
}

func refused(t *testing.T, err error, status int, code string) {
	t.Helper()
	var e *oss.ServiceError
	if !errors.As(err, &e) || e.StatusCode != status || e.Code != code || e.RequestID != requestID {
		t.Errorf("%v, want %d %s", err, status, code)
	}
}

// changed alters a signed request on its way.
type changed struct {
	base   http.RoundTripper
	change func(*http.Request)
}

func (c changed) RoundTrip(r *http.Request) (*http.Response, error) {
	c.change(r)
	return c.base.RoundTrip(r)
}

// TestForgedRequests: what is signed cannot be changed, and only the right keys sign.
func TestForgedRequests(t *testing.T) {
	keys := func(id, secret, token string) func(*oss.Config) {
		return func(c *oss.Config) {
			c.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(id, secret, token))
		}
	}
	now := time.Now()
	for _, row := range []struct {
		name   string
		config func(*oss.Config)
		change func(*http.Request)
		at     time.Duration // of the server's clock, after ours
		status int
		code   string
	}{
		{name: "as it should be"},
		{name: "another secret", config: keys("key-id", "other", "sts-token"), status: 403,
			code: "SignatureDoesNotMatch"},
		{name: "another key", config: keys("other", "key-secret", "sts-token"), status: 403,
			code: "InvalidAccessKeyId"},
		{name: "another token", config: keys("key-id", "key-secret", "other"), status: 403,
			code: "InvalidSecurityToken"},
		{name: "no token", config: keys("key-id", "key-secret", ""), status: 403,
			code: "InvalidSecurityToken"},
		{name: "another region", config: func(c *oss.Config) {
			c.WithRegion("cn-beijing").WithEndpoint("https://oss-cn-hangzhou.aliyuncs.com")
		}, status: 400, code: "InvalidArgument"},
		{name: "the older signature", config: func(c *oss.Config) {
			c.WithSignatureVersion(oss.SignatureVersionV1)
		}, status: 403, code: "AccessDenied"},
		{name: "another key of an object", change: func(r *http.Request) { r.URL.Path += "x" },
			status: 403, code: "SignatureDoesNotMatch"},
		{name: "another access control", change: func(r *http.Request) {
			r.Header.Set("x-oss-object-acl", "public-read")
		}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "overwriting after all", change: func(r *http.Request) {
			r.Header.Del("x-oss-forbid-overwrite")
		}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "another parameter", change: func(r *http.Request) {
			r.URL.RawQuery = "x-oss-traffic-limit=1"
		}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "another method", change: func(r *http.Request) { r.Method = "DELETE" },
			status: 403, code: "SignatureDoesNotMatch"},
		{name: "another time", change: func(r *http.Request) {
			r.Header.Set("x-oss-date", now.UTC().Add(2*time.Second).Format(timeForm))
		}, status: 403, code: "SignatureDoesNotMatch"},
		{name: "another day", change: func(r *http.Request) {
			r.Header.Set("x-oss-date", now.UTC().Add(48*time.Hour).Format(timeForm))
		}, status: 403, code: "AccessDenied"},
		{name: "too late", at: 15*time.Minute + 2*time.Second, status: 403,
			code: "RequestTimeTooSkewed"},
		{name: "late", at: 15*time.Minute - 2*time.Second},
		{name: "unsigned", change: func(r *http.Request) { r.Header.Del("Authorization") },
			status: 403, code: "AccessDenied"},
		{name: "presigned", change: func(r *http.Request) {
			r.URL.RawQuery = "x-oss-signature=" + r.Header.Get("Authorization")[70:]
		}, status: 403, code: "AccessDenied"},
		{name: "no length", change: func(r *http.Request) { r.ContentLength = -1 }, status: 411,
			code: "MissingContentLength"},
		{name: "half a body", change: func(r *http.Request) { r.ContentLength = 1 }, status: 400,
			code: "IncompleteBody"},
	} {
		t.Run(row.name, func(t *testing.T) {
			o := options
			o.Now = func() time.Time { return now.Add(row.at) }
			s := New(o)
			change := row.change
			if change == nil {
				change = func(*http.Request) {}
			}
			c := client(changed{s, change}, row.config)
			_, err := c.PutObject(context.Background(), &oss.PutObjectRequest{
				Bucket: oss.Ptr(options.Bucket), Key: oss.Ptr("a/b"),
				ForbidOverwrite: oss.Ptr("true"), Acl: oss.ObjectACLPrivate,
				Body: strings.NewReader("content")})
			if row.code == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			refused(t, err, row.status, row.code)
			if len(s.Objects()) != 0 {
				t.Error("it was done all the same")
			}
		})
	}
}

// TestFaults: each fault is seen by the caller, and done or not done as it says.
func TestFaults(t *testing.T) {
	get := func(s *Server, ctx context.Context) (string, error) {
		result, err := client(s, nil).GetObject(ctx, &oss.GetObjectRequest{
			Bucket: oss.Ptr(options.Bucket), Key: oss.Ptr("k")})
		if err != nil {
			return "", err
		}
		content, err := io.ReadAll(result.Body)
		return string(content), err
	}
	for fault, want := range map[Fault]string{
		FaultRefuse: "Error Code: AccessDenied", FaultFull: "Error Code: UserDisable",
		FaultBusy: "Error Code: ServiceUnavailable", FaultEcho: "Error Code: OSS4-HMAC-SHA256",
		FaultGarbage: "BadErrorResponse", FaultRedirect: "Code: 307", FaultLost: "unexpected EOF",
	} {
		s := New(options)
		s.Add("k", []byte("content"))
		s.Break("", fault)
		if _, err := get(s, context.Background()); err == nil ||
			!strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", fault, err, want)
		}
		s.Break("", "")
		if content, err := get(s, context.Background()); err != nil || content != "content" {
			t.Errorf("after %s: %q, %v", fault, content, err)
		}
		calls := s.Calls()
		if len(calls) != 2 || calls[0].Code == "" || calls[1] != (Call{OperationGet, "k", ""}) {
			t.Errorf("%s: %v", fault, calls)
		}
	}
	s := New(options)
	s.Add("k", []byte("content"))
	for fault, good := range map[Fault]func(string) bool{
		FaultWrongBody:  func(body string) bool { return body == "something else" },
		FaultHugeBody:   func(body string) bool { return len(body) == mostInProcess },
		FaultHugeHeader: func(body string) bool { return body == "" },
	} {
		s.Break(OperationGet, fault)
		if content, err := get(s, context.Background()); err != nil || !good(content) {
			t.Errorf("%s: %d bytes, %v", fault, len(content), err)
		}
	}

	s.Break(OperationGet, "")
	s.Break(OperationPut, FaultLost)
	_, err := client(s, nil).PutObject(context.Background(), &oss.PutObjectRequest{
		Bucket: oss.Ptr(options.Bucket), Key: oss.Ptr("k"), Body: bytes.NewReader([]byte("new"))})
	if content := s.Objects()["k"].Content; err == nil || string(content) != "new" {
		t.Errorf("lost: %v, and %q is there", err, content)
	}

	synctest.Test(t, func(t *testing.T) {
		s.Break(OperationGet, FaultHang)
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		start := time.Now()
		if _, err := get(s, ctx); !errors.Is(err, context.DeadlineExceeded) ||
			time.Since(start) != time.Hour {
			t.Errorf("it hung for %v: %v", time.Since(start), err)
		}
	})
}
