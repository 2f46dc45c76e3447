package pipelinetest_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

func records(vs ...int) (recs []pipeline.Record[int]) {
	for _, v := range vs {
		recs = append(recs, pipeline.Record[int]{Header: &pipeline.Header{}, Value: v})
	}
	return recs
}

// Each fault writes what it says, and a seed decides all.
func TestFaults(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) (outcomes []string) {
		var got pipelinetest.Collector[int]
		f := pipelinetest.NewFaults[int](&got, seed, 0.25, 0.25, 0.25)
		failed := 0
		for range 200 {
			before := len(got.All())
			err := f.Write(t.Context(), records(1, 2, 3, 4))
			n := len(got.All()) - before
			switch {
			case err == nil && n == 4, err == pipelinetest.ErrBefore && n == 0, err == pipelinetest.ErrAfter && n == 4, err == pipelinetest.ErrDuring && n < 4:
			default:
				t.Fatalf("%v after %d of 4 records", err, n)
			}
			if err != nil {
				failed++
				outcomes = append(outcomes, err.Error())
			} else {
				outcomes = append(outcomes, "")
			}
		}
		if f.Count() != failed || failed < 100 || failed > 190 {
			t.Errorf("failed %d times of 200, counted %d", failed, f.Count())
		}
		return outcomes
	}
	if a := run(1); !slices.Equal(a, run(1)) || slices.Equal(a, run(2)) {
		t.Error("the seed does not decide what happens")
	}
}

// A sink's own failures are passed on, but not those of a part.
func TestFaultsPassFailuresOn(t *testing.T) {
	t.Parallel()
	refused := pipeline.Permanent(errors.New("refused"))
	sink := pipeline.SinkFunc[int](func(context.Context, []pipeline.Record[int]) error { return refused })
	if err := pipelinetest.NewFaults[int](sink, 1, 0, 0, 0).Write(t.Context(), records(1)); err != refused {
		t.Errorf("got %v", err)
	}
	if err := pipelinetest.NewFaults[int](sink, 1, 0, 1, 0).Write(t.Context(), records(1, 2, 3)); err != pipelinetest.ErrDuring {
		t.Errorf("got %v", err)
	}
	if o := pipelinetest.NewFaults[int](sink, 1, 0, 0, 0).Outlets(); !slices.Equal(o, []pipeline.Outlet{pipeline.DeadLetter}) {
		t.Errorf("uses %v", o)
	}
}

func TestOffsetsKeepTheGreater(t *testing.T) {
	t.Parallel()
	var o pipelinetest.Offsets
	mark := func(off int64) pipeline.Mark { return pipeline.Mark{Partition: "a", Offset: off} }
	for _, off := range []int64{5, 9, 7} {
		if err := o.Save(t.Context(), []pipeline.Mark{mark(off)}); err != nil {
			t.Fatal(err)
		}
	}
	if ms, err := o.Load(t.Context(), []pipeline.Partition{"a", "b"}); err != nil || !slices.Equal(ms, []pipeline.Mark{mark(9)}) {
		t.Errorf("got %v, %v", ms, err)
	}
}

func TestReaderRefusesToGoBack(t *testing.T) {
	t.Parallel()
	var l pipelinetest.Log[int]
	for i := range 3 {
		l.Append("a", 1, i)
	}
	r := l.Reader(1, false)
	if err := r.Commit(t.Context(), []pipeline.Mark{{Partition: "a", Offset: 2}}); err != nil {
		t.Fatal(err)
	}
	if err := r.Commit(t.Context(), []pipeline.Mark{{Partition: "a", Offset: 1}}); err == nil {
		t.Error("committed back")
	}
	if err := r.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := r.Commit(t.Context(), nil); err == nil {
		t.Error("committed after Close")
	}
}
