package pipeline

import (
	"context"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever the order in which batches settle, the settled mark is that of the last
// batch or heartbeat with no batch open before it, and the budget is returned
// exactly.
func TestLedgerNeverPassesAnOpenBatch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var (
			b        = newBudget(cost{1 << 30, 1 << 30})
			settled  int64
			l        = newLedger("p", b, func(n int64) { settled += n })
			read     []*ticket // a heartbeat has no cost
			inFlight cost
		)
		isOpen := func(i int) bool { return read[i].left.Load() > 0 }
		track := func(t *rapid.T, records int64) {
			n := int64(len(read))
			tk := &ticket{mark: Mark{Partition: "p", Offset: n + 1}, cost: cost{records, 10 * records}, latest: time.Unix(n, 0)}
			tk.left.Store(records)
			if err := b.acquire(context.Background(), tk.cost); err != nil {
				t.Fatal(err)
			}
			if ok, err := l.track(tk); !ok || err != nil {
				t.Fatal(ok, err)
			}
			inFlight.records += records
			inFlight.bytes += 10 * records
			read = append(read, tk)
		}
		t.Repeat(map[string]func(*rapid.T){
			"batch":     func(t *rapid.T) { track(t, rapid.Int64Range(1, 3).Draw(t, "records")) },
			"heartbeat": func(t *rapid.T) { track(t, 0) },
			"settle": func(t *rapid.T) {
				var open []int
				for i := range read {
					if isOpen(i) {
						open = append(open, i)
					}
				}
				if len(open) == 0 {
					t.Skip("nothing is open")
				}
				tk := read[rapid.SampledFrom(open).Draw(t, "which")]
				tk.settle(1)
				if tk.left.Load() == 0 {
					inFlight.records -= tk.cost.records
					inFlight.bytes -= tk.cost.bytes
				}
			},
			"take": func(t *rapid.T) {
				if m, d := l.take(); d != (due{}) {
					l.recorded(m)
				}
			},
			"": func(t *rapid.T) {
				var want, records, batches int64
				var latest time.Time
				for want < int64(len(read)) && !isOpen(int(want)) {
					if c := read[want].cost.records; c > 0 {
						records, latest = records+c, read[want].latest
					}
					want++
				}
				for _, tk := range read[want:] {
					if tk.cost.records > 0 {
						batches++
					}
				}
				st := l.stats()
				if st.Settled.Offset != want || st.Committed.Offset > want || settled != records {
					t.Fatalf("settled %d (%d records), committed %d, want %d (%d)", st.Settled.Offset, settled, st.Committed.Offset, want, records)
				}
				if !st.Latest.Equal(latest) || int64(st.Batches) != batches || b.inUse() != inFlight {
					t.Fatalf("latest %v, %d batches, %v in flight, want %v, %d, %v", st.Latest, st.Batches, b.inUse(), latest, batches, inFlight)
				}
				select {
				case <-l.empty:
					if batches > 0 {
						t.Fatal("said to be empty")
					}
				default:
					if batches == 0 {
						t.Fatal("not said to be empty")
					}
				}
			},
		})
	})
}

func TestRetiredLedgerYieldsNoMark(t *testing.T) {
	t.Parallel()
	l := newLedger("p", newBudget(cost{10, 10}), func(int64) {})
	tk := &ticket{mark: Mark{Partition: "p", Offset: 1}, cost: cost{1, 1}}
	tk.left.Store(1)
	if ok, err := l.track(tk); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if m, _ := l.retire(); m != (Mark{}) {
		t.Errorf("final mark %v", m)
	}
	tk.settle(1)
	if _, d := l.take(); d != (due{}) {
		t.Errorf("due %v after retirement", d)
	}
	if ok, _ := l.track(&ticket{mark: Mark{Partition: "p", Offset: 2}}); ok {
		t.Error("a retired ledger took a batch")
	}
}

func TestSettlingTwicePanics(t *testing.T) {
	t.Parallel()
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	tk := &ticket{}
	tk.settle(1)
}
