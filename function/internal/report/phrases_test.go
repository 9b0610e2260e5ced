package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ecs-remedy/events"
	"ecs-remedy/function/internal/remedy"
)

// TestPhrases: what package remedy says is in the reader's words, values and all; what there are no
// words for stays as it is.
func TestPhrases(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"", ""},
		{"something else", "something else"},
		{"it restarted, and its guest reported at 2026-11-21T00:01:10Z",
			"实例已重启，云助手于 2026-11-21T00:01:10Z 上报心跳"},
		{"ECS refused attempt 2: IncorrectInstanceStatus",
			"ECS 拒绝了第 2 次重启：IncorrectInstanceStatus"},
		{"no screenshot: OSS refused PutObject (AccessDenied, status 403)",
			"没有屏幕截图：OSS 拒绝了 PutObject（AccessDenied, status 403）"},
		// The longer form counts, though the shorter one fits as well.
		{"metric memory, which no restart cures", "监控指标 memory，重启无法解决"},
		{"since 2024-01-01T16:00:00Z", "已于 2024-01-01T16:00:00Z 到期"},
		{"paused: mid ladder", "已暂停：mid ladder"}, // the operator's words stay
		{"2 of 3", "2/3"},
		{"two of 3", "two of 3"}, // not a number
		{"3 of 3 within 24h0m0s: a human is needed", "24h0m0s 内已有 3 次，上限 3 次：需要人工处理"},
		{"number 2; 0 of 1 under way, 0 of 20 within the hour, 2 of 50 waiting; what is free is " +
			"for those who wait before it",
			"排在第 2 位；正在处理 0/1 个，一小时内 0/20 个，排队 2/50 个；空出的名额先给排在它前面的告警"},
		{"DescribeInstances: no answer in time", "DescribeInstances：没有及时应答"},
		{"ECS would refuse the reboot: RebootInstance: Forbidden.RAM: User not authorized. (the " +
			"function's role must allow ecs:RebootInstance, and its credentials must be current) " +
			"(status 403, request 7C-1)",
			"ECS 会拒绝重启：RebootInstance：Forbidden.RAM: User not authorized.（函数角色必须有 " +
				"ecs:RebootInstance 权限，且凭证必须有效）（状态码 403，请求 ID 7C-1）"},
		{"DescribeInstances: Throttling: slow down (status 400)",
			"DescribeInstances：Throttling: slow down（状态码 400）"},
		{`name says "Stopped", but status says "running"`, `name 为 "Stopped"，但 status 为 "running"`},
		{`namespace "acs_rds" is not that of ECS`, `namespace 为 "acs_rds"，不属于 ECS`},
		{`curLevel says "WARN", but eventName says "AlertOk"; the account is not known: userId ` +
			`says "1", but subject says "2"`,
			`curLevel 为 "WARN"，但 eventName 为 "AlertOk"；账号无法确定：userId 为 "1"，但 subject 为 "2"`},
		{"regionId is given twice with different values; status cannot be decoded",
			"regionId 出现两次且取值不同；status 无法解码"},
		{"the ledger: ledger redis://cache:6379: is busy: try again (OTSServerBusy)",
			"台账 redis://cache:6379：繁忙：请重试（OTSServerBusy）"},
		{"the ledger: record instance/i-1 is unreadable: its open incident is of another " +
			"instance: look at it, and remove it",
			"台账：记录 instance/i-1 无法读取：未结束的故障属于另一台实例：请查看并删除"},
		// What somebody else wrote, in quotation marks, is no part of the phrase around it.
		{`dimensions.instanceId says "a says b, but c says d; \"e", which is no instance id`,
			`dimensions.instanceId 为 "a says b, but c says d; \"e"，不是实例 ID`},
		// Where they are no pairs, they say nothing.
		{`name says "cut off, but status says 1`, `name 为 "cut off，但 status 为 1`},
		{"it is Stopping, and not by our doing", "实例状态为 Stopping，且不是本程序造成的"},
		{"the alarm is weak, and last heartbeat 20m0s ago",
			"该告警证据较弱，且最近一次心跳在 20m0s 之前"},
		{"kept 1-console.txt; no screenshot: ECS did not answer in time",
			"已保存 1-console.txt；没有屏幕截图：ECS 没有及时应答"},
		{"its last incident ended at A; left alone until B", "上一次故障处理于 A 结束；B 之前不再处理"},
		// A value that looks like a template is none.
		{"mode {1}{2}{}", "模式 {1}{2}{}"},
		{"mode ", "mode "}, // a value is never empty
		{strings.Repeat("; ", 1000), strings.Repeat("；", 1000)},
	} {
		if got := chinese().phrase(row.text); got != row.want {
			t.Errorf("%q: %q, want %q", row.text, got, row.want)
		}
		if got := english().phrase(row.text); got != row.text {
			t.Errorf("%q in English: %q", row.text, got)
		}
	}
	r := &remedy.Result{Verdict: remedy.VerdictFailed, Reason: remedy.ReasonNotRecovered,
		InstanceID: "i-1", Why: "the forced reboot did not restart it either"}
	if said := chinese().Detail(r); !strings.Contains(said, "（强制重启也没有使实例重启）") {
		t.Error(said)
	}
}

// unsaid are the texts of the packages whose words reach a detail, a finding or a page that do not:
// each with the file that it stands in, and why. One that ends in * stands for all that begin so.
var unsaid = [][2]string{
	{"events/object.go: \n\t\talert alertName*", "names of fields"},
	{"remedy/guards.go: 7 of 7", "numbers, and no word"},
	{"events/instance.go: 7, but 7", "of two claims, which have words"},
	{"events/system.go: 7, but 7", "of two claims, which have words"},
	{"remedy/waiting.go: an owner's name*", "measured, and never shown"},
	{"remedy/curable.go: *", "a table that remedy events prints, in English"},
	{"ecs/client.go: DEBUG=sdk*", "an error at start, in English like all of them"},
	{"ecs/client.go: no credentials for ECS*", "an error at start"},
	{"ecs/client.go: an ECS client*", "an error at start"},
	{"ecs/region.go: the ECS endpoint must be*", "an error at start"},
	{"ecs/transport.go: 200 OK", "a status line, for the SDK"},
	{"ecs/codes.go: 7 (status 7", "part of a note, which TestPhrases has whole"},
	{"ecs/codes.go: , request 7", "part of a note, which TestPhrases has whole"},
	{"ledger/bolt.go: ledger file 7 is *", "an error at start"},
	{"ledger/bolt.go: ledger file 7 cannot be opened*", "an error at start"},
	{"ledger/boltcheck.go: *", "an error at start"},
	{"ledger/probe.go: *", "what remedy doctor says, in English"},
	{"ledger/operate.go: *", "what the operator's commands say, in English"},
	{"ledger/redis.go: \nlocal stored*", "a script"},
	{"ledger/redis.go: the ledger's URL must*", "an error at start"},
	{"ledger/redis.go: remote error", "looked for, and never shown"},
	{"ledger/redis.go: invalid password", "looked for, and never shown"},
	{"ledger/redis.go: INFO memory*", "what remedy doctor says"},
	{"ledger/redis.go: the server speaks*", "a cause, which has its own words"},
	{"ledger/tablestore.go: access key*", "an error at start"},
	{"ledger/tablestore.go: the Tablestore ledger ots:*", "an error at start"},
	{"handle/handle.go: and 7 more", "an invocation's error, for its log"},
	{"handle/http.go: *", "what an HTTP client is told, in English"},
}

// TestPhrasesAreWhole: whatever sentence the packages hold that say what a decision rests on has
// words in Chinese, or is listed as one that nobody is shown. A sentence is any text with a blank
// beside a word, the constants and variables in it resolved as far as their package tells; a 7
// stands for every other operand.
func TestPhrasesAreWhole(t *testing.T) {
	word := regexp.MustCompile(`[A-Za-z]{2,} | [A-Za-z]{2,}`)
	listed := map[string]bool{}
	found := map[string]int{}
	for _, path := range []string{"../../../events", "../remedy", "../ecs", "../ledger",
		"../handle"} {
		dir := filepath.Base(path)
		for _, one := range texts7(t, path) {
			if !word.MatchString(one.text) {
				continue
			}
			if entry := exempt(dir + "/" + one.file + ": " + one.text); entry != "" {
				listed[entry] = true
				continue
			}
			found[dir]++
			said := chinese().phrase(one.text)
			goesOn := chinese().phrase("7 " + one.text)
			if !isChinese(said) && !isChinese(goesOn) {
				t.Errorf("%s: no words for %q: %q", one.at, one.text, said)
			}
		}
	}
	for _, row := range unsaid {
		entry := row[0]
		if !listed[entry] {
			t.Errorf("nobody says %q any more", entry)
		}
	}
	for dir, least := range map[string]int{"events": 40, "remedy": 100, "ecs": 40, "ledger": 60,
		"handle": 4} {
		if found[dir] < least {
			t.Errorf("%s: %d sentences were found", dir, found[dir])
		}
	}
}

// TestNotesOfSamples: no sample of an alarm leads to a note that is left in English.
func TestNotesOfSamples(t *testing.T) {
	noted := 0
	for _, sample := range events.Samples() {
		alarms, err := events.Decode(sample.Payload)
		notes := []string{}
		if err != nil {
			notes = append(notes, err.Error())
		}
		for _, a := range alarms {
			if a.Note != "" {
				notes = append(notes, a.Note)
			}
		}
		for _, note := range notes {
			noted++
			if said := chinese().phrase(note); !isChinese(said) {
				t.Errorf("%s: %q is left as %q", sample.Name, note, said)
			}
		}
	}
	if noted < 40 {
		t.Errorf("%d notes", noted)
	}
}

// isChinese reports whether a text is written in Chinese, and has no two English words in a row but
// for commands, and for what somebody else said, in quotation marks.
func isChinese(text string) bool {
	text = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|remedy resume`).ReplaceAllString(text, "")
	return regexp.MustCompile(`\p{Han}`).MatchString(text) &&
		!regexp.MustCompile(`[a-z]{2,} [a-z]{2,}`).MatchString(text)
}

func exempt(one string) string {
	for _, row := range unsaid {
		begin, open := strings.CutSuffix(row[0], "*")
		if one == row[0] || open && strings.HasPrefix(one, begin) {
			return row[0]
		}
	}
	return ""
}

// said is a text that a package's source can give.
type said struct{ file, at, text string }

// texts7 are all texts that the package's sources can give, but for those of its tests: the largest
// expressions, with a 7 for whatever only the running program knows.
func texts7(t *testing.T, dir string) (all []said) {
	t.Helper()
	paths, err := filepath.Glob(dir + "/*.go")
	if err != nil {
		t.Fatal(err)
	}
	files := token.NewFileSet()
	var sources []*ast.File
	known := map[string]string{} // constants, and the variables of a function
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
		for _, declared := range source.Decls {
			constants, is := declared.(*ast.GenDecl)
			if !is || constants.Tok != token.CONST {
				continue
			}
			for _, spec := range constants.Specs {
				value := spec.(*ast.ValueSpec)
				for i := range value.Values {
					known[value.Names[i].Name] = resolve(value.Values[i], known)
				}
			}
		}
	}
	keep := func(at ast.Node, text string) {
		switch {
		case strings.HasPrefix(text, " "):
			text = "7" + text
		case strings.HasSuffix(text, " "):
			text += "7"
		}
		position := files.Position(at.Pos())
		all = append(all, said{filepath.Base(position.Filename), position.String(), text})
	}
	for _, source := range sources {
		for _, declared := range source.Decls {
			known := maps.Clone(known)
			ast.Inspect(declared, func(node ast.Node) bool {
				switch n := node.(type) {
				case *ast.ImportSpec, *ast.StructType:
					return false
				case *ast.AssignStmt:
					name, is := n.Lhs[0].(*ast.Ident)
					text := resolve(n.Rhs[0], known)
					switch {
					case len(n.Lhs) > 1 || text == "7":
					case n.Tok == token.ADD_ASSIGN:
						keep(n, resolve(n.Lhs[0], known)+text)
						return false
					case is:
						known[name.Name] = text
					}
				case *ast.BasicLit, *ast.BinaryExpr, *ast.CallExpr:
					if text := resolve(node.(ast.Expr), known); text != "7" {
						keep(n, text)
						return false
					}
				}
				return true
			})
		}
	}
	return all
}

var verb = regexp.MustCompile(`%[a-z]`)

// resolve is a text that an expression can give.
func resolve(e ast.Expr, known map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); e.Kind == token.STRING && err == nil {
			return verb.ReplaceAllString(text, "7")
		}
	case *ast.Ident:
		return or(known[e.Name], "7")
	case *ast.ParenExpr:
		return resolve(e.X, known)
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return resolve(e.X, known) + resolve(e.Y, known)
		}
	case *ast.CallExpr:
		name := ""
		switch called := e.Fun.(type) {
		case *ast.Ident:
			name = called.Name
		case *ast.SelectorExpr:
			name = called.Sel.Name
		}
		words := []string{"Sprintf", "Errorf", "malformed", "New"}
		if slices.Contains(words, name) && len(e.Args) > 0 {
			return resolve(e.Args[0], known)
		}
	}
	return "7"
}

// TestNoPhraseHidesAnother: each is the first that fits a text of its form.
func TestNoPhraseHidesAnother(t *testing.T) {
	phrases := chinese().phrases
	for i := range phrases {
		text := strings.ReplaceAll(phrases[i][0], "{}", "value")
		if number, is := strings.CutPrefix(text, "#"); is {
			text = strings.ReplaceAll(number, "value", "7")
		}
		for j := range i {
			if _, fits := match(phrases[j][0], text); fits {
				t.Errorf("%q fits %q, too, and comes first", phrases[j][0], text)
			}
		}
	}
}

// TestEvidencePhrasesAreWhole: what package evidence says is missing, and why, has words in
// Chinese.
func TestEvidencePhrasesAreWhole(t *testing.T) {
	files := token.NewFileSet()
	found := 0
	check := func(e ast.Expr) {
		if text := sample(e); strings.Contains(text, " ") {
			if found++; !regexp.MustCompile(`\p{Han}`).MatchString(chinese().phrase(text)) {
				t.Errorf("%s: no words for %q", files.Position(e.Pos()), text)
			}
		}
	}
	for _, name := range []string{"take", "screenshot", "dir", "oss"} {
		source, err := parser.ParseFile(files, "../evidence/"+name+".go", nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(source, func(node ast.Node) bool {
			switch n := node.(type) {
			case *ast.FuncDecl:
				return !strings.HasPrefix(n.Name.Name, "Open") // what an operator is told of
			case *ast.KeyValueExpr:
				key, ok := n.Key.(*ast.Ident)
				if ok && (key.Name == "Why" || key.Name == "What") {
					check(n.Value)
				}
			case *ast.AssignStmt:
				to, ok := n.Lhs[0].(*ast.SelectorExpr)
				if ok && n.Tok == token.ASSIGN && (to.Sel.Name == "Why" || to.Sel.Name == "What") {
					check(n.Rhs[0])
				}
			case *ast.ValueSpec:
				for _, value := range n.Values {
					call, ok := value.(*ast.CallExpr)
					if ok && len(call.Args) == 1 && strings.HasPrefix(n.Names[0].Name, "err") {
						check(call.Args[0])
					}
				}
			}
			return true
		})
	}
	if found < 20 {
		t.Errorf("%d phrases were found", found)
	}
}

// sample is a text that an expression can give.
func sample(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(e.Value); e.Kind == token.STRING && err == nil {
			return text
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return sample(e.X) + sample(e.Y)
		}
	case *ast.ParenExpr:
		return sample(e.X)
	}
	return "7"
}
