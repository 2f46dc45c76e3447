//go:build e2e

package e2e

import (
	"os"
	"strings"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/realstack"
)

// agentLog returns what the agent has logged since it was at.
func agentLog(t *testing.T, at int64) string {
	t.Helper()
	b, err := os.ReadFile(the.Component(realstack.Agent).LogFile())
	if err != nil {
		t.Fatal(err)
	}
	return string(b[at:])
}

// agentRestarts has the agent begin anew, and returns where its log was.
func agentRestarts(t *testing.T) int64 {
	t.Helper()
	at := int64(len(agentLog(t, 0)))
	if err := the.Component(realstack.Agent).Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	return at
}

// A vector column anywhere in the cluster blinds an agent that starts: it knows no
// table, and sends nothing. docs/cassandra-setup.md warns of it.
func TestVectorBlindsAgent(t *testing.T) {
	if err := the.settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	the.do(t, "CREATE TABLE broken.vectors (id int PRIMARY KEY, v vector<float, 3>)")
	at := agentRestarts(t)
	err := until(t.Context(), 30*time.Second, func() (bool, error) {
		return strings.Contains(agentLog(t, at), "proceeding without schema metadata"), nil
	})
	if err != nil {
		t.Errorf("the agent is not blind: %v\n%s", err, tail(the.Component(realstack.Agent).LogFile(), 20))
	}
	the.do(t, "DROP TABLE broken.vectors")
	agentRestarts(t)
	if err := the.settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
}
