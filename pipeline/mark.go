package pipeline

import "context"

// A Mark is a resume point: every record of Partition up to and including
// Offset has settled, so a restart may begin after it.
type Mark struct {
	Partition Partition
	Offset    int64
	Token     string // opaque to the engine: a leader epoch, a segment name
}

// Offsets keeps the marks of record, best where the data is, so that a target
// restored from a backup resumes from a point that matches it.
//
// Save makes marks durable before it returns nil. It is called before
// [Source.Commit], never concurrently with itself, and must end soon after its
// context does. An error is tried again later, unless it is [Fatal]. Another worker may save marks of a partition this one has lost
// without knowing yet: an implementation keeps the greater offset.
//
// Load returns the marks of those of ps that have one.
type Offsets interface {
	Load(ctx context.Context, ps []Partition) ([]Mark, error)
	Save(ctx context.Context, marks []Mark) error
}
