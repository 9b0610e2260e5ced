package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
	"ecs-remedy/function/internal/remedy"
)

// shellWorld is a folder in which the lines of README.md and of the runbook can be run by a shell:
// the command line is the one of this test binary, aliyun is a stub, ECS is simulated on a port,
// the ledger is in a Redis that a function has written to, sleep takes no time, and go builds
// nothing.
type shellWorld struct {
	folder string // what a clone of the repository looks like, as far as the lines need it
	stub   string // what the stub of aliyun remembers
	redis  string // address of the ledger
	ecs    *ecssim.World
	env    []string
}

// shellZip is the zip that lies in the folder as if package had built it.
const shellZip = "dist/ecs-remedy-0123456789ab.zip"

func newShellWorld(t *testing.T) *shellWorld {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("no POSIX shell")
	}
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	w := &shellWorld{folder: t.TempDir(), stub: t.TempDir(), redis: redisServer(t)}
	w.ecs = ecssim.New(ecssim.Real())
	endpoint, stop, err := w.ecs.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	w.ecs.Add(ecssim.Instance{ID: "i-bp1drill00000000hung",
		Tags:  map[string]string{"auto-restart": "true"},
		Guest: ecssim.Guest{Agent: ecssim.AgentAlive}})

	binary, err := exec.LookPath("remedy") // TestMain put it there
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(w.stub, "bin")
	for _, folder := range []string{bin, filepath.Join(w.folder, "dist")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for from, to := range map[string]string{
		binary: filepath.Join(w.folder, "remedy"),
		self:   filepath.Join(bin, "aliyun"),
	} {
		if err := os.Symlink(from, to); err != nil {
			t.Fatal(err)
		}
	}
	template, err := os.ReadFile(filepath.Join(root, "template.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(w.folder, "go.mod"):       "module ecs-remedy\n",
		filepath.Join(w.folder, "template.yml"): string(template),
		filepath.Join(w.folder, shellZip):       "a zip\n",
		filepath.Join(bin, "sleep"):             "#!/bin/sh\nexit 0\n",
		filepath.Join(bin, "go"):                goStub(root),
	} {
		if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{
		"PATH=" + bin + string(os.PathListSeparator) + os.Getenv("PATH"), "HOME=" + w.stub,
		"TZ=UTC",
		"GORACE=atexit_sleep_ms=10", // a race-enabled command otherwise takes a second to end
		aliyunFolder + "=" + w.stub, aliyunLedger + "=redis://" + w.redis,
		"REMEDY_ECS_ENDPOINT=" + endpoint, "ALIBABA_CLOUD_REGION_ID=cn-hangzhou",
		"ALIBABA_CLOUD_ACCESS_KEY_ID=" + ecssim.DefaultKeyID,
		"ALIBABA_CLOUD_ACCESS_KEY_SECRET=" + ecssim.DefaultSecret,
		"ALIBABA_CLOUD_SECURITY_TOKEN=" + ecssim.DefaultToken,
	}
	w.sign(t)
	return w
}

// goStub stands for the go command: it builds a file of one word, if there is none, and tests
// nothing; but a folder that it is to build must be there.
func goStub(root string) string {
	return `#!/bin/sh
for word; do
  case $word in
  ./...) ;;
  ./*) [ -d ` + shellWord(root) + `"/$word" ] || { echo "no folder $word" >&2; exit 1; } ;;
  esac
done
case $1 in
build)
  while [ $# -gt 1 ]; do
    if [ "$1" = -o ] && [ ! -e "$2" ]; then echo built >"$2"; fi
    shift
  done
  exit 0
  ;;
test) exit 0 ;;
run) shift; shift; exec ./remedy "$@" ;;
esac
echo "go $1 is not known here" >&2
exit 1
`
}

// sign writes the function's sign of life, as its sweep does.
func (w *shellWorld) sign(t *testing.T) {
	t.Helper()
	settings, err := config.Load([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=redis://" +
		w.redis})
	if err != nil {
		t.Fatal(err)
	}
	store, err := ledger.OpenRedis(settings.Ledger.URL.Reveal(), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close() // every write was answered before
	l := ledger.New(store, settings.Policy, time.Now)
	tending := remedy.Tending{Fleet: remedy.Reading[remedy.Fleet]{At: time.Now()},
		Sign: remedy.Reading[remedy.Sign]{At: time.Now()}, Version: "0123456789ab"}
	for {
		write, wanted := remedy.Tend(&settings.Policy, &tending, time.Now())
		if !wanted {
			return
		}
		tending.Last = write
		tending.Written = l.Write(t.Context(), remedy.BookEnforce, "", write)
		if done := tending.Written; done.Wrote != remedy.WroteDone {
			t.Fatal(done.Wrote, done.Note)
		}
	}
}

// run runs a script in the folder, with a shell, and returns what it wrote and its exit status.
func (w *shellWorld) run(t *testing.T, shell, script string, env ...string) (string, int) {
	t.Helper()
	command := exec.CommandContext(t.Context(), shell, "-s")
	command.Dir, command.Env = w.folder, slices.Concat(w.env, env)
	command.Stdin = strings.NewReader(script)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), command.ProcessState.ExitCode()
}

// redisServer starts a redis-server on a free port and returns its address. Without one the test is
// skipped, unless ECS_REMEDY_REQUIRE_REDIS is 1.
func redisServer(t *testing.T) string {
	t.Helper()
	name, err := exec.LookPath("redis-server")
	if err != nil {
		const cure = "there is no redis-server in PATH: apt-get install redis-server"
		if os.Getenv("ECS_REMEDY_REQUIRE_REDIS") == "1" {
			t.Fatal("ECS_REMEDY_REQUIRE_REDIS is 1, but " + cure)
		}
		t.Skip("the lines are run against a real Redis, and " + cure)
	}
	// Somebody else may take the free port before the server does; then another one is tried.
	for range 5 {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := free.Addr().String()
		free.Close()
		_, port, _ := net.SplitHostPort(address)
		command := exec.Command(name, "--port", port, "--bind", "127.0.0.1", "--save", "",
			"--appendonly", "no", "--dir", t.TempDir(), "--maxmemory-policy", "noeviction")
		output, err := command.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := command.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			command.Process.Kill()
			command.Wait()
		})
		for lines := bufio.NewScanner(output); lines.Scan(); {
			if strings.Contains(lines.Text(), "Ready to accept connections") {
				go io.Copy(io.Discard, output)
				return address
			}
		}
	}
	t.Fatalf("%s did not start", name)
	return ""
}
