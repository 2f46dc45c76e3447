package pipeline

import (
	"errors"
	"time"
)

// An Option configures one step of a pipeline.
type Option func(*options)

type options struct {
	workers, lanes int
	limit          limit
	batches, bytes bool // limit was set by Batches, by BatchBytes
	buffer         int
	retry          Retry
	breaker        Breaker
	diverts        []Outlet
}

// Workers runs a stage on n batches at a time. Batches leave in the order they
// arrived, so it is safe for any stage whose Process may be called concurrently.
func Workers(n int) Option { return func(o *options) { o.workers = n } }

// Lanes splits batches among n lanes by key. Order is kept within a key, and
// only within a key. Batches arrive smaller; see [Batches].
func Lanes(n int) Option { return func(o *options) { o.lanes = n } }

// Batches gathers records into batches of that many, waiting at most linger for
// more; with no linger it takes what has arrived already. It applies to each lane.
func Batches(records int, linger time.Duration) Option {
	return func(o *options) { o.limit.records, o.limit.linger, o.batches = records, linger, true }
}

// BatchBytes ends a batch that [Batches] gathers before it exceeds n bytes by
// [Header.Size], unless it is a single record.
func BatchBytes(n int) Option {
	return func(o *options) { o.limit.bytes, o.bytes = n, true }
}

// A Gatherer is a stage or sink that has its input gathered into batches of up to
// that many records or bytes, waiting at most linger for more, as by [Batches]
// and [BatchBytes], each of which takes precedence. Zero records or bytes are no limit.
// It is asked when the step is added.
type Gatherer interface {
	Gather() (records, bytes int, linger time.Duration)
}

// WithRetry replaces the default retry policy, which never gives up.
func WithRetry(r Retry) Option { return func(o *options) { o.retry = r } }

// WithBreaker replaces the default circuit breaker.
func WithBreaker(b Breaker) Option { return func(o *options) { o.breaker = b } }

// Buffer sets how many batches may wait in front of a step. It defaults to 2:
// enough to keep a step busy, small enough that back-pressure is prompt.
func Buffer(n int) Option { return func(o *options) { o.buffer = n } }

// Diverts says which outlets a step uses besides those it names itself; see
// [Diverter]. It is for steps made of functions.
func Diverts(outlets ...Outlet) Option {
	return func(o *options) { o.diverts = append(o.diverts, outlets...) }
}

func (o *options) validate(kind Kind) (err error) {
	if o.workers < 0 || o.lanes < 0 || o.buffer < 0 {
		err = errors.Join(err, errors.New("workers, lanes and buffer must not be negative"))
	}
	if o.limit.records < 0 || o.limit.bytes < 0 || o.limit.linger < 0 {
		err = errors.Join(err, errors.New("batch limits must not be negative"))
	}
	if o.workers > 1 && o.lanes > 1 {
		err = errors.Join(err, errors.New("workers and lanes exclude one another"))
	}
	if o.workers > 1 && kind != StageKind {
		err = errors.Join(err, errors.New("only a stage has workers; a sink takes lanes"))
	}
	return errors.Join(err, o.retry.validate(), o.breaker.validate())
}
