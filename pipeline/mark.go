package pipeline

import "context"

// A Mark is a resume point: every record of Partition up to and including
// Offset has settled, so a restart may begin after it.
type Mark struct {
	Partition Partition
	Offset    int64
	Epoch     int32  // of the log at Offset, such as Kafka's leader epoch (KIP-320): does not fall within a log; -1 if unknown
	Log       string // what Offset counts in, such as the id of a topic (KIP-516), which one made anew under its name does not keep
}

// Supersedes reports whether m is to take the place of was, a mark of the same
// partition: it is further on, or of a log that was truncated or made anew. A
// worker that has lost the partition without knowing yet cannot take one back.
func (m Mark) Supersedes(was Mark) bool {
	switch {
	case m.Log != was.Log:
		return true
	case m.Epoch != was.Epoch && m.Epoch >= 0 && was.Epoch >= 0:
		return m.Epoch > was.Epoch
	}
	return m.Offset > was.Offset
}

// Offsets keeps the marks of record, best where the data is, so that a target
// restored from a backup resumes from a point that matches it.
//
// Save makes marks durable before it returns nil. It is called before
// [Source.Commit], never concurrently with itself, and must end soon after its
// context does. An error is tried again later, unless it is [Fatal]. Several workers
// may save marks of one partition: an implementation keeps one that none of the
// others supersedes ([Mark.Supersedes]).
//
// Load returns the marks of those of ps that have one.
type Offsets interface {
	Load(ctx context.Context, ps []Partition) ([]Mark, error)
	Save(ctx context.Context, marks []Mark) error
}
