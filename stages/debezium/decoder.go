package debezium

import (
	"context"
	"fmt"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A Decoder decodes change events. It may be used by several goroutines at
// once, each with a [Slab] of its own.
type Decoder struct {
	cfg      Config
	catalog  *cdc.Catalog
	plans    plans
	wires    wires
	schemas  schemas
	inferred inferred
	misses   misses
	loading  chan struct{} // holds a token while a definition is asked for
}

// New returns a decoder, or an error that says what is wrong with cfg.
func New(cfg Config) (*Decoder, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("decoder of Debezium events: %w", err)
	}
	d := &Decoder{cfg: cfg, catalog: cfg.Catalog, loading: make(chan struct{}, 1)}
	d.schemas.loading = make(chan struct{}, 1)
	return d, nil
}

// An UnavailableError is about the source of table definitions or the schema
// registry: it did not answer. The event was not judged, and can be decoded
// once it does.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

// Decode returns what ev says, in memory of s, or nil for a Kafka tombstone,
// which says nothing. The change refers to ev and shares its bytes.
//
// An error is a [*fault.Fault] about the event, whose message names positions and
// columns but holds no value; or an [*UnavailableError]; or that of ctx.
func (d *Decoder) Decode(ctx context.Context, ev *cdc.Event, s *Slab) (*cdc.Change, error) {
	if ev.Value == nil {
		return nil, nil
	}
	if n := max(len(ev.Value), len(ev.Key)); n > d.cfg.MaxBytes {
		return nil, fault.New(fault.EventTooLarge, "event with %d bytes in its key or value, more than %d", n, d.cfg.MaxBytes)
	}
	w := &s.work
	for attempt := 0; ; attempt++ {
		w.start(d, s, ev)
		w.again = attempt > 0
		c, err := w.decode(ctx)
		if err == nil {
			return c, nil
		}
		f, ok := err.(*fault.Fault) //nolint:errorlint // decode returns it as it is
		if !ok || attempt > 0 || !definitionAtFault(f.Code) {
			return nil, err
		}
		if again, err := d.redefine(ctx, w); err != nil {
			return nil, err
		} else if !again {
			return nil, f
		}
	}
}

// decode makes one attempt.
func (w *work) decode(ctx context.Context) (*cdc.Change, error) {
	var ok bool
	switch {
	case len(w.b) > 0 && w.b[0] == 0:
		var err error
		if ok, err = w.avro(ctx); err != nil {
			return nil, err
		}
	case w.peek() != 0:
		ok = w.json()
	default:
		ok = w.fail(fault.MalformedJSON, "empty message")
	}
	if ok {
		if c, ok := w.change(); ok {
			return c, nil
		}
	}
	return nil, w.failed()
}

// definitionAtFault reports whether a fault can be due to a definition that is
// missing or out of date.
func definitionAtFault(c fault.Code) bool {
	switch c {
	case fault.UnknownTable, fault.UnknownColumn, fault.WrongType, fault.OutOfRange, fault.MissingKey, fault.BadRange, fault.KeyNotSplit:
		return true
	}
	return false
}

// redefine looks for a better definition of w's table than the one with which
// decoding failed, and reports whether to decode again.
func (d *Decoder) redefine(ctx context.Context, w *work) (again bool, err error) {
	select {
	case d.loading <- struct{}{}:
		defer func() { <-d.loading }()
	case <-ctx.Done():
		return false, ctx.Err()
	}
	keyspace, name := string(w.keyspace), string(w.name)
	if t := d.catalog.Lookup(keyspace, name); t != w.table {
		return true, nil // it was found meanwhile
	}
	m := miss{keyspace, name, w.missing}
	if m.what == "" && w.column >= 0 {
		m.what = w.columnName()
	}
	again = w.missing != "" && (w.silent || d.cfg.UnknownColumns == Ignore)
	if d.misses.due(m) {
		t, err := d.catalog.Refresh(ctx, keyspace, name, w.table)
		if err != nil && !w.silent {
			return false, &UnavailableError{err}
		}
		d.misses.add(m)
		if err == nil && t != w.table {
			return true, nil
		}
	}
	if w.wire == nil || w.table != nil && !d.inferred.has(w.table) {
		return again, nil
	}
	t, err := w.infer(ctx)
	if err != nil || t == w.table {
		return again, err
	}
	d.inferred.add(t)
	d.catalog.Put(t)
	return true, nil
}
