// Package letter turns a record that left a pipeline by an outlet into what is
// kept of it: its original bytes untouched, where it stood, and why it left.
package letter

import (
	"errors"
	"strings"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Letter is a record that left by an outlet.
type Letter struct {
	Outlet   pipeline.Outlet
	Step     string // that rejected it
	Code     fault.Code
	Title    string // of the code
	Detail   string // what was wrong, with names and positions
	Fix      string // what to do
	Failures []Failure
	Attempts int
	First    time.Time // of the failures
	Last     time.Time

	// Keyspace and Table name the table, as decoded or else as the topic says; both
	// are empty if neither tells.
	Keyspace, Table string

	// Trace is the id of the trace that the record's header traceparent names (W3C
	// Trace Context), in hexadecimal, or else of the one that the pipeline follows the
	// record's batch by ([pipeline.Header.Trace]); empty if there is neither.
	Trace string

	// Late says how late a stale record is, nil for any other.
	Late *Late

	// Event is the record as it was read. It is never nil; of a record that is
	// not an event only the position is known.
	Event *cdc.Event

	// Change is the record as the step received it, nil if it was not decoded.
	Change *cdc.Change
}

// Of returns the letter of a reject.
func Of(r pipeline.Record[pipeline.Reject]) Letter {
	v := &r.Value
	code := fault.CodeOf(v.Cause)
	what := fault.Describe(code)
	l := Letter{
		Outlet: v.Outlet, Step: v.Step, Code: code, Title: what.Title, Detail: strings.TrimPrefix(v.Cause.Error(), string(code)+" "), Fix: what.Fix,
		Failures: failures(nil, v.Cause), Attempts: v.Attempts, First: v.FirstFailed, Last: v.LastFailed,
	}
	if late, ok := errors.AsType[*Late](v.Cause); ok {
		l.Late = late
	}
	l.Change, _ = v.Value.(*cdc.Change)
	e, ok := v.Origin.(*cdc.Event)
	if !ok {
		e = &cdc.Event{Topic: string(r.Partition), Offset: r.Offset, Time: r.Time}
	}
	l.Event, l.Trace = e, trace(e)
	if t := r.Trace(); l.Trace == "" && t != nil {
		l.Trace = t.ID()
	}
	l.Keyspace, l.Table = TableOf(v)
	return l
}

// TableName returns keyspace.table, or nothing if neither is known.
func (l *Letter) TableName() string {
	if l.Table == "" {
		return ""
	}
	return l.Keyspace + "." + l.Table
}

// TableOf names the table that a reject is about: the one that the step was given a
// change of, or else the one that the event's topic, <prefix>.<keyspace>.<table>,
// names. Both are empty if there is neither.
func TableOf(r *pipeline.Reject) (keyspace, table string) {
	if c, ok := r.Value.(*cdc.Change); ok && c.Table != nil {
		return c.Table.Keyspace, c.Table.Name
	}
	e, ok := r.Origin.(*cdc.Event)
	if !ok {
		return "", ""
	}
	at := strings.LastIndexByte(e.Topic, '.')
	if at < 0 {
		return "", ""
	}
	prefix, table := e.Topic[:at], e.Topic[at+1:]
	if at = strings.LastIndexByte(prefix, '.'); at < 0 {
		return "", ""
	}
	return prefix[at+1:], table
}

// trace returns the trace id of an event's header traceparent, which is
// version-traceid-parentid-flags in lower-case hexadecimal.
func trace(e *cdc.Event) string {
	for _, h := range e.Headers {
		if h.Key != "traceparent" || len(h.Value) < 55 || h.Value[2] != '-' || h.Value[35] != '-' {
			continue
		}
		if id := string(h.Value[3:35]); strings.Trim(id, "0123456789abcdef") == "" && strings.Trim(id, "0") != "" {
			return id
		}
	}
	return ""
}
