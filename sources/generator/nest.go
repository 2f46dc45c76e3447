package generator

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// Frozen collections and tuples. PostgreSQL has them as the jsonb that
// Cassandra's toJson() makes: lists, sets and tuples as arrays, maps as objects.

func listLiteral(elems []literal) literal {
	raw := binary.BigEndian.AppendUint32(nil, uint32(len(elems)))
	var jsons, nested []string
	for _, e := range elems {
		raw = appendElement(raw, e.raw)
		jsons, nested = append(jsons, e.json), append(nested, e.nested)
	}
	return nestLiteral("["+strings.Join(jsons, ",")+"]", raw, "["+strings.Join(nested, ", ")+"]")
}

// setLiteral is a set of distinct elements. Cassandra keeps it in the order of
// its type; Debezium writes it in the order of a java.util.HashSet, which is any.
func setLiteral(kind cdc.Kind, elems []literal) literal {
	event := listLiteral(elems).json
	slices.SortFunc(elems, func(a, b literal) int { return cmp.Compare(storageOrder(kind, a), storageOrder(kind, b)) })
	l := listLiteral(elems)
	l.json = event
	return l
}

type entry struct{ key, value literal }

// mapLiteral is a map of distinct keys. Kafka's JsonConverter makes an object of
// it if the keys are strings, and else an array of pairs.
func mapLiteral(kind cdc.Kind, entries []entry) literal {
	var jsons, nested []string
	for _, e := range entries {
		if kind == cdc.Text {
			jsons = append(jsons, e.key.json+":"+e.value.json)
		} else {
			jsons = append(jsons, "["+e.key.json+","+e.value.json+"]")
		}
	}
	event := "[" + strings.Join(jsons, ",") + "]"
	if kind == cdc.Text {
		event = "{" + strings.Join(jsons, ",") + "}"
	}
	slices.SortFunc(entries, func(a, b entry) int {
		return cmp.Compare(storageOrder(kind, a.key), storageOrder(kind, b.key))
	})
	raw := binary.BigEndian.AppendUint32(nil, uint32(len(entries)))
	for _, e := range entries {
		raw = appendElement(appendElement(raw, e.key.raw), e.value.raw)
	}
	slices.SortFunc(entries, func(a, b entry) int { // jsonb orders keys by length first
		return cmp.Or(len(a.key.text)-len(b.key.text), cmp.Compare(a.key.text, b.key.text))
	})
	for _, e := range entries {
		nested = append(nested, quoteJSON(e.key.text, lowerHex)+": "+e.value.nested)
	}
	return nestLiteral(event, raw, "{"+strings.Join(nested, ", ")+"}")
}

// tupleLiteral is a tuple; a nil field is null.
func tupleLiteral(fields []*literal) literal {
	var raw []byte
	var jsons, nested []string
	for i, f := range fields {
		name := `"field` + strconv.Itoa(i+1) + `":`
		if f == nil {
			raw = append(raw, 0xff, 0xff, 0xff, 0xff)
			jsons, nested = append(jsons, name+"null"), append(nested, "null")
			continue
		}
		raw = appendElement(raw, f.raw)
		jsons, nested = append(jsons, name+f.json), append(nested, f.nested)
	}
	return nestLiteral("{"+strings.Join(jsons, ",")+"}", raw, "["+strings.Join(nested, ", ")+"]")
}

func nestLiteral(json string, raw []byte, text string) literal {
	return literal{json: json, raw: string(raw), text: text, nested: text}
}

// storageOrder returns what orders elements, as unsigned bytes, as their type
// does: int is signed, date and text compare by their bytes.
func storageOrder(kind cdc.Kind, l literal) string {
	if kind == cdc.Int {
		return string([]byte{l.raw[0] ^ 0x80}) + l.raw[1:]
	}
	return l.raw
}
