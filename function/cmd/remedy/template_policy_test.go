package main

import (
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/doctor"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
)

// rolePolicy is the template's own policy for the function, as RAM would evaluate it.
func rolePolicy(t *testing.T, change func(string) string) ecssim.Policy {
	t.Helper()
	parsed := new(template)
	if err := yaml.Unmarshal([]byte(readTemplate(t)), parsed); err != nil {
		t.Fatal(err)
	}
	s, err := parsed.stack()
	if err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(map[string]any{"Version": "1", "Statement": s.policy(asFunction)})
	if err != nil {
		t.Fatal(err)
	}
	policy, err := ecssim.ParsePolicy([]byte(change(string(document))))
	if err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	return policy
}

// TestTemplatePolicy runs one whole alarm, one in mode observe and the doctor under exactly the
// policy that the template gives the function. A grant that is missing or too narrow ends them
// otherwise.
func TestTemplatePolicy(t *testing.T) {
	as := func(old, new string) func(string) string {
		return func(document string) string {
			if !strings.Contains(document, old) {
				t.Fatalf("the template's policy holds no %s: %s", old, document)
			}
			return strings.ReplaceAll(document, old, new)
		}
	}
	for _, row := range []struct {
		why              string
		change           func(string) string
		enforce, observe string
		well             bool // the doctor finds nothing
	}{
		{"as it is", func(s string) string { return s }, "restarted/recovered",
			"observed/would-restart", true},
		{"platform events, which RAM grants on * only, granted on instances",
			as(`"Resource":["*"]`, `"Resource":["acs:ecs:*:*:instance/*"]`), "refused/forbidden",
			"refused/forbidden", false},
		{"no heartbeats", as("ecs:DescribeCloudAssistantStatus", "ecs:DescribeCloudAssistant"),
			"refused/forbidden", "refused/forbidden", false},
		{"no instances", as("ecs:DescribeInstances", "ecs:DescribeInstance"), "refused/not-found",
			"refused/not-found", false},
		{"no reboots", as("ecs:RebootInstance", "ecs:RebootInstances"), "refused/forbidden",
			"refused/forbidden", false},
		{"another tag", as("acs:ResourceTag/auto-restart", "acs:ResourceTag/restart"),
			"refused/forbidden", "refused/forbidden", false},
	} {
		t.Run(row.why, func(t *testing.T) {
			policy := rolePolicy(t, row.change)
			for mode, want := range map[string]string{"enforce": row.enforce,
				"observe": row.observe} {
				if got := handledUnder(t, policy, mode); got != want {
					t.Errorf("mode %s: %s, want %s", mode, got, want)
				}
			}
			settings, err := config.Load([]string{"REMEDY_MODE=observe", "REMEDY_LEDGER=mem:"})
			if err != nil {
				t.Fatal(err)
			}
			for _, scene := range doctor.Scenes() {
				if scene.Name != "well" {
					continue
				}
				report := doctor.Examine(t.Context(), doctor.Options{Settings: settings,
					Scene: scene.Under(policy), Version: app.Version()})
				if well := report.ToCure() == 0; well != row.well {
					t.Errorf("the doctor finds %d things: %+v", report.ToCure(), report.Findings)
				}
			}
		})
	}
}

// handledUnder is how the platform's alarm about a hang ends, as the topic delivers it, with an
// instance that one graceful reboot cures.
func handledUnder(t *testing.T, policy ecssim.Policy, mode string) string {
	t.Helper()
	event, err := drill.Default(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	alarm := &event.Alarms[0]
	payload, err := json.Marshal(map[string]any{"TopicOwner": alarm.Account,
		"TopicName": "ecs-remedy", "Subscriber": alarm.Account, "SubscriptionName": "ecs-remedy",
		"MessageId": "1", "Message": string(event.Payload), "PublishTime": time.Now().UnixMilli()})
	if err != nil {
		t.Fatal(err)
	}
	clock := ecssim.NewVirtual(alarm.Time.Add(time.Minute))
	world := ecssim.New(clock)
	world.Authorize(policy)
	world.Add(ecssim.Instance{ID: alarm.Instance, Region: alarm.Region,
		Tags: map[string]string{"auto-restart": "true"}})
	settings, err := config.Load([]string{"REMEDY_MODE=" + mode, "REMEDY_LEDGER=mem:"})
	if err != nil {
		t.Fatal(err)
	}
	function, err := app.New(settings, io.Discard, app.Seams{Clock: clock,
		Transport: world.RoundTripper()})
	if err != nil {
		t.Fatal(err)
	}
	defer function.Close()
	answer, err := function.Invoke(t.Context(), app.Invocation{Account: alarm.Account,
		Region: alarm.Region, Credentials: app.Credentials{AccessKeyID: ecssim.DefaultKeyID,
			AccessKeySecret: ecssim.DefaultSecret, SecurityToken: ecssim.DefaultToken}}, payload)
	if err != nil {
		return err.Error()
	}
	r := answer.(handle.Response).Results[0]
	for _, call := range world.Calls() {
		if call.Action == "StopInstance" {
			t.Error("StopInstance was called")
		}
	}
	return string(r.Verdict) + "/" + string(r.Reason)
}
