package kafka

import (
	"cmp"
	"maps"
	"slices"

	"cdcpipe/pipeline"
)

// Stats is a snapshot of a source. Counts are since New.
type Stats struct {
	Records, Bytes int64 // fetched; bytes are those of keys, values and headers
	Batches        int64

	Assigned, Revoked, Lost int64 // partitions that came and went

	BufferedRecords, BufferedBytes int64 // fetched, not yet read

	Partitions []PartitionStats // owned now, by topic and number
}

// A PartitionStats says how far reading is in a partition.
type PartitionStats struct {
	Topic         string
	Partition     int32
	Position      int64 // the offset that is read next; -1 until known
	HighWatermark int64 // as of the last fetch; -1 until known
	Lag           int64 // from Position to HighWatermark
}

type counts struct{ records, bytes, batches, assigned, revoked, lost int64 }

// Ends returns the high watermarks of owned partitions, as of the last fetch.
func (s *Source) Ends() map[pipeline.Partition]int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	ends := make(map[pipeline.Partition]int64, len(s.owned))
	for p, o := range s.owned {
		if o.position >= 0 {
			ends[p] = max(o.high, o.position)
		}
	}
	return ends
}

// Stats returns a snapshot. It may be called from any goroutine once the source is
// open.
func (s *Source) Stats() Stats {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := Stats{
		Records: s.counts.records, Bytes: s.counts.bytes, Batches: s.counts.batches,
		Assigned: s.counts.assigned, Revoked: s.counts.revoked, Lost: s.counts.lost,
	}
	for _, b := range s.queue {
		st.BufferedRecords += int64(len(b.Records))
		st.BufferedBytes += int64(b.Bytes)
	}
	if s.cl != nil {
		st.BufferedRecords += s.cl.BufferedFetchRecords()
		st.BufferedBytes += s.cl.BufferedFetchBytes()
	}
	for o := range maps.Values(s.owned) {
		p := PartitionStats{Position: o.position, HighWatermark: max(o.high, o.position)}
		p.Topic, p.Partition, _ = split(o.name)
		p.Lag = p.HighWatermark - p.Position
		st.Partitions = append(st.Partitions, p)
	}
	slices.SortFunc(st.Partitions, func(a, b PartitionStats) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	return st
}
