package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/serve"
)

type serveCommand struct {
	Listen string `default:"127.0.0.1:0" placeholder:"ADDRESS" help:"${help_listen}"`
}

// Help says what the flag's own line has no room for.
func (serveCommand) Help() string {
	return `On the page you choose how an instance behaves and what else goes wrong, send an
alarm, and watch what the function does, as slowly as you like. Every run is a drill of its own,
with an ECS that is simulated: nothing real is asked or touched. The REMEDY_* variables are in
force, but for the mode and the ledger.

The simulated ECS answers on a second port, so that the aliyun command line or an SDK can look at
the instances. The keys that are printed are new each time, and open nothing real.

Ctrl-C ends it. Exit status: 0 then; 2 where it cannot listen there.`
}

// Run serves until a signal comes.
func (s *serveCommand) Run(c *console) error {
	// The first signal ends the catching, so that a second one ends everything at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	return s.serve(ctx, c)
}

// serve serves until ctx ends.
func (s *serveCommand) serve(ctx context.Context, c *console) error {
	server, err := serve.New(serve.Options{Load: func(mode string) (config.Config, error) {
		return c.load(mode, "mem:")
	}})
	if err != nil {
		return err
	}
	defer server.Close()
	page, err := serve.Listen(s.Listen)
	if err != nil {
		return cannotListen(s.Listen, err)
	}
	defer page.Close() // where it does not come to serving
	host, _, _ := net.SplitHostPort(page.Addr().String())
	ecs, err := serve.Listen(net.JoinHostPort(host, "0"))
	if err != nil {
		return cannotListen(host, err)
	}
	defer ecs.Close()
	keys := server.Keys
	_, err = fmt.Fprintf(c.out, `The page is           http://%s/
The simulated ECS is  http://%s
Its keys are new, and open nothing real. To look at the instances:

  aliyun ecs DescribeInstances --region cn-hangzhou --endpoint %[2]s --insecure \
    --mode StsToken --access-key-id %[3]s \
    --access-key-secret %[4]s --sts-token %[5]s

Ctrl-C ends it.
`, page.Addr(), ecs.Addr(), keys.ID, keys.Secret, keys.Token)
	if err != nil {
		return err
	}
	return server.Serve(ctx, page, ecs)
}

// cannotListen is an error with a cure.
func cannotListen(address string, err error) error {
	var wrong *net.AddrError
	switch {
	case errors.Is(err, serve.ErrNotLoopback):
		return hinted{fmt.Errorf("--listen %s: %w", address, err),
			"the page is for this machine only: --listen 127.0.0.1:8080; from elsewhere, " +
				"a tunnel: ssh -L"}
	case errors.Is(err, syscall.EADDRINUSE):
		return hinted{fmt.Errorf("--listen %s: the port is in use", address),
			"choose another port, or leave --listen out: then any free one is taken"}
	case errors.As(err, &wrong):
		err = errors.New(wrong.Err) // without the address, which is said already
	}
	var failed *net.OpError
	if errors.As(err, &failed) {
		err = failed.Err
	}
	return hinted{fmt.Errorf("--listen %s: %w", address, err),
		"an address is HOST:PORT: --listen 127.0.0.1:8080"}
}
