package dlq

import (
	"context"
	"errors"
	"slices"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
	"cdcpipe/sinks/postgres"
)

// An Unpack stage makes letters of the records of a topic that an outlet writes to. A
// record that is no letter becomes one: a dead letter that says so.
type Unpack struct {
	// Own are the pipeline's outlets besides those that every pipeline has. A letter of
	// any other is no letter: each outlet has a table.
	Own []pipeline.Outlet
}

// Process reads headers.
func (u Unpack) Process(_ context.Context, in []pipeline.Record[*cdc.Event], out *pipeline.Outbox[letter.Letter]) error {
	for i, r := range in {
		l, truncated, err := letter.Parse(r.Value)
		if err == nil && !u.knows(l.Outlet) {
			err = errors.New("it is of an outlet that the pipeline does not have")
		}
		if err != nil {
			l = foreign(r.Value, err)
		}
		if truncated {
			l.Event.Headers = append(l.Event.Headers, cdc.EventHeader{Key: headerTruncated, Value: []byte("true")})
		}
		out.Emit(i, l)
	}
	return nil
}

func (u Unpack) knows(o pipeline.Outlet) bool {
	return o == pipeline.DeadLetter || o == pipeline.Invalid || o == pipeline.Stale || slices.Contains(u.Own, o)
}

// Outlets returns none.
func (Unpack) Outlets() []pipeline.Outlet { return nil }

// foreign is the letter of a record that is none.
func foreign(e *cdc.Event, err error) letter.Letter {
	at := e.Time
	if at.IsZero() {
		at = time.Unix(0, 0)
	}
	what := fault.Describe(fault.Unknown)
	detail := "a record that is no letter stands in the letters' topic: " + err.Error()
	return letter.Letter{
		Outlet: pipeline.DeadLetter, Step: "dlq", Code: fault.Unknown, Title: what.Title, Detail: detail, Fix: what.Fix,
		Failures: []letter.Failure{{Code: fault.Unknown, Detail: detail}}, Attempts: 1, First: at, Last: at, Event: e,
	}
}

// Keep is the sink of letters that come from a topic: it keeps them in PostgreSQL, each
// once, however often it comes.
type Keep struct{ Letters *postgres.Letters }

// Write returns once the letters are durable.
func (k Keep) Write(ctx context.Context, recs []pipeline.Record[letter.Letter]) error {
	ls := make([]letter.Letter, len(recs))
	for i, r := range recs {
		ls[i] = r.Value
	}
	return k.Letters.Keep(ctx, ls)
}

// Outlets returns none.
func (Keep) Outlets() []pipeline.Outlet { return nil }

// Open connects.
func (k Keep) Open(ctx context.Context) error { return k.Letters.Open(ctx) }

// Close ends the connections.
func (k Keep) Close(ctx context.Context) error { return k.Letters.Close(ctx) }
