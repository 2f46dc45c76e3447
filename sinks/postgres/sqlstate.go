package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"

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

// classify sorts errors by SQLSTATE (PostgreSQL, appendix A).
func classify(state string) (class, fault.Code) {
	if len(state) != 5 {
		return aboutWorld, fault.TargetDown
	}
	switch state {
	case "42P01", "42703", "3F000", "42704", "42P10": // undefined table, column, schema, object, conflict target
		return aboutSchema, fault.StatementFailed
	case "42501": // insufficient_privilege
		return aboutWorld, fault.NoPermission
	case "25006": // read_only_sql_transaction
		return aboutWorld, fault.TargetReadOnly
	case "3D000": // invalid_catalog_name
		return aboutWorld, fault.NoDatabase
	}
	switch state[:2] {
	case "22": // data exception
		return aboutRecord, fault.ValueRefused
	case "23": // integrity constraint violation
		return aboutRecord, fault.ConstraintBroke
	case "54": // program limit exceeded: too long for an index, too many columns
		return aboutRecord, fault.ValueRefused
	case "42", "0A", "26", "34": // refused as written
		return aboutWorld, fault.StatementFailed
	case "28": // invalid authorization
		return aboutWorld, fault.NoPermission
	default: // 08 connection, 25 state, 40 rollback, 53 resources, 55 locks, 57 intervention, 58 system
		return aboutWorld, fault.TargetDown
	}
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
