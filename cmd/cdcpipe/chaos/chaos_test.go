package chaos

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

const sigquit = syscall.SIGQUIT

// number returns a number of the environment.
func number(name string, or uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return or
}

// few is how many schedules an ordinary run of the tests has at most, and fewTime
// after how long it begins no other.
const (
	few     = 24
	fewTime = 45 * time.Second
)

// TestChaos runs schedules: few, or as many as CHAOS_SCHEDULES says, from the seed
// CHAOS_FROM on; or the one of CHAOS_SEED. CHAOS_PARALLEL says how many at a time.
func TestChaos(t *testing.T) {
	from, count := number("CHAOS_FROM", 1), number("CHAOS_SCHEDULES", few)
	bounded := os.Getenv("CHAOS_SCHEDULES") == ""
	if s := number("CHAOS_SEED", 0); s > 0 {
		from, count, bounded = s, 1, false
	}
	tally := newTally()
	defer tally.print(t)
	var next atomic.Uint64
	began := time.Now()
	t.Run("schedules", func(t *testing.T) {
		for range min(number("CHAOS_PARALLEL", 2), count) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				pg := newDatabase(t)
				for {
					n := next.Add(1) - 1
					if n >= count || bounded && time.Since(began) > fewTime {
						return
					}
					if s := newSchedule(from + n); bounded && s.slow() {
						continue
					}
					t.Run(strconv.FormatUint(from+n, 10), func(t *testing.T) { play(t, from+n, pg, tally) })
					if pg.s == nil || t.Context().Err() != nil {
						return
					}
				}
			})
		}
	})
}

// play runs the schedule of a seed and holds it against what must be.
func play(t *testing.T, seed uint64, pg *database, tally *tally) {
	began := time.Now()
	s := newSchedule(seed)
	replay := fmt.Sprintf("CHAOS_SEED=%d go tool -modfile=tools.mod task chaos", seed)
	tally.begun()
	var w *world
	defer func() {
		if t.Failed() {
			tally.failed(seed)
			t.Logf("again: %s\n%v", replay, &s)
		}
		if w != nil && (t.Failed() || os.Getenv("CHAOS_SEED") != "") {
			for _, x := range w.workers {
				t.Logf("a worker said:\n%s", x.said())
			}
		}
	}()
	w = newWorld(t, s, pg)
	w.produce(0, w.total)
	all := w.run()
	for _, x := range w.workers[1:] {
		x.retire()
	}
	if !all {
		for _, p := range w.problems {
			t.Error(p)
		}
		return
	}
	a := w.account()
	a.took = time.Since(began)
	tally.add(&s, &a)
	for _, p := range a.problems {
		t.Error(p)
	}
	t.Logf("%.1f s: %v", a.took.Seconds(), &s)
}

// A tally sums schedules up.
type tally struct {
	mu        sync.Mutex
	schedules int
	fails     []uint64
	faults    map[string]int
	poison    [3]int
	clocks    int
	sum       account
}

func newTally() *tally { return &tally{faults: map[string]int{}} }

func (y *tally) begun() {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.schedules++
}

func (y *tally) failed(seed uint64) {
	y.mu.Lock()
	defer y.mu.Unlock()
	y.fails = append(y.fails, seed)
}

func (y *tally) add(s *schedule, a *account) {
	y.mu.Lock()
	defer y.mu.Unlock()
	for _, f := range s.faults {
		y.faults[f.name]++
	}
	y.poison[s.poison]++
	if time.Since(time.UnixMicro(s.events.StartTime)) > 36*time.Hour {
		y.clocks++
	}
	t := &y.sum
	t.events, t.merged, t.rows = t.events+a.events, t.merged+a.merged, t.rows+a.rows
	t.deadLetters, t.invalid, t.stale = t.deadLetters+a.deadLetters, t.invalid+a.invalid, t.stale+a.stale
	t.lost, t.wrong, t.dropped = t.lost+a.lost, t.wrong+a.wrong, t.dropped+a.dropped
	t.goroutines, t.heapMore, t.heap = max(t.goroutines, a.goroutines), max(t.heapMore, a.heapMore), max(t.heap, a.heap)
	t.took = max(t.took, a.took)
}

// print writes the table.
func (y *tally) print(t *testing.T) {
	y.mu.Lock()
	defer y.mu.Unlock()
	var b strings.Builder
	line := func(name string, n any) { fmt.Fprintf(&b, "| %s | %v |\n", name, n) }
	b.WriteString("\n| fault | times |\n|---|---|\n")
	sum := 0
	for _, f := range faults {
		line(f.name, y.faults[f.name])
		sum += y.faults[f.name]
	}
	line("poison: the tables refuse some keys", fmt.Sprintf("%d schedules", y.poison[somePoison]))
	line("poison: the tables refuse everything", fmt.Sprintf("%d schedules", y.poison[allPoison]))
	line("clock: the cluster's is a month or years off", fmt.Sprintf("%d schedules", y.clocks))
	line("faults", sum)
	b.WriteString("\n| what | count |\n|---|---|\n")
	line("schedules", y.schedules)
	line("failed", len(y.fails))
	line("events", y.sum.events)
	line("merged", y.sum.merged)
	line("of them reported stale", y.sum.stale)
	line("dead letters", y.sum.deadLetters)
	line("invalid", y.sum.invalid)
	line("dropped", y.sum.dropped)
	line("lost", y.sum.lost)
	line("rows compared", y.sum.rows)
	line("rows or letters that are wrong", y.sum.wrong)
	line("goroutines left, at most", y.sum.goroutines)
	line("memory left, at most (MiB)", y.sum.heapMore>>20)
	line("memory of a worker, at most (MiB)", y.sum.heap>>20)
	line("longest schedule (s)", fmt.Sprintf("%.1f", y.sum.took.Seconds()))
	slices.Sort(y.fails)
	for _, s := range y.fails {
		fmt.Fprintf(&b, "again: CHAOS_SEED=%d go tool -modfile=tools.mod task chaos\n", s)
	}
	t.Log(b.String())
}
