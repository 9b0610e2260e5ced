package app_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
)

// mark is in every secret of TestSecrets. It has characters that are written differently in a URL
// and in JSON, so that no form of it slips through.
const mark = `mark+<"of">&a=secret/`

// marked are the forms in which the mark could be written.
func marked() []string {
	text, _ := json.Marshal(mark) // a text has no error
	return []string{mark, url.QueryEscape(mark), url.PathEscape(mark),
		strings.Trim(string(text), `"`), "mark+", "of%22%3E"}
}

// TestSecrets runs every guest and every fault with secrets that are marked: the invocation's keys,
// the HTTP trigger's token, and the addresses of those who are told with their signing secrets. No
// mark is in any output, error, result, page, evidence, message or value of the ledger.
func TestSecrets(t *testing.T) {
	type story struct {
		name  string
		guest ecssim.Guest
		fault *ecssim.NamedFault
	}
	var stories []story
	for _, g := range ecssim.Guests() {
		stories = append(stories, story{name: g.Name, guest: g.Guest})
	}
	for _, f := range ecssim.Faults() {
		stories = append(stories, story{f.Name, ecssim.Guest{IgnoreGraceful: 1}, &f})
	}
	for _, x := range stories {
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			bubble(t, func(t *testing.T) {
				token := "http-token-" + mark
				robots := &robots{}
				s := newSetting(t, nil, console(t, x.guest))
				f := s.wired(app.Seams{Outside: robots}, "REMEDY_EVIDENCE=dir://"+folder,
					"REMEDY_HTTP_TOKEN="+token, "REMEDY_NOTIFY="+strings.Join([]string{
						"https://oapi.dingtalk.com/robot/send?access_token=" + url.QueryEscape(
							mark,
						) +
							"#secret=SEC" + url.QueryEscape(
							mark,
						),
						"https://hooks.slack.com/services/T0/B0/" + url.PathEscape(mark),
						"https://hooks.example.com/" + url.PathEscape(mark)}, " "))
				keys := ecssim.Key{ID: "STS.id-" + mark, Secret: "secret-" + mark,
					Token: "token-" + mark}
				s.world.SetKey(keys)
				if x.fault != nil {
					x.fault.Apply(s.world, instance)
				}
				var all strings.Builder
				about := delivery(0)
				about.Credentials = app.Credentials{AccessKeyID: keys.ID,
					AccessKeySecret: keys.Secret, SecurityToken: keys.Token}
				payload := kernelHang(instance, time.Now())
				for retry := range 3 {
					about.Retry, about.Deadline = retry, time.Now().Add(time.Hour)
					answer, err := f.Invoke(t.Context(), about, []byte(payload))
					text, _ := json.Marshal(answer) // what it holds is looked at, and nothing else
					fmt.Fprintf(&all, "%s %v\n", text, err)
					s.deliverTo(f, about, sweepEvent)
				}
				request, err := json.Marshal(map[string]any{"version": "v1", "rawPath": "/",
					"headers": map[string]string{"X-Remedy-Token": token}, "body": payload,
					"requestContext":  map[string]any{"http": map[string]string{"method": "POST"}},
					"queryParameters": map[string]string{}})
				if err != nil {
					t.Fatal(err)
				}
				answer, err := f.Invoke(t.Context(), about, request)
				text, _ := json.Marshal(answer)
				fmt.Fprintf(&all, "%s %v\n", text, err)

				all.WriteString(s.written())
				all.WriteString(strings.Join(robots.told(), "\n"))
				all.WriteString(s.values(t))
				all.WriteString(contents(t, folder))
				if len(robots.told()) == 0 && strings.Contains(all.String(), `"restarted"`) {
					t.Error("nobody was told")
				}
				for _, form := range marked() {
					if i := strings.Index(all.String(), form); i >= 0 {
						t.Errorf("a secret as %q in …%s…", form,
							all.String()[max(0, i-200):min(all.Len(), i+100)])
					}
				}
			})
		})
	}
}

// values is everything that the ledger holds.
func (s *setting) values(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	err := s.store.Store.(ledger.Lister).List(t.Context(), "", func(key string) error {
		value, _, err := s.store.Store.Get(t.Context(), key)
		fmt.Fprintf(&all, "%s %s\n", key, value)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// contents is everything below a folder, with the names.
func contents(t *testing.T, folder string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&all, "%s\n%s\n", path, content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}
