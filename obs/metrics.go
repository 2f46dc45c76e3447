package obs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"cdcpipe/pipeline"
)

// A Collector turns the statistics of pipelines into metrics, at each scrape.
// Nothing is counted twice or in between, and recording costs nothing.
type Collector struct {
	stats []func() pipeline.Stats
	now   func() time.Time
	d     descriptions
}

var _ prometheus.Collector = (*Collector)(nil)

// NewCollector returns a collector of the statistics that the functions return.
func NewCollector(stats ...func() pipeline.Stats) *Collector {
	return &Collector{stats: stats, now: time.Now, d: describe()}
}

type descriptions struct {
	in, out, bytes, dropped, diverted, attempts, retries, duration, batch,
	queueRecords, queueBatches, queueCapacity, breaker,
	inFlight, inFlightMax, inFlightBytes, inFlightBytesMax, held, paused,
	commits, commitsFailed, position, progress, lag, lagRecords *prometheus.Desc
}

func describe() descriptions {
	d := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("cdcpipe_"+name, help, append([]string{"pipeline"}, labels...), nil)
	}
	return descriptions{
		in:               d("records_in_total", "Records that a step received.", "step", "kind"),
		out:              d("records_out_total", "Records that a step passed on; of a sink, that are durable.", "step", "kind"),
		bytes:            d("received_bytes_total", "Bytes, as read, of the records that a step received.", "step", "kind"),
		dropped:          d("dropped_records_total", "Records that a step left out knowingly, by reason.", "step", "reason"),
		diverted:         d("diverted_records_total", "Records that left by an outlet.", "step", "outlet"),
		attempts:         d("attempts_total", "Calls of a step on a batch, repeated ones included.", "step"),
		retries:          d("retries_total", "Repeated calls of a step on a batch.", "step"),
		duration:         d("stage_duration_seconds", "Time of one call of a step on a batch.", "step"),
		batch:            d("batch_records", "Records in one call of a step.", "step"),
		queueRecords:     d("queue_depth_records", "Records that wait in front of a step.", "step"),
		queueBatches:     d("queue_depth_batches", "Batches that wait in front of a step.", "step"),
		queueCapacity:    d("queue_capacity_batches", "Batches that can wait in front of a step.", "step"),
		breaker:          d("circuit_breaker_state", "State of a step's circuit breaker: 0 closed, 1 half open, 2 open.", "step"),
		inFlight:         d("inflight_records", "Records read but not settled."),
		inFlightMax:      d("inflight_records_max", "Greatest number of records read but not settled."),
		inFlightBytes:    d("inflight_bytes", "Bytes read but not settled."),
		inFlightBytesMax: d("inflight_bytes_max", "Greatest number of bytes read but not settled."),
		held:             d("held_records", "Records held back of paused partitions."),
		paused:           d("paused", "Whether reading is paused: 1 if it is."),
		commits:          d("commit_duration_seconds", "Time of one commit of offsets."),
		commitsFailed:    d("commits_failed_total", "Commits of offsets that failed and were repeated."),
		position:         d("partition_offset", "Offset of a partition that is read, settled or committed.", "partition", "mark"),
		progress:         d("partition_last_progress_timestamp_seconds", "When a record of a partition last settled.", "partition"),
		lag:              d("replication_lag_seconds", "Age of the first record of a partition that has not settled.", "partition"),
		lagRecords:       d("replication_lag_records", "Records of a partition that have not settled, if the source knows where it ends.", "partition"),
	}
}

// Describe sends every description.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	d := &c.d
	for _, x := range []*prometheus.Desc{d.in, d.out, d.bytes, d.dropped, d.diverted, d.attempts, d.retries, d.duration, d.batch,
		d.queueRecords, d.queueBatches, d.queueCapacity, d.breaker, d.inFlight, d.inFlightMax, d.inFlightBytes, d.inFlightBytesMax,
		d.held, d.paused, d.commits, d.commitsFailed, d.position, d.progress, d.lag, d.lagRecords} {
		ch <- x
	}
}

// Collect sends every metric.
func (c *Collector) Collect(ch chan<- prometheus.Metric) {
	for _, stats := range c.stats {
		s := stats()
		m := metrics{ch, s.Pipeline}
		c.pipeline(m, &s)
		for i := range s.Steps {
			c.step(m, &s.Steps[i])
		}
		for i := range s.Partitions {
			c.partition(m, &s.Partitions[i])
		}
	}
}

func (c *Collector) pipeline(m metrics, s *pipeline.Stats) {
	m.gauge(c.d.inFlight, float64(s.InFlight))
	m.gauge(c.d.inFlightMax, float64(s.InFlightMax))
	m.gauge(c.d.inFlightBytes, float64(s.InFlightBytes))
	m.gauge(c.d.inFlightBytesMax, float64(s.InFlightBytesMax))
	m.gauge(c.d.held, float64(s.Held))
	m.gauge(c.d.paused, number(s.Paused))
	histogram(m, c.d.commits, s.Commit, time.Duration.Seconds)
	m.counter(c.d.commitsFailed, s.CommitFailed)
}

func (c *Collector) step(m metrics, s *pipeline.StepStats) {
	kind := string(s.Kind)
	m.counter(c.d.out, s.Out, s.Name, kind)
	if s.Kind == pipeline.SourceKind {
		return
	}
	m.counter(c.d.in, s.In, s.Name, kind)
	m.counter(c.d.bytes, s.Bytes, s.Name, kind)
	m.counter(c.d.attempts, s.Attempts, s.Name)
	m.counter(c.d.retries, s.Retries, s.Name)
	for why, n := range s.Dropped {
		m.counter(c.d.dropped, n, s.Name, why)
	}
	for o, n := range s.Diverted {
		m.counter(c.d.diverted, n, s.Name, string(o))
	}
	m.gauge(c.d.queueRecords, float64(s.Queue.Records), s.Name)
	m.gauge(c.d.queueBatches, float64(s.Queue.Batches), s.Name)
	m.gauge(c.d.queueCapacity, float64(s.Queue.Capacity), s.Name)
	histogram(m, c.d.duration, s.Duration, time.Duration.Seconds, s.Name)
	histogram(m, c.d.batch, s.BatchSize, func(n int64) float64 { return float64(n) }, s.Name)
	switch s.Breaker {
	case pipeline.BreakerClosed:
		m.gauge(c.d.breaker, 0, s.Name)
	case pipeline.BreakerHalfOpen:
		m.gauge(c.d.breaker, 1, s.Name)
	case pipeline.BreakerOpen:
		m.gauge(c.d.breaker, 2, s.Name)
	}
}

func (c *Collector) partition(m metrics, s *pipeline.PartitionStats) {
	p := string(s.Partition)
	m.gauge(c.d.position, float64(s.Read.Offset), p, "read")
	m.gauge(c.d.position, float64(s.Settled.Offset), p, "settled")
	m.gauge(c.d.position, float64(s.Committed.Offset), p, "committed")
	if !s.Progress.IsZero() {
		m.gauge(c.d.progress, float64(s.Progress.UnixMilli())/1000, p)
	}
	records, age, known := s.Lag(c.now())
	if known {
		m.gauge(c.d.lagRecords, float64(records), p)
	}
	m.gauge(c.d.lag, age.Seconds(), p)
}

// metrics sends metrics of one pipeline.
type metrics struct {
	ch       chan<- prometheus.Metric
	pipeline string
}

func (m metrics) labels(rest []string) []string { return append([]string{m.pipeline}, rest...) }

func (m metrics) gauge(d *prometheus.Desc, v float64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, m.labels(labels)...)
}

func (m metrics) counter(d *prometheus.Desc, v int64, labels ...string) {
	m.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), m.labels(labels)...)
}

func histogram[V ~int64](m metrics, d *prometheus.Desc, v pipeline.Distribution[V], unit func(V) float64, labels ...string) {
	buckets, below := make(map[float64]uint64, len(v.Bounds)), uint64(0)
	for i, b := range v.Bounds {
		below += v.Counts[i]
		buckets[unit(b)] = below
	}
	m.ch <- prometheus.MustNewConstHistogram(d, v.Count, unit(v.Sum), buckets, m.labels(labels)...)
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
