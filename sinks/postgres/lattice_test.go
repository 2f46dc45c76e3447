package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/sinks/postgres"
)

// Clock values of the tests: expiries lie before or after any present.
const (
	longAgo = 1_000_000_000
	farOff  = 4_000_000_000
)

const everyRole = `CREATE TABLE shop.t (p int, c int, d text, s text STATIC, a int, b text, n decimal, PRIMARY KEY (p, c, d))
	WITH CLUSTERING ORDER BY (c DESC, d ASC)`

type drawer struct {
	*rapid.T
	tbl *cdc.Table
}

func (d drawer) stamp(tombstones bool) cdc.Stamp {
	classes := []int64{cdc.Live, cdc.Live, longAgo, farOff, farOff + 1}
	if tombstones {
		classes = append(classes, cdc.Tombstone, cdc.Tombstone+7)
	}
	return cdc.Stamp{Time: rapid.Int64Range(1, 5).Draw(d.T, "time"), Class: rapid.SampledFrom(classes).Draw(d.T, "class")}
}

func (d drawer) value(k cdc.Kind) cdc.Value {
	switch k {
	case cdc.Int:
		return cdc.AppendInt32(nil, rapid.SampledFrom([]int32{-1, 0, 1, 1 << 30}).Draw(d.T, "int"))
	case cdc.Decimal:
		return cdc.AppendDecimal64(nil, rapid.SampledFrom([]int64{0, 10, -10, 1}).Draw(d.T, "unscaled"), rapid.SampledFrom([]int32{0, 1, -1, 2}).Draw(d.T, "scale"))
	default:
		return cdc.Value(rapid.SampledFrom([]string{"", "a", "b", "é", "Z", "ab"}).Draw(d.T, "text"))
	}
}

func (d drawer) cell(i int) cdc.Cell {
	c := cdc.Cell{Column: int32(i), Stamp: d.stamp(true)}
	if c.Class < cdc.Tombstone {
		c.Value = d.value(d.tbl.Columns[i].Type.Kind)
	}
	if d.tbl.Facts {
		c.Origin = rapid.Int64Range(0, 2).Draw(d.T, "origin")
	}
	return c
}

// change draws a change of one partition; p tells the partitions of a case apart.
func (d drawer) change(p int32) *cdc.Change {
	t := d.tbl
	c := &cdc.Change{Table: t, Marker: cdc.Unwritten(), Deleted: cdc.NoTime, Key: []cdc.Value{cdc.AppendInt32(nil, p)}}
	c.Op = rapid.SampledFrom([]cdc.Op{cdc.Insert, cdc.Insert, cdc.Update, cdc.Update, cdc.DeleteRow, cdc.DeletePartition, cdc.DeleteRange}).Draw(d.T, "op")
	ck := func() []cdc.Value {
		return []cdc.Value{cdc.AppendInt32(nil, rapid.Int32Range(-1, 1).Draw(d.T, "c")), cdc.Value(rapid.SampledFrom([]string{"", "x"}).Draw(d.T, "d"))}
	}
	bound := func() []byte {
		n := rapid.IntRange(0, 2).Draw(d.T, "bound")
		if n == 0 {
			return nil
		}
		return t.AppendBound(nil, ck()[:n], rapid.Bool().Draw(d.T, "after"))
	}
	deleted := func() int64 { return rapid.Int64Range(1, 5).Draw(d.T, "deleted") }
	switch c.Op {
	case cdc.DeletePartition:
		c.Deleted = deleted()
		return c
	case cdc.DeleteRange:
		c.Deleted, c.Bounds = deleted(), cdc.Bounds{Low: bound(), High: bound()}
		return c
	}
	if c.Op == cdc.Update && rapid.IntRange(0, 3).Draw(d.T, "static only") == 0 {
		c.Cells = append(c.Cells, d.cell(3))
		return c
	}
	c.Key = append(c.Key, ck()...)
	c.Clustering = t.AppendClustering(nil, c.Key[1:])
	if c.Op == cdc.DeleteRow || rapid.IntRange(0, 9).Draw(d.T, "both") == 0 {
		c.Deleted = deleted()
	}
	if c.Op == cdc.Insert {
		c.Marker = d.stamp(false)
	}
	for i := 3; c.Op != cdc.DeleteRow && i < len(t.Columns); i++ {
		if rapid.Bool().Draw(d.T, "has") {
			c.Cells = append(c.Cells, d.cell(i))
		}
	}
	return c
}

// expected is what the view must show, by the lattice of package cdc.
func expected(t *cdc.Table, cs []*cdc.Change, now int64) (want []string) {
	parts, rows, keys := map[string]*cdc.Partition{}, map[string]*cdc.Row{}, map[string]*cdc.Change{}
	for _, c := range cs {
		pk := string(c.AppendPartitionKey(nil))
		p := parts[pk]
		if p == nil {
			n := cdc.NewPartition()
			p, keys[pk] = &n, c
			parts[pk] = p
		}
		p.Merge(c)
		if c.Row() {
			k := string(c.AppendKey(nil))
			r := rows[k]
			if r == nil {
				n := cdc.NewRow()
				r, keys[k] = &n, c
				rows[k] = r
			}
			r.Merge(c)
		}
	}
	text := func(i int, v cdc.Value) string {
		if v == nil {
			return "∅"
		}
		return string(t.Columns[i].Type.AppendText(nil, v))
	}
	static := func(pk string) (shown string, live bool) {
		shown = "∅"
		for _, c := range parts[pk].Statics {
			if c.Visible(parts[pk].Deleted, now) {
				shown, live = text(3, c.Value), true
			}
		}
		return shown, live
	}
	occupied := map[string]bool{}
	for k, r := range rows {
		c := keys[k]
		pk := string(c.AppendPartitionKey(nil))
		covering := parts[pk].Covering(c.Clustering)
		if !r.Live(covering, now) {
			continue
		}
		occupied[pk] = true
		s, _ := static(pk)
		line := []string{text(0, c.Key[0]), text(1, c.Key[1]), text(2, c.Key[2]), s}
		for i := 4; i < len(t.Columns); i++ {
			v := "∅"
			for _, x := range r.Cells {
				if int(x.Column) == i && x.Visible(max(r.Deleted, covering), now) {
					v = text(i, x.Value)
				}
			}
			line = append(line, v)
		}
		want = append(want, strings.Join(line, "|"))
	}
	for pk := range parts {
		if s, live := static(pk); live && !occupied[pk] {
			want = append(want, text(0, keys[pk].Key[0])+"|∅|∅|"+s+strings.Repeat("|∅", len(t.Columns)-4))
		}
	}
	slices.Sort(want)
	return want
}

// Whatever the order, grouping and duplication of changes, the view shows what
// the lattice says, and the tables hold the very same.
func TestMergeMatchesLattice(t *testing.T) {
	t.Parallel()
	claims := table(t, everyRole)
	t.Run("claims", func(t *testing.T) { t.Parallel(); mergeMatchesLattice(t, claims) })
	t.Run("facts", func(t *testing.T) { t.Parallel(); mergeMatchesLattice(t, claims.OfFacts()) })
}

func mergeMatchesLattice(t *testing.T, tbl *cdc.Table) {
	dsns := []string{database(t), database(t)}
	// Two sinks each, as of two workers: what one remembers as merged the other
	// merges again.
	var sinks [][2]*postgres.Sink
	for _, dsn := range dsns {
		cfg := postgres.Config{DSN: dsn, NoAudit: true}
		sinks = append(sinks, [2]*postgres.Sink{open(t, cfg, tbl), open(t, cfg, tbl)})
	}
	p := int32(0)
	rapid.Check(t, func(t *rapid.T) {
		p += 2
		d := drawer{t, tbl}
		cs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *cdc.Change { return drawer{t, tbl}.change(p + rapid.Int32Range(0, 1).Draw(t, "p")) }), 1, 14).Draw(t, "changes")
		for _, two := range sinks {
			all := rapid.Permutation(append(slices.Clone(cs), cs[:rapid.IntRange(0, len(cs)).Draw(d.T, "twice")]...)).Draw(d.T, "order")
			for len(all) > 0 {
				n := rapid.IntRange(1, len(all)).Draw(d.T, "batch")
				if err := two[n%2].Write(context.Background(), records(all[:n]...)); err != nil {
					t.Fatal(err)
				}
				all = all[n:]
			}
		}
		where := fmt.Sprintf("WHERE p BETWEEN %d AND %d", p, p+1)
		want := expected(tbl, cs, 2_000_000_000)
		for _, dsn := range dsns {
			got := lines(t, dsn, `SELECT p, c, d, s, a, b, n FROM shop.t `+where)
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Fatalf("view shows\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
		for _, rel := range []string{"t__base", "t__part", "t__range"} {
			sql := fmt.Sprintf(`SELECT * FROM shop__cdc.%s AS x %s ORDER BY x::text`, rel, where)
			if a, b := lines(t, dsns[0], sql), lines(t, dsns[1], sql); !slices.Equal(a, b) {
				t.Fatalf("%s holds\n%s\nand\n%s", rel, strings.Join(a, "\n"), strings.Join(b, "\n"))
			}
		}
	})
}
