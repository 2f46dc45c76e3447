package debezium

import (
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A work is one event on its way to a change, and the room needed for that,
// which is used again for the next event.
type work struct {
	scanner
	slab *Slab
	d    *Decoder
	ev   *cdc.Event

	envelope
	row

	again     bool     // the definition has just been asked for
	steps     int      // that reading Avro may still take
	seen      []uint32 // by column, the round in which it was seen
	round     uint32
	offsets   []int32     // of elements and fields: a stack
	learned   []planField // the order of columns in this event
	lastPlan  *plan
	lastWire  *wire
	names     []byte // of keyspace and table, where they had to be unescaped
	unescaped []byte
	unscaled  []byte // of a decimal
	sorted    []byte // a set or map
	reach     reach  // of the value at hand
	low, high []byte // values that are compared
}

// An envelope is what an event says of itself.
type envelope struct {
	op             byte // i, u, d or r; 0 while unknown
	snapshot       bool
	version        []byte // of the connector
	keyspace, name []byte // of the table
	micros, millis int64  // the write time, noTime where it is not given
	table          *cdc.Table
	wire           *wire // the schema that came with it, nil if none did
}

// A row is what an event says of its row.
type row struct {
	plan    *plan
	column  int    // the column at hand, -1 if none is
	missing string // what the table lacks
	silent  bool   // nothing is said of it
	keys    []cdc.Value
	states  []cellState // of the key columns
	cells   []cdc.Cell  // with what deletion_ts says for a class
	deleted int64       // the greatest deletion_ts
	bounds  [2]bound    // start and end
}

// A cellState says what an event says of a column.
type cellState uint8

const (
	cellAbsent  cellState = iota // nothing
	cellNull                     // that it is null
	cellDeleted                  // that it is null, and since when
	cellValue                    // its value
)

// noTime is a deletion_ts or write time that is not given.
const noTime = cdc.NoTime

// start makes w ready for ev.
func (w *work) start(d *Decoder, s *Slab, ev *cdc.Event) {
	w.d, w.slab, w.ev = d, s, ev
	w.names = w.names[:0]
	w.input.reset(ev.Value, d.cfg.MaxDepth)
	w.envelope = envelope{micros: noTime, millis: noTime}
	w.row = row{column: -1, states: w.states}
	w.offsets, w.reach = w.offsets[:0], ofColumn
	w.steps = 1<<16 + 16*len(ev.Value) // far more than a sound event takes
}

// openRow makes w ready for the columns of its table.
func (w *work) openRow() bool {
	t := w.table
	if w.plan = w.lastPlan; w.plan == nil || w.plan.table != t {
		w.plan = w.d.plans.get(t)
		w.lastPlan = w.plan
	}
	if w.plan.counter {
		return w.fail(fault.UnsupportedType, "counter tables cannot be replicated")
	}
	w.keys = w.slab.takeValues(t.Key)
	w.states = append(w.states[:0], make([]cellState, t.Key)...)
	w.cells = w.slab.openCells(len(t.Columns) - t.Key)
	w.deleted = noTime
	w.bounds = [2]bound{}
	if w.round++; len(w.seen) < len(t.Columns) || w.round == 0 {
		w.seen, w.round = make([]uint32, len(t.Columns)), 1
	}
	return true
}

// onceColumn notes that the event has a column. It may not have it twice.
func (w *work) onceColumn(c int) bool {
	w.column = c
	if w.seen[c] == w.round {
		return w.fail(fault.DuplicateField, "given twice")
	}
	w.seen[c] = w.round
	return true
}

// put keeps what the event says of the column at hand.
func (w *work) put(c cell) bool {
	if c.state == cellNull && c.deletion != noTime {
		c.state = cellDeleted
		w.deleted = max(w.deleted, c.deletion)
	}
	switch {
	case c.state == cellAbsent:
	case w.column < w.table.Key:
		w.keys[w.column], w.states[w.column] = c.value, c.state
	case w.op == 'i' || w.op == 'u':
		t := w.table.Columns[w.column].Type
		if t.Multicell() {
			if w.d.cfg.Collections == Refuse && !w.snapshot {
				return w.fail(fault.ColumnNotExact, "change events do not say what happened to a %s", t)
			}
			if emptyCollection(t, c.value) {
				c.value = nil
			}
		}
		w.cells = append(w.cells, cdc.Cell{Column: int32(w.column), Stamp: cdc.Stamp{Class: c.deletion}, Value: c.value})
	}
	w.column = -1
	return true
}

// emptyCollection reports whether v is a collection without elements, which
// Cassandra does not tell from null where it is not frozen.
func emptyCollection(t *cdc.Type, v cdc.Value) bool {
	return t.Kind.Collection() && len(v) == 4 // its count, which is zero then
}

// unknownColumn handles a column or field that the table lacks. One of which nothing is
// said is ignored, and the policy may be to ignore all, but not before the table's
// definition was asked for once: that a column is new must be told soon.
func (w *work) unknownColumn(name string, silent bool) bool {
	if (silent || w.d.cfg.UnknownColumns == Ignore) && (w.again || !w.d.misses.due(miss{w.table.Keyspace, w.table.Name, name})) {
		return true
	}
	w.missing, w.silent = name, silent
	return w.fail(fault.UnknownColumn, "%.64q is not a column of the definition in use", name)
}

// columnName returns the name of the column at hand.
func (w *work) columnName() string { return w.table.Columns[w.column].Name }

// failed returns w's failure.
func (w *work) failed() *fault.Fault {
	where := ""
	switch {
	case w.table != nil && w.column >= 0:
		where = "column " + cdc.QuoteIdent(w.columnName()) + " of " + w.table.String() + ": "
	case w.table != nil:
		where = w.table.String() + ": "
	}
	if w.at < 0 {
		return fault.New(w.code, "%s%s", where, w.what)
	}
	return fault.New(w.code, "%s%s at byte %d", where, w.what, w.at)
}
