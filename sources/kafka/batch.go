package kafka

import (
	"errors"
	"hash/maphash"

	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// take queues what was polled. Errors come first: one of them may say that the
// offsets of a partition have gone back.
func (s *Source) take(fs kgo.Fetches) {
	var failed error
	for _, f := range fs {
		for _, t := range f.Topics {
			for i := range t.Partitions {
				if p := &t.Partitions[i]; p.Err != nil {
					failed = errors.Join(failed, s.trouble(&t, p))
				}
			}
		}
	}
	s.mu.Lock()
	for _, f := range fs {
		for _, t := range f.Topics {
			for i := range t.Partitions {
				s.enqueue(&t, &t.Partitions[i])
			}
		}
	}
	s.mu.Unlock()
	if failed != nil {
		s.fail(failed)
	}
}

// enqueue makes a batch of one partition's part of a fetch.
func (s *Source) enqueue(t *kgo.FetchTopic, p *kgo.FetchPartition) {
	if len(p.Records) == 0 {
		return
	}
	part := name(t.Topic, p.Partition)
	o := s.owned[part]
	if o == nil { // they would be passed over by the next mark
		s.failLocked(fault.New(fault.BrokenInvariant, "records of %s came, which is not assigned", part))
		return
	}
	b := s.batch(o.name, p.Records)
	last := p.Records[len(p.Records)-1]
	if id := topicID(t.TopicID); id != o.id {
		o.id, o.log = id, id.String()
	}
	b.Claim = o.claim
	b.Through = pipeline.Mark{Partition: o.name, Offset: last.Offset, Epoch: last.LeaderEpoch, Log: o.log}
	o.begun, o.position, o.high = true, last.Offset+1, p.HighWatermark
	s.counts.batches++
	s.counts.records += int64(len(b.Records))
	s.counts.bytes += int64(b.Bytes)
	s.queue = append(s.queue, b)
}

// batch makes events of records, in one slab, and leaves out the markers of
// transactions. Of markers alone it makes a batch without records.
func (s *Source) batch(p pipeline.Partition, recs []*kgo.Record) pipeline.Batch[*cdc.Event] {
	n, headers := 0, 0
	for _, r := range recs {
		if !r.Attrs.IsControl() {
			n++
			headers += len(r.Headers)
		}
	}
	if n == 0 {
		return pipeline.Batch[*cdc.Event]{}
	}
	b := pipeline.NewBatch[*cdc.Event](n)
	events, slab := make([]cdc.Event, 0, n), make([]cdc.EventHeader, 0, headers)
	for _, r := range recs {
		if r.Attrs.IsControl() {
			continue
		}
		at := len(slab)
		for _, h := range r.Headers {
			slab = append(slab, cdc.EventHeader(h))
		}
		events = append(events, cdc.Event{
			Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Time: r.Timestamp,
			Key: r.Key, Value: r.Value, Headers: slab[at:len(slab):len(slab)],
		})
		e := &events[len(events)-1]
		h := pipeline.Header{Partition: p, Offset: e.Offset, Time: e.Time, Size: e.Size(), Origin: e}
		if e.Key != nil {
			h.Key = max(1, maphash.Bytes(s.seed, e.Key)) // zero would order by partition
		}
		b.Append(h, e)
	}
	return b
}
