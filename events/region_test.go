package events

import (
	"strings"
	"testing"
)

func TestValidRegion(t *testing.T) {
	tests := []struct {
		region string
		want   bool
		why    string
	}{
		{"cn-hangzhou", true, "a region"},
		{"cn-beijing", true, "a region"},
		{"cn-hongkong", true, "a region"},
		{"cn-wulanchabu", true, "a region"},
		{"cn-szfinance", true, "a place that is no city"},
		{"cn-hangzhou-finance", true, "of the finance cloud"},
		{"cn-shanghai-finance-1", true, "of the finance cloud"},
		{"cn-beijing-finance-1", true, "of the finance cloud"},
		{"cn-north-2-gov-1", true, "of the government cloud, which has the most parts"},
		{"cn-heyuan-acdr-1", true, "a region"},
		{"cn-wuhan-lr", true, "a local region"},
		{"cn-zhengzhou-jva", true, "a local region"},
		{"ap-southeast-1", true, "with a number"},
		{"ap-northeast-1", true, "with a number"},
		{"us-west-1", true, "with a number"},
		{"us-east-1", true, "with a number"},
		{"eu-central-1", true, "with a number"},
		{"eu-west-1", true, "with a number"},
		{"me-east-1", true, "with a number"},
		{"me-central-1", true, "with a number"},
		{"na-south-1", true, "with a number"},
		{"sa-east-1", true, "no region yet, but one of this form may come"},
		{"af-south-1", true, "no region yet, but one of this form may come"},

		{"oss-cn-hangzhou", false, "ecs.oss-cn-hangzhou.aliyuncs.com is the bucket called ecs"},
		{"oss-cn-hangzhou-internal", false, "the same from within"},
		{"cn-hangzhou-oss", false, "the same word behind"},
		{"cn-oss", false, "the same word as the place"},
		{"cn-hangzhou-internal", false, "an inner network of other products"},
		{"cn-hangzhou-intranet", false, "an inner network of other products"},
		{"cn-hangzhou-inner", false, "an inner network of other products"},
		{"vpc100-oss-cn-hangzhou", false, "buckets from within a VPC"},
		{"cn-hangzhou-vpc", false, "an inner network"},
		{"cn-hangzhou-vpc100", false, "the same with a number"},
		{"cn-vpc100", false, "a digit in the place"},
		{"cn-hangzhou-share", false, "a shared endpoint"},
		{"cn-hangzhou-dualstack", false, "the dual-stack endpoints of other products"},
		{"cn-hangzhou-private", false, "an inner network"},
		{"cn-hangzhou-public", false, "a word of endpoints"},
		{"cn-vpc-proxy", false, "a gateway of the VPC"},
		{"cn-hangzhou-gateway", false, "a word of endpoints"},
		{"cn-hangzhou-endpoint", false, "a word of endpoints"},
		{"cn-accelerate", false, "OSS over the world: oss-accelerate"},
		{"cn-console", false, "the console's host"},
		{"cn-aliyun", false, "a vendor's name, no place"},
		{"cn-alibaba", false, "a vendor's name, no place"},
		{"cn-localhost", false, "not out there at all"},

		{"cn", false, "one part"},
		{"cn-", false, "an empty place"},
		{"cn--hangzhou", false, "an empty place in the middle"},
		{"cn-hangzhou-", false, "an empty part at the end"},
		{"-cn-hangzhou", false, "an empty geography"},
		{"hangzhou", false, "no geography"},
		{"xx-hangzhou", false, "an unknown geography"},
		{"c-hangzhou", false, "half a geography"},
		{"cnn-hangzhou", false, "more than a geography"},
		{"cn-2-north", false, "a number for a place"},
		{"cn-north2", false, "a digit in the place"},
		{"cn-north-2-gov-1-x", false, "six parts: no region has more than five"},
		{"CN-hangzhou", false, "capitals in the geography"},
		{"cn-Hangzhou", false, "a capital in the place"},
		{"cn-hangzhou-Finance", false, "a capital behind the place"},
		{"cn-hangzhou.evil.example", false, "a host name"},
		{"evil.example/cn-hangzhou", false, "a host name in front"},
		{"cn-hangzhou/x", false, "a path"},
		{"cn-hangzhou@evil", false, "a user's name"},
		{"cn-hangzhou:443", false, "a port"},
		{"cn-hangzhou?", false, "a query"},
		{"cn_hangzhou", false, "another hyphen"},
		{"cn-hángzhou", false, "a letter of no host name"},
		{" cn-hangzhou", false, "a blank"},
		{"cn-hangzhou\n", false, "a line break"},
		{"cn-hangzhou\x00", false, "NUL"},
		{"*", false, "the star of policies"},
		{"cn-" + strings.Repeat("a", 37), true, "forty bytes"},
		{"cn-" + strings.Repeat("a", 38), false, "forty-one bytes"},
		{"", false, "nothing"},
	}
	for _, test := range tests {
		if got := ValidRegion(test.region); got != test.want {
			t.Errorf("%q: %v: %s", test.region, got, test.why)
		}
	}
}

// A region is read in many places. Wherever a false one comes in, it must neither be kept nor be
// taken for none, since none means the function's own region.
func TestNoFalseRegionGetsThrough(t *testing.T) {
	const bucket = "oss-cn-hangzhou"
	notification := sample(t, "system-event-agent-stopped")
	arn := func(region string) string {
		return `"resourceId":"acs:ecs:` + region + `:` + account + `:instance/` + instance + `"`
	}
	only := func(name, old string) string {
		payload := sample(t, name)
		changed := strings.ReplaceAll(payload, old, strings.Replace(old, "cn-hangzhou", bucket, 1))
		if changed == payload {
			t.Fatalf("%s does not hold %s", name, old)
		}
		return changed
	}
	tests := []struct {
		name, payload string
		problem       Problem
		state         State
	}{
		{"regionId of a form", sample(t, "threshold-form-bucket-region"), ProblemRegion,
			StateFiring},
		{"regionId of a form that resolves", callback(t, "regionId", bucket, "alertState", "OK"),
			ProblemRegion, StateResolved},
		{"regionId of a JSON callback", strings.ReplaceAll(sample(t, "threshold-json-lists"),
			"cn-hangzhou", bucket), ProblemRegion, StateFiring},
		{"regionId of a metric alarm in MNS", strings.Replace(sample(t, "metric-mns-firing"),
			`"eventType"`, `"regionId":"`+bucket+`","eventType"`, 1), ProblemRegion, StateFiring},
		{"regionId of a notification", strings.Replace(only("system-event-agent-stopped",
			`"regionId": "cn-hangzhou"`), "acs:ecs:cn-hangzhou", "acs:ecs:", 1), ProblemRegion,
			StateFiring},
		{"the ARN of a notification", `{"product":"ECS","name":"Instance:StateChange:Executing",` +
			arn(bucket) + `}`, ProblemRegion, StateFiring},
		{"both of a notification", strings.ReplaceAll(notification, "cn-hangzhou", bucket),
			ProblemRegion, StateFiring},
		{"one of them is none: they disagree", only("system-event-agent-stopped",
			`"regionId": "cn-hangzhou"`), ProblemContradiction, StateFiring},
		{"the ARN in a content", `{"product":"ECS","name":"Instance:StateChange:Executing",
			"resourceId":"","content":{` + arn(bucket) + `}}`, ProblemRegion, StateFiring},
		{"a subscription", strings.ReplaceAll(sample(t, "subscription-agent-stopped"),
			"cn-hangzhou", bucket), ProblemRegion, StateFiring},
		{"aliyunregionid", only("eventbridge-without-subject", `"aliyunregionid": "cn-hangzhou"`),
			ProblemRegion, StateFiring},
		{"an event's subject", strings.Replace(only("eventbridge-performance-impact",
			`"acs:ecs:cn-hangzhou`), `"aliyunregionid"`, `"x"`, 1), ProblemRegion, StateFiring},
		{"an agent's event", strings.ReplaceAll(sample(t, "eventbridge-cms-agent-content"),
			"cn-hangzhou", bucket), ProblemRegion, StateFiring},
		{"a callback on the bus", strings.ReplaceAll(sample(t, "eventbridge-cms-alert-callback"),
			"cn-hangzhou", bucket), ProblemRegion, StateFiring},
		{"aliyunregionid beside a metric alarm", only("eventbridge-cms-alert-mns",
			`"aliyunregionid": "cn-hangzhou"`), ProblemRegion, StateFiring},

		{"not about ECS anyway", callback(t, "regionId", bucket, "namespace", "acs_rds"),
			ProblemNotECS, StateFiring},
		{"no instance anyway", callback(t, "regionId", bucket, "dimensions", "{}"),
			ProblemNoInstance, StateFiring},
		{"a placeholder anyway", callback(t, "regionId", bucket, "dimensions",
			"{instanceId=i-bp1****}"), ProblemPlaceholder, StateFiring},
		{"a contradiction besides", callback(t, "regionId", bucket, "triggerLevel", "OK"),
			ProblemContradiction, StateFiring},
	}
	for _, test := range tests {
		a := decodeOne(t, test.payload)
		if a.Problem != test.problem || a.State != test.state || a.Region != "" {
			t.Errorf("%s: %s, problem %q (%s), region %q; want %s, %q", test.name, a.State,
				a.Problem,
				a.Note, a.Region, test.state, test.problem)
		}
		if a.Problem == ProblemRegion &&
			(!strings.Contains(a.Note, `"`+bucket+`"`) || a.Instance != instance) {
			t.Errorf("%s: note %q, instance %q: the value must be told, and whom it was about",
				test.name, a.Note, a.Instance)
		}
	}
}

// TestRegionOfWhatIsNotUsed: the region is known where only something else is wrong, and it is
// told; where the region itself is in doubt, it is not.
func TestRegionOfWhatIsNotUsed(t *testing.T) {
	disk := `"resourceId":"acs:ecs:cn-hangzhou:` + account + `:disk/d-bp1abcdefghijklmnopq"`
	bus := func(rest string) string {
		return `{"specversion":"1.0","id":"1",` + rest + `,"data":{}}`
	}
	for _, row := range []struct {
		why, payload string
		problem      Problem
		want         string
	}{
		{"another service", callback(t, "namespace", "acs_rds"), ProblemNotECS, "cn-hangzhou"},
		{"no instance", callback(t, "dimensions", "{}"), ProblemNoInstance, "cn-hangzhou"},
		{"a placeholder", callback(t, "dimensions", "{instanceId=i-bp1****}"), ProblemPlaceholder,
			"cn-hangzhou"},
		{"two instances", sample(t, "system-event-contradiction-instances"), ProblemContradiction,
			"cn-hangzhou"},
		{"a disk, whose ARN alone has the region", `{"product":"ECS","name":"Disk:Stalled",` +
			disk + `}`, ProblemNotECS, "cn-hangzhou"},
		{"a disk, whose ARN and regionId disagree", `{"product":"ECS","name":"Disk:Stalled",` +
			disk + `,"regionId":"cn-beijing"}`, ProblemNotECS, ""},
		{"a disk in no region that is one", `{"product":"ECS","name":"Disk:Stalled",` +
			strings.Replace(disk, "cn-", "oss-cn-", 1) + `}`, ProblemNotECS, ""},
		{"another service's event", bus(`"source":"acs.rds","type":"rds:x",` +
			`"aliyunregionid":"cn-hangzhou"`), ProblemNotECS, "cn-hangzhou"},
		{"somebody else's event, with a region that is none", bus(`"source":"acs.rds",` +
			`"type":"rds:x","aliyunregionid":"oss-cn-hangzhou"`), ProblemNotECS, ""},
		{"an event of CloudMonitor that nobody knows", bus(`"source":"acs.cms","type":"cms:x",` +
			`"aliyunregionid":"cn-hangzhou"`), ProblemContradiction, "cn-hangzhou"},
		{"the same about an instance elsewhere", bus(`"source":"acs.cms","type":"cms:x",` +
			`"subject":"acs:ecs:cn-beijing:1:instance/` + instance + `",` +
			`"aliyunregionid":"cn-hangzhou"`), ProblemContradiction, ""},
		{"a region that is given twice", `{"product":"ECS",` +
			`"name":"Instance:StateChange:Executing","resourceId":"` + instance +
			`","regionId":"cn-hangzhou","regionId":"cn-beijing"}`,
			ProblemContradiction, ""},
		{"an ARN that is given twice", `{"product":"ECS","name":"Disk:Stalled",` + disk + `,` +
			strings.Replace(disk, "hangzhou", "beijing", 1) + `}`, ProblemContradiction, ""},
		{"the same beside a region that is given once", `{"product":"ECS","name":"Disk:Stalled",` +
			disk + `,` + strings.Replace(disk, "d-bp1", "d-bp2", 1) + `,"regionId":"cn-hangzhou"}`,
			ProblemContradiction, "cn-hangzhou"},
	} {
		if a := decodeOne(t, row.payload); a.Problem != row.problem || a.Region != row.want {
			t.Errorf("%s: problem %q (%s), region %q; want %q, %q", row.why, a.Problem, a.Note,
				a.Region, row.problem, row.want)
		}
	}
}
