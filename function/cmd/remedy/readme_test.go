package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/drill"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// The documents that people read first, in their two languages.
const (
	readmeEnglish = "../../../README.md"
	readmeChinese = "../../../.github/README.zh-CN.md"
)

func readDocument(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// partOf is what stands between a document's marks of that name.
func partOf(t *testing.T, document, name string) string {
	t.Helper()
	_, rest, found := strings.Cut(document, "<!-- "+name+" -->\n")
	part, _, closed := strings.Cut(rest, "<!-- /"+name+" -->")
	if !found || !closed {
		t.Fatalf("the document has no part %s", name)
	}
	return part
}

// rowsOf are the cells of a table's rows, below its head.
func rowsOf(table string) [][]string {
	var rows [][]string
	for line := range strings.Lines(table) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "|") {
			continue
		}
		line = strings.ReplaceAll(strings.Trim(line, "|"), `\|`, "\x00")
		var cells []string
		for cell := range strings.SplitSeq(line, "|") {
			cells = append(cells, strings.TrimSpace(strings.ReplaceAll(cell, "\x00", "|")))
		}
		rows = append(rows, cells)
	}
	return rows[min(2, len(rows)):]
}

// TestREADMELength: a tired person reads no more than this.
func TestREADMELength(t *testing.T) {
	const most = 330
	for _, path := range []string{readmeEnglish, readmeChinese} {
		if n := strings.Count(readDocument(t, path), "\n"); n > most {
			t.Errorf("%s has %d lines, and may have %d", path, n, most)
		}
	}
}

// TestREADMEDrill: every line that the README shows of the first drill is one that it prints, in
// the order in which it prints them.
func TestREADMEDrill(t *testing.T) {
	var out, stderr bytes.Buffer
	if status := run([]string{"drill"}, &console{out: &out, err: &stderr}); status != 0 ||
		stderr.Len() > 0 {
		t.Fatalf("drill ended with %d: %s", status, stderr.String())
	}
	words := func(line string) string { return strings.Join(strings.Fields(line), " ") }
	for _, path := range []string{readmeEnglish, readmeChinese} {
		printed := strings.Split(out.String(), "\n")
		shown := 0
		for line := range strings.Lines(partOf(t, readDocument(t, path), "drill")) {
			line = words(line)
			if line == "" || strings.HasPrefix(line, "```") {
				continue
			}
			shown++
			// The time of a row, or its label, may be that of the row before.
			at := slices.IndexFunc(printed, func(p string) bool {
				return words(p) != "" && strings.HasSuffix(line, words(p))
			})
			if at < 0 {
				t.Fatalf("%s: the drill does not print this, or not there: %s", path, line)
			}
			printed = printed[at+1:]
		}
		if shown < 10 || shown > 14 {
			t.Errorf("%s shows %d lines of the drill, and about 12 are wanted", path, shown)
		}
	}
}

// constantsOf are the values of package remedy's constants of a type, as its source has them.
func constantsOf(t *testing.T, kind string) []string {
	t.Helper()
	files, err := filepath.Glob("../../internal/remedy/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if is, ok := spec.Type.(*ast.Ident); !ok || is.Name != kind {
				return true
			}
			for _, v := range spec.Values {
				if literal, ok := v.(*ast.BasicLit); ok && literal.Kind == token.STRING {
					value, err := strconv.Unquote(literal.Value)
					if err != nil {
						t.Fatal(err)
					}
					values = append(values, value)
				}
			}
			return true
		})
	}
	if len(values) < 8 {
		t.Fatalf("%d constants of type %s", len(values), kind)
	}
	slices.Sort(values)
	return values
}

// TestREADMEReasons: every verdict and every reason of the code is in the README, with what it
// means and what to do, and no other.
func TestREADMEReasons(t *testing.T) {
	verdicts, reasons := constantsOf(t, "Verdict"), constantsOf(t, "Reason")
	for _, path := range []string{readmeEnglish, readmeChinese} {
		document := readDocument(t, path)
		var said []string
		for _, row := range rowsOf(partOf(t, document, "verdicts")) {
			said = append(said, strings.Trim(row[0], "`"))
		}
		slices.Sort(said)
		if !slices.Equal(said, verdicts) {
			t.Errorf("%s has the verdicts %q, the code %q", path, said, verdicts)
		}
		said = nil
		for _, row := range rowsOf(partOf(t, document, "reasons")) {
			said = append(said, strings.Trim(row[0], "`"))
			if len(row) != 4 || row[2] == "" || row[3] == "" {
				t.Errorf("%s: %s lacks a meaning, or what to do", path, row[0])
				continue
			}
			for verdict := range strings.SplitSeq(row[1], ", ") {
				if !slices.Contains(verdicts, verdict) {
					t.Errorf("%s: %s is of a verdict %q", path, row[0], verdict)
				}
			}
		}
		slices.Sort(said)
		if !slices.Equal(said, reasons) {
			t.Errorf("%s has the reasons %q, the code %q", path, said, reasons)
		}
	}
}

var numberedStep = regexp.MustCompile(`(?m)^(\d+)\. \*\*((?:[^*]|\n)+)\*\*`)

// TestREADMESteps: the README's steps of a deployment are the runbook's, by number and title.
func TestREADMESteps(t *testing.T) {
	flags := flagsOf(nil)
	steps := flags.runbook(shellZip)
	for _, path := range []string{readmeEnglish, readmeChinese} {
		found := numberedStep.FindAllStringSubmatch(readDocument(t, path), -1)
		if len(found) != len(steps) {
			t.Errorf("%s has %d steps, package %d", path, len(found), len(steps))
			continue
		}
		for i, s := range steps {
			title := strings.Join(strings.Fields(found[i][2]), " ")
			if found[i][1] != strconv.Itoa(s.N) || path == readmeEnglish && title != s.Title {
				t.Errorf("%s: step %s is %q, in package %d: %q", path, found[i][1], title,
					s.N, s.Title)
			}
		}
	}
}

// shellLines are the commands of a document's sh blocks; one that goes on in the next line is one.
func shellLines(t *testing.T, document string) []string {
	t.Helper()
	var lines []string
	for i, block := range strings.Split(document, "```sh\n") {
		if i == 0 {
			continue
		}
		block, _, _ = strings.Cut(block, "```")
		for line := range strings.SplitSeq(strings.ReplaceAll(block, "\\\n", ""), "\n") {
			if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
				lines = append(lines, line)
			}
		}
	}
	return lines
}

// TestREADMEShell runs every line of the README's sh blocks, each in a shell of its own, where an
// incident has ended and, when it is to be closed, another one is open.
func TestREADMEShell(t *testing.T) {
	t.Parallel()
	lines := shellLines(t, readDocument(t, readmeEnglish))
	if len(lines) < 12 {
		t.Fatalf("the README has %d shell lines: %q", len(lines), lines)
	}
	w := newShellWorld(t)
	alarm, err := drill.Default(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.folder, "alarm.json")
	if err := os.WriteFile(file, alarm.Payload, 0o644); err != nil {
		t.Fatal(err)
	}
	stack := `{"status": "CREATE_COMPLETE", "stackName": "ecs-remedy"}`
	if err := os.WriteFile(filepath.Join(w.stub, "cloud.json"), []byte(stack), 0o644); err != nil {
		t.Fatal(err)
	}
	ledgerEnv := "REMEDY_LEDGER=redis://" + w.redis
	w.run(t, "sh", "./remedy drill --guest obeys --ledger redis://"+w.redis)
	incident := ""
	for _, line := range lines {
		if incident == "" && strings.HasPrefix(line, "./remedy close ") {
			incident = w.openIncident(t, "i-bp1openincident")
		}
		filled := strings.ReplaceAll(line, "10.0.0.5:6379", w.redis)
		filled = regexp.MustCompile(`i-bp1drill00000000hung/\w+`).ReplaceAllString(filled, incident)
		output, status := w.run(t, "sh", filled, ledgerEnv)
		if status != 0 {
			t.Errorf("%s\nexit %d\n%s", line, status, output)
		}
	}
	if c := loadStubCloud(w.stub); len(c.Wrong) > 0 || len(c.Calls) == 0 {
		t.Errorf("%d calls of aliyun, of which the real one would not have taken %q", len(c.Calls),
			c.Wrong)
	}
}

// openIncident opens an incident in the ledger, with an attempt that ECS accepted, and returns its
// id.
func (w *shellWorld) openIncident(t *testing.T, instance string) string {
	t.Helper()
	settings, err := config.Load([]string{"REMEDY_MODE=enforce",
		"REMEDY_LEDGER=redis://" + w.redis})
	if err != nil {
		t.Fatal(err)
	}
	store, err := ledger.OpenRedis(settings.Ledger.URL.Reveal(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() // every write was answered before
	l := ledger.New(store, settings.Policy, time.Now)
	seen, err := l.In(remedy.BookEnforce).Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UTC().Truncate(time.Second)
	record := seen.Records[instance].Value
	record.Open = &remedy.Incident{ID: remedy.IncidentID(instance, now), Instance: instance,
		Region: "cn-hangzhou", Alarm: remedy.AlarmRef{Name: "cpu_total", Key: "k"}, OpenedAt: now,
		Owner: "a", LeaseUntil: now.Add(time.Minute),
		Attempts: []remedy.Attempt{{N: 1, ClaimedAt: now,
			SendBefore: now.Add(10 * time.Second), Answer: remedy.AnswerAccepted}}}
	done := l.Write(t.Context(), remedy.BookEnforce, instance, remedy.Write{Record: &record})
	if done.Wrote != remedy.WroteDone {
		t.Fatal(done.Wrote, done.Note)
	}
	return record.Open.ID
}

var inlineCommand = regexp.MustCompile(
	"`((?:\\./)?remedy [a-z][^`]*|(?:package|doctor|drill) --[^`]*)`")

// TestREADMECommands: the commands that the README names in passing are there, and their flags.
func TestREADMECommands(t *testing.T) {
	for _, path := range []string{readmeEnglish, readmeChinese} {
		found := inlineCommand.FindAllStringSubmatch(readDocument(t, path), -1)
		if len(found) < 5 {
			t.Errorf("%s names %d commands", path, len(found))
		}
		for _, match := range found {
			line := strings.TrimPrefix(match[1], "./")
			name, flags, _ := strings.Cut(strings.TrimPrefix(line, "remedy "), " ")
			help, _, status := command(nil, name, "--help")
			known := status == 0
			for flag := range strings.FieldsSeq(flags) {
				flag, _, _ = strings.Cut(flag, "=")
				known = known && (!strings.HasPrefix(flag, "--") || strings.Contains(help, flag))
			}
			if !known {
				t.Errorf("%s: there is no `%s`", path, line)
			}
		}
	}
}

var (
	documentLink = regexp.MustCompile(`\]\(([^)]+)\)`)
	heading      = regexp.MustCompile(`(?m)^#+ (.+)$`)
)

// TestREADMELinks: every link of the documents leads to a file or a heading that is there.
func TestREADMELinks(t *testing.T) {
	for _, path := range []string{readmeEnglish, readmeChinese} {
		document := readDocument(t, path)
		anchors := map[string]bool{}
		for _, h := range heading.FindAllStringSubmatch(document, -1) {
			anchors[strings.ReplaceAll(strings.ToLower(h[1]), " ", "-")] = true
		}
		for _, link := range documentLink.FindAllStringSubmatch(document, -1) {
			if anchor, ok := strings.CutPrefix(link[1], "#"); ok {
				if !anchors[anchor] {
					t.Errorf("%s has no heading %s", path, anchor)
				}
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(path), link[1])); err != nil {
				t.Errorf("%s: %v", path, err)
			}
		}
	}
}

// TestREADMEChinese: the two languages have the same commands, variables, reasons and events, and
// as many sections.
func TestREADMEChinese(t *testing.T) {
	english, chinese := readDocument(t, readmeEnglish), readDocument(t, readmeChinese)
	if a, b := shellLines(t, english), shellLines(t, chinese); !slices.Equal(a, b) {
		t.Errorf("the shell lines differ:\n%q\n%q", a, b)
	}
	code := regexp.MustCompile("`[^`\n]+`")
	for name, compared := range map[string][]int{"variables": {0, 1}, "reasons": {0, 1},
		"verdicts": {0}, "events": {0, 1}} {
		a, b := rowsOf(partOf(t, english, name)), rowsOf(partOf(t, chinese, name))
		if len(a) != len(b) {
			t.Errorf("the table of %s has %d rows in English, %d in Chinese", name, len(a), len(b))
			continue
		}
		for i := range a {
			for _, column := range compared {
				if a[i][column] != b[i][column] {
					t.Errorf("%s: %q in English, %q in Chinese", name, a[i][column], b[i][column])
				}
			}
			if in, out := code.FindAllString(strings.Join(a[i], " "), -1),
				code.FindAllString(strings.Join(b[i], " "),
					-1); fmt.Sprint(sorted(in)) != fmt.Sprint(sorted(out)) {
				t.Errorf("%s, %s: the names are %q in English, %q in Chinese", name, a[i][0], in,
					out)
			}
		}
	}
	if a, b := len(heading.FindAllString(english, -1)), len(heading.FindAllString(chinese,
		-1)); a != b {
		t.Errorf("%d headings in English, %d in Chinese", a, b)
	}
	// What the text names in passing, too.
	named := regexp.MustCompile("REMEDY_[A-Z_]+|(?:\\./|`)remedy [a-z]+")
	names := func(document string) string {
		found := map[string]bool{}
		for _, name := range named.FindAllString(document, -1) {
			found[name] = true
		}
		return strings.Join(slices.Sorted(maps.Keys(found)), " ")
	}
	if a, b := names(english), names(chinese); a != b {
		t.Errorf("English names %s\nChinese names %s", a, b)
	}
}

func sorted(list []string) []string { return slices.Sorted(slices.Values(list)) }
