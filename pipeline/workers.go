package pipeline

import (
	"context"
	"sync"
)

// runWorkers applies do to several batches at a time and sends the results in the
// order the batches arrived: results queue up as promises.
func runWorkers[In, Out any](
	l *life, s *step, in <-chan []Record[In],
	do func(context.Context, []Record[In]) ([]Record[Out], error),
	send func(context.Context, []Record[Out]) error,
) error {
	type job struct {
		recs []Record[In]
		out  chan []Record[Out] // of capacity 1: a worker never waits for the sender
	}
	var wg sync.WaitGroup
	jobs, promises := make(chan job), make(chan chan []Record[Out], s.workers)
	l.start(&wg, func() error {
		defer close(jobs)
		defer close(promises)
		for recs := range gather(l.hard, in, s.limit) {
			j := job{recs, make(chan []Record[Out], 1)}
			select {
			case promises <- j.out: // Guarantee 3: results leave in this order
			case <-l.hard.Done():
				return nil
			}
			select {
			case jobs <- j:
			case <-l.hard.Done():
				return nil
			}
		}
		return nil
	})
	for range s.workers {
		l.start(&wg, func() error {
			for j := range jobs {
				out, err := do(l.hard, j.recs)
				if err != nil {
					return err
				}
				j.out <- out
			}
			return nil
		})
	}
	l.start(&wg, func() error {
		for promise := range promises {
			select {
			case out := <-promise:
				if err := send(l.hard, out); err != nil {
					return err
				}
			case <-l.hard.Done():
				return nil
			}
		}
		return nil
	})
	wg.Wait()
	return context.Cause(l.hard)
}
