package ecssim

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestVisitors: whoever looks on meets no fault, uses none up, is no reason for a change, and needs
// keys like everybody; what they do to an instance is done.
func TestVisitors(t *testing.T) {
	clock := NewVirtual(time.Now())
	w := New(clock)
	w.Latency = time.Hour // a visitor who slept would confuse the virtual clock
	w.Add(Instance{ID: "i-1"})
	w.Inject(Fault{Kind: KindDial, Action: "DescribeInstances", Times: -1})
	w.Inject(Fault{Kind: KindHang, Action: "DescribeInstanceStatus", Times: -1})
	w.Inject(Fault{Kind: KindTruncate, Action: "RebootInstance", Times: -1})
	w.Change("i-1", AfterCall("RebootInstance", 1), func(i *Instance) { i.Released = true })
	visit := func(action string, parameters map[string]string, key string) int {
		r := signed(t, clock.Now(), endpoint, action, parameters)
		if key != "" {
			q := r.URL.Query()
			q.Set("AccessKeyId", key)
			r.URL.RawQuery = q.Encode()
		}
		rec := httptest.NewRecorder()
		w.Visitors().ServeHTTP(rec, r)
		return rec.Code
	}
	for _, row := range []struct {
		why, action string
		parameters  map[string]string
		key         string
		status      int
	}{
		{"a fault that never lets a call arrive", "DescribeInstances", nil, "", http.StatusOK},
		{"a call that hangs for the others", "DescribeInstanceStatus", nil, "", http.StatusOK},
		{"a reboot, whose answer breaks off for the others", "RebootInstance",
			map[string]string{"InstanceId": "i-1"}, "", http.StatusOK},
		{"a key nobody knows", "DescribeInstances", nil, "STS.stranger", http.StatusNotFound},
	} {
		if got := visit(row.action, row.parameters, row.key); got != row.status {
			t.Errorf("%s: %d, not %d", row.why, got, row.status)
		}
	}
	state := w.Instance("i-1")
	if state.Released {
		t.Error("a visitor's reboot was the reason for a change")
	}
	if state.Status != StatusStopping {
		t.Errorf("a visitor's reboot did nothing: %s", state.Status)
	}
	if calls := w.Calls(); len(calls) != 0 {
		t.Errorf("kept %d calls of visitors", len(calls))
	}
}
