package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// A class says what an error of PostgreSQL is about.
type class uint8

const (
	aboutWorld  class = iota // tried again: connections, locks, resources, rights
	aboutRecord              // the values: the culprit is sought and diverted
	aboutSchema              // the tables are not as the sink left them: looked at anew
)

// A stateClass is what errors are about whose SQLSTATE begins with a prefix.
type stateClass struct {
	prefix string
	about  class
	code   fault.Code
	name   string // PostgreSQL's, with what is meant where that helps
}

// stateClasses sort errors by SQLSTATE (PostgreSQL, appendix A); the longest prefix
// counts. docs/reference/retries.md has the same table.
var stateClasses = []stateClass{
	{"08", aboutWorld, fault.TargetDown, "connection exception"},
	{"09", aboutRecord, fault.ConstraintBroke, "triggered action exception"},
	{"0A", aboutWorld, fault.StatementFailed, "feature not supported"},
	{"22", aboutRecord, fault.ValueRefused, "data exception: a value is out of range or of the wrong form"},
	{"23", aboutRecord, fault.ConstraintBroke, "integrity constraint violation"},
	{"25", aboutWorld, fault.TargetDown, "invalid transaction state"},
	{"25006", aboutWorld, fault.TargetReadOnly, "read-only transaction: a standby, or a database set so; the connection is closed"},
	{"26", aboutWorld, fault.StatementFailed, "invalid statement name: a pooler lost what was prepared"},
	{"27", aboutRecord, fault.ConstraintBroke, "triggered data change violation"},
	{"28", aboutWorld, fault.NoPermission, "invalid authorization"},
	{"34", aboutWorld, fault.StatementFailed, "invalid cursor name"},
	{"3D000", aboutWorld, fault.NoDatabase, "invalid catalog name: no such database"},
	{"3F000", aboutSchema, fault.StatementFailed, "invalid schema name: no such schema"},
	{"40", aboutWorld, fault.TargetBusy, "transaction rollback: serialization failure, deadlock"},
	{"42", aboutWorld, fault.StatementFailed, "syntax error or access rule violation"},
	{"42501", aboutWorld, fault.NoPermission, "insufficient privilege"},
	{"42703", aboutSchema, fault.StatementFailed, "undefined column"},
	{"42704", aboutSchema, fault.StatementFailed, "undefined object"},
	{"42P01", aboutSchema, fault.StatementFailed, "undefined table"},
	{"42P10", aboutSchema, fault.StatementFailed, "invalid column reference: the primary key is not as it was"},
	{"44", aboutRecord, fault.ConstraintBroke, "with check option violation"},
	{"53", aboutWorld, fault.TargetBusy, "insufficient resources: disk full, out of memory, too many connections"},
	{"54", aboutRecord, fault.ValueRefused, "program limit exceeded: a key is too long for an index"},
	{"55", aboutWorld, fault.TargetBusy, "object not in prerequisite state: a lock was not to be had in time"},
	{"57", aboutWorld, fault.TargetDown, "operator intervention: shutdown, crash, starting up"},
	{"57014", aboutWorld, fault.TargetBusy, "query canceled: it took longer than statement_timeout"},
	{"58", aboutWorld, fault.TargetDown, "system error: PostgreSQL cannot read or write its files"},
	{"P0", aboutRecord, fault.ConstraintBroke, "PL/pgSQL error: a trigger has raised an exception"},
	{"", aboutWorld, fault.StatementFailed, "any other"},
}

// classify returns what an error with that SQLSTATE is about.
func classify(state string) (class, fault.Code) {
	best := stateClasses[len(stateClasses)-1]
	for _, c := range stateClasses {
		if len(c.prefix) > len(best.prefix) && strings.HasPrefix(state, c.prefix) {
			best = c
		}
	}
	return best.about, best.code
}

// judge gives err its code, and marks it as being about a record where it is.
func judge(err error) error {
	if err == nil {
		return nil
	}
	if pe, ok := errors.AsType[*pgconn.PgError](err); ok {
		about, code := classify(pe.Code)
		err = fault.New(code, "%w%s", err, describe(pe))
		if about == aboutRecord {
			return pipeline.Divert(pipeline.Invalid, err)
		}
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	_, network := errors.AsType[net.Error](err)
	network = network || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok || network || pgconn.Timeout(err) {
		return fault.Wrap(fault.TargetDown, err)
	}
	return err
}

// describe names what PostgreSQL says the error is about. Its detail may quote
// values, which do not belong in logs, and is left out.
func describe(pe *pgconn.PgError) string {
	s := ""
	for _, p := range [...]struct{ what, name string }{{"table", pe.TableName}, {"column", pe.ColumnName}, {"constraint", pe.ConstraintName}} {
		if p.name != "" {
			s += fmt.Sprintf(", %s %s", p.what, p.name)
		}
	}
	return s
}

// undefined reports whether err says that tables are not as the sink left them.
func undefined(err error) bool {
	pe, ok := errors.AsType[*pgconn.PgError](err)
	if !ok {
		return false
	}
	about, _ := classify(pe.Code)
	return about == aboutSchema
}
