package debezium_test

import (
	"bufio"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/stages/debezium"
)

const corpus = "../../testdata/events/"

// records reads the change events of a file of the corpus.
func records(t testing.TB, file string) []*cdc.Event {
	t.Helper()
	f, err := os.Open(corpus + file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var evs []*cdc.Event
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r struct {
			Topic, Key, Value string
			Partition         int32
			Offset            int64
		}
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(err)
		}
		evs = append(evs, &cdc.Event{Topic: r.Topic, Partition: r.Partition, Offset: r.Offset, Key: []byte(r.Key), Value: []byte(r.Value)})
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return evs
}

// tables returns the definitions of the corpus, with more statements after them.
func tables(t testing.TB, more ...string) []*cdc.Table {
	t.Helper()
	src, err := os.ReadFile(corpus + "tables.cql")
	if err != nil {
		t.Fatal(err)
	}
	s, err := cdc.ParseCQL(string(src) + strings.Join(more, ";\n"))
	if err != nil {
		t.Fatal(err)
	}
	return s.Tables()
}

func newDecoder(t testing.TB, cfg debezium.Config) *debezium.Decoder {
	t.Helper()
	d, err := debezium.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// show writes a change as text that a test can compare.
func show(c *cdc.Change) string {
	var b strings.Builder
	b.WriteString(c.Op.String() + " " + c.Table.String() + " key")
	for i, v := range c.Key {
		b.WriteString(" " + string(c.Table.Columns[i].Type.AppendJSON(nil, v)))
	}
	stamp := func(s cdc.Stamp) string {
		out, _ := json.Marshal([]int64{s.Time, s.Class})
		return string(out)
	}
	if c.Marker.Written() {
		b.WriteString(" marker " + stamp(c.Marker))
	}
	if c.Deleted != cdc.NoTime {
		b.WriteString(" deleted " + stamp(cdc.Stamp{Time: c.Deleted}))
	}
	for _, x := range c.Cells {
		col := c.Table.Columns[x.Column]
		b.WriteString(" " + col.Name + "=" + string(col.Type.AppendJSON(nil, x.Value)) + stamp(x.Stamp))
	}
	return b.String()
}

// check fails unless c is what later stages may rely on.
func check(t testing.TB, c *cdc.Change) {
	t.Helper()
	for i, v := range c.Key {
		if v == nil {
			t.Errorf("key column %d is nil", i)
		} else if err := c.Table.Columns[i].Type.Check(v); err != nil {
			t.Errorf("key column %d: %v", i, err)
		}
	}
	want := c.Table.Partition
	if c.Row() {
		want = c.Table.Key
	}
	if len(c.Key) != want {
		t.Errorf("%d key columns, want %d", len(c.Key), want)
	}
	if (len(c.Clustering) > 0) != (c.Row() && c.Table.Clustered()) {
		t.Errorf("clustering of %d bytes", len(c.Clustering))
	}
	if !slices.IsSortedFunc(c.Cells, func(a, b cdc.Cell) int { return int(a.Column - b.Column) }) {
		t.Error("cells out of order")
	}
	for _, x := range c.Cells {
		col := c.Table.Columns[x.Column]
		switch {
		case col.Role < cdc.Static:
			t.Errorf("cell of key column %s", col.Name)
		case (x.Value == nil) != (x.Class >= cdc.Tombstone):
			t.Errorf("%s: class %d of value %x", col.Name, x.Class, x.Value)
		case x.Value != nil && col.Type.Check(x.Value) != nil:
			t.Errorf("%s: %v", col.Name, col.Type.Check(x.Value))
		}
	}
}

func TestCorpus(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(t)...)})
	ops := map[cdc.Op]int{}
	for _, file := range []string{"types.jsonl", "orders.jsonl", "times.jsonl", "users.jsonl", "mixedcase.jsonl", "random.jsonl", "schemas.jsonl"} {
		evs := records(t, file)
		s := debezium.NewSlab(len(evs))
		for _, ev := range evs {
			c, err := d.Decode(t.Context(), ev, s)
			if err != nil {
				t.Errorf("%s, %s/%d/%d: %v", file, ev.Topic, ev.Partition, ev.Offset, err)
				continue
			}
			check(t, c)
			ops[c.Op]++
			if testing.Verbose() {
				t.Log(show(c))
			}
		}
	}
	for op := cdc.Insert; op <= cdc.DeleteRange; op++ {
		if ops[op] == 0 {
			t.Errorf("no %s", op)
		}
	}
}

// TestConcurrent decodes the same events in several goroutines to the same changes.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	m := &memory{}
	evs, avro := avroRecords(t, m)
	evs = append(append(evs, avro...), records(t, "random.jsonl")...)
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(t)...), Registry: m})
	got := make([][]string, 4)
	var wg sync.WaitGroup
	for i := range got {
		wg.Go(func() {
			s := debezium.NewSlab(10)
			for _, ev := range evs {
				c, err := d.Decode(t.Context(), ev, s)
				if err != nil {
					t.Error(err)
					return
				}
				got[i] = append(got[i], show(c))
			}
		})
	}
	wg.Wait()
	for i := range got {
		if !slices.Equal(got[i], got[0]) {
			t.Errorf("goroutine %d decoded otherwise", i)
		}
	}
}
