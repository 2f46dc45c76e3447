package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"testing"
)

// The workers' file of compose/ is right, with no doubts left, and with the secrets
// that compose/vault/secrets.sh puts into Vault.
func TestComposePipeline(t *testing.T) {
	script, err := os.ReadFile("../../compose/vault/secrets.sh")
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^  (\w+)="(.*)"`).FindAllSubmatch(script, -1) {
		secrets[string(m[1])] = string(m[2])
	}
	vault := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/secret/data/cdcpipe" || r.Header.Get("X-Vault-Token") != "cdcpipe-development" {
			http.Error(w, `{"errors":[]}`, http.StatusForbidden)
			return
		}
		if err := json.NewEncoder(w).Encode(map[string]any{"data": map[string]any{"data": secrets, "metadata": map[string]any{"version": 1}}}); err != nil {
			t.Error(err)
		}
	}))
	defer vault.Close()
	t.Setenv("VAULT_ADDR", vault.URL)
	t.Setenv("VAULT_TOKEN", "cdcpipe-development")
	t.Setenv("CASSANDRA_HOST", "cassandra")
	t.Setenv("KAFKA_BROKERS", "kafka:9092")
	lint := func() (int, string) {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{"cdcpipe", "config", "lint", "-f", "../../compose/cdcpipe/pipeline.yaml"}, &stdout, &stderr)
		return code, stdout.String() + stderr.String()
	}
	if code, out := lint(); code != 0 || !bytes.Contains([]byte(out), []byte("ok, 0 warnings")) {
		t.Errorf("exit %d\n%s", code, out)
	}
	delete(secrets, "postgres_dsn")
	if code, out := lint(); code == 0 {
		t.Errorf("a secret is missing, and exit 0\n%s", out)
	}
}
