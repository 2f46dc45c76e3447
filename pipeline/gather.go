package pipeline

import (
	"context"
	"iter"
	"time"
)

// A limit says when a gathered batch is full: at that many records or bytes, of
// which zero is no limit, or when its first record has waited linger.
type limit struct {
	records, bytes int
	linger         time.Duration
}

// gather yields what arrives on in, joined and split as lim says. It ends when in
// is closed or ctx is done.
func gather[T any](ctx context.Context, in <-chan []Record[T], lim limit) iter.Seq[[]Record[T]] {
	if lim.records <= 0 && lim.bytes <= 0 {
		return func(yield func([]Record[T]) bool) {
			for {
				select {
				case recs, ok := <-in:
					if !ok || ctx.Err() != nil || !yield(recs) {
						return
					}
				case <-ctx.Done():
					return
				}
			}
		}
	}
	return func(yield func([]Record[T]) bool) {
		var (
			held  []Record[T]
			bytes int
			due   <-chan time.Time
		)
		flush := func() bool {
			recs := held
			held, bytes, due = nil, 0, nil
			return yield(recs)
		}
		for {
			recs, got := next(ctx, in, due, len(held) > 0 && lim.linger <= 0)
			switch got {
			case timeout:
				if !flush() {
					return
				}
				continue
			case closed:
				if len(held) > 0 { // Guarantee 2: what was gathered goes on
					flush()
				}
				return
			case cancelled:
				return
			}
			for len(recs) > 0 {
				n, size, full := fit(lim, len(held), bytes, recs)
				if len(held) == 0 {
					held = recs[:n:n] // clipped: appending copies, and never writes to what others read
				} else {
					held = append(held, recs[:n]...)
				}
				bytes += size
				recs = recs[n:]
				if full && !flush() {
					return
				}
			}
			if len(held) > 0 && due == nil && lim.linger > 0 {
				due = time.After(lim.linger)
			}
		}
	}
}

type arrival int

const (
	records arrival = iota
	timeout
	closed
	cancelled
)

// next waits for records, and no longer than until due; if it is not to wait at
// all it reports a timeout at once.
func next[T any](ctx context.Context, in <-chan []Record[T], due <-chan time.Time, atOnce bool) (recs []Record[T], got arrival) {
	var ok bool
	if atOnce {
		select {
		case recs, ok = <-in:
		default:
			return nil, timeout
		}
	} else {
		select {
		case recs, ok = <-in:
		case <-due:
			return nil, timeout
		case <-ctx.Done():
			return nil, cancelled
		}
	}
	switch {
	case ctx.Err() != nil:
		return nil, cancelled
	case !ok:
		return nil, closed
	default:
		return recs, records
	}
}

// fit reports how many of recs, and how many bytes, still fit with what is held,
// and whether the batch is full with them.
func fit[T any](lim limit, held, bytes int, recs []Record[T]) (n, size int, full bool) {
	n = len(recs)
	if lim.records > 0 && held+n >= lim.records {
		n, full = lim.records-held, true
	}
	if lim.bytes <= 0 {
		return n, 0, full
	}
	for i := range n {
		s := recs[i].Size
		if bytes+size+s > lim.bytes && held+i > 0 {
			return i, size, true
		}
		size += s
		if bytes+size >= lim.bytes {
			return i + 1, size, true
		}
	}
	return n, size, full
}
