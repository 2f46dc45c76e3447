package agent

import "cdcpipe/pipeline/cdc"

// ends returns the part of a column's type whose values end the agent, nil if there is
// none. It converts what it deserializes itself: fields, cells, and the elements of a
// frozen collection. What collections among these elements hold it leaves as
// Cassandra's classes have it, and a record whose value does not fit its schema
// (Kafka Connect's ConnectSchema.validateValue) ends its process.
func ends(column *cdc.Type) *cdc.Type {
	if column.Multicell() && column.Kind.Collection() {
		return first(column.Elems, deserialized)
	}
	return deserialized(column)
}

func deserialized(t *cdc.Type) *cdc.Type {
	if !t.Kind.Collection() {
		return first(t.Elems, deserialized)
	}
	return first(t.Elems, func(e *cdc.Type) *cdc.Type {
		if e.Kind.Collection() {
			return composed(e)
		}
		return deserialized(e)
	})
}

// composed looks at a type of which the agent has a value of Cassandra's own class.
func composed(t *cdc.Type) *cdc.Type {
	switch t.Kind {
	case cdc.Set, cdc.Tuple, cdc.UDT, cdc.UUID, cdc.Timeuuid, cdc.Timestamp, cdc.Duration, cdc.Inet, cdc.Decimal, cdc.Varint:
		return t
	}
	return first(t.Elems, composed)
}

// unread returns what writes of a column the agent cannot read, as it takes the value of
// a cell to be one of the type: "" if there are none. A non-frozen UDT has no such cell
// (BTreeRow.getCell), and the cell of an element that is removed from a list or map is
// empty, which most types are not made for (formatDeserializedValue of each).
func unread(column *cdc.Type) (writes string, all bool) {
	if !column.Multicell() {
		return "", false
	}
	switch e := column.Elems[len(column.Elems)-1]; {
	case column.Kind == cdc.UDT:
		return "any write of it", true
	case column.Kind == cdc.Set || !unfit(e):
		return "", false
	}
	return "removing single elements from it", false
}

// unfit reports whether the agent fails at an empty value of t.
func unfit(t *cdc.Type) bool {
	switch t.Kind {
	case cdc.Date, cdc.Timestamp, cdc.Duration, cdc.UUID, cdc.Timeuuid, cdc.Inet, cdc.Decimal, cdc.Varint:
		return true
	}
	return !t.Kind.Scalar()
}

func first(types []*cdc.Type, look func(*cdc.Type) *cdc.Type) *cdc.Type {
	for _, t := range types {
		if found := look(t); found != nil {
			return found
		}
	}
	return nil
}
