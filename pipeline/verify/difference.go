package verify

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// What of a row can differ.
const (
	Missing    = "missing row" // Cassandra has it, the replica has not
	Extra      = "extra row"   // the other way round
	InValue    = "value"
	InTime     = "write time"
	InExpiry   = "expiry"
	Incoherent = "stored form" // shown and serialised value contradict one another
)

// A Difference is one thing that Cassandra and the replica do not agree on.
type Difference struct {
	Table     string `json:"table"` // Cassandra's name
	Key       string `json:"key"`
	Column    string `json:"column,omitempty"` // of the replica; none of a whole row
	What      string `json:"what"`
	Cassandra string `json:"cassandra"`
	Replica   string `json:"replica"`
	Repaired  bool   `json:"repaired"`
}

// differences returns what a view shows that is not the same.
func (c *check) differences(v *view) (ds []Difference) {
	key := c.key(v)
	add := func(column int32, what, want, got string) {
		d := Difference{Table: c.from.String(), Key: key, What: what, Cassandra: want, Replica: got}
		if column >= 0 {
			d.Column = cdc.QuoteIdent(c.to.Columns[column].Name)
		}
		ds = append(ds, d)
	}
	for _, i := range v.held.Broken {
		add(i, Incoherent, "", "contradicts its serialised form")
	}
	var want []cdc.Cell
	if v.want != nil {
		want = v.want.cells
	}
	ending := func(class int64) bool { return class != cdc.Live && class <= v.now+c.cfg.Tolerance }
	ends := func(cells []cdc.Cell) bool {
		return !slices.ContainsFunc(cells, func(x cdc.Cell) bool { return !ending(x.Class) })
	}
	switch {
	case v.want == nil && !v.held.Exists:
		return ds
	case v.want == nil && !v.held.Static:
		if m := v.held.Marker; m.Written() && !ending(m.Class) || !ends(v.held.Cells) {
			add(-1, Extra, "", c.text(v.held.Cells))
		}
		return ds
	case !v.held.Exists && !v.want.static:
		if len(want) == 0 || !ends(want) {
			add(-1, Missing, c.text(want), "")
		}
		return ds
	}
	got := v.held.Cells
	for len(want) > 0 || len(got) > 0 {
		switch {
		case len(got) == 0 || len(want) > 0 && want[0].Column < got[0].Column:
			if x := &want[0]; !ending(x.Class) {
				add(x.Column, InValue, c.value(x), "")
			}
			want = want[1:]
		case len(want) == 0 || got[0].Column < want[0].Column:
			if x := &got[0]; !ending(x.Class) {
				add(x.Column, InValue, "", c.value(x))
			}
			got = got[1:]
		default:
			c.cell(&want[0], &got[0], add)
			want, got = want[1:], got[1:]
		}
	}
	return ds
}

// cell compares two visible cells of a column.
func (c *check) cell(want, got *cdc.Cell, add func(column int32, what, want, got string)) {
	if !same(c.to.Columns[want.Column].Type, want.Value, got.Value) {
		add(want.Column, InValue, c.value(want), c.value(got))
	}
	// A cell of claims that was repaired has Cassandra's time as its origin, until it
	// is written again.
	w := written(c.to, want)
	if w != 0 && w != written(c.to, got) && (c.to.Facts || w != got.Time) {
		add(want.Column, InTime, decimal(w), decimal(written(c.to, got)))
	}
	if d := want.Class - got.Class; (want.Class == cdc.Live) != (got.Class == cdc.Live) || d > c.cfg.Tolerance || d < -c.cfg.Tolerance {
		add(want.Column, InExpiry, expiry(want.Class), expiry(got.Class))
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

func expiry(class int64) string {
	if class == cdc.Live {
		return "never"
	}
	return decimal(class)
}

// maxText bounds what is quoted of a value.
const maxText = 200

func (c *check) value(x *cdc.Cell) string {
	return short(string(c.to.Columns[x.Column].Type.AppendText(nil, x.Value)))
}

func short(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && s[n]&0xc0 == 0x80 { // not within a character
		n--
	}
	return fmt.Sprintf("%s... (%d bytes)", s[:n], len(s))
}

func (c *check) text(cells []cdc.Cell) string {
	var parts []string
	for i := range cells {
		parts = append(parts, cdc.QuoteIdent(c.to.Columns[cells[i].Column].Name)+" = "+c.value(&cells[i]))
	}
	if len(parts) == 0 {
		return "a row without values"
	}
	return short(strings.Join(parts, ", "))
}

// key writes the key as a CQL condition.
func (c *check) key(v *view) string {
	key := v.held.Key
	if v.want != nil {
		key = v.want.read.Key
	}
	var parts []string
	for i, k := range key {
		if v.held.Static && i == c.from.Partition {
			break
		}
		parts = append(parts, fmt.Sprintf("%s = %s", cdc.QuoteIdent(c.from.Columns[i].Name), short(string(c.from.Columns[i].Type.AppendText(nil, k)))))
	}
	if !v.held.Static && len(key) < c.from.Key {
		parts = append(parts, fmt.Sprintf("clustering %x", v.held.Clustering))
	}
	return strings.Join(parts, " AND ")
}
