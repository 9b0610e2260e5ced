package app_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"ecs-remedy/function/internal/app"
	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/ecssim"
	"ecs-remedy/function/internal/ledger"
)

// untilReboot passes calls on, and ends the invocation once RebootInstance has been answered.
type untilReboot struct {
	http.RoundTripper
	end context.CancelFunc
}

func (u untilReboot) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := u.RoundTripper.RoundTrip(r)
	if r.URL.Query().Get("Action") == "RebootInstance" {
		u.end()
	}
	return answer, err
}

// BenchmarkAlarmToReboot is the path from a payload to RebootInstance's answer: decoding, every
// guard, three reads and the reboot through the real SDK with their signatures, and the ledger in
// memory. ECS answers at once.
func BenchmarkAlarmToReboot(b *testing.B) {
	settings, err := config.Load([]string{"REMEDY_MODE=enforce", "REMEDY_LEDGER=mem:"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		world := ecssim.New(ecssim.Real())
		world.Add(optedIn(ecssim.Guest{}))
		ctx, cancel := context.WithCancel(b.Context())
		function, err := app.New(
			settings,
			io.Discard,
			app.Seams{Transport: untilReboot{world.RoundTripper(), cancel}, Store: ledger.NewMem()},
		)
		if err != nil {
			b.Fatal(err)
		}
		payload := []byte(kernelHang(instance, time.Now()))
		b.StartTimer()
		function.Invoke(
			ctx,
			delivery(0),
			payload,
		) // pending: the invocation is ended while it waits
		b.StopTimer()
		if len(world.Reboots(instance)) != 1 {
			b.Fatalf("%d reboots", len(world.Reboots(instance)))
		}
		b.StartTimer()
	}
}
