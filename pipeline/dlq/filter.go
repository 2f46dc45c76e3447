package dlq

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
)

// A Filter says which letters of an outlet. Zero fields let all through.
type Filter struct {
	Outlet   pipeline.Outlet // defaults to [pipeline.DeadLetter]
	IDs      []int64
	Pipeline string
	Table    string     // keyspace.table, or a keyspace alone
	Code     fault.Code // or the beginning of one: CDC-2 for all rules
	Since    time.Time  // received then or later
	Until    time.Time  // received before
	Key      string     // text that the record's key contains
	State    State

	// After is the id after which the page begins, and Limit how many letters it has
	// at most; 0 for as many as there are, but for [Store.Page].
	After int64
	Limit int
}

// Validate reports what is wrong with f.
func (f Filter) Validate() error {
	switch {
	case f.State != "" && !slices.Contains(States(), f.State):
		return fault.New(fault.ConfigUsage, "state: %q is none of open, resubmitted, archived, discarded, or all", string(f.State))
	case !isCode(string(f.Code)):
		return fault.New(fault.ConfigUsage, "code: %q is neither a code, such as CDC-2004, nor the beginning of one", string(f.Code))
	case f.After < 0:
		return fault.New(fault.ConfigUsage, "after: must not be negative")
	case f.Limit < 0:
		return fault.New(fault.ConfigUsage, "limit: must not be negative")
	case strings.Count(f.Table, ".") > 1 || strings.HasPrefix(f.Table, "."):
		return fault.New(fault.ConfigUsage, "table: %q is neither keyspace.table nor a keyspace", f.Table)
	case !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until):
		return fault.New(fault.ConfigUsage, "since: is not before until")
	}
	return nil
}

// isCode reports whether s is the beginning of a code.
func isCode(s string) bool {
	const form = "CDC-0000"
	area, nr := s[:min(len(s), 4)], s[min(len(s), 4):]
	return len(s) <= len(form) && strings.HasPrefix(form, area) && strings.Trim(nr, "0123456789") == ""
}

func (f Filter) outlet() pipeline.Outlet {
	if f.Outlet == "" {
		return pipeline.DeadLetter
	}
	return f.Outlet
}

// where returns the condition as SQL, and its arguments. No part of f is SQL.
func (f Filter) where() (sql string, args []any) {
	conditions := []string{"true"}
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	if f.IDs != nil {
		add("l.id = ANY($%d::bigint[])", f.IDs)
	}
	if f.Pipeline != "" {
		add("l.pipeline = $%d", f.Pipeline)
	}
	if keyspace, table, both := strings.Cut(f.Table, "."); keyspace != "" {
		add("l.keyspace_name = $%d", keyspace)
		if both {
			add("l.table_name = $%d", table)
		}
	}
	if f.Code != "" {
		add("starts_with(l.code, $%d)", string(f.Code))
	}
	if !f.Since.IsZero() {
		add("l.received_at >= $%d", f.Since)
	}
	if !f.Until.IsZero() {
		add("l.received_at < $%d", f.Until)
	}
	if f.Key != "" {
		add("position($%d::bytea IN l.key) > 0", []byte(f.Key))
	}
	if f.State != "" {
		add("l.status = $%d", string(f.State))
	}
	if f.After > 0 {
		add("l.id > $%d", f.After)
	}
	return strings.Join(conditions, " AND "), args
}
