//go:build e2e

package e2e

import "fmt"

// rowScripts write and delete cells, rows, ranges and partitions.
func rowScripts() []script {
	const row = "(p int, c int, a int, b text, PRIMARY KEY (p, c))"
	const wide = "(p int, x int, y text, z int, v int, PRIMARY KEY (p, x, y, z))"
	grid := func(lines ...string) (all []string) {
		for x := range 3 {
			for _, y := range []string{"a", "b", "c"} {
				for z := range 3 {
					all = append(all, fmt.Sprintf("INSERT INTO {t} (p, x, y, z, v) VALUES (1, %d, '%s', %d, %d%d)", x, y, z, x, z))
				}
			}
		}
		return append(all, lines...)
	}
	ranges := grid(
		"DELETE FROM {t} WHERE p = 1 AND x = 0 AND y > 'a'",                             // open above
		"DELETE FROM {t} WHERE p = 1 AND x = 1 AND y <= 'a'",                            // open below
		"DELETE FROM {t} WHERE p = 1 AND x = 1 AND y = 'b'",                             // a prefix
		"DELETE FROM {t} WHERE p = 1 AND x = 1 AND y = 'c' AND z >= 1 AND z < 2",        // closed
		"DELETE FROM {t} WHERE p = 1 AND x = 2 AND y > 'a' AND y < 'c'",                 // both ends open
		"DELETE FROM {t} WHERE p = 1 AND x = 0 AND y = 'a' AND z > 0 AND z <= 0",        // nothing
		"DELETE FROM {t} WHERE p = 1 AND (x, y, z) > (2, 'b', 1) AND (x, y) < (2, 'd')", // of several columns
		"settle",
		"INSERT INTO {t} (p, x, y, z, v) VALUES (1, 0, 'b', 1, 99)", // written again
		"UPDATE {t} SET v = 98 WHERE p = 1 AND x = 1 AND y = 'b' AND z = 0",
	)
	return []script{
		{name: "rows", create: row, plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 1, 'one')",
			"UPDATE {t} SET a = 2 WHERE p = 1 AND c = 1",
			"INSERT INTO {t} (p, c) VALUES (1, 2)",                 // nothing but its key
			"UPDATE {t} SET b = 'no marker' WHERE p = 1 AND c = 3", // no marker
			"UPDATE {t} SET a = 4, b = 'four' WHERE p = 1 AND c = 4",
			"DELETE a FROM {t} WHERE p = 1 AND c = 4",
			"INSERT INTO {t} (p, c, a) VALUES (1, 5, 5)",
			"DELETE a FROM {t} WHERE p = 1 AND c = 5", // a row of nothing but its key
			"INSERT INTO {t} (p, c, a) VALUES (1, 6, 6)",
			"DELETE FROM {t} WHERE p = 1 AND c = 6",
			"DELETE FROM {t} WHERE p = 1 AND c = 7", // never there
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1)",
			"INSERT INTO {t} (p, c, a) VALUES (2, 2, 2)",
			"DELETE FROM {t} WHERE p = 2",
			"INSERT INTO {t} (p, c, a, b) VALUES (3, 1, 1, null)",
		}},
		{name: "rows_vanish", create: row, plain: true, lines: []string{
			"UPDATE {t} SET a = 1 WHERE p = 1 AND c = 1",
			"settle",
			"UPDATE {t} SET a = null WHERE p = 1 AND c = 1", // and with it the row
			"UPDATE {t} SET a = 1, b = 'b' WHERE p = 1 AND c = 2",
			"DELETE a, b FROM {t} WHERE p = 1 AND c = 2",
			"INSERT INTO {t} (p, c, a) VALUES (1, 3, 3)",
			"UPDATE {t} SET a = null WHERE p = 1 AND c = 3", // its marker keeps it
		}},
		{name: "rows_resurrect", create: row, plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 1, 'one')",
			"DELETE FROM {t} WHERE p = 1 AND c = 1",
			"settle",
			"INSERT INTO {t} (p, c, b) VALUES (1, 1, 'again')", // a stays null
			"INSERT INTO {t} (p, c, a, b) VALUES (2, 1, 1, 'one')",
			"DELETE FROM {t} WHERE p = 2",
			"UPDATE {t} SET a = 2 WHERE p = 2 AND c = 1", // without a marker
			"INSERT INTO {t} (p, c, a) VALUES (3, 1, 1)",
			"DELETE FROM {t} WHERE p = 3 AND c > 0",
			"INSERT INTO {t} (p, c, b) VALUES (3, 1, 'b')",
			"INSERT INTO {t} (p, c, a) VALUES (4, 1, 1)",
			"DELETE FROM {t} WHERE p = 4 AND c = 1",
			"UPDATE {t} SET a = 4 WHERE p = 4 AND c = 1",
			"settle",
			"UPDATE {t} SET a = null WHERE p = 4 AND c = 1", // gone: the marker was deleted
		}},
		{name: "rows_unclustered", create: "(id text PRIMARY KEY, a int, b text)", plain: true, lines: []string{
			"INSERT INTO {t} (id, a) VALUES ('x', 1)",
			"INSERT INTO {t} (id) VALUES ('y')",
			"DELETE FROM {t} WHERE id = 'x'",
			"UPDATE {t} SET b = 'z' WHERE id = 'z'",
			"UPDATE {t} SET b = null WHERE id = 'z'",
			"INSERT INTO {t} (id, a) VALUES ('x', 2)",
		}},
		{name: "keys_only", create: "(p int, c int, PRIMARY KEY (p, c))", plain: true, lines: []string{
			"INSERT INTO {t} (p, c) VALUES (1, 1)",
			"INSERT INTO {t} (p, c) VALUES (1, 2)",
			"DELETE FROM {t} WHERE p = 1 AND c = 1",
			"INSERT INTO {t} (p, c) VALUES (2, 1)",
			"DELETE FROM {t} WHERE p = 2",
		}},
		{name: "ranges", create: wide, plain: true, lines: ranges},
		{name: "ranges_desc", create: wide, with: "CLUSTERING ORDER BY (x DESC, y DESC, z DESC)", plain: true, lines: ranges},
		{name: "ranges_mixed", create: wide, with: "CLUSTERING ORDER BY (x ASC, y DESC, z ASC)", plain: true, lines: ranges[:len(ranges)-4]},
		{name: "ranges_prefix", create: wide, plain: true, lines: grid("DELETE FROM {t} WHERE p = 1 AND x = 1", "DELETE FROM {t} WHERE p = 1 AND x > 1")},
		{name: `"QuotedName"`, plain: true, create: `("select" int, "Order by" text, "Mixed" int, "with ""quotes""" text, "üml" int, value int, PRIMARY KEY ("select", "Order by"))`, lines: []string{
			`INSERT INTO {t} ("select", "Order by", "Mixed", "with ""quotes""", "üml", value) VALUES (1, 'a', 1, 'q', 2, 3)`,
			`UPDATE {t} SET "Mixed" = null WHERE "select" = 1 AND "Order by" = 'a'`,
			`INSERT INTO {t} ("select", "Order by", "Mixed") VALUES (1, 'b', 1)`,
			`DELETE FROM {t} WHERE "select" = 1 AND "Order by" > 'a'`,
		}},
		{name: "table_", plain: true, create: `("table" int PRIMARY KEY, "from" text, "order" int, "user" text)`, lines: []string{
			`INSERT INTO {t} ("table", "from", "order", "user") VALUES (1, 'a', 1, 'q')`,
			`DELETE "from" FROM {t} WHERE "table" = 1`,
		}},
	}
}
