package generator

import (
	"cmp"
	"encoding/hex"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"time"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
)

// A reference is every event there was, as it stands on the wire. What shows is
// found by Cassandra's definitions, over all of them and at great length.
type reference struct {
	t      rapid.TB
	table  *table
	events []wire
}

// A wire is one event of a table.
type wire struct {
	op        string
	time      int64
	partition string
	row       []string // JSON of the clustering values; nil if the event is not about a row
	id        string   // of the row
	cells     map[string]wireCell
	from, to  wireBound
}

type wireCell struct {
	Value   json.RawMessage `json:"value"`
	Deleted *int64          `json:"deletion_ts"`
}

type wireBound struct {
	Method string
	Values []struct{ Name, Value string }
}

// add reads an event. It must be of r's table.
func (r *reference) add(e *Event) {
	r.t.Helper()
	var v struct {
		Op     string
		Source struct {
			Us int64 `json:"ts_us"`
		}
		After map[string]json.RawMessage
	}
	if err := json.Unmarshal(e.Value, &v); err != nil {
		r.t.Fatalf("event %d: %v: %s", e.Index, err, e.Value)
	}
	w := wire{op: v.Op, time: v.Source.Us, cells: map[string]wireCell{}}
	def := r.table.def
	for i, c := range def.Columns {
		if string(v.After[c.Name]) == "null" {
			continue
		}
		var cell wireCell
		if err := json.Unmarshal(v.After[c.Name], &cell); err != nil {
			r.t.Fatalf("event %d: column %s: %v", e.Index, c.Name, err)
		}
		switch {
		case i < def.Partition:
			w.partition += string(cell.Value) + "\x00"
		case i < def.Key && string(cell.Value) != "null":
			w.row = append(w.row, string(cell.Value))
		case i >= def.Key && w.op != "d":
			w.cells[c.Name] = cell
		}
	}
	if len(w.row) == 0 && def.Clustered() && w.op == "d" {
		w.op = "partition"
	}
	if w.op == "r" {
		for name, b := range map[string]*wireBound{"_range_start": &w.from, "_range_end": &w.to} {
			if err := json.Unmarshal(v.After[name], b); err != nil {
				r.t.Fatalf("event %d: %s: %v", e.Index, name, err)
			}
		}
	}
	w.id = w.partition + strings.Join(w.row, "\x00")
	r.events = append(r.events, w)
}

// rows returns what shows at a second, by key.
func (r *reference) rows(second int64) map[string]Row {
	out, done := map[string]Row{}, map[string]bool{}
	for _, w := range r.events {
		if (w.op == "i" || w.op == "u") && !done[w.id] {
			done[w.id] = true
			if row := r.show(w, second); row != nil {
				out[row.Key(r.table.def)] = row
			}
		}
	}
	return out
}

// show returns the row that w is about, or nil if it does not show.
func (r *reference) show(w wire, second int64) Row {
	var deletions []int64
	var writes []wire
	for _, o := range r.events {
		if o.partition != w.partition {
			continue
		}
		switch {
		case o.op == "partition", o.op == "d" && o.id == w.id, o.op == "r" && r.covers(o, w.row):
			deletions = append(deletions, o.time)
		case (o.op == "i" || o.op == "u") && o.id == w.id:
			writes = append(writes, o)
		}
	}
	shows := false
	alive := func(time, expiry int64) bool {
		for _, d := range deletions {
			if time <= d {
				return false
			}
		}
		return expiry == 0 || second < expiry
	}
	row := Row{}
	for i, c := range r.table.def.Columns[r.table.def.Key:] {
		pool := r.table.regular[i].pool
		for _, a := range writes {
			cell, ok := a.cells[c.Name]
			if !ok || string(cell.Value) == "null" || !alive(a.time, expiry(cell)) {
				continue
			}
			best := true
			for _, b := range writes {
				if other, ok := b.cells[c.Name]; ok && r.beats(b, other, a, cell, pool) {
					best = false
				}
			}
			if best {
				shows = true
				row[c.Name] = r.literal(pool, string(cell.Value)).text
			}
		}
	}
	for _, a := range writes {
		best := a.op == "i" && alive(a.time, markerExpiry(a))
		for _, b := range writes {
			if b.op == "i" && (b.time > a.time || b.time == a.time && markerExpiry(b) > markerExpiry(a)) {
				best = false
			}
		}
		shows = shows || best
	}
	if !shows {
		return nil
	}
	for i, s := range strings.Split(strings.TrimSuffix(w.partition, "\x00"), "\x00") {
		c := r.table.def.Columns[i]
		row[c.Name] = partitionText(c.Type.Kind, s)
	}
	for i, s := range w.row {
		row[r.table.def.Columns[r.table.def.Partition+i].Name] = r.literal(r.table.clustering[i].pool, s).text
	}
	return row
}

// beats reports whether cell b, written by event x, supersedes cell a, written by y.
func (r *reference) beats(x wire, b wireCell, y wire, a wireCell, pool []literal) bool {
	if x.time != y.time {
		return x.time > y.time
	}
	if bNull, aNull := string(b.Value) == "null", string(a.Value) == "null"; bNull || aNull {
		return bNull && !aNull
	}
	if e, f := expiry(b), expiry(a); e != f {
		return e > f
	}
	return r.literal(pool, string(b.Value)).raw > r.literal(pool, string(a.Value)).raw
}

func (r *reference) literal(pool []literal, js string) literal {
	for _, l := range pool {
		if l.json == js {
			return l
		}
	}
	r.t.Fatalf("%s: no value is written %s", r.table.def, js)
	return literal{}
}

func expiry(c wireCell) int64 {
	if c.Deleted == nil {
		return 0
	}
	return *c.Deleted / 1_000_000
}

// markerExpiry is when the marker of an insert ends: with its cells, since one
// statement has one TTL.
func markerExpiry(w wire) int64 {
	for c := range maps.Values(w.cells) {
		if e := expiry(c); e != 0 {
			return e
		}
	}
	return 0
}

// partitionText is what PostgreSQL makes of a partition key value.
func partitionText(k cdc.Kind, js string) string {
	if k == cdc.Date {
		n, _ := strconv.Atoi(js)
		return time.Unix(0, 0).UTC().AddDate(0, 0, n).Format(time.DateOnly)
	}
	var s string
	if json.Unmarshal([]byte(js), &s) != nil {
		return js
	}
	return s
}

// covers reports whether range deletion w covers a row.
func (r *reference) covers(w wire, row []string) bool {
	start, end := r.compare(row, w.from), r.compare(row, w.to)
	return (start > 0 || start == 0 && w.from.Method == "INCL_START_BOUND") &&
		(end < 0 || end == 0 && w.to.Method == "INCL_END_BOUND")
}

// compare compares the values of a row with those of a bound, as far as it has any.
func (r *reference) compare(row []string, b wireBound) int {
	for i, c := range r.table.def.Columns[r.table.def.Partition:r.table.def.Key] {
		for _, v := range b.Values {
			if v.Name != cdc.QuoteIdent(c.Name) {
				continue
			}
			n := compareAs(c.Type.Kind, row[i], v.Value)
			if c.Desc {
				n = -n
			}
			if n != 0 {
				return n
			}
		}
	}
	return 0
}

// compareAs compares the JSON of a value with the text of a bound, in the order of
// their type.
func compareAs(k cdc.Kind, js, text string) int {
	var s string
	_ = json.Unmarshal([]byte(js), &s)
	switch k {
	case cdc.Int:
		a, _ := strconv.Atoi(js)
		b, _ := strconv.Atoi(text)
		return cmp.Compare(a, b)
	case cdc.Timestamp:
		a, _ := strconv.ParseInt(js, 10, 64)
		b, _ := time.Parse(time.RFC3339, text)
		return cmp.Compare(a, b.UnixMilli())
	case cdc.Timeuuid:
		return cmp.Or(cmp.Compare(uuidTime(s), uuidTime(text)), compareSigned(s, text))
	case cdc.UUID:
		if n := cmp.Compare(s[14], text[14]); n != 0 || s[14] != '1' {
			return cmp.Or(n, cmp.Compare(s, text))
		}
		return cmp.Or(cmp.Compare(uuidTime(s), uuidTime(text)), cmp.Compare(s[19:], text[19:]))
	default:
		return cmp.Compare(s, text)
	}
}

// uuidTime is the timestamp of a version 1 UUID, as digits.
func uuidTime(s string) string { return s[15:18] + s[9:13] + s[:8] }

func compareSigned(a, b string) int {
	x, _ := hex.DecodeString(strings.ReplaceAll(a[19:], "-", ""))
	y, _ := hex.DecodeString(strings.ReplaceAll(b[19:], "-", ""))
	for i := range x {
		if x[i] != y[i] {
			return cmp.Compare(int8(x[i]), int8(y[i]))
		}
	}
	return 0
}
