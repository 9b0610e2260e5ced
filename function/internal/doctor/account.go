package doctor

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/remedy"
)

// account is what the doctor asks of ECS.
type account struct {
	lister
	reader
	rehearser
}

// lister finds instances; an empty list says that the caller may list, and that there are none.
type lister interface {
	// Tagged lists the ids of a region's instances that have the tag, whatever its value.
	Tagged(ctx context.Context, region, key string) remedy.Reading[[]string]
	// Some lists the ids of the first few instances of a region, tagged or not.
	Some(ctx context.Context, region string) remedy.Reading[[]string]
}

// reader reads what the guards ask of an instance. Every id gets a reading.
type reader interface {
	Machines(ctx context.Context, region string,
		ids []string) map[string]remedy.Reading[remedy.Instance]
	Heartbeats(ctx context.Context, region string,
		ids []string) map[string]remedy.Reading[remedy.Vitals]
	PlatformEvents(ctx context.Context,
		region, id string) remedy.Reading[[]remedy.PlatformEvent]
}

// rehearser sends RebootInstance; the doctor orders dry runs only.
type rehearser interface {
	Reboot(ctx context.Context, order remedy.Order) remedy.Reply
}

// credentialsCure says where credentials come from.
const credentialsCure = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, " +
	"and for a role ALIBABA_CLOUD_SECURITY_TOKEN"

// credentials checks that there is what a call needs, and makes what calls; done closes it.
func (e *examination) credentials() (done func(), ok bool) {
	keys := &e.Credentials
	if keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
		e.add("credentials", ResultFinding, "there are none in the environment", credentialsCure)
	}
	if e.Region == "" {
		e.add("region", ResultFinding, "none is given",
			"--region ID, such as --region cn-hangzhou, or ALIBABA_CLOUD_REGION_ID")
	}
	if e.Region == "" || keys.AccessKeyID == "" || keys.AccessKeySecret == "" {
		return nil, false
	}
	cloud, err := app.OpenCloud(e.Settings, *keys, e.Region, e.seams)
	if err != nil {
		e.add("calls to ECS", ResultFinding, err.Error(), "what the message says")
		return nil, false
	}
	e.account = account{cloud, cloud, cloud}
	return cloud.Close, true
}

// answered says what it means that ECS could not be asked for instances. It reports whether it
// could.
func (e *examination) answered(failure remedy.Failure, code, note string) bool {
	const name = "DescribeInstances"
	switch {
	case failure == remedy.FailureForbidden && isPermission(code):
		e.add(name, ResultFinding, "no permission: "+note,
			"allow ecs:DescribeInstances, as the role in template.yml does")
	case failure == remedy.FailureForbidden:
		e.add("credentials", ResultFinding, "refused: "+note, "take new ones: "+credentialsCure)
	case failure != "":
		e.add(name, ResultFinding, note, "check that "+e.Region+" is a region, and the network to "+
			"it (REMEDY_ECS_ENDPOINT, REMEDY_NETWORK)")
	}
	return failure == ""
}

// isPermission reports whether an error code is RAM's, for an identity that ECS knows: what is
// wrong with the identity itself has other codes (ECS API document "Common error codes").
func isPermission(code string) bool {
	return strings.HasPrefix(code, "Forbidden") || strings.HasPrefix(code, "NoPermission")
}

// isThrottling reports whether an error code says that there were too many calls (ECS API document
// "API throttling").
func isThrottling(code string) bool { return strings.HasPrefix(code, "Throttling") }

// list finds the instances to look at, and explains where there are none.
func (e *examination) list(ctx context.Context) ([]string, bool) {
	if e.Instance != "" {
		return e.one(ctx)
	}
	const name = "DescribeInstances"
	policy := &e.Settings.Policy
	tag := policy.OptInTag
	var tagged remedy.Reading[[]string]
	e.patiently(ctx, func() bool {
		tagged = e.account.Tagged(ctx, e.Region, tag)
		return tagged.Failure == remedy.FailureUnavailable
	}, func() bool { return isThrottling(tagged.Code) })
	if !e.answered(tagged.Failure, tagged.Code, tagged.Note) {
		return nil, false
	}
	e.accepted(tagged.At, tagged.Date)
	ids := tagged.Value
	if len(ids) > 0 {
		e.well(name, fmt.Sprintf("%s in %s with the tag %s", plural(len(ids), "instance"), e.Region,
			tag))
	}
	if len(ids) > 0 && policy.Untagged == remedy.GrantNone {
		return ids, true
	}
	some := e.account.Some(ctx, e.Region)
	switch {
	case !some.OK():
		e.add(name, ResultFinding, some.Note, "try again")
	case len(some.Value) == 0:
		e.add(name, ResultFinding, "may be called, but there is no instance at all in "+e.Region+
			": the wrong region or account, or nothing there",
			"--region with the region of the instances, and credentials of their account")
	case policy.Untagged != remedy.GrantNone:
		ids = e.untagged(ids, some.Value)
	case len(ids) == 0:
		e.add(name, ResultFinding, "there are instances in "+e.Region+", but none has the tag "+tag,
			fmt.Sprintf("aliyun ecs TagResources --RegionId %s --ResourceType instance "+
				"--ResourceId.1 INSTANCE --Tag.1.Key %s --Tag.1.Value graceful", e.Region, tag))
	}
	return ids, len(ids) > 0
}

// untagged says which instances may be rebooted though nobody tagged them, and looks at the few
// that ECS lists first. What it returns is sorted.
func (e *examination) untagged(tagged, some []string) []string {
	policy := &e.Settings.Policy
	few := slices.DeleteFunc(slices.Clone(some), func(id string) bool {
		_, is := slices.BinarySearch(tagged, id)
		return is
	})
	f := e.same("untagged", Finding{Check: "untagged", Result: ResultWarning,
		Saw: fmt.Sprintf("REMEDY_UNTAGGED=%s: every instance of %s without the tag %s gets that, "+
			"and of those only the first few of the region are looked at here",
			policy.Untagged, e.Region,
			policy.OptInTag),
		Cures: []string{"REMEDY_UNTAGGED=refuse, and the tag for those that may be rebooted"}})
	for _, id := range few {
		f.Instances = append(f.Instances, Case{InstanceID: id})
	}
	all := slices.Concat(tagged, few)
	slices.Sort(all)
	return all
}

// one finds the only instance that is asked about.
func (e *examination) one(ctx context.Context) ([]string, bool) {
	const name = "DescribeInstances"
	if !IsInstanceID(e.Instance) {
		e.add(name, ResultFinding, quoted(e.Instance)+" is not the id of an instance, so it was "+
			"not asked about", "an id such as i-bp1a2b3c4d5e6f7g8h9j")
		return nil, false
	}
	var read remedy.Reading[remedy.Instance]
	e.patiently(ctx, func() bool {
		read = e.account.Machines(ctx, e.Region, []string{e.Instance})[e.Instance]
		return read.Failure == remedy.FailureUnavailable
	}, func() bool { return isThrottling(read.Code) })
	if read.Failure == remedy.FailureMissing && read.Code == "" {
		e.accepted(read.At, read.Date)
		e.about("unknown", e.Instance, "", Finding{Check: name, Result: ResultFinding,
			Saw: "not in " + e.Region + ": it is gone or in another region, or these credentials " +
				"may not read it",
			Cures: []string{"--region with its region, or allow ecs:DescribeInstances for it"}})
		return nil, false
	}
	// What makes no sense of one instance is for the rules to say.
	if read.Failure != remedy.FailureUnreadable && !e.answered(read.Failure, read.Code, read.Note) {
		return nil, false
	}
	e.accepted(read.At, read.Date)
	e.well(name, "may be called for "+e.Instance)
	return []string{e.Instance}, true
}

// accepted says that ECS took the credentials, and compares its clock.
func (e *examination) accepted(at, date time.Time) {
	e.well("credentials", "ECS takes them in "+e.Region)
	if !date.IsZero() {
		e.clock("ECS's", date, at)
	}
}

// tries is how often the doctor asks ECS for one thing.
const tries = 4

// patiently asks, and asks again while ask reports that there is no answer yet: after a second, or
// where calls are throttled in the next minute, which is when ECS counts anew (ECS API document
// "API throttling").
func (e *examination) patiently(ctx context.Context, ask, throttled func() bool) {
	for try := 1; ask() && try < tries; try++ {
		wait := time.Second
		if throttled() {
			now := e.seams.Clock.Now()
			wait = now.Truncate(time.Minute).Add(time.Minute + time.Second).Sub(now)
		}
		if e.seams.Clock.Sleep(ctx, wait) != nil {
			return
		}
	}
}

// plural is a number of things.
func plural(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return strconv.Itoa(n) + " " + thing + "s"
}
