package generator

import (
	"bytes"
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

func TestEventsDependOnIndexAlone(t *testing.T) {
	t.Parallel()
	const n = 3000
	one, other := newGenerator(t, nil), newGenerator(t, nil)
	differs := newGenerator(t, func(c *Config) { c.Seed = 1 })
	var forth, back, e Event
	want := make([]Event, n)
	for i := range uint64(n) {
		one.Event(i, &forth)
		want[i] = Event{Topic: forth.Topic, Key: bytes.Clone(forth.Key), Value: bytes.Clone(forth.Value), Time: forth.Time, Broken: forth.Broken}
	}
	same := 0
	for i := uint64(n); i > 0; i-- {
		other.Event(i-1, &back)
		w := &want[i-1]
		if back.Index != i-1 || back.Topic != w.Topic || back.Broken != w.Broken || !back.Time.Equal(w.Time) ||
			!bytes.Equal(back.Key, w.Key) || !bytes.Equal(back.Value, w.Value) {
			t.Fatalf("event %d:\n got %s\nwant %s", i-1, back.Value, w.Value)
		}
		if differs.Event(i-1, &e); bytes.Equal(e.Value, w.Value) {
			same++
		}
	}
	if same > 0 {
		t.Errorf("%d events are the same with another seed", same)
	}
}

// What the shares of Config say is what comes.
func TestMix(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, func(c *Config) { c.Keys, c.Malformed = 2000, 0.01 })
	const n = 50_000
	o := NewOracle(g)
	tables := map[*table]int{}
	var late, expiring, nulls, deletions float64
	var s statement
	for i := range uint64(n) {
		o.Apply(i)
		_, r := g.plan(i, &s)
		if r == malformed {
			continue
		}
		tables[s.table]++
		if r == fresh && s.time < g.nominal(i) {
			late++
		}
		if s.expiry != 0 {
			expiring++
		}
		if len(s.cells) > 0 && s.cells[0].null {
			nulls++
		}
		if s.op >= cdc.DeleteRow {
			deletions++
		}
	}
	c := o.Counts()
	for _, tt := range []struct {
		name      string
		got, want float64
	}{
		{"late", late, 0.05 * 0.9 * n}, {"expiring", expiring, 0.05 * 0.8 * n}, {"null first", nulls, 0.07 * n},
		{"deletions", deletions, 0.1 * n}, {"duplicates", float64(c.Duplicates), 0.05 * n}, {"ties", float64(c.Ties), 0.05 * n},
		{"malformed", float64(c.Outlets["dead_letter"] + c.Outlets["invalid"]), 0.01 * n},
		{"inserts", float64(c.Ops[cdc.Insert]), 0.5 * n}, {"updates", float64(c.Ops[cdc.Update]), 0.39 * n},
		{"row deletions", float64(c.Ops[cdc.DeleteRow]), 0.09 * n}, {"range deletions", float64(c.Ops[cdc.DeleteRange]), 0.009 * n},
		{"partition deletions", float64(c.Ops[cdc.DeletePartition]), 0.001 * n},
	} {
		if tt.got < 0.6*tt.want || tt.got > 1.4*tt.want {
			t.Errorf("%s: %v of %d events, want about %v", tt.name, tt.got, n, tt.want)
		}
	}
	for _, tb := range g.tables {
		if share := float64(tables[tb]) * 100 / n; share < 0.8*float64(tb.share) || share > 1.2*float64(tb.share) {
			t.Errorf("%s has %.1f%% of the events, want %d%%", tb.def, share, tb.share)
		}
	}
}

var making = regexp.MustCompile(`^\{"ts_ms":\d+|"file":"[^"]*","pos":\d+`)

// A duplicate is an earlier event in all but what its agent says of itself.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, func(c *Config) { c.Duplicates = 0.3 })
	first := map[string]string{} // by what does not differ
	var e Event
	var s statement
	copies := 0
	for i := range uint64(2000) {
		g.Event(i, &e)
		v := making.ReplaceAllString(string(e.Value), "")
		if _, r := g.plan(i, &s); r == duplicate {
			switch original, ok := first[v]; {
			case !ok:
				t.Fatalf("event %d is a duplicate of none: %s", i, e.Value)
			case original != string(e.Value):
				copies++
			}
		}
		if _, ok := first[v]; !ok {
			first[v] = string(e.Value)
		}
	}
	if copies < 300 { // of 600, of which some find no event to copy
		t.Errorf("%d copies by another agent, want about 400", copies)
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, func(c *Config) { c.Malformed = 0.5 })
	seen := map[Malformation]int{}
	var e Event
	for i := range uint64(2000) {
		g.Event(i, &e)
		if got := g.Broken(i); got != e.Broken {
			t.Fatalf("event %d: Broken = %v, want %v", i, got, e.Broken)
		}
		seen[e.Broken]++
		validJSON := e.Broken != Truncated && e.Broken != Garbage && e.Broken != DeepNesting
		if json.Valid(e.Value) != validJSON {
			t.Errorf("event %d, %v: valid JSON is %v, want %v: %.300s", i, e.Broken, !validJSON, validJSON, e.Value)
		}
		if e.Broken != 0 && e.Topic != "cdc.shop.users" {
			t.Errorf("event %d, %v: topic %s", i, e.Broken, e.Topic)
		}
		if !strings.Contains(string(e.Value), evidence[e.Broken]) {
			t.Errorf("event %d, %v: no %q in %.600s", i, e.Broken, evidence[e.Broken], e.Value)
		}
	}
	for m := range Malformation(len(malformations)) {
		if seen[m] == 0 {
			t.Errorf("no event is %q", m)
		}
		if m != 0 && (fault.Describe(m.Code()).Code != m.Code() || m.Outlet() == "" || m.String() == "") {
			t.Errorf("malformation %d is %q, %q, %q", m, m, m.Outlet(), m.Code())
		}
	}
}

var evidence = map[Malformation]string{
	Garbage: "%PDF", InvalidUTF8: "\xc3\x28", DeepNesting: "[[[[", UnknownOp: `"op":"x"`, WrongType: `"age":{"value":"forty-two",`,
	OutOfRange: `"age":{"value":2147483648,`, UnknownColumn: `"nickname":{`, NulInText: `"name":{"value":"a\u0000b",`,
	DuplicateColumn: `"set":true},"age":{"value":1,"deletion_ts":null,"set":true},"_range_start"`, MissingKey: `"after":{"active"`,
}

// What happens to a run must not depend on when it happens.
func TestExpiriesAreFarFromTheStart(t *testing.T) {
	t.Parallel()
	const hour, year = 3600, 365 * 24 * 3600
	for _, e := range newGenerator(t, nil).expiries {
		if d := e - start/1e6; d > -2*hour && d < 3*year {
			t.Errorf("expiry %d s after the start", d)
		}
	}
}

func TestTiny(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, func(c *Config) { c.Tiny = true })
	keys, ops := map[string]bool{}, map[cdc.Op]int{}
	var e Event
	for i := range uint64(5000) {
		g.Event(i, &e)
		if e.Broken != 0 {
			continue
		}
		if i%tinyEvents == 0 && i > 0 {
			if n := len(keys); n > 2+2*9+2*9+2*9+2*3+2 {
				t.Errorf("%d rows in the %d events before %d", n, tinyEvents, i)
			}
			clear(keys)
		}
		ops[e.statement.op]++
		if e.statement.time < 1 || e.statement.time > 5 {
			t.Fatalf("event %d: write time %d", i, e.statement.time)
		}
		if e.statement.ofRow() {
			keys[e.Topic+string(e.Key)] = true
		}
	}
	for op := cdc.Insert; op <= cdc.DeleteRange; op++ {
		if ops[op] < 10 {
			t.Errorf("%d times %v", ops[op], op)
		}
	}
}

func TestTopics(t *testing.T) {
	t.Parallel()
	g := newGenerator(t, func(c *Config) { c.Prefix = "a b.ü-1" })
	var want []string
	for _, name := range []string{"users", "orders", "readings", "keysonly", "MixedCase", "everything"} {
		want = append(want, "a_b._-1.shop."+name)
	}
	if got := g.Topics(); !slices.Equal(got, want) {
		t.Errorf("topics %q, want %q", got, want)
	}
	var e Event
	for i := range uint64(300) {
		if g.Event(i, &e); !slices.Contains(want, e.Topic) {
			t.Fatalf("event %d has topic %q", i, e.Topic)
		}
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		set  func(*Config)
		want string // in the error; empty for none
		keys int
	}{
		{func(*Config) {}, "", 200_000},
		{func(c *Config) { c.Events = 5000 }, "", 1000},
		{func(c *Config) { c.Events = 10 }, "", 100},
		{func(c *Config) { c.Events = 1 << 40 }, "", 200_000},
		{func(c *Config) { c.Keys = 7 }, "", 7},
		{func(c *Config) { c.Malformed, c.Duplicates, c.Ties, c.Late, c.TTL, c.Deletes = 0, 0, 0, 0, 0, 0 }, "", 200_000},
		{func(c *Config) { c.StartTime = 0 }, "StartTime", 0},
		{func(c *Config) { c.StartTime = start / 1000 }, "StartTime", 0},
		{func(c *Config) { c.Interval = time.Microsecond }, "Interval", 0},
		{func(c *Config) { c.Keys = -1 }, "Keys", 0},
		{func(c *Config) { c.Keys = maxKeys + 1 }, "Keys", 0},
		{func(c *Config) { c.Prefix = "" }, "Prefix", 0},
		{func(c *Config) { c.Late = 1.5 }, "Late", 0},
		{func(c *Config) { c.Deletes = -0.1 }, "Deletes", 0},
		{func(c *Config) { c.Ties, c.Duplicates = 0.6, 0.6 }, "together", 0},
	} {
		cfg := Default()
		cfg.StartTime = start
		tt.set(&cfg)
		g, err := New(cfg)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%+v: %v", cfg, err)
		case tt.want == "" && g.Config().Keys != tt.keys:
			t.Errorf("%+v: Keys = %d, want %d", cfg, g.Config().Keys, tt.keys)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%+v: error %v, want one about %s", cfg, err, tt.want)
		}
	}
}
