//go:build e2e

package e2e

// collectionScripts write what events have only a part of, or nothing: collections
// that are not frozen, and static columns.
func collectionScripts() []script {
	return []script{
		{name: "collections", create: "(id int PRIMARY KEY, l list<int>, s set<text>, m map<text, int>, v text)", lines: []string{
			"INSERT INTO {t} (id, l, s, m, v) VALUES (1, [1, 2], {'a', 'b'}, {'x': 1}, 'v')",
			"UPDATE {t} SET l = l + [3], s = s + {'c'}, m = m + {'y': 2} WHERE id = 1",
			"UPDATE {t} SET l = [0] + l WHERE id = 1",
			"settle",
			"UPDATE {t} SET l[1] = 9, m['x'] = 8 WHERE id = 1",
			"UPDATE {t} SET s = s - {'a'}, m = m - {'y'} WHERE id = 1",
			"DELETE l[0] FROM {t} WHERE id = 1",
			"INSERT INTO {t} (id, l, s, m) VALUES (2, [1], {'a'}, {'x': 1})",
			"UPDATE {t} SET l = [7, 8], s = {'z'}, m = {'z': 9} WHERE id = 2", // overwritten
			"INSERT INTO {t} (id, l, s, m) VALUES (3, [1], {'a'}, {'x': 1})",
			"UPDATE {t} SET l = null, s = {}, m = null WHERE id = 3",
			"UPDATE {t} SET l = l - [1] WHERE id = 1",
			"UPDATE {t} SET s = s + {'only'} WHERE id = 4", // no marker
			"UPDATE {t} SET s = s + {'gone'} WHERE id = 5",
			"settle",
			"UPDATE {t} SET s = s - {'gone'} WHERE id = 5", // and with it the row
			"DELETE FROM {t} WHERE id = 3",
			"DELETE m['x'] FROM {t} WHERE id = 1",
		}},
		{name: "collections_ttl", create: "(id int PRIMARY KEY, s set<text>, m map<int, text>, v text)", lines: []string{
			"INSERT INTO {t} (id, s, m, v) VALUES (1, {'stays'}, {1: 'stays'}, 'v')",
			"UPDATE {t} USING TTL 3 SET s = s + {'goes'}, m[2] = 'goes' WHERE id = 1",
			"UPDATE {t} USING TTL 3 SET s = {'goes'} WHERE id = 2",
			"settle",
			"none SELECT * FROM {t} WHERE id = 2",
			// An element's expiry has no event: it shows with the next change of the row.
			"UPDATE {t} SET v = 'w' WHERE id = 1",
			"settle",
		}},
		{name: "collections_uuid", create: "(id int PRIMARY KEY, s set<uuid>, m map<timestamp, decimal>)", lines: []string{
			"INSERT INTO {t} (id, s, m) VALUES (1, {00000000-0000-4000-8000-000000000001}, {'2026-01-01': 1.5})",
			"UPDATE {t} SET s = s + {00000000-0000-4000-8000-000000000002}, m = m + {'2026-01-02': 2.50} WHERE id = 1",
		}},
		{name: "statics", create: "(p int, c int, s text STATIC, n int STATIC, a int, PRIMARY KEY (p, c))", lines: []string{
			"INSERT INTO {t} (p, c, s, a) VALUES (1, 1, 'first', 1)",
			"INSERT INTO {t} (p, c, a) VALUES (1, 2, 2)",
			"UPDATE {t} SET s = 'second', n = 2 WHERE p = 1", // has no event
			"INSERT INTO {t} (p, c, a) VALUES (1, 3, 3)",     // but is seen with the next row
			"INSERT INTO {t} (p, s) VALUES (2, 'alone')",     // not seen yet
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1)",
			"DELETE FROM {t} WHERE p = 2 AND c = 1", // leaves the partition's row
			"INSERT INTO {t} (p, c, s, a) VALUES (3, 1, 'gone', 1)",
			"settle",
			"DELETE FROM {t} WHERE p = 3",
			"DELETE s FROM {t} WHERE p = 1",
			"UPDATE {t} SET a = 4 WHERE p = 1 AND c = 1",
			"INSERT INTO {t} (p, c, s, a) VALUES (4, 1, 's', 1)",
			"DELETE FROM {t} WHERE p = 4 AND c > 0",
		}},
		{name: "statics_collections", create: "(p int, c int, s set<int> STATIC, a int, l list<text>, PRIMARY KEY (p, c))", lines: []string{
			"INSERT INTO {t} (p, c, s, a, l) VALUES (1, 1, {1}, 1, ['a'])",
			"UPDATE {t} SET s = s + {2}, l = l + ['b'] WHERE p = 1 AND c = 1",
			"INSERT INTO {t} (p, c, a) VALUES (1, 2, 1)",
		}},
	}
}
