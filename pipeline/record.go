package pipeline

import "time"

// A Partition names one ordered stream of a source: "orders/3", "node-2".
type Partition string

// A Header is what the engine knows about a record without looking inside it.
// Headers are allocated a batch at a time, shared by everything derived from a
// record, and never modified once a source has returned them.
//
// A header carries a ticket, the engine's claim check for the source batch the
// record came from. It is unexported on purpose: stages cannot acknowledge, and
// so cannot acknowledge too early.
type Header struct {
	Partition Partition
	Offset    int64     // strictly increasing within Partition
	Key       uint64    // hash of the ordering key; zero orders by Partition
	Time      time.Time // when the change happened at its origin; zero if unknown
	Size      int       // bytes as read, for batch limits and the byte budget

	// Origin is the record as the source read it, so that outlets can keep the
	// original bytes. A source sets it to a pointer, which boxes for free; nobody
	// modifies what it points to.
	Origin any

	ticket *ticket
}

// A Record is one value on its way through a pipeline.
type Record[T any] struct {
	*Header
	Value T
}
