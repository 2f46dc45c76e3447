package coord

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"cdcpipe/pipeline"
)

// How often a worker says that it is alive, and how long it counts as alive
// after that.
const (
	HeartbeatEvery = 10 * time.Second
	HeartbeatTTL   = 30 * time.Second
)

// A Report is what a worker says of itself.
type Report struct {
	Worker     string    `json:"worker"` // hostname-PID
	Pipeline   string    `json:"pipeline"`
	Started    time.Time `json:"started"`
	Seen       time.Time `json:"seen"`
	Paused     bool      `json:"paused"`
	Partitions []string  `json:"partitions"`
	InFlight   int64     `json:"in_flight"`
}

// A Checkpoint is how far a partition is, as its worker last said. The offsets of
// record stand in PostgreSQL; these are for looking at.
type Checkpoint struct {
	Partition string    `json:"partition"`
	Offset    int64     `json:"offset"`
	Worker    string    `json:"worker"`
	Seen      time.Time `json:"seen"`
}

// A Worker registers a pipeline's process and keeps saying how it is.
type Worker struct {
	client  rueidis.Client
	stats   func() pipeline.Stats
	log     *slog.Logger
	name    string
	started time.Time
	down    bool // Redis did not answer last time
}

// NewWorker returns a worker that reports what stats returns.
func NewWorker(client rueidis.Client, stats func() pipeline.Stats, log *slog.Logger) *Worker {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Worker{client: client, stats: stats, log: log, name: fmt.Sprintf("%s-%d", host, os.Getpid()), started: time.Now()}
}

// Name returns hostname-PID.
func (w *Worker) Name() string { return w.name }

// Run reports at once and every [HeartbeatEvery], until ctx ends; then it takes
// the worker off the list. Redis may come and go meanwhile.
func (w *Worker) Run(ctx context.Context) {
	tick := time.NewTicker(HeartbeatEvery)
	defer tick.Stop()
	for {
		w.report(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			s := w.stats()
			w.client.Do(bye, w.client.B().Del().Key(workerKey(s.Pipeline, w.name)).Build())
			return
		}
	}
}

func (w *Worker) report(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, HeartbeatEvery/2)
	defer cancel()
	err := w.send(ctx)
	switch {
	case err != nil && !w.down && ctx.Err() == nil:
		w.log.Warn("Redis does not answer; going on without it", "err", err)
	case err == nil && w.down:
		w.log.Info("Redis answers again")
	}
	w.down = err != nil
}

func (w *Worker) send(ctx context.Context) error {
	s, now := w.stats(), time.Now()
	r := Report{Worker: w.name, Pipeline: s.Pipeline, Started: w.started, Seen: now, Paused: s.Paused, InFlight: s.InFlight}
	offsets := w.client.B().Hset().Key(offsetsKey(s.Pipeline)).FieldValue()
	for _, p := range s.Partitions {
		r.Partitions = append(r.Partitions, string(p.Partition))
		offsets = offsets.FieldValue(string(p.Partition), strings.Join([]string{strconv.FormatInt(p.Committed.Offset, 10), strconv.FormatInt(now.UnixMilli(), 10), w.name}, " "))
	}
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	cmds := rueidis.Commands{w.client.B().Set().Key(workerKey(s.Pipeline, w.name)).Value(string(raw)).Px(HeartbeatTTL).Build()}
	if len(s.Partitions) > 0 {
		cmds = append(cmds, offsets.Build())
	}
	for _, res := range w.client.DoMulti(ctx, cmds...) {
		if err := res.Error(); err != nil {
			return err
		}
	}
	return nil
}

// Keys of one pipeline share a hash tag, so that they share a slot of a cluster.
func workerKey(pipeline, worker string) string {
	return "cdcpipe:{" + pipeline + "}:worker:" + worker
}
func offsetsKey(pipeline string) string { return "cdcpipe:{" + pipeline + "}:offsets" }

// Workers returns the workers of a pipeline that are alive.
func Workers(ctx context.Context, client rueidis.Client, pipeline string) ([]Report, error) {
	var reports []Report
	for cursor := uint64(0); ; {
		page, err := client.Do(ctx, client.B().Scan().Cursor(cursor).Match(workerKey(pipeline, "*")).Count(1000).Build()).AsScanEntry()
		if err != nil {
			return nil, fmt.Errorf("list workers: %w", err)
		}
		for _, key := range page.Elements {
			raw, err := client.Do(ctx, client.B().Get().Key(key).Build()).AsBytes()
			if rueidis.IsRedisNil(err) {
				continue // it has just gone
			}
			var r Report
			if err == nil {
				err = json.Unmarshal(raw, &r)
			}
			if err != nil {
				return nil, fmt.Errorf("read %s: %w", key, err)
			}
			reports = append(reports, r)
		}
		if cursor = page.Cursor; cursor == 0 {
			return reports, nil
		}
	}
}

// Checkpoints returns how far the partitions of a pipeline are.
func Checkpoints(ctx context.Context, client rueidis.Client, pipeline string) ([]Checkpoint, error) {
	m, err := client.Do(ctx, client.B().Hgetall().Key(offsetsKey(pipeline)).Build()).AsStrMap()
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	var cs []Checkpoint
	for p, v := range m {
		f := strings.SplitN(v, " ", 3)
		if len(f) != 3 {
			continue // of another version
		}
		offset, _ := strconv.ParseInt(f[0], 10, 64)
		millis, _ := strconv.ParseInt(f[1], 10, 64)
		cs = append(cs, Checkpoint{p, offset, f[2], time.UnixMilli(millis)})
	}
	return cs, nil
}
