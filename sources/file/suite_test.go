package file_test

import (
	"context"
	"fmt"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/sources/file"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	pipelinetest.SourceSuite[*cdc.Event]{
		New: func(t testing.TB) func() pipeline.Source[*cdc.Event] {
			dir := t.TempDir()
			for _, name := range []string{"a.jsonl", "b.jsonl.gz", "c.jsonl"} {
				var lines []string
				for i := range 10 {
					lines = append(lines, event(fmt.Sprint(name, i)), "")
				}
				write(t, dir, name, lines...)
			}
			committed := &pipelinetest.Offsets{}
			return func() pipeline.Source[*cdc.Event] {
				src, err := file.New(file.Config{Path: dir + "/*", BatchRecords: 3})
				if err != nil {
					t.Fatal(err)
				}
				return remembering{src, committed}
			}
		},
		Records: 30,
	}.Run(t)
}

// remembering is a source that keeps what is committed, which files cannot.
type remembering struct {
	*file.Source
	committed *pipelinetest.Offsets
}

func (r remembering) Open(ctx context.Context, parts pipeline.Partitions) error {
	return r.Source.Open(ctx, remembered{parts, r.committed})
}

func (r remembering) Commit(ctx context.Context, marks []pipeline.Mark) error {
	return r.committed.Save(ctx, marks)
}

type remembered struct {
	pipeline.Partitions
	committed *pipelinetest.Offsets
}

func (r remembered) Resume(ctx context.Context, ps ...pipeline.Partition) ([]pipeline.Mark, error) {
	if marks, err := r.Partitions.Resume(ctx, ps...); err != nil || len(marks) > 0 {
		return marks, err
	}
	return r.committed.Load(ctx, ps)
}
