package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"cdcpipe/pipeline/fault"
)

// span begins a span of a transaction that inserts so many records into tables, if ctx
// is of a batch that is traced, and returns what ends it. It belongs to the provider
// of the span that it is a child of.
//
// The merge goes by pgconn's pipeline, of which no tracer of pgx hears.
func span(ctx context.Context, pool *pgxpool.Pool, tables func() []string, records int) (context.Context, func(error)) {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return ctx, func(error) {}
	}
	c := pool.Config().ConnConfig
	name, attrs := "BATCH INSERT", []attribute.KeyValue{
		semconv.DBSystemNamePostgreSQL, semconv.DBNamespace(c.Database), semconv.ServerAddress(c.Host), semconv.ServerPort(int(c.Port)),
		attribute.Int("cdcpipe.records", records),
	}
	if names := tables(); len(names) == 1 {
		name = "INSERT " + names[0]
		attrs = append(attrs, semconv.DBOperationName("INSERT"), semconv.DBCollectionName(names[0]))
	} else {
		attrs = append(attrs, semconv.DBOperationName(name), semconv.DBOperationBatchSize(len(names)))
	}
	ctx, s := parent.TracerProvider().Tracer("cdcpipe", trace.WithSchemaURL(semconv.SchemaURL)).
		Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(attrs...))
	return ctx, func(err error) {
		defer s.End()
		if err == nil {
			return
		}
		code := fault.CodeOf(err)
		s.SetStatus(codes.Error, string(code)+" "+fault.Describe(code).Title)
		s.SetAttributes(semconv.ErrorTypeKey.String(string(code)))
		if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
			s.SetAttributes(semconv.DBResponseStatusCode(pe.Code))
		}
	}
}
