package app_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"image"
	"image/png"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/handle"
	"ecs-remedy/function/internal/remedy"
)

// console is an instance whose kernel says why it hangs.
func console(t *testing.T, guest ecssim.Guest) ecssim.Instance {
	t.Helper()
	var screen bytes.Buffer
	if err := png.Encode(&screen, image.NewGray(image.Rect(0, 0, 720, 400))); err != nil {
		t.Fatal(err)
	}
	i := optedIn(guest)
	i.Name, i.Screenshot = "web-<1>", screen.Bytes()
	i.ConsoleOutput = []byte(
		"boot\nINFO: task java:1 blocked for more than 120 seconds.\n<script>\n",
	)
	return i
}

// kept are the files below an incident's folder.
func kept(t *testing.T, folder, incident string) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(folder, filepath.FromSlash(incident)))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// evidenceFinding is what the result says of its evidence.
func evidenceFinding(r *remedy.Result) string {
	for _, f := range r.Findings {
		if f.Rule == remedy.RuleEvidence && f.OK {
			return f.Saw
		}
	}
	return ""
}

// TestEvidence: what the console showed is kept before the first attempt, before force and after a
// failed end, and nothing is sent later for it.
func TestEvidence(t *testing.T) {
	for _, row := range []struct {
		why    string
		guest  ecssim.Guest
		want   ending
		stages string
	}{
		{"graceful", ecssim.Guest{}, ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"},
			"1"},
		{"forced", ecssim.Guest{IgnoreGraceful: 2},
			ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "GGF"}, "12"},
		{"in vain", ecssim.Guest{IgnoreGraceful: -1, IgnoreForced: -1},
			ending{remedy.VerdictFailed, remedy.ReasonNotRecovered, "GGF"}, "123"},
	} {
		t.Run(row.why, func(t *testing.T) {
			folder := t.TempDir()
			bubble(t, func(t *testing.T) {
				s := newSetting(
					t,
					[]string{"REMEDY_EVIDENCE=dir://" + folder},
					console(t, row.guest),
				)
				began := time.Now()
				results := s.deliver(kernelHang(instance, time.Now()))
				check(t, s, results, row.want)
				r := &results[0]
				if r.Evidence != "dir://"+folder+"/"+r.Incident+"/" {
					t.Errorf("the evidence is at %q", r.Evidence)
				}
				want := []string{"incident.html", "incident.json"}
				for _, stage := range row.stages {
					for _, name := range []string{"-console.txt", "-screenshot.png"} {
						want = append(want, string(stage)+name)
						if !strings.Contains(evidenceFinding(r), string(stage)+name) {
							t.Errorf("the finding says %q", evidenceFinding(r))
						}
					}
				}
				slices.Sort(want)
				if got := kept(t, folder, r.Incident); !slices.Equal(got, want) {
					t.Errorf("kept %v, want %v", got, want)
				}
				if at := s.world.Reboots(instance)[0].At; !at.Equal(began) {
					t.Errorf("the first reboot came %v late", at.Sub(began))
				}
				page := read(t, folder, r.Incident, "incident.html")
				for _, text := range []string{"data:image/png;base64,", "blocked for more than 120",
					"&lt;script&gt;", "web-&lt;1&gt;", r.Incident, r.Attempts[0].RequestID} {
					if !strings.Contains(page, text) {
						t.Errorf("the page lacks %s", text)
					}
				}
				var again remedy.Result
				text := read(t, folder, r.Incident, "incident.json")
				if err := json.Unmarshal([]byte(text), &again); err != nil ||
					again.Verdict != r.Verdict || again.Incident != r.Incident {
					t.Errorf("incident.json: %v\n%s", err, text)
				}
			})
		})
	}
}

func read(t *testing.T, folder, incident, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, filepath.FromSlash(incident), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// TestEvidenceIsInNobodysWay: a console that ECS does not give, and a place that takes nothing,
// cost no reboot and no time, and the result says what is missing.
func TestEvidenceIsInNobodysWay(t *testing.T) {
	for _, row := range []struct {
		why   string
		place func(folder string) string
		spoil func(*ecssim.World)
		saw   string
		late  time.Duration
	}{
		{"the place is a file", func(folder string) string {
			if err := os.WriteFile(folder+"/file", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return folder + "/file"
		}, nil, "no screenshot: ", 0},
		{"ECS refuses", nil, func(w *ecssim.World) {
			w.Inject(ecssim.Fault{Kind: ecssim.KindFail, Code: "Forbidden.RAM", Status: 403,
				Action: "GetInstanceScreenshot", Times: -1})
		}, "Forbidden.RAM", 0},
		{"ECS does not answer", nil, func(w *ecssim.World) {
			for _, action := range []string{"GetInstanceScreenshot", "GetInstanceConsoleOutput"} {
				w.Inject(ecssim.Fault{Kind: ecssim.KindHang, Action: action, Times: -1})
			}
		}, "did not answer in time", 3 * time.Second},
	} {
		t.Run(row.why, func(t *testing.T) {
			folder := t.TempDir()
			place := folder
			if row.place != nil {
				place = row.place(folder)
			}
			bubble(t, func(t *testing.T) {
				s := newSetting(t, []string{"REMEDY_EVIDENCE=dir://" + place},
					console(t, ecssim.Guest{}))
				if row.spoil != nil {
					row.spoil(s.world)
				}
				began := time.Now()
				results := s.deliver(kernelHang(instance, time.Now()))
				check(t, s, results, ending{remedy.VerdictRestarted, remedy.ReasonRecovered, "G"})
				if saw := evidenceFinding(&results[0]); !strings.Contains(saw, row.saw) {
					t.Errorf("the finding says %q, want %q", saw, row.saw)
				}
				if late := s.world.Reboots(instance)[0].At.Sub(began); late > row.late {
					t.Errorf("the reboot came %v late", late)
				}
			})
		})
	}
}

// robots takes messages for everybody who is told.
type robots struct {
	mu     sync.Mutex
	bodies []string
	at     []time.Time
	status int // of every answer; 0: 200
	hangs  bool
}

func (r *robots) RoundTrip(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	r.bodies, r.at = append(r.bodies, string(body)), append(r.at, time.Now())
	status, hangs := r.status, r.hangs
	r.mu.Unlock()
	if hangs {
		<-request.Context().Done()
		return nil, request.Context().Err()
	}
	if status == 0 {
		status = 200
	}
	return &http.Response{StatusCode: status, Header: http.Header{}, Request: request,
		Body: io.NopCloser(strings.NewReader(`{"errcode":0,"code":0}`))}, nil
}

func (r *robots) told() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.bodies)
}

const robot = "https://oapi.dingtalk.com/robot/send?access_token=very-secret-token"

// TestTold: an end is told once, in the operator's language, and no address is shown anywhere.
func TestTold(t *testing.T) {
	for _, row := range []struct{ lang, says, detail string }{
		{"en", "was restarted and recovered", "was restarted and recovered"},
		{"zh", "重启", "重启"},
	} {
		bubble(t, func(t *testing.T) {
			s := newSetting(t, nil, console(t, ecssim.Guest{}))
			everybody := &robots{}
			f := s.wired(app.Seams{Outside: everybody}, "REMEDY_NOTIFY="+robot,
				"REMEDY_LANG="+row.lang)
			payload := kernelHang(instance, time.Now())
			results := s.deliverTo(f, delivery(0), payload)
			expect(t, results, "restarted/recovered")
			if !strings.Contains(results[0].Detail, row.detail) {
				t.Errorf("%s: the detail is %q", row.lang, results[0].Detail)
			}
			s.deliverTo(f, delivery(1), payload) // whose answer is the same verdict
			s.deliverTo(f, delivery(0), payload) // a duplicate
			told := everybody.told()
			if len(told) != 1 || !strings.Contains(told[0], row.says) ||
				!strings.Contains(told[0], instance) {
				t.Errorf("%s: told %q", row.lang, told)
			}
			if strings.Contains(s.written(), "very-secret-token") {
				t.Error("the address was written:", s.written())
			}
		})
	}
}

// TestToldInTime: people hear of a result when it is there, and not when the last alarm of its
// batch is done with, and each page is there by then.
func TestToldInTime(t *testing.T) {
	folder := t.TempDir()
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil, console(t, ecssim.Guest{}))
		deaf := console(t, ecssim.Guest{IgnoreGraceful: -1, IgnoreForced: -1})
		deaf.ID = "i-bp1deaf0000000000000"
		s.world.Add(deaf)
		waits := s.many(1)[0]
		everybody := &robots{}
		f := s.wired(app.Seams{Outside: everybody}, "REMEDY_NOTIFY="+robot,
			"REMEDY_EVIDENCE=dir://"+folder, "REMEDY_FLEET_CONCURRENT=2")
		began := time.Now()
		results := s.deliverTo(f, delivery(0), batch(kernelHang(instance, began),
			kernelHang(deaf.ID, began), kernelHang(waits, began)))
		expect(
			t,
			results,
			"restarted/recovered",
			"failed/not-recovered",
			"waiting/fleet-concurrent",
		)
		told := everybody.told()
		for i, want := range []struct {
			says string
			by   time.Duration
		}{{"aiting", 2 * time.Second}, {"Restarted", 75 * time.Second},
			{"human", time.Since(began)}} {
			if i >= len(told) || !strings.Contains(told[i], want.says) {
				t.Fatalf("told %q", told)
			}
			if late := everybody.at[i].Sub(began); late > want.by {
				t.Errorf("%s: told after %v, want %v at most", want.says, late, want.by)
			}
			if i > 0 && !strings.Contains(told[i], "incident.html") {
				t.Errorf("%q does not say where the page is", told[i])
			}
		}
	})
}

// TestUntold: nobody can be told, and nothing else changes for it; the log says so, and shows no
// more of the address than its host.
func TestUntold(t *testing.T) {
	for _, everybody := range []*robots{{status: 500}, {hangs: true}} {
		bubble(t, func(t *testing.T) {
			s := newSetting(t, nil, console(t, ecssim.Guest{}))
			f := s.wired(app.Seams{Outside: everybody}, "REMEDY_NOTIFY="+robot)
			began := time.Now()
			expect(t, s.deliverTo(f, delivery(0), kernelHang(instance, time.Now())),
				"restarted/recovered")
			if at := s.world.Reboots(instance)[0].At; !at.Equal(began) {
				t.Errorf("the reboot came %v late", at.Sub(began))
			}
			said := s.written()
			if !strings.Contains(said, `"msg":"untold"`) ||
				!strings.Contains(said, "oapi.dingtalk.com") ||
				strings.Contains(said, "very-secret-token") {
				t.Errorf("it wrote %s", said)
			}
		})
	}
}

// TestRefusalsAreCounted: many refusals for one reason are one message, and later one with their
// number.
func TestRefusalsAreCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		s := newSetting(t, nil)
		ids := s.many(30)
		for _, id := range ids {
			s.world.Change(
				id,
				ecssim.AtTime(time.Now()),
				func(i *ecssim.Instance) { i.Locks = []string{"security"} },
			)
		}
		everybody := &robots{}
		f := s.wired(app.Seams{Outside: everybody}, "REMEDY_NOTIFY="+robot)
		for _, id := range ids {
			expect(
				t,
				s.deliverTo(f, delivery(0), kernelHang(id, time.Now())),
				"refused/security-locked",
			)
		}
		if told := everybody.told(); len(told) != 1 {
			t.Errorf("%d messages, want 1: %v", len(told), told)
		}
		pass(11 * time.Minute)
		s.deliverTo(f, delivery(0), sweepEvent)
		if told := everybody.told(); len(told) != 2 || !strings.Contains(told[1], "29") {
			t.Errorf("after ten minutes: %v", told)
		}
	})
}

// TestRetold: the answer to an event that the platform delivers again is the verdict that its
// incident had, and what was kept of that stays as it is: whoever tells it again knows less.
func TestRetold(t *testing.T) {
	folder := t.TempDir()
	bubble(t, func(t *testing.T) {
		s := newSetting(t, []string{"REMEDY_EVIDENCE=dir://" + folder}, console(t, ecssim.Guest{}))
		payload := kernelHang(instance, time.Now())
		r := s.deliver(payload)[0]
		files := []string{"incident.html", "incident.json"}
		var before []string
		for _, name := range files {
			before = append(before, read(t, folder, r.Incident, name))
		}
		pass(time.Minute)
		expect(t, s.deliverTo(s.function, delivery(1), payload), "restarted/recovered")
		for i, name := range files {
			if read(t, folder, r.Incident, name) != before[i] {
				t.Errorf("%s was replaced by what the second delivery knew", name)
			}
			path := filepath.Join(folder, filepath.FromSlash(r.Incident), name)
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		// Its process died before it could write them: whoever tells it again does.
		expect(t, s.deliverTo(s.function, delivery(2), payload), "restarted/recovered")
		for _, name := range files {
			read(t, folder, r.Incident, name)
		}
	})
}

// TestPageOfASweep: the page of an incident that one invocation began and another one ended shows
// what the first one kept; where the function may not read that, it says so.
func TestPageOfASweep(t *testing.T) {
	for _, kind := range []string{"dir", "oss"} {
		t.Run(kind, func(t *testing.T) {
			folder := t.TempDir()
			bubble(t, func(t *testing.T) {
				place, bucket := "dir://"+folder, &shelf{files: map[string]string{}}
				if kind == "oss" {
					place = "oss://my-bucket/ecs-remedy"
				}
				s := newSetting(t, nil, console(t, ecssim.Guest{}))
				f := s.wired(app.Seams{Outside: bucket}, "REMEDY_EVIDENCE="+place)
				hurried := delivery(0)
				hurried.Deadline = time.Now().Add(30 * time.Second)
				expect(t, s.deliverTo(f, hurried, kernelHang(instance, time.Now())),
					"pending/out-of-time")
				pass(2 * time.Minute)
				results := s.deliverTo(f, delivery(0), sweepEvent)
				expect(t, results, "restarted/recovered")
				r := &results[0]
				if r.Evidence != place+"/"+r.Incident+"/" {
					t.Errorf("the evidence is at %q", r.Evidence)
				}
				wants := []string{"data:image/png;base64,", "blocked for more than 120"}
				var page string
				if kind == "dir" {
					page = read(t, folder, r.Incident, "incident.html")
				} else {
					page = bucket.files["/ecs-remedy/"+r.Incident+"/incident.html"]
					wants = []string{"An earlier invocation kept evidence"}
				}
				for _, text := range append(wants, r.Evidence) {
					if !strings.Contains(page, text) {
						t.Errorf("the page lacks %s", text)
					}
				}
				if strings.Contains(page, "None is at hand") {
					t.Error("the page says that there is no evidence")
				}
				if bucket.asked {
					t.Error("OSS was asked for more than PutObject")
				}
			})
		})
	}
}

// shelf takes what is put into a bucket, and lets nothing be read.
type shelf struct {
	mu    sync.Mutex
	files map[string]string
	asked bool // for anything else
	stuck bool // nothing is answered, whatever the context says
}

func (s *shelf) RoundTrip(request *http.Request) (*http.Response, error) {
	if s.stuck {
		<-time.After(time.Hour)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	answer := &http.Response{StatusCode: 403, Header: http.Header{}, Request: request,
		Body: http.NoBody}
	if request.Method != http.MethodPut {
		s.asked = true
		return answer, nil
	}
	content, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	s.files[request.URL.Path], answer.StatusCode = string(content), 200
	return answer, nil
}

// TestStuckStore: a store that answers nothing, not even that its time is over, keeps nobody from
// being told, and the message does not point to a page that is not there.
func TestStuckStore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		everybody := &robots{}
		s := newSetting(t, nil, console(t, ecssim.Guest{}))
		f := s.wired(app.Seams{Outside: hosts{"oapi.dingtalk.com": everybody,
			"": &shelf{stuck: true}}}, "REMEDY_EVIDENCE=oss://my-bucket/ecs-remedy",
			"REMEDY_NOTIFY="+robot)
		began := time.Now()
		expect(t, s.deliverTo(f, delivery(0), kernelHang(instance, time.Now())),
			"restarted/recovered")
		if late := s.world.Reboots(instance)[0].At.Sub(began); late > 3*time.Second {
			t.Errorf("the reboot came %v late", late)
		}
		told := everybody.told()
		if len(told) != 1 || strings.Contains(told[0], "incident.html") {
			t.Errorf("told %q", told)
		}
		if said := s.written(); !strings.Contains(said, "was not written") {
			t.Errorf("it wrote %s", said)
		}
		if took := time.Since(began); took > 10*time.Minute {
			t.Errorf("it took %v", took)
		}
		<-time.After(2 * time.Hour) // what is stuck ends within the bubble
	})
}

// TestStuckStoreOverHTTP: CloudMonitor does not wait for a store that answers nothing, and people
// hear of the end all the same: nobody delivers a request again that was answered.
func TestStuckStoreOverHTTP(t *testing.T) {
	bubble(t, func(t *testing.T) {
		everybody := &robots{}
		s := newSetting(t, nil, console(t, ecssim.Guest{Stop: 200 * time.Millisecond,
			Start: 200 * time.Millisecond, BootTime: 200 * time.Millisecond, Beat: time.Second}))
		f := s.wired(app.Seams{Outside: hosts{"oapi.dingtalk.com": everybody,
			"": &shelf{stuck: true}}}, "REMEDY_EVIDENCE=oss://my-bucket/ecs-remedy",
			"REMEDY_NOTIFY="+robot, "REMEDY_HTTP_TOKEN="+token, "REMEDY_POLL=100ms")
		began := time.Now()
		event := httpEvent(kernelHang(instance, began), nil, map[string]string{"token": token})
		answer, err := f.Invoke(t.Context(), delivery(0), []byte(event))
		if took := time.Since(began); err != nil || took > 5*time.Second {
			t.Errorf("%v after %v", err, took)
		}
		if body := answer.(handle.HTTPResponse).Body; !strings.Contains(body, "recovered") {
			t.Fatal(body)
		}
		if told := everybody.told(); len(told) != 1 {
			t.Errorf("told %q; the log: %s", told, s.written())
		}
		<-time.After(2 * time.Hour)
	})
}

// hosts are servers by their names; the one without a name is any other.
type hosts map[string]http.RoundTripper

func (h hosts) RoundTrip(request *http.Request) (*http.Response, error) {
	if at, known := h[request.URL.Host]; known {
		return at.RoundTrip(request)
	}
	return h[""].RoundTrip(request)
}
