package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/redis/rueidis"

	"cdcpipe/coord"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	kafkasink "cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/generator"
	"cdcpipe/sources/kafka"
	"cdcpipe/stages"
)

// Environment of a worker.
const (
	fileEnv  = "CHAOS_PIPELINE" // the text of the pipeline's file
	redisEnv = "CHAOS_REDIS"
)

// A state is what a worker says of itself, each time that it has changed.
type state struct {
	Open    bool
	Settled map[pipeline.Partition]int64 // offsets, of what it owns
	Durable int64                        // records: merged or on an outlet
	Heap    uint64                       // in use, the most so far
	Flight  int64                        // records in flight, the most so far

	Ended *ending // in the last of all
}

// An ending is what a worker leaves, against what it found.
type ending struct {
	Read, Gone       int64 // records read; merged, on an outlet or dropped by name
	Dropped          int64
	Goroutines, Were int
	Heap, HeapWas    uint64
}

// work is a worker: the pipeline of a file, as cdcpipe run has it. It stops in
// order at the word stop, and at once when whoever started it is gone.
func work() error {
	were, heapWas := runtime.NumGoroutine(), heap()
	e, err := pipe()
	if err != nil {
		return err
	}
	for range 100 { // what has ended leaves a moment later
		if runtime.NumGoroutine() <= were+1 { // one reads what the test says
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	e.Were, e.HeapWas, e.Goroutines, e.Heap = were, heapWas, runtime.NumGoroutine()-1, heap()
	return json.NewEncoder(os.Stdout).Encode(state{Ended: e})
}

// heap returns what is reachable.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func pipe() (*ending, error) {
	soft, stop := context.WithCancel(context.Background())
	defer stop()
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	r := new(plugin.Registry)
	kafka.Register(r)
	stages.Register(r)
	postgres.Register(r)
	kafkasink.Register(r)
	s, err := spec.Parse(soft, "chaos.yaml", []byte(os.Getenv(fileEnv)), r, spec.Options{Environ: []string{}})
	if err != nil {
		return nil, err
	}
	g, err := generator.New(generator.Config{StartTime: 1_700_000_000_000_000, Interval: time.Millisecond, Prefix: "chaos"}) // for its tables
	if err != nil {
		return nil, err
	}
	built, err := s.Build(plugin.Env{Logger: log, Catalog: cdc.NewCatalog(nil, g.Tables()...)})
	if err != nil {
		return nil, err
	}
	p := built.Pipeline
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if lines.Text() == "stop" {
				stop()
			}
		}
		os.Exit(3) //nolint:forbidigo // nobody is left to report to
	}()
	var wg sync.WaitGroup
	quit, end := context.WithCancel(context.Background())
	redis := coord.RedisConfig{Addresses: []string{os.Getenv(redisEnv)}}
	wg.Go(func() {
		coord.NewWorker(func(ctx context.Context) (rueidis.Client, error) { return coord.Connect(ctx, redis) }, p.Stats, log).Run(quit)
	})
	wg.Go(func() { tell(quit, p) })
	err = p.Run(soft)
	end()
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return ended(p.Stats()), nil
}

// tell prints the state of p whenever it has changed.
func tell(ctx context.Context, p *pipeline.Pipeline) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	out := json.NewEncoder(os.Stdout)
	var last state
	for n := 0; ; n++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		st := p.Stats()
		now := state{Open: st.Open, Settled: map[pipeline.Partition]int64{}, Heap: last.Heap, Flight: max(last.Flight, st.InFlight)}
		for _, q := range st.Partitions {
			if q.Settled != (pipeline.Mark{}) {
				now.Settled[q.Partition] = q.Settled.Offset
			}
		}
		e := ended(st)
		now.Durable = e.Gone - e.Dropped
		if n%10 == 0 {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			now.Heap = max(now.Heap, m.HeapInuse)
		}
		if now.Open == last.Open && now.Durable == last.Durable && maps.Equal(now.Settled, last.Settled) && n%20 != 0 {
			continue
		}
		last = now
		if out.Encode(now) != nil {
			return
		}
	}
}

// ended counts what became of what was read.
func ended(s pipeline.Stats) *ending {
	e := &ending{}
	for _, step := range s.Steps {
		switch step.Kind {
		case pipeline.SourceKind:
			e.Read += step.Out
		case pipeline.SinkKind, pipeline.OutletKind:
			e.Gone += step.Out
		}
		for _, n := range step.Dropped {
			e.Gone += n
			e.Dropped += n
		}
	}
	return e
}
