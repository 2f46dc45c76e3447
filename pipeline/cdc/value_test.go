package cdc_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
)

func TestVarint(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // java.math.BigInteger.toByteArray
		"0": "00", "1": "01", "-1": "ff", "127": "7f", "128": "0080", "-128": "80", "-129": "ff7f",
		"256": "0100", "9223372036854775807": "7fffffffffffffff", "9223372036854775808": "008000000000000000",
		"-9223372036854775808": "8000000000000000", "-9223372036854775809": "ff7fffffffffffffff",
		"18446744073709551617": "010000000000000001", "+5": "05", "007": "07",
	} {
		got, err := cdc.AppendVarintText(nil, []byte(text))
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: got %x, %v, want %s", text, got, err, want)
		}
	}
	for _, bad := range []string{"", "-", "+", "1.5", "0x1", "1 ", "١", "--1", strings.Repeat("9", 200_000)} {
		if got, err := cdc.AppendVarintText(nil, []byte(bad)); err == nil {
			t.Errorf("%.20q: got %x", bad, got)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := new(big.Int).SetBytes(rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "n"))
		if rapid.Bool().Draw(t, "negative") {
			n.Neg(n)
		}
		v := cdc.Value(cdc.AppendVarint(nil, n))
		if back, ok := v.Varint(); !ok || back.Cmp(n) != 0 {
			t.Fatalf("%s became %s", n, back)
		}
		if len(v) > 1 && (v[0] == 0 && v[1] < 0x80 || v[0] == 0xff && v[1] >= 0x80) {
			t.Fatalf("%s is not in its shortest form: %x", n, v)
		}
	})
}

func TestDecimal(t *testing.T) {
	t.Parallel()
	typ := cdc.ScalarType(cdc.Decimal)
	for text, want := range map[string]string{ // scale, unscaled; what AppendText makes of it
		"0": "00000000 00 0", "1.50": "00000002 0096 1.50", "-1.50": "00000002 ff6a -1.50", "1E+3": "fffffffd 01 1000",
		"1e3": "fffffffd 01 1000", "0.001": "00000003 01 0.001", ".5": "00000001 05 0.5", "5.": "00000000 05 5",
		"123456789012345678901234567890.123": "00000003 06163e665beb7ca6a2e1a64244cb 123456789012345678901234567890.123",
		"-0.00":                              "00000002 00 0.00", "1E-500": "000001f4 01 1E-500", "12E+500": "fffffe0c 0c 12E500",
	} {
		f := strings.Fields(want)
		got, err := cdc.AppendDecimalText(nil, []byte(text))
		if err != nil || hex.EncodeToString(got) != f[0]+f[1] {
			t.Errorf("%s: got %x, %v, want %s", text, got, err, want)
		}
		if s := string(typ.AppendText(nil, got)); s != f[2] {
			t.Errorf("%s: written as %s, want %s", text, s, f[2])
		}
	}
	for _, bad := range []string{"", ".", "-.", "1.2.3", "1e", "1e+", "1e99999999999", "1E9999999", "NaN", "Infinity", "1,5"} {
		if got, err := cdc.AppendDecimalText(nil, []byte(bad)); err == nil {
			t.Errorf("%q: got %x", bad, got)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	must := func(b []byte, err error) cdc.Value {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tc := range []struct {
		k    cdc.Kind
		v    cdc.Value
		want string
	}{
		{cdc.UUID, must(cdc.AppendUUIDText(nil, []byte("550E8400-e29b-41d4-a716-446655440000"))), "550e8400-e29b-41d4-a716-446655440000"},
		{cdc.Inet, must(cdc.AppendInetText(nil, []byte("/10.0.0.1"))), "10.0.0.1"},
		{cdc.Inet, must(cdc.AppendInetText(nil, []byte("host/2001:db8:0:0:0:0:0:1"))), "2001:db8::1"},
		{cdc.Date, cdc.AppendDate(nil, 20445), "2025-12-23"},
		{cdc.Date, cdc.AppendDate(nil, math.MinInt32), "-5877641-06-23"},
		{cdc.Time, cdc.AppendInt64(nil, 45296123456789), "12:34:56.123456789"},
		{cdc.Timestamp, cdc.AppendInt64(nil, 1767225601234), "2026-01-01 00:00:01.234Z"},
		{cdc.Timestamp, cdc.AppendInt64(nil, -1), "1969-12-31 23:59:59.999Z"},
		{cdc.Duration, cdc.AppendDuration(nil, cdc.Span{Months: 14, Days: 3, Nanos: 3_723_004_005_006}), "1y2mo3d1h2m3s4ms5us6ns"},
		{cdc.Duration, cdc.AppendDuration(nil, cdc.Span{Days: -1, Nanos: math.MinInt64}), "-1d2562047h47m16s854ms775us808ns"},
		{cdc.Duration, cdc.AppendDuration(nil, cdc.Span{}), "0ns"},
		{cdc.Float, cdc.AppendFloat(nil, 0.1), "0.1"},
		{cdc.Double, cdc.AppendDouble(nil, math.Inf(-1)), "-Infinity"},
		{cdc.Blob, cdc.Value{0xde, 0xad}, "0xdead"},
		{cdc.Boolean, cdc.AppendBool(nil, true), "true"},
		{cdc.Tinyint, cdc.AppendInt8(nil, -5), "-5"},
		{cdc.Smallint, cdc.AppendInt16(nil, -5), "-5"},
		{cdc.Text, cdc.Value("größe"), "größe"},
	} {
		typ := cdc.ScalarType(tc.k)
		if err := typ.Check(tc.v); err != nil {
			t.Errorf("%s %s: %v", tc.k, tc.want, err)
		}
		if got := string(typ.AppendText(nil, tc.v)); got != tc.want {
			t.Errorf("%s: got %s, want %s", tc.k, got, tc.want)
		}
	}
	for _, bad := range []string{"", "550e8400e29b41d4a716446655440000", "550e8400-e29b-41d4-a716-44665544000g", "550e8400-e29b-41d4-a716-4466554400000", "550e8400-e29b-41d4-a716-4466554400--", "550e8400-e29b-41d4-a716-44--66554400"} {
		if _, err := cdc.AppendUUIDText(nil, []byte(bad)); err == nil {
			t.Errorf("%q passes for a UUID", bad)
		}
	}
	for _, bad := range []string{"", "/", "10.0.0.256", "fe80::1%eth0", "host"} {
		if _, err := cdc.AppendInetText(nil, []byte(bad)); err == nil {
			t.Errorf("%q passes for an address", bad)
		}
	}
}

func TestDuration(t *testing.T) {
	t.Parallel()
	// utils/vint/VIntCoding: one byte up to 127 after zigzag, two up to 16383, nine at most.
	if got, want := cdc.AppendDuration(nil, cdc.Span{Months: 1, Days: -64, Nanos: 64}), []byte{2, 0x7f, 0x80, 0x80}; !bytes.Equal(got, want) {
		t.Errorf("got %x, want %x", got, want)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := cdc.Span{Months: rapid.Int32().Draw(t, "m"), Days: rapid.Int32().Draw(t, "d"), Nanos: rapid.Int64().Draw(t, "n")}
		v := cdc.Value(cdc.AppendDuration(nil, s))
		if back, ok := v.Duration(); !ok || back != s {
			t.Fatalf("%+v became %+v", s, back)
		}
		if _, ok := v[:len(v)-1].Duration(); ok {
			t.Fatal("a truncated duration passes")
		}
	})
}

func TestNestedJSON(t *testing.T) {
	t.Parallel()
	addr := cdc.UDTOf("addr", []string{"street", "Zip"}, []*cdc.Type{cdc.ScalarType(cdc.Text), cdc.ScalarType(cdc.Int)}, true)
	typ := cdc.MapOf(cdc.ScalarType(cdc.Int), cdc.ListOf(addr, true), true)
	s, b := cdc.Build(nil, typ)
	b = s.Close(cdc.AppendInt32(s.Open(b), -5))
	b = s.Open(b)
	l, b := cdc.Build(b, typ.Elems[1])
	b = l.Open(b)
	u, b := cdc.Build(b, addr)
	b = u.Close(append(u.Open(b), "a\"\\\n\x01é"...))
	b, _ = u.End(b) // Zip was added to the type later
	b = l.Close(b)
	b, _ = l.End(b)
	b = s.Close(b)
	v, n := s.End(b)
	if err := typ.Check(v); err != nil || n != 2 {
		t.Fatalf("%d values: %v", n, err)
	}
	got := typ.AppendJSON(nil, v)
	if want := `{"-5":[{"street":"a\"\\\n\u0001é","Zip":null}]}`; string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if !json.Valid(got) || typ.HasNUL(v) {
		t.Error("not valid JSON, or NUL found")
	}
	for i := range len(v) - 1 {
		if i > 0 && typ.Check(v[:i:i]) == nil {
			t.Errorf("the first %d bytes pass", i)
		}
	}
}

func TestVector(t *testing.T) {
	t.Parallel()
	typ := cdc.VectorOf(cdc.ScalarType(cdc.Float), 3)
	s, b := cdc.Build(nil, typ)
	for _, f := range []float32{1, -0.5, 3.25} {
		b = s.Close(cdc.AppendFloat(s.Open(b), f))
	}
	v, _ := s.End(b)
	if got := string(typ.AppendJSON(nil, v)); len(v) != 12 || got != "[1,-0.5,3.25]" || typ.Check(v) != nil {
		t.Errorf("got %s of %d bytes", got, len(v))
	}
	long := strings.Repeat("x", 300)
	typ = cdc.VectorOf(cdc.ScalarType(cdc.Text), 2)
	s, b = cdc.Build([]byte("head"), typ)
	b = s.Close(append(s.Open(b), long...))
	b = s.Close(append(s.Open(b), 'y'))
	v, _ = s.End(b)
	if got := string(typ.AppendJSON(nil, v[4:])); got != `["`+long+`","y"]` || typ.Check(v[4:]) != nil {
		t.Errorf("got %.20s... of %d bytes", got, len(v))
	}
	if typ.Check(v[4:len(v)-1]) == nil {
		t.Error("a truncated vector passes")
	}
}

// Whatever passes Check can be written and ordered without a panic.
func FuzzCheck(f *testing.F) {
	types := []string{"int", "text", "ascii", "decimal", "varint", "duration", "inet", "uuid", "timeuuid", "time", "date", "timestamp", "float", "double",
		"boolean", "blob", "frozen<list<int>>", "frozen<map<text, frozen<set<decimal>>>>", "tuple<int, text, duration>", "vector<float, 3>", "vector<text, 2>"}
	for i := range types {
		f.Add(i, []byte("\x00\x00\x00\x01\x00\x00\x00\x04abcd"))
		f.Add(i, []byte{})
		f.Add(i, []byte{1, 2, 3, 4, 5, 6, 7, 8})
	}
	f.Fuzz(func(t *testing.T, i int, v []byte) {
		typ, err := cdc.ParseType(types[uint(i)%uint(len(types))], nil)
		if err != nil {
			t.Fatal(err)
		}
		if typ.Kind == cdc.Decimal && len(v) > 40 || typ.Check(v) != nil {
			return
		}
		if out := typ.AppendJSON(nil, v); !json.Valid(out) {
			t.Fatalf("%s %x: %s is not JSON", typ, v, out)
		}
		typ.HasNUL(v)
		if typ.Kind == cdc.Duration {
			return
		}
		tbl, err := cdc.NewTable("k", "t", []cdc.Column{
			{Name: "p", Type: cdc.ScalarType(cdc.Int), Role: cdc.PartitionKey}, {Name: "c", Type: typ, Role: cdc.Clustering}})
		if err != nil {
			return // not of a key
		}
		if x := tbl.AppendClustering(nil, []cdc.Value{v}); len(x) < 2 {
			t.Fatalf("%x", x)
		}
	})
}
