// Package letterapi is the part of the admin API that works on letters: the same as
// cdcpipe dlq and cdcpipe validation, described by OpenAPI 3.1 at /v1/openapi.json.
//
// It answers whoever is let in: the server that it is mounted on asks for the bearer
// token, and refuses changes to pages of other origins.
package letterapi

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"cdcpipe/pipeline/dlq"
)

// A Desk has what working on letters needs. It may connect when it is first asked.
type Desk interface {
	Store(ctx context.Context) (*dlq.Store, error)
	Resubmitter(ctx context.Context, actor string, maxReplays int) (*dlq.Resubmitter, error)
	Check(ctx context.Context) (*dlq.Check, error)
}

// Patterns are those that the handler is to be mounted on.
func Patterns() []string {
	return []string{"/v1/validation-errors", "/v1/validation-errors/", "/v1/dead-letters", "/v1/dead-letters/", "/v1/openapi.json", "/v1/openapi.yaml"}
}

// maxBody is how large a request's body may be: that of a corrected value.
const maxBody = 32 << 20

type api struct {
	desk Desk
	log  *slog.Logger
}

// New returns the handler.
func New(desk Desk, version string, log *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("cdcpipe", version)
	cfg.Info.Description = "Letters: what left the pipeline by an outlet. Errors are problems (RFC 9457) with the code of docs/reference/errors.md."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "/v1/openapi", "", ""
	cfg.CreateHooks = nil // no links to schemas that are not served
	cfg.RejectUnknownQueryParameters = true
	cfg.Transformers = append(cfg.Transformers, unquoted)
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer", Description: "admin.token"}}
	cfg.Security = []map[string][]string{{"token": {}}}
	h := humago.New(mux, cfg)
	h.UseMiddleware(remote)
	a := &api{desk, log}
	a.reads(h)
	a.changes(h)
	a.discards(h)
	return mux
}

// unquoted takes the values out of an answer that says what is wrong with a request:
// they may be anybody's data.
func unquoted(_ huma.Context, _ string, v any) (any, error) {
	if m, ok := v.(*huma.ErrorModel); ok {
		for _, d := range m.Errors {
			d.Value = nil
		}
	}
	return v, nil
}

type remoteKey struct{}

// remote keeps the address that a request came from, for the audit.
func remote(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	next(huma.WithValue(ctx, remoteKey{}, r.RemoteAddr))
}

// actor names whoever sent the request: the token has no owner.
func actor(ctx context.Context) string {
	addr, _ := ctx.Value(remoteKey{}).(string)
	return "admin API, from " + addr
}

// audit logs a change; the tables have it letter by letter.
func (a *api) audit(ctx context.Context, action string, args ...any) {
	a.log.InfoContext(ctx, "audit", append([]any{"action", action, "actor", actor(ctx)}, args...)...)
}
