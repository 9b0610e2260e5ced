package evidence

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"ecs-remedy/function/internal/osssim"
)

// round is a transport.
type round func(*http.Request) (*http.Response, error)

func (f round) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// each calls every method of a store.
func each(ctx context.Context, s remover) map[string]error {
	_, get := s.Get(ctx, incident, "1-console.txt", 1<<20)
	_, list := s.List(ctx, incident)
	return map[string]error{
		"put": s.Put(ctx, incident, "1-console.txt", []byte("content"), true),
		"get": get, "list": list,
		"remove": s.Remove(ctx, incident, "1-console.txt"),
	}
}

// TestOSSFaults: whatever OSS does, each call is one request, and its error says what is the matter
// and nothing else.
func TestOSSFaults(t *testing.T) {
	for _, row := range []struct {
		fault osssim.Fault
		want  map[string]string // by method; empty: no error
	}{
		{"", map[string]string{}},
		{osssim.FaultRefuse, same("OSS refused * (AccessDenied, status 403, request *)")},
		{osssim.FaultFull, same("OSS refused * (UserDisable, status 403, request *)")},
		{osssim.FaultBusy, same("OSS refused * (ServiceUnavailable, status 503, request *)")},
		{osssim.FaultEcho, same("an error answer that is not from OSS (status 403)")},
		{osssim.FaultGarbage, same("an error answer that is not from OSS (status 502)")},
		{osssim.FaultRedirect, same("OSS's answer points to another host")},
		{osssim.FaultHugeHeader, same("OSS's answer has a header of more than 64 KiB")},
		{osssim.FaultLost, same("the connection to OSS broke before there was a whole answer")},
		{osssim.FaultHugeBody, map[string]string{
			"put": "OSS's answer has more than 256 KiB", "get": ErrTooLarge.Error(),
			"list":   "OSS's answer has more than 256 KiB",
			"remove": "OSS's answer has more than 256 KiB",
		}},
		{osssim.FaultWrongBody, map[string]string{
			"put": "OSS gave an answer to PutObject that does not fit it (status 200)",
			"get": "OSS gave an answer to GetObject that does not fit it (status 200)",
		}},
	} {
		t.Run(string(row.fault), func(t *testing.T) {
			s, store := newOSS(t)
			s.Add("ecs-remedy/a.b_C/"+incident+"/1-console.txt", []byte("content"))
			s.Break("", row.fault)
			for method, err := range each(t.Context(), store) {
				got := ""
				if err != nil {
					got = err.Error()
				}
				want := row.want[method]
				operation := map[string]string{"put": "PutObject", "get": "GetObject",
					"list": "ListObjectsV2", "remove": "DeleteObject"}[method]
				want = strings.Replace(want, "*", operation, 1)
				want = strings.Replace(want, "*", "5C3D9175B6FC201293AD4890", 1)
				if got != want {
					t.Errorf("%s: %q, want %q", method, got, want)
				}
				secretless(t, method, err)
			}
			if calls := s.Calls(); len(calls) != 4 {
				t.Errorf("want one request for each method: %v", calls)
			}
		})
	}
}

func same(text string) map[string]string {
	return map[string]string{"put": text, "get": text, "list": text, "remove": text}
}

// TestOSSHangs: a call ends with its context, and in any case after a while.
func TestOSSHangs(t *testing.T) {
	for _, limit := range []time.Duration{3 * time.Second, time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			s, store := newOSS(t)
			s.Break("", osssim.FaultHang)
			for _, call := range []func(context.Context) error{
				func(ctx context.Context) error {
					return store.Put(ctx, incident, "1-console.txt", []byte("x"), false)
				},
				func(ctx context.Context) error {
					_, err := store.Get(ctx, incident, "1-console.txt", 1)
					return err
				},
				func(ctx context.Context) error {
					_, err := store.List(ctx, incident)
					return err
				},
			} {
				ctx, cancel := context.WithTimeout(t.Context(), limit)
				start := time.Now()
				err := call(ctx)
				cancel()
				if took := time.Since(start); took != min(limit, callLimit) || err == nil ||
					err.Error() != outOfTime {
					t.Errorf("after %v: %v", took, err)
				}
				secretless(t, "hanging", err)
			}
		})
	}
}

// TestOSSRequests: what is sent is what was meant: private, signed in the header, to the right
// host.
func TestOSSRequests(t *testing.T) {
	for _, row := range []struct {
		options OSSOptions
		host    string
		why     string
	}{
		{OSSOptions{Internal: true}, "my-bucket.oss-cn-hangzhou-internal.aliyuncs.com",
			"free of charge, beside a function"},
		{OSSOptions{}, "my-bucket.oss-cn-hangzhou.aliyuncs.com", "from anywhere"},
		{OSSOptions{Internal: true, Endpoint: "http://127.0.0.1:1"}, "127.0.0.1:1", "a test"},
		{OSSOptions{Endpoint: "http://[::1]:1"}, "[::1]:1", "a test"},
	} {
		sim, _ := newOSS(t)
		var sent []*http.Request
		o := row.options
		o.Bucket, o.Prefix, o.Region, o.Keys = "my-bucket", "p", "cn-hangzhou", keys
		o.Base = round(func(r *http.Request) (*http.Response, error) {
			sent = append(sent, r.Clone(context.Background()))
			return sim.RoundTrip(r)
		})
		store, err := OpenOSS(o)
		if err != nil {
			t.Fatal(err)
		}
		for method, err := range each(t.Context(), store) {
			if err != nil && !(method == "get" && errors.Is(err, ErrNotFound)) {
				t.Errorf("%s to %s: %v", method, row.host, err)
			}
		}
		for _, r := range sent {
			if r.URL.Host != row.host || strings.Contains(r.URL.String(), mark) ||
				(r.URL.Scheme == "https") != (row.options.Endpoint == "") {
				t.Errorf("(%s) to %s", row.why, r.URL)
			}
			if r.Method == http.MethodPut && (r.Header.Get("x-oss-object-acl") != "private" ||
				r.Header.Get("Content-Type") != "text/plain; charset=utf-8") {
				t.Errorf("sent as %v", r.Header)
			}
		}
		if len(sent) != 4 {
			t.Errorf("%d requests", len(sent))
		}
	}

	sim, store := newOSS(t)
	if err := store.Put(t.Context(), incident, "incident.html", []byte("x"), true); err != nil {
		t.Error(err)
	}
	want := map[string]osssim.Object{"ecs-remedy/a.b_C/" + incident + "/incident.html": {
		Content: []byte("x"), ContentType: "text/html; charset=utf-8", ACL: "private"}}
	got := sim.Objects()
	for key, object := range got {
		object.Modified = time.Time{}
		got[key] = object
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stored (-want +got): %s", diff)
	}
}

// TestOSSTransportErrors: an error of the network is worded by us.
func TestOSSTransportErrors(t *testing.T) {
	for _, row := range []struct {
		err  error
		want string
	}{
		{&net.DNSError{Err: "no such host", Name: mark}, "the name of the bucket's host does not " +
			"resolve: is the region right?"},
		{&net.OpError{Op: "dial", Err: errors.New(mark)}, "no connection to OSS: is the network " +
			"open?"},
		{&net.OpError{Op: "read", Err: errors.New(mark)}, "the connection to OSS broke before " +
			"there was a whole answer"},
		{fmt.Errorf("%s: %w", mark, context.Canceled), "the call was given up"},
		{&net.DNSError{Err: mark, IsTimeout: true}, outOfTime},
		{io.ErrUnexpectedEOF, "the connection to OSS broke before there was a whole answer"},
	} {
		store, err := OpenOSS(OSSOptions{Bucket: "my-bucket", Prefix: "p", Region: "cn-hangzhou",
			Keys: keys, Base: round(func(*http.Request) (*http.Response, error) {
				return nil, row.err
			})})
		if err != nil {
			t.Fatal(err)
		}
		for method, err := range each(t.Context(), store) {
			if err == nil || err.Error() != row.want {
				t.Errorf("%v: %s: %v", row.err, method, err)
			}
			secretless(t, method, err)
		}
	}
	store, err := OpenOSS(OSSOptions{Bucket: "my-bucket", Prefix: "p", Region: "cn-hangzhou",
		Keys: keys, Base: round(func(*http.Request) (*http.Response, error) { panic(mark) })})
	if err != nil {
		t.Fatal(err)
	}
	for method, err := range each(t.Context(), store) {
		if err == nil || err.Error() != "the SDK could not make the call" {
			t.Errorf("a transport that panics: %s: %v", method, err)
		}
	}
}

// TestOSSLies: a list of names that are none, or of another folder, is not believed.
func TestOSSLies(t *testing.T) {
	sim, store := newOSS(t)
	folder := "ecs-remedy/a.b_C/" + incident + "/"
	for _, key := range []string{"1-console.txt", "x/../../secret.txt", "..", "a b.txt", "x.exe",
		"sub/1-console.txt", ""} {
		sim.Add(folder+key, nil)
	}
	names, err := store.List(t.Context(), incident)
	if diff := cmp.Diff([]string{"1-console.txt"}, names); diff != "" || err != nil {
		t.Errorf("%v, (-want +got) %s", err, diff)
	}
	lying, err := OpenOSS(OSSOptions{Bucket: "my-bucket", Prefix: "p", Region: "cn-hangzhou",
		Keys: keys, Base: round(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(
				strings.NewReader(`<ListBucketResult><Contents><Key>other/1-console.txt</Key>` +
					`</Contents><Contents></Contents></ListBucketResult>`))}, nil
		})})
	if err != nil {
		t.Fatal(err)
	}
	if names, err := lying.List(t.Context(), incident); err != nil || len(names) != 0 {
		t.Errorf("of another folder: %v, %v", names, err)
	}
}

// TestOpenOSS refuses what would end up in a host or a key.
func TestOpenOSS(t *testing.T) {
	good := OSSOptions{Bucket: "my-bucket", Prefix: "p", Region: "cn-hangzhou", Keys: keys}
	for _, change := range []func(*OSSOptions){
		func(o *OSSOptions) { o.Bucket = "" }, func(o *OSSOptions) { o.Bucket = "ab" },
		func(o *OSSOptions) { o.Bucket = "evil.example.com/" },
		func(o *OSSOptions) { o.Bucket = "a_b" }, func(o *OSSOptions) { o.Bucket = "-ab" },
		func(o *OSSOptions) { o.Bucket = "ab-" }, func(o *OSSOptions) { o.Bucket = "Abc" },
		func(o *OSSOptions) { o.Bucket = strings.Repeat("a", 64) },
		func(o *OSSOptions) { o.Prefix = "" }, func(o *OSSOptions) { o.Prefix = "/p" },
		func(o *OSSOptions) { o.Prefix = "p/" }, func(o *OSSOptions) { o.Prefix = "p//q" },
		func(o *OSSOptions) { o.Prefix = "p/../q" }, func(o *OSSOptions) { o.Prefix = "-p" },
		func(o *OSSOptions) { o.Prefix = "\u212a" }, // the Kelvin sign, whose lower case is k
		func(o *OSSOptions) { o.Prefix = strings.Repeat("p", 257) },
		func(o *OSSOptions) { o.Region = "" }, func(o *OSSOptions) { o.Region = "a.example.com/" },
		func(o *OSSOptions) { o.Region = "-a" }, func(o *OSSOptions) { o.Region = "a-" },
		func(o *OSSOptions) { o.Region = strings.Repeat("a", 41) },
		func(o *OSSOptions) { o.Keys.ID = "" }, func(o *OSSOptions) { o.Keys.Secret = "" },
		func(o *OSSOptions) { o.Endpoint = "https://example.com" },
		func(o *OSSOptions) { o.Endpoint = "http://10.0.0.1:80" },
		func(o *OSSOptions) { o.Endpoint = "http://127.0.0.1" },
		func(o *OSSOptions) { o.Endpoint = "http://127.0.0.1:80/x" },
		func(o *OSSOptions) { o.Endpoint = "http://127.0.0.1:80@example.com" },
	} {
		o := good
		change(&o)
		store, err := OpenOSS(o)
		if err == nil {
			t.Errorf("opened with %+v", store.options())
			continue
		}
		secretless(t, "the error", err)
	}
	store, err := OpenOSS(good)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(good.Keys)
	if err != nil {
		t.Fatal(err)
	}
	shown := string(text)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
		shown += fmt.Sprintf(verb+verb, store, good)
	}
	for _, never := range []string{mark, fmt.Sprintf("%x", mark)} {
		if strings.Contains(shown, never) {
			t.Errorf("%q is shown in %s", never, shown)
		}
	}
}

// TestOSSWrongKeys: OSS's own answer to a bad signature holds everything that was signed.
func TestOSSWrongKeys(t *testing.T) {
	sim, _ := newOSS(t)
	for code, wrong := range map[string]Keys{
		"SignatureDoesNotMatch": {keys.ID, "other-" + mark, keys.Token},
		"InvalidAccessKeyId":    {"other-" + mark, keys.Secret, keys.Token},
		"InvalidSecurityToken":  {keys.ID, keys.Secret, "other-" + mark},
	} {
		store, err := OpenOSS(OSSOptions{Bucket: "my-bucket", Prefix: "p", Region: "cn-hangzhou",
			Keys: wrong, Base: sim})
		if err != nil {
			t.Fatal(err)
		}
		for method, err := range each(t.Context(), store) {
			var f *Failure
			if !errors.As(err, &f) || f.Code != code {
				t.Errorf("%s: %v, want %s", method, err, code)
			}
			secretless(t, method, err)
		}
	}
}
