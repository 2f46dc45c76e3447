package demo

import (
	"context"
	"errors"
	"sync"
	"time"

	"cdcpipe/cmd/cdcpipe/devstack"
	"cdcpipe/configs"
	"github.com/redis/rueidis"

	"cdcpipe/coord"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
	"cdcpipe/sources/generator"
)

// Partitions of every topic.
const partitions = 3

// gentle is the rate of a run without an end, if none is asked for.
const gentle = 2000

// Run runs everything until all events are merged, or soft ends; hard ends it at
// once. What it leaves in the directory the next Run goes on from, unless all
// was merged.
func Run(soft, hard context.Context, o Options) (sum Summary, err error) {
	lock, err := devstack.Lock(o.Dir)
	if err != nil {
		return sum, err
	}
	defer lock.Close()
	st, resumed, err := resume(&o)
	if err != nil {
		return sum, err
	}
	g, err := st.generator()
	if err != nil {
		return sum, err
	}
	starting, cancel := context.WithTimeout(soft, time.Minute)
	defer cancel()
	stack, err := devstack.Start(starting, devstack.Config{Dir: o.Dir, Partitions: partitions})
	if err != nil {
		return sum, err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.WithoutCancel(hard), 20*time.Second)
		defer cancel()
		err = errors.Join(err, stack.Stop(stopping))
	}()
	r := &running{o: o, g: g, stack: stack, before: st.Elapsed, began: time.Now()}
	if err := r.build(hard); err != nil {
		return sum, err
	}
	addresses := Addresses{Dir: o.Dir, Kafka: stack.Brokers()[0], Postgres: stack.DSN(), Redis: stack.RedisAddr(), Resumed: resumed}
	if o.Serve != nil {
		addr, end, err := o.Serve(r.main.Stats)
		if err != nil {
			return sum, err
		}
		defer end()
		addresses.Admin = addr
	}
	if o.Started != nil {
		o.Started(addresses)
	}
	done, err := r.run(soft, hard)
	st.Elapsed += time.Since(r.began)
	if err != nil {
		return sum, errors.Join(err, st.save(o.Dir))
	}
	sum = r.summary(st, done)
	if done {
		r.show(Progress{Comparing: true, Settled: st.Events, Generated: st.Events, Elapsed: st.Elapsed})
		if sum, err = sum.compared(hard, stack.DSN(), g); err != nil {
			return sum, err
		}
		st.Finished = true
	}
	return sum, st.save(o.Dir)
}

// A running is one process of a run.
type running struct {
	o      Options
	g      *generator.Generator
	stack  *devstack.Stack
	feeder *feeder
	main   *pipeline.Pipeline
	before time.Duration // what earlier processes took
	began  time.Time
}

// build wires both pipelines: the one that feeds Kafka, and the one on show.
func (r *running) build(ctx context.Context) error {
	if err := createTopics(ctx, r.stack.Brokers(), r.g.Topics()); err != nil {
		return err
	}
	rate := r.o.Rate
	if rate == 0 && r.o.Events == 0 {
		rate = gentle
	}
	var err error
	if r.feeder, err = newFeeder(r.g, rate, r.stack, r.o.Logger); err != nil {
		return err
	}
	text, err := configs.FS.ReadFile("embedded.yaml")
	if err != nil {
		return err
	}
	environ := []string{"KAFKA_BROKERS=" + r.stack.Brokers()[0], "PG_DSN=" + r.stack.DSN()}
	s, err := spec.Parse(ctx, "embedded.yaml", text, r.o.Registry, spec.Options{Environ: environ})
	if err != nil {
		return err
	}
	built, err := s.Build(plugin.Env{Logger: r.o.Logger, Catalog: cdc.NewCatalog(nil, r.g.Tables()...)})
	if err != nil {
		return err
	}
	r.main = built.Pipeline
	return nil
}

// run moves events until all are merged or soft ends. It reports whether all are.
func (r *running) run(soft, hard context.Context) (done bool, err error) {
	defer context.AfterFunc(hard, func() {
		r.feeder.pipeline.Abandon()
		r.main.Abandon()
	})()
	var wg sync.WaitGroup
	quit, stop := context.WithCancel(hard)
	defer wg.Wait()
	defer stop()
	redis := coord.RedisConfig{Addresses: []string{r.stack.RedisAddr()}}
	wg.Go(func() {
		coord.NewWorker(func(ctx context.Context) (rueidis.Client, error) { return coord.Connect(ctx, redis) }, r.main.Stats, r.o.Logger).Run(quit)
	})
	fed, merged := make(chan error, 1), make(chan error, 1)
	wg.Go(func() { fed <- r.feeder.pipeline.Run(soft) })
	wg.Go(func() { merged <- r.main.Run(soft) })
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var ends map[pipeline.Partition]int64 // nil until everything was fed
	for {
		select {
		case err := <-fed:
			if err != nil {
				r.main.Drain()
				return false, errors.Join(err, <-merged)
			}
			if r.o.Events > 0 && soft.Err() == nil {
				if ends, err = endOffsets(hard, r.stack.Brokers(), r.g.Topics()); err != nil {
					r.main.Drain()
					return false, errors.Join(err, <-merged)
				}
			}
			fed = nil
		case err := <-merged:
			r.feeder.pipeline.Drain()
			if fed != nil {
				err = errors.Join(err, <-fed)
			}
			return done, err
		case <-tick.C:
			s := r.main.Stats()
			r.show(r.progress(s))
			if ends != nil && !done && reached(s, ends) {
				done = true
				r.main.Drain()
			}
		}
	}
}

// reached reports whether everything up to the ends has settled.
func reached(s pipeline.Stats, ends map[pipeline.Partition]int64) bool {
	at := map[pipeline.Partition]int64{}
	for _, p := range s.Partitions {
		at[p.Partition] = p.Settled.Offset
	}
	for p, end := range ends {
		offset, ok := at[p]
		if end > 0 && (!ok || offset < end-1) {
			return false
		}
	}
	return true
}

func (r *running) show(p Progress) {
	if r.o.Progress != nil {
		r.o.Progress(p)
	}
}

func (r *running) progress(s pipeline.Stats) Progress {
	p := Progress{Elapsed: r.before + time.Since(r.began), Letters: map[pipeline.Outlet]int64{}, Generated: r.feeder.generated()}
	for _, q := range s.Partitions {
		if q.Settled != (pipeline.Mark{}) {
			p.Settled += uint64(q.Settled.Offset + 1)
		}
		_, age, _ := q.Lag(time.Now())
		p.Lag = max(p.Lag, age)
	}
	if r.o.Events > 0 {
		p.Settled = min(p.Settled, r.o.Events) // after a crash some are fed twice
	}
	for _, step := range s.Steps {
		if step.Kind == pipeline.OutletKind {
			p.Letters[pipeline.Outlet(step.Name)] = step.Out
		}
	}
	return p
}

func (r *running) summary(st state, done bool) Summary {
	s := Summary{Events: st.Events, Seconds: st.Elapsed.Seconds(), Seed: st.Seed, Compared: done}
	if !done {
		p := r.progress(r.main.Stats())
		s.Events = p.Settled
		s.DeadLetters, s.Invalid, s.Stale = int(p.Letters[pipeline.DeadLetter]), int(p.Letters[pipeline.Invalid]), int(p.Letters[pipeline.Stale])
	}
	s.EventsPerSecond = float64(s.Events) / s.Seconds
	return s
}

// compared holds the replica and the outlets against the oracle. PostgreSQL may
// go and come back meanwhile.
func (s Summary) compared(ctx context.Context, dsn string, g *generator.Generator) (Summary, error) {
	o := generator.NewOracle(g)
	for i := range s.Events {
		o.Apply(i)
		if i%4096 == 0 && ctx.Err() != nil {
			return s, context.Cause(ctx)
		}
	}
	for try := 0; ; try++ {
		sum := s
		c, err := Compare(ctx, dsn, g, o)
		if err == nil {
			sum.Rows, sum.Mismatches, sum.First = c.Rows, c.Mismatches, c.First
			err = sum.compareLetters(ctx, dsn, g)
		}
		if err == nil || try == 10 {
			return sum, err
		}
		select {
		case <-time.After(500 * time.Millisecond):
		case <-ctx.Done():
			return s, context.Cause(ctx)
		}
	}
}
