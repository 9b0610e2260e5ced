package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ecs-remedy/function/internal/ecssim"
)

// given flags of package, with the defaults that the command line would fill in.
func flagsOf(set func(*packageCommand)) packageCommand {
	p := packageCommand{Stack: "ecs-remedy", Function: "ecs-remedy", Region: stackRegion,
		Bucket: "my-code-bucket", User: "night-shift"}
	if set != nil {
		set(&p)
	}
	return p
}

// shells are those that are here, of the ones that people have.
func shells(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, name := range []string{"sh", "bash", "zsh"} {
		if _, err := exec.LookPath(name); err == nil {
			found = append(found, name)
		}
	}
	return found
}

// asScript are the steps as somebody would type them, one after the other into one shell, with a
// mark after each that says how it ended. What is typed is not read by the commands.
func asScript(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		fmt.Fprintf(&b, "{\n%s\n} </dev/null\necho \"@@ %d $?\"\n", s.Command, s.N)
	}
	return b.String()
}

var stepMark = regexp.MustCompile(`(?m)^@@ (\d+) (\d+)$`)

// byStep is what each step wrote, by its title, and how it ended.
func byStep(t *testing.T, steps []step, output string) map[string]string {
	t.Helper()
	marks := stepMark.FindAllStringSubmatchIndex(output, -1)
	if len(marks) != len(steps) {
		t.Fatalf("%d of %d steps were run:\n%s", len(marks), len(steps), output)
	}
	said, from := map[string]string{}, 0
	for i, mark := range marks {
		said[steps[i].Title] = output[from:mark[0]] + "exit " + output[mark[4]:mark[5]]
		from = mark[1]
	}
	return said
}

// TestRunbook runs every step of the runbook, from the upload to the end, in every shell that is
// here.
func TestRunbook(t *testing.T) {
	t.Parallel()
	for _, shell := range shells(t) {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			w := newShellWorld(t)
			if err := os.WriteFile(filepath.Join(w.stub, "cloud.json"), []byte(
				`{"objects": ["oss://my-code-bucket/ecs-remedy-aaaaaaaaaaaa.zip",
				"oss://my-code-bucket/ecs-remedy-aaaaaaaaaaaa.yml"]}`), 0o644); err != nil {
				t.Fatal(err)
			}
			flags := flagsOf(nil)
			steps := flags.runbook(shellZip)
			// Twelve of them may be restarted: more than one call of the rules takes.
			output, _ := w.run(t, shell, strings.Replace(asScript(steps), "wc -l instances.txt",
				"wc -l instances.txt; head -n 12 instances.txt >kept; mv kept instances.txt", 1))
			said := byStep(t, steps, output)
			seen := 0
			for _, want := range []struct{ title, says string }{
				{"Say what is yours", ""},
				{"Upload", "Succeed"},
				{"Create the stack", "CREATE_IN_PROGRESS\necs-remedy: CREATE_COMPLETE"},
				{"Read what", "alarms go to acs:mns:cn-hangzhou:1234567890123456:/topics/" +
					"ecs-remedy-alarms/message; the ledger is redis://" + w.redis +
					"; the audit lines are in ecs-remedy-1234567890123456-cn-hangzhou/function"},
				{"Test the chain", "the chain works"},
				{"List the instances", fmt.Sprint(stubFleet, " instances.txt")},
				{"Wire one", "Success"},
				{"Wire all", "Success"},
				{"Opt instances.txt in", "Success"},
				{"Ask the doctor", "1 the whole ladder"},
				{"Arm it", "UPDATE_COMPLETE"},
				{"In an emergency", "storage maintenance"},
				{"When that is over", "Resumed"},
				{"Disarm it", "UPDATE_COMPLETE"},
				{"Roll back", "UPDATE_COMPLETE"},
				{"Uninstall", "DELETE_IN_PROGRESS\necs-remedy: DELETE_COMPLETE"},
				{"Give the operator", "Success"},
			} {
				for title, text := range said {
					if strings.HasPrefix(title, want.title) {
						seen++
						if !strings.Contains(text, want.says) || !strings.HasSuffix(text,
							"exit 0") {
							t.Errorf("%s\nwant %q and exit 0, got:\n%s", title, want.says, text)
						}
					}
				}
			}
			if seen != len(steps) {
				t.Errorf("%d of %d steps were looked at", seen, len(steps))
			}
			c := loadStubCloud(w.stub)
			for _, wrong := range c.Wrong {
				t.Errorf("the real command line would not have taken this: %s", wrong)
			}
			var calls []string
			parameters := map[string][]string{} // what the stack was told, in order
			for _, call := range c.Calls {
				calls = append(calls, call.Name)
				if call.Name == "ros UpdateStack" {
					key := call.Flags["Parameters.1.ParameterKey"]
					parameters[key] = append(parameters[key],
						call.Flags["Parameters.1.ParameterValue"])
				}
			}
			unused := map[string]bool{}
			for name := range cliActions() {
				unused[name] = !slices.Contains(calls, name) &&
					name != "ros ListStackEvents" // of a failure
			}
			maps.DeleteFunc(unused, func(_ string, is bool) bool { return !is })
			if len(unused) > 0 {
				t.Errorf("the stub knows what the runbook never calls: %v", unused)
			}
			const told = "map[CodeObject:[ecs-remedy-aaaaaaaaaaaa.zip] Mode:[enforce observe]]"
			if got := fmt.Sprint(parameters); got != told {
				t.Errorf("the stack was told %s", got)
			}
			// Nothing of ours is left but what other people own.
			if len(c.Objects) != 0 || len(c.Targets) != 0 || len(c.Tags) != 0 || len(c.Rules) != 1 {
				t.Errorf("left after uninstalling: %d objects, %d targets, %d tags, %d rules",
					len(c.Objects), len(c.Targets), len(c.Tags), len(c.Rules))
			}
		})
	}
}

// TestRunbookWiring: what the steps make of a fleet, before anything is taken away again.
func TestRunbookWiring(t *testing.T) {
	t.Parallel()
	w := newShellWorld(t)
	flags := flagsOf(nil)
	steps := flags.runbook(shellZip)[:9]
	output, _ := w.run(t, "sh", asScript(steps))
	byStep(t, steps, output)
	c := loadStubCloud(w.stub)
	if len(c.Wrong) > 0 {
		t.Fatalf("%q\n%s", c.Wrong, output)
	}
	const target = "acs:mns:cn-hangzhou:1234567890123456:/topics/ecs-remedy-alarms/message"
	for n := range stubFleet {
		id := fmt.Sprintf("i-bp1fleet%03d", n)
		rule := "ecs-remedy-" + id
		if c.Rules[rule] != 900 || c.Tags[id] != "auto-restart=graceful" ||
			!slices.Equal(c.Targets[rule], []string{"ecs-remedy", target}) {
			t.Fatalf("%s: silence time %d, tag %q, target %q", id, c.Rules[rule], c.Tags[id],
				c.Targets[rule])
		}
	}
	if len(c.Tags) != stubFleet || len(c.Targets) != stubFleet {
		t.Errorf("%d tags and %d targets, want %d of each", len(c.Tags), len(c.Targets), stubFleet)
	}
}

// TestRunbookVariants: what the flags change, and what a stack that fails or is there already does.
func TestRunbookVariants(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		set   func(*packageCommand)
		env   []string
		steps int // from the first on
		says  string
		calls string // in order
	}{
		{"the stack fails: what failed is said, and the step fails", nil, []string{aliyunFails +
			"=yes"}, 3,
			"ROLLBACK_COMPLETE\n[\n\t[\n\t\t\"Ledger\",\n\t\t" +
				"\"the service is not activated\"\n\t]\n]\n@@ 3 1",
			"ros ListStacks, ros CreateStack, ros GetStack, ros GetStack, ros ListStackEvents"},
		{"a rule of one's own is wired, and none is made",
			func(p *packageCommand) { p.Rule = "my-own-rule" },
			nil, 7, "Success", "cms PutMetricRuleTargets"},
		{"an instance that was named gets the first rule",
			func(p *packageCommand) { p.Instance, p.Contacts = "i-bp1first", "others" },
			nil, 7, "Success", "cms PutResourceMetricRule, cms PutMetricRuleTargets"},
		{"another name: of the function, its topic and its log",
			func(p *packageCommand) { p.Function = "healer" },
			nil, 4, "/topics/healer-alarms/message; the ledger is ", "ros GetStack"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newShellWorld(t)
			flags := flagsOf(tt.set)
			steps := flags.runbook(shellZip)[:tt.steps]
			output, _ := w.run(t, "sh", asScript(steps), tt.env...)
			if !strings.Contains(output, tt.says) {
				t.Errorf("want %q in\n%s", tt.says, output)
			}
			c := loadStubCloud(w.stub)
			if len(c.Wrong) > 0 {
				t.Errorf("%q", c.Wrong)
			}
			var calls []string
			for _, call := range c.Calls {
				calls = append(calls, call.Name)
			}
			if !strings.HasSuffix(strings.Join(calls, ", "), tt.calls) {
				t.Errorf("called %q, want %q at the end", calls, tt.calls)
			}
		})
	}
}

// TestRunbookAgain: where the stack is there, the same steps give it the new code.
func TestRunbookAgain(t *testing.T) {
	t.Parallel()
	w := newShellWorld(t)
	flags := flagsOf(nil)
	steps := flags.runbook(shellZip)[:3]
	w.run(t, "sh", asScript(steps))
	const second = "dist/ecs-remedy-ba9876543210.zip"
	if err := os.WriteFile(filepath.Join(w.folder, second), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	again := flags.runbook(second)[:3]
	output, _ := w.run(t, "sh", asScript(again))
	c := loadStubCloud(w.stub)
	if len(c.Wrong) > 0 || !strings.Contains(output, "UPDATE_COMPLETE\n@@ 3 0") ||
		c.Parameters["CodeObject"] != "ecs-remedy-ba9876543210.zip" {
		t.Errorf("%q, %v\n%s", c.Wrong, c.Parameters, output)
	}
}

// TestRunbookPlaceholders: what is not said and cannot be found out is a placeholder that a shell
// takes for a word, and there are three of them; with the flags given there is none.
func TestRunbookPlaceholders(t *testing.T) {
	placeholders := func(p packageCommand) string {
		found := map[string]bool{}
		for _, s := range p.runbook(shellZip) {
			for _, word := range regexp.MustCompile(`.<[A-Z-]+>.`).FindAllString(s.Command, -1) {
				found[word] = true
			}
		}
		return strings.Join(slices.Sorted(maps.Keys(found)), " ")
	}
	if got := placeholders(packageCommand{Stack: "s",
		Function: "f"}); got != "'<BUCKET>' '<REGION>' '<USER>'" {
		t.Errorf("the placeholders are %s", got)
	}
	if got := placeholders(flagsOf(nil)); got != "" {
		t.Errorf("with every flag given, the placeholders are %s", got)
	}
}

// TestRunbookIsShell: a shell's own parser takes every step, with hostile words in every flag too;
// and no step has a comment or a variable of a name that zsh keeps for itself, where it is typed
// at.
func TestRunbookIsShell(t *testing.T) {
	const evil = "a'b \"$(touch gone)\" `id` ; #!"
	for _, p := range []packageCommand{flagsOf(nil), {Region: evil, Bucket: evil, Stack: evil,
		Function: evil, Rule: evil, Instance: evil, Contacts: evil, User: evil},
		{Region: evil, Bucket: evil, Stack: evil, Function: evil, Instance: evil, Contacts: evil}} {
		for _, s := range p.runbook(evil) {
			for _, shell := range shells(t) {
				check := exec.Command(shell, "-n")
				check.Stdin = strings.NewReader(s.Command)
				if said, err := check.CombinedOutput(); err != nil {
					t.Errorf("%s: step %d: %v %s", shell, s.N, err, said)
				}
			}
			for line := range strings.Lines(s.Command) {
				if strings.HasPrefix(strings.TrimSpace(line), "#") || strings.Contains(line,
					"status=") ||
					strings.Contains(line, "path=") {
					t.Errorf("step %d: zsh does not take %s", s.N, line)
				}
				if !strings.Contains(line, evil[2:6]) && wide(strings.TrimRight(line,
					"\n")) > columns {
					t.Errorf("step %d: too wide: %s", s.N, line)
				}
			}
		}
	}
}

// TestPackageFlags: what the platform would refuse half-way is refused before anything is built, in
// the words of the template where it is the template's.
func TestPackageFlags(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for _, row := range []struct{ why, flag, value, want string }{
		{"a region", "region", "ap-southeast-1", ""},
		{"a zone is no region's name, but looks like one", "region", "cn-hangzhou-finance", ""},
		{"a region without its part", "region", "hangzhou", "must match"},
		{"a placeholder", "region", "<REGION>", "must match"},
		{"a bucket of three characters", "bucket", "abc", ""},
		{"one of two", "bucket", "ab", "must match"},
		{"one of 63", "bucket", long(63), ""},
		{"one of 64", "bucket", long(64), "must match"},
		{"capitals", "bucket", "Code", "must match"},
		{"a bucket with its scheme", "bucket", "oss://code", "template.yml says so of CodeBucket"},
		{"a function's name of 24", "function", long(24), ""},
		{"one of 25", "function", long(25), "must match"},
		{"none", "function", "", "must match"},
		{"one that begins with a digit", "function", "1st", "template.yml says so of FunctionName"},
		{"a stack's name of 255", "stack", long(255), ""},
		{"one of 256", "stack", long(256), "has 256 characters, and may have 255"},
		{"one that begins with a line", "stack", "-s", "must match"},
		{"none", "stack", "", "must match"},
		{"an instance", "instance", "i-bp1", ""},
		{"a name for an instance", "instance", "web-1",
			"template.yml says so of FirstRuleInstance"},
		{"an account", "account", "1234567890123456", ""},
		{"an account's name", "account", "me@example.com", "must match"},
		{"a rule with blanks", "rule", "cpu of web's", ""},
		{"a rule of two lines", "rule", "a\nb", "must match"},
		{"contacts in Chinese", "contacts", "云账号报警联系人", ""},
		{"a user", "user", "night.shift", ""},
		{"a user with a domain", "user", "a@b", "must match"},
	} {
		_, stderr, status := command(os.Environ(), "package", "--operator-policy",
			"--"+row.flag+"="+row.value)
		if row.want == "" && (status != 0 || stderr != "") ||
			row.want != "" && (status != 2 || !strings.Contains(stderr, row.want) ||
				!strings.Contains(stderr, "error: --"+row.flag+" ")) {
			t.Errorf("%s: exit %d, %q, want %q", row.why, status, stderr, row.want)
		}
	}
}

// TestOperatorPolicy asks ECS, as it judges policies, what the operator may do there, and looks at
// the rest of the document.
func TestOperatorPolicy(t *testing.T) {
	document, stderr, status := command(os.Environ(), "package", "--operator-policy", "--region",
		"cn-hangzhou",
		"--bucket", "code", "--account", ecssim.DefaultAccount)
	if status != 0 || stderr != "" {
		t.Fatalf("exit %d: %s", status, stderr)
	}
	parsed, err := parseOperator(document)
	if err != nil {
		t.Fatal(err)
	}
	world := ecssim.New(ecssim.Real())
	world.Authorize(parsed)
	for id, tag := range map[string]string{"i-bp1full": "true", "i-bp1graceful": "graceful",
		"i-bp1bystander": "no"} {
		world.Add(ecssim.Instance{ID: id, Tags: map[string]string{"auto-restart": tag},
			Guest: ecssim.Guest{Agent: ecssim.AgentAlive}})
	}
	url, stop, err := world.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	environ := []string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=redis://" + redisServer(t),
		"REMEDY_ECS_ENDPOINT=" + url,
		"ALIBABA_CLOUD_REGION_ID=cn-hangzhou", "ALIBABA_CLOUD_ACCESS_KEY_ID=" + ecssim.DefaultKeyID,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + ecssim.DefaultSecret, "ALIBABA_CLOUD_SECURITY_TOKEN=" +
			ecssim.DefaultToken}
	if said, _, _ := command(environ, "doctor", "--json"); strings.Contains(said, "forbidden") ||
		!strings.Contains(said, "i-bp1full") {
		t.Errorf("doctor finds with the operator's permissions:\n%s", said)
	}
	if len(world.Calls()) == 0 {
		t.Error("nothing was asked of ECS")
	}

	var all ramPolicy
	if err := json.Unmarshal([]byte(document), &all); err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, s := range all.Statement {
		actions = append(actions, s.Action...)
		for _, resource := range s.Resource {
			if resource != "*" && (strings.Contains(resource, "REGION") ||
				strings.Contains(resource, "BUCKET") ||
				!strings.HasPrefix(resource, "acs:")) {
				t.Errorf("the resource %s", resource)
			}
		}
		for _, action := range s.Action {
			if strings.Contains(action, "*") {
				t.Errorf("%s is more than is needed", action)
			}
		}
	}
	for _, never := range []string{"ecs:StopInstance", "ecs:StartInstance", "ecs:DeleteInstance",
		"ros:CreateStack",
		"ros:DeleteStack", "ram:CreatePolicy", "ram:AttachPolicyToRole", "fc:DeleteFunction",
		"ots:DeleteRow"} {
		if slices.Contains(actions, never) {
			t.Errorf("an operator may %s", never)
		}
	}
	if len(document) > 6144 { // RAM document "Limits": the longest custom policy
		t.Errorf("the document has %d characters", len(document))
	}
	// What no flag says is left open.
	open, _, _ := command(os.Environ(), "package", "--operator-policy")
	if !strings.Contains(open, "acs:ros:*:*:stack/*") || !strings.Contains(open,
		"acs:oss:*:*:*/ecs-remedy-*") {
		t.Errorf("without flags: %s", open)
	}
}

// parseOperator reads the statements about ECS; the world knows no tags of actions that it has not.
func parseOperator(document string) (ecssim.Policy, error) {
	var all ramPolicy
	if err := json.Unmarshal([]byte(document), &all); err != nil {
		return ecssim.Policy{}, err
	}
	all.Statement = slices.DeleteFunc(all.Statement, func(s ramGrants) bool {
		return !strings.HasPrefix(s.Action[0], "ecs:")
	})
	text, err := json.Marshal(all)
	if err != nil {
		return ecssim.Policy{}, err
	}
	return ecssim.ParsePolicy(text)
}
