//go:build e2e

package e2e

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
)

// udtTables have user-defined types: with frozen columns alone, and one without CDC
// whose columns are not, which the agent cannot read.
func udtTables() (stmts []string) {
	for _, ks := range []string{needed, never} {
		for _, s := range []string{
			"CREATE TYPE {ks}.geo (x double, y int)",
			"CREATE TYPE {ks}.address (street text, zip int, at frozen<geo>, tags frozen<set<text>>)",
			`CREATE TABLE {ks}.frozen_udt (k int, c int, f frozen<address>, l frozen<list<frozen<address>>>, m frozen<map<text, frozen<geo>>>,
				t tuple<int, frozen<geo>>, v text, PRIMARY KEY (k, c)) WITH cdc = true`,
			`CREATE TABLE {ks}.open_udt (k int, c int, f frozen<address>, n address, l list<frozen<address>>, s set<frozen<geo>>, m map<text, frozen<geo>>,
				fl frozen<list<frozen<map<int, frozen<geo>>>>>, v text, PRIMARY KEY (k, c))`,
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

var frozenUDT = []string{
	`INSERT INTO {ks}.frozen_udt (k, c, f, l, m, t, v) VALUES (1, 1, {street: 'a', zip: 1, at: {x: 1.5, y: 2}, tags: {'p', 'q'}},
		[{street: 'c'}, {zip: 3, tags: {'r'}}], {'k': {x: 2, y: 3}, 'j': {y: 4}}, (7, {x: 5, y: 6}), 'v')`,
	"INSERT INTO {ks}.frozen_udt (k, c, f, m) VALUES (1, 2, {street: ''}, {'t': {x: 1}}) USING TTL 86400 AND TIMESTAMP 1700000000000001",
	"UPDATE {ks}.frozen_udt SET f = {street: 'new'}, t = (null, {x: 0}) WHERE k = 1 AND c = 1",
	"UPDATE {ks}.frozen_udt SET l = [{street: 'z', at: {x: 0.1}}] WHERE k = 2 AND c = 1",
	"DELETE m FROM {ks}.frozen_udt WHERE k = 1 AND c = 1",
	"INSERT INTO {ks}.frozen_udt (k, c) VALUES (1, 3)",
}

var openUDT = []string{
	`INSERT INTO {ks}.open_udt (k, c, f, n, l, s, m, fl, v) VALUES (1, 1, {street: 'a', zip: 1, at: {x: 1.5, y: 2}, tags: {'p', 'q'}},
		{street: 'b', zip: 2, at: {x: -1, y: null}}, [{street: 'c'}, {zip: 3, tags: {'r'}}],
		{{x: 1, y: 1}, {x: 0, y: 5}}, {'k': {x: 2, y: 3}, 'j': {y: 4}}, [{1: {x: 3, y: 4}}, {}], 'v')`,
	"INSERT INTO {ks}.open_udt (k, c, f, n, m) VALUES (1, 2, {street: ''}, {street: 'ttl', zip: 9}, {'t': {x: 1}}) USING TTL 86400 AND TIMESTAMP 1700000000000001",
	"UPDATE {ks}.open_udt SET n.street = 'later', m['new'] = {x: 8, y: 8}, l = l + [{street: 'z'}] WHERE k = 1 AND c = 1",
	"UPDATE {ks}.open_udt SET n.zip = null, s = s - {{x: 1, y: 1}} WHERE k = 1 AND c = 1",
	"INSERT INTO {ks}.open_udt (k, c) VALUES (1, 3)",
	"UPDATE {ks}.open_udt SET n = {street: 'alone'} WHERE k = 2 AND c = 1",
}

var openUDTLater = []string{
	"UPDATE {ks}.open_udt SET f = {street: 'new'}, n = {street: 'over', zip: 4}, s = {{x: 9, y: 9}} WHERE k = 1 AND c = 1",
	"DELETE FROM {ks}.open_udt WHERE k = 1 AND c = 2",
	"DELETE n.street, m['new'] FROM {ks}.open_udt WHERE k = 2 AND c = 1",
	"UPDATE {ks}.open_udt SET n.street = 'first' WHERE k = 1 AND c = 3",
}

// Events carry what is frozen of user-defined types; snapshot and verify the rest, of
// tables without CDC. Either way the replica has the values that SELECT answers, with
// their write times and expiries.
func TestUserDefinedTypes(t *testing.T) {
	keyspaces := []string{needed, never}
	do := func(stmts []string) (done []string) {
		t.Helper()
		for _, ks := range keyspaces {
			for _, s := range stmts {
				done = append(done, strings.ReplaceAll(s, "{ks}", ks))
			}
		}
		the.do(t, done...)
		return done
	}
	equal := func(table string, history []string) {
		t.Helper()
		for _, ks := range keyspaces {
			the.equal(t, the.table(t, ks, table), func(string) []string { return history })
		}
	}
	equal("frozen_udt", do(frozenUDT))
	written := do(openUDT)
	tables := []string{"--table", "needed.open_udt", "--table", "never.open_udt"}
	if code, out := the.pipe.program(t, append([]string{"snapshot"}, tables...)...); code != 0 {
		t.Fatalf("snapshot: exit %d\n%s", code, out)
	}
	equal("open_udt", written)
	written = append(written, do(openUDTLater)...)
	if code, out := the.pipe.program(t, append([]string{"verify", "--settle", "1s", "--repair"}, tables...)...); code != 0 {
		t.Fatalf("verify --repair: exit %d\n%s", code, out)
	}
	equal("open_udt", written)
}
