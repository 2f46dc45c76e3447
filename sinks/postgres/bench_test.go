package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
)

const benchTable = `CREATE TABLE bench.t (id bigint PRIMARY KEY, a int, b text, c text, d bigint, e double, f boolean, g timestamp)`

// traffic makes n changes of rows keys: inserts of all columns and updates of
// two, in the order of their write times but for one in a hundred.
func traffic(t *cdc.Table, n, keys int, seed uint64) []*cdc.Change {
	rng := rand.New(rand.NewPCG(seed, 1))
	cs := make([]*cdc.Change, n)
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	values := func(i int) cdc.Value {
		switch t.Columns[i].Type.Kind {
		case cdc.Int:
			return cdc.AppendInt32(nil, rng.Int32())
		case cdc.Text:
			return fmt.Appendf(nil, "value %d of %d", rng.IntN(1e6), i)
		case cdc.Double:
			return cdc.AppendDouble(nil, rng.Float64())
		case cdc.Boolean:
			return cdc.AppendBool(nil, rng.IntN(2) == 0)
		case cdc.Timestamp:
			return cdc.AppendInt64(nil, now+rng.Int64N(1e9))
		default:
			return cdc.AppendInt64(nil, rng.Int64())
		}
	}
	for i := range cs {
		ts := now*1000 + int64(seed)*int64(1e9) + int64(i)
		if rng.IntN(100) == 0 {
			ts -= 1e6
		}
		c := &cdc.Change{Table: t, Op: cdc.Update, Time: ts, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt64(nil, rng.Int64N(int64(keys)))}}
		first, count := 1+rng.IntN(6), 2
		if rng.IntN(10) < 6 {
			c.Op, c.Marker, first, count = cdc.Insert, cdc.Stamp{Time: ts}, 1, 7
		}
		for j := first; j < first+count; j++ {
			c.Cells = append(c.Cells, cdc.Cell{Column: int32(j), Stamp: cdc.Stamp{Time: ts}, Value: values(j)})
		}
		cs[i] = c
	}
	return cs
}

// bare is a cell-level merge as one would write it by hand for this one table:
// newest write time wins, nothing else is kept.
type bare struct {
	conn *pgx.Conn
	sql  string
}

func newBare(b *testing.B, dsn string) *bare {
	exec(b, dsn, "CREATE TABLE bare (id bigint PRIMARY KEY, a int, a_ts bigint, b text, b_ts bigint, c text, c_ts bigint, d bigint, d_ts bigint, "+
		"e double precision, e_ts bigint, f boolean, f_ts bigint, g timestamptz, g_ts bigint) WITH (fillfactor = 85)")
	conn, err := pgx.Connect(context.Background(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close(context.Background()) })
	set, cols := "", ""
	for i, c := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		if i > 0 {
			set += ", "
		}
		set += fmt.Sprintf("%[1]s = CASE WHEN t.%[1]s_ts IS NULL OR EXCLUDED.%[1]s_ts > t.%[1]s_ts THEN EXCLUDED.%[1]s ELSE t.%[1]s END, %[1]s_ts = GREATEST(t.%[1]s_ts, EXCLUDED.%[1]s_ts)", c)
		cols += fmt.Sprintf(", %[1]s, %[1]s_ts", c)
	}
	return &bare{conn, fmt.Sprintf("INSERT INTO bare AS t (id%s) SELECT * FROM unnest($1::bigint[], $2::int[], $3::bigint[], $4::text[], $5::bigint[], $6::text[], $7::bigint[], "+
		"$8::bigint[], $9::bigint[], $10::float8[], $11::bigint[], $12::bool[], $13::bigint[], $14::timestamptz[], $15::bigint[]) ON CONFLICT (id) DO UPDATE SET %s", cols, set)}
}

func (m *bare) write(cs []*cdc.Change) error {
	// The newest change of a key wins whole cells; PostgreSQL takes a key once.
	type merged struct {
		id    int64
		cells [8]cdc.Cell
	}
	index, rows := map[int64]int{}, make([]merged, 0, len(cs))
	for _, c := range cs {
		id, _ := c.Key[0].Int(cdc.Bigint)
		at, ok := index[id]
		if !ok {
			at = len(rows)
			index[id] = at
			rows = append(rows, merged{id: id})
		}
		for _, x := range c.Cells {
			if y := &rows[at].cells[x.Column]; y.Time <= x.Time {
				*y = x
			}
		}
	}
	n := len(rows)
	id, a, b, c := make([]int64, n), make([]*int32, n), make([]*string, n), make([]*string, n)
	d, e, f, g := make([]*int64, n), make([]*float64, n), make([]*bool, n), make([]*time.Time, n)
	var ts [8][]*int64
	for i := 1; i < 8; i++ {
		ts[i] = make([]*int64, n)
	}
	for i := range rows {
		r := &rows[i]
		id[i] = r.id
		for j := 1; j < 8; j++ {
			x := &r.cells[j]
			if x.Value == nil {
				continue
			}
			ts[j][i] = &x.Time
			switch j {
			case 1:
				v, _ := x.Value.Int(cdc.Int)
				w := int32(v)
				a[i] = &w
			case 2, 3:
				s := string(x.Value)
				if j == 2 {
					b[i] = &s
				} else {
					c[i] = &s
				}
			case 4:
				v, _ := x.Value.Int(cdc.Bigint)
				d[i] = &v
			case 5:
				v, _ := x.Value.Float(cdc.Double)
				e[i] = &v
			case 6:
				v := x.Value[0] != 0
				f[i] = &v
			case 7:
				v, _ := x.Value.Int(cdc.Timestamp)
				w := time.UnixMilli(v)
				g[i] = &w
			}
		}
	}
	_, err := m.conn.Exec(context.Background(), m.sql, id, a, ts[1], b, ts[2], c, ts[3], d, ts[4], e, ts[5], f, ts[6], g, ts[7])
	return err
}

// BenchmarkWrite merges the same changes by the sink and by a bare hand-written
// merge, turn by turn on one connection each, and reports both and their ratio.
func BenchmarkWrite(b *testing.B) {
	for _, size := range []int{500, 2000, 5000} {
		for _, audit := range []bool{true, false} {
			b.Run(fmt.Sprintf("batch=%d/audit=%v", size, audit), func(b *testing.B) { benchmarkWrite(b, size, audit) })
		}
	}
}

func benchmarkWrite(b *testing.B, size int, audit bool) {
	tbl := table(b, benchTable)
	dsn := database(b)
	s := open(b, postgres.Config{DSN: dsn, NoAudit: !audit}, tbl)
	m := newBare(b, dsn)
	var sink, hand time.Duration
	n := 0
	b.ReportAllocs()
	for i := uint64(0); b.Loop(); i++ {
		cs := traffic(tbl, size, 100_000, i)
		recs := records(cs...)
		first := time.Now()
		err := s.Write(context.Background(), recs)
		if _, stale := errors.AsType[*pipeline.Failures](err); err != nil && !stale {
			b.Fatal(err)
		}
		second := time.Now()
		if err := m.write(cs); err != nil {
			b.Fatal(err)
		}
		sink, hand, n = sink+second.Sub(first), hand+time.Since(second), n+size
	}
	b.ReportMetric(float64(n)/sink.Seconds(), "rows/s")
	b.ReportMetric(float64(n)/hand.Seconds(), "bare-rows/s")
	b.ReportMetric(hand.Seconds()/sink.Seconds(), "ratio")
}
