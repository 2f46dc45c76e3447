package coord

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
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
	connect func(context.Context) (rueidis.Client, error)
	stats   func() pipeline.Stats
	log     *slog.Logger
	name    string
	started time.Time
	client  rueidis.Client // nil until connected, and after an error
	trouble fault.Code     // of the last report, as was logged; empty if it went well
}

// NewWorker returns a worker that reports what stats returns. It calls connect,
// such as [Connect], whenever it has no connection that works.
func NewWorker(connect func(context.Context) (rueidis.Client, error), stats func() pipeline.Stats, log *slog.Logger) *Worker {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return &Worker{connect: connect, stats: stats, log: log, name: fmt.Sprintf("%s-%d", host, os.Getpid()), started: time.Now()}
}

// Name returns hostname-PID.
func (w *Worker) Name() string { return w.name }

// Run reports at once and every [HeartbeatEvery], until ctx ends; then it takes
// the worker off the list. Redis may be away at first, and come and go meanwhile:
// each kind of trouble is logged when it begins, and that it is over.
func (w *Worker) Run(ctx context.Context) {
	tick := time.NewTicker(HeartbeatEvery)
	defer tick.Stop()
	for {
		w.report(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			w.leave(ctx)
			return
		}
	}
}

// leave takes the worker off the list, if Redis lets it at once.
func (w *Worker) leave(ctx context.Context) {
	if w.client == nil {
		return
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	w.client.Do(bye, w.client.B().Del().Key(workerKey(w.stats().Pipeline, w.name)).Build())
	w.client.Close()
}

func (w *Worker) report(ctx context.Context) {
	within, cancel := context.WithTimeout(ctx, HeartbeatEvery/2)
	defer cancel()
	err := w.send(within)
	if err == nil {
		if w.trouble != "" {
			w.log.Info("Redis takes heartbeats again")
		}
		w.trouble = ""
		return
	}
	// Whatever it was, a new connection may find another server: a primary.
	if w.client != nil {
		w.client.Close()
		w.client = nil
	}
	if code := fault.CodeOf(err); code != w.trouble && ctx.Err() == nil { // or it is the end that is in the way
		w.log.Warn("Redis takes no heartbeat; going on without it", "err", err)
		w.trouble = code
	}
}

func (w *Worker) send(ctx context.Context) error {
	if w.client == nil {
		client, err := w.connect(ctx)
		if err != nil {
			return Judge(err)
		}
		w.client = client
	}
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
			return Judge(fmt.Errorf("send a heartbeat: %w", err))
		}
	}
	return nil
}

// Keys of one pipeline share a hash tag, so that they share a slot of a cluster.
func workerKey(pipeline, worker string) string {
	return "cdcpipe:{" + pipeline + "}:worker:" + worker
}
func offsetsKey(pipeline string) string { return "cdcpipe:{" + pipeline + "}:offsets" }

// Workers returns the workers of a pipeline that are alive. Its errors have codes.
// What is in a worker's key and is no report is an error, beside the reports of the
// others.
func Workers(ctx context.Context, client rueidis.Client, pipeline string) (reports []Report, err error) {
	var strange []error
	for cursor := uint64(0); ; {
		page, err := client.Do(ctx, client.B().Scan().Cursor(cursor).Match(workerKey(pipeline, "*")).Count(1000).Build()).AsScanEntry()
		if err != nil {
			return nil, Judge(fmt.Errorf("list workers: %w", err))
		}
		for _, key := range page.Elements {
			raw, err := client.Do(ctx, client.B().Get().Key(key).Build()).AsBytes()
			if rueidis.IsRedisNil(err) {
				continue // it has just gone
			}
			var r Report
			if err == nil {
				if err = json.Unmarshal(raw, &r); err != nil {
					err = fault.Wrap(fault.RedisRefused, err)
				}
			}
			switch err = Judge(err); {
			case fault.Is(err, fault.RedisRefused):
				strange = append(strange, fmt.Errorf("read %s: %w", key, err))
			case err != nil:
				return nil, fmt.Errorf("read %s: %w", key, err)
			default:
				reports = append(reports, r)
			}
		}
		if cursor = page.Cursor; cursor == 0 {
			return reports, errors.Join(strange...)
		}
	}
}

// Checkpoints returns how far the partitions of a pipeline are. Its errors have
// codes. What is no checkpoint is an error, beside the checkpoints.
func Checkpoints(ctx context.Context, client rueidis.Client, pipeline string) ([]Checkpoint, error) {
	m, err := client.Do(ctx, client.B().Hgetall().Key(offsetsKey(pipeline)).Build()).AsStrMap()
	if err != nil {
		return nil, Judge(fmt.Errorf("read checkpoints: %w", err))
	}
	var cs []Checkpoint
	var strange []error
	for p, v := range m {
		f := append(strings.SplitN(v, " ", 3), "", "")
		offset, err1 := strconv.ParseInt(f[0], 10, 64)
		millis, err2 := strconv.ParseInt(f[1], 10, 64)
		if errors.Join(err1, err2) != nil || f[2] == "" {
			strange = append(strange, fault.New(fault.RedisRefused, "read checkpoints: %s has %q", p, v))
			continue
		}
		cs = append(cs, Checkpoint{p, offset, f[2], time.UnixMilli(millis)})
	}
	return cs, errors.Join(strange...)
}
