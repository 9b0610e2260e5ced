package ecssim

import (
	"encoding/base64"
	"errors"
	"image/jpeg"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/ecs"
)

// The official client, which signs and decodes on its own, understands every answer: in process and
// on a port.
func TestOfficialClient(t *testing.T) {
	t.Run("in process", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			w := New(Real())
			official(t, w, "HTTPS", "ecs-cn-hangzhou.aliyuncs.com", w.RoundTripper())
		})
	})
	t.Run("on a port", func(t *testing.T) {
		w := New(Real())
		url, stop, err := w.Listen("127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		official(t, w, "HTTP", strings.TrimPrefix(url, "http://"),
			&http.Transport{DisableKeepAlives: true})
	})
}

func official(t *testing.T, w *World, scheme, domain string, rt http.RoundTripper) {
	client := func(secret string) *ecs.Client {
		config := sdk.NewConfig().WithScheme(scheme).WithAutoRetry(false)
		config.WithTimeout(10 * time.Second)
		config.Transport = rt
		token := credentials.NewStsTokenCredential(DefaultKeyID, secret, DefaultToken)
		c, err := ecs.NewClientWithOptions("cn-hangzhou", config, token)
		if err != nil {
			t.Fatal(err)
		}
		c.Domain = domain
		return c
	}
	c := client(DefaultSecret)
	w.Add(Instance{
		ID: "i-1", Name: "front end *~/", ChargeType: "PrePaid", ExpiredTime: "2030-01-01T16:00Z",
		Locks: []string{"Recycling"}, Tags: map[string]string{"auto-restart": "true"},
		Guest: Guest{Agent: AgentAlive},
		Events: []Event{{ID: "e-1", Type: "SystemMaintenance.Reboot", Status: "Scheduled",
			NotBefore: noon}},
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}

	instances := ecs.CreateDescribeInstancesRequest()
	instances.InstanceIds, instances.MaxResults = `["i-1"]`, "100"
	instances.Tag = &[]ecs.DescribeInstancesTag{{Key: "auto-restart", Value: "true"}}
	list, err := c.DescribeInstances(instances)
	must(err)
	if i := list.Instances.Instance; len(i) != 1 || i[0].InstanceId != "i-1" ||
		i[0].InstanceName != "front end *~/" ||
		i[0].Status != StatusRunning || i[0].RegionId != "cn-hangzhou" ||
		i[0].InstanceChargeType != "PrePaid" ||
		i[0].ExpiredTime != "2030-01-01T16:00Z" ||
		i[0].OperationLocks.LockReason[0].LockReason != "Recycling" ||
		i[0].Tags.Tag[0].TagKey != "auto-restart" ||
		i[0].Tags.Tag[0].TagValue != "true" || i[0].StartTime == "" || list.RequestId == "" {
		t.Errorf("DescribeInstances: %+v", list)
	}

	statuses := ecs.CreateDescribeInstanceStatusRequest()
	statuses.InstanceId = &[]string{"i-1"}
	short, err := c.DescribeInstanceStatus(statuses)
	must(err)
	if s := short.InstanceStatuses.InstanceStatus; len(s) != 1 || s[0].InstanceId != "i-1" ||
		s[0].Status != StatusRunning {
		t.Errorf("DescribeInstanceStatus: %+v", short)
	}

	assistant := ecs.CreateDescribeCloudAssistantStatusRequest()
	assistant.InstanceId = &[]string{"i-1"}
	answer, err := c.DescribeCloudAssistantStatus(assistant)
	must(err)
	v := answer.InstanceCloudAssistantStatusSet.InstanceCloudAssistantStatus
	if len(v) != 1 || v[0].CloudAssistantStatus != "true" {
		t.Errorf("DescribeCloudAssistantStatus: %+v", answer)
	} else if beat, err := time.Parse(time.RFC3339, v[0].LastHeartbeatTime); err != nil ||
		time.Since(beat) > time.Minute {
		t.Errorf("LastHeartbeatTime %s", v[0].LastHeartbeatTime)
	}

	history := ecs.CreateDescribeInstanceHistoryEventsRequest()
	history.ResourceId, history.InstanceEventCycleStatus = &[]string{"i-1"}, &[]string{"Executing",
		"Scheduled", "Inquiring"}
	events, err := c.DescribeInstanceHistoryEvents(history)
	must(err)
	e := events.InstanceSystemEventSet.InstanceSystemEventType
	if len(e) != 1 || e[0].EventId != "e-1" || e[0].InstanceId != "i-1" ||
		e[0].EventType.Name != "SystemMaintenance.Reboot" ||
		e[0].EventCycleStatus.Name != "Scheduled" ||
		e[0].NotBefore != "2026-11-23T12:00:00Z" {
		t.Errorf("DescribeInstanceHistoryEvents: %+v", events)
	}

	full := ecs.CreateDescribeInstancesFullStatusRequest()
	full.InstanceId = &[]string{"i-1"}
	health, err := c.DescribeInstancesFullStatus(full)
	must(err)
	if h := health.InstanceFullStatusSet.InstanceFullStatusType; len(h) != 1 ||
		h[0].HealthStatus.Name != "Ok" ||
		h[0].Status.Name != StatusRunning ||
		len(h[0].ScheduledSystemEventSet.ScheduledSystemEventType) != 1 {
		t.Errorf("DescribeInstancesFullStatus: %+v", health)
	}

	picture := ecs.CreateGetInstanceScreenshotRequest()
	picture.InstanceId = "i-1"
	shot, err := c.GetInstanceScreenshot(picture)
	must(err)
	if _, err := jpeg.Decode(base64.NewDecoder(base64.StdEncoding,
		strings.NewReader(shot.Screenshot))); err != nil {
		t.Errorf("GetInstanceScreenshot: %v", err)
	}

	console := ecs.CreateGetInstanceConsoleOutputRequest()
	console.InstanceId = "i-1"
	output, err := c.GetInstanceConsoleOutput(console)
	must(err)
	if log, err := base64.StdEncoding.DecodeString(output.ConsoleOutput); err != nil ||
		!strings.Contains(string(log), "login:") {
		t.Errorf("GetInstanceConsoleOutput: %q, %v", log, err)
	}

	order := ecs.CreateRebootInstanceRequest()
	order.InstanceId, order.DryRun = "i-1", requests.NewBoolean(true)
	_, err = c.RebootInstance(order)
	var refused *sdkerrors.ServerError
	if !errors.As(err, &refused) || refused.ErrorCode() != "DryRunOperation" ||
		refused.HttpStatus() != 400 {
		t.Errorf("RebootInstance with DryRun: %v", err)
	}
	order.DryRun, order.ForceStop = requests.NewBoolean(false), requests.NewBoolean(true)
	done, err := c.RebootInstance(order)
	must(err)
	if calls := w.Reboots("i-1"); len(calls) != 1 || !calls[0].Force || !calls[0].Works ||
		calls[0].RequestID != done.RequestId {
		t.Errorf("RebootInstance: %+v, kept as %+v", done, calls)
	}

	// The client compares the text that the gateway says it signed with its own, and says that only
	// the secret can be wrong.
	_, err = client("wrong").DescribeInstances(ecs.CreateDescribeInstancesRequest())
	if !errors.As(err, &refused) || refused.ErrorCode() != "SignatureDoesNotMatch" ||
		!strings.HasPrefix(refused.Recommend(), "InvalidAccessKeySecret") {
		t.Errorf("a wrong secret: %v", err)
	}

	w.SetKey(Key{Actions: []string{}})
	_, err = c.RebootInstance(order)
	if !errors.As(err, &refused) || refused.ErrorCode() != "Forbidden.RAM" ||
		refused.AccessDeniedDetail()["AuthAction"] != "ecs:RebootInstance" {
		t.Errorf("without permission: %v", err)
	}
}
