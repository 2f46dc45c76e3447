package chaos

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cdcpipe/sinks/postgres/pgserver"
	"cdcpipe/sources/generator"
)

// usual is a pipeline as one runs it, with the defaults of waits.
const usual = `version: 1
name: chaos
source:
  use: kafka
  with: {brokers: [$KAFKA], topic_patterns: ["chaos\\..*"], group: chaos, $MEMBER session_timeout: 6s}
stages: [decode, validate, schema_check, stale_check, {use: batch, with: {records: 2000, every: 100ms}}]
sink: {use: postgres, lanes: 2, with: {dsn: $PG}}
outlets:
  dead_letter: {use: postgres, with: {dsn: $LETTERS}}
  invalid: {use: postgres, with: {dsn: $LETTERS}}
  stale: {use: postgres, with: {dsn: $LETTERS}}
commit: {every: 1s, records: 20000}
admin: {listen: ""}
`

// measured skips what takes minutes unless CHAOS_MEASURE is 1.
func measured(t *testing.T) {
	t.Helper()
	if os.Getenv("CHAOS_MEASURE") != "1" {
		t.Skip("set CHAOS_MEASURE=1")
	}
}

func measuring(t *testing.T, pg *database, seed uint64, events int, malformed float64, static bool) *world {
	t.Helper()
	c := generator.Default()
	c.Seed, c.Events, c.Prefix, c.StartTime, c.Malformed = seed, uint64(events), "chaos", time.Now().UnixMicro(), malformed
	return newWorld(t, schedule{seed: seed, events: c, partitions: 3, file: usual, static: static}, pg)
}

// until waits until something is so.
func (w *world) until(what string, d time.Duration, f func() bool) time.Duration {
	w.t.Helper()
	began := time.Now()
	for !f() {
		if time.Since(began) > d {
			for _, x := range w.workers {
				w.t.Log(x.said())
			}
			w.t.Fatalf("not %s after %v, %d settled", what, d, w.settled())
		}
		w.wait(2 * time.Millisecond)
	}
	return time.Since(began)
}

// durable counts the records that a worker has written.
func (x *worker) durable() int64 {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	return x.state.Durable
}

// finish stops the last worker and holds everything against what must be.
func (w *world) finish() {
	w.t.Helper()
	w.until("on record", time.Minute, w.recorded)
	w.workers[len(w.workers)-1].retire()
	a := w.account()
	for _, p := range a.problems {
		w.t.Error(p)
	}
}

// Outlets take 5 % of all records: the rate against that of a run without any.
func TestRateWithRejects(t *testing.T) {
	measured(t)
	pg := newDatabase(t)
	events := int(number("CHAOS_EVENTS", 200_000))
	rate := func(seed uint64, malformed float64) (r float64) {
		t.Run(fmt.Sprint(malformed), func(t *testing.T) {
			w := measuring(t, pg, seed, events, malformed, true)
			w.produce(0, events)
			w.workers = []*worker{w.worker("first")}
			w.until("begun", time.Minute, func() bool { return w.settled() > events/10 })
			n := w.settled()
			took := w.until("settled", 5*time.Minute, func() bool { return w.settled() >= events })
			r = float64(events-n) / took.Seconds()
			w.finish()
		})
		return r
	}
	var clean, rejects []float64
	for i := range uint64(5) {
		clean, rejects = append(clean, rate(100+i, 0)), append(rejects, rate(100+i, 0.05))
	}
	slices.Sort(clean)
	slices.Sort(rejects)
	ratio := rejects[2] / clean[2]
	t.Logf("events/s without rejects %.0f, with 5 %% %.0f (medians of 5): %.2f", clean[2], rejects[2], ratio)
	if ratio < 0.8 {
		t.Errorf("the rate with 5 %% rejects is %.2f of that without", ratio)
	}
}

// From kill -9 of the worker to the first record that its successor merges.
func TestRecoveryOfTheWorker(t *testing.T) {
	measured(t)
	pg := newDatabase(t)
	const events, session = 60_000, 6 * time.Second
	for _, static := range []bool{true, false} {
		var longest time.Duration
		for i := range uint64(5) {
			t.Run("", func(t *testing.T) {
				w := measuring(t, pg, 200+i, events, 0.001, static)
				w.produce(0, events)
				w.workers = []*worker{w.worker("first")}
				w.until("begun", time.Minute, func() bool { return w.settled() > events/10 })
				w.workers[0].kill()
				began := time.Now()
				x := w.worker("first")
				w.workers = append(w.workers, x)
				w.until("merging", time.Minute, func() bool { return x.durable() > 0 })
				longest = max(longest, time.Since(began))
				w.until("settled", time.Minute, func() bool { return w.settled() >= events })
				w.finish()
			})
		}
		besides := longest
		if !static {
			besides -= session
		}
		t.Logf("static member %v: first record at most %v after kill -9 (5 times), session time-out %v", static, longest.Round(time.Millisecond), session)
		if besides > 5*time.Second {
			t.Errorf("%v besides the session time-out", besides)
		}
	}
}

// PostgreSQL is away for a while (CHAOS_OUTAGE), while events keep coming.
func TestOutage(t *testing.T) {
	measured(t)
	outage, err := time.ParseDuration(os.Getenv("CHAOS_OUTAGE"))
	if err != nil {
		outage = 2 * time.Minute
	}
	const rate, step = 1000, 250
	pg := newDatabase(t)
	events := rate * int((outage+3*time.Minute)/time.Second)
	w := measuring(t, pg, 300, events, 0.001, true)
	w.workers = []*worker{w.worker("first")}
	made := 0
	began := time.Now()
	feed := func() { // in step with the clock
		if due := min(events, int(time.Since(began).Seconds()*rate)); due-made >= step {
			w.produce(made, due)
			made = due
		}
	}
	w.until("settled", time.Minute, func() bool { feed(); return w.settled() > 5*rate })
	before := w.worst()
	pg.kill()
	gone := time.Now()
	w.until("over", outage+time.Minute, func() bool { feed(); return time.Since(gone) > outage })
	during := w.worst()
	pg.start(t)
	back, behind, at := time.Now(), made-w.settled(), w.workers[0].durable()
	first := w.until("merging", 3*time.Minute, func() bool { feed(); return w.workers[0].durable() > at })
	w.until("in time", 3*time.Minute, func() bool { feed(); return made-w.settled() < rate })
	total := time.Since(back)
	t.Logf("PostgreSQL away for %v at %d events/s: %d behind; first record %v after its return, in real time after %v (%.0f events/s); memory at most %d MiB before, %d during, %d after; in flight at most %d",
		outage, rate, behind, first.Round(10*time.Millisecond), total.Round(10*time.Millisecond), float64(behind)/(total-first).Seconds(), before>>20, during>>20, w.worst()>>20, w.workers[0].flight())
	w.total = made
	w.until("settled", time.Minute, func() bool { return w.settled() >= made })
	w.finish()
}

func (w *world) worst() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.heap
}

func (x *worker) flight() int64 {
	x.w.mu.Lock()
	defer x.w.mu.Unlock()
	return x.state.Flight
}

// One record of 5,000 is poison: how many statements PostgreSQL gets until it
// alone has left.
func TestPoisonInABatch(t *testing.T) {
	t.Parallel()
	const n = 5000
	pg := &database{dir: scratch(t)}
	pg.settings = map[string]string{"log_statement": "all", "log_min_messages": "log"}
	pg.start(t)
	t.Cleanup(func() { pg.s.Kill() })
	c := generator.Default()
	c.Seed, c.Events, c.Prefix, c.StartTime, c.Malformed = 1, n, "chaos", time.Now().UnixMicro(), 0
	counts := map[bool]int{}
	for _, poisoned := range []bool{false, true} {
		s := schedule{seed: 400, events: c, partitions: 1, static: true, file: strings.NewReplacer("records: 2000, every: 100ms", "records: 5000, every: 3s", "lanes: 2", "lanes: 1").Replace(usual)}
		w := newWorld(t, s, pg)
		key := w.alone()
		if poisoned {
			w.only = key
			w.exec("DO $$ DECLARE t text; BEGIN FOR t IN " + replicaTables + " AND c.relname LIKE 'users%' LOOP EXECUTE 'ALTER TABLE ' || t || ' ADD CONSTRAINT poison CHECK (id <> ''" + key + "'')'; END LOOP; END $$")
		}
		w.produce(0, n)
		before := merges(t, pg.s)
		w.workers = []*worker{w.worker("first")}
		w.until("settled", time.Minute, func() bool { return w.settled() >= n })
		counts[poisoned] = merges(t, pg.s) - before
		w.finish()
	}
	t.Logf("merge statements for %d records: %d, and %d with one that is poison", n, counts[false], counts[true])
	const tables, halvings = 6, 13 // log2 of 5,000
	if most := counts[false] + 2*halvings*(tables+3); counts[true] > most || counts[true] <= counts[false] {
		t.Errorf("%d statements, want at most %d", counts[true], most)
	}
}

// alone returns a key of users that one event alone has.
func (w *world) alone() string {
	seen := map[string]int{}
	for i := range uint64(w.total) {
		var e generator.Event
		if w.g.Event(i, &e); strings.HasSuffix(e.Topic, ".users") {
			seen[string(e.Key)]++
		}
	}
	for k, n := range seen {
		if n == 1 {
			return strings.TrimSuffix(strings.TrimPrefix(k, `{"id":"`), `"}`)
		}
	}
	w.t.Fatal("every key of users comes twice")
	return ""
}

var merge = regexp.MustCompile(`execute cdcpipe_[0-9a-f]+: (WITH|INSERT)`)

// merges counts the statements that merge in a server's log.
func merges(t *testing.T, s *pgserver.Server) int {
	t.Helper()
	b, err := os.ReadFile(s.LogFile())
	if err != nil {
		t.Fatal(err)
	}
	return len(merge.FindAll(b, -1))
}
