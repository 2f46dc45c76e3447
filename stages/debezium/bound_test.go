package debezium_test

import (
	"bytes"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

const marshal = "org.apache.cassandra.db.marshal."

// bound returns a bound as the agent writes it: column, value, class, column, value, class.
func bound(method string, values ...string) string {
	var vs []string
	for i := 0; i < len(values); i += 3 {
		vs = append(vs, `{"name":"`+values[i]+`","value":"`+values[i+1]+`","type":"`+marshal+values[i+2]+`"}`)
	}
	return `{"method":"` + method + `","values":[` + strings.Join(vs, ",") + `]}`
}

func rangeEvent(start, end string) *cdc.Event {
	return event("r", set("id", "1")+`,"ck":null,"ck2":null,"a":null,"_range_start":`+start+`,"_range_end":`+end)
}

const (
	desc = "ReversedType(" + marshal + "Int32Type)"
	utf8 = "UTF8Type"
)

func TestRange(t *testing.T) {
	t.Parallel()
	table := parse(t, clustered)[0] // ck int DESC, ck2 text
	d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, table)})
	int5, text := cdc.Value(cdc.AppendInt32(nil, 5)), cdc.Value("x")
	b := func(after bool, vs ...cdc.Value) []byte { return table.AppendBound(nil, vs, after) }
	for _, test := range []struct {
		start, end string
		low, high  []byte
	}{
		{bound("INCL_START_BOUND", "ck", "5", desc), bound("INCL_END_BOUND", "ck", "5", desc), b(false, int5), b(true, int5)},
		{bound("EXCL_START_BOUND", "ck", "5", desc), bound("INCL_END_BOUND"), b(true, int5), nil},
		{bound("INCL_START_BOUND"), bound("EXCL_END_BOUND", "ck", "5", desc), nil, b(false, int5)},
		{bound("INCL_START_BOUND"), bound("INCL_END_BOUND"), nil, nil},
		{bound("EXCL_START_BOUND", "ck2", "x", utf8, "ck", "5", desc), bound("INCL_END_BOUND", "ck", "5", desc), b(true, int5, text), b(true, int5)},
		{`{"values":[{"value":"5","name":"\"ck\""}],"method":"EXCL_START_BOUND"}`, bound("INCL_END_BOUND"), b(true, int5), nil},
	} {
		c, err := decode(t, d, rangeEvent(test.start, test.end))
		if err != nil {
			t.Errorf("%s to %s: %v", test.start, test.end, err)
			continue
		}
		check(t, c)
		if c.Op != cdc.DeleteRange || c.Deleted != ts || !bytes.Equal(c.Bounds.Low, test.low) || !bytes.Equal(c.Bounds.High, test.high) {
			t.Errorf("%s to %s: got %s %x, want %x to %x", test.start, test.end, show(c), c.Bounds, test.low, test.high)
		}
	}
	if got := mustDecode(t, d, in(rangeEvent(bound("INCL_START_BOUND"), bound("INCL_END_BOUND")), `"op":"r"`, `"op":"t"`)); !strings.HasPrefix(got, "delete_range") {
		t.Error(got)
	}
	open := bound("INCL_END_BOUND")
	for _, bad := range [][2]string{
		{"null", open}, {bound("INCL_START_BOUND"), bound("INCL_START_BOUND", "ck", "5", desc)}, {bound("EXCL_END_BOUND", "ck", "5", desc), open}, {bound("INCL_START_BOUND"), "null"}, {"5", open}, {bound("INCL_END_BOUND"), open}, {bound("EXCL_END_INCL_START_BOUNDARY", "ck", "5", desc), open}, {bound("EXCL_START_BOUND"), open},
		{bound("INCL_START_BOUND"), bound("EXCL_END_BOUND")}, {bound("INCL_START_BOUND", "ck2", "x", utf8), open}, {bound("INCL_START_BOUND", "ck", "5", "Int32Type"), open}, {bound("INCL_START_BOUND", "ck", "5", "ReversedType("+marshal+"LongType)"), open},
		{bound("INCL_START_BOUND", "a", "5", "Int32Type"), open}, {bound("INCL_START_BOUND", "id", "5", "Int32Type"), open}, {bound("INCL_START_BOUND", "zz", "5", "Int32Type"), open}, {bound("INCL_START_BOUND", "ck", "five", desc), open},
		{`{"values":[]}`, open}, {`{"method":"INCL_START_BOUND","values":{}}`, open}, {`{"method":"INCL_START_BOUND","values":[{"name":"ck","value":null}]}`, open}, {bound("INCL_START_BOUND", "ck", "5", desc), bound("EXCL_END_BOUND", "ck", "5", desc)},
	} {
		if _, err := decode(t, d, rangeEvent(bad[0], bad[1])); !fault.Is(err, fault.BadRange) && !fault.Is(err, fault.NotAnEnvelope) {
			t.Errorf("%s to %s: got %v", bad[0], bad[1], err)
		}
	}
	_, err := decode(t, d, rangeEvent(bound("INCL_START_BOUND", "ck", "5", desc, "ck", "5", desc), open))
	wantFault(t, err, fault.DuplicateField)
	_, err = decode(t, newDecoder(t, debezium.Config{Catalog: of(t, plain)}), rangeEvent(bound("INCL_START_BOUND"), open))
	wantFault(t, err, fault.BadRange)
}

// TestBoundText compares the text of bounds with the values of the same rows.
func TestBoundText(t *testing.T) {
	t.Parallel()
	const u = "00000000-0000-4000-8000-000000000009"
	for _, test := range []struct{ typ, class, text, value string }{ // value: as a cell has it; "" if the text is none
		{"ascii", "AsciiType", "a:b", `"a:b"`}, {"ascii", "AsciiType", "é", ""}, {"text", utf8, "", `""`}, {"text", utf8, "é\\n", `"é\n"`},
		{"tinyint", "ByteType", "-4", "-4"}, {"tinyint", "ByteType", "128", ""}, {"smallint", "ShortType", "3", "3"}, {"int", "Int32Type", "-2147483648", "-2147483648"}, {"bigint", "LongType", "9223372036854775807", "9223372036854775807"}, {"bigint", "LongType", "1.0", ""},
		{"boolean", "BooleanType", "true", "true"}, {"boolean", "BooleanType", "yes", ""}, {"decimal", "DecimalType", "1.50", `"1.50"`}, {"decimal", "DecimalType", "1E+3", `"1E+3"`}, {"varint", "IntegerType", "-5", `"-5"`},
		{"float", "FloatType", "1.0E10", "1.0E10"}, {"double", "DoubleType", "NaN", `"NaN"`}, {"double", "DoubleType", "-Infinity", `"-Infinity"`}, {"blob", "BytesType", "00ff", `"AP8="`}, {"blob", "BytesType", "0x00", ""}, {"blob", "BytesType", "", `""`},
		{"uuid", "UUIDType", u, `"` + u + `"`}, {"timeuuid", "TimeUUIDType", "00000009-1dd2-11b2-8080-808080808080", `"00000009-1dd2-11b2-8080-808080808080"`}, {"inet", "InetAddressType", "10.0.0.1", `"/10.0.0.1"`}, {"inet", "InetAddressType", "2001:db8:0:0:0:0:0:1", `"/2001:db8:0:0:0:0:0:1"`},
		{"date", "SimpleDateType", "2026-01-02", "20455"}, {"date", "SimpleDateType", "-5877641-06-23", "-2147483648"}, {"date", "SimpleDateType", "+10000-01-01", "2932897"}, {"date", "SimpleDateType", "2026-02-30", ""}, {"date", "SimpleDateType", "2026-1-2", ""}, {"date", "SimpleDateType", "5881580-07-12", ""},
		{"time", "TimeType", "01:02:03.000000004", "3723000000004"}, {"time", "TimeType", "23:59:59", "86399000000000"}, {"time", "TimeType", "24:00:00", ""}, {"time", "TimeType", "01:02:03.", ""},
		{"timestamp", "TimestampType", "2026-01-01T00:00:30.500Z", "1767225630500"}, {"timestamp", "TimestampType", "2026-01-01 00:00:30Z", "1767225630000"}, {"timestamp", "TimestampType", "2026-01-01 02:00:30+0200", "1767225630000"}, {"timestamp", "TimestampType", "2025-12-31 19:30:30.5-04:30", "1767225630500"},
		{"timestamp", "TimestampType", "1969-12-31T23:59:59.999Z", "-1"}, {"timestamp", "TimestampType", "-0001-01-01T00:00:00.000Z", "-62198755200000"}, {"timestamp", "TimestampType", "2026-01-01 00:00Z", ""}, {"timestamp", "TimestampType", "2026-01-01T00:00:30.500", ""}, {"timestamp", "TimestampType", "2026-01-01", ""}, {"timestamp", "TimestampType", "999999999-01-01T00:00:00Z", ""}, {"timestamp", "TimestampType", "2026-01-01T00:00:30Z!", ""},
		{"frozen<list<int>>", "FrozenType(" + marshal + "ListType(" + marshal + "Int32Type))", "00", ""},
	} {
		table := parse(t, "CREATE TABLE ks.t (id int, ck "+test.typ+", PRIMARY KEY (id, ck))")[0]
		d := newDecoder(t, debezium.Config{Catalog: cdc.NewCatalog(nil, table)})
		c, err := decode(t, d, event("r", set("id", "1")+`,"ck":null,"_range_start":`+bound("INCL_START_BOUND", "ck", test.text, test.class)+`,"_range_end":`+bound("INCL_END_BOUND")))
		if test.value == "" {
			if !fault.Is(err, fault.BadRange) {
				t.Errorf("%s %s: got %v, %v", test.typ, test.text, c, err)
			} else if len(test.text) > 5 && strings.Contains(err.Error(), test.text) {
				t.Errorf("%s: the value is in the message: %v", test.typ, err)
			}
			continue
		}
		row, err2 := decode(t, d, event("u", set("id", "1", "ck", test.value)))
		if err != nil || err2 != nil {
			t.Errorf("%s %s: %v, %v", test.typ, test.text, err, err2)
			continue
		}
		if want := table.AppendBound(nil, row.Key[1:], false); !bytes.Equal(c.Bounds.Low, want) {
			t.Errorf("%s %s: got %x, want %x", test.typ, test.text, c.Bounds.Low, want)
		}
	}
}
