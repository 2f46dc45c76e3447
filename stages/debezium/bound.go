package debezium

import (
	"bytes"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// A bound is the start or the end of a range of clustering.
type bound struct {
	given  bool
	method bool
	beyond bool        // the bound lies behind the rows with its prefix, and not before them
	values []cdc.Value // of the clustering columns, nil where none is given
}

var boundNames = [...]string{"_range_start", "_range_end"}

// bound reads a bound from JSON.
func (w *work) bound(k int) bool {
	if w.peek() == 'n' {
		return w.lit("null") || w.expected("a value")
	}
	if !w.openBound(k) || !w.openObject(boundNames[k]) {
		return false
	}
	var seen uint32
	for first := true; ; first = false {
		name, more, ok := w.field(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		switch string(name) {
		case "method":
			var method []byte
			ok = w.once(&seen, fieldMethod, "method") && w.textOrNull(&method) && w.boundMethod(k, method)
		case "values":
			ok = w.once(&seen, fieldValues, "values") && w.boundValues(k)
		default:
			ok = w.skip()
		}
		if !ok {
			return false
		}
	}
	w.leave()
	return true
}

func (w *work) boundValues(k int) bool {
	if w.peek() != '[' {
		return w.fail(fault.BadRange, "the values of %s are not an array", boundNames[k])
	}
	w.i++
	if !w.enter() {
		return false
	}
	for first := true; ; first = false {
		more, ok := w.element(first)
		if !ok {
			return false
		}
		if !more {
			w.leave()
			return true
		}
		if !w.jsonBoundValue(k) {
			return false
		}
	}
}

func (w *work) jsonBoundValue(k int) bool {
	if !w.openObject("a value of a range bound") {
		return false
	}
	var seen uint32
	var column, value, class []byte
	for first := true; ; first = false {
		name, more, ok := w.field(first)
		if !ok {
			return false
		}
		if !more {
			break
		}
		switch string(name) {
		case "name":
			ok = w.once(&seen, fieldName, "name") && w.textOrNull(&column)
		case "value":
			ok = w.once(&seen, fieldValue, "value") && w.textOrNull(&value)
		case "type":
			ok = w.once(&seen, fieldType, "type") && w.textOrNull(&class)
		default:
			ok = w.skip()
		}
		if !ok {
			return false
		}
	}
	w.leave()
	return w.boundValue(k, column, value, class)
}

// openBound begins a bound.
func (w *work) openBound(k int) bool {
	b := &w.bounds[k]
	switch {
	case b.given:
		return w.fail(fault.DuplicateField, "field %s given twice", boundNames[k])
	case w.d.inferred.has(w.table):
		return w.fail(fault.KeyNotSplit, "deletion of a range")
	}
	*b = bound{given: true, values: w.slab.takeValues(w.table.Key - w.table.Partition)}
	return true
}

// boundMethod sets which bound it is (db/ClusteringPrefix.Kind).
func (w *work) boundMethod(k int, method []byte) bool {
	b := &w.bounds[k]
	b.method = true
	switch m := string(method); {
	case k == 0 && m == "INCL_START_BOUND", k == 1 && m == "EXCL_END_BOUND":
		b.beyond = false
	case k == 0 && m == "EXCL_START_BOUND", k == 1 && m == "INCL_END_BOUND":
		b.beyond = true
	default:
		return w.fail(fault.BadRange, "method %.40q in %s", method, boundNames[k])
	}
	return true
}

// boundValue sets one value of a bound. The name is quoted as CQL quotes it, and
// the class is that of the column's type in Cassandra.
func (w *work) boundValue(k int, name, value, class []byte) bool {
	if len(name) > 1 && name[0] == '"' {
		name = bytes.ReplaceAll(name[1:len(name)-1], []byte(`""`), []byte(`"`))
	}
	c, ok := w.table.ColumnBytes(name)
	if !ok || c < w.table.Partition || c >= w.table.Key {
		return w.fail(fault.BadRange, "%s names %.64q, which is no clustering column", boundNames[k], name)
	}
	w.column = c
	col := &w.table.Columns[c]
	if kind, desc, known := marshalClass(class); known && (kind != col.Type.Kind || desc != col.Desc) {
		return w.fail(fault.BadRange, "%s has the column as %.100s", boundNames[k], class)
	}
	i := c - w.table.Partition
	if w.bounds[k].values[i] != nil {
		return w.fail(fault.DuplicateField, "given twice in %s", boundNames[k])
	}
	if value == nil {
		return w.fail(fault.BadRange, "null in %s", boundNames[k])
	}
	b, err := appendBoundText(w.slab.open(), col.Type, value)
	if err != nil {
		return w.fail(fault.BadRange, "%s: %v", boundNames[k], err)
	}
	w.bounds[k].values[i] = w.slab.close(b)
	w.column = -1
	return true
}

// appendBound returns the bound in the form of [cdc.Bounds]; nil is open.
func (w *work) appendBound(k int) ([]byte, bool) {
	b := &w.bounds[k]
	if !b.given || !b.method {
		return nil, w.fail(fault.BadRange, "no %s with a method", boundNames[k])
	}
	n := 0
	for n < len(b.values) && b.values[n] != nil {
		n++
	}
	for i := n; i < len(b.values); i++ {
		if b.values[i] != nil {
			return nil, w.fail(fault.BadRange, "%s skips a clustering column", boundNames[k])
		}
	}
	if n == 0 {
		if b.beyond != (k == 1) {
			return nil, w.fail(fault.BadRange, "%s excludes all rows", boundNames[k])
		}
		return nil, true
	}
	return w.slab.close(w.table.AppendBound(w.slab.open(), b.values[:n], b.beyond)), true
}
