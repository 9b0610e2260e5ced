package main

import (
	"regexp"
	"strconv"
	"strings"
)

// step is one numbered step of the runbook: a title, and the lines of a POSIX shell that do it. All
// steps are for one shell, in this order; what a step learns stays in that shell's variables.
type step struct {
	N       int    `json:"n"` // from 1
	Title   string `json:"title"`
	Command string `json:"command"`
}

// The names by which the steps refer to what the first one is told.
const (
	missingRegion = "<REGION>"
	missingBucket = "<BUCKET>"
	missingUser   = "<USER>"
)

// runbook is the whole way from a zip to an armed function, and from there to nothing. The options
// of each aliyun command are those of the API documents of the same names; the tests hold them
// against a table. Every command names its region, because the profile's own may be another one,
// for which CloudMonitor's endpoint is not known to the command line.
func (p *packageCommand) runbook(zip string) []step {
	steps := []step{
		{Title: "Say what is yours. A new shell needs this step and step 4 again.",
			Command: p.words(zip) + shellFunctions},
		{Title: "Upload the zip, and the template beside it.", Command: uploadStep},
		{Title: "Create the stack, or give the one that is there the new code, and wait for it.",
			Command: createStep},
		{Title: "Read what the stack has made.", Command: outputStep},
		{Title: "Test the chain: an event about a placeholder must end in the audit log.",
			Command: smokeStep},
		{Title: "List the instances, one id a line. Then keep in instances.txt those that may be " +
			"restarted.", Command: listStep},
		{Title: "Wire one metric rule.", Command: p.ruleStep()},
		{Title: "Wire all of instances.txt: a rule for each, 10 in a call.",
			Command: p.contacts() + bulkStep},
		{Title: "Opt instances.txt in, 50 in a call: graceful never forces, true allows the " +
			"whole ladder.", Command: tagStep},
		{Title: "Ask the doctor what each instance would get now, and what is missing.",
			Command: doctorStep},
		{Title: "Arm it, when the audit lines of observe mode have convinced you.",
			Command: armStep},
		{Title: "In an emergency, pause it: nothing is claimed from then on.",
			Command: pauseStep},
		{Title: "When that is over, resume.", Command: resumeStep},
		{Title: "Disarm it: observe reboots nothing, and off refuses everything.",
			Command: disarmStep},
		{Title: "Roll back to the code and the template before.", Command: rollbackStep},
		{Title: "Uninstall it, with what the stack does not take along.",
			Command: p.uninstallStep()},
		{Title: "Give the operator a policy of their own.", Command: p.policyStep()},
	}
	for i := range steps {
		steps[i].N = i + 1
		steps[i].Command = strings.TrimSpace(steps[i].Command)
	}
	return steps
}

// words are the variables that every later step uses.
func (p *packageCommand) words(zip string) string {
	return "export region=" + shellWord(given(p.Region, missingRegion)) +
		" function=" + shellWord(p.Function) + "\n" +
		"bucket=" + shellWord(given(p.Bucket, missingBucket)) +
		" stack=" + shellWord(p.Stack) + "\n" +
		"zip=" + shellWord(zip)
}

// shellFunctions are what the steps share: find_stack prints the id of the stack of that name, or
// nothing; get_stack what is asked of it; wait_for_stack waits until nothing is under way, and
// shows what failed; set_parameter changes one parameter, and waits. There is no comment in any
// step, and no variable called status, because zsh takes neither where somebody types. GetStack's
// Outputs and Parameters are lists of keys and values; --cli-query prints JSON, of which only the
// text is wanted.
const shellFunctions = `
unquoted() { sed 's/^"//; s/"$//; s/^null$//'; }
find_stack() {
  aliyun ros ListStacks --region "$region" --RegionId "$region" --StackName.1 "$stack" \
    --cli-query "Stacks[?Status!='DELETE_COMPLETE'].StackId | [0]" | unquoted
}
get_stack() {
  aliyun ros GetStack --region "$region" --RegionId "$region" --StackId "$stack_id" \
    --cli-query "$1" | unquoted
}
wait_for_stack() {
  while :; do
    state=$(get_stack Status)
    echo "$stack: $state"
    case $state in
    CREATE_COMPLETE | UPDATE_COMPLETE | DELETE_COMPLETE) return 0 ;;
    *_IN_PROGRESS) sleep 10 ;;
    *)
      aliyun ros ListStackEvents --region "$region" --RegionId "$region" --StackId "$stack_id" \
        --Status.1 CREATE_FAILED --Status.2 UPDATE_FAILED --Status.3 DELETE_FAILED \
        --cli-query 'Events[].[LogicalResourceId, StatusReason]'
      return 1
      ;;
    esac
  done
}
set_parameter() {
  code=$(get_stack "Parameters[?ParameterKey=='CodeObject'].ParameterValue | [0]")
  if [ "$1" = CodeObject ]; then code=$2; fi
  aliyun ros UpdateStack --region "$region" --RegionId "$region" --StackId "$stack_id" \
    --TemplateURL "oss://$bucket/${code%.zip}.yml?RegionId=$region" --UsePreviousParameters true \
    --Parameters.1.ParameterKey "$1" --Parameters.1.ParameterValue "$2" && wait_for_stack
}
`

// The template goes to the bucket, too: as a part of a request's address it would be too long (ROS
// document "CreateStack", TemplateBody), and what is rolled back to needs the template of its time.
const uploadStep = `
for file in "$zip" template.yml; do
  key=${zip##*/}
  if [ "$file" = template.yml ]; then key=${key%.zip}.yml; fi
  aliyun oss cp "$file" "oss://$bucket/$key" --force --region "$region" \
    --endpoint "oss-$region.aliyuncs.com"
done
`

const createStep = `
stack_id=$(find_stack)
if [ -n "$stack_id" ]; then
  set_parameter CodeObject "${zip##*/}"
else
  key=${zip##*/}
  stack_id=$(aliyun ros CreateStack --region "$region" --RegionId "$region" \
    --StackName "$stack" --TimeoutInMinutes 30 \
    --TemplateURL "oss://$bucket/${key%.zip}.yml?RegionId=$region" \
    --Parameters.1.ParameterKey CodeBucket --Parameters.1.ParameterValue "$bucket" \
    --Parameters.2.ParameterKey CodeObject --Parameters.2.ParameterValue "$key" \
    --Parameters.3.ParameterKey FunctionName --Parameters.3.ParameterValue "$function" \
    --cli-query StackId | unquoted)
  wait_for_stack
fi
`

// An output that the stack does not have is empty, and an empty variable is unset. With a LedgerUrl
// of one's own there is no OwnLedgerUrl, and REMEDY_LEDGER stays as it was set.
const outputStep = `
stack_id=$(find_stack)
export alarm_target="$(get_stack "Outputs[?OutputKey=='AlarmTargetArn'].OutputValue | [0]")"
log_store=$(get_stack "Outputs[?OutputKey=='LogStore'].OutputValue | [0]")
own_ledger=$(get_stack "Outputs[?OutputKey=='OwnLedgerUrl'].OutputValue | [0]")
export REMEDY_LEDGER="${own_ledger:-$REMEDY_LEDGER}"
export REMEDY_EVIDENCE="$(get_stack "Outputs[?OutputKey=='EvidencePlace'].OutputValue | [0]")"
echo "alarms go to $alarm_target; the ledger is $REMEDY_LEDGER; the audit lines are in $log_store"
`

// The event is CloudMonitor's own example: an agent that fell silent on an instance that is named
// {instanceId} (CloudMonitor document "SendDryRunSystemEvent"). It takes the whole way (event rule,
// topic, trigger, function, log) and can restart nothing.
const smokeStep = `
account=$(echo "$alarm_target" | cut -d: -f4)
event='{"product":"CloudMonitor","name":"Agent_Status_Stopped","status":"stopped",
  "level":"CRITICAL","regionId":"'$region'","instanceName":"instanceName",
  "resourceId":"acs:ecs:'$region':'$account':instance/{instanceId}",
  "content":{"ipGroup":"0.0.0.0,0.0.0.1","tianjimonVersion":"1.2.11"}}'
since=$(date +%s)
aliyun cms SendDryRunSystemEvent --region "$region" --Product CloudMonitor \
  --EventName Agent_Status_Stopped --EventContent "$event"
found=no
for try in $(seq 30); do
  if aliyun sls get-logs-v2 --region "$region" --project "${log_store%/*}" \
    --logstore "${log_store#*/}" --accept-encoding lz4 --from "$since" --to "$(date +%s)" \
    --query 'message.msg: verdict and message.reason: placeholder' \
    --cli-query '[data, logs]' | grep placeholder; then
    found=yes
    break
  fi
  sleep 10
done
if [ "$found" = yes ]; then
  echo 'the chain works'
else
  echo 'no audit line within 5 minutes: see "Wiring that people get wrong" in README.md' >&2
fi
`

const listStep = `
page=1
while ids=$(aliyun ecs DescribeInstances --region "$region" --RegionId "$region" \
  --Status Running --PageSize 100 --PageNumber "$page" \
  --cli-query 'Instances.Instance[].InstanceId' | grep -Eo 'i-[a-z0-9]+'); do
  echo "$ids"
  page=$((page + 1))
done >instances.txt
wc -l instances.txt
`

// contacts names the alert contact group, which CloudMonitor wants for every rule: the one that was
// given, or the first one that there is.
func (p *packageCommand) contacts() string {
	if p.Contacts != "" {
		return "export contacts=" + shellWord(p.Contacts)
	}
	return `export contacts="$(aliyun cms DescribeContactGroupList --region "$region" \
  --cli-query 'ContactGroupList.ContactGroup[0]' | unquoted)"`
}

// ruleStep wires the rule that was named, or makes one. The target has an id of its own, because
// one that is written as 1 takes the place of the rule's first target; and no level, which would
// filter alarms for missing data, because those have none.
func (p *packageCommand) ruleStep() string {
	const wire = `
aliyun cms PutMetricRuleTargets --region "$region" --RuleId "$rule" \
  --Targets.1.Id "$function" --Targets.1.Arn "$alarm_target"
`
	if p.Rule != "" {
		return "rule=" + shellWord(p.Rule) + wire
	}
	instance := "$(head -n 1 instances.txt)"
	if p.Instance != "" {
		instance = shellWord(p.Instance)
	}
	return p.contacts() + `
instance=` + instance + `
rule=$function-$instance
aliyun cms PutResourceMetricRule --region "$region" --RuleId "$rule" --RuleName "$rule" \
  --Namespace acs_ecs_dashboard --MetricName cpu_total \
  --Resources "[{\"instanceId\":\"$instance\"}]" --ContactGroups "$contacts" \
  --Period 60 --Interval 60 --SilenceTime 900 --NoDataPolicy INSUFFICIENT_DATA \
  --Escalations.Critical.Statistics Average --Escalations.Critical.Threshold 99 \
  --Escalations.Critical.ComparisonOperator GreaterThanOrEqualToThreshold \
  --Escalations.Critical.Times 5` + wire
}

// Ten rules are some 6 KB of a request's address; CloudMonitor itself takes more.
const bulkStep = `
xargs -n 10 sh -c '
  n=0
  for instance; do
    n=$((n + 1))
    shift
    set -- "$@" --Rules.$n.RuleId "$function-$instance" --Rules.$n.RuleName "$function-$instance" \
      --Rules.$n.Namespace acs_ecs_dashboard --Rules.$n.MetricName cpu_total \
      --Rules.$n.Resources "[{\"instanceId\":\"$instance\"}]" \
      --Rules.$n.ContactGroups "$contacts" --Rules.$n.Period 60 --Rules.$n.Interval 60 \
      --Rules.$n.SilenceTime 900 --Rules.$n.NoDataPolicy INSUFFICIENT_DATA \
      --Rules.$n.Escalations.Critical.Statistics Average \
      --Rules.$n.Escalations.Critical.ComparisonOperator GreaterThanOrEqualToThreshold \
      --Rules.$n.Escalations.Critical.Threshold 99 --Rules.$n.Escalations.Critical.Times 5
  done
  aliyun cms PutResourceMetricRules --region "$region" "$@"' rules <instances.txt
xargs -n 1 sh -c '
  aliyun cms PutMetricRuleTargets --region "$region" --RuleId "$function-$1" \
    --Targets.1.Id "$function" --Targets.1.Arn "$alarm_target"' target <instances.txt
`

const tagStep = `
xargs -n 50 sh -c '
  n=0
  for instance; do
    n=$((n + 1))
    shift
    set -- "$@" --ResourceId.$n "$instance"
  done
  aliyun ecs TagResources --region "$region" --RegionId "$region" --ResourceType instance \
    --Tag.1.Key auto-restart --Tag.1.Value graceful "$@"' tag <instances.txt
`

const doctorStep = `
REMEDY_MODE=enforce ./remedy doctor --region "$region"
`

const armStep = `
set_parameter Mode enforce
./remedy incidents
`

const pauseStep = `
./remedy pause --until 2h storage maintenance
`

const resumeStep = `
./remedy resume
`

const disarmStep = `
set_parameter Mode observe
`

// The zip that was uploaded last before this one has its template beside it.
const rollbackStep = `
previous=$(aliyun oss ls "oss://$bucket/ecs-remedy-" --region "$region" \
  --endpoint "oss-$region.aliyuncs.com" | sort | grep -o 'ecs-remedy-[0-9a-f]*\.zip' |
  grep -v "${zip##*/}" | tail -n 1)
if [ -n "$previous" ]; then set_parameter CodeObject "$previous"; else echo 'no zip before' >&2; fi
`

// uninstallStep removes what was made by hand, then the stack, then the zips.
func (p *packageCommand) uninstallStep() string {
	if p.Rule == "" {
		return uninstallLines
	}
	return `
aliyun cms DeleteMetricRuleTargets --region "$region" --RuleId ` + shellWord(p.Rule) + ` \
  --TargetIds.1 "$function"` + uninstallLines
}

const uninstallLines = `
xargs -n 1 sh -c '
  aliyun cms DeleteMetricRuleTargets --region "$region" --RuleId "$function-$1" \
    --TargetIds.1 "$function"
  aliyun cms DeleteMetricRules --region "$region" --Id.1 "$function-$1"' rule <instances.txt
xargs -n 50 sh -c '
  n=0
  for instance; do
    n=$((n + 1))
    shift
    set -- "$@" --ResourceId.$n "$instance"
  done
  aliyun ecs UntagResources --region "$region" --RegionId "$region" --ResourceType instance \
    --TagKey.1 auto-restart "$@"' untag <instances.txt
aliyun ros DeleteStack --region "$region" --RegionId "$region" --StackId "$stack_id"
wait_for_stack
aliyun oss rm "oss://$bucket/ecs-remedy-" --recursive --force --region "$region" \
  --endpoint "oss-$region.aliyuncs.com"
`

// policyStep prints the operator's policy and puts it into the account. It is no part of the stack:
// who looks after the function is not the function's business.
func (p *packageCommand) policyStep() string {
	return `
./remedy package --operator-policy --region "$region" --bucket "$bucket" \
  --function "$function" --account "$(echo "$alarm_target" | cut -d: -f4)" >operator-policy.json
aliyun ram CreatePolicy --region "$region" --PolicyName "$function-operator-$region" \
  --PolicyDocument "$(cat operator-policy.json)"
aliyun ram AttachPolicyToUser --region "$region" --PolicyType Custom \
  --PolicyName "$function-operator-$region" --UserName ` + shellWord(given(p.User, missingUser))
}

// printed is the runbook as it is read and copied. Its lines are never broken.
func printed(steps []step) string {
	var b strings.Builder
	b.WriteString("Next, step by step, in one shell, in the folder of template.yml. You need\n" +
		"the aliyun command line, its plugin for logs (aliyun plugin install --names sls), and\n" +
		"./remedy: go build -o remedy ./function/cmd/remedy. A <WORD> is for you to fill in.\n")
	for _, s := range steps {
		b.WriteString("\n# " + strconv.Itoa(s.N) + ". " + s.Title + "\n" + s.Command + "\n")
	}
	return b.String()
}

// given is a flag's value, or a placeholder. A placeholder ends up in quotes, so that a shell takes
// it for no redirection.
func given(value, placeholder string) string {
	if value == "" {
		return placeholder
	}
	return value
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord is a word as a POSIX shell reads it back.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
