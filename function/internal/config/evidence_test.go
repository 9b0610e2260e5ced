package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestEvidence(t *testing.T) {
	const limit = 3 * time.Second
	long := strings.Repeat("b", 63)
	for _, row := range []struct {
		value string
		want  Evidence
		why   string
	}{
		{"off", Evidence{Kind: EvidenceOff, Name: "off"}, "the default"},
		{"dir:///var/evidence/", Evidence{Kind: EvidenceDir, Path: "/var/evidence",
			Name: "dir:///var/evidence"}, "a slash at the end means nothing"},
		{"dir:///a/../b%20c#1", Evidence{Kind: EvidenceDir, Path: "/b%20c#1",
			Name: "dir:///b%20c#1"}, "a path, not a URL"},
		{"oss://my-bucket/ecs-remedy", Evidence{Kind: EvidenceOSS, Bucket: "my-bucket",
			Prefix: "ecs-remedy", Name: "oss://my-bucket/ecs-remedy"}, "as the template has it"},
		{"oss://b0b/_a/B.c-d/", Evidence{Kind: EvidenceOSS, Bucket: "b0b", Prefix: "_a/B.c-d",
			Name: "oss://b0b/_a/B.c-d"}, "the shortest bucket, a function's name, several parts"},
		{"oss://" + long + "/" + strings.Repeat("p", 256), Evidence{Kind: EvidenceOSS,
			Bucket: long, Prefix: strings.Repeat("p", 256),
			Name: "oss://" + long + "/" + strings.Repeat("p", 256)}, "both as long as they can be"},
		{"oss://my-bucket/x?endpoint=http://127.0.0.1:8080", Evidence{Kind: EvidenceOSS,
			Bucket: "my-bucket", Prefix: "x", Name: "oss://my-bucket/x",
			Endpoint: "http://127.0.0.1:8080"}, "a simulated OSS, for tests"},
	} {
		row.want.Timeout = limit
		c, err := Load([]string{"REMEDY_EVIDENCE=" + row.value})
		if err != nil {
			t.Errorf("%s (%s): %v", row.value, row.why, err)
			continue
		}
		if diff := cmp.Diff(row.want, c.Evidence); diff != "" {
			t.Errorf("%s (%s): (-want +got) %s", row.value, row.why, diff)
		}
	}
}
