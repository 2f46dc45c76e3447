//go:build e2e

package e2e

// timeScripts choose write times, and have cells expire.
func timeScripts() []script {
	const row = "(p int, c int, a int, b text, PRIMARY KEY (p, c))"
	return []script{
		{name: "times", create: row, plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 2, 'two') USING TIMESTAMP 2000",
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 1, 'one') USING TIMESTAMP 1000", // too late
			"UPDATE {t} USING TIMESTAMP 1500 SET a = 15 WHERE p = 1 AND c = 1",
			"DELETE FROM {t} USING TIMESTAMP 1800 WHERE p = 1 AND c = 1", // too early
			"INSERT INTO {t} (p, c, a) VALUES (1, 2, 1) USING TIMESTAMP 1000",
			"DELETE FROM {t} USING TIMESTAMP 3000 WHERE p = 1 AND c = 2",
			"UPDATE {t} USING TIMESTAMP 2000 SET a = 5 WHERE p = 1 AND c = 2", // deleted in the future
			"UPDATE {t} USING TIMESTAMP 4000 SET b = 'after' WHERE p = 1 AND c = 2",
			"DELETE FROM {t} USING TIMESTAMP 5000 WHERE p = 2",
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1) USING TIMESTAMP 4000",
			"INSERT INTO {t} (p, c, a) VALUES (2, 2, 1) USING TIMESTAMP 6000",
			"DELETE FROM {t} USING TIMESTAMP 7000 WHERE p = 3 AND c > 1",
			"INSERT INTO {t} (p, c, a) VALUES (3, 1, 1) USING TIMESTAMP 4000",
			"INSERT INTO {t} (p, c, a) VALUES (3, 2, 1) USING TIMESTAMP 4000",
			"INSERT INTO {t} (p, c, a) VALUES (3, 3, 1) USING TIMESTAMP 8000",
		}},
		{name: "ties", create: row, plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 2, 'two') USING TIMESTAMP 1000",
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 1, 'zwei') USING TIMESTAMP 1000", // the greater value wins
			"INSERT INTO {t} (p, c, a) VALUES (1, 2, -1) USING TIMESTAMP 1000",
			"INSERT INTO {t} (p, c, a) VALUES (1, 2, 1) USING TIMESTAMP 1000", // as bytes
			"INSERT INTO {t} (p, c, a) VALUES (1, 3, 1) USING TIMESTAMP 1000",
			"UPDATE {t} USING TIMESTAMP 1000 SET a = null WHERE p = 1 AND c = 3", // null wins
			"DELETE FROM {t} USING TIMESTAMP 1000 WHERE p = 1 AND c = 4",
			"INSERT INTO {t} (p, c, a) VALUES (1, 4, 1) USING TIMESTAMP 1000", // the deletion wins
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1) USING TIMESTAMP 1000",
			"DELETE FROM {t} USING TIMESTAMP 1000 WHERE p = 2",
			"INSERT INTO {t} (p, c, a) VALUES (3, 1, 9) USING TIMESTAMP 1000",
			"INSERT INTO {t} (p, c, a) VALUES (3, 1, 1) USING TIMESTAMP 1000 AND TTL 1000", // what expires wins
		}},
		{name: "ttl", create: row, plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 1, 'b') USING TTL 100000",
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 2, 1, 'stays')",
			"UPDATE {t} USING TTL 3 SET a = 2 WHERE p = 1 AND c = 2",
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1) USING TTL 3",
			"UPDATE {t} USING TTL 3 SET a = 2 WHERE p = 2 AND c = 2",
			"INSERT INTO {t} (p, c, a) VALUES (3, 1, 1)",
			"UPDATE {t} USING TTL 100000 SET b = 'b' WHERE p = 3 AND c = 1",
			"settle",
			"none SELECT * FROM {t} WHERE p = 2",
			"settle",
			"INSERT INTO {t} (p, c, b) VALUES (2, 1, 'again')",
		}},
		{name: "ttl_lifted", create: row, plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a) VALUES (1, 1, 1) USING TTL 3",
			"INSERT INTO {t} (p, c, a) VALUES (1, 1, 1)", // for good
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1) USING TTL 3",
			"UPDATE {t} SET b = 'stays' WHERE p = 2 AND c = 1",
			"INSERT INTO {t} (p, c, a) VALUES (3, 1, 1) USING TTL 3",
			"settle",
			"none SELECT * FROM {t} WHERE p = 3",
			"settle",
		}},
		{name: "ttl_default", create: row, with: "default_time_to_live = 4", plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a) VALUES (1, 1, 1)",
			"INSERT INTO {t} (p, c, a) VALUES (1, 2, 1) USING TTL 0", // for good
			"settle",
			"none SELECT * FROM {t} WHERE p = 1 AND c = 1",
		}},
		{name: "ttl_statics", create: "(p int, c int, s text STATIC, a int, PRIMARY KEY (p, c))", lines: []string{
			"INSERT INTO {t} (p, c, s, a) VALUES (1, 1, 's', 1) USING TTL 3",
			"INSERT INTO {t} (p, c, s, a) VALUES (2, 1, 's', 1)",
			"UPDATE {t} USING TTL 3 SET s = 'short' WHERE p = 2",
			"UPDATE {t} SET a = 2 WHERE p = 2 AND c = 1",
			"settle",
			"none SELECT * FROM {t} WHERE p = 1",
			"settle",
		}},
	}
}
