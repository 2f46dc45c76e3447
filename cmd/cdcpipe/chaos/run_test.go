package chaos

import (
	"context"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"

	"cdcpipe/pipeline"
)

// A worker is a process that runs the pipeline.
type worker struct {
	*process
	w       *world
	retired bool // it was killed or told to stop

	// Under the lock of the world.
	state  state
	opened bool
	ending *ending
}

// worker starts a worker. member names it in the group.
func (w *world) worker(member string) *worker {
	w.t.Helper()
	x := &worker{w: w}
	x.process = spawn(w.t, "worker", func(line []byte) { w.hear(x, line) },
		fileEnv+"="+w.s.text(w.through(w.toPG), w.through(w.toLetters), w.toKafka.addr(), member), redisEnv+"="+w.redis.env[0][len(listenEnv)+1:], "GOMEMLIMIT=160MiB")
	return x
}

func (x *worker) kill() {
	x.retired = true
	x.process.kill()
}

func (x *worker) owns() int {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	return len(x.state.Settled)
}

// retire stops a worker in order, unless it has ended, and looks at what it leaves.
func (x *worker) retire() {
	if x.ended() {
		if !x.retired && x.err != nil && x.opened {
			x.w.wrong("a worker ended by itself: %v\n%s", x.err, x.said())
		}
		return
	}
	x.retired = true
	x.tell("stop")
	select {
	case <-x.done:
	case <-time.After(60 * time.Second):
		_ = x.cmd.Process.Signal(sigquit) // for its stacks
		<-x.done
		x.w.wrong("a worker does not stop:\n%s", x.said())
		return
	}
	if x.err != nil && x.opened {
		x.w.wrong("a worker stopped with: %v\n%s", x.err, x.said())
	}
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	if x.ending != nil {
		x.w.ours = append(x.w.ours, x.ending)
	}
}

// patience bounds a schedule: the longest take half a minute on an idle machine.
func patience() time.Duration {
	if d, err := time.ParseDuration(os.Getenv("CHAOS_LIMIT")); err == nil {
		return d
	}
	return 3 * time.Minute
}

// run runs the schedule to its end. It reports whether all settled.
func (w *world) run() bool {
	limit := patience()
	deadline := time.Now().Add(limit)
	w.workers = []*worker{w.worker("first")}
	due := w.s.faults
	starts := 0
	for {
		if first := w.workers[0]; first.ended() {
			// What starts while the servers are away ends, and is started again by
			// whatever looks after processes; what has started goes on.
			if !first.retired && first.opened {
				w.wrong("a worker ended by itself: %v\n%s", first.err, first.said())
				return false
			}
			if starts++; starts > 200 {
				w.wrong("a worker does not start: %v\n%s", first.err, first.said())
				return false
			}
			w.workers[0] = w.worker("first")
		}
		n := w.settled()
		switch {
		case len(due) > 0 && n >= due[0].at:
			due[0].do(w, due[0])
			w.probe()
			due = due[1:]
			continue
		case n >= w.total && len(due) == 0 && w.recorded():
			w.toPG.heal()
			w.workers[0].retire()
			return true
		case time.Now().After(deadline):
			_ = w.workers[0].cmd.Process.Signal(sigquit)
			<-w.workers[0].done
			w.wrong("%d of %d records have settled after %v, %d faults are to come, the group has %v of %v\n%s",
				n, w.total, limit, len(due), w.committed(), w.ends, w.workers[0].said())
			return false
		}
		if n >= w.total {
			w.wait(50 * time.Millisecond)
		}
		w.wait(3 * time.Millisecond)
	}
}

// recorded reports whether everything is on record, and committed to the group.
// What a worker has settled, and could not save before its partitions moved on, is
// read again; what was saved and not committed to the group their next owner
// commits.
func (w *world) recorded() (all bool) {
	w.connect(func(ctx context.Context, c *pgx.Conn) error {
		marks, err := offsets(ctx, c)
		all = err == nil
		for p, end := range w.ends {
			all = all && marks[p] >= end
		}
		return err
	})
	if !all {
		return false
	}
	committed := w.committed()
	for p, end := range w.ends {
		all = all && committed[p] >= end
	}
	return all
}

// committed returns the offsets of the last records that are committed to the
// group.
func (w *world) committed() map[pipeline.Partition]int64 {
	cl := w.client()
	defer cl.Close()
	committed, err := kadm.NewClient(cl).FetchOffsets(w.t.Context(), "chaos")
	if err != nil {
		w.t.Fatal(err)
	}
	got := map[pipeline.Partition]int64{}
	committed.Each(func(o kadm.OffsetResponse) { got[partition(o.Topic, o.Partition)] = o.At - 1 })
	return got
}
