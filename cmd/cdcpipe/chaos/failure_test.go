package chaos

import (
	"math/rand/v2"
	"time"
)

// A failure is something that goes wrong. Whatever it breaks and does not mend
// itself, heal mends.
type failure struct {
	name   string
	weight int
	do     func(w *world, o occurrence)
}

var faults = []*failure{
	{"worker: kill -9", 14, func(w *world, _ occurrence) { w.workers[0].kill() }},
	{"worker: a second joins and leaves", 6, func(w *world, o occurrence) { w.second(o, false) }},
	{"worker: a second joins, kill -9", 4, func(w *world, o occurrence) { w.second(o, true) }},
	{"PostgreSQL: kill -9", 8, func(w *world, o occurrence) { w.pg.kill(); w.wait(o.last / 2); w.pg.start(w.t) }},
	{"PostgreSQL: sessions terminated", 5, func(w *world, _ occurrence) {
		w.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cdcpipe' AND datname = current_database()")
	}},
	{"PostgreSQL: disk full (53100)", 6, (*world).fillDisk},
	{"PostgreSQL: tables locked", 4, func(w *world, o occurrence) { w.lock(2 * o.last) }},
	{"PostgreSQL: outlet refuses", 6, func(w *world, o occurrence) { w.raise("outlet", "53100"); w.wait(2 * o.last); w.raise("outlet", "") }},
	{"Kafka: kill -9", 8, func(w *world, o occurrence) { w.broker.p.kill(); w.wait(o.last); w.broker.start() }},
	{"Redis: kill -9", 5, func(w *world, o occurrence) { w.redis.p.kill(); w.wait(o.last / 4); w.redis.start() }},
	{"clock: jumps (Redis)", 4, func(w *world, _ occurrence) { w.redis.p.tell("26h") }},
	{"network to PostgreSQL: cut", 6, func(w *world, o occurrence) { w.toPG.cut(); w.wait(o.last); w.toPG.heal() }},
	{"network to PostgreSQL: delay", 5, func(w *world, o occurrence) { w.toPG.slow(o.last / 20); w.wait(2 * o.last); w.toPG.heal() }},
	{"network to PostgreSQL: reset", 6, func(w *world, o occurrence) { w.toPG.resetAfter(int(o.dice % 60_000)) }},
	{"network to PostgreSQL: half-open", 4, func(w *world, _ occurrence) { w.toPG.halfOpen() }},
	{"network to PostgreSQL: slow consumer", 4, func(w *world, o occurrence) { w.toPG.slow(o.last / 30) }}, // until the end
	{"network to the outlets: cut", 4, func(w *world, o occurrence) { w.toLetters.cut(); w.wait(2 * o.last); w.toLetters.heal() }},
	{"network to the outlets: reset", 4, func(w *world, o occurrence) { w.toLetters.resetAfter(int(o.dice % 20_000)) }},
	{"network to Kafka: cut", 6, func(w *world, o occurrence) { w.toKafka.cut(); w.wait(o.last); w.toKafka.heal() }},
	{"network to Kafka: delay", 5, func(w *world, o occurrence) { w.toKafka.slow(o.last / 20); w.wait(2 * o.last); w.toKafka.heal() }},
	{"network to Kafka: reset", 6, func(w *world, o occurrence) { w.toKafka.resetAfter(int(o.dice % 60_000)) }},
	{"network to Kafka: half-open", 1, func(w *world, _ occurrence) { w.toKafka.halfOpen() }},
}

// pick picks a fault by its weight.
func pick(rng *rand.Rand) *failure {
	sum := 0
	for _, f := range faults {
		sum += f.weight
	}
	n := rng.IntN(sum)
	for _, f := range faults {
		if n -= f.weight; n < 0 {
			return f
		}
	}
	panic("unreachable")
}

// second starts a worker beside the first, waits a while for it to get
// partitions, and stops or kills it.
func (w *world) second(o occurrence, kill bool) {
	x := w.worker("second")
	w.workers = append(w.workers, x)
	for deadline := time.Now().Add(2 * time.Second); time.Now().Before(deadline) && !x.ended() && x.owns() == 0 && w.settled() < w.total; {
		w.wait(10 * time.Millisecond)
	}
	w.wait(o.last / 2)
	if kill {
		x.kill()
	}
	x.retire()
}

// raise makes writes fail with an SQLSTATE on the server itself, or no longer.
func (w *world) raise(what, state string) {
	body := "RETURN NULL"
	if state != "" {
		body = "RAISE EXCEPTION 'out of order' USING ERRCODE = '" + state + "'"
	}
	if what == "outlet" && !w.outlets {
		w.outlets = w.trigger("outlet", "SELECT c.oid::regclass::text FROM pg_class c WHERE c.relname IN ('dlq_archive', 'validation_errors', 'staleness_audit') AND c.relkind = 'r'") > 0
	}
	w.exec("CREATE OR REPLACE FUNCTION public.chaos_" + what + "() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN " + body + "; END $$")
}

// lock keeps everyone from the replica's tables for a while.
func (w *world) lock(d time.Duration) {
	w.exec("DO $$ DECLARE r record; BEGIN FOR r IN SELECT c.oid::regclass::text AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" +
		" WHERE n.nspname LIKE 'shop%' AND c.relkind = 'r' ORDER BY 1 LOOP EXECUTE 'LOCK TABLE ' || r.name || ' IN ACCESS EXCLUSIVE MODE'; END LOOP;" +
		" PERFORM pg_sleep(" + seconds(d) + "); END $$")
}
