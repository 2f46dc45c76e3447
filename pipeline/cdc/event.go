package cdc

import "time"

// An Event is a change event as it was read, before it is decoded.
// What it refers to must not be modified and may be kept.
type Event struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte // nil if there is none
	Value     []byte // nil for a Kafka tombstone
	Headers   []EventHeader
	Time      time.Time // of the Kafka record
}

// An EventHeader is a header of a Kafka record.
type EventHeader struct {
	Key   string
	Value []byte
}

// Size returns the bytes that e holds on to, for budgets.
func (e *Event) Size() int {
	n := len(e.Key) + len(e.Value)
	for _, h := range e.Headers {
		n += len(h.Key) + len(h.Value)
	}
	return n
}
