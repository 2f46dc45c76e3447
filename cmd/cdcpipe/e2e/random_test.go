//go:build e2e

package e2e

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A kind is a sort of table that a random workload writes.
type kind struct {
	keyspace, name string
	create         string
	statics        bool
	collections    bool
	batches        bool // also of several write times, and of a row deleted and written again
}

func kinds() []kind {
	const simple = "(p int, c int, d text, a int, b text, n decimal, at timestamp, PRIMARY KEY (p, c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC) AND cdc = true"
	const full = "(p int, c int, d text, s text STATIC, t set<int> STATIC, a int, b text, l list<int>, e set<text>, m map<text, int>, PRIMARY KEY (p, c, d)) WITH cdc = true"
	return []kind{
		{keyspace: never, name: "random_simple", create: simple},
		{keyspace: needed, name: "random_simple", create: simple},
		{keyspace: needed, name: "random_full", create: full, statics: true, collections: true, batches: true},
		{keyspace: always, name: "random_simple", create: simple, batches: true},
	}
}

func (k kind) table() string { return "CREATE TABLE " + k.keyspace + "." + k.name + " " + k.create }

// statements is how many a random workload has; CDCPIPE_STATEMENTS asks for another
// number, CDCPIPE_SEED for a seed.
func statements() int { return int(fromEnv("CDCPIPE_STATEMENTS", 20_000)) }

func fromEnv(name string, otherwise uint64) uint64 {
	if n, err := strconv.ParseUint(os.Getenv(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// A workload draws statements about one partition, and remembers them.
type workload struct {
	*rand.Rand
	kind
	p       int
	base    int64 // write times that are chosen lie around it
	history []string
}

// Whatever statements come in whatever order, the replica is what Cassandra answers.
func TestRandomStatements(t *testing.T) {
	seed := fromEnv("CDCPIPE_SEED", uint64(time.Now().UnixNano()))
	t.Logf("CDCPIPE_SEED=%d", seed)
	const partitions = 40
	all := kinds()
	histories := make([]map[string]*workload, len(all))
	each := statements() / len(all) / partitions
	work := make(chan *workload)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for w := range work {
				for range each {
					if err := w.write(t); err != nil {
						t.Errorf("seed %d: %v", seed, err)
						break
					}
				}
			}
		})
	}
	begun := time.Now()
	for p := range partitions {
		for i, k := range all {
			if histories[i] == nil {
				histories[i] = map[string]*workload{}
			}
			w := &workload{Rand: rand.New(rand.NewPCG(seed, uint64(p*len(all)+i))), kind: k, p: p, base: time.Now().UnixMicro()}
			histories[i][strconv.Itoa(p)] = w
			work <- w
		}
	}
	close(work)
	wg.Wait()
	t.Logf("%d statements in %v", each*partitions*len(all), time.Since(begun))
	if err := the.settle(t.Context(), 3*time.Minute); err != nil {
		t.Fatal(err)
	}
	t.Logf("settled after %v", time.Since(begun))
	for i, k := range all {
		t.Run(k.keyspace+"/"+k.name, func(t *testing.T) {
			rows := the.equal(t, the.table(t, k.keyspace, k.name), func(key string) []string {
				p, rest, _ := strings.Cut(key, "/")
				return append([]string{fmt.Sprintf("CDCPIPE_SEED=%d", seed)}, histories[i][p].about(rest)...)
			})
			t.Logf("%d rows", rows)
		})
	}
}

// about returns the statements that concern a row of the partition.
func (w *workload) about(row string) (lines []string) {
	c, d, _ := strings.Cut(row, "/")
	key := fmt.Sprintf("c = %s AND d = '%s'", c, d)
	for _, h := range w.history {
		if !strings.Contains(h, " AND d = '") || strings.Contains(h, key) || strings.Contains(h, "BATCH") || w.statics && strings.Contains(h, " s = ") {
			lines = append(lines, h)
		}
	}
	return lines
}

// write draws and executes one statement.
func (w *workload) write(t *testing.T) error {
	stmt := w.statement()
	w.history = append(w.history, stmt)
	if err := the.exec(t.Context(), stmt); err != nil {
		return fmt.Errorf("%s: %w", stmt, err)
	}
	return nil
}

func (w *workload) statement() string {
	if w.batches && w.IntN(10) == 0 {
		return w.batch()
	}
	return w.single(w.using())
}

// using draws a write time: mostly that of the clock, else one around the beginning,
// which several statements may have.
func (w *workload) using() string {
	var parts []string
	if w.IntN(4) == 0 {
		parts = append(parts, fmt.Sprintf("TIMESTAMP %d", w.base+int64(w.IntN(2000)*1000)))
	}
	return strings.Join(parts, " AND ")
}

func (w *workload) key() string {
	return fmt.Sprintf("p = %d AND c = %d AND d = '%s'", w.p, w.IntN(4), string(rune('a'+w.IntN(3))))
}

// single draws one statement, with a write time if that is given. Whatever it writes
// is in WHERE, so that statements about a row can be told by its text.
func (w *workload) single(using string) string {
	at, table := "", w.keyspace+"."+w.name
	if using != "" {
		at = " USING " + using
	}
	switch n := w.IntN(100); {
	case n < 2:
		return fmt.Sprintf("DELETE FROM %s%s WHERE p = %d", table, at, w.p)
	case n < 7:
		return fmt.Sprintf("DELETE FROM %s%s WHERE p = %d AND %s", table, at, w.p, w.bounds())
	case n < 15:
		return fmt.Sprintf("DELETE FROM %s%s WHERE %s", table, at, w.key())
	case n < 20:
		return fmt.Sprintf("DELETE %s FROM %s%s WHERE %s", w.column(), table, at, w.key())
	case n < 22 && w.statics:
		return fmt.Sprintf("UPDATE %s%s SET s = '%d', t = t + {%d} WHERE p = %d", table, at, w.IntN(100), w.IntN(5), w.p)
	case n < 60:
		return w.insert(table, at, using)
	default:
		return w.update(table, at, using)
	}
}

// column draws one that is not static: its cells have events.
func (w *workload) column() string {
	if w.collections {
		return []string{"a", "b", "l", "e", "m"}[w.IntN(5)]
	}
	return []string{"a", "b", "n", "at"}[w.IntN(4)]
}

func (w *workload) bounds() string {
	c := w.IntN(4)
	switch w.IntN(5) {
	case 0:
		return fmt.Sprintf("c > %d", c)
	case 1:
		return fmt.Sprintf("c <= %d", c)
	case 2:
		return fmt.Sprintf("c >= %d AND c < %d", c, c+2)
	case 3:
		return fmt.Sprintf("c = %d", c)
	default:
		return fmt.Sprintf("c = %d AND d >= 'b'", c)
	}
}

// ttl adds one, far from the end of the test, so that nothing expires within it.
func (w *workload) ttl(at, using string) string {
	if w.IntN(8) != 0 {
		return at
	}
	if using == "" {
		return " USING TTL 100000"
	}
	return at + " AND TTL 100000"
}

func (w *workload) value(column string) string {
	switch column {
	case "a":
		return strconv.Itoa(w.IntN(1000) - 500)
	case "b", "s":
		return fmt.Sprintf("'%x'", w.IntN(1000))
	case "n":
		return fmt.Sprintf("%d.%02d", w.IntN(1000), w.IntN(100))
	case "at":
		return strconv.Itoa(w.IntN(1 << 40))
	case "l":
		return fmt.Sprintf("[%d, %d]", w.IntN(9), w.IntN(9))
	case "e":
		return fmt.Sprintf("{'%d', '%d'}", w.IntN(9), w.IntN(9))
	default:
		return fmt.Sprintf("{'%d': %d}", w.IntN(9), w.IntN(9))
	}
}

// insert has a value other than null, whose expiry tells that of the row.
func (w *workload) insert(table, at, using string) string {
	c, v := w.column(), w.IntN(4)
	cols, values := []string{"p", "c", "d", c}, []string{strconv.Itoa(w.p), strconv.Itoa(v), "'" + string(rune('a'+w.IntN(3))) + "'", w.value(c)}
	for _, more := range []string{"a", "b"} {
		if more != c && w.IntN(2) == 0 {
			x := w.value(more)
			if w.IntN(6) == 0 {
				x = "null"
			}
			cols, values = append(cols, more), append(values, x)
		}
	}
	if w.statics && w.IntN(4) == 0 {
		cols, values = append(cols, "s"), append(values, w.value("s"))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)%s /* c = %d AND d = %s */", table, strings.Join(cols, ", "), strings.Join(values, ", "), w.ttl(at, using), v, values[2])
}

func (w *workload) update(table, at, using string) string {
	c := w.column()
	set := c + " = " + w.value(c)
	if w.collections && w.IntN(2) == 0 {
		set = []string{
			fmt.Sprintf("l = l + [%d]", w.IntN(9)), fmt.Sprintf("l = [%d] + l", w.IntN(9)),
			fmt.Sprintf("e = e + {'%d'}", w.IntN(9)), fmt.Sprintf("e = e - {'%d'}", w.IntN(9)),
			fmt.Sprintf("m['%d'] = %d", w.IntN(9), w.IntN(9)), fmt.Sprintf("m = m - {'%d'}", w.IntN(9)),
		}[w.IntN(6)]
	}
	if w.IntN(8) == 0 {
		set = c + " = null"
	}
	return fmt.Sprintf("UPDATE %s%s SET %s WHERE %s", table, w.ttl(at, using), set, w.key())
}

// batch draws one of this partition, of one write time or several.
func (w *workload) batch() string {
	var parts []string
	if w.IntN(3) == 0 { // a row deleted and written again
		key := w.key()
		ts := w.base + int64(w.IntN(2000)*1000)
		parts = append(parts, fmt.Sprintf("DELETE FROM %s.%s USING TIMESTAMP %d WHERE %s", w.keyspace, w.name, ts, key),
			fmt.Sprintf("UPDATE %s.%s USING TIMESTAMP %d SET a = %d WHERE %s", w.keyspace, w.name, ts+1, w.IntN(100), key))
	} else {
		// At most one deletion of a range: where two of different write times overlap, the
		// agent throws the rest of its segment away (docs/cassandra-setup.md).
		ranges := 0
		for range 1 + w.IntN(4) {
			stmt := w.single(w.using())
			if strings.HasPrefix(stmt, "DELETE FROM") && strings.Contains(stmt, " AND ") && !strings.Contains(stmt, " AND d = '") {
				if ranges++; ranges > 1 {
					continue
				}
			}
			parts = append(parts, stmt)
		}
	}
	return "BEGIN UNLOGGED BATCH " + strings.Join(parts, "; ") + "; APPLY BATCH"
}
