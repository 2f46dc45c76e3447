package postgres_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sinks/postgres"
)

// stale returns the positions that err reports on the stale outlet.
func stale(t failer, err error) (positions []int) {
	t.Helper()
	if err == nil {
		return nil
	}
	f, ok := errors.AsType[*pipeline.Failures](err)
	if !ok {
		t.Fatal(err)
	}
	for i, e := range f.Errs {
		if o, _ := pipeline.OutletOf(e); o != pipeline.Stale || fault.CodeOf(e) != fault.StaleLost {
			t.Fatal(e)
		}
		positions = append(positions, f.Index[i])
	}
	return positions
}

// A change is reported when something newer was there before it for every cell,
// in the replica or in its batch; a copy is not, nor what a later change supersedes.
func TestAudit(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE k.t (id int, c int, a int, b int, PRIMARY KEY (id, c))`)
	put := func(id int32, ts int64, columns ...int32) *cdc.Change {
		c := &cdc.Change{Table: tbl, Op: cdc.Update, Time: ts, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, id), cdc.AppendInt32(nil, 0)}}
		c.Clustering = tbl.AppendClustering(nil, c.Key[1:])
		for _, i := range columns {
			c.Cells = append(c.Cells, cdc.Cell{Column: i, Stamp: cdc.Stamp{Time: ts}, Value: cdc.AppendInt32(nil, int32(ts))})
		}
		return c
	}
	insert := func(id int32, ts int64, columns ...int32) *cdc.Change {
		c := put(id, ts, columns...)
		c.Op, c.Marker = cdc.Insert, cdc.Stamp{Time: ts}
		return c
	}
	remove := func(id int32, ts int64) *cdc.Change {
		c := put(id, ts)
		c.Op, c.Deleted = cdc.DeleteRow, ts
		return c
	}
	for _, tc := range []struct {
		name          string
		before, batch []*cdc.Change
		want          []int
	}{
		{"newer", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{put(1, 6, 2)}, nil},
		{"older", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{put(1, 4, 2)}, []int{0}},
		{"older, another column", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{put(1, 4, 3)}, nil},
		{"older, one column of two", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{put(1, 4, 2, 3)}, nil},
		{"older, marker newer", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{insert(1, 4, 2)}, nil},
		{"older, marker too", []*cdc.Change{insert(1, 5, 2)}, []*cdc.Change{insert(1, 4, 2)}, []int{0}},
		{"a copy", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{put(1, 5, 2)}, nil},
		{"superseded in the same batch", nil, []*cdc.Change{put(1, 4, 2), put(1, 5, 2), put(2, 4, 2)}, nil},
		{"late in the same batch", nil, []*cdc.Change{put(1, 5, 2), put(1, 4, 2), put(2, 4, 2)}, []int{1}},
		{"late, and superseded in the same batch", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{put(1, 4, 2), put(1, 6, 2)}, []int{0}},
		{"deleted later in the same batch", nil, []*cdc.Change{insert(1, 4, 2), remove(1, 5)}, nil},
		{"older, merged with a newer one", []*cdc.Change{put(1, 5, 2)}, []*cdc.Change{put(1, 4, 2), put(1, 6, 3)}, []int{0}},
		{"deleted later", []*cdc.Change{remove(1, 5)}, []*cdc.Change{put(1, 4, 2), put(2, 1, 2)}, []int{0}},
		{"deleted at the same time", []*cdc.Change{remove(1, 5)}, []*cdc.Change{put(1, 5, 2)}, nil},
		{"deleted before", []*cdc.Change{remove(1, 5)}, []*cdc.Change{put(1, 6, 2)}, nil},
		{"an older deletion", []*cdc.Change{remove(1, 5)}, []*cdc.Change{remove(1, 4)}, []int{0}},
		{"many", []*cdc.Change{put(3, 5, 2), put(1, 5, 2)}, []*cdc.Change{put(4, 1, 2), put(3, 1, 2), put(2, 1, 2), put(1, 1, 2)}, []int{1, 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dsn := database(t)
			if len(tc.before) > 0 {
				if err := open(t, postgres.Config{DSN: dsn}, tbl).Write(t.Context(), records(tc.before...)); err != nil {
					t.Fatal(err)
				}
			}
			s := open(t, postgres.Config{DSN: dsn}, tbl) // one that remembers nothing
			if got := stale(t, s.Write(t.Context(), records(tc.batch...))); !slices.Equal(got, tc.want) {
				t.Errorf("got %v, want %v", got, tc.want)
			}
		})
	}
}

// The audit reports exactly what a comparison with the state before each change
// finds, by write times that all differ, whatever the keys' types.
func TestAuditAgrees(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE k.t (p decimal, q text, c double, d text, a int, b int, PRIMARY KEY ((p, q), c, d))`)
	dsn := database(t)
	sinks := []*postgres.Sink{open(t, postgres.Config{DSN: dsn}, tbl), open(t, postgres.Config{DSN: dsn}, tbl)}
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		q := cdc.Value(fmt.Sprint("case ", round))
		times := rapid.Permutation([]int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}).Draw(t, "times")
		rows := map[string]*cdc.Row{}
		for batch := range 3 {
			var cs []*cdc.Change
			for i := range 4 {
				ts := times[batch*4+i]
				c := &cdc.Change{Table: tbl, Op: cdc.Update, Time: ts, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{
					cdc.AppendDecimal64(nil, 1, rapid.Int32Range(0, 1).Draw(t, "p")), q,
					cdc.AppendDouble(nil, rapid.SampledFrom([]float64{0, 1}).Draw(t, "c")), cdc.Value("d")}}
				c.Clustering = tbl.AppendClustering(nil, c.Key[2:])
				switch rapid.IntRange(0, 4).Draw(t, "op") {
				case 0:
					c.Op, c.Deleted = cdc.DeleteRow, ts
				case 1:
					c.Op, c.Marker = cdc.Insert, cdc.Stamp{Time: ts}
				}
				for j := int32(4); c.Op != cdc.DeleteRow && j < 6; j++ {
					if rapid.Bool().Draw(t, "has") || c.Op == cdc.Update && j == 5 && len(c.Cells) == 0 {
						c.Cells = append(c.Cells, cdc.Cell{Column: j, Stamp: cdc.Stamp{Time: ts}, Value: cdc.AppendInt32(nil, 1)})
					}
				}
				cs = append(cs, c)
			}
			var want []int
			for i, c := range cs {
				r := rows[string(c.AppendKey(nil))]
				if r == nil {
					n := cdc.NewRow()
					r = &n
					rows[string(c.AppendKey(nil))] = r
				}
				lost := c.Deleted == cdc.NoTime || c.Deleted < r.Deleted
				lost = lost && (!c.Marker.Written() || c.Marker.Time <= r.Deleted || c.Marker.Time < r.Marker.Time)
				for _, x := range c.Cells {
					newer := x.Time <= r.Deleted
					for _, y := range r.Cells {
						newer = newer || x.Column == y.Column && x.Time < y.Time
					}
					lost = lost && newer
				}
				if lost {
					want = append(want, i)
				}
				r.Merge(c)
			}
			got := stale(t, sinks[batch%2].Write(t.Context(), records(cs...)))
			if !slices.Equal(got, want) {
				t.Fatalf("batch %d: got %v, want %v\n%s", batch, got, want, strings.Join(lines(t, dsn, "SELECT * FROM k__cdc.t__base WHERE q = '"+string(q)+"'"), "\n"))
			}
		}
	})
}
