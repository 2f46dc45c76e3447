package pipelinetest

import (
	"context"
	"sync"

	"cdcpipe/pipeline"
)

// Offsets keeps marks of record in memory. The zero value is empty.
type Offsets struct {
	// OnSave, if set, is called with every save before it takes effect, and may
	// refuse it. Set it before use.
	OnSave func(ctx context.Context, marks []pipeline.Mark) error

	mu    sync.Mutex
	marks map[pipeline.Partition]pipeline.Mark
}

var _ pipeline.Offsets = (*Offsets)(nil)

// Load returns the marks of those of ps that have one.
func (o *Offsets) Load(_ context.Context, ps []pipeline.Partition) (marks []pipeline.Mark, _ error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, p := range ps {
		if m, ok := o.marks[p]; ok {
			marks = append(marks, m)
		}
	}
	return marks, nil
}

// Save keeps each mark that supersedes what there is.
func (o *Offsets) Save(ctx context.Context, marks []pipeline.Mark) error {
	if o.OnSave != nil {
		if err := o.OnSave(ctx, marks); err != nil {
			return err
		}
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.marks == nil {
		o.marks = map[pipeline.Partition]pipeline.Mark{}
	}
	for _, m := range marks {
		if was, ok := o.marks[m.Partition]; !ok || m.Supersedes(was) {
			o.marks[m.Partition] = m
		}
	}
	return nil
}

// Get returns the mark of p, or the zero mark.
func (o *Offsets) Get(p pipeline.Partition) pipeline.Mark {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.marks[p]
}
