package postgres_test

import (
	"context"
	"slices"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
)

// Of several ranges of one batch that cover a row, the newest deletes it, whichever
// comes first.
func TestRangesOverlap(t *testing.T) {
	t.Parallel()
	tbl := table(t, `CREATE TABLE k.t (p int, c int, a int, PRIMARY KEY (p, c))`)
	one := []cdc.Value{cdc.AppendInt32(nil, 1)}
	row := &cdc.Change{Table: tbl, Op: cdc.Insert, Time: 5, Marker: cdc.Stamp{Time: 5}, Deleted: cdc.NoTime, Key: append(slices.Clone(one), cdc.AppendInt32(nil, 5))}
	row.Clustering = tbl.AppendClustering(nil, row.Key[1:])
	span := func(low, high int32, at int64) *cdc.Change {
		bound := func(c int32, after bool) []byte {
			return tbl.AppendBound(nil, []cdc.Value{cdc.AppendInt32(nil, c)}, after)
		}
		return &cdc.Change{
			Table: tbl, Op: cdc.DeleteRange, Time: at, Deleted: at, Marker: cdc.Unwritten(), Key: one,
			Bounds: cdc.Bounds{Low: bound(low, false), High: bound(high, true)},
		}
	}
	spans := []*cdc.Change{span(1, 7, 9), span(3, 8, 6), span(5, 5, 7)}
	for range spans {
		dsn := database(t)
		sink := open(t, postgres.Config{DSN: dsn}, tbl)
		for _, batch := range [][]*cdc.Change{{row}, spans} {
			if err := sink.Write(context.Background(), records(batch...)); err != nil {
				t.Fatal(err)
			}
		}
		if got := lines(t, dsn, `SELECT "$del" FROM k__cdc.t__base`); !slices.Equal(got, []string{"9"}) {
			t.Errorf("deleted at %q, want 9", got)
		}
		spans = append(spans[1:], spans[0])
	}
}
