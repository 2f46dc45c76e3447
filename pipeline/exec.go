package pipeline

import (
	"context"
	"sync"
)

// A life is one run of a pipeline: soft ends when reading should stop, hard when
// work should. kill ends both; the first cause is the one that counts.
//
// All goroutines of a run share one kill, however deep they are nested, so that a
// failure reaches every blocked one at once.
type life struct {
	soft, hard context.Context
	kill       context.CancelCauseFunc
}

// start runs f in wg. Its error ends the life.
func (l *life) start(wg *sync.WaitGroup, f func() error) {
	wg.Go(func() {
		if err := f(); err != nil {
			l.kill(err)
		}
	})
}

// runStage applies do to what comes in, as parallel as the step allows, and sends
// on what it makes. It returns when in is closed or the life ends.
func runStage[In, Out any](
	l *life, s *step, in <-chan []Record[In],
	do func(context.Context, []Record[In]) ([]Record[Out], error),
	send func(context.Context, []Record[Out]) error,
) error {
	if s.workers > 1 {
		return runWorkers(l, s, in, do, send)
	}
	return runSink(l, s, in, func(ctx context.Context, recs []Record[In]) error {
		out, err := do(ctx, recs)
		if err != nil {
			return err
		}
		return send(ctx, out)
	})
}

// runSink applies do to what comes in, by lanes if the step asks for them.
func runSink[T any](l *life, s *step, in <-chan []Record[T], do func(context.Context, []Record[T]) error) error {
	if s.lanes > 1 {
		return runLanes(l, s, in, do)
	}
	return runSerial(l, s, in, do)
}

func runSerial[T any](l *life, s *step, in <-chan []Record[T], do func(context.Context, []Record[T]) error) error {
	for recs := range gather(l.hard, in, s.limit) {
		if err := do(l.hard, recs); err != nil {
			return err
		}
	}
	return context.Cause(l.hard)
}
