//go:build e2e

package main

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cdcpipe/cmd/cdcpipe/realstack"
)

const (
	snapshotRows     = 200_000
	snapshotParallel = 4 // as snapshot reads by itself
)

// Copying a table takes little more than what the driver alone takes to read it, by
// the same ranges and as many at a time, though PostgreSQL merges every row beside it.
// The rounds take turns, so that what else the machine does is shared.
func BenchmarkE2ESnapshot(b *testing.B) {
	c := newCopying(b, 0, realstack.Kafka, realstack.Cassandra, realstack.Postgres)
	c.do("CREATE TABLE snap.wide (p int, c int, a text, b text, d bigint, e double, f timestamp, g uuid, h boolean, PRIMARY KEY (p, c)) WITH cdc = true")
	c.many(snapshotRows, func(i int) (string, []any) {
		return "INSERT INTO snap.wide (p, c, a, b, d, e, f, g, h) VALUES (?, ?, 'some text', 'text of some more letters', 7, 1.5, 1000, 50554d6e-29bb-11e5-b345-feff819cdc9f, true)", []any{i / 20, i % 20}
	})
	times := "p, c"
	for _, column := range "abdefgh" {
		times += fmt.Sprintf(", %c, writetime(%[1]c), ttl(%[1]c)", column)
	}
	c.scan("*") // until the server's code is compiled
	c.snapshot()
	var copied, read, timed, verified []float64
	for b.Loop() {
		c.exec("TRUNCATE snap__cdc.wide__base")
		copied = append(copied, c.snapshot())
		read = append(read, c.scan("*"))
		timed = append(timed, c.scan(times))
		began := time.Now()
		if code, out := c.call(nil, "verify", "--table", "snap.wide"); code != 0 {
			b.Fatal(out)
		}
		verified = append(verified, snapshotRows/time.Since(began).Seconds())
	}
	b.ReportMetric(median(copied), "copied-rows/s")
	b.ReportMetric(median(read), "read-rows/s")
	b.ReportMetric(median(timed), "read-with-times-rows/s")
	b.ReportMetric(median(verified), "verified-rows/s")
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}

// snapshot copies snap.wide and returns the rows per second.
func (c *copying) snapshot() float64 {
	c.Helper()
	code, out := c.call(nil, "snapshot", "--reset", "--table", "snap.wide", "--parallel", strconv.Itoa(snapshotParallel))
	s := decoded[snapshotSummary](c, out)
	if code != 0 || s.Rows != snapshotRows {
		c.Fatalf("exit %d, %+v", code, s)
	}
	return s.RowsPerSecond
}

// scan reads snap.wide with the driver alone and returns the rows per second.
func (c *copying) scan(columns string) float64 {
	c.Helper()
	const ranges = 64
	began := time.Now()
	var wg sync.WaitGroup
	var next, rows atomic.Int64
	for range snapshotParallel {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < ranges; i = next.Add(1) - 1 {
				from := math.MinInt64 + i*(math.MaxInt64/ranges*2)
				to := from + math.MaxInt64/ranges*2
				if i == ranges-1 {
					to = math.MaxInt64
				}
				iter := c.Query("SELECT "+columns+" FROM snap.wide WHERE token(p) > ? AND token(p) <= ?", from, to).PageSize(1000).Iter()
				dest := make([]any, len(iter.Columns()))
				for i, column := range iter.Columns() {
					dest[i] = reflect.New(reflect.TypeOf(column.TypeInfo.Zero())).Interface()
				}
				for iter.Scan(dest...) {
					rows.Add(1)
				}
				if err := iter.Close(); err != nil {
					c.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if n := rows.Load(); n != snapshotRows {
		c.Fatalf("%d rows", n)
	}
	return snapshotRows / time.Since(began).Seconds()
}
