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

// packageCommand builds the function's zip and prints the runbook: every command from there to an
// armed function and back. It talks to nobody.
type packageCommand struct {
	Output   string `default:"dist" placeholder:"DIR" help:"Folder that the zip is written to."`
	Region   string `placeholder:"ID" help:"Region of the stack, such as cn-hangzhou."`
	Bucket   string `placeholder:"NAME" help:"OSS bucket in that region, for the zip."`
	Stack    string `default:"ecs-remedy" placeholder:"NAME" help:"Stack's name (${default})."`
	Function string `default:"ecs-remedy" placeholder:"NAME" help:"Function's name (${default})."`
	Rule     string `placeholder:"ID" help:"A metric rule of yours to wire, instead of a new one."`
	Instance string `placeholder:"ID" help:"First instance to watch (default: the first listed)."`
	Contacts string `placeholder:"NAME" help:"Alert contact group of rules (default: the first)."`
	Account  string `placeholder:"ID" help:"The account, for --operator-policy (default: any)."`
	User     string `placeholder:"NAME" help:"RAM user who gets the operator's policy."`
	Operator bool   `name:"operator-policy" help:"Print the operator's RAM policy, and no more."`
	JSON     bool   `name:"json" help:"Print JSON."`
}

// Help says what the flags' own lines have no room for.
func (packageCommand) Help() string {
	return `The zip holds the function for Linux on x86-64, and its name carries its hash: the same
source and the same Go give the same bytes. Then every step from there is printed as lines for a
shell: uploading, creating the stack and waiting for it, testing the deployed chain, wiring rules
and tags for one instance or hundreds, the doctor, arming, pausing, rolling back and uninstalling.
Nothing is run, and nobody is asked.

Flags are checked as template.yml checks its parameters. What is not given is a variable of the
first step to fill in, or found out by a command.

Examples:
  remedy package --region cn-hangzhou --bucket my-code-bucket --user night-shift
  remedy package --operator-policy --region cn-hangzhou --account 1234567890123456

Exit status: 0 done, 1 the zip is too big, 2 wrong usage, or it cannot be built.`
}

const (
	// handlerName is the file in the zip, which runtime go1 calls the handler (Function Compute
	// help "Handlers in a Go runtime").
	handlerName = "main"
	// zipLimit keeps a cold start quick; the platform itself takes some eighty times as much from
	// OSS.
	zipLimit = 6_000_000 // bytes
)

// packaged is what the command prints with --json.
type packaged struct {
	Zip      string `json:"zip"`    // path
	Object   string `json:"object"` // name of the zip, and its key in the bucket
	Bytes    int    `json:"bytes"`  // of the zip
	SHA256   string `json:"sha256"` // of the zip, hexadecimal
	Handler  string `json:"handler"`
	Commands []step `json:"commands"`
}

// Run builds the zip, and fails with errNotWell if it is too big.
func (p *packageCommand) Run(c *console) error {
	root, err := moduleRoot()
	if err != nil {
		return err
	}
	if err := p.check(root); err != nil {
		return err
	}
	if p.Operator {
		return p.printPolicy(c)
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
		fmt.Fprintf(c.err, "error: the zip has %s, and must have less than %s\n"+
			"hint: go tool nm -size -sort size BINARY shows what it consists of\n",
			megabytes(len(archive)), megabytes(zipLimit))
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
	done.Commands = p.runbook(filepath.ToSlash(fromRoot(root, done.Zip)))
	if p.JSON {
		return printJSON(c, done)
	}
	_, err = fmt.Fprintf(c.out, "%s  %s (limit %s)\n\n%s", done.Zip, megabytes(done.Bytes),
		megabytes(zipLimit), printed(done.Commands))
	return err
}

// fromRoot is a path as seen from the folder of the sources, in which the runbook's commands are
// run.
func fromRoot(root, path string) string {
	if whole, err := filepath.Abs(path); err == nil {
		if relative, err := filepath.Rel(root, whole); err == nil {
			return relative
		}
	}
	return path
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

// build compiles the function for Function Compute and returns the binary. Nothing of the machine,
// the folder or the time goes into it, so that the same source and the same Go give the same bytes.
func build(root string, c *console) ([]byte, error) {
	tool, err := exec.LookPath("go")
	if err != nil {
		return nil, hinted{errors.New("the go tool is not in PATH"),
			"install Go, as go.mod asks for: https://go.dev/dl"}
	}
	folder, err := os.MkdirTemp("", "ecs-remedy-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	output := filepath.Join(folder, handlerName)
	fmt.Fprintln(c.err, "building ./function for linux/amd64")
	flags := "-s -w -buildid="
	if version := revision(root); version != "" {
		flags += " -X ecs-remedy/function/internal/app.stamped=" + version
	}
	// Without HTTP/2, which nothing that the function calls needs, it is smaller and starts sooner.
	compile := exec.Command(tool, "build", "-trimpath", "-buildvcs=false",
		"-tags=nethttpomithttp2", "-ldflags="+flags, "-o", output, "./function")
	compile.Dir = root
	compile.Stdout, compile.Stderr = c.err, c.err
	// The last entry of a name counts. The operator's own GOFLAGS and workspace would change the
	// bytes.
	compile.Env = append(c.environ[:len(c.environ):len(c.environ)],
		"CGO_ENABLED=0", "GOOS=linux", "GOARCH=amd64", "GOAMD64=v1", "GOFLAGS=-mod=readonly",
		"GOWORK=off", "PWD="+root)
	if err := compile.Run(); err != nil {
		return nil, hinted{fmt.Errorf("go build: %w", err),
			"what go said is above; go vet ./... says more"}
	}
	return os.ReadFile(output)
}

// revision is the short hash of the commit that is checked out in the folder, as Go's tool would
// name it; with "+" where the folder holds more than that. It is empty where the folder is no
// checkout, or there is no git.
func revision(root string) string {
	git := func(args ...string) (string, bool) {
		said, err := exec.Command("git", append([]string{"-C", root}, args...)...).Output()
		return strings.TrimSpace(string(said)), err == nil
	}
	top, ok := git("rev-parse", "--show-toplevel")
	if here, err := filepath.EvalSymlinks(root); !ok || err != nil || top != here {
		return ""
	}
	head, ok := git("rev-parse", "HEAD")
	if !ok || len(head) < 7 {
		return ""
	}
	if more, ok := git("status", "--porcelain"); !ok || more != "" {
		return head[:7] + "+"
	}
	return head[:7]
}

// archived returns the zip with the binary as its only entry. Its time is fixed, and it is
// executable, which a zip made on Windows would not say.
func archived(binary []byte) ([]byte, error) {
	var text bytes.Buffer
	w := zip.NewWriter(&text)
	w.RegisterCompressor(zip.Deflate, func(out io.Writer) (io.WriteCloser, error) {
		return flate.NewWriter(out, flate.BestCompression)
	})
	header := &zip.FileHeader{Name: handlerName, Method: zip.Deflate,
		Modified: time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)}
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
