package generator

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"testing"

	"cdcpipe/pipeline/cdc"
)

// What a Debezium agent wrote to Kafka for these values, what PostgreSQL 15 makes
// of them as text, and the bytes of Cassandra's native protocol.
func TestLiteralForms(t *testing.T) {
	t.Parallel()
	seven := uuidLiteral("00000000-0000-4000-8000-000000000007")
	n, x := intLiteral(4, 7), textLiteral("seven")
	for _, tt := range []struct {
		got             literal
		json, text, raw string
	}{
		{textLiteral("q'q\"\x1f"), `"q'q\"\u001F"`, "q'q\"\x1f", "q'q\"\x1f"},
		{intLiteral(8, math.MinInt64), "-9223372036854775808", "-9223372036854775808", "\x80\x00\x00\x00\x00\x00\x00\x00"},
		{intLiteral(2, -2), "-2", "-2", "\xff\xfe"},
		{booleanLiteral(true), "true", "true", "\x01"},
		{blobLiteral("\xde\xad\xbe\xef"), `"3q2+7w=="`, `\xdeadbeef`, "\xde\xad\xbe\xef"},
		{varintLiteral("18446744073709551617"), `"18446744073709551617"`, "18446744073709551617", "\x01\x00\x00\x00\x00\x00\x00\x00\x01"},
		{varintLiteral("-128"), `"-128"`, "-128", "\x80"},
		{varintLiteral("-129"), `"-129"`, "-129", "\xff\x7f"},
		{varintLiteral("128"), `"128"`, "128", "\x00\x80"},
		{decimalLiteral("123.4500"), `"123.4500"`, "123.4500", "\x00\x00\x00\x04\x12\xd6\x44"},
		{decimalLiteral("0.0000000000"), `"0.0000000000"`, "0.0000000000", "\x00\x00\x00\x0a\x00"},
		{floatLiteral(4, 0.1), "0.1", "0.1", "\x3d\xcc\xcc\xcd"},
		{floatLiteral(4, math.MaxFloat32), "3.4028235E38", "3.4028235e+38", "\x7f\x7f\xff\xff"},
		{floatLiteral(4, 1e6), "1000000.0", "1e+06", "\x49\x74\x24\x00"},
		{floatLiteral(8, math.Copysign(0, -1)), "-0.0", "-0", "\x80\x00\x00\x00\x00\x00\x00\x00"},
		{floatLiteral(8, math.MaxFloat64), "1.7976931348623157E308", "1.7976931348623157e+308", "\x7f\xef\xff\xff\xff\xff\xff\xff"},
		{floatLiteral(8, math.Inf(-1)), `"-Infinity"`, "-Infinity", "\xff\xf0\x00\x00\x00\x00\x00\x00"},
		{floatLiteral(8, math.NaN()), `"NaN"`, "NaN", "\x7f\xf8\x00\x00\x00\x00\x00\x00"},
		{floatLiteral(8, 1e15), "1.0E15", "1e+15", "\x43\x0c\x6b\xf5\x26\x34\x00\x00"},
		{floatLiteral(8, 1e14), "1.0E14", "100000000000000", "\x42\xd6\xbc\xc4\x1e\x90\x00\x00"},
		{floatLiteral(8, 1e-5), "1.0E-5", "1e-05", "\x3e\xe4\xf8\xb5\x88\xe3\x68\xf1"},
		{inetLiteral("10.0.0.1"), `"/10.0.0.1"`, "10.0.0.1/32", "\x0a\x00\x00\x01"},
		{inetLiteral("::1"), `"/0:0:0:0:0:0:0:1"`, "::1/128", "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01"},
		{timestampLiteral(1767323045678), "1767323045678", "2026-01-02 03:04:05.678+00", "\x00\x00\x01\x9b\x7c\xa9\x8f\x2e"},
		{timestampLiteral(-62135596800000), "-62135596800000", "0001-01-01 00:00:00+00", "\xff\xff\xc7\x7c\xed\xd3\x28\x00"},
		{timestampLiteral(-210866803200000), "-210866803200000", "4714-11-24 00:00:00+00 BC", "\xff\xff\x40\x37\xbf\x19\xb0\x00"},
		{dateLiteral(20455), "20455", "2026-01-02", "\x80\x00\x4f\xe7"},
		{dateLiteral(2145042905), "2145042905", "5874897-12-31", "\xff\xda\xc1\xd9"},
		{dateLiteral(-719163), "-719163", "0001-12-31 BC", "\x7f\xf5\x06\xc5"},
		{timeLiteral(45296123456), "45296123456000", "12:34:56.123456", "\x00\x00\x29\x32\x53\x59\x2a\x00"},
		{durationLiteral(-1), "-1000", "-00:00:00.000001", "\x00\x00\x87\xcf"},
		{durationLiteral(360_000_500_000), "360000500000000", "100:00:00.5", "\x00\x00\xfe\x02\x8e\xd6\x4b\xd7\xca\x00"},
		{listLiteral([]literal{intLiteral(4, 1), intLiteral(4, 2)}), "[1,2]", "[1, 2]",
			"\x00\x00\x00\x02\x00\x00\x00\x04\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x02"},
		{setLiteral(cdc.Int, ints(4, 5, -1)), "[5,-1]", "[-1, 5]",
			"\x00\x00\x00\x02\x00\x00\x00\x04\xff\xff\xff\xff\x00\x00\x00\x04\x00\x00\x00\x05"},
		{mapLiteral(cdc.Int, []entry{{intLiteral(4, 5), textLiteral("five")}}), `[[5,"five"]]`, `{"5": "five"}`,
			"\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x00\x05\x00\x00\x00\x04five"},
		{mapLiteral(cdc.Text, []entry{{textLiteral("bb"), n}, {textLiteral("a"), n}, {textLiteral(""), n}}), `{"bb":7,"a":7,"":7}`, `{"": 7, "a": 7, "bb": 7}`,
			"\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00\x01a\x00\x00\x00\x04\x00\x00\x00\x07" +
				"\x00\x00\x00\x02bb\x00\x00\x00\x04\x00\x00\x00\x07"},
		{tupleLiteral([]*literal{&n, &x, &seven}), `{"field1":7,"field2":"seven","field3":"00000000-0000-4000-8000-000000000007"}`,
			`[7, "seven", "00000000-0000-4000-8000-000000000007"]`,
			"\x00\x00\x00\x04\x00\x00\x00\x07\x00\x00\x00\x05seven\x00\x00\x00\x10" + seven.raw},
		{tupleLiteral([]*literal{&n, nil, nil}), `{"field1":7,"field2":null,"field3":null}`, "[7, null, null]",
			"\x00\x00\x00\x04\x00\x00\x00\x07\xff\xff\xff\xff\xff\xff\xff\xff"},
	} {
		if tt.got.json != tt.json || tt.got.text != tt.text || tt.got.raw != tt.raw {
			t.Errorf("got  json %s text %q raw %q\nwant json %s text %q raw %q", tt.got.json, tt.got.text, tt.got.raw, tt.json, tt.text, tt.raw)
		}
	}
}

// Every value of every column, against package cdc, which has its own encoders.
func TestPools(t *testing.T) {
	t.Parallel()
	for _, tb := range newGenerator(t, nil).tables {
		for i, c := range append(append([]column{}, tb.clustering...), tb.regular...) {
			def := tb.def.Columns[tb.def.Partition+i]
			if want := map[cdc.Kind]int{cdc.Boolean: 2}[def.Type.Kind]; len(c.pool) < 4 && len(c.pool) != want {
				t.Errorf("%s.%s: %d values", tb.def, def.Name, len(c.pool))
			}
			seen := map[string]bool{}
			for _, l := range c.pool {
				if seen[l.json] {
					t.Errorf("%s.%s: %s twice", tb.def, def.Name, l.json)
				}
				seen[l.json] = true
				if err := agrees(def.Type, l); err != nil {
					t.Errorf("%s.%s %s: %v", tb.def, def.Name, l.json, err)
				}
			}
		}
	}
}

// Clustering values are listed in the order in which Cassandra stores them.
func TestClusteringOrder(t *testing.T) {
	t.Parallel()
	for _, tb := range newGenerator(t, nil).tables {
		m := newMerge(tb)
		var last []byte
		for row := range tb.rows {
			if len(tb.clustering) == 0 {
				break
			}
			key := tb.def.AppendClustering(nil, m.values(tb.places(nil, row)))
			if bytes.Compare(last, key) >= 0 {
				t.Errorf("%s: row %d does not follow row %d", tb.def, row, row-1)
			}
			last = key
		}
	}
}

func agrees(t *cdc.Type, l literal) error {
	if !json.Valid([]byte(l.json)) {
		return errors.New("not JSON")
	}
	raw := cdc.Value(l.raw)
	if err := t.Check(raw); err != nil {
		return err
	}
	if !t.Kind.Scalar() {
		var got, want any
		if err := decodeJSON([]byte(l.text), &got); err != nil {
			return fmt.Errorf("text %q: %w", l.text, err)
		}
		if err := decodeJSON(t.AppendJSON(nil, raw), &want); err != nil {
			return err
		}
		if !reflect.DeepEqual(got, want) {
			return fmt.Errorf("text %q, want the likes of %s", l.text, t.AppendJSON(nil, raw))
		}
		return nil
	}
	if f, ok := raw.Float(t.Kind); ok && math.IsNaN(f) {
		return nil
	}
	want, err := encode(t.Kind, l.json)
	if err == nil && !bytes.Equal(want, raw) {
		err = fmt.Errorf("serialised %x, want %x", raw, want)
	}
	return err
}

func decodeJSON(b []byte, v *any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return d.Decode(v)
}

// encode makes a value of a scalar kind from its JSON.
func encode(k cdc.Kind, js string) ([]byte, error) {
	var s string
	if err := json.Unmarshal([]byte(js), &s); err != nil {
		s = js
	}
	n, _ := strconv.ParseInt(s, 10, 64)
	switch k {
	case cdc.Ascii, cdc.Text:
		return []byte(s), nil
	case cdc.Tinyint:
		return cdc.AppendInt8(nil, int8(n)), nil
	case cdc.Smallint:
		return cdc.AppendInt16(nil, int16(n)), nil
	case cdc.Int:
		return cdc.AppendInt32(nil, int32(n)), nil
	case cdc.Bigint, cdc.Timestamp, cdc.Time:
		return cdc.AppendInt64(nil, n), nil
	case cdc.Date:
		return cdc.AppendDate(nil, int32(n)), nil
	case cdc.Duration:
		return cdc.AppendDuration(nil, cdc.Span{Nanos: n}), nil
	case cdc.Boolean:
		return cdc.AppendBool(nil, s == "true"), nil
	case cdc.Blob:
		return base64.StdEncoding.DecodeString(s)
	case cdc.Varint:
		return cdc.AppendVarintText(nil, []byte(s))
	case cdc.Decimal:
		return cdc.AppendDecimalText(nil, []byte(s))
	case cdc.UUID, cdc.Timeuuid:
		return cdc.AppendUUIDText(nil, []byte(s))
	case cdc.Inet:
		return cdc.AppendInetText(nil, []byte(s))
	case cdc.Float:
		f, err := strconv.ParseFloat(s, 32)
		return cdc.AppendFloat(nil, float32(f)), err
	default:
		f, err := strconv.ParseFloat(s, 64)
		return cdc.AppendDouble(nil, f), err
	}
}
