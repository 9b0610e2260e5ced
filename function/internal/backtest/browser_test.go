package backtest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/browsertest"
	"ecs-remedy/function/internal/remedy"
)

// scrolls is what on the page may be wider than a phone: each can be scrolled by itself.
const scrolls = ".scroll"

// against is the page of a history under two policies, which are called by these names.
func against(t *testing.T, lines []string, names []string, second ...string) []byte {
	t.Helper()
	first := policyOf(t)
	assumed := Assumed()
	assumed.Instances = map[string]Instance{web: {ID: web, Tag: string(remedy.GrantFull),
		Outcome: OutcomeForce}}
	h := readAll(t, first, assumed, lines...)
	defer h.Close()
	page := Page{Names: names, Assumed: []string{"The first sentence of what is supposed."},
		Top: 10}
	for _, p := range []remedy.Policy{first, policyOf(t, second...)} {
		r, err := h.Replay(p, assumed, nil)
		if err != nil {
			t.Fatal(err)
		}
		page.Reports = append(page.Reports, r)
	}
	if err := page.Compare(h, 40); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := page.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// TestPagesInABrowser opens the page of a history under two policies, on a phone and at a desk:
// what a person would read is there, the policies stand side by side at one scale where there is
// room, bars stand in the order of time and on their axis, and nothing overflows or is loaded.
func TestPagesInABrowser(t *testing.T) {
	browser := browsertest.Browser(t)
	var history bytes.Buffer
	if err := Generate(&history, 6_000, 3); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(history.String()), "\n")
	for n := range 6 { // a guest that only a forced reboot helps
		lines = append(lines, hang(web, generatedStart.Add(time.Duration(3+n*2)*time.Hour)))
	}
	document := against(t, lines, []string{"this policy", "stricter.env"},
		"REMEDY_FLEET_HOURLY=4", "REMEDY_FLEET_CONCURRENT=1", "REMEDY_FORCE=never")
	v := browsertest.Show(t, browser, document, "h2")
	text := v.Text(t)
	for _, want := range []string{"Backtest of 6,006 alarms", "this policy", "stricter.env",
		"Reboots over time", "Refusals over time", "fleet-hourly", "ecs-hung-cpu",
		"REMEDY_FLEET_HOURLY", "i-bp1gen", "busiest hour", "cooling-down",
		"alarms end in another way"} {
		if !strings.Contains(text, want) {
			t.Errorf("nobody can read %q in:\n%s", want, text)
		}
	}
	for _, pixels := range browsertest.Widths {
		v.Width(t, pixels)
		v.Fits(t, scrolls)
		plotted(t, v, pixels >= 1000)
	}
	v.Contrasts(t)
	v.Accessible(t)
	v.Inert(t)
	v.Photograph(t, "backtest")
	v.Quiet(t)
}

// plotted: every plot has a twin of the same size and scale, beside it or below; its bars stand in
// the order of time, on the axis or on each other, and within it.
func plotted(t *testing.T, v *browsertest.Visit, wide bool) {
	t.Helper()
	type rect struct {
		At                       int64
		Left, Right, Top, Bottom float64
	}
	type figure struct {
		rect
		Label, Scale string
		Bars         []rect
		Axis         float64
	}
	figures := browsertest.Evaluate[[]figure](t, v, `(() => {
		const box = e => { const r = e.getBoundingClientRect();
			return {Left: r.left, Right: r.right, Top: r.top, Bottom: r.bottom} };
		return [...document.querySelectorAll("svg[role=img]")].map(e => ({...box(e),
			Label: e.getAttribute("aria-label"),
			Scale: e.parentElement.querySelector(".most").textContent,
			Axis: box(e).Bottom,
			Bars: [...e.querySelectorAll("rect[data-at]")].map(b =>
				({...box(b), At: +b.dataset.at}))})) })()`)
	timed := 0
	for i := 0; i+1 < len(figures); i += 2 {
		a, b := figures[i], figures[i+1]
		if a.Scale != b.Scale {
			t.Errorf("%s has the scale %q, and %s %q", a.Label, a.Scale, b.Label, b.Scale)
		}
		if beside := b.Left >= a.Right && b.Top == a.Top; beside != wide {
			t.Errorf("%s at %+v and %s at %+v: side by side %v", a.Label, a.rect, b.Label, b.rect,
				beside)
		}
		for _, f := range []figure{a, b} {
			if len(f.Bars) > 0 {
				timed++
			}
			slices.SortStableFunc(f.Bars, func(a, b rect) int { return int(a.At - b.At) })
			for n, bar := range f.Bars {
				switch {
				case bar.Left < f.Left || bar.Right > f.Right || bar.Top < f.Top ||
					bar.Bottom > f.Axis+2:
					t.Errorf("%s: a bar at %+v leaves the plot %+v", f.Label, bar, f.rect)
				case n > 0 && bar.At > f.Bars[n-1].At && bar.Left < f.Bars[n-1].Right-0.1:
					t.Errorf("%s: the bar of %d stands on that of %d", f.Label, bar.At,
						f.Bars[n-1].At)
				case n > 0 && bar.At == f.Bars[n-1].At && bar.Bottom > f.Bars[n-1].Top+0.1:
					t.Errorf("%s: the bars of %d cover each other", f.Label, bar.At)
				case (n == 0 || bar.At > f.Bars[n-1].At) && bar.Bottom < f.Axis-2:
					t.Errorf("%s: the bar of %d hangs in the air", f.Label, bar.At)
				}
			}
		}
	}
	if timed < 5 { // waiting may have none
		t.Errorf("only %d of %d plots have bars over time", timed, len(figures))
	}
	forced := `document.querySelectorAll(".plot rect.forced").length`
	if n := browsertest.Evaluate[int](t, v, forced); n == 0 {
		t.Error("no forced reboot is drawn")
	}
}

// TestHostileTextStaysText: what alarms and a file's name say is read as it is, whatever it is.
func TestHostileTextStaysText(t *testing.T) {
	browser := browsertest.Browser(t)
	const script = `<script>alert(1)</script><img src=https://evil.example/x onerror=alert(2)>`
	evil := script + `"'></title></svg><svg onload=alert(3)>`
	lines := []string{hang(web, noon)}
	for n := range 30 {
		lines = append(lines, fmt.Sprintf(`{"alertName":%q,"alertState":"ALERT","metricName":`+
			`"CPUUtilization","rawMetricName":"CPUUtilization","namespace":"acs_ecs_dashboard",`+
			`"triggerLevel":"CRITICAL","userId":"1234567890123456","regionId":"cn-hangzhou",`+
			`"transId":%q,"timestamp":"%d","dimensions":{"userId":"1234567890123456","instanceId":`+
			`%q}}`, evil, evil+strings.Repeat("long", 40),
			noon.Add(time.Duration(n)*5*time.Minute).UnixMilli(), web))
	}
	document := against(t, lines, []string{"this policy", evil + ".env"}, "REMEDY_COOLDOWN=1m")
	v := browsertest.Show(t, browser, document, "h2")
	if n := strings.Count(v.Text(t), script); n < 8 {
		t.Errorf("the script is read as text only %d times:\n%s", n, v.Text(t))
	}
	for _, pixels := range browsertest.Widths {
		v.Width(t, pixels)
		v.Fits(t, scrolls)
	}
	v.Inert(t)
	v.Photograph(t, "backtest-hostile")
	v.Quiet(t)
}
