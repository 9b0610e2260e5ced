package ecs

import (
	"slices"
	"testing"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/remedy"
)

// inWorld returns a client of a simulated ECS, which checks every signature, and holds one
// instance.
func inWorld(t *testing.T, i ecssim.Instance) (*Client, *ecssim.World) {
	w := ecssim.New(ecssim.Real())
	i.ID, i.Region = instanceID, region
	w.Add(i)
	return newClient(t, func(o *Options) {
		o.Credentials = Credentials{ecssim.DefaultKeyID, ecssim.DefaultSecret, ecssim.DefaultToken}
		o.Base, o.Now = w.RoundTripper(), time.Now
	}), w
}

// inTime is an order that may be sent now.
func inTime() remedy.Order {
	return remedy.Order{Region: region, Instance: instanceID,
		SendBefore: time.Now().Add(time.Minute)}
}

// TestWorld: what the simulated ECS says arrives, and what is ordered happens there.
func TestWorld(t *testing.T) {
	c, w := inWorld(t, ecssim.Instance{
		Tags: map[string]string{"auto-restart": "true"}, Locks: []string{"financial"},
		Events: []ecssim.Event{{ID: "e-1", Type: "SystemFailure.Reboot", Status: "Executing"}},
	})
	machine := c.Machines(t.Context(), region, []string{instanceID})[instanceID]
	if !machine.OK() || machine.Value.Status != "Running" || len(machine.Value.Locks) != 1 ||
		!machine.Value.LocksKnown ||
		machine.Value.Tags["auto-restart"] != "true" ||
		machine.Date.Sub(machine.At).Abs() > time.Minute {
		t.Errorf("%+v", machine)
	}
	if vitals := c.Heartbeats(t.Context(), region, []string{instanceID})[instanceID]; !vitals.OK() {
		t.Errorf("%+v", vitals)
	}
	events := c.PlatformEvents(t.Context(), region, instanceID)
	if !events.OK() || len(events.Value) != 1 || events.Value[0].Type != "SystemFailure.Reboot" {
		t.Errorf("%+v", events)
	}
	w.Change(instanceID, ecssim.AtTime(time.Now()), func(i *ecssim.Instance) { i.Locks = nil })
	rehearsal := inTime()
	rehearsal.DryRun = true
	if got := c.Reboot(t.Context(), rehearsal); got.Answer != remedy.AnswerAccepted ||
		got.Code != "DryRunOperation" {
		t.Errorf("dry run: %+v", got)
	}
	if status := w.Instance(instanceID).Status; status != "Running" {
		t.Errorf("%s after a dry run", status)
	}
	if got := c.Reboot(t.Context(), inTime()); got.Answer != remedy.AnswerAccepted ||
		got.RequestID == "" {
		t.Errorf("%+v", got)
	}
	if status := w.Instance(instanceID).Status; status == "Running" {
		t.Error("still Running after a reboot was accepted")
	}
}

// TestWorldRefuses: the codes that the simulated ECS answers with mean what they should.
func TestWorldRefuses(t *testing.T) {
	tests := []struct {
		why    string
		i      ecssim.Instance
		key    ecssim.Key
		keys   Credentials
		reason remedy.Reason
	}{
		{"a security lock", ecssim.Instance{Locks: []string{"security"}}, ecssim.Key{},
			Credentials{}, remedy.ReasonSecurityLocked},
		{"arrears", ecssim.Instance{Locks: []string{"financial"}}, ecssim.Key{}, Credentials{},
			remedy.ReasonExpired},
		{"stopped", ecssim.Instance{Status: "Stopped"}, ecssim.Key{}, Credentials{},
			remedy.ReasonNotRunning},
		{"released", ecssim.Instance{Released: true}, ecssim.Key{}, Credentials{},
			remedy.ReasonNotFound},
		{"no permission", ecssim.Instance{}, ecssim.Key{Actions: []string{"DescribeInstances"}},
			Credentials{}, remedy.ReasonForbidden},
		{"an unknown key", ecssim.Instance{}, ecssim.Key{},
			Credentials{"STS.other", "other-secret", "other-token"},
			remedy.ReasonForbidden},
		{"a wrong secret", ecssim.Instance{}, ecssim.Key{},
			Credentials{ecssim.DefaultKeyID, "wrong", ecssim.DefaultToken},
			remedy.ReasonForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			c, w := inWorld(t, tt.i)
			w.SetKey(tt.key)
			if tt.keys != (Credentials{}) {
				c.keys = func() Credentials { return tt.keys }
			}
			if got := c.Reboot(t.Context(), inTime()); got.Answer != remedy.AnswerRejected ||
				got.Reason != tt.reason {
				t.Errorf("%+v, want rejected, %s", got, tt.reason)
			}
		})
	}
}

// TestWorldFaults: a reboot that happened is never said not to have, and one that did not is never
// said to have.
func TestWorldFaults(t *testing.T) {
	// none has an effect
	turnedAway := []ecssim.Kind{ecssim.KindThrottle, ecssim.KindDial, ecssim.KindDNS,
		ecssim.KindTLS}
	kinds := []ecssim.Fault{
		{Kind: ecssim.KindFail}, {Kind: ecssim.KindFail, Status: 400, Code: "UnknownError"},
		{Kind: ecssim.KindFail, Status: 503, Code: "ServiceUnavailable"},
		{Kind: ecssim.KindBody}, {Kind: ecssim.KindBody,
			Body: "<html>"}, {Kind: ecssim.KindRedirect, Body: "https://evil.example/"},
		{Kind: ecssim.KindThrottle}, {Kind: ecssim.KindHang}, {Kind: ecssim.KindDrop},
		{Kind: ecssim.KindReset},
		{Kind: ecssim.KindDial}, {Kind: ecssim.KindDNS}, {Kind: ecssim.KindTLS},
		{Kind: ecssim.KindTruncate},
	}
	for _, f := range kinds {
		for _, after := range []bool{false, true} {
			if after && slices.Contains(turnedAway, f.Kind) {
				continue
			}
			c, w := inWorld(t, ecssim.Instance{})
			if f.Kind == ecssim.KindHang {
				c.limit = 50 * time.Millisecond
			}
			f.Action, f.After = "RebootInstance", after
			w.Inject(f)
			got := c.Reboot(t.Context(), inTime())
			happened := w.Instance(instanceID).Status != "Running"
			switch {
			case got.Answer == remedy.AnswerNotExecuted &&
				happened, got.Answer == remedy.AnswerRejected && happened,
				got.Answer == remedy.AnswerAccepted && !happened:
				t.Errorf("%s, after the effect %v: it happened: %v, yet %+v", f.Kind, after,
					happened, got)
			}
			if want := w.Reboots(instanceID); len(want) > 1 {
				t.Errorf("%s: sent %d times", f.Kind, len(want))
			}
		}
	}
}
