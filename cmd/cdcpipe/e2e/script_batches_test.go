//go:build e2e

package e2e

// batchScripts put statements into batches, with one write time and with several, and
// make writes conditional.
func batchScripts() []script {
	const row = "(p int, c int, a int, b text, PRIMARY KEY (p, c))"
	batch := func(kind string, stmts ...string) string {
		b := "BEGIN " + kind + "BATCH "
		for _, s := range stmts {
			b += s + "; "
		}
		return b + "APPLY BATCH"
	}
	one := []string{
		"INSERT INTO {t} (p, c, a) VALUES (1, 1, 1)",
		"INSERT INTO {t} (p, c, a) VALUES (1, 2, 2)",
		"UPDATE {t} SET b = 'b' WHERE p = 1 AND c = 1",
		"DELETE FROM {t} WHERE p = 1 AND c = 3",
		"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1)",
		"DELETE FROM {t} WHERE p = 3",
		"DELETE FROM {t} WHERE p = 4 AND c > 1",
	}
	before := []string{
		"INSERT INTO {t} (p, c, a) VALUES (1, 3, 3)",
		"INSERT INTO {t} (p, c, a) VALUES (3, 3, 3)",
		"INSERT INTO {t} (p, c, a) VALUES (4, 1, 3)",
		"INSERT INTO {t} (p, c, a) VALUES (4, 2, 3)",
	}
	return []script{
		{name: "batch_logged", create: row, plain: true, lines: append(before, batch("", one...))},
		{name: "batch_unlogged", create: row, plain: true, lines: append(before, batch("UNLOGGED ", one...))},
		{name: "batch_rewrite", create: row, lines: []string{
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 1, 'before') USING TIMESTAMP 1000",
			batch("", "DELETE FROM {t} USING TIMESTAMP 2000 WHERE p = 1 AND c = 1", "INSERT INTO {t} (p, c, a) VALUES (1, 1, 2) USING TIMESTAMP 2001"),
			"INSERT INTO {t} (p, c, a, b) VALUES (2, 1, 1, 'before') USING TIMESTAMP 1000",
			batch("", "DELETE FROM {t} USING TIMESTAMP 2000 WHERE p = 2 AND c = 1", "UPDATE {t} USING TIMESTAMP 2001 SET b = 'after' WHERE p = 2 AND c = 1"),
		}},
		{name: "batch_deletes", create: row, lines: []string{
			batch("", "DELETE FROM {t} USING TIMESTAMP 2000 WHERE p = 1 AND c = 1", "DELETE FROM {t} USING TIMESTAMP 3000 WHERE p = 1 AND c = 2"),
			"INSERT INTO {t} (p, c, a) VALUES (1, 1, 1) USING TIMESTAMP 3500",
			"INSERT INTO {t} (p, c, a) VALUES (1, 2, 2) USING TIMESTAMP 3500",
		}},
		{name: "batch_times", create: row, mixed: true, lines: []string{
			"INSERT INTO {t} (p, c, a, b) VALUES (1, 1, 1, 'old') USING TIMESTAMP 3000",
			batch("", "INSERT INTO {t} (p, c, a) VALUES (1, 1, 2) USING TIMESTAMP 2000", "INSERT INTO {t} (p, c, a) VALUES (1, 2, 2) USING TIMESTAMP 4000"),
			batch("", "DELETE FROM {t} USING TIMESTAMP 2000 WHERE p = 1 AND c = 1", "UPDATE {t} USING TIMESTAMP 5000 SET b = 'b' WHERE p = 1 AND c = 3"),
			batch("", "UPDATE {t} USING TIMESTAMP 6000 AND TTL 2 SET a = 6 WHERE p = 2 AND c = 1", "UPDATE {t} USING TIMESTAMP 9000 SET b = 'b' WHERE p = 2 AND c = 2"),
			"UPDATE {t} USING TIMESTAMP 7000 SET a = 7 WHERE p = 2 AND c = 1",
			batch("", "DELETE FROM {t} USING TIMESTAMP 100 WHERE p = 3", "INSERT INTO {t} (p, c, a) VALUES (3, 1, 1) USING TIMESTAMP 200", "DELETE FROM {t} USING TIMESTAMP 300 WHERE p = 3 AND c > 5"),
			"INSERT INTO {t} (p, c, a) VALUES (3, 2, 2) USING TIMESTAMP 150",
			"INSERT INTO {t} (p, c, a) VALUES (3, 6, 2) USING TIMESTAMP 250",
		}},
		{name: "lwt", create: row, plain: true, lines: []string{
			"INSERT INTO {t} (p, c, a) VALUES (1, 1, 1) IF NOT EXISTS",
			"INSERT INTO {t} (p, c, a) VALUES (1, 1, 2) IF NOT EXISTS",
			"UPDATE {t} SET a = 3 WHERE p = 1 AND c = 1 IF a = 1",
			"UPDATE {t} SET a = 4 WHERE p = 1 AND c = 1 IF a = 1",
			"UPDATE {t} SET b = 'no' WHERE p = 1 AND c = 2 IF EXISTS",
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 1) IF NOT EXISTS",
			"DELETE FROM {t} WHERE p = 2 AND c = 1 IF a = 1",
			"INSERT INTO {t} (p, c, a) VALUES (2, 1, 5) IF NOT EXISTS",
			batch("", "INSERT INTO {t} (p, c, a) VALUES (3, 1, 1) IF NOT EXISTS", "UPDATE {t} SET b = 'with it' WHERE p = 3 AND c = 2"),
		}},
	}
}
