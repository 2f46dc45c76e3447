//go:build e2e

package cassandra_test

import (
	"fmt"
	"math"
	"reflect"
	"sync"
	"testing"

	"cdcpipe/pipeline/cdc"
)

// Reading a table costs little more than what the driver needs for the same
// columns, and for the columns without their times.
func BenchmarkReadTokens(b *testing.B) {
	const rows = 20_000
	l := newLab(b, "reader_bench")
	l.do("CREATE TABLE reader_bench.t (p int, c int, a text, b text, d bigint, e double, f timestamp, g uuid, h boolean, PRIMARY KEY (p, c))")
	var wg sync.WaitGroup
	for w := range 16 {
		wg.Go(func() {
			for i := w; i < rows; i += 16 {
				if err := l.Query("INSERT INTO reader_bench.t (p, c, a, b, d, e, f, g, h) VALUES (?, ?, 'some text', 'text of some more letters', 7, 1.5, 1000, 50554d6e-29bb-11e5-b345-feff819cdc9f, true)", i/20, i%20).Exec(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wg.Wait()
	table := l.table("t")
	l.cfg.PageSize = 1000
	reader := l.another()
	for range 20 { // until the server's code is compiled
		if err := reader.ReadTokens(b.Context(), table, math.MinInt64, math.MaxInt64, func(cdc.Reading) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	perRow := func(b *testing.B) { b.ReportMetric(float64(b.N)*rows/b.Elapsed().Seconds(), "rows/s") }
	b.Run("reader", func(b *testing.B) {
		for b.Loop() {
			n := 0
			err := reader.ReadTokens(b.Context(), table, math.MinInt64, math.MaxInt64, func(cdc.Reading) error { n++; return nil })
			if err != nil || n != rows {
				b.Fatal(n, err)
			}
		}
		perRow(b)
	})
	for name, columns := range map[string]string{
		"driver with times": "p, c, a, writetime(a), ttl(a), b, writetime(b), ttl(b), d, writetime(d), ttl(d), e, writetime(e), ttl(e), f, writetime(f), ttl(f), g, writetime(g), ttl(g), h, writetime(h), ttl(h)",
		"driver":            "*",
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				iter := l.Query(fmt.Sprintf("SELECT %s FROM reader_bench.t WHERE token(p) > ? AND token(p) <= ?", columns), math.MinInt64, math.MaxInt64).PageSize(1000).IterContext(b.Context())
				dest := make([]any, len(iter.Columns()))
				for i, c := range iter.Columns() {
					v := c.TypeInfo.Zero()
					dest[i] = pointer(v)
				}
				n := 0
				for iter.Scan(dest...) {
					n++
				}
				if err := iter.Close(); err != nil || n != rows {
					b.Fatal(n, err)
				}
			}
			perRow(b)
		})
	}
}

// pointer returns a pointer to a variable of the type of v, as Scan takes it.
func pointer(v any) any { return reflect.New(reflect.TypeOf(v)).Interface() }
