package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// layoutVersion is that of the tables as this code makes them.
const layoutVersion = 1

// A replica knows the tables that the sink keeps, and makes and alters them.
type replica struct {
	pool   *pgxpool.Pool
	schema string
	types  typeMap
	audit  bool
	log    *slog.Logger

	mu      sync.Mutex
	known   map[*cdc.Table]*layout
	refused map[*cdc.Table]refusal
}

// A refusal is why a table cannot be kept. It is looked at again after a while,
// since operators mend things.
type refusal struct {
	err   error
	until time.Time
}

const refusalTime = 30 * time.Second

func newReplica(pool *pgxpool.Pool, cfg Config, types typeMap, log *slog.Logger) *replica {
	return &replica{pool: pool, schema: cfg.Schema, types: types, audit: !cfg.NoAudit, log: log,
		known: map[*cdc.Table]*layout{}, refused: map[*cdc.Table]refusal{}}
}

// createSchema makes a schema unless it is there: IF NOT EXISTS would ask for
// the right to make one all the same.
func createSchema(ctx context.Context, tx pgx.Tx, name string) error {
	var there bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = $1)", name).Scan(&there); err != nil || there {
		return err
	}
	if _, err := tx.Exec(ctx, "CREATE SCHEMA "+quote(name)); err != nil {
		return fmt.Errorf("make schema %s: %w", quote(name), err)
	}
	return nil
}

// exclusive runs f in a transaction that is alone, among all workers, with name.
func (r *replica) exclusive(ctx context.Context, name string, f func(pgx.Tx) error) error {
	err := pgx.BeginTxFunc(ctx, r.pool, pgx.TxOptions{IsoLevel: pgx.ReadCommitted}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1, hashtext($2))", lockClass+1, name); err != nil {
			return fmt.Errorf("lock %s: %w", name, err)
		}
		return f(tx)
	})
	if _, ok := errors.AsType[*fault.Fault](err); ok {
		return err
	}
	return judge(err)
}

// layout returns the layout of t, after making or altering its tables if that
// is the first time it is asked. A fault is about the table, any other error
// about the world.
func (r *replica) layout(ctx context.Context, t *cdc.Table) (*layout, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if l, ok := r.known[t]; ok {
		return l, nil
	}
	if no, ok := r.refused[t]; ok && time.Now().Before(no.until) {
		return nil, no.err
	}
	l, err := newLayout(t, r.types, r.audit)
	if err == nil {
		err = r.exclusive(ctx, t.String(), func(tx pgx.Tx) error { return r.ensure(ctx, tx, l) })
	}
	if err != nil {
		if tableFault(err) {
			r.refused[t] = refusal{err, time.Now().Add(refusalTime)}
			r.log.Error("table refused", "table", t.String(), "err", err, "fix", fault.Describe(fault.CodeOf(err)).Fix)
		}
		return nil, err
	}
	for old := range r.known { // a definition that was replaced is not asked for again
		if old.Keyspace == t.Keyspace && old.Name == t.Name && len(r.known) > 1000 {
			delete(r.known, old)
		}
	}
	r.known[t] = l
	return l, nil
}

// tableFault reports whether err says that a table cannot be kept, which is no
// reason to hold others back.
func tableFault(err error) bool {
	switch fault.CodeOf(err) {
	case fault.NameCollision, fault.NameTooLong, fault.TableRefused, fault.TypeChanged, fault.KeyChanged, fault.ObjectInTheWay, fault.LayoutTooNew:
		return true
	}
	return false
}

// forget makes the replica look at the tables anew.
func (r *replica) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.known)
	clear(r.refused)
}

// A keptColumn is a column as the metadata remember it.
type keptColumn struct {
	Name    string `json:"name"`
	Role    string `json:"role"`
	Type    string `json:"type"`    // CQL
	Stored  string `json:"stored"`  // PostgreSQL
	Reverse bool   `json:"reverse"` // descending
	Origin  bool   `json:"origin,omitempty"`
}

func (l *layout) kept() (cols []keptColumn) {
	for _, c := range l.columns {
		cols = append(cols, keptColumn{c.Name, c.Role.String(), c.Type.String(), c.to.name, c.Desc, c.origin})
	}
	return cols
}

// ensure makes the tables and the view of l, or adds the columns that they lack.
func (r *replica) ensure(ctx context.Context, tx pgx.Tx, l *layout) error {
	var version int
	var had []keptColumn
	var raw []byte
	meta := quote(r.schema) + "._cdc_metadata"
	err := tx.QueryRow(ctx, "SELECT layout, columns FROM "+meta+" WHERE keyspace_name = $1 AND table_name = $2", l.table.Keyspace, l.table.Name).Scan(&version, &raw)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return r.create(ctx, tx, l)
	case err != nil:
		return fmt.Errorf("read metadata of %s: %w", l.table, err)
	case version > layoutVersion:
		return fault.New(fault.LayoutTooNew, "table %s has layout %d, and this cdcpipe knows %d", l.table, version, layoutVersion)
	}
	if err := json.Unmarshal(raw, &had); err != nil {
		return fmt.Errorf("read metadata of %s: %w", l.table, err)
	}
	if err := compatible(l, had); err != nil {
		return err
	}
	if err := r.present(ctx, tx, l); err != nil {
		return err
	}
	gone, err := viewGone(ctx, tx, l.view)
	if err != nil {
		return err
	}
	return r.alter(ctx, tx, l, had, gone)
}

func (r *replica) create(ctx context.Context, tx pgx.Tx, l *layout) error {
	if err := inTheWay(ctx, tx, l.view, l.base, l.part, l.ranges); err != nil {
		return err
	}
	if err := errors.Join(createSchema(ctx, tx, l.view.schema), createSchema(ctx, tx, l.base.schema)); err != nil {
		return err
	}
	kept := l.kept()
	for _, sql := range append(l.createTables(), l.createView(names(kept))) {
		if _, err := tx.Exec(ctx, sql); err != nil {
			return fmt.Errorf("make the tables of %s: %w", l.table, err)
		}
	}
	if err := r.remember(ctx, tx, l, kept); err != nil {
		return err
	}
	r.log.Info("table made", "table", l.table.String(), "columns", len(l.columns))
	return nil
}

func names(cols []keptColumn) (ns []string) {
	for _, c := range cols {
		ns = append(ns, c.Name)
	}
	return ns
}

func (r *replica) remember(ctx context.Context, tx pgx.Tx, l *layout, cols []keptColumn) error {
	raw, err := json.Marshal(cols)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "INSERT INTO "+quote(r.schema)+`._cdc_metadata AS m (keyspace_name, table_name, layout, columns) VALUES ($1, $2, $3, $4)
		ON CONFLICT (keyspace_name, table_name) DO UPDATE SET layout = EXCLUDED.layout, columns = EXCLUDED.columns, updated_at = now()`,
		l.table.Keyspace, l.table.Name, layoutVersion, raw)
	if err != nil {
		return fmt.Errorf("write metadata of %s: %w", l.table, err)
	}
	return nil
}

// inTheWay reports a relation that has one of the names and is not cdcpipe's.
func inTheWay(ctx context.Context, tx pgx.Tx, rels ...relation) error {
	for _, rel := range rels {
		var kind string
		err := tx.QueryRow(ctx, `SELECT CASE c.relkind WHEN 'v' THEN 'view' WHEN 'r' THEN 'table' WHEN 'm' THEN 'materialized view' WHEN 'i' THEN 'index' ELSE 'relation' END
			FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`, rel.schema, rel.name).Scan(&kind)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
		case err != nil:
			return fmt.Errorf("look for %s: %w", rel.sql(), err)
		default:
			return fault.New(fault.ObjectInTheWay, "a %s named %s is there already, and cdcpipe did not make it", kind, rel.sql())
		}
	}
	return nil
}

// present reports tables that were dropped behind cdcpipe's back: to make them
// again, empty, would lose what they held without a word.
func (r *replica) present(ctx context.Context, tx pgx.Tx, l *layout) error {
	rels := []relation{l.base}
	if l.table.Clustered() {
		rels = append(rels, l.part, l.ranges)
	}
	for _, rel := range rels {
		var there bool
		if err := tx.QueryRow(ctx, "SELECT to_regclass($1) IS NOT NULL", rel.sql()).Scan(&there); err != nil {
			return fmt.Errorf("look for %s: %w", rel.sql(), err)
		}
		if !there {
			return fault.New(fault.ObjectInTheWay, "%s is gone, though %s._cdc_metadata has it: restore it, or delete the row of %s there to start from nothing",
				rel.sql(), quote(r.schema), l.table)
		}
	}
	return nil
}

// viewGone reports whether there is no view; it can be made again without loss.
func viewGone(ctx context.Context, tx pgx.Tx, view relation) (bool, error) {
	var kind string
	err := tx.QueryRow(ctx, "SELECT relkind FROM pg_class WHERE oid = to_regclass($1)", view.sql()).Scan(&kind)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return true, nil
	case err != nil:
		return false, fmt.Errorf("look for %s: %w", view.sql(), err)
	case kind != "v":
		return false, fault.New(fault.ObjectInTheWay, "%s is not the view that cdcpipe made", view.sql())
	}
	return false, nil
}

// alter adds the columns of l that the tables lack, and makes the view anew if
// that is needed or it is gone.
func (r *replica) alter(ctx context.Context, tx pgx.Tx, l *layout, had []keptColumn, gone bool) error {
	cols, added, origins := had, []string(nil), false
	for i := range l.columns {
		c := &l.columns[i]
		at := slices.IndexFunc(cols, func(h keptColumn) bool { return h.Name == c.Name })
		if at >= 0 && (cols[at].Origin || !c.origin) {
			continue
		}
		if _, err := tx.Exec(ctx, l.addColumn(c)); err != nil {
			return fmt.Errorf("add column %s to %s: %w", quote(c.Name), l.table, err)
		}
		if at >= 0 {
			cols[at].Origin, origins = true, true
			continue
		}
		cols = append(cols, l.kept()[i])
		added = append(added, c.Name)
	}
	if len(added) == 0 && !gone {
		if origins {
			return r.remember(ctx, tx, l, cols)
		}
		return nil
	}
	// A definition that lacks columns is an older one: the view keeps showing them.
	whole, err := r.widest(l, cols)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, whole.createView(names(cols))); err != nil {
		return fmt.Errorf("replace the view of %s: %w", l.table, err)
	}
	if gone {
		r.log.Warn("view was gone, and is made anew", "view", l.view.sql())
	}
	if len(added) > 0 {
		r.log.Warn("columns added", "code", string(fault.AgentAltered), "table", l.table.String(), "columns", added, "fix", fault.Describe(fault.AgentAltered).Fix)
	}
	return r.remember(ctx, tx, l, cols)
}
