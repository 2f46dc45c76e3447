//go:build promtool

package cdcpipe_test

import (
	"os/exec"
	"testing"
)

// Alerts fire when they should, says Prometheus's own tool (.ci/promtool.sh).
func TestAlertsFire(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), "promtool", "test", "rules", "alerts_test.yml")
	cmd.Dir = "compose/prometheus"
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
