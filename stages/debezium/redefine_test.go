package debezium_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// A versions is a loader that returns the versions of ks.t in turn, and then the
// last again. It counts the requests.
type versions struct {
	mu     sync.Mutex
	tables []*cdc.Table
	asked  int
	err    error
}

func (v *versions) LoadTable(context.Context, string, string) (*cdc.Table, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.asked++
	if v.err != nil || len(v.tables) == 0 {
		return nil, v.err
	}
	t := v.tables[0]
	if len(v.tables) > 1 {
		v.tables = v.tables[1:]
	}
	return t, nil
}

// TestRefresh asks for a definition that fits better, and keeps it.
func TestRefresh(t *testing.T) {
	t.Parallel()
	narrow := parse(t, "CREATE TABLE ks.t (id int PRIMARY KEY, a text)")[0]
	for name, test := range map[string]struct{ cql, after, want string }{
		"column added":   {plain, set("id", "1", "a", "null", "b", `"x"`), `a=null`},
		"type changed":   {plain, set("id", "1", "a", "5"), "a=5"},
		"key renamed":    {"CREATE TABLE ks.t (id2 int PRIMARY KEY, a text)", set("id2", "1"), "key 1"},
		"field added":    {"CREATE TYPE ks.u (x int, y int); CREATE TABLE ks.t (id int PRIMARY KEY, a frozen<u>)", set("id", "1", "a", `{"y":2}`), `a={"x":null,"y":2}`},
		"range widened":  {"CREATE TABLE ks.t (id bigint PRIMARY KEY)", set("id", "4294967296"), "key 4294967296"},
		"column silent":  {plain, set("id", "1") + `,"b":null`, "key 1"}, // what is new must be told soon
		"nothing at all": {plain, set("id", "1"), "key 1"},
	} {
		before := []*cdc.Table{narrow}
		if name == "nothing at all" {
			before = nil
		}
		loader := &versions{tables: parse(t, test.cql)}
		d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(loader, before...)})
		for range 3 {
			if got := mustDecode(t, d, event("u", test.after)); !strings.Contains(got, test.want) {
				t.Errorf("%s: got %s, want %s", name, got, test.want)
			}
		}
		if loader.asked != 1 {
			t.Errorf("%s: asked %d times", name, loader.asked)
		}
	}
}

// TestRefreshInVain does not ask for the same again and again.
func TestRefreshInVain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		loader := &versions{tables: parse(t, plain)}
		d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(loader, loader.tables...)})
		ask := func(after string, code fault.Code, asked int) {
			t.Helper()
			for range 10 {
				_, err := decode(t, d, event("u", after))
				wantFault(t, err, code)
			}
			if loader.asked != asked {
				t.Errorf("asked %d times, want %d", loader.asked, asked)
			}
		}
		ask(set("id", "1", "x", "2"), fault.UnknownColumn, 1)
		ask(set("id", "1", "y", "2"), fault.UnknownColumn, 2) // another column may be there by now
		ask(set("id", "1", "a", `"2"`), fault.WrongType, 3)
		for range 10 { // nothing is said of it: it does no harm
			mustDecode(t, d, event("u", set("id", "1")+`,"z":null`))
		}
		time.Sleep(1001 * time.Millisecond)
		ask(set("id", "1", "x", "2"), fault.UnknownColumn, 5)
		time.Sleep(1001 * time.Millisecond) // it is two seconds now
		ask(set("id", "1", "x", "2"), fault.UnknownColumn, 5)
		time.Sleep(1001 * time.Millisecond)
		ask(set("id", "1", "x", "2"), fault.UnknownColumn, 6)

		ev := in(event("u", set("id", "1")), `"table":"t"`, `"table":"t%d"`)
		before := loader.asked
		for i := range 10_000 { // names that someone makes up
			_, err := decode(t, d, &cdc.Event{Value: fmt.Appendf(nil, string(ev.Value), i)})
			wantFault(t, err, fault.UnknownTable)
		}
		if got := loader.asked - before; got > 4096 {
			t.Errorf("asked %d times for 10,000 names", got)
		}
	})
}

// TestRefreshFails keeps an error of the loader apart from what is wrong with events.
func TestRefreshFails(t *testing.T) {
	t.Parallel()
	down := fault.New(fault.CassandraDown, "no host answers")
	loader := &versions{tables: parse(t, plain), err: down}
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(loader)})
	ev := event("u", set("id", "1", "a", "2"))
	for range 3 {
		_, err := decode(t, d, ev)
		if _, ok := errors.AsType[*debezium.UnavailableError](err); !ok || !errors.Is(err, down) {
			t.Errorf("got %v", err)
		}
	}
	known := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(loader, loader.tables...)})
	if got := mustDecode(t, known, event("u", set("id", "1", "a", "2")+`,"z":null`)); !strings.Contains(got, "a=2") {
		t.Error(got)
	}
	loader.err = nil
	if got := mustDecode(t, d, ev); !strings.Contains(got, "a=2") {
		t.Error(got)
	}

	d = newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(cdc.LoaderFunc(func(ctx context.Context, _, _ string) (*cdc.Table, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}))})
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	for range 2 { // one waits for the loader, the other for the first
		go func() {
			_, err := d.Decode(ctx, ev, debezium.NewSlab(1))
			errs <- err
		}()
	}
	cancel()
	for range 2 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
}

// TestRefreshTogether asks once for what several events need at the same time.
func TestRefreshTogether(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked, answer := 0, make(chan struct{})
		table := parse(t, plain)[0]
		d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(cdc.LoaderFunc(func(context.Context, string, string) (*cdc.Table, error) {
			asked++
			<-answer
			return table, nil
		}))})
		var wg sync.WaitGroup
		for range 5 {
			wg.Go(func() { mustDecode(t, d, event("u", set("id", "1", "a", "2"))) })
		}
		synctest.Wait()
		close(answer)
		wg.Wait()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
	})
}

// TestIgnore leaves out unknown columns, but not before asking for them.
func TestIgnore(t *testing.T) {
	t.Parallel()
	tables := parse(t, "CREATE TYPE ks.u (x int); CREATE TABLE ks.t (id int PRIMARY KEY, a text, u frozen<u>)")
	loader := &versions{tables: tables}
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(loader, tables...), UnknownColumns: debezium.Ignore})
	for range 3 {
		got := mustDecode(t, d, event("i", set("id", "1", "zz", `{"deep":[1,2]}`, "a", `"x"`, "u", `{"y":{},"x":5}`)))
		if !strings.Contains(got, `a="x"`) || !strings.Contains(got, `u={"x":5}`) {
			t.Error(got)
		}
	}
	if loader.asked != 1 && loader.asked != 2 {
		t.Errorf("asked %d times", loader.asked)
	}
	loader.tables = parse(t, "CREATE TABLE ks.t (id int PRIMARY KEY, a text, fresh int)")
	for range 2 { // asked for although another column was just ignored
		if got := mustDecode(t, d, event("i", set("id", "1", "fresh", "7"))); !strings.Contains(got, "fresh=7") {
			t.Error(got)
		}
	}
}

// TestIgnoreAfterNull does not take a column for one to ignore because an event
// said nothing of it.
func TestIgnoreAfterNull(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, plain)})
	s := debezium.NewSlab(4)
	for i, after := range []string{set("id", "1") + `,"x":null,"a":null`, set("id", "1") + `,"x":null,"a":null`, set("id", "1", "x", "5", "a", "6")} {
		_, err := d.Decode(t.Context(), event("u", after), s)
		if (err != nil) != (i == 2) {
			t.Errorf("event %d: got %v", i, err)
		}
	}
}

// TestAlter replays ALTER TABLE statements between real events: each event that
// does not fit makes the decoder ask for the next definition.
func TestAlter(t *testing.T) {
	t.Parallel()
	alter := []string{
		"", "; ALTER TABLE alt.t2 ADD extra int; ALTER TABLE alt.t2 ADD (more text, st text static)", "; ALTER TABLE alt.t2 RENAME ck TO ck2", "; ALTER TABLE alt.t2 DROP extra",
	}
	var defs []*cdc.Table
	for i := range alter {
		for _, x := range tables(t, strings.Join(alter[:i+1], "")) {
			if x.Keyspace == "alt" {
				defs = append(defs, x)
			}
		}
	}
	loader := &versions{tables: defs}
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(loader)})
	var got []string
	for _, ev := range records(t, "alter.jsonl") {
		got = append(got, mustDecode(t, d, ev))
	}
	for i, want := range []string{`key 1 1 marker`, `more="m"`, `delete_row alt.t2 key 1 2`, `v="renamed"`, `v="u"`, `more="m"`} {
		if !strings.Contains(got[i], want) {
			t.Errorf("event %d: got %s, want %s", i, got[i], want)
		}
	}
	if loader.asked != 3 {
		t.Errorf("asked %d times", loader.asked)
	}
}
