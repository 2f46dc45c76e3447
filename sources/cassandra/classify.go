package cassandra

import (
	"context"
	"errors"
	"fmt"

	gocql "github.com/apache/cassandra-gocql-driver/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// classify gives what ended a read its code. The end of the context has none.
func (r *Reader) classify(ctx context.Context, t *cdc.Table, err error) error {
	if err == nil {
		return nil
	}
	err = fmt.Errorf("read %s: %w", t, err)
	if ctx.Err() != nil {
		return err
	}
	request, ok := errors.AsType[gocql.RequestError](err)
	switch {
	case errors.Is(err, gocql.ErrTimeoutNoResponse):
		return fault.Wrap(fault.CassandraLate, err)
	case !ok:
		return fault.Wrap(fault.CassandraDown, err)
	}
	switch request.Code() {
	case gocql.ErrCodeUnavailable, gocql.ErrCodeOverloaded, gocql.ErrCodeBootstrapping, gocql.ErrCodeReadTimeout, gocql.ErrCodeReadFailure:
		return fault.Wrap(fault.CassandraLate, err)
	case gocql.ErrCodeUnauthorized, gocql.ErrCodeCredentials:
		return fault.Wrap(fault.CassandraDenied, err)
	case gocql.ErrCodeInvalid, gocql.ErrCodeSyntax, gocql.ErrCodeConfig:
		exists, lookup := r.exists(ctx, t)
		switch {
		case lookup != nil:
			return errors.Join(err, lookup)
		case !exists:
			return fault.Wrap(fault.CassandraTable, err)
		}
		return fault.Wrap(fault.CassandraDiffers, err)
	default:
		return err
	}
}

// exists asks whether there is a table: the text of Cassandra's error says it in
// words that differ between versions.
func (r *Reader) exists(ctx context.Context, t *cdc.Table) (bool, error) {
	session, err := r.link.connect(ctx)
	if err != nil {
		return false, err
	}
	iter := session.Query("SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?", t.Keyspace, t.Name).IterContext(ctx)
	n := iter.NumRows()
	return n > 0, unreachable(iter.Close())
}
