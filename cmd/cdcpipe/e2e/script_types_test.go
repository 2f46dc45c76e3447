//go:build e2e

package e2e

import "strings"

// typeScripts write values of every type, at their bounds.
func typeScripts() []script {
	const scalars = `(id int PRIMARY KEY, c_ascii ascii, c_bigint bigint, c_blob blob, c_boolean boolean, c_date date, c_decimal decimal,
		c_double double, c_float float, c_inet inet, c_int int, c_smallint smallint, c_text text, c_time time,
		c_timestamp timestamp, c_timeuuid timeuuid, c_tinyint tinyint, c_uuid uuid, c_varchar varchar, c_varint varint)`
	const all = "INSERT INTO {t} (id, c_ascii, c_bigint, c_blob, c_boolean, c_date, c_decimal, c_double, c_float, c_inet, c_int, c_smallint, c_text, c_time, c_timestamp, c_timeuuid, c_tinyint, c_uuid, c_varchar, c_varint) VALUES "
	set := func(id, column, value string) string {
		return "INSERT INTO {t} (id, " + column + ") VALUES (" + id + ", " + value + ")"
	}
	return []script{
		{name: "types_scalar", create: scalars, plain: true, lines: []string{
			all + `(1, 'a', 1, 0x00ff, true, '2026-01-01', 1.50, 1.5, -2.5, '10.0.0.1', 1, 1, 'text', '12:34:56.123456789', '2026-01-01T00:00:30.500Z', 50554d6e-29bb-11e5-b345-feff819cdc9f, 1, 00000000-0000-4000-8000-000000000001, 'v', 12345678901234567890)`,
			all + `(2, '', 0, 0x, false, '1970-01-01', 0, 0.0, 0.0, '0.0.0.0', 0, 0, '', '00:00:00', 0, 00000000-0000-1000-8080-808080808080, 0, 00000000-0000-0000-0000-000000000000, '', 0)`,
			all + `(3, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)`,
			all + `(4, '~', 9223372036854775807, 0xffffffff, true, blobAsDate(0xffffffff), 123456789012345678901234567890.123456789, 1.7976931348623157E308, 3.4028235E38, 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff', 2147483647, 32767, '` + "\U0010ffff" + `', '23:59:59.999999999', 253402300799999, ffffffff-ffff-1fff-bf7f-7f7f7f7f7f7f, 127, ffffffff-ffff-ffff-ffff-ffffffffffff, 'ü€𝄞', 170141183460469231731687303715884105727)`,
			all + `(5, ' ', -9223372036854775808, 0x80, false, blobAsDate(0x00000000), -0.000000000000000000000000000000000001, -1.7976931348623157E308, -3.4028235E38, '::1', -2147483648, -32768, '` + "\u0001\t\n\"''\\" + `'';', '00:00:00.000000001', -62135596800000, 00000000-0000-1000-bf7f-7f7f7f7f7f7f, -128, 80000000-0000-4000-8000-000000000000, 'x', -170141183460469231731687303715884105728)`,
			set("6", "c_double, c_float", "NaN, NaN"),
			set("7", "c_double, c_float", "Infinity, -Infinity"),
			set("8", "c_double, c_float", "4.9E-324, 1.4E-45"),
			set("9", "c_decimal", "1E+3"),
			set("10", "c_decimal, c_varint", "1.000, -1"),
			set("11", "c_timestamp", "9223372036854775807"),
			set("12", "c_timestamp", "-9223372036854775808"),
			set("13", "c_inet", "'255.255.255.255'"),
			set("14", "c_date", "'1582-10-15'"),
			set("15", "c_decimal", "1E-200"),
			set("16", "c_double, c_float", "-0.0, -0.0"),
		}},
		// An empty decimal has the agent throw the rest of
		// its segment away: see docs/cassandra-setup.md.
		{name: "types_empty", create: scalars, plain: true, lines: []string{
			set("1", "c_int, c_bigint, c_boolean, c_double, c_float", "blobAsInt(0x), blobAsBigint(0x), blobAsBoolean(0x), blobAsDouble(0x), blobAsFloat(0x)"),
		}},
		{name: "types_frozen", plain: true,
			create: `(id int PRIMARY KEY, l frozen<list<int>>, s frozen<set<text>>, m frozen<map<text,bigint>>, mi frozen<map<int,decimal>>, t tuple<int,text,uuid>, n frozen<list<frozen<map<text,int>>>>, d frozen<list<timestamp>>)`,
			lines: []string{
				`INSERT INTO {t} (id, l, s, m, mi, t, n, d) VALUES (1, [3,1,2], {'b','a'}, {'k':9223372036854775807}, {1:1.50, -1:0}, (1,'x',00000000-0000-4000-8000-000000000001), [{'a':1},{'b':2}], ['2026-01-01'])`,
				`INSERT INTO {t} (id, l, s, m, mi, t, n, d) VALUES (2, [], {}, {}, {}, (null,null,null), [], [])`,
				`INSERT INTO {t} (id, l, s, m, mi, t, n, d) VALUES (3, null, null, null, null, null, null, null)`,
				`INSERT INTO {t} (id, l, s, t) VALUES (4, [-2147483648,2147483647], {'', 'ü'}, (0,'',00000000-0000-0000-0000-000000000000))`,
				`INSERT INTO {t} (id, t) VALUES (5, (1,null,null))`,
				`UPDATE {t} SET l = [9] WHERE id = 1`,
				`DELETE s, m FROM {t} WHERE id = 1`,
			}},
		// Events have the nanoseconds of a duration; without reading back months and days are gone.
		{name: "types_duration", plain: true, create: "(id int PRIMARY KEY, d duration)", lines: []string{
			"INSERT INTO {t} (id, d) VALUES (1, 5h3m2ns)",
			"INSERT INTO {t} (id, d) VALUES (2, 0s)",
		}},
		{name: "types_key", plain: true, with: "CLUSTERING ORDER BY (c DESC, d ASC)",
			create: "(a text, b timestamp, c decimal, d uuid, v int, PRIMARY KEY ((a, b), c, d))", lines: []string{
				"INSERT INTO {t} (a, b, c, d, v) VALUES ('', 0, 1.5, 00000000-0000-4000-8000-000000000001, 1)",
				"INSERT INTO {t} (a, b, c, d, v) VALUES ('ä', -1, -1.5, 00000000-0000-4000-8000-000000000002, 2)",
				"INSERT INTO {t} (a, b, c, d, v) VALUES ('ä', -1, 100, 00000000-0000-4000-8000-000000000002, 3)",
				"DELETE FROM {t} WHERE a = 'ä' AND b = -1 AND c > 99",
			}},
		{name: "types_large", plain: true, create: "(id int PRIMARY KEY, t text, b blob)", lines: []string{
			"INSERT INTO {t} (id, t) VALUES (1, '" + strings.Repeat("large ", 1<<20/6) + "')",
			"INSERT INTO {t} (id, b) VALUES (2, 0x" + strings.Repeat("00ff", 1<<18) + ")",
		}},
		{name: "types_empty_key", plain: true, create: "(p text, c text, v int, PRIMARY KEY (p, c))", lines: []string{
			"INSERT INTO {t} (p, c, v) VALUES ('p', '', 1)",
			"INSERT INTO {t} (p, c, v) VALUES ('p', 'x', 2)",
			"DELETE FROM {t} WHERE p = 'p' AND c = ''",
		}},
	}
}
