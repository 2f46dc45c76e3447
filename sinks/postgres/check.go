package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"cdcpipe/pipeline/fault"
)

// Check looks whether the sink could work, without changing anything: whether the
// server answers and will do, and whether the role may make what it must. It is
// for cdcpipe doctor; what it returns says what it found.
func (s *Sink) Check(ctx context.Context) (found string, err error) {
	pool, err := connect(ctx, s.cfg, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	schemas := []string{s.cfg.Schema}
	for _, t := range s.tables {
		if l, err := newLayout(t, s.types, !s.cfg.NoAudit); err == nil { // else its changes leave by an outlet
			schemas = append(schemas, l.view.schema, l.base.schema)
		}
	}
	return check(ctx, pool, schemas)
}

// Check is [Sink.Check] for letters.
func (l *Letters) Check(ctx context.Context) (found string, err error) {
	pool, err := connect(ctx, l.cfg, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	return check(ctx, pool, []string{l.cfg.Schema})
}

// check asks for the rights to make tables in schemas that are there, and to make
// those that are not.
func check(ctx context.Context, pool *pgxpool.Pool, schemas []string) (string, error) {
	var version, user, database string
	var mayMake bool
	var missing, closed []string
	err := pool.QueryRow(ctx, `SELECT current_setting('server_version'), current_user, current_database(), has_database_privilege(current_database(), 'CREATE'),
		(SELECT coalesce(array_agg(DISTINCT s), '{}') FROM unnest($1::text[]) AS s WHERE NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = s)),
		(SELECT coalesce(array_agg(nspname::text), '{}') FROM pg_namespace WHERE nspname = ANY ($1) AND NOT (has_schema_privilege(oid, 'CREATE') AND has_schema_privilege(oid, 'USAGE')))`,
		schemas).Scan(&version, &user, &database, &mayMake, &missing, &closed)
	if err != nil {
		return "", judge(fmt.Errorf("ask for rights: %w", err))
	}
	found := fmt.Sprintf("PostgreSQL %s, database %s, role %s", version, database, user)
	switch {
	case len(closed) > 0:
		return found, fault.New(fault.NoPermission, "role %s may not make tables in schema %s: GRANT CREATE, USAGE ON SCHEMA %[2]s TO %[1]s", quote(user), quoted(closed))
	case len(missing) > 0 && !mayMake:
		return found, fault.New(fault.NoPermission, "role %s may not make schemas in database %s, and these are not there: %s; make them for it, or GRANT CREATE ON DATABASE %[2]s TO %[1]s",
			quote(user), quote(database), quoted(missing))
	case !mayMake:
		found += ", which may not make schemas for other keyspaces"
	}
	return found, nil
}

func quoted(names []string) string {
	var qs []string
	for _, n := range names {
		qs = append(qs, quote(n))
	}
	return strings.Join(qs, ", ")
}
