// Package vault finds secrets in HashiCorp Vault or OpenBao, for references
// ${vault:mount/path#key} in a pipeline's file. Address and token come from the
// environment that Vault's own tools use: VAULT_ADDR, VAULT_TOKEN, VAULT_CACERT,
// VAULT_NAMESPACE.
package vault

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"

	"github.com/hashicorp/vault/api"

	"cdcpipe/pipeline/spec"
)

// A Resolver reads key/value secrets, of version 2 of the engine or else of
// version 1. It connects when it is first asked.
type Resolver struct {
	once   sync.Once
	client *api.Client
	err    error
}

var _ spec.Resolver = (*Resolver)(nil)

// Resolve returns the value that mount/path#key names.
func (r *Resolver) Resolve(ctx context.Context, name string) (string, error) {
	r.once.Do(r.open)
	if r.err != nil {
		return "", r.err
	}
	path, key, ok := strings.Cut(name, "#")
	mount, rest, ok2 := strings.Cut(path, "/")
	if !ok || !ok2 || mount == "" || rest == "" || key == "" {
		return "", errors.New("not of the form mount/path#key")
	}
	secret, err := r.client.KVv2(mount).Get(ctx, rest)
	if err != nil || secret.Data == nil {
		v1, err1 := r.client.KVv1(mount).Get(ctx, rest)
		if err1 != nil || v1 == nil {
			return "", plain(mount, rest, errors.Join(err, err1))
		}
		secret = v1
	}
	switch v := secret.Data[key].(type) {
	case nil:
		return "", fmt.Errorf("the secret %s/%s has no key %q", mount, rest, key)
	case string:
		return v, nil
	default:
		return fmt.Sprint(v), nil
	}
}

func (r *Resolver) open() {
	if os.Getenv("VAULT_ADDR") == "" {
		r.err = errors.New("VAULT_ADDR is not set")
		return
	}
	cfg := api.DefaultConfig()
	if r.err = cfg.Error; r.err != nil {
		return
	}
	cfg.MaxRetries = 1
	r.client, r.err = api.NewClient(cfg)
}

// plain says in one line why a secret could not be read.
func plain(mount, path string, err error) error {
	if errors.Is(err, api.ErrSecretNotFound) {
		return fmt.Errorf("there is no secret %s/%s", mount, path)
	}
	if r, ok := errors.AsType[*api.ResponseError](err); ok {
		if r.StatusCode == http.StatusForbidden {
			return fmt.Errorf("the token may not read %s/%s", mount, path)
		}
		return fmt.Errorf("the server answered %d for %s/%s: %s", r.StatusCode, mount, path, strings.Join(r.Errors, "; "))
	}
	return fmt.Errorf("read %s/%s: %w", mount, path, err)
}
