package config

import (
	"fmt"
	"net/url"
	"path"
	"strings"
	"time"
)

// The kinds of place for evidence.
const (
	EvidenceOff = "off" // none is taken
	EvidenceDir = "dir"
	EvidenceOSS = "oss"
)

// Evidence says where what the console showed is kept. It is only parsed: whether the place exists
// is for the one who opens it to find out.
type Evidence struct {
	Kind   string // EvidenceOff or another
	Path   string // of dir: absolute and clean
	Bucket string // of oss
	// of oss: what begins the keys, without a slash at its ends
	Prefix string
	// of oss: http:// and an address of this machine, for tests; empty: by region
	Endpoint string
	Name     string        // the place in messages: an incident's evidence is in Name/INCIDENT/
	Timeout  time.Duration // how long a reboot may be delayed, also where the Kind is off
}

const evidenceForms = "off, dir:///PATH or oss://BUCKET/PREFIX"

// bucketName follows the naming rules of OSS (help "Bucket naming conventions"). A bucket becomes
// part of a host name.
var bucketName = late(`^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$`)

// evidencePrefix is narrower than what OSS takes for keys (help "Object naming conventions"), so
// that it means the same in a key, a path, a URL and a policy. The store has the same rule; a test
// compares them.
var evidencePrefix = late(`^[A-Za-z0-9_][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*$`)

const longestPrefix = 256

// evidence reads the place, and leaves the time-out alone, which has a variable of its own.
func evidence(into *Evidence) parser {
	return func(value string, fail fail) {
		kind, rest, _ := strings.Cut(value, ":")
		place := Evidence{Kind: kind, Name: value, Timeout: into.Timeout}
		switch {
		case value == EvidenceOff:
		case kind == EvidenceDir:
			folder, ok := strings.CutPrefix(rest, "//")
			if !ok || !path.IsAbs(folder) || path.Clean(folder) == "/" {
				fail("dir:///PATH with three slashes, such as dir:///var/lib/ecs-remedy/evidence",
					"not the absolute path of a folder")
				return
			}
			if !printable(folder) {
				fail("another path", "the path has a character that cannot be printed")
				return
			}
			place.Path = path.Clean(folder)
			place.Name = "dir://" + place.Path
		case kind == EvidenceOSS:
			if !ossPlace(&place, rest, fail) {
				return
			}
		default:
			fail(evidenceForms, "not a place for evidence")
			return
		}
		*into = place
	}
}

// ossPlace reads what follows oss: into the place, and reports whether it could.
func ossPlace(place *Evidence, rest string, fail fail) bool {
	const form = "oss://BUCKET/PREFIX, such as oss://my-bucket/ecs-remedy"
	address, options, given := strings.Cut(rest, "?")
	address, ok := strings.CutPrefix(address, "//")
	bucket, prefix, _ := strings.Cut(address, "/")
	prefix = strings.TrimSuffix(prefix, "/")
	switch {
	case !ok || !bucketName().MatchString(bucket):
		fail(form+"; a bucket's name has 3 to 63 of a-z, 0-9 and -, none of them - at an end",
			"not the name of a bucket after oss://")
		return false
	case len(prefix) > longestPrefix || !evidencePrefix().MatchString(prefix):
		fail(fmt.Sprintf("%s; a prefix has names of letters, digits, and . _ - after the first "+
			"character, with / between them, and %d characters at most", form, longestPrefix),
			"no prefix that can begin a key after the bucket")
		return false
	}
	if given { // a simulated OSS, for tests
		query, err := url.ParseQuery(options)
		at, isHTTP := strings.CutPrefix(query.Get("endpoint"), "http://")
		if err != nil || len(query) != 1 || len(query["endpoint"]) != 1 || !isHTTP ||
			!loopbackPort(at) {
			fail(form+", and nothing after it", "an option")
			return false
		}
		place.Endpoint = "http://" + at
	}
	place.Bucket, place.Prefix = bucket, prefix
	place.Name = "oss://" + bucket + "/" + prefix
	return true
}

const (
	leastEvidenceTimeout = 100 * time.Millisecond
	// mostEvidenceTimeout is the most that remedy.Policy.CallLimit can be.
	mostEvidenceTimeout = 10 * time.Second
)

func evidenceTimeout(into *time.Duration) parser {
	atLeast := duration(into, leastEvidenceTimeout)
	return func(value string, fail fail) {
		if d, err := time.ParseDuration(value); err == nil && d > mostEvidenceTimeout {
			fail(fmt.Sprintf("%v at most", mostEvidenceTimeout), "too long: a hung instance "+
				"would wait for its reboot")
			return
		}
		atLeast(value, fail)
	}
}

// compareEvidence: an owner who waits for evidence does not renew its lease meanwhile, so evidence
// must not take longer than a call may.
func (l *loader) compareEvidence(c *Config) {
	limit := c.Policy.CallLimit()
	if !l.fine("REMEDY_EVIDENCE", "REMEDY_EVIDENCE_TIMEOUT", "REMEDY_LEASE") ||
		c.Evidence.Kind == EvidenceOff || c.Evidence.Timeout <= limit {
		return
	}
	l.add(Problem{Variable: "REMEDY_EVIDENCE_TIMEOUT", Value: l.given["REMEDY_EVIDENCE_TIMEOUT"],
		Wrong: fmt.Sprintf("%v is longer than a third of REMEDY_LEASE (%v): an incident's owner "+
			"that waits for evidence would look silent, and lose its incident",
			c.Evidence.Timeout, c.Policy.Lease),
		Cure: fmt.Sprintf("at most %v, or a longer REMEDY_LEASE", limit)})
}
