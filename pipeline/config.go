package pipeline

import (
	"errors"
	"log/slog"
	"time"
)

// Config configures a pipeline. The zero value is usable; see the fields for
// the defaults it implies.
type Config struct {
	// InFlight bounds the records read but not yet settled, and with it memory,
	// and how much is read again after a crash. Steps that gather batches in lanes
	// need several times lanes times batch size. Defaults to 50 000.
	InFlight int

	// InFlightBytes bounds the bytes read but not yet settled, as sources count
	// them in [Batch.Bytes]. A batch larger than a whole budget is admitted alone.
	// Defaults to 64 MiB.
	InFlightBytes int

	// CommitEvery and CommitRecords say when marks are committed: when so much
	// time has passed since the first uncommitted one, or so many records have
	// settled since the last commit, whichever is first. They default to 10s and
	// 1 000.
	CommitEvery   time.Duration
	CommitRecords int

	// DrainTimeout bounds how long Run keeps working after its context ends.
	// What has not settled by then is abandoned, uncommitted. Defaults to 30s.
	DrainTimeout time.Duration

	// Offsets keeps the marks of record. Without it the source's Commit is all
	// there is.
	Offsets Offsets

	// Logger receives rare events. Defaults to slog.Default().
	Logger *slog.Logger

	// Hooks observes the pipeline. Any field may be nil.
	Hooks Hooks
}

func (c Config) withDefaults() Config {
	orDefault(&c.InFlight, 50_000)
	orDefault(&c.InFlightBytes, 64<<20)
	orDefault(&c.CommitEvery, 10*time.Second)
	orDefault(&c.CommitRecords, 1000)
	orDefault(&c.DrainTimeout, 30*time.Second)
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func (c Config) validate() (err error) {
	if c.InFlight < 0 || c.InFlightBytes < 0 || c.CommitRecords < 0 {
		err = errors.Join(err, errors.New("InFlight, InFlightBytes and CommitRecords must not be negative"))
	}
	if c.CommitEvery < 0 || c.DrainTimeout < 0 {
		err = errors.Join(err, errors.New("CommitEvery and DrainTimeout must not be negative"))
	}
	return err
}

func orDefault[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
