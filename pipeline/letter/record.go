package letter

import (
	"strconv"

	"cdcpipe/pipeline/cdc"
)

// AppendRecord appends c as JSON for people to read and to correct:
//
//	{"op":"update","written":1795489469817000,"key":{"id":1},"columns":{"note":"x"}}
//
// Values are as SELECT JSON writes them ([cdc.Type.AppendJSON]); columns has what
// was written, null for what was deleted. snapshot and deleted, the write time of a
// deletion of a row, partition or range, are there if they apply.
func AppendRecord(b []byte, c *cdc.Change) []byte {
	b = append(append(append(b, `{"op":"`...), c.Op.String()...), `","written":`...)
	b = strconv.AppendInt(b, c.Time, 10)
	if c.Snapshot {
		b = append(b, `,"snapshot":true`...)
	}
	if c.Deleted != cdc.NoTime {
		b = strconv.AppendInt(append(b, `,"deleted":`...), c.Deleted, 10)
	}
	b = append(b, `,"key":{`...)
	for i, v := range c.Key {
		b = appendMember(b, i, &c.Table.Columns[i], v)
	}
	b = append(b, `},"columns":{`...)
	for i := range c.Cells {
		b = appendMember(b, i, &c.Table.Columns[c.Cells[i].Column], c.Cells[i].Value)
	}
	return append(b, "}}"...)
}

var text = &cdc.Type{Kind: cdc.Text}

func appendMember(b []byte, i int, col *cdc.Column, v cdc.Value) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = append(text.AppendJSON(b, cdc.Value(col.Name)), ':')
	return col.Type.AppendJSON(b, v)
}
