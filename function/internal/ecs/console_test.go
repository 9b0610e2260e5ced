package ecs

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/remedy"
)

// TestConsole: what the simulated console shows arrives as it is, and what it refuses has ECS's
// code in the note.
func TestConsole(t *testing.T) {
	picture, log := []byte("\x89PNG\r\n\x1a\n"), []byte("\x1b[31mKernel panic\x1b[0m\r\n")
	for _, row := range []struct {
		why        string
		instance   ecssim.Instance
		screenshot bool
		want       string
		failure    remedy.Failure
		code       string
	}{
		{"a screen", ecssim.Instance{Screenshot: picture}, true, string(picture), "", ""},
		{"a log, without escape sequences", ecssim.Instance{ConsoleOutput: log}, false,
			"Kernel panic\r\n", "", ""},
		{"a screen of Windows", ecssim.Instance{Windows: true, Screenshot: picture}, true,
			string(picture), "", ""},
		{"no log of Windows", ecssim.Instance{Windows: true}, false, "", remedy.FailureUnreadable,
			"NotSupported"},
		{"no screen of what is Stopping", ecssim.Instance{Status: "Stopping"}, true, "",
			remedy.FailureUnreadable, "IncorrectInstanceStatus"},
		{"no log of what is Stopped", ecssim.Instance{Status: "Stopped"}, false, "",
			remedy.FailureUnreadable, "IncorrectInstanceStatus"},
		{"nothing of what is gone", ecssim.Instance{Released: true}, true, "",
			remedy.FailureMissing, "InvalidInstanceId.NotFound"},
		{"an empty screen is none", ecssim.Instance{Screenshot: []byte{}}, true, "",
			remedy.FailureUnreadable, ""},
	} {
		c, _ := inWorld(t, row.instance)
		read := c.Console
		if row.screenshot {
			read = c.Screenshot
		}
		got := read(t.Context(), region, instanceID)
		if string(got.Value) != row.want || got.Failure != row.failure ||
			!strings.Contains(got.Note, row.code) {
			t.Errorf("%s: %q, failure %q (%s); want %q, %q with the code %q",
				row.why, got.Value, got.Failure, got.Note, row.want, row.failure, row.code)
		}
		if got.OK() && got.Date.Sub(got.At).Abs() > time.Minute {
			t.Errorf("%s: at %v, answered at %v", row.why, got.At, got.Date)
		}
	}
}

// TestConsoleTooSoon: ECS shows a screen once in 10 seconds.
func TestConsoleTooSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, _ := inWorld(t, ecssim.Instance{})
		first := c.Screenshot(t.Context(), region, instanceID)
		if !first.OK() || !bytes.HasPrefix(first.Value, []byte{0xff, 0xd8}) {
			t.Errorf("the first: %d bytes, %q (%s)", len(first.Value), first.Failure, first.Note)
		}
		if got := c.Screenshot(t.Context(), region,
			instanceID); got.Failure != remedy.FailureUnavailable ||
			!strings.Contains(got.Note, "Throttling") {
			t.Errorf("at once: %q (%s), want it throttled", got.Failure, got.Note)
		}
		if got := c.Console(t.Context(), region, instanceID); !got.OK() {
			t.Errorf("the log has a count of its own: %q (%s)", got.Failure, got.Note)
		}
		if err := ecssim.Real().Sleep(t.Context(), 10*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := c.Screenshot(t.Context(), region, instanceID); !got.OK() {
			t.Errorf("10 seconds later: %q (%s)", got.Failure, got.Note)
		}
	})
}

// TestConsoleAnswers has a row for each way in which an answer is none.
func TestConsoleAnswers(t *testing.T) {
	body := func(id, field, content string) string {
		return fmt.Sprintf(`{"RequestId":%q,"InstanceId":%q,%q:%q}`, requestID, id, field, content)
	}
	text := base64.StdEncoding.EncodeToString([]byte("text"))
	for _, row := range []struct {
		why, body string
		failure   remedy.Failure
	}{
		{"as documented", body(instanceID, "Screenshot", text), ""},
		{"with line ends, as some encoders write",
			body(instanceID, "Screenshot", text[:4]+"\n"+text[4:]), ""},
		{"of another instance", body("i-other", "Screenshot", text), remedy.FailureUnreadable},
		{"of nobody", fmt.Sprintf(`{"RequestId":%q,"Screenshot":%q}`, requestID, text),
			remedy.FailureUnreadable},
		{"the other field", body(instanceID, "ConsoleOutput", text), remedy.FailureUnreadable},
		{"of two instances", strings.Replace(body(instanceID, "Screenshot", text), `"InstanceId"`,
			`"InstanceId":"i-other","InstanceId"`, 1), remedy.FailureUnreadable},
		{"two pictures", strings.Replace(body(instanceID, "Screenshot", text), `"Screenshot"`,
			`"screenshot":"QUJD","Screenshot"`, 1), remedy.FailureUnreadable},
		{"nothing", body(instanceID, "Screenshot", ""), remedy.FailureUnreadable},
		{"not base64", body(instanceID, "Screenshot", "a%b="), remedy.FailureUnreadable},
		{"base64 for URLs", body(instanceID, "Screenshot", "_-__"), remedy.FailureUnreadable},
		{"a number", fmt.Sprintf(`{"RequestId":%q,"InstanceId":%q,"Screenshot":5}`, requestID,
			instanceID), remedy.FailureUnreadable},
		{"no RequestId", fmt.Sprintf(`{"InstanceId":%q,"Screenshot":%q}`, instanceID, text),
			remedy.FailureUnavailable},
		{"not ECS", "<html>", remedy.FailureUnavailable},
	} {
		c := carried(t, func(r *http.Request) (*http.Response, error) {
			q := r.URL.Query()
			if q.Get("Action") != "GetInstanceScreenshot" || q.Get("InstanceId") != instanceID ||
				q.Get("WakeUp") != "false" {
				t.Errorf("%s: asked %v", row.why, q)
			}
			return reply(200, row.body), nil
		})
		got := c.Screenshot(t.Context(), region, instanceID)
		if got.Failure != row.failure || (row.failure == "") != (string(got.Value) == "text") ||
			(got.Note == "") != (row.failure == "") {
			t.Errorf("%s: %q, failure %q (%s); want %q", row.why, got.Value, got.Failure, got.Note,
				row.failure)
		}
	}
}
