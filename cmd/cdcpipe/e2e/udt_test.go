//go:build e2e

package e2e

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// udtTables have user-defined types: fields of others, elements, keys and values of
// collections, frozen or not.
func udtTables() (stmts []string) {
	for _, ks := range []string{needed, never} {
		for _, s := range []string{
			"CREATE TYPE {ks}.geo (x double, y int)",
			"CREATE TYPE {ks}.address (street text, zip int, at frozen<geo>, tags frozen<set<text>>)",
			`CREATE TABLE {ks}.typed (k int, c int, f frozen<address>, n address, l list<frozen<address>>, s set<frozen<geo>>, m map<text, frozen<geo>>,
				fl frozen<list<frozen<map<int, frozen<geo>>>>>, t tuple<int, frozen<geo>>, v text, PRIMARY KEY (k, c)) WITH cdc = true`,
			"CREATE TABLE {ks}.homes (k int PRIMARY KEY, f frozen<address>, n address, v text) WITH cdc = true",
		} {
			stmts = append(stmts, strings.ReplaceAll(s, "{ks}", ks))
		}
	}
	return stmts
}

// program runs the program with the pipeline's file, and returns what it printed.
func (p *pipe) program(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	b, err := exec.CommandContext(t.Context(), p.bin, append(args, "-f", p.file)...).CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return e.ExitCode(), string(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(b)
}

// The agent registers no table with a user-defined type: no event of it comes. Doctor
// says so, and snapshot and verify carry what is in it, with write times and expiries.
func TestUserDefinedTypes(t *testing.T) {
	names := map[string][]string{needed: {"typed", "homes"}, never: {"typed", "homes"}}
	written := func(ks string) []string {
		return strings.Split(strings.ReplaceAll(`INSERT INTO {ks}.typed (k, c, f, n, l, s, m, fl, t, v) VALUES (1, 1,
			{street: 'a', zip: 1, at: {x: 1.5, y: 2}, tags: {'p', 'q'}}, {street: 'b', zip: 2, at: {x: -1, y: null}}, [{street: 'c'}, {zip: 3, tags: {'r'}}],
			{{x: 1, y: 1}, {x: 0, y: 5}}, {'k': {x: 2, y: 3}, 'j': {y: 4}}, [{1: {x: 3, y: 4}}, {}], (7, {x: 5, y: 6}), 'v')
;INSERT INTO {ks}.typed (k, c, f, n, m) VALUES (1, 2, {street: ''}, {street: 'ttl', zip: 9}, {'t': {x: 1}}) USING TTL 86400 AND TIMESTAMP 1700000000000001
;UPDATE {ks}.typed SET n.street = 'later', m['new'] = {x: 8, y: 8}, l = l + [{street: 'z'}] WHERE k = 1 AND c = 1
;UPDATE {ks}.typed SET n.zip = null, s = s - {{x: 1, y: 1}} WHERE k = 1 AND c = 1
;INSERT INTO {ks}.typed (k, c) VALUES (1, 3)
;INSERT INTO {ks}.homes (k, f, n, v) VALUES (1, {street: 'ü', at: {x: 0.1}}, {street: 'n', zip: 1}, 'x')
;UPDATE {ks}.homes USING TTL 3600 SET n.at = {x: 4, y: 4} WHERE k = 1
;UPDATE {ks}.homes SET f = {zip: 5} WHERE k = 2
;INSERT INTO {ks}.homes (k, v) VALUES (3, 'none')`, "{ks}", ks), "\n;")
	}
	later := func(ks string) []string {
		return strings.Split(strings.ReplaceAll(`UPDATE {ks}.typed SET f = {street: 'new'}, n = {street: 'over', zip: 4}, s = {{x: 9, y: 9}} WHERE k = 1 AND c = 1
;DELETE FROM {ks}.typed WHERE k = 1 AND c = 2
;DELETE n.street FROM {ks}.homes WHERE k = 1
;DELETE n, f FROM {ks}.homes WHERE k = 2
;UPDATE {ks}.homes SET n.street = 'first' WHERE k = 3`, "{ks}", ks), "\n;")
	}
	both := func(do func(ks string)) {
		do(needed)
		do(never)
	}
	both(func(ks string) { the.do(t, written(ks)...) })
	if err := the.settle(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	both(func(ks string) {
		for _, n := range names[ks] {
			ends, err := the.kafka.ListEndOffsets(t.Context(), the.Topic(ks, n))
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range ends[the.Topic(ks, n)] {
				if o.Err == nil && o.Offset > 0 {
					t.Errorf("%s.%s has events after all", ks, n)
				}
			}
		}
	})
	if _, out := the.pipe.program(t, "doctor"); strings.Count(out, "CDC-7037 column f ") != 4 {
		t.Errorf("doctor does not name the tables:\n%s", out)
	}
	equal := func(history func(string) []string) {
		both(func(ks string) {
			for _, n := range names[ks] {
				the.equal(t, the.table(t, ks, n), func(string) []string { return history(ks) })
			}
		})
	}
	tables := []string{"--table", "needed.typed", "--table", "needed.homes", "--table", "never.typed", "--table", "never.homes"}
	if code, out := the.pipe.program(t, append([]string{"snapshot"}, tables...)...); code != 0 {
		t.Fatalf("snapshot: exit %d\n%s", code, out)
	}
	equal(written)
	both(func(ks string) { the.do(t, later(ks)...) })
	if code, out := the.pipe.program(t, append([]string{"verify", "--settle", "1s", "--repair"}, tables...)...); code != 0 {
		t.Fatalf("verify --repair: exit %d\n%s", code, out)
	}
	equal(func(ks string) []string { return append(written(ks), later(ks)...) })
}
