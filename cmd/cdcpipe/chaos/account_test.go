package chaos

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/cmd/cdcpipe/demo"
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/kafka"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sources/generator"
)

// An account is what a schedule came to.
type account struct {
	events, merged, rows        int
	deadLetters, invalid, stale int
	lost, wrong                 int // records that are nowhere; rows that differ
	goroutines                  int // more than there were, at most
	heapMore, heap              uint64
	dropped                     int64
	took                        time.Duration
	problems                    []string
}

// Bounds of what a worker may have at its end more than at its start, and at any
// time at all.
const (
	mayKeep = 24 << 20
	mayHold = 208 << 20 // the program's soft limit is 160 MiB, which the collector may be late for
)

// refuses reports whether the replica's tables refuse event i.
func (w *world) refuses(i uint64) bool {
	if w.s.poison == noPoison && w.only == "" || w.g.Broken(i) != 0 {
		return false
	}
	if w.s.poison == allPoison {
		return true
	}
	var e generator.Event
	w.g.Event(i, &e)
	return strings.HasSuffix(e.Topic, ".users") && bytes.HasPrefix(e.Key, []byte(`{"id":"`+cmp.Or(w.only, poisonous)))
}

// expected says by which outlet, and under which code, event i leaves; nothing for
// one that is merged.
func (w *world) expected(i uint64) string {
	if m := w.g.Broken(i); m != 0 {
		return m.Outlet() + " " + string(m.Code())
	}
	if w.refuses(i) {
		return string(pipeline.Invalid) + " " + string(fault.ConstraintBroke)
	}
	return ""
}

// account holds everything against what must be.
func (w *world) account() (a account) {
	a.events = w.total
	left := w.letters()
	for i := range uint64(w.total) {
		want, got := w.expected(i), left[i]
		stale := got[staleLetter]
		delete(got, staleLetter)
		if stale {
			a.stale++
		}
		switch {
		case want == "":
			a.merged++
		case strings.HasPrefix(want, string(pipeline.Invalid)):
			a.invalid++
		default:
			a.deadLetters++
		}
		switch {
		case want != "" && !got[want]:
			a.lost++
			w.wrong("event %d (%v): must leave by %q, and left by %v", i, w.at[i], want, got)
		case want == "" && len(got) > 0, len(got) > 1, want != "" && stale:
			a.wrong++
			w.wrong("event %d (%v): must leave by %q, and left by %v, stale %v", i, w.at[i], want, got, stale)
		}
	}
	o := generator.NewOracle(w.g)
	for i := range uint64(w.total) {
		if !w.refuses(i) {
			o.Apply(i)
		}
	}
	c, err := demo.Compare(w.t.Context(), w.dsn, w.g, o)
	if err != nil {
		w.t.Fatal(err)
	}
	a.rows = c.Rows
	a.wrong += c.Mismatches
	for _, m := range c.First {
		w.wrong("%s\n   got %s\n  want %s", m.Table, m.Got, m.Want)
	}
	w.marks()
	for _, e := range w.ours {
		a.goroutines, a.heapMore = max(a.goroutines, e.Goroutines-e.Were), max(a.heapMore, e.Heap-min(e.Heap, e.HeapWas))
		a.dropped += e.Dropped
		if e.Read != e.Gone {
			w.wrong("a worker read %d records, and of them settled %d", e.Read, e.Gone)
		}
		if e.Goroutines > e.Were {
			w.wrong("a worker leaves %d goroutines, and had %d", e.Goroutines, e.Were)
		}
		if e.Heap > e.HeapWas+mayKeep {
			w.wrong("a worker leaves %d bytes in use, and had %d", e.Heap, e.HeapWas)
		}
	}
	if a.heap = w.heap; w.heap > mayHold {
		w.wrong("a worker had %d bytes in use", w.heap)
	}
	a.problems = w.problems
	return a
}

const staleLetter = "stale"

// letters returns by which outlets and codes each event left, however often.
func (w *world) letters() map[uint64]map[string]bool {
	left := map[uint64]map[string]bool{}
	note := func(i uint64, what string) {
		if left[i] == nil {
			left[i] = map[string]bool{}
		}
		left[i][what] = true
	}
	w.connect(func(ctx context.Context, c *pgx.Conn) error {
		return w.readLetters(ctx, c, func(i uint64, o pipeline.Outlet, code string, key, value []byte) {
			what := string(o) + " " + code
			if o == pipeline.Stale {
				what = staleLetter
			}
			note(i, what)
			var e generator.Event
			if w.g.Event(i, &e); !bytes.Equal(key, e.Key) || !bytes.Equal(value, e.Value) {
				w.wrong("the letter of event %d has not its bytes", i)
			}
		})
	})
	w.kafkaLetters(note)
	return left
}

// readLetters yields the letters that stand in PostgreSQL.
func (w *world) readLetters(ctx context.Context, c interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}, yield func(i uint64, o pipeline.Outlet, code string, key, value []byte)) error {
	for _, o := range []pipeline.Outlet{pipeline.DeadLetter, pipeline.Invalid, pipeline.Stale} {
		rows, err := c.Query(ctx, `SELECT topic, partition, "offset", code, key, value FROM cdcpipe.`+postgres.LetterTable(o))
		if err != nil {
			return err
		}
		for rows.Next() {
			var p place
			var code string
			var key, value []byte
			if err := rows.Scan(&p.topic, &p.partition, &p.offset, &code, &key, &value); err != nil {
				return err
			}
			i, ok := w.events[p]
			if !ok {
				w.wrong("a letter of %v, where there is no record", p)
				continue
			}
			yield(i, o, code, key, value)
		}
		if err := rows.Err(); err != nil {
			return err
		}
	}
	return nil
}

// kafkaLetters notes the dead letters that stand in Kafka.
func (w *world) kafkaLetters(note func(i uint64, what string)) {
	if !w.inKafka() {
		return
	}
	cl := w.client(kgo.ConsumeTopics(kafka.TopicOf(pipeline.DeadLetter)), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(w.t.Context(), kafka.TopicOf(pipeline.DeadLetter))
	if err != nil {
		w.t.Fatal(err)
	}
	end, n := int64(0), int64(0)
	ends.Each(func(o kadm.ListedOffset) { end += max(0, o.Offset) })
	for n < end {
		fs := cl.PollFetches(w.t.Context())
		if err := fs.Err(); err != nil {
			w.t.Fatal(err)
		}
		fs.EachRecord(func(r *kgo.Record) {
			n = r.Offset + 1
			h := map[string]string{}
			for _, x := range r.Headers {
				h[x.Key] = string(x.Value)
			}
			var i uint64
			if _, err := fmt.Sscan(h[generator.IndexHeader], &i); err != nil {
				w.wrong("a letter in Kafka without the header of its record: %v", h)
				return
			}
			note(i, string(pipeline.DeadLetter)+" "+h["cdcpipe.error.code"])
			var e generator.Event
			if w.g.Event(i, &e); !bytes.Equal(r.Key, e.Key) || !bytes.Equal(r.Value, e.Value) {
				w.wrong("the letter of event %d has not its bytes", i)
			}
		})
	}
}

// inKafka reports whether dead letters go to Kafka.
func (w *world) inKafka() bool { return strings.Contains(w.s.file, "dead_letter: {use: kafka") }

// offsets reads the marks of record.
func offsets(ctx context.Context, c interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) (map[pipeline.Partition]int64, error) {
	marks := map[pipeline.Partition]int64{}
	rows, err := c.Query(ctx, `SELECT partition, "offset" FROM cdcpipe._cdc_offsets WHERE pipeline = 'chaos'`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var p string
		var o int64
		if err := rows.Scan(&p, &o); err != nil {
			return nil, err
		}
		marks[pipeline.Partition(p)] = o
	}
	return marks, rows.Err()
}

// marks holds what is committed against the ends of the topics.
func (w *world) marks() {
	w.connect(func(ctx context.Context, c *pgx.Conn) error {
		marks, err := offsets(ctx, c)
		for p, end := range w.ends {
			if marks[p] != end {
				w.wrong("%s: %d is on record, and the last record is %d", p, marks[p], end)
			}
		}
		return err
	})
	got := w.committed()
	for p, end := range w.ends {
		if got[p] != end {
			w.wrong("%s: the group has committed %d, and the last record is %d", p, got[p], end)
		}
	}
}

// probe holds what is on record at this moment against what is durable: of every
// record up to there the row is made, or the letter written.
func (w *world) probe() {
	w.connect(func(ctx context.Context, c *pgx.Conn) error {
		return pgx.BeginTxFunc(ctx, c, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			marks, err := offsets(ctx, tx)
			if err != nil || len(marks) == 0 {
				return err
			}
			durable := map[uint64]bool{}
			err = w.readLetters(ctx, tx, func(i uint64, o pipeline.Outlet, _ string, _, _ []byte) { durable[i] = true })
			if err != nil {
				return err
			}
			for i := range uint64(w.total) {
				p := w.at[i]
				mark, ok := marks[p.part()]
				want := w.expected(i)
				if !ok || p.offset > mark || want == "" || durable[i] || w.inKafka() && strings.HasPrefix(want, string(pipeline.DeadLetter)) {
					continue
				}
				w.wrong("event %d at %v must leave by %q: it is committed (%d), and not there", i, p, want, mark)
			}
			return nil
		})
	})
}
