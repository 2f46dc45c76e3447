package pipeline

import "time"

// A Batch is what a source reads: consecutive records of one partition, and
// the mark that may be committed once all of them have settled. A batch with
// no records is a heartbeat; it advances the mark. The zero Batch is ignored.
type Batch[T any] struct {
	Records []Record[T]
	Through Mark
	Claim   Claim // the assignment it was read under
	Bytes   int   // what the batch costs of [Config.InFlightBytes]

	slab []Header
	read time.Time // when the source returned it, if a hook asks
}

// NewBatch returns a batch with room for n records.
func NewBatch[T any](n int) Batch[T] {
	return Batch[T]{Records: make([]Record[T], 0, n), slab: make([]Header, 0, n)}
}

// Append adds a record to the batch, and its size to Bytes.
func (b *Batch[T]) Append(h Header, v T) {
	b.Bytes += h.Size
	b.Records = append(b.Records, Record[T]{addHeader(&b.slab, h), v})
}

// addHeader puts h in the slab and returns where it stands. A full slab is
// replaced, not grown, so that earlier headers stay where they are.
func addHeader(slab *[]Header, h Header) *Header {
	s := *slab
	if len(s) == cap(s) {
		s = make([]Header, 0, max(16, 2*cap(s)))
	}
	*slab = append(s, h)
	return &(*slab)[len(s)]
}
