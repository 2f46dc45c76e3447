package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/sinks/postgres"
	"cdcpipe/sinks/postgres/pgserver"
	"cdcpipe/sources/generator"
)

// A database is a PostgreSQL that one schedule at a time uses.
type database struct {
	dir      string
	settings map[string]string // besides the usual
	s        *pgserver.Server
	disk     string // the file system of its databases, empty if there is none
}

func newDatabase(t *testing.T) *database {
	t.Helper()
	d := &database{dir: scratch(t), disk: newDisk(t)}
	d.start(t)
	t.Cleanup(func() { d.s.Kill() })
	return d
}

// scratch returns a directory that PostgreSQL's user may enter.
func scratch(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "cdcpipe-chaos")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// start starts the server, at the address that it had.
func (d *database) start(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	port := 0
	if d.s != nil {
		port = d.s.Port()
	}
	settings := map[string]string{
		"fsync": "off", "shared_buffers": "64MB", "max_connections": "60", "max_wal_size": "1GB", "autovacuum": "off", "log_min_messages": "fatal",
	}
	maps.Copy(settings, d.settings)
	for {
		s, err := pgserver.Start(ctx, pgserver.Config{Dir: d.dir, Port: port, Settings: settings})
		if err == nil {
			d.s = s
			return
		}
		select { // processes of the one that was killed may hold its memory for a moment
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal(err)
		}
	}
}

func (d *database) kill() { d.s.Kill() }

// A world is what one schedule is about: its servers, their networks, its workers.
type world struct {
	t             *testing.T
	s             schedule
	g             *generator.Generator
	pg            *database
	broker, redis *server
	toPG, toKafka *proxy
	toLetters     *proxy // to PostgreSQL, for the outlets
	dsn           string // past the proxy
	workers       []*worker
	outlets       bool   // their tables have triggers
	only          string // the one key of users that is poison, if there is just one

	total  int
	events map[place]uint64 // index of the event at each place
	at     map[uint64]place
	ends   map[pipeline.Partition]int64 // offsets of the last records

	mu       sync.Mutex
	progress map[pipeline.Partition]int64
	heap     uint64
	ours     []*ending
	problems []string
}

// A place is where a record stands in Kafka.
type place struct {
	topic     string
	partition int32
	offset    int64
}

func (p place) part() pipeline.Partition { return partition(p.topic, p.partition) }

func partition(topic string, p int32) pipeline.Partition {
	return pipeline.Partition(topic + "/" + strconv.Itoa(int(p)))
}

func newWorld(t *testing.T, s schedule, pg *database) *world {
	t.Helper()
	w := &world{t: t, s: s, pg: pg, total: int(s.events.Events), events: map[place]uint64{}, at: map[uint64]place{},
		ends: map[pipeline.Partition]int64{}, progress: map[pipeline.Partition]int64{}}
	var err error
	if w.g, err = generator.New(s.events); err != nil {
		t.Fatal(err)
	}
	w.makeDatabase()
	at := freeAddress(t)
	w.toKafka = newProxy(t, at)
	dir := scratch(t)
	w.broker = serve(t, "broker", dirEnv+"="+filepath.Join(dir, "kafka"), listenEnv+"="+at, addressEnv+"="+w.toKafka.addr())
	w.redis = serve(t, "redis", listenEnv+"="+freeAddress(t))
	w.makeTopics()
	return w
}

// through returns the address of the database by way of a proxy.
func (w *world) through(p *proxy) string {
	u, err := url.Parse(w.dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	u.Host = p.addr()
	return u.String()
}

// makeDatabase makes an empty database with the replica's tables and what makes
// them refuse.
func (w *world) makeDatabase() {
	name := "schedule_" + strconv.FormatUint(w.s.seed, 10)
	w.dsn = w.pg.s.DSN()
	w.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
	w.exec("CREATE DATABASE " + name + w.pg.tablespace(w))
	w.t.Cleanup(func() {
		w.dsn = w.pg.s.DSN()
		if !w.t.Failed() {
			w.exec("DROP DATABASE IF EXISTS " + name + " WITH (FORCE)")
		}
	})
	w.dsn = strings.Replace(w.dsn, "/"+pgserver.Database+"?", "/"+name+"?", 1)
	w.toPG = newProxy(w.t, "127.0.0.1:"+strconv.Itoa(w.pg.s.Port()))
	w.toLetters = newProxy(w.t, w.toPG.target)
	sink, err := postgres.New(postgres.Config{DSN: w.dsn, Connections: 2}, "chaos", w.g.Tables(), slog.New(slog.DiscardHandler))
	if err == nil {
		err = sink.Open(w.t.Context())
	}
	if err != nil {
		w.t.Fatal(err)
	}
	sink.Close(w.t.Context())
	if w.pg.disk == "" {
		w.raise("disk", "")
		w.trigger("disk", replicaTables)
	}
	switch w.s.poison {
	case allPoison:
		w.exec("DO $$ DECLARE t text; BEGIN FOR t IN " + replicaTables + " LOOP EXECUTE 'ALTER TABLE ' || t || ' ADD CONSTRAINT poison CHECK (false)'; END LOOP; END $$")
	case somePoison:
		w.exec("DO $$ DECLARE t text; BEGIN FOR t IN " + replicaTables + " AND c.relname LIKE 'users%' LOOP EXECUTE 'ALTER TABLE ' || t || " +
			"' ADD CONSTRAINT poison CHECK (id::text NOT LIKE ''" + poisonous + "%'')'; END LOOP; END $$")
	}
}

// replicaTables is a query that lists the tables behind the replica's views.
const replicaTables = "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname LIKE 'shop%' AND c.relkind = 'r'"

// poisonous is how the keys of users begin that are poison.
const poisonous = "a"

// trigger puts the trigger of that name on the tables that a query lists, and
// returns how many there were.
func (w *world) trigger(name, tables string) (n int) {
	w.query("SELECT count(*) FROM ("+tables+") AS t", &n)
	if n > 0 {
		w.exec("CREATE OR REPLACE FUNCTION public.chaos_" + name + "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$")
		w.exec("DO $$ DECLARE t text; BEGIN FOR t IN " + tables + " LOOP EXECUTE 'CREATE TRIGGER chaos BEFORE INSERT OR UPDATE ON ' || t || ' FOR EACH STATEMENT EXECUTE FUNCTION public.chaos_" + name + "()'; END LOOP; END $$")
	}
	return n
}

// exec runs a statement past the proxy.
func (w *world) exec(sql string) {
	w.t.Helper()
	w.connect(func(ctx context.Context, c *pgx.Conn) error {
		_, err := c.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
		return err
	})
}

// query reads one row of one column.
func (w *world) query(sql string, to any) {
	w.t.Helper()
	w.connect(func(ctx context.Context, c *pgx.Conn) error { return c.QueryRow(ctx, sql).Scan(to) })
}

func (w *world) connect(f func(context.Context, *pgx.Conn) error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(w.t.Context()), time.Minute)
	defer cancel()
	c, err := pgx.Connect(ctx, w.dsn)
	if err == nil {
		defer c.Close(ctx)
		err = f(ctx, c)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// client returns a client of Kafka, by way of the proxy.
func (w *world) client(opts ...kgo.Opt) *kgo.Client {
	w.t.Helper()
	cl, err := kgo.NewClient(append(opts, kgo.SeedBrokers(w.toKafka.addr()), kgo.DisableClientMetrics())...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(cl.Close)
	return cl
}

func (w *world) makeTopics() {
	w.t.Helper()
	cl := w.client()
	defer cl.Close()
	if _, err := kadm.NewClient(cl).CreateTopics(w.t.Context(), int32(w.s.partitions), 1, nil, w.g.Topics()...); err != nil {
		w.t.Fatal(err)
	}
}

// produce writes the events from one index up to another to Kafka.
func (w *world) produce(from, to int) {
	w.t.Helper()
	cl := w.client()
	defer cl.Close()
	rs := make([]*kgo.Record, to-from)
	for i := range rs {
		var e generator.Event
		w.g.Event(uint64(from+i), &e)
		rs[i] = &kgo.Record{Topic: e.Topic, Key: e.Key, Value: e.Value, Timestamp: e.Time,
			Headers: []kgo.RecordHeader{{Key: generator.IndexHeader, Value: strconv.AppendInt(nil, int64(from+i), 10)}}}
	}
	if err := cl.ProduceSync(w.t.Context(), rs...).FirstErr(); err != nil {
		w.t.Fatal(err)
	}
	for i, r := range rs {
		p := place{r.Topic, r.Partition, r.Offset}
		w.events[p], w.at[uint64(from+i)] = uint64(from+i), p
		w.ends[p.part()] = max(w.ends[p.part()], p.offset)
	}
}

// wrong notes what must not be.
func (w *world) wrong(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.problems) < 20 {
		w.problems = append(w.problems, fmt.Sprintf(format, args...))
	}
}

// settled counts the records that some worker has said are settled.
func (w *world) settled() (n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, o := range w.progress {
		n += int(o + 1)
	}
	return n
}

func (w *world) wait(d time.Duration) {
	select {
	case <-time.After(d):
	case <-w.t.Context().Done():
	}
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 3, 64) }

// hear takes note of what a worker says.
func (w *world) hear(x *worker, line []byte) {
	var st state
	if json.Unmarshal(line, &st) != nil {
		w.wrong("worker says %q", line)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if st.Ended != nil {
		x.ending = st.Ended
		return
	}
	x.state = st
	x.opened = x.opened || st.Open
	w.heap = max(w.heap, st.Heap)
	for p, o := range st.Settled {
		was, ok := w.progress[p]
		if !ok || o > was {
			w.progress[p] = o
		}
	}
}
