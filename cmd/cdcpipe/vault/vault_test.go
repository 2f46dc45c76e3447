package vault_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cdcpipe/cmd/cdcpipe/vault"
)

// The answers are those of Vault's HTTP API (KV version 2 and version 1).
func TestResolve(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("X-Vault-Token") != "hidden-token":
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"errors":["permission denied"]}`)
		case r.URL.Path == "/v1/kv/data/shop/db":
			fmt.Fprint(w, `{"data":{"data":{"dsn":"postgres://x","port":5432},"metadata":{"version":3}}}`)
		case r.URL.Path == "/v1/old/shop":
			fmt.Fprint(w, `{"data":{"password":"hidden-word"}}`)
		default:
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprint(w, `{"errors":[]}`)
		}
	}))
	defer server.Close()
	t.Setenv("VAULT_ADDR", server.URL)
	t.Setenv("VAULT_TOKEN", "hidden-token")
	for name, want := range map[string]string{"kv/shop/db#dsn": "postgres://x", "kv/shop/db#port": "5432", "old/shop#password": "hidden-word"} {
		if got, err := new(vault.Resolver).Resolve(t.Context(), name); got != want {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for name, want := range map[string]string{"kv/shop/db#none": "no key", "kv/none#x": "no secret kv/none", "kv#x": "form", "kv/shop/db": "form"} {
		if got, err := new(vault.Resolver).Resolve(t.Context(), name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	t.Setenv("VAULT_TOKEN", "wrong")
	if _, err := new(vault.Resolver).Resolve(t.Context(), "kv/shop/db#dsn"); err == nil || !strings.Contains(err.Error(), "may not read") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v", err)
	}
	t.Setenv("VAULT_ADDR", "")
	if _, err := new(vault.Resolver).Resolve(t.Context(), "kv/shop/db#dsn"); err == nil || !strings.Contains(err.Error(), "VAULT_ADDR") {
		t.Errorf("got %v", err)
	}
}
