// Package osssim is a small OSS: one bucket, over HTTP or in process, that checks signatures and
// can be told to misbehave. It is for tests and rehearsals; nothing of it lasts.
//
// It implements PutObject, GetObject, ListObjectsV2 and DeleteObject as their API documents have
// them, with the errors that a caller meets (document "Error responses"). Signatures are checked by
// a computation of its own from the document "Include a V4 signature in the header", not with the
// SDK's code.
package osssim

import (
	"bytes"
	"cmp"
	"crypto/md5"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"hash/crc64"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options say which bucket there is, and whose keys may use it.
type Options struct {
	Bucket, Region               string
	AccessKeyID, AccessKeySecret string
	SecurityToken                string           // of temporary keys; empty: none may be sent
	Now                          func() time.Time // nil: time.Now
}

// Object is what is stored under a key.
type Object struct {
	Content     []byte
	ContentType string
	ACL         string // as x-oss-object-acl had it; empty: the bucket's
	Modified    time.Time
}

// Call is a request that was answered, or hung.
type Call struct {
	Operation Operation // empty: not one that there is
	Key       string    // of a list: the prefix
	Code      string    // of the error; empty: it was done
}

// Operation is what a request asks for.
type Operation string

// The operations that there are.
const (
	OperationPut    Operation = "PutObject"
	OperationGet    Operation = "GetObject"
	OperationList   Operation = "ListObjectsV2"
	OperationDelete Operation = "DeleteObject"
)

// Server is the bucket. It is an http.Handler, and an http.RoundTripper for callers in the same
// process. It is safe for concurrent use.
type Server struct {
	options Options

	mutex   sync.Mutex
	objects map[string]Object
	faults  map[Operation]Fault
	calls   []Call
}

// New returns a server with an empty bucket.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{options: o, objects: map[string]Object{}, faults: map[Operation]Fault{}}
}

// Start serves on a free port of this machine until stop is called. The address is
// http://HOST:PORT.
func (s *Server) Start() (address string, stop func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go server.Serve(listener) // ends with Close
	return "http://" + listener.Addr().String(), func() { server.Close() }, nil
}

// Objects returns what the bucket holds, by key.
func (s *Server) Objects() map[string]Object {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return maps.Clone(s.objects)
}

// Add stores an object as somebody else would have.
func (s *Server) Add(key string, content []byte) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.objects[key] = Object{Content: content, Modified: s.options.Now()}
}

// Calls returns the requests so far, in the order of their ends; one that hangs is among them from
// its beginning.
func (s *Server) Calls() []Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.calls)
}

func (s *Server) record(c Call) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls = append(s.calls, c)
}

// request is one that was understood.
type request struct {
	operation   Operation
	bucket, key string
	query       url.Values
	body        []byte
}

// problem is an error answer.
type problem struct {
	status        int
	code, message string
}

const (
	largestBody = 32 << 20 // of an object, in bytes; OSS itself takes 5 GB
	longestKey  = 1023     // bytes (document "Object naming conventions")
)

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Server", "AliyunOSS")
	w.Header().Set("Date", s.options.Now().UTC().Format(http.TimeFormat))
	w.Header().Set("X-Oss-Request-Id", requestID)
	q, p := s.understand(r)
	if p == nil {
		p = s.authenticate(r, q)
	}
	if p == nil {
		s.mutex.Lock()
		fault := cmp.Or(s.faults[q.operation], s.faults[""])
		s.mutex.Unlock()
		if fault != "" && s.misbehave(w, r, q, fault) {
			return
		}
		p = s.do(w, q, r.Header)
	}
	call := Call{Operation: q.operation, Key: q.key}
	if p != nil {
		call.Code = p.code
	}
	s.record(call)
	if p != nil {
		s.fail(w, p)
	}
}

// requestID is that of every answer.
const requestID = "5C3D9175B6FC201293AD4890"

// fail answers with an error.
func (s *Server) fail(w http.ResponseWriter, p *problem) {
	text := func(s string) string {
		var b strings.Builder
		xml.EscapeText(&b, []byte(s)) // into a Builder, which takes everything
		return b.String()
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(p.status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?>
<Error>
  <Code>%s</Code>
  <Message>%s</Message>
  <RequestId>%s</RequestId>
  <HostId>%s.oss-%s.aliyuncs.com</HostId>
</Error>
`, text(p.code), text(p.message), text(w.Header().Get("X-Oss-Request-Id")),
		text(s.options.Bucket), text(s.options.Region))
}

// understand finds out what a request asks for.
func (s *Server) understand(r *http.Request) (q request, p *problem) {
	path := strings.TrimPrefix(r.URL.EscapedPath(), "/")
	if bucket, ok := s.virtual(r.Host); ok {
		q.bucket = bucket
	} else { // an address and no name
		q.bucket, path, _ = strings.Cut(path, "/")
	}
	var err error
	if q.key, err = url.PathUnescape(path); err != nil {
		return q, &problem{400, "InvalidURI", "Couldn't parse the specified URI."}
	}
	if q.query, err = url.ParseQuery(r.URL.RawQuery); err != nil {
		return q, &problem{400, "InvalidURI", "Couldn't parse the specified URI."}
	}
	switch {
	case r.Method == http.MethodPut && q.key != "":
		q.operation = OperationPut
	case r.Method == http.MethodGet && q.key != "":
		q.operation = OperationGet
	case r.Method == http.MethodGet && q.query.Get("list-type") == "2":
		q.operation, q.key = OperationList, q.query.Get("prefix")
	case r.Method == http.MethodDelete && q.key != "":
		q.operation = OperationDelete
	default:
		return q, &problem{501, "NotImplemented", "A header you provided implies " +
			"functionality that is not implemented."}
	}
	switch q.operation {
	case OperationPut, OperationGet, OperationDelete:
		for parameter := range q.query { // x-oss-process, acl, tagging and many more
			if !strings.HasPrefix(parameter, "x-oss-") {
				return q, &problem{501, "NotImplemented", "no sub-resource is simulated"}
			}
		}
	}
	if r.Method == http.MethodPut {
		if r.ContentLength < 0 && !slices.Contains(r.TransferEncoding, "chunked") {
			return q, &problem{411, "MissingContentLength", "You must provide the " +
				"Content-Length HTTP header."}
		}
		q.body, err = io.ReadAll(io.LimitReader(r.Body, largestBody+1))
		switch {
		case err != nil || r.ContentLength >= 0 && int64(len(q.body)) != r.ContentLength:
			return q, &problem{400, "IncompleteBody", "The request body is incomplete."}
		case len(q.body) > largestBody:
			return q, &problem{400, "EntityTooLarge", "Your proposed upload exceeds the " +
				"maximum allowed object size."}
		}
	}
	return q, nil
}

// virtual returns the bucket that a host names, such as BUCKET.oss-REGION-internal.aliyuncs.com. An
// address of this machine names none.
func (s *Server) virtual(host string) (bucket string, ok bool) {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if a, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil && a.IsLoopback() {
		return "", false
	}
	bucket, _, _ = strings.Cut(name, ".")
	return bucket, true
}

// known reports whether a host is one of OSS in the server's region, or an address of this machine.
func (s *Server) known(host string) bool {
	bucket, isVirtual := s.virtual(host)
	if !isVirtual {
		return true
	}
	rest := strings.TrimPrefix(host, bucket+".oss-"+s.options.Region)
	return rest == ".aliyuncs.com" || rest == "-internal.aliyuncs.com"
}

// do carries out what was asked for.
func (s *Server) do(w http.ResponseWriter, q request, header http.Header) *problem {
	if q.bucket != s.options.Bucket {
		return &problem{404, "NoSuchBucket", "The specified bucket does not exist."}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	object, exists := s.objects[q.key]
	switch q.operation {
	case OperationPut:
		return s.put(w, q, header, exists)
	case OperationGet:
		if !exists {
			return &problem{404, "NoSuchKey", "The specified key does not exist."}
		}
		w.Header().Set("Content-Type", cmp.Or(object.ContentType, "application/octet-stream"))
		w.Header().Set("X-Oss-Hash-Crc64ecma", checksum(object.Content))
		w.Header().Set("Content-Length", strconv.Itoa(len(object.Content)))
		w.Write(object.Content)
	case OperationList:
		return s.list(w, q.query)
	case OperationDelete: // also of what is not there
		delete(s.objects, q.key)
		w.WriteHeader(http.StatusNoContent)
	}
	return nil
}

// put stores an object. It is called with the mutex held.
func (s *Server) put(w http.ResponseWriter, q request, header http.Header, exists bool) *problem {
	sum := md5.Sum(q.body)
	given := header.Get("Content-MD5")
	forbid := header.Get("X-Oss-Forbid-Overwrite")
	acl := header.Get("X-Oss-Object-Acl")
	switch {
	case len(q.key) > longestKey || strings.HasPrefix(q.key, "/") ||
		strings.HasPrefix(q.key, `\`):
		return &problem{400, "InvalidObjectName", "The specified object is not valid."}
	case given != "" && given != base64.StdEncoding.EncodeToString(sum[:]):
		return &problem{400, "InvalidDigest", "The Content-MD5 you specified was invalid."}
	case forbid != "" && forbid != "true" && forbid != "false":
		return &problem{400, "InvalidArgument", "x-oss-forbid-overwrite"}
	case !slices.Contains([]string{"", "default", "private", "public-read",
		"public-read-write"}, acl):
		return &problem{400, "InvalidArgument", "no such object access control exists"}
	case exists && forbid == "true":
		return &problem{409, "FileAlreadyExists", "The object you specified already exists and " +
			"can not be overwritten."}
	}
	s.objects[q.key] = Object{Content: q.body, ContentType: header.Get("Content-Type"), ACL: acl,
		Modified: s.options.Now()}
	w.Header().Set("ETag", fmt.Sprintf("\"%X\"", sum))
	w.Header().Set("Content-MD5", base64.StdEncoding.EncodeToString(sum[:]))
	w.Header().Set("X-Oss-Hash-Crc64ecma", checksum(q.body))
	w.WriteHeader(http.StatusOK)
	return nil
}

func checksum(content []byte) string {
	return strconv.FormatUint(crc64.Checksum(content, crc64.MakeTable(crc64.ECMA)), 10)
}

// list answers a ListObjectsV2, without delimiters. It is called with the mutex held.
func (s *Server) list(w http.ResponseWriter, query url.Values) *problem {
	most := 100
	if given := query.Get("max-keys"); given != "" {
		n, err := strconv.Atoi(given)
		if err != nil || n < 1 || n > 1000 {
			return &problem{400, "InvalidArgument", "max-keys"}
		}
		most = n
	}
	encode := func(s string) string { return s }
	switch query.Get("encoding-type") {
	case "":
	case "url":
		encode = url.QueryEscape
	default:
		return &problem{400, "InvalidArgument", "encoding-type"}
	}
	if query.Get("delimiter") != "" {
		return &problem{501, "NotImplemented", "no delimiter is simulated"}
	}
	after := query.Get("start-after")
	if token := query.Get("continuation-token"); token != "" {
		key, err := base64.URLEncoding.DecodeString(token)
		if err != nil {
			return &problem{400, "InvalidArgument", "The continuation token provided is incorrect."}
		}
		after = string(key)
	}
	type content struct {
		Key, LastModified, ETag, Type string
		Size                          int
		StorageClass                  string
	}
	result := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Name, Prefix          string
		MaxKeys               int
		EncodingType          string `xml:",omitempty"`
		IsTruncated           bool
		NextContinuationToken string    `xml:",omitempty"`
		Contents              []content `xml:"Contents"`
		KeyCount              int
	}{Name: s.options.Bucket, Prefix: encode(query.Get("prefix")), MaxKeys: most,
		EncodingType: query.Get("encoding-type")}
	last := ""
	for _, key := range slices.Sorted(maps.Keys(s.objects)) {
		if !strings.HasPrefix(key, query.Get("prefix")) || key <= after {
			continue
		}
		if result.KeyCount == most {
			result.IsTruncated = true
			result.NextContinuationToken = base64.URLEncoding.EncodeToString([]byte(last))
			break
		}
		object := s.objects[key]
		result.Contents = append(result.Contents, content{Key: encode(key),
			LastModified: object.Modified.UTC().Format("2006-01-02T15:04:05.000Z"),
			ETag:         fmt.Sprintf("\"%X\"", md5.Sum(object.Content)), Type: "Normal",
			Size: len(object.Content), StorageClass: "Standard"})
		result.KeyCount++
		last = key
	}
	var body bytes.Buffer
	body.WriteString(xml.Header)
	if err := xml.NewEncoder(&body).Encode(result); err != nil {
		return &problem{500, "InternalError", "We encountered an internal error."}
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Write(body.Bytes())
	return nil
}
