package pipeline

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

func TestBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBudget(cost{10, 100})
		acquire := func(c cost) <-chan error {
			got := make(chan error, 1)
			go func() { got <- b.acquire(t.Context(), c) }()
			synctest.Wait()
			return got
		}
		blocked := func(got <-chan error) bool {
			synctest.Wait()
			return len(got) == 0
		}
		if blocked(acquire(cost{9, 10})) || blocked(acquire(cost{1, 90})) {
			t.Fatal("what fits was refused")
		}
		records := acquire(cost{1, 0})
		if !blocked(records) {
			t.Error("exceeded the records")
		}
		b.release(cost{9, 10})
		if blocked(records) {
			t.Error("did not notice a release")
		}
		bytes := acquire(cost{0, 11})
		if !blocked(bytes) {
			t.Error("exceeded the bytes")
		}
		b.release(cost{1, 90})
		if blocked(bytes) {
			t.Error("did not notice a release of bytes")
		}
		huge := acquire(cost{1000, 1})
		if !blocked(huge) {
			t.Error("more than the budget was admitted beside others")
		}
		b.release(cost{1, 0})
		b.release(cost{0, 11})
		if blocked(huge) {
			t.Error("more than the budget was not admitted alone")
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stop")
		cancel(stop)
		if err := b.acquire(ctx, cost{1, 1}); err != stop {
			t.Errorf("got %v", err)
		}
		b.release(cost{1000, 1})
		if b.inUse() != (cost{}) {
			t.Errorf("%v left", b.inUse())
		}
	})
}
