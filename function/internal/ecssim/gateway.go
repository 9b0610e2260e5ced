package ecssim

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The default credentials, which may do everything.
const (
	DefaultKeyID  = "STS.simulated"
	DefaultSecret = "simulated-secret"
	DefaultToken  = "simulated-token"
)

// maxSkew is how far the Timestamp of a request may be from ECS's clock ("Request signatures").
const maxSkew = 15 * time.Minute

// Key is an access key and what RAM lets it do. Zero fields are those of the default key.
type Key struct {
	ID, Secret, Token string
	Account           string
	Expires           time.Time // of the token, by the World's clock; zero: never
	// Actions are what the key may do; nil: everything.
	Actions []string
	// RebootTag lets RebootInstance through only for instances with this tag, key and value; empty:
	// for all.
	RebootTag [2]string
}

// SetKey adds a key or replaces the one with the same ID.
func (w *World) SetKey(k Key) {
	if k.ID == "" {
		k.ID = DefaultKeyID
	}
	if k.Secret == "" {
		k.Secret = DefaultSecret
	}
	if k.Token == "" {
		k.Token = DefaultToken
	}
	if k.Account == "" {
		k.Account = DefaultAccount
	}
	k.Actions = slices.Clone(k.Actions)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[k.ID] = &k
}

func (k *Key) may(action string) bool {
	return k.Actions == nil || slices.Contains(k.Actions, action)
}

// request is an HTTP request as the gateway sees it.
type request struct {
	method, scheme, host string
	query                query
	visitor              bool // see World.Visitors
}

// readRequest takes the parameters from the query and a form body, as the RPC style allows both.
func readRequest(r *http.Request) (request, error) {
	q := request{method: r.Method, host: r.Host, scheme: "http"}
	if q.host == "" {
		q.host = r.URL.Host
	}
	if r.URL.Scheme == "https" || r.TLS != nil {
		q.scheme = "https"
	}
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return q, err
	}
	q.query = query(values)
	if r.Body == nil || !strings.HasPrefix(r.Header.Get("Content-Type"),
		"application/x-www-form-urlencoded") {
		return q, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		return q, err
	}
	form, err := url.ParseQuery(string(body))
	for name, value := range form {
		values[name] = append(values[name], value...)
	}
	return q, err
}

// apiError is an error answer.
type apiError struct {
	status        int
	code, message string
	denied, kind  string // the action that RAM denied, and how
}

func refuse(status int, code, format string, args ...any) *apiError {
	return &apiError{status: status, code: code, message: fmt.Sprintf(format, args...)}
}

// inspect makes the gateway's checks, in the order in which a request is taken apart. The string
// says in a word what was wrong.
func (w *World) inspect(r request, now time.Time) (*Key, string, *apiError) {
	q := r.query
	for name, values := range q {
		if len(values) > 1 {
			return nil, "parameter", refuse(400, "InvalidParameter",
				"The parameter %s is given more than once.", name)
		}
	}
	if q.get("Version") != "2014-05-26" {
		return nil, "version", refuse(400, "InvalidVersion",
			"Specified parameter Version is not valid.")
	}
	if q.get("Format") != "JSON" {
		// The real one answers in XML then. Nobody here reads XML, so it is a mistake.
		return nil, "format", refuse(400, "InvalidParameter.Format",
			"The simulator speaks JSON only.")
	}
	key := w.keys[q.get("AccessKeyId")]
	if key == nil {
		return nil, "key", refuse(404, "InvalidAccessKeyId.NotFound",
			"Specified access key is not found.")
	}
	switch token := q.get("SecurityToken"); {
	case token == "":
		return nil, "token", refuse(400, "MissingSecurityToken",
			"SecurityToken is mandatory for this action.")
	case token != key.Token:
		return nil, "token", refuse(400, "InvalidSecurityToken.MismatchWithAccessKey",
			"Specified SecurityToken mismatch with the AccessKey.")
	case !key.Expires.IsZero() && !now.Before(key.Expires.Add(w.Skew)):
		return nil, "token", refuse(400, "InvalidSecurityToken.Expired",
			"Specified SecurityToken is expired.")
	}
	stamp, err := time.Parse("2006-01-02T15:04:05Z", q.get("Timestamp"))
	if err != nil {
		return nil, "timestamp", refuse(400, "InvalidTimeStamp.Format",
			"Specified time stamp or date value is not well formatted.")
	}
	signing := now
	if w.SigningClock != nil {
		signing = w.SigningClock().Add(w.Skew)
	}
	if signing.Sub(stamp).Abs() > maxSkew {
		return nil, "timestamp", refuse(400, "InvalidTimeStamp.Expired",
			"Specified time stamp or date value is expired.")
	}
	nonce := q.get("SignatureNonce")
	if q.get("SignatureMethod") != "HMAC-SHA1" || q.get("SignatureVersion") != "1.0" ||
		q.get("Signature") == "" || nonce == "" {
		return nil, "signature", refuse(400, "IncompleteSignature",
			"The request signature does not conform to Aliyun standards.")
	}
	text := stringToSign(r.method, q)
	if !hmac.Equal([]byte(q.get("Signature")), []byte(sign(text, key.Secret))) {
		return nil, "signature", refuse(400, "SignatureDoesNotMatch",
			"Specified signature is not matched with our calculation. server string to sign is:%s",
			text)
	}
	if w.nonces[nonce] {
		return nil, "nonce", refuse(400, "SignatureNonceUsed",
			"Specified signature nonce was used already.")
	}
	w.nonces[nonce] = true
	return key, "", nil
}

// stringToSign is the canonical form of a request ("Request signatures").
func stringToSign(method string, q query) string {
	var pairs []string
	// Sorted by name: sorting the pairs would put "Tag.1.Key=" before "Tag=".
	for _, name := range slices.Sorted(maps.Keys(q)) {
		if name != "Signature" {
			pairs = append(pairs, escape(name)+"="+escape(q.get(name)))
		}
	}
	return method + "&%2F&" + escape(strings.Join(pairs, "&"))
}

func sign(text, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// escape is RFC 3986's percent-encoding.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// query is the parameters of a call.
type query url.Values

func (q query) get(name string) string { return url.Values(q).Get(name) }

// list is the parameter name.1, name.2 and so on.
func (q query) list(name string) (values []string) {
	for n := 1; ; n++ {
		value := q.get(name + "." + strconv.Itoa(n))
		if value == "" {
			return values
		}
		values = append(values, value)
	}
}

func (q query) flag(name string) bool { return q.get(name) == "true" }

// instances are those that the call names, in any of the ways that the operations have.
func (q query) instances() []string {
	if text := q.get("InstanceIds"); text != "" {
		var ids []string
		if json.Unmarshal([]byte(text), &ids) != nil {
			return nil
		}
		return ids
	}
	if id := q.get("InstanceId"); id != "" {
		return []string{id}
	}
	return append(q.list("InstanceId"), q.list("ResourceId")...)
}

// public is the parameters without what must stay secret.
func (q query) public() url.Values {
	shown := url.Values{}
	for name, values := range q {
		if name != "Signature" && name != "SecurityToken" {
			shown[name] = slices.Clone(values)
		}
	}
	return shown
}
