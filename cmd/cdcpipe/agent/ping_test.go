package agent_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"cdcpipe/cmd/cdcpipe/agent"
	"cdcpipe/pipeline/fault"
)

func TestPing(t *testing.T) {
	t.Parallel()
	status, body := http.StatusOK, "pong\n"
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/ping" {
			t.Errorf("asked for %s", r.URL)
		}
		w.WriteHeader(status)
		io.WriteString(w, body)
	}))
	if _, err := agent.Ping(t.Context(), server.URL+"/"); err != nil {
		t.Error(err)
	}
	body = "hello"
	if _, err := agent.Ping(t.Context(), server.URL); !fault.Is(err, fault.AgentDown) {
		t.Errorf("got %v", err)
	}
	status, body = http.StatusBadGateway, "pong"
	if _, err := agent.Ping(t.Context(), server.URL); !fault.Is(err, fault.AgentDown) {
		t.Errorf("got %v", err)
	}
	server.Close()
	for _, url := range []string{server.URL, "::"} {
		if _, err := agent.Ping(t.Context(), url); !fault.Is(err, fault.AgentDown) {
			t.Errorf("%s: got %v", url, err)
		}
	}
}
