package debezium_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// TestValues decodes values of every type, and those that are none.
func TestValues(t *testing.T) {
	t.Parallel()
	const u = "00000000-0000-4000-8000-00000000000"
	nines := strings.Repeat("9", 200_000)
	for _, test := range []struct{ typ, in, want string }{ // want: the value as Cassandra's JSON, or a code
		{"ascii", `"abc"`, `"abc"`}, {"ascii", `"a\u0041"`, `"aA"`}, {"ascii", `"é"`, "CDC-1009"}, {"ascii", `"\u00e9"`, "CDC-1009"}, {"ascii", `"12345678é"`, "CDC-1009"}, {"ascii", `1`, "CDC-1008"},
		{"text", `"héllo \ud83d\ude00\n"`, `"héllo 😀\n"`}, {"text", `""`, `""`}, {"text", `"\u0000"`, `"\u0000"`}, {"text", `"\ud83d"`, "CDC-1002"}, {"text", `true`, "CDC-1008"}, {"varchar", `{}`, "CDC-1008"}, {"text", `["a"]`, "CDC-1008"},
		{"tinyint", `-128`, `-128`}, {"tinyint", `127`, `127`}, {"tinyint", `128`, "CDC-1009"}, {"smallint", `-32768`, `-32768`}, {"smallint", `32768`, "CDC-1009"},
		{"int", `2147483647`, `2147483647`}, {"int", `-2147483649`, "CDC-1009"}, {"int", `-0`, `0`}, {"int", `1.0`, "CDC-1008"}, {"int", `1e3`, "CDC-1008"}, {"int", `"1"`, "CDC-1008"}, {"int", nines, "CDC-1009"}, {"int", `[1]`, "CDC-1008"}, {"int", `{"a":1}`, "CDC-1008"},
		{"bigint", `-9223372036854775808`, `-9223372036854775808`}, {"bigint", `9223372036854775808`, "CDC-1009"}, {"bigint", `-9223372036854775809`, "CDC-1009"}, {"bigint", `18446744073709551616`, "CDC-1009"}, {"bigint", `9999999999999999999`, "CDC-1009"},
		{"boolean", `true`, `true`}, {"boolean", `false`, `false`}, {"boolean", `1`, "CDC-1008"}, {"boolean", `"true"`, "CDC-1008"},
		{"blob", `"3q2+7w=="`, `"0xdeadbeef"`}, {"blob", `""`, `"0x"`}, {"blob", `"3q2\/7w=="`, `"0xdeadbfef"`}, {"blob", `"3q2+7w"`, "CDC-1008"}, {"blob", `"!"`, "CDC-1008"}, {"blob", `1`, "CDC-1008"},
		{"date", `20445`, `"2025-12-23"`}, {"date", `-2147483648`, `"-5877641-06-23"`}, {"date", `2147483648`, "CDC-1009"},
		{"time", `86399999999999`, `"23:59:59.999999999"`}, {"time", `86400000000000`, "CDC-1009"}, {"time", `-1`, "CDC-1009"},
		{"timestamp", `1767225601234`, `"2026-01-01 00:00:01.234Z"`}, {"timestamp", `-62135596800000`, `"0001-01-01 00:00:00.000Z"`}, {"timestamp", `99999999999999999999`, "CDC-1009"}, {"timestamp", `"2026-01-01"`, "CDC-1008"},
		{"decimal", `"123.450"`, `123.450`}, {"decimal", `123.45`, `123.45`}, {"decimal", `1.0E10`, `10000000000`}, {"decimal", `7`, `7`}, {"decimal", `{"scale":3,"value":"AeI6"}`, `123.450`}, {"decimal", `{"value":"AeI6","scale":-1}`, `1234500`},
		{"decimal", `"1.2.3"`, "CDC-1008"}, {"decimal", `"NaN"`, "CDC-1008"}, {"decimal", `{"scale":3}`, "CDC-1008"}, {"decimal", `{"scale":3,"value":""}`, "CDC-1008"}, {"decimal", `{"scale":9999999,"value":"AeI6"}`, "CDC-1009"}, {"decimal", `{"scale":3,"value":null}`, "CDC-1008"}, {"decimal", `{"scale":3,"scale":3,"value":"AeI6"}`, "CDC-1017"}, {"decimal", `{"scale":3,"value":"AeI6","x":1}`, "CDC-1008"}, {"decimal", `{"scale":"3","value":"AeI6"}`, "CDC-1008"},
		{"decimal", nines, "CDC-1009"}, {"decimal", `1e99999999`, "CDC-1009"}, {"decimal", `"1e99999999"`, "CDC-1009"}, {"decimal", `true`, "CDC-1008"},
		{"varint", `1`, `1`}, {"varint", `"18446744073709551617"`, `18446744073709551617`}, {"varint", `18446744073709551617`, `18446744073709551617`}, {"varint", `-170141183460469231731687303715884105729`, `-170141183460469231731687303715884105729`}, {"varint", `"AQAAAAAAAAAB"`, "CDC-1008"}, {"varint", `1.5`, "CDC-1008"}, {"varint", nines, "CDC-1009"}, {"varint", `"` + nines + `"`, "CDC-1009"},
		{"float", `0.1`, `0.1`}, {"float", `3.4028235E38`, `3.4028235e+38`}, {"float", `3.5E38`, "CDC-1009"}, {"float", `"NaN"`, `"NaN"`}, {"float", `1.4E-45`, `1e-45`},
		{"double", `1.7976931348623157E308`, `1.7976931348623157e+308`}, {"double", `1e309`, "CDC-1009"}, {"double", `-0.0`, `-0`}, {"double", `"Infinity"`, `"Infinity"`}, {"double", `"-Infinity"`, `"-Infinity"`}, {"double", `"inf"`, "CDC-1008"}, {"double", nines, "CDC-1009"}, {"double", `7`, `7`},
		{"duration", `2764800000000003`, `"768h3ns"`}, {"duration", `-1`, `"-1ns"`}, {"duration", `"1d"`, "CDC-1008"},
		{"inet", `"/10.0.0.1"`, `"10.0.0.1"`}, {"inet", `"/2001:db8:0:0:0:0:0:1"`, `"2001:db8::1"`}, {"inet", `"host/1.2.3.4"`, `"1.2.3.4"`}, {"inet", `"host"`, "CDC-1008"}, {"inet", `"/1.2.3.4.5"`, "CDC-1008"},
		{"uuid", `"` + u + `1"`, `"` + u + `1"`}, {"uuid", `"` + u + `"`, "CDC-1008"}, {"uuid", `"00000000-0000-4000-8000-0000000000--"`, "CDC-1008"}, {"uuid", `"00000000-0000-4000-8000-00--00000000"`, "CDC-1008"}, {"timeuuid", `"00000001-1dd2-11b2-8080-808080808080"`, `"00000001-1dd2-11b2-8080-808080808080"`}, {"timeuuid", `"` + u + `1"`, "CDC-1009"},

		{"frozen<list<int>>", `[3, 1 ,2]`, `[3,1,2]`}, {"frozen<list<int>>", `[]`, `[]`}, {"frozen<list<int>>", `[1,null]`, "CDC-1008"}, {"frozen<list<int>>", `[1,"2"]`, "CDC-1008"}, {"frozen<list<int>>", `{"1":2}`, "CDC-1008"},
		{"frozen<set<text>>", `["b","a","c","a"]`, `["a","b","c"]`}, {"frozen<set<int>>", `[5,-1,3]`, `[-1,3,5]`}, {"frozen<set<decimal>>", `["10","9.0","9"]`, `[9.0,10]`}, {"frozen<set<timeuuid>>", `["00000002-1dd2-11b2-8080-808080808080","00000001-1dd3-11b2-8080-808080808080"]`, `["00000002-1dd2-11b2-8080-808080808080","00000001-1dd3-11b2-8080-808080808080"]`},
		{"frozen<set<double>>", `[1.5,"NaN",-1.0,"-Infinity"]`, `["-Infinity",-1,1.5,"NaN"]`}, {"frozen<set<varint>>", `["300","-300","2"]`, `[-300,2,300]`}, {"frozen<set<frozen<set<int>>>>", `[[3,1],[2]]`, `[[1,3],[2]]`}, {"frozen<set<blob>>", `["/w==",""]`, `["0x","0xff"]`},
		{"frozen<map<text,int>>", `{"b":1,"a":2}`, `{"a":2,"b":1}`}, {"frozen<map<text,int>>", `{"a":1,"a":2}`, "CDC-1017"}, {"frozen<map<text,int>>", `{"b\u0061":1}`, `{"ba":1}`}, {"frozen<map<text,int>>", `{"a":null}`, "CDC-1008"}, {"frozen<map<text,int>>", `{}`, `{}`},
		{"frozen<map<int,text>>", `[[5,"five"],[-1,""]]`, `{"-1":"","5":"five"}`}, {"frozen<map<int,text>>", `[[5]]`, "CDC-1008"}, {"frozen<map<int,text>>", `[[5,"a",1]]`, "CDC-1008"}, {"frozen<map<int,text>>", `[5]`, "CDC-1008"}, {"frozen<map<int,text>>", `[[1,"a"],[1,"b"]]`, "CDC-1017"}, {"frozen<map<int,text>>", `{"5":"five"}`, "CDC-1008"}, {"frozen<map<int,text>>", `[[null,"a"]]`, "CDC-1008"},
		{"frozen<map<decimal,text>>", `{"1.5":"x"}`, `{"1.5":"x"}`}, {"frozen<map<uuid,int>>", `{"` + u + `2":1,"` + u + `1":2}`, `{"` + u + `1":2,"` + u + `2":1}`}, {"frozen<map<text,frozen<map<int,frozen<list<date>>>>>>", `{"b":[[2,[-2147483648]],[1,[]]],"a":[]}`, `{"a":{},"b":{"1":[],"2":["1970-01-01"]}}`},
		{"tuple<int,text,uuid>", `{"field1":7,"field2":"x","field3":null}`, `[7,"x",null]`}, {"tuple<int,text,uuid>", `{"field3":"` + u + `1","field1":null}`, `[null,null,"` + u + `1"]`}, {"tuple<int,text>", `{"field3":1}`, "CDC-1008"}, {"tuple<int,text>", `{"field0":1}`, "CDC-1008"}, {"tuple<int,text>", `{"field1":1,"field1":2}`, "CDC-1017"}, {"tuple<int,text>", `[1,"a"]`, "CDC-1008"},
		{"frozen<addr>", `{"zip":5,"street":"Main"}`, `{"street":"Main","zip":5,"tags":null}`}, {"frozen<addr>", `{"street":"Main","zip":null,"tags":["b","a"]}`, `{"street":"Main","zip":null,"tags":["a","b"]}`}, {"frozen<addr>", `{"street":"Main","house":1}`, "CDC-1016"}, {"frozen<addr>", `{"street":"M","str\u0065et":"N"}`, "CDC-1017"}, {"frozen<list<frozen<addr>>>", `[{"zip":1},{}]`, `[{"street":null,"zip":1,"tags":null},{"street":null,"zip":null,"tags":null}]`},
		{"vector<float, 3>", `[1.5,0,-1]`, `[1.5,0,-1]`}, {"vector<float, 3>", `[1.5,0]`, "CDC-1008"}, {"vector<float, 3>", `[1.5,0,1,2]`, "CDC-1008"}, {"vector<text, 2>", `["a","bcd"]`, `["a","bcd"]`}, {"vector<float, 2>", `[1,null]`, "CDC-1008"},

		{"set<int>", `[9,1]`, `[1,9]`}, {"set<int>", `[]`, `null`}, {"list<int>", `[null]`, `null`}, {"list<int>", `[1,null,2]`, `[1,2]`}, {"list<text>", `[""]`, `[""]`}, {"map<text,int>", `{"k":null}`, `null`}, {"map<text,int>", `{"k":null,"b":2,"a":1,"l":null}`, `{"a":1,"b":2}`}, {"map<int,text>", `[[2,"two"],[1,null]]`, `{"2":"two"}`}, {"set<uuid>", `null`, `null`},
	} {
		d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TYPE ks.addr (street text, zip int, tags frozen<set<text>>)", "CREATE TABLE ks.t (id int PRIMARY KEY, v "+test.typ+")")})
		c, err := decode(t, d, event("u", set("id", "1", "v", test.in)))
		name := test.typ + " " + test.in[:min(len(test.in), 60)]
		if strings.HasPrefix(test.want, "CDC-") {
			if fault.CodeOf(err) != fault.Code(test.want) {
				t.Errorf("%s: got %v, want %s", name, err, test.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		check(t, c)
		if got := string(c.Table.Columns[1].Type.AppendJSON(nil, c.Cells[0].Value)); got != test.want {
			t.Errorf("%s: got %s, want %s", name, got, test.want)
		}
	}
}

// TestSerialised compares with bytes that Cassandra makes of the same values.
func TestSerialised(t *testing.T) {
	t.Parallel()
	for _, test := range [][3]string{
		{"int", `1`, "00000001"}, {"date", `0`, "80000000"}, {"decimal", `123.450`, "0000000301e23a"}, {"decimal", `{"scale":3,"value":"AeI6"}`, "0000000301e23a"}, {"varint", `128`, "0080"},
		{"double", `-0.0`, "8000000000000000"}, {"float", `0.1`, "3dcccccd"}, {"duration", `1`, "000002"}, {"inet", `"/1.2.3.4"`, "01020304"},
		{"frozen<set<int>>", `[2,1]`, "00000002" + "0000000400000001" + "0000000400000002"},
		{"frozen<map<text,int>>", `{"a":1}`, "00000001" + "0000000161" + "0000000400000001"},
		{"tuple<int,text>", `{"field1":1}`, "0000000400000001" + "ffffffff"},
		{"vector<float,2>", `[1,2]`, "3f80000040000000"},
	} {
		d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v "+test[0]+")")})
		c, err := decode(t, d, event("u", set("id", "1", "v", test[1])))
		if err != nil {
			t.Errorf("%s: %v", test[0], err)
		} else if got := hex.EncodeToString(c.Cells[0].Value); got != test[2] {
			t.Errorf("%s %s: got %s, want %s", test[0], test[1], got, test[2])
		}
	}
}

// TestNestedDates decodes dates where the agent 3.4.1 converts them and where it does
// not: what its own classes make of 2026-01-01 in each type.
func TestNestedDates(t *testing.T) {
	t.Parallel()
	const days, stored = "20454", "-2147463194"
	for _, test := range [][2]string{
		{"list<date>", "[" + days + "]"},
		{"frozen<list<date>>", "[" + days + "]"},
		{"list<frozen<list<date>>>", "[[" + days + "]]"},
		{"frozen<list<frozen<list<date>>>>", "[[" + stored + "]]"},
		{"list<frozen<list<frozen<list<date>>>>>", "[[[" + stored + "]]]"},
		{"frozen<map<date,frozen<map<date,date>>>>", "[[" + days + ",[[" + stored + "," + stored + "]]]]"},
		{"tuple<date,frozen<list<date>>>", `{"field1":` + days + `,"field2":[` + days + `]}`},
		{"frozen<list<frozen<tuple<date,frozen<list<date>>>>>>", `[{"field1":` + days + `,"field2":[` + days + `]}]`},
		{"tuple<frozen<list<frozen<list<date>>>>,date>", `{"field1":[[` + stored + `]],"field2":` + days + `}`},
	} {
		d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v "+test[0]+", w date)")})
		c, err := decode(t, d, event("u", set("id", "1", "v", test[1], "w", days)))
		if err != nil {
			t.Errorf("%s: %v", test[0], err)
			continue
		}
		for i, col := range c.Table.Columns[1:] {
			got := string(col.Type.AppendJSON(nil, c.Cells[i].Value))
			want := 1
			if i == 0 {
				want = strings.Count(test[1], days) + strings.Count(test[1], stored)
			}
			if strings.Count(got, "2026-01-01") != want {
				t.Errorf("%s: got %s", test[0], got)
			}
		}
	}
}

// TestOldDates decodes dates of connectors that wrote them as Cassandra stores them.
func TestOldDates(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v date, s set<date>)")})
	for version, want := range map[string]string{
		`"2.1.3.Final"`: `"2025-12-23"`, `"3.4.0.Final"`: `"2025-12-23"`, `"3.3.2.Final"`: `"2025-12-23"`,
		`"3.4.1.Final"`: `"-5877641-07-14"`, `"3.5.0.Alpha1"`: `"-5877641-07-14"`, `"4.0.0.Final"`: `"-5877641-07-14"`, `"10.0"`: `"-5877641-07-14"`, `null`: `"-5877641-07-14"`, `"unknown"`: `"-5877641-07-14"`,
	} {
		in := in(event("u", set("id", "1", "v", "-2147463203", "s", "[-2147463203]")), `"3.4.1.Final"`, version)
		if want[1] == '-' {
			in.Value = []byte(strings.ReplaceAll(string(in.Value), "-2147463203", "-2147483627"))
		}
		c, err := decode(t, d, in)
		if err != nil {
			t.Fatal(err)
		}
		if got := string(cdc.ScalarType(cdc.Date).AppendJSON(nil, c.Cells[1].Value)); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

// TestPreciseVarint decodes varints of an agent with varint.handling.mode=precise.
func TestPreciseVarint(t *testing.T) {
	t.Parallel()
	d := newDecoder(t, debezium.Config{Catalog: of(t, "CREATE TABLE ks.t (id int PRIMARY KEY, v varint)"), Varint: debezium.Base64})
	for in, want := range map[string]string{`"AQAAAAAAAAAB"`: " v=18446744073709551617", `"1234"`: " v=-2658824", `12`: " v=12"} {
		if got := mustDecode(t, d, event("u", set("id", "1", "v", in))); !strings.Contains(got, want+"[") {
			t.Errorf("%s: got %s, want%s", in, got, want)
		}
	}
	_, err := decode(t, d, event("u", set("id", "1", "v", `""`)))
	wantFault(t, err, fault.WrongType)
}
