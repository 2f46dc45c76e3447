package postgres

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/pgxpool"

	"cdcpipe/pipeline"
)

// Connect opens a pool on the database of cfg for whoever works on letters, and
// brings the tables up to date ([Migrator.Up]). Its errors have codes; those of the
// pool's statements get theirs from [Judge].
func Connect(ctx context.Context, cfg LettersConfig, log *slog.Logger) (*pgxpool.Pool, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	own := cfg.config().withDefaults()
	pool, err := connect(ctx, own, 4)
	if err != nil {
		return nil, err
	}
	if err := migrate(ctx, &Migrator{own}, log); err != nil {
		pool.Close()
		return nil, err
	}
	return pool, nil
}

// Judge gives an error of a statement its code, by its SQLSTATE.
func Judge(err error) error { return judge(err) }

// LetterRelation returns the name of the table of an outlet's letters as SQL.
func (c LettersConfig) LetterRelation(o pipeline.Outlet) string {
	return c.Relation(LetterTable(o))
}

// Relation returns the name of one of cdcpipe's own tables as SQL.
func (c LettersConfig) Relation(table string) string {
	return relation{Config{Schema: c.Schema}.withDefaults().Schema, table}.sql()
}
