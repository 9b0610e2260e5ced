package serve_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"ecs-remedy/function/internal/config"
	"ecs-remedy/function/internal/serve"
)

// served is a Server on two ports: itself, and the URLs of the page and of the simulated ECS.
func served(t *testing.T, environ ...string) (s *serve.Server, page, ecs string) {
	t.Helper()
	s, err := serve.New(serve.Options{Load: func(mode string) (config.Config, error) {
		return config.Load(append(environ[:len(environ):len(environ)], "REMEDY_MODE="+mode,
			"REMEDY_LEDGER=mem:"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	first, second := httptest.NewServer(s.Page()), httptest.NewServer(s.ECS())
	s.Addresses(first.Listener.Addr().String(), second.Listener.Addr().String())
	t.Cleanup(func() {
		s.Close()
		first.Close()
		second.Close()
	})
	return s, strings.TrimSuffix(first.URL, "/"), second.URL
}

// hostile is an alarm about an instance that hangs, as somebody might have forged it: NAME stands in
// every name.
const hostile = `{
  "ver": "1.0", "id": "D8110000-0000-4000-8000-000000000002", "product": "ECS", "level": "CRITICAL",
  "resourceId": "acs:ecs:cn-hangzhou:1234567890123456:instance/i-bp1forged0000000hung",
  "name": "NAME", "status": "Executing", "eventType": "Exception",
  "userId": "1234567890123456", "regionId": "cn-hangzhou", "instanceName": "NAME", "eventTime": "20261123T074200.000+0000",
  "content": {
    "eventId": "e-bp1forged000000alarm", "instanceId": "i-bp1forged0000000hung", "instanceName": "NAME",
    "eventType": "InstanceFailure.PerformanceImpact", "eventStatus": "Executing", "publishTime": "2026-11-23T07:42:00Z", "executeStartTime": "2026-11-23T07:42:00Z"
  }
}`
