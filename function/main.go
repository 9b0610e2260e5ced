// Command function is the Function Compute entry of ecs-remedy (runtime go1, handler main): it
// takes CloudMonitor's alarms and restarts the ECS instances that they show to hang, if every guard
// agrees. internal/app wires it, internal/handle is its path.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/aliyun/fc-runtime-go-sdk/fc"
	"github.com/aliyun/fc-runtime-go-sdk/fccontext"

	"ecs-remedy/function/internal/app"
)

func main() { os.Exit(run(os.Environ(), os.Stdout, os.Stderr)) }

// limitMemory tells the garbage collector how much memory the instance has
// (FC_FUNCTION_MEMORY_SIZE, in MB), less three eighths for what is not the heap's, the program
// itself most of all: without that it lets the heap double before it collects.
func limitMemory(environ []string) {
	for _, entry := range environ {
		size, ok := strings.CutPrefix(entry, "FC_FUNCTION_MEMORY_SIZE=")
		if megabytes, err := strconv.Atoi(size); ok && err == nil && megabytes > 0 {
			debug.SetMemoryLimit(int64(megabytes) << 20 * 5 / 8)
		}
	}
}

// run returns the exit status: 2 where this is no Function Compute instance, 1 for a bad
// configuration.
func run(environ []string, stdout, stderr io.Writer) int {
	if !slices.ContainsFunc(environ, func(entry string) bool {
		return strings.HasPrefix(entry, "FC_RUNTIME_API=") && entry != "FC_RUNTIME_API="
	}) {
		fmt.Fprintln(
			stderr,
			"error: this is the Function Compute entry, and FC_RUNTIME_API is not set",
		)
		fmt.Fprintln(stderr, "hint: to see it work here, run: go run ./function/cmd/remedy drill")
		return 2
	}
	settings, err := app.Load(environ)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	for _, warning := range settings.Warnings {
		fmt.Fprintln(stderr, "warning: "+warning)
	}
	limitMemory(environ)
	function, err := app.New(settings, stdout, app.Seams{})
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	// The event is taken as bytes: it need not be JSON.
	fc.Start(func(ctx context.Context, payload []byte) (any, error) {
		about, ok := fccontext.FromContext(ctx)
		if !ok {
			return nil, errors.New("the invocation has no Function Compute context")
		}
		deadline, _ := ctx.Deadline()
		return function.Invoke(ctx, app.Invocation{
			RequestID: about.RequestID,
			Credentials: app.Credentials{AccessKeyID: about.Credentials.AccessKeyId,
				AccessKeySecret: about.Credentials.AccessKeySecret,
				SecurityToken:   about.Credentials.SecurityToken},
			Account: about.AccountId, Region: about.Region, Retry: about.RetryCount,
			Deadline: deadline,
		}, payload)
	})
	return 0
}
