package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// packageCommand builds the function's zip and says how to deploy it. It talks to nobody.
type packageCommand struct {
	Output   string `default:"dist" placeholder:"DIR" help:"Folder that the zip is written to."`
	Bucket   string `placeholder:"NAME" help:"OSS bucket in the stack's region that is to hold the zip."`
	Region   string `placeholder:"ID" help:"Region of the stack, such as cn-hangzhou."`
	Stack    string `default:"ecs-remedy" placeholder:"NAME" help:"Name of the stack."`
	StackID  string `name:"stack-id" placeholder:"ID" help:"Id of the stack, as creating it answered."`
	Function string `default:"ecs-remedy" placeholder:"NAME" help:"Name of the function: the template's FunctionName."`
	Account  string `placeholder:"ID" help:"Id of the Alibaba Cloud account."`
	Rule     string `placeholder:"ID" help:"Id of a metric alarm rule that is to reach the function."`
	Instance string `placeholder:"ID" help:"An instance to opt in."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

const (
	// handlerName is the file in the zip, which runtime go1 calls the handler (Function Compute help "Handlers in a Go
	// runtime").
	handlerName = "main"
	// zipLimit keeps a cold start quick; the platform itself would take a hundred times as much from OSS.
	zipLimit = 6_000_000 // bytes
)

// packaged is what the command prints with --json.
type packaged struct {
	Zip      string     `json:"zip"`    // path
	Object   string     `json:"object"` // name of the zip, and its key in the bucket
	Bytes    int        `json:"bytes"`  // of the zip
	SHA256   string     `json:"sha256"` // of the zip, hexadecimal
	Handler  string     `json:"handler"`
	Commands []nextStep `json:"commands"`
}

// nextStep is a shell command on the way to an armed function.
type nextStep struct {
	Title   string `json:"title"`
	Command string `json:"command"`
}

// Run builds the zip, and fails with errNotWell if it is too big.
func (p *packageCommand) Run(c *console) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	binary, err := build(root, c)
	if err != nil {
		return err
	}
	archive, err := archived(binary)
	if err != nil {
		return err
	}
	if len(archive) >= zipLimit {
		fmt.Fprintf(c.err, "error: the zip has %s, and must have less than %s\nhint: go tool nm -size -sort size BINARY "+
			"shows what it consists of\n", megabytes(len(archive)), megabytes(zipLimit))
		return errNotWell
	}
	sum := sha256.Sum256(archive)
	done := packaged{Bytes: len(archive), SHA256: hex.EncodeToString(sum[:]), Handler: handlerName}
	done.Object = "ecs-remedy-" + done.SHA256[:12] + ".zip"
	done.Zip = filepath.Join(p.Output, done.Object)
	if err := os.MkdirAll(p.Output, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(done.Zip, archive, 0o644); err != nil {
		return err
	}
	done.Commands = p.next(&done, templatePath(root))
	if p.JSON {
		return printJSON(c, done)
	}
	fmt.Fprintf(c.out, "%s  %s (limit %s)\n\n", done.Zip, megabytes(done.Bytes), megabytes(zipLimit))
	fmt.Fprintln(c.out, "Next, in this order. Fill in what is in <ANGLE BRACKETS>, or give the flags of the same names.")
	for i, step := range done.Commands {
		fmt.Fprintf(c.out, "\n# %d. %s\n%s\n", i+1, step.Title, step.Command)
	}
	return nil
}

func megabytes(n int) string { return fmt.Sprintf("%.2f MB", float64(n)/1e6) }

// moduleLine is the line of go.mod by which the sources are recognised.
var moduleLine = regexp.MustCompile(`(?m)^module ecs-remedy\s*$`)

// moduleRoot finds the folder of the sources, from the working directory upwards.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for folder := start; ; folder = filepath.Dir(folder) {
		text, err := os.ReadFile(filepath.Join(folder, "go.mod"))
		if err == nil && moduleLine.Match(text) {
			return folder, nil
		}
		if folder == filepath.Dir(folder) {
			return "", hinted{fmt.Errorf("%s is not within the sources of ecs-remedy", start),
				"cd to the clone of the repository, which is where go.mod and template.yml are"}
		}
	}
}

// templatePath is template.yml as seen from the working directory.
func templatePath(root string) string {
	path := filepath.Join(root, "template.yml")
	if wd, err := os.Getwd(); err == nil {
		if relative, err := filepath.Rel(wd, path); err == nil {
			return relative
		}
	}
	return path
}

// build compiles the function for Function Compute and returns the binary. Nothing of the machine, the folder or the time
// goes into it, so that the same source and the same Go give the same bytes.
func build(root string, c *console) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, hinted{errors.New("the go tool is not in PATH"), "install Go, as go.mod asks for: https://go.dev/dl"}
	}
	folder, err := os.MkdirTemp("", "ecs-remedy-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	output := filepath.Join(folder, handlerName)
	fmt.Fprintln(c.err, "building ./function for linux/amd64")
	compile := exec.Command(tool, "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=",
		"-o", output, "./function")
	compile.Dir = root
	compile.Stdout, compile.Stderr = c.err, c.err
	// The last entry of a name counts. The operator's own GOFLAGS and workspace would change the bytes.
	compile.Env = append(c.environ[:len(c.environ):len(c.environ)],
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=-mod=readonly", "GOWORK=off", "PWD="+root)
	if err := compile.Run(); err != nil {
		return nil, hinted{fmt.Errorf("go build: %w", err), "what go said is above; go vet ./... says more"}
	}
	return os.ReadFile(output)
}

// archived returns the zip with the binary as its only entry. Its time is fixed, and it is executable, which a zip made on
// Windows would not say.
func archived(binary []byte) ([]byte, error) {
	var text bytes.Buffer
	w := zip.NewWriter(&text)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	header := &zip.FileHeader{Name: handlerName, Method: zip.Deflate, Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
	header.SetMode(0o755)
	entry, err := w.CreateHeader(header)
	if err != nil {
		return nil, err
	}
	if _, err := entry.Write(binary); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return text.Bytes(), nil
}

// next lists the commands from the zip to an armed function. Their options are those of the API documents of the same
// names (ROS CreateStack and UpdateStack, CloudMonitor PutMetricRuleTargets, ECS TagResources).
func (p *packageCommand) next(done *packaged, template string) []nextStep {
	region, bucket := given(p.Region, "REGION"), given(p.Bucket, "BUCKET")
	stackID, instance := given(p.StackID, "STACK-ID"), given(p.Instance, "INSTANCE")
	topic := "acs:mns:" + region + ":" + given(p.Account, "ACCOUNT") + ":/topics/" + p.Function + "-alarms/message"
	body := `--TemplateBody "$(cat ` + shellWord(template) + `)"`
	update := func(key, value string) string {
		return shell("aliyun", "ros", "UpdateStack", "--RegionId", region, "--StackId", stackID) + " " + body + " " +
			shell("--UsePreviousParameters", "true", "--Parameters.1.ParameterKey", key, "--Parameters.1.ParameterValue", value)
	}
	create := []string{"--Parameters.1.ParameterKey", "CodeBucket", "--Parameters.1.ParameterValue", bucket,
		"--Parameters.2.ParameterKey", "CodeObject", "--Parameters.2.ParameterValue", done.Object}
	if p.Function != "ecs-remedy" { // the template's default
		create = append(create, "--Parameters.3.ParameterKey", "FunctionName", "--Parameters.3.ParameterValue", p.Function)
	}
	return []nextStep{
		{"Upload the zip. The bucket must be in the stack's region.",
			shell("aliyun", "oss", "cp", filepath.ToSlash(done.Zip), "oss://"+bucket+"/"+done.Object,
				"--endpoint", "oss-"+region+".aliyuncs.com")},
		{"Create the stack. It only observes. The answer has the stack's id.",
			shell("aliyun", "ros", "CreateStack", "--RegionId", region, "--StackName", p.Stack) + " " + body + " " +
				shell(create...)},
		{"Or, if there is a stack already: update its code.", update("CodeObject", done.Object)},
		{"Wire a metric alarm rule to the function. The events that it acts on are wired already.",
			shell("aliyun", "cms", "PutMetricRuleTargets", "--RuleId", given(p.Rule, "RULE"), "--Targets.1.Id", "1",
				"--Targets.1.Level", "CRITICAL", "--Targets.1.Arn", topic)},
		{"Opt an instance in: graceful never forces, true allows the whole ladder.",
			shell("aliyun", "ecs", "TagResources", "--RegionId", region, "--ResourceType", "instance", "--ResourceId.1", instance,
				"--Tag.1.Key", "auto-restart", "--Tag.1.Value", "graceful")},
		{"See what each instance would get, and what is missing. It asks with your own credentials, and changes nothing.",
			"REMEDY_MODE=enforce REMEDY_LEDGER=" + shell("<OUTPUT OwnLedgerUrl OF THE STACK>") + " " +
				shell("go", "run", "./function/cmd/remedy", "doctor", "--region", region)},
		{"Arm it, when the audit lines of observe mode have convinced you.", update("Mode", "enforce")},
	}
}

// given is a flag's value, or a placeholder. A placeholder ends up in quotes, so that a shell takes it for no redirection.
func given(value, placeholder string) string {
	if value == "" {
		return "<" + placeholder + ">"
	}
	return value
}

// shell is a POSIX shell command with these words.
func shell(words ...string) string {
	said := make([]string, len(words))
	for i, word := range words {
		said[i] = shellWord(word)
	}
	return strings.Join(said, " ")
}

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_@%+=:,./-]+$`)

// shellWord is a word as a POSIX shell reads it back.
func shellWord(word string) string {
	if plainWord.MatchString(word) {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
