package letterapi

import (
	"slices"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/dlq"
	"cdcpipe/pipeline/fault"
)

// kinds are the outlets whose letters can be worked on.
var kinds = []struct {
	path, name, tag string
	outlet          pipeline.Outlet
}{
	{"/v1/validation-errors", "validation-errors", "invalid records", pipeline.Invalid},
	{"/v1/dead-letters", "dead-letters", "dead letters", pipeline.DeadLetter},
}

// A Selection says which letters a change is about.
type Selection struct {
	IDs   []int64   `json:"ids,omitempty" maxItems:"1000" doc:"Numbers of letters"`
	Table string    `json:"table,omitempty" doc:"keyspace.table, or a keyspace"`
	Code  string    `json:"code,omitempty" doc:"Code of the first failure, or the beginning of one"`
	Since time.Time `json:"since,omitempty" doc:"Received then or later"`
	Until time.Time `json:"until,omitempty" doc:"Received before"`
	Key   string    `json:"key,omitempty" doc:"Text that the record's key contains"`
	State string    `json:"state,omitempty" enum:"open,resubmitted,archived,discarded,all" doc:"open if not given, any if numbers are"`
	All   bool      `json:"all,omitempty" doc:"All letters of the state; without it something must say which"`
}

// missing returns how many of the ids are not among n letters.
func (s *Selection) missing(n int64) int {
	ids := slices.Clone(s.IDs)
	slices.Sort(ids)
	return max(0, len(slices.Compact(ids))-int(n))
}

// filter returns the letters of an outlet that s names; those of the state usual if it
// names none, and neither numbers.
func (s *Selection) filter(o pipeline.Outlet, usual dlq.State) (dlq.Filter, error) {
	f := dlq.Filter{Outlet: o, IDs: s.IDs, Table: s.Table, Code: fault.Code(s.Code), Since: s.Since, Until: s.Until, Key: s.Key, State: dlq.State(s.State)}
	switch {
	case f.State == "all":
		f.State = ""
	case f.State == "" && f.IDs == nil:
		f.State = usual
	}
	if !s.All && f.IDs == nil && f.Table == "" && f.Code == "" && f.Key == "" && f.Since.IsZero() && f.Until.IsZero() {
		return f, fault.New(fault.ConfigUsage, "say which letters, by ids or by a filter, or all: true")
	}
	return f, f.Validate()
}
