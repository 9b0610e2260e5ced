package osssim

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	algorithm  = "OSS4-HMAC-SHA256"
	timeForm   = "20060102T150405Z"
	dateForm   = "20060102"
	mostSkewed = 15 * time.Minute // between a request's time and ours
)

// authenticate checks who sent the request, and that nothing that is signed was changed. A URL that
// is signed in its query is refused whatever its signature: nobody here may make one.
func (s *Server) authenticate(r *http.Request, q request) *problem {
	denied := func(message string) *problem { return &problem{403, "AccessDenied", message} }
	for _, parameter := range []string{"x-oss-signature", "Signature", "x-oss-credential"} {
		if q.query.Has(parameter) {
			return denied("presigned URLs are not simulated")
		}
	}
	fields, ok := authorization(r.Header.Get("Authorization"))
	if !ok {
		return denied("no V4 signature in the header Authorization")
	}
	id, scope, _ := strings.Cut(fields["Credential"], "/")
	parts := strings.Split(scope, "/")
	stamp := r.Header.Get("X-Oss-Date")
	at, err := time.Parse(timeForm, stamp)
	switch {
	case len(parts) != 4 || parts[2] != "oss" || parts[3] != "aliyun_v4_request":
		return &problem{400, "InvalidArgument", "Invalid Credential in Authorization header."}
	case parts[1] != s.options.Region:
		return &problem{400, "InvalidArgument",
			"Invalid signing region in Authorization header."}
	case err != nil || parts[0] != at.Format(dateForm):
		return denied("the header x-oss-date does not fit the signature")
	case s.options.Now().Sub(at).Abs() > mostSkewed:
		return &problem{403, "RequestTimeTooSkewed", "The difference between the request time " +
			"and the current time is too large."}
	case id != s.options.AccessKeyID:
		return &problem{403, "InvalidAccessKeyId",
			"The OSS Access Key Id you provided does not exist in our records."}
	case r.Header.Get("X-Oss-Security-Token") != s.options.SecurityToken:
		return &problem{403, "InvalidSecurityToken",
			"The security token you provided is invalid."}
	case r.Header.Get("X-Oss-Content-Sha256") != "UNSIGNED-PAYLOAD":
		return &problem{400, "InvalidArgument", "x-oss-content-sha256"}
	}
	var additional []string
	if fields["AdditionalHeaders"] != "" {
		additional = strings.Split(fields["AdditionalHeaders"], ";")
	}
	canonical := canonicalRequest(r, q.bucket, objectOf(q), additional)
	want := signature(s.options.AccessKeySecret, stamp, s.options.Region, canonical)
	if !hmac.Equal([]byte(want), []byte(fields["Signature"])) {
		// OSS sends what it signed itself, the token included.
		return &problem{403, "SignatureDoesNotMatch", "The request signature we calculated " +
			"does not match the signature you provided. " + canonical}
	}
	return nil
}

// objectOf is the object's key in the request's path: none of a list.
func objectOf(q request) string {
	if q.operation == OperationList {
		return ""
	}
	return q.key
}

// authorization splits "OSS4-HMAC-SHA256 Credential=…,AdditionalHeaders=…,Signature=…".
func authorization(header string) (fields map[string]string, ok bool) {
	rest, ok := strings.CutPrefix(header, algorithm+" ")
	if !ok {
		return nil, false
	}
	fields = map[string]string{}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, ok := strings.Cut(strings.TrimSpace(field), "=")
		known := slices.Contains([]string{"Credential", "AdditionalHeaders", "Signature"}, name)
		if _, twice := fields[name]; !ok || !known || twice {
			return nil, false
		}
		fields[name] = value
	}
	return fields, fields["Credential"] != "" && fields["Signature"] != ""
}

// canonicalRequest is the text whose hash is signed.
func canonicalRequest(r *http.Request, bucket, key string, additional []string) string {
	var b strings.Builder
	b.WriteString(r.Method + "\n")
	b.WriteString(encode("/"+bucket+"/"+key, "/") + "\n")

	var query []string
	for name, values := range r.URL.Query() {
		for _, value := range values {
			pair := encode(name, "")
			if value != "" {
				pair += "=" + encode(value, "")
			}
			query = append(query, pair)
		}
	}
	slices.SortFunc(query, func(a, b string) int {
		nameA, _, _ := strings.Cut(a, "=")
		nameB, _, _ := strings.Cut(b, "=")
		return strings.Compare(nameA, nameB)
	})
	b.WriteString(strings.Join(query, "&") + "\n")

	var signed []string
	for name := range r.Header {
		name = strings.ToLower(name)
		if strings.HasPrefix(name, "x-oss-") || name == "content-type" || name == "content-md5" ||
			slices.Contains(additional, name) {
			signed = append(signed, name)
		}
	}
	slices.Sort(signed)
	for _, name := range signed {
		var values []string
		for _, value := range r.Header.Values(name) {
			values = append(values, strings.TrimSpace(value))
		}
		b.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	b.WriteString("\n" + strings.Join(additional, ";") + "\n")
	b.WriteString(r.Header.Get("X-Oss-Content-Sha256"))
	return b.String()
}

// encode escapes all but letters, digits, - . _ ~ and what else is kept, byte by byte.
func encode(s, kept string) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
			strings.IndexByte("-._~"+kept, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteString("%" + string(hexDigits[c>>4]) + string(hexDigits[c&15]))
	}
	return b.String()
}

// signature signs a canonical request at a time, with a key that is derived from the secret.
func signature(secret, stamp, region, canonical string) string {
	date := stamp[:len(dateForm)]
	sum := sha256.Sum256([]byte(canonical))
	text := strings.Join([]string{algorithm, stamp, date + "/" + region + "/oss/aliyun_v4_request",
		hex.EncodeToString(sum[:])}, "\n")
	key := []byte("aliyun_v4" + secret)
	for _, part := range []string{date, region, "oss", "aliyun_v4_request", text} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}
