package generator

import (
	"strconv"

	"cdcpipe/pipeline/cdc"
)

// An envelope is what an event says of its own making. The copies of two replicas
// differ in it and in nothing else.
type envelope struct {
	made    int64 // when the agent made it, in milliseconds since 1970
	segment int64 // of the commit log
	pos     int64
}

// appendKey appends the key of the Kafka record. What deletes a partition or a
// range has null for the clustering columns.
func (s *statement) appendKey(b []byte) []byte {
	b = append(b, '{')
	for i := range s.table.partition {
		c := &s.table.partition[i]
		b = append(c.appendJSON(append(b, c.key...), s.partition), ',')
	}
	n := s.table.rows
	for i := range s.table.clustering {
		c := &s.table.clustering[i]
		b = append(b, c.key...)
		if s.ofRow() {
			b = append(b, c.at(s.row, &n).json...)
		} else {
			b = append(b, "null"...)
		}
		b = append(b, ',')
	}
	b[len(b)-1] = '}'
	return b
}

func (s *statement) ofRow() bool { return s.op != cdc.DeletePartition && s.op != cdc.DeleteRange }

// at returns the value that a row has in clustering column c. n counts the rows
// that share the values of the columns before c, and then of c as well.
func (c *column) at(row uint32, n *uint32) *literal {
	rest := row % *n
	*n /= uint32(len(c.pool))
	return &c.pool[rest / *n]
}

// appendValue appends the value of the Kafka record, which is the event.
func (s *statement) appendValue(b []byte, prefix string, e envelope) []byte {
	b = strconv.AppendInt(append(b, `{"ts_ms":`...), e.made, 10)
	b = append(append(append(b, `,"op":"`...), s.letter()), `","source":{"version":"3.4.1.Final","connector":"cassandra","name":`...)
	b = append(b, prefix...)
	b = strconv.AppendInt(append(b, `,"ts_ms":`...), s.time/1000, 10)
	b = strconv.AppendInt(append(b, `,"snapshot":"false","db":"NULL","sequence":null,"ts_us":`...), s.time, 10)
	b = strconv.AppendInt(append(b, `,"ts_ns":`...), s.time*1000, 10)
	b = strconv.AppendInt(append(b, `,"cluster":"generator","file":"CommitLog-7-`...), e.segment, 10)
	b = strconv.AppendInt(append(b, `.log","pos":`...), e.pos, 10)
	b = append(b, s.table.source...)
	for i := range s.table.partition {
		c := &s.table.partition[i]
		b = append(c.appendJSON(append(b, c.value...), s.partition), live...)
	}
	n := s.table.rows
	for i := range s.table.clustering {
		c := &s.table.clustering[i]
		switch s.op {
		case cdc.DeletePartition:
			b = s.appendDeleted(b, c)
		case cdc.DeleteRange:
			b = append(b, c.absent...)
		default:
			b = append(append(append(b, c.value...), c.at(s.row, &n).json...), live...)
		}
	}
	b = s.appendCells(b)
	if s.op != cdc.DeleteRange {
		return append(b, `"_range_start":null,"_range_end":null}}`...)
	}
	b = s.appendBound(append(b, `"_range_start":`...), &s.from, "START")
	b = s.appendBound(append(b, `,"_range_end":`...), &s.to, "END")
	return append(b, `}}`...)
}

func (s *statement) letter() byte {
	switch s.op {
	case cdc.Insert:
		return 'i'
	case cdc.Update:
		return 'u'
	case cdc.DeleteRange:
		return 'r'
	default:
		return 'd'
	}
}

// appendCells appends the regular columns.
func (s *statement) appendCells(b []byte) []byte {
	cells := s.cells
	for i := range s.table.regular {
		c := &s.table.regular[i]
		switch {
		case s.op == cdc.DeleteRow || s.op == cdc.DeletePartition:
			b = s.appendDeleted(b, c)
			continue
		case len(cells) == 0 || int(cells[0].column) != i:
			b = append(b, c.absent...)
			continue
		case cells[0].null:
			b = append(append(append(b, c.value...), "null"...), live...)
		case s.expiry != 0:
			b = append(append(b, c.value...), c.pool[cells[0].value].json...)
			b = strconv.AppendInt(append(b, `,"deletion_ts":`...), s.expiry, 10)
			b = append(append(b, "000000"...), set...) // microseconds
		default:
			b = append(append(append(b, c.value...), c.pool[cells[0].value].json...), live...)
		}
		cells = cells[1:]
	}
	return b
}

func (s *statement) appendDeleted(b []byte, c *column) []byte {
	return append(strconv.AppendInt(append(b, c.deleted...), s.time, 10), set...)
}

// appendBound appends a bound of a range. Its values come from a HashMap, in any
// order.
func (s *statement) appendBound(b []byte, at *bound, end string) []byte {
	if at.inclusive {
		b = append(b, `{"method":"INCL_`...)
	} else {
		b = append(b, `{"method":"EXCL_`...)
	}
	b = append(append(b, end...), `_BOUND","values":[`...)
	for i := range at.prefix {
		if i > 0 {
			b = append(b, ',')
		}
		if s.reversed {
			i = len(at.prefix) - 1 - i
		}
		c := &s.table.clustering[i]
		b = appendJSON(append(b, c.named...), c.pool[at.prefix[i]].bound, upperHex)
		b = append(b, c.typed...)
	}
	return append(b, "]}"...)
}
