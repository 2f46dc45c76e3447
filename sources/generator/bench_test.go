package generator

import (
	"runtime"
	"testing"
	"time"
)

func BenchmarkEvent(b *testing.B) {
	g := newGenerator(b, nil)
	var e Event
	n, i := int64(0), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		g.Event(i, &e)
		n, i = n+int64(len(e.Key)+len(e.Value)), i+1
	}
	b.SetBytes(n / int64(i))
}

// What a source adds: memory that the events own.
func BenchmarkSource(b *testing.B) {
	s, err := NewSource(newGenerator(b, nil), 0)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	events := 0
	for b.Loop() {
		batch, err := s.Read(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		events += len(batch.Records)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(events), "ns/event")
}

func BenchmarkOracle(b *testing.B) {
	g := newGenerator(b, nil)
	b.Run("Apply", func(b *testing.B) {
		o, i := NewOracle(g), uint64(0)
		b.ReportAllocs()
		for b.Loop() {
			o.Apply(i)
			i++
		}
	})
	b.Run("Rows", func(b *testing.B) {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		o := NewOracle(g)
		for i := range uint64(2_000_000) {
			o.Apply(i)
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		known, shown := 0, 0
		for _, h := range o.histories {
			known += len(h.rows)
		}
		for b.Loop() {
			shown = 0
			for _, def := range g.Tables() {
				for range o.Rows(def, time.UnixMicro(start)) {
					shown++
				}
			}
		}
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		b.ReportMetric(float64(known), "rows")
		b.ReportMetric(float64(shown), "shown")
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*shown), "ns/row")
	})
}
