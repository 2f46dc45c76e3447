package pipeline_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
)

// A pipeline is wired with functions, so that the compiler checks that each step
// takes what the one before it makes.
func Example() {
	var log pipelinetest.Log[string]
	for _, s := range []string{"7", "11", "x", "13"} {
		log.Append("numbers/0", 0, s)
	}

	p := pipeline.New("big numbers", pipeline.Config{})
	lines := pipeline.From(p, "log", log.Reader(100, false))
	ints := pipeline.Then(lines, "parse", pipeline.Map(strconv.Atoi), pipeline.Workers(4))
	big := pipeline.Then(ints, "big", pipeline.Filter("small", func(n int) bool { return n > 10 }))
	pipeline.To(big, "print", pipeline.SinkFunc[int](func(_ context.Context, recs []pipeline.Record[int]) error {
		for _, r := range recs {
			fmt.Println(r.Partition, r.Offset, r.Value)
		}
		return nil
	}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.SinkFunc[pipeline.Reject](func(_ context.Context, recs []pipeline.Record[pipeline.Reject]) error {
		for _, r := range recs {
			fmt.Println("rejected by", r.Value.Step, "at", r.Offset)
		}
		return nil
	}))

	err := p.Run(context.Background())
	fmt.Println("committed", log.Committed("numbers/0"), err)
	// Unordered output:
	// numbers/0 2 11
	// numbers/0 4 13
	// rejected by parse at 3
	// committed 4 <nil>
}

// dedupe drops what it has seen last under the same key. It keeps state between
// calls, and so takes one batch at a time.
type dedupe struct{ last map[uint64]string }

// Process speaks for every record: what comes of in[i] is said with index i.
func (d *dedupe) Process(_ context.Context, in []pipeline.Record[string], out *pipeline.Outbox[string]) error {
	for i, r := range in {
		switch {
		case r.Value == "":
			out.Divert(i, pipeline.Invalid, fmt.Errorf("no value at offset %d", r.Offset))
		case d.last[r.Key] == r.Value:
			out.Drop(i, "duplicate")
		default:
			d.last[r.Key] = r.Value
			out.Emit(i, r.Value)
		}
	}
	return nil
}

// Outlets says what has to be bound.
func (d *dedupe) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

// A stage of one's own is a type with a method Process.
func ExampleStage() {
	var log pipelinetest.Log[string]
	for i, s := range strings.Split("a,b,a,b,,b,c,b", ",") {
		log.Append("letters/0", uint64(i%2), s)
	}
	var got pipelinetest.Collector[string]
	var rejects pipelinetest.Collector[pipeline.Reject]

	p := pipeline.New("letters", pipeline.Config{})
	f := pipeline.From(p, "log", log.Reader(100, false))
	f = pipeline.Then(f, "dedupe", pipeline.Stage[string, string](&dedupe{last: map[uint64]string{}}))
	pipeline.To(f, "sink", &got)
	pipeline.Bind(p, pipeline.Invalid, &rejects)
	err := p.Run(context.Background())

	fmt.Println(got.Values(), err)
	fmt.Println(rejects.Values()[0].Cause)
	fmt.Println(p.Stats().Steps[1].Dropped)
	// Output:
	// [a b c] <nil>
	// no value at offset 5
	// map[duplicate:4]
}
