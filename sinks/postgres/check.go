package postgres

import (
	"context"
	"fmt"

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
	return check(ctx, pool, s.cfg.Schema)
}

// Check is [Sink.Check] for letters.
func (l *Letters) Check(ctx context.Context) (found string, err error) {
	pool, err := connect(ctx, l.cfg, 1)
	if err != nil {
		return "", err
	}
	defer pool.Close()
	return check(ctx, pool, l.cfg.Schema)
}

// check asks for the rights that the sink needs: to make schemas, or to make
// tables in its own where that is there already.
func check(ctx context.Context, pool *pgxpool.Pool, schema string) (string, error) {
	var version, user, database string
	var mayMake, mayUse *bool
	err := pool.QueryRow(ctx, `SELECT current_setting('server_version'), current_user, current_database(),
		has_database_privilege(current_database(), 'CREATE'),
		(SELECT has_schema_privilege(oid, 'CREATE, USAGE') FROM pg_namespace WHERE nspname = $1)`, schema).
		Scan(&version, &user, &database, &mayMake, &mayUse)
	if err != nil {
		return "", judge(fmt.Errorf("ask for rights: %w", err))
	}
	found := fmt.Sprintf("PostgreSQL %s, database %s, role %s", version, database, user)
	may := func(b *bool) bool { return b != nil && *b }
	switch {
	case mayUse != nil && !may(mayUse):
		return found, fault.New(fault.NoPermission, "role %s may not make tables in schema %s: GRANT CREATE, USAGE ON SCHEMA %[2]s TO %[1]s", quote(user), quote(schema))
	case !may(mayMake):
		return found, fault.New(fault.NoPermission, "role %s may not make schemas in database %s, which every new keyspace needs: GRANT CREATE ON DATABASE %[2]s TO %[1]s",
			quote(user), quote(database))
	}
	return found, nil
}
