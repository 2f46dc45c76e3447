// Package letter turns a record that left a pipeline by an outlet into what is
// kept of it: its original bytes untouched, where it stood, and why it left.
package letter

import (
	"strconv"
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
	Attempts int
	First    time.Time // of the failures
	Last     time.Time

	// Event is the record as it was read. It is never nil; of a record that is
	// not an event only the position is known.
	Event *cdc.Event
}

// Of returns the letter of a reject.
func Of(r pipeline.Record[pipeline.Reject]) Letter {
	v := &r.Value
	code := fault.CodeOf(v.Cause)
	what := fault.Describe(code)
	l := Letter{
		Outlet: v.Outlet, Step: v.Step, Code: code, Title: what.Title, Detail: strings.TrimPrefix(v.Cause.Error(), string(code)+" "), Fix: what.Fix,
		Attempts: v.Attempts, First: v.FirstFailed, Last: v.LastFailed,
	}
	e, ok := v.Origin.(*cdc.Event)
	if !ok {
		e = &cdc.Event{Topic: string(r.Partition), Offset: r.Offset, Time: r.Time}
	}
	l.Event = e
	return l
}

// Headers returns l as headers for the copy of its record: those of Kafka
// Connect's dead letters under its names (KIP-298, DeadLetterQueueReporter), so
// that tools which know them work, and cdcpipe's own. The record's own headers
// come first, unchanged.
func (l *Letter) Headers() []cdc.EventHeader {
	hs := append([]cdc.EventHeader(nil), l.Event.Headers...)
	add := func(key, value string) { hs = append(hs, cdc.EventHeader{Key: key, Value: []byte(value)}) }
	add("__connect.errors.topic", l.Event.Topic)
	add("__connect.errors.partition", strconv.Itoa(int(l.Event.Partition)))
	add("__connect.errors.offset", strconv.FormatInt(l.Event.Offset, 10))
	add("__connect.errors.connector.name", "cdcpipe")
	add("__connect.errors.stage", l.Step)
	add("__connect.errors.exception.class.name", string(l.Code))
	add("__connect.errors.exception.message", l.Detail)
	add("cdcpipe.error.code", string(l.Code))
	add("cdcpipe.error.title", l.Title)
	add("cdcpipe.error.fix", l.Fix)
	add("cdcpipe.outlet", string(l.Outlet))
	add("cdcpipe.attempts", strconv.Itoa(l.Attempts))
	add("cdcpipe.first_failed_at", l.First.UTC().Format(time.RFC3339Nano))
	add("cdcpipe.last_failed_at", l.Last.UTC().Format(time.RFC3339Nano))
	return hs
}
