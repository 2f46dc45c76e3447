package agent

import (
	"context"
	"io"
	"net/http"
	"strings"

	"cdcpipe/pipeline/fault"
)

// Ping asks an agent's HTTP server, at http://host:port, whether it is there. That it
// answers says that its process runs, and nothing of whether it reads.
func Ping(ctx context.Context, url string) (found string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(url, "/")+"/ping", http.NoBody)
	if err != nil {
		return "", fault.New(fault.AgentDown, "%w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", fault.New(fault.AgentDown, "%w", err)
	}
	defer func() { _ = res.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err != nil {
		return "", fault.New(fault.AgentDown, "%w", err)
	}
	if got := strings.TrimSpace(string(body)); res.StatusCode != http.StatusOK || got != "pong" {
		return "", fault.New(fault.AgentDown, "%s answers %s with %q", url, res.Status, got)
	}
	return "its process runs", nil
}
