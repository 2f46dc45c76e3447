package pipelinetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"cdcpipe/pipeline"
)

// A StageSuite checks that a stage keeps what [pipeline.Stage] promises:
//
//   - every record is accounted for;
//   - inputs are not modified, and batches not kept;
//   - what comes out does not depend on how records were batched, nor on chance;
//   - records are diverted only to outlets the stage names;
//   - a call returns when its context has ended;
//   - Close is safe without Open.
type StageSuite[In, Out any] struct {
	// New returns a stage that has seen nothing.
	New func(t testing.TB) pipeline.Stage[In, Out]

	// Inputs returns what to process, equal values in each call: ten or more,
	// among them some that are diverted or dropped.
	Inputs func() []In

	// Header, if set, returns the header of input i. Its offset is not used.
	Header func(i int) pipeline.Header

	// Concurrent stages are also run with workers.
	Concurrent bool

	// ByBatch says that the outcome depends on the batches, as when records are
	// merged. Most checks are then of no use and left out.
	ByBatch bool

	// Timeout bounds each check. Defaults to 10s.
	Timeout time.Duration
}

// Run runs the checks as subtests of t.
func (s StageSuite[In, Out]) Run(t *testing.T) {
	t.Helper()
	runChecks(t, s.checks())
}

func (s StageSuite[In, Out]) checks() []check {
	s.Timeout = cmp.Or(s.Timeout, 10*time.Second)
	checks := []check{
		{"accounts for every record", func(t testing.TB) { s.outcome(t, s.New(t), 1000) }},
		{"diverts where it says", s.diverts},
		{"leaves its inputs alone", s.inputs},
		{"honours its context", s.honoursContext},
		{"closes without being opened", func(t testing.TB) { unopened(t, func() any { return s.New(t) }) }},
	}
	if s.ByBatch {
		return checks
	}
	for _, n := range []int{1, 3} {
		checks = append(checks, check{fmt.Sprintf("does the same in batches of %d", n), func(t testing.TB) {
			s.compare(t, s.outcome(t, s.New(t), n))
		}})
	}
	checks = append(checks, check{"repeats itself", func(t testing.TB) { s.compare(t, s.outcome(t, s.New(t), 1000)) }})
	checks = append(checks, check{"keeps no batch", func(t testing.TB) {
		st := s.New(t)
		s.compare(t, s.outcome(t, around[In, Out]{st, func(ctx context.Context, in []pipeline.Record[In], out *pipeline.Outbox[Out]) error {
			in = slices.Clone(in)
			defer clear(in) // as the engine may
			return st.Process(ctx, in, out)
		}}, 3))
	}})
	if s.Concurrent {
		checks = append(checks, check{"does the same with workers", func(t testing.TB) {
			s.compare(t, s.outcome(t, s.New(t), 1, pipeline.Workers(4)))
		}})
	}
	return checks
}

// An outcome is all that comes of the inputs.
type outcome[Out any] struct {
	Out     []made[Out]
	Rejects []string
	Dropped map[string]int64
}

type made[Out any] struct {
	Partition pipeline.Partition
	Offset    int64
	Key       uint64
	Value     Out
}

// run puts values through a stage, n at a time.
func (s StageSuite[In, Out]) run(t testing.TB, st pipeline.Stage[In, Out], values []In, n int, got pipeline.Sink[Out], rejects pipeline.Sink[pipeline.Reject], strict bool, opts ...pipeline.Option) (*pipeline.Pipeline, error) {
	l := fill(values, s.Header)
	p := pipeline.New("suite", discardLogs(pipeline.Config{}))
	f := pipeline.Then(pipeline.From(p, "inputs", l.Reader(n, false)), "stage", st, append(quick(), opts...)...)
	pipeline.To(f, "outputs", got)
	bind(p, st, rejects, strict)
	ctx, cancel := context.WithTimeout(t.Context(), s.Timeout)
	defer cancel()
	if err := p.Run(ctx); err != nil {
		return p, err
	}
	if !complete(l) {
		return p, fmt.Errorf("not done after %v: a stage that fails for a reason of the world is tried again", s.Timeout)
	}
	return p, nil
}

// outcome returns what comes of the inputs.
func (s StageSuite[In, Out]) outcome(t testing.TB, st pipeline.Stage[In, Out], n int, opts ...pipeline.Option) (o outcome[Out]) {
	t.Helper()
	var got Collector[Out]
	var rejects Collector[pipeline.Reject]
	p, err := s.run(t, st, s.Inputs(), n, &got, &rejects, false, opts...)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range got.All() {
		o.Out = append(o.Out, made[Out]{r.Partition, r.Offset, r.Key, r.Value})
	}
	for _, r := range rejects.All() {
		o.Rejects = append(o.Rejects, fmt.Sprintf("%s at %s offset %d: %v", r.Value.Outlet, r.Partition, r.Offset, r.Value.Cause))
	}
	slices.Sort(o.Rejects)
	o.Dropped = p.Stats().Steps[1].Dropped
	return o
}

// compare compares an outcome with that of a new stage and large batches.
func (s StageSuite[In, Out]) compare(t testing.TB, got outcome[Out]) {
	t.Helper()
	if want := s.outcome(t, s.New(t), 1000); !equal(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func (s StageSuite[In, Out]) diverts(t testing.TB) {
	st := s.New(t)
	if _, err := s.run(t, st, s.Inputs(), 3, &Collector[Out]{}, pipeline.Discard, true); err != nil {
		t.Errorf("with no other outlets bound than %q: %v", outletsOf(st), err)
	}
}

// inputs compares batches, headers and values before and after each call.
func (s StageSuite[In, Out]) inputs(t testing.TB) {
	st, values := s.New(t), s.Inputs()
	var modified error
	watched := around[In, Out]{st, func(ctx context.Context, in []pipeline.Record[In], out *pipeline.Outbox[Out]) error {
		before, headers := slices.Clone(in), make([]pipeline.Header, len(in))
		for i := range in {
			headers[i] = *in[i].Header
		}
		err := st.Process(ctx, in, out)
		for i := range in {
			if in[i].Header != before[i].Header || !equal(*in[i].Header, headers[i]) || !equal(in[i].Value, before[i].Value) {
				modified = fmt.Errorf("record %d of a batch was modified", i)
			}
		}
		return err
	}}
	if _, err := s.run(t, watched, values, 3, &Collector[Out]{}, pipeline.Discard, false); err != nil {
		t.Fatal(err)
	}
	if modified != nil {
		t.Error(modified)
	}
	if fresh := s.Inputs(); !equal(values, fresh) {
		t.Errorf("values were modified: now %+v, were %+v", values, fresh)
	}
}

func (s StageSuite[In, Out]) honoursContext(t testing.TB) {
	st, first := s.New(t), true
	interrupted := around[In, Out]{st, func(ctx context.Context, in []pipeline.Record[In], out *pipeline.Outbox[Out]) error {
		if !first {
			return st.Process(ctx, in, out)
		}
		first = false
		return within(ctx, s.Timeout/2, "Process", func(ended context.Context) error { return st.Process(ended, in, out) })
	}}
	if _, err := s.run(t, interrupted, s.Inputs(), 3, &Collector[Out]{}, pipeline.Discard, false); err != nil {
		t.Error(err)
	}
}

// around is a stage with another Process.
type around[In, Out any] struct {
	stage   pipeline.Stage[In, Out]
	process pipeline.StageFunc[In, Out]
}

func (a around[In, Out]) Process(ctx context.Context, in []pipeline.Record[In], out *pipeline.Outbox[Out]) error {
	return a.process(ctx, in, out)
}
func (a around[In, Out]) Outlets() []pipeline.Outlet      { return outletsOf(a.stage) }
func (a around[In, Out]) Open(ctx context.Context) error  { return open(ctx, a.stage) }
func (a around[In, Out]) Close(ctx context.Context) error { return closePart(ctx, a.stage) }
