//go:build e2e

package cassandra_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/sources/cassandra"
)

// A table that was altered is read as it was defined, or not at all.
func TestReadAltered(t *testing.T) {
	l := newLab(t, "reader_altered")
	l.do("CREATE TYPE reader_altered.u (a int)")
	l.do("CREATE TABLE reader_altered.t (id int PRIMARY KEY, a int, b int, u frozen<u>)")
	l.do("INSERT INTO reader_altered.t (id, a, b, u) VALUES (1, 2, 3, {a: 4}) USING TIMESTAMP 5")
	table := l.table("t")
	read := func(table *cdc.Table) ([]cdc.Reading, error) {
		return l.reader.ReadRows(t.Context(), table, ints(1), [][]cdc.Value{nil})
	}
	check := func(what string, table *cdc.Table, want string) {
		t.Helper()
		rows, err := read(table)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		l.want(table, what, rows, want)
	}
	check("as defined", table, "[00000001] a=00000002@5 b=00000003@5 u=0000000400000004@5")
	l.do("ALTER TABLE reader_altered.t ADD aa text")
	check("column added", table, "[00000001] a=00000002@5 b=00000003@5 u=0000000400000004@5")
	l.do("ALTER TABLE reader_altered.t DROP a")
	if rows, err := read(table); !fault.Is(err, fault.CassandraDiffers) {
		t.Errorf("column dropped: got %v, %v", rows, err)
	}
	table = l.table("t")
	check("loaded again", table, "[00000001] b=00000003@5 u=0000000400000004@5")
	l.do("ALTER TYPE reader_altered.u ADD z int")
	if rows, err := read(table); !fault.Is(err, fault.CassandraDiffers) {
		t.Errorf("field added: got %v, %v", rows, err)
	}
	check("type loaded again", l.table("t"), "[00000001] b=00000003@5 u=0000000400000004@5")
	l.do("DROP TABLE reader_altered.t")
	l.do("CREATE TABLE reader_altered.t (id int PRIMARY KEY, b text, u frozen<u>)")
	l.do("INSERT INTO reader_altered.t (id, b) VALUES (1, 'abcd')")
	if rows, err := read(table); !fault.Is(err, fault.CassandraDiffers) {
		t.Errorf("made anew: got %v, %v", rows, err)
	}
	l.do("DROP TABLE reader_altered.t")
	if rows, err := read(table); !fault.Is(err, fault.CassandraTable) {
		t.Errorf("dropped: got %v, %v", rows, err)
	}
	other, err := cdc.NewTable("no_such_keyspace", "t", table.Columns)
	if err != nil {
		t.Fatal(err)
	}
	if rows, err := read(other); !fault.Is(err, fault.CassandraTable) {
		t.Errorf("no keyspace: got %v, %v", rows, err)
	}
}

// Many read at once; contexts and errors of yield end a read, also between pages.
func TestReadConcurrently(t *testing.T) {
	l := newLab(t, "reader_many")
	l.do("CREATE TABLE reader_many.t (p int, c int, v text, PRIMARY KEY (p, c))")
	for i := range 60 {
		l.do("INSERT INTO reader_many.t (p, c, v) VALUES (?, ?, ?)", i%3, i, strconv.Itoa(i))
	}
	table := l.table("t")
	var wg sync.WaitGroup
	for i := range int32(24) {
		wg.Go(func() {
			n := 0
			err := l.reader.ReadPrefix(t.Context(), table, ints(i%3), func(r cdc.Reading) error {
				c, _ := r.Key[1].Int(cdc.Int)
				if string(r.Cells[0].Value) != strconv.FormatInt(c, 10) {
					t.Errorf("row %d: got %s", c, r.Cells[0].Value)
				}
				n++
				return nil
			})
			if err != nil || n != 20 {
				t.Errorf("got %d rows, %v", n, err)
			}
		})
	}
	wg.Wait()
	stop := errors.New("stop")
	n := 0
	err := l.reader.ReadPrefix(t.Context(), table, ints(1), func(cdc.Reading) error {
		if n++; n == 9 {
			return stop
		}
		return nil
	})
	if err != stop || n != 9 {
		t.Errorf("got %d rows, %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	n = 0
	err = l.reader.ReadPrefix(ctx, table, ints(1), func(cdc.Reading) error {
		n++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || fault.CodeOf(err) != fault.Unknown || n != 1 {
		t.Errorf("got %d rows, %v", n, err)
	}
	l.reader.Close()
	if _, err := l.reader.ReadRows(t.Context(), table, ints(1), [][]cdc.Value{ints(1)}); err == nil {
		t.Error("a closed reader reads")
	}
}

// A reader that cannot connect can be asked again, and gives up with its context.
func TestReadUnreached(t *testing.T) {
	t.Parallel()
	r, err := cassandra.NewReader(cassandra.Config{Hosts: []string{"127.0.0.1"}, Port: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	for range 2 {
		if _, err := r.Ranges(t.Context(), 1); !fault.Is(err, fault.CassandraDown) {
			t.Errorf("got %v", err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Ranges(ctx, 1); !errors.Is(err, context.Canceled) && !fault.Is(err, fault.CassandraDown) {
		t.Errorf("got %v", err)
	}
}
