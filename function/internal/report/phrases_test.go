package report

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

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

// TestPhrasesAreWhole: every sentence that package remedy gives a reason or a finding with has
// words in Chinese. A sentence is a text of two words or more among the operands that such a call
// is given, with a 7 for each operand that is no text.
func TestPhrasesAreWhole(t *testing.T) {
	files := token.NewFileSet()
	paths, err := filepath.Glob("../remedy/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var sources []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		source, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source)
	}
	gives := map[string]bool{"fail": true, "restarted": true, "refuse": true, "pass": true,
		"end": true, "answer": true, "again": true, "afresh": true, "ignore": true}
	sentence := regexp.MustCompile(`[A-Za-z]+ [a-z]+`)
	chineseSigns := regexp.MustCompile(`\p{Han}`)
	found := 0
	for _, source := range sources {
		ast.Inspect(source, func(node ast.Node) bool {
			call, ok := node.(*ast.CallExpr)
			if !ok {
				return true
			}
			name := ""
			switch called := call.Fun.(type) {
			case *ast.Ident:
				name = called.Name
			case *ast.SelectorExpr:
				name = called.Sel.Name
			}
			if !gives[name] {
				return true
			}
			for _, argument := range call.Args {
				text := sample(argument)
				if !sentence.MatchString(text) {
					continue
				}
				if found++; !chineseSigns.MatchString(chinese().phrase(text)) {
					t.Errorf("%s: no words for %q", files.Position(call.Pos()), text)
				}
			}
			return true
		})
	}
	if found < 50 {
		t.Errorf("%d sentences were found", found)
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
