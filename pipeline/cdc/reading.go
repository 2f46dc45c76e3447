package cdc

// A Reading is one row as Cassandra answered a SELECT for it. It is what is known,
// where a [Change] is what an event claims.
//
// What is null has no cell: whether it was never written, deleted or has expired
// cannot be read. Nor can the row marker.
type Reading struct {
	// Key holds the partition key and the clustering values, in key order. Of a
	// partition that has static values and no row it is the partition key alone.
	Key []Value

	// Cells holds what is not null, by ascending column, static ones included. The
	// time of a stamp is WRITETIME, its class the second of the expiry or [Live].
	// A non-frozen collection or UDT is one cell: its time is the greatest of its
	// elements, NoTime where Cassandra does not tell; it expires if all of its
	// elements do, with the last of them.
	Cells []Cell
}
