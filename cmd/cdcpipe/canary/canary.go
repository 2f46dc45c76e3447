// Package canary measures the way of a change from Cassandra through Debezium's agent,
// Kafka and the pipeline into PostgreSQL: it writes a row to a table of cdcpipe's own
// and looks when it is in the replica. Where anything on the way is silent, so is the
// canary, and that is told.
package canary

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cdcpipe/pipeline/fault"
)

// A Writer writes to Cassandra.
type Writer interface {
	// Prepare makes the table if it is not there, and reports whether it has.
	Prepare(ctx context.Context) (made bool, err error)
	// Write replaces the row of a worker by one that says when.
	Write(ctx context.Context, worker string, when time.Time) error
}

// A Reader reads the replica.
type Reader interface {
	// Newest returns what the row of a worker says, the zero time if there is none.
	Newest(ctx context.Context, worker string) (time.Time, error)
}

// Config says what to do how often.
type Config struct {
	Pipeline string        // label of the metrics
	Worker   string        // key of the row; each worker of the cluster needs its own
	Every    time.Duration // between writes
	Silence  time.Duration // age of the newest canary that is told
	Log      *slog.Logger
}

// How often the replica is looked at: often while a canary is on its way as it should
// be, and seldom once it is late.
const (
	soon = 50 * time.Millisecond
	late = time.Second
	// overdue is how long a canary may be on its way before it is late.
	overdue = 10 * time.Second
)

// opTimeout bounds a write and a look.
const opTimeout = 10 * time.Second

// A Canary is also the collector of its metrics.
type Canary struct {
	cfg    Config
	writer Writer
	reader Reader

	seconds prometheus.Histogram
	failed  prometheus.Counter
	age     prometheus.GaugeFunc

	mu     sync.Mutex
	start  time.Time
	sent   time.Time // when the newest was written
	seen   time.Time // when the newest that is in the replica was written
	silent bool      // and that was told
}

// New returns a canary.
func New(w Writer, r Reader, cfg Config) *Canary {
	labels := prometheus.Labels{"pipeline": cfg.Pipeline}
	c := &Canary{cfg: cfg, writer: w, reader: r, start: now()}
	c.seconds = prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "cdcpipe_canary_seconds", Help: "Time from a write in Cassandra until it is in the replica.", ConstLabels: labels,
		Buckets: []float64{0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60},
	})
	c.failed = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "cdcpipe_canary_writes_failed_total", Help: "Writes of the canary that Cassandra has not taken.", ConstLabels: labels,
	})
	c.age = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "cdcpipe_canary_age_seconds", Help: "Time since the newest canary that is in the replica was written.", ConstLabels: labels,
	}, func() float64 { return c.Age().Seconds() })
	return c
}

// Describe sends the descriptions of the metrics.
func (c *Canary) Describe(ch chan<- *prometheus.Desc) { prometheus.DescribeByCollect(c, ch) }

// Collect sends the metrics.
func (c *Canary) Collect(ch chan<- prometheus.Metric) {
	c.seconds.Collect(ch)
	c.failed.Collect(ch)
	c.age.Collect(ch)
}

// Age returns how long ago the newest canary that has come through was written; before
// the first it counts from [New].
func (c *Canary) Age() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ageLocked()
}

func (c *Canary) ageLocked() time.Duration {
	if c.seen.After(c.start) {
		return time.Since(c.seen)
	}
	return time.Since(c.start)
}

// now returns the time in microseconds, as the table keeps it.
func now() time.Time { return time.Now().Truncate(time.Microsecond) }

// Run writes and looks until ctx ends. What fails is told and tried again.
func (c *Canary) Run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { c.write(ctx) })
	wg.Go(func() { c.watch(ctx) })
	wg.Wait()
}

func (c *Canary) write(ctx context.Context) {
	prepared, failing := false, false
	for tick := time.NewTicker(c.cfg.Every); ; {
		err := c.once(ctx, &prepared)
		if err != nil && ctx.Err() == nil {
			c.failed.Inc()
			if !failing {
				c.cfg.Log.Error("canary cannot be written", "code", string(fault.CodeOf(err)), "err", err, "fix", fault.Describe(fault.CodeOf(err)).Fix)
			}
		}
		failing = err != nil
		select {
		case <-tick.C:
		case <-ctx.Done():
			tick.Stop()
			return
		}
	}
}

func (c *Canary) once(ctx context.Context, prepared *bool) error {
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	if !*prepared {
		made, err := c.writer.Prepare(ctx)
		if err != nil {
			return err
		}
		*prepared = true
		if made {
			c.cfg.Log.Warn("made the canary's table: restart Debezium's agents once, for they may not see it")
		}
	}
	when := now()
	if err := c.writer.Write(ctx, c.cfg.Worker, when); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = when
	return nil
}

func (c *Canary) watch(ctx context.Context) {
	for {
		select {
		case <-time.After(c.pause()):
		case <-ctx.Done():
			return
		}
		c.look(ctx)
		c.tell()
	}
}

// pause returns how long to wait before the next look.
func (c *Canary) pause() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ageLocked() > c.cfg.Every+overdue {
		return late
	}
	return soon
}

// look asks the replica, if there is something to wait for. That it cannot be asked is
// the sink's to tell; here it counts as not seen.
func (c *Canary) look(ctx context.Context) {
	c.mu.Lock()
	waiting := c.sent.After(c.seen)
	c.mu.Unlock()
	if !waiting {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, opTimeout)
	defer cancel()
	newest, err := c.reader.Newest(ctx, c.cfg.Worker)
	if err != nil {
		c.cfg.Log.Debug("canary cannot be looked for", "err", err)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if newest.After(c.seen) && !newest.Before(c.start) { // an older one is of a run before
		c.seconds.Observe(time.Since(newest).Seconds())
		c.seen = newest
	}
}

// tell logs once that the canary is silent, and once that it no longer is.
func (c *Canary) tell() {
	age := c.Age()
	c.mu.Lock()
	was := c.silent
	c.silent = age > c.cfg.Silence
	is := c.silent
	c.mu.Unlock()
	switch {
	case is && !was:
		c.cfg.Log.Error("changes of Cassandra do not arrive", "code", string(fault.CanarySilent), "age", age.Round(time.Millisecond),
			"fix", fault.Describe(fault.CanarySilent).Fix)
	case was && !is:
		c.cfg.Log.Info("changes of Cassandra arrive again", "age", age.Round(time.Millisecond))
	}
}
