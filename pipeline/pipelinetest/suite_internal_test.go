package pipelinetest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"cdcpipe/pipeline"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A recorder notes failures instead of failing.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
}

func (r *recorder) note(s string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failures = append(r.failures, s)
}
func (r *recorder) Helper()                   {}
func (r *recorder) Error(args ...any)         { r.note(fmt.Sprint(args...)) }
func (r *recorder) Errorf(f string, a ...any) { r.note(fmt.Sprintf(f, a...)) }
func (r *recorder) Fatal(args ...any)         { r.Error(args...); runtime.Goexit() }
func (r *recorder) Fatalf(f string, a ...any) { r.Errorf(f, a...); runtime.Goexit() }

// failing returns the names of the checks that fail.
func failing(t *testing.T, checks []check) (names []string) {
	for _, c := range checks {
		r := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			c.run(r)
		}()
		<-done
		if len(r.failures) > 0 {
			t.Logf("%s: %s", c.name, strings.Join(r.failures, "; "))
			names = append(names, c.name)
		}
	}
	return names
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	if !slices.Contains(got, want) {
		t.Errorf("failing checks are %q, want %q among them", got, want)
	}
}

func logSuite(wrap func(*Log[int], *Reader[int]) pipeline.Source[int], tail bool) SourceSuite[int] {
	return SourceSuite[int]{
		New: func(testing.TB) func() pipeline.Source[int] {
			var l Log[int]
			for i := range 40 {
				l.Append(pipeline.Partition(fmt.Sprint("t/", i%2)), 1, i)
			}
			return func() pipeline.Source[int] { return wrap(&l, l.Reader(3, tail)) }
		},
		Records: 40, Settle: 20 * time.Millisecond, Timeout: 5 * time.Second,
	}
}

func TestSourceSuite(t *testing.T) {
	same := func(_ *Log[int], r *Reader[int]) pipeline.Source[int] { return r }
	t.Run("ending", logSuite(same, false).Run)
	t.Run("tailing", logSuite(same, true).Run)
	t.Run("assigning", logSuite(func(_ *Log[int], r *Reader[int]) pipeline.Source[int] { r.Assign = true; return r }, true).Run)
	t.Run("no pauser", logSuite(func(_ *Log[int], r *Reader[int]) pipeline.Source[int] {
		return struct{ pipeline.Source[int] }{r}
	}, false).Run)
}

// oddSource is a source with one method replaced.
type oddSource struct {
	*Reader[int]
	read   func(context.Context) (pipeline.Batch[int], error)
	open   func(context.Context, pipeline.Partitions) error
	commit func(context.Context, []pipeline.Mark) error
}

func (s oddSource) Read(ctx context.Context) (pipeline.Batch[int], error) {
	if s.read != nil {
		return s.read(ctx)
	}
	return s.Reader.Read(ctx)
}
func (s oddSource) Open(ctx context.Context, ps pipeline.Partitions) error {
	if s.open != nil {
		return s.open(ctx, ps)
	}
	return s.Reader.Open(ctx, ps)
}
func (s oddSource) Commit(ctx context.Context, ms []pipeline.Mark) error {
	if s.commit != nil {
		return s.commit(ctx, ms)
	}
	return s.Reader.Commit(ctx, ms)
}

// deaf hides the marks of record.
type deaf struct{ pipeline.Partitions }

func (deaf) Resume(context.Context, ...pipeline.Partition) ([]pipeline.Mark, error) { return nil, nil }

func TestSourceSuiteNotices(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		wrap       func(l *Log[int], r *Reader[int]) pipeline.Source[int]
	}{
		{"a lost commit", "resumes after what was committed", func(_ *Log[int], r *Reader[int]) pipeline.Source[int] {
			return oddSource{Reader: r, commit: func(context.Context, []pipeline.Mark) error { return nil }}
		}},
		{"a commit when reading", "reads again what was not committed", func(_ *Log[int], r *Reader[int]) pipeline.Source[int] {
			return oddSource{Reader: r, read: func(ctx context.Context) (pipeline.Batch[int], error) {
				b, err := r.Read(ctx)
				if err == nil {
					_ = r.Commit(ctx, []pipeline.Mark{b.Through})
				}
				return b, err
			}}
		}},
		{"deafness to offsets", "begins after the marks of record", func(_ *Log[int], r *Reader[int]) pipeline.Source[int] {
			return oddSource{Reader: r, open: func(ctx context.Context, ps pipeline.Partitions) error { return r.Open(ctx, deaf{ps}) }}
		}},
		{"deafness to its context", "reads everything once", func(_ *Log[int], r *Reader[int]) pipeline.Source[int] {
			stuck := make(chan struct{})
			t.Cleanup(func() { close(stuck) })
			return oddSource{Reader: r, read: func(ctx context.Context) (pipeline.Batch[int], error) {
				b, err := r.Read(ctx)
				if err != nil {
					<-stuck
				}
				return b, err
			}}
		}},
		{"a lost record", "reads everything once", func(_ *Log[int], r *Reader[int]) pipeline.Source[int] {
			return oddSource{Reader: r, read: func(ctx context.Context) (pipeline.Batch[int], error) {
				b, err := r.Read(ctx)
				if len(b.Records) == 2 {
					b.Records = b.Records[1:]
				}
				return b, err
			}}
		}},
		{"headers out of order", "reads everything once", func(_ *Log[int], r *Reader[int]) pipeline.Source[int] {
			return oddSource{Reader: r, read: func(ctx context.Context) (pipeline.Batch[int], error) {
				b, err := r.Read(ctx)
				slices.Reverse(b.Records)
				return b, err
			}}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := logSuite(tc.wrap, false)
			s.Timeout = 100 * time.Millisecond
			expect(t, failing(t, s.checks()), tc.want)
		})
	}
}

// parse is a well-behaved stage: it drops multiples of five and diverts words.
func parse(_ context.Context, in []pipeline.Record[string], out *pipeline.Outbox[int]) error {
	for i, r := range in {
		n, err := strconv.Atoi(r.Value)
		switch {
		case err != nil:
			out.Divert(i, pipeline.Invalid, err)
		case n%5 == 0:
			out.Drop(i, "five")
		default:
			out.Emit(i, n)
		}
	}
	return nil
}

// stage is a stage that uses the invalid outlet.
type stage func(context.Context, []pipeline.Record[string], *pipeline.Outbox[int]) error

func (f stage) Process(ctx context.Context, in []pipeline.Record[string], out *pipeline.Outbox[int]) error {
	return f(ctx, in, out)
}
func (stage) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

func stageSuite(create func() pipeline.Stage[string, int]) StageSuite[string, int] {
	return StageSuite[string, int]{
		New:     func(testing.TB) pipeline.Stage[string, int] { return create() },
		Inputs:  func() []string { return strings.Fields("1 2 3 four 5 6 7 8 9 10 eleven 12 13 14 15") },
		Timeout: 200 * time.Millisecond,
	}
}

func TestStageSuite(t *testing.T) {
	s := stageSuite(func() pipeline.Stage[string, int] { return stage(parse) })
	s.Concurrent = true
	t.Run("concurrent", s.Run)
	s.ByBatch = true
	t.Run("by batch", s.Run)
}

func TestStageSuiteNotices(t *testing.T) {
	type (
		in  = []pipeline.Record[string]
		out = *pipeline.Outbox[int]
	)
	for _, tc := range []struct {
		name, want string
		make       func() pipeline.Stage[string, int]
	}{
		{"a forgotten record", "accounts for every record", func() pipeline.Stage[string, int] {
			return stage(func(ctx context.Context, in in, out out) error {
				out.Emit(0, 1)
				return nil
			})
		}},
		{"an undeclared outlet", "diverts where it says", func() pipeline.Stage[string, int] { return pipeline.StageFunc[string, int](parse) }},
		{"a modified batch", "leaves its inputs alone", func() pipeline.Stage[string, int] {
			return stage(func(ctx context.Context, in in, out out) error {
				defer func() { in[0].Value = "0" }()
				return parse(ctx, in, out)
			})
		}},
		{"a modified header", "leaves its inputs alone", func() pipeline.Stage[string, int] {
			return stage(func(ctx context.Context, in in, out out) error {
				in[0].Key++
				return parse(ctx, in, out)
			})
		}},
		{"a kept batch", "keeps no batch", func() pipeline.Stage[string, int] {
			var kept in
			return stage(func(ctx context.Context, in in, out out) error {
				if kept != nil && kept[0].Header == nil {
					out.Emit(0, -1)
				}
				kept = in
				return parse(ctx, in, out)
			})
		}},
		{"dependence on batches", "does the same in batches of 3", func() pipeline.Stage[string, int] {
			return stage(func(ctx context.Context, in in, out out) error {
				out.Emit(0, len(in))
				return parse(ctx, in, out)
			})
		}},
		{"chance", "repeats itself", func() pipeline.Stage[string, int] {
			now := int(time.Now().UnixNano())
			return stage(func(ctx context.Context, in in, out out) error {
				out.Emit(0, now)
				return parse(ctx, in, out)
			})
		}},
		{"deafness to its context", "honours its context", func() pipeline.Stage[string, int] {
			return stage(func(ctx context.Context, in in, out out) error {
				if ctx.Err() != nil {
					<-t.Context().Done()
					return ctx.Err()
				}
				return parse(ctx, in, out)
			})
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			expect(t, failing(t, stageSuite(tc.make).checks()), tc.want)
		})
	}
}

// A store is last write wins, by key.
type store struct {
	mu   sync.Mutex
	rows map[uint64]string
}

func (s *store) Write(ctx context.Context, recs []pipeline.Record[string]) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var bad pipeline.Failures
	for i, r := range recs {
		if r.Value == "bad" {
			bad.Add(i, pipeline.Divert(pipeline.Invalid, errors.New("bad")))
			continue
		}
		s.rows[r.Key] = r.Value
	}
	return bad.Err()
}
func (*store) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

func sinkSuite(wrap func(*store) pipeline.Sink[string]) SinkSuite[string] {
	return SinkSuite[string]{
		New: func(testing.TB) (func() pipeline.Sink[string], func() any) {
			s := &store{rows: map[uint64]string{}}
			return func() pipeline.Sink[string] { return wrap(s) }, func() any {
				s.mu.Lock()
				defer s.mu.Unlock()
				return fmt.Sprint(s.rows)
			}
		},
		Values:  func() []string { return strings.Fields("a b c d bad f g h i j k l m n bad p q r s t") },
		Want:    func() any { return "map[1:h 2:p 3:q 4:r 5:s 6:t 7:n]" },
		Timeout: 200 * time.Millisecond,
	}
}

func TestSinkSuite(t *testing.T) {
	sinkSuite(func(s *store) pipeline.Sink[string] { return s }).Run(t)
}

// oddSink is a sink with its own Write and the outlets of a store.
type oddSink struct {
	*store
	write pipeline.SinkFunc[string]
}

func (o oddSink) Write(ctx context.Context, recs []pipeline.Record[string]) error {
	return o.write(ctx, recs)
}

func TestSinkSuiteNotices(t *testing.T) {
	type recs = []pipeline.Record[string]
	for _, tc := range []struct {
		name, want string
		write      func(*store) pipeline.SinkFunc[string]
	}{
		{"a lost record", "stores what it accepts", func(s *store) pipeline.SinkFunc[string] {
			return func(ctx context.Context, recs recs) error { return s.Write(ctx, recs[:1]) }
		}},
		{"appending", "changes nothing when written again", func(s *store) pipeline.SinkFunc[string] {
			return func(ctx context.Context, recs recs) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, r := range recs {
					s.rows[r.Key] += r.Value
				}
				return nil
			}
		}},
		{"appending what a lost answer repeats", "survives failures, seed 1", func(s *store) pipeline.SinkFunc[string] {
			return func(ctx context.Context, recs recs) error {
				s.mu.Lock()
				defer s.mu.Unlock()
				for _, r := range recs {
					s.rows[r.Key] += r.Value
				}
				return nil
			}
		}},
		{"success without writing", "honours its context", func(s *store) pipeline.SinkFunc[string] {
			return func(ctx context.Context, recs recs) error {
				if ctx.Err() != nil {
					return nil //nolint:nilerr // which the suite must notice
				}
				return s.Write(ctx, recs)
			}
		}},
		{"deafness to its context", "honours its context", func(s *store) pipeline.SinkFunc[string] {
			return func(ctx context.Context, recs recs) error {
				if ctx.Err() != nil {
					<-t.Context().Done()
				}
				return s.Write(ctx, recs)
			}
		}},
		{"the last batch alone", "stores the same in batches of 3", func(s *store) pipeline.SinkFunc[string] {
			return func(ctx context.Context, recs recs) error {
				s.mu.Lock()
				clear(s.rows)
				s.mu.Unlock()
				return s.Write(ctx, recs)
			}
		}},
		{"an undeclared outlet", "diverts where it says", func(s *store) pipeline.SinkFunc[string] {
			return func(ctx context.Context, recs recs) error {
				return pipeline.Divert(pipeline.Stale, errors.New("stale"))
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := sinkSuite(func(s *store) pipeline.Sink[string] { return oddSink{s, tc.write(s)} })
			expect(t, failing(t, s.checks()), tc.want)
		})
	}
}
