package main

import (
	"fmt"
	"slices"
)

var evidenceChecks = []templateCheck{
	{"evidence is kept where the role may put it", func(t *template, _ *code) error {
		own := "ecs-remedy-" + stackAccount + "-" + stackRegion
		for _, v := range []struct {
			given  string
			bucket string
			made   bool
		}{
			{"", "", false},
			{"stack", own, true},
			{"my-bucket", "my-bucket", false},
		} {
			s, err := t.stack("EvidenceBucket=" + v.given)
			if err != nil {
				return err
			}
			if err := s.checkEvidence(v.bucket, v.made); err != nil {
				return fmt.Errorf("EvidenceBucket %q: %w", v.given, err)
			}
		}
		return nil
	}},
	{"the stack's bucket is private and forgets", func(t *template, _ *code) error {
		s, err := t.stack("EvidenceBucket=stack")
		if err != nil {
			return err
		}
		bucket := s.the("ALIYUN::OSS::Bucket")
		rules := items(dig(bucket, "LifecycleConfiguration", "Rule"))
		if bucket["AccessControl"] != "private" || bucket["BlockPublicAccess"] != true {
			return fmt.Errorf("the public may see it: %v", bucket)
		}
		if len(rules) != 1 || dig(rules[0], "Status") != "Enabled" ||
			dig(rules[0], "Expiration", "Days") != 30 {
			return fmt.Errorf("it keeps what it has: %v", rules)
		}
		if "oss://"+fmt.Sprint(bucket["BucketName"], "/", dig(rules[0], "Prefix")) !=
			s.environment()["REMEDY_EVIDENCE"]+"/" {
			return fmt.Errorf("it forgets what is below %v", dig(rules[0], "Prefix"))
		}
		// Otherwise a stack with evidence cannot be deleted.
		if bucket["DeletionForce"] != true {
			return fmt.Errorf("it keeps the stack from going")
		}
		return nil
	}},
	{"the longest name of a bucket fits", func(t *template, _ *code) error {
		name := make([]byte, t.Parameters["FunctionName"].MaxLength)
		for i := range name {
			name[i] = 'a'
		}
		s, err := t.stack("EvidenceBucket=stack", "FunctionName="+string(name))
		if err != nil {
			return err
		}
		// OSS document "Buckets" and SLS document "Project": 3 to 63 characters. The longest
		// region is cn-shenzhen-finance-1.
		for _, name := range []any{
			s.the("ALIYUN::OSS::Bucket")["BucketName"], s.the("ALIYUN::SLS::Project")["Name"],
		} {
			longest := len(fmt.Sprint(name)) + len("cn-shenzhen-finance-1") - len(stackRegion)
			if longest > 63 {
				return fmt.Errorf("%v has up to %d characters", name, longest)
			}
		}
		return nil
	}},
}

// checkEvidence holds the variable, the role and the resources against the bucket; none if it is
// empty.
func (s *stack) checkEvidence(bucket string, made bool) error {
	if got := len(s.of("ALIYUN::OSS::Bucket")); got != count(made) {
		return fmt.Errorf("the stack makes %d buckets", got)
	}
	var puts []string
	for _, statement := range s.statements(asFunction) {
		if slices.Contains(statement.actions, "oss:PutObject") {
			puts = append(puts, statement.resources...)
		}
	}
	place, shown := s.environment()["REMEDY_EVIDENCE"], s.Outputs["EvidencePlace"]
	if bucket == "" {
		if place != "" || shown != nil || puts != nil {
			return fmt.Errorf("it is kept: %q, shown %v, granted %q", place, shown, puts)
		}
		return nil
	}
	if want := "oss://" + bucket + "/ecs-remedy"; place != want || shown != want {
		return fmt.Errorf("it is kept at %q and shown as %v, not %s", place, shown, want)
	}
	if want := "acs:oss:*:" + stackAccount + ":" + bucket + "/ecs-remedy/*"; len(puts) != 1 ||
		puts[0] != want {
		return fmt.Errorf("the role may put it to %q, not %s", puts, want)
	}
	return nil
}

const (
	checkEvidence = "evidence is kept where the role may put it"
	checkBucket   = "the stack's bucket is private and forgets"
)

var evidenceMutations = []mutation{
	change("evidence by default", "    Default: ''\n    MaxLength: 63",
		"    Default: stack\n    MaxLength: 63", checkDefaults, checkNewer, checkGranted),
	change("evidence is kept elsewhere", "'oss://${EvidenceBucket}/${FunctionName}'",
		"'oss://${EvidenceBucket}/evidence'", checkEvidence),
	change("evidence is shown elsewhere",
		"        - {Fn::Sub: 'oss://${EvidenceBucket}/${FunctionName}'}",
		"        - {Fn::Sub: 'oss://${EvidenceBucket}'}", checkEvidence),
	change("a bucket though one is given", "Type: ALIYUN::OSS::Bucket\n    Condition: OwnEvidence",
		"Type: ALIYUN::OSS::Bucket\n    Condition: Evidence", checkEvidence),
	change("a grant though nothing is kept",
		"Type: ALIYUN::RAM::ManagedPolicy\n    Condition: Evidence\n",
		"Type: ALIYUN::RAM::ManagedPolicy\n", checkEvidence, checkGranted),
	change("a bucket that the public can see", "AccessControl: private",
		"AccessControl: public-read", checkBucket),
	change("a bucket that can be made public", "BlockPublicAccess: true",
		"BlockPublicAccess: false", checkBucket),
	change("evidence that lasts", "Expiration: {Days: 30}", "Expiration: {Days: 3000}",
		checkBucket),
	change("a rule for other evidence", "Prefix: {Fn::Sub: '${FunctionName}/'}",
		"Prefix: 'evidence/'", checkBucket),
	change("a bucket that stays", "DeletionForce: true", "DeletionForce: false", checkBucket),
	change("a bucket with a longer name", "BucketName: {Fn::Sub: '${FunctionName}-",
		"BucketName: {Fn::Sub: '${FunctionName}-e-", checkEvidence, checkGranted,
		"the longest name of a bucket fits"),
}
