package cdc_test

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"cdcpipe/pipeline/cdc"
)

// comparators are the orders of types as Cassandra's classes define them,
// written for clarity, to hold the order-preserving bytes against.
var comparators = map[cdc.Kind]func(a, b cdc.Value) int{
	cdc.Int:       func(a, b cdc.Value) int { return cmp.Compare(integer(a), integer(b)) },
	cdc.Bigint:    func(a, b cdc.Value) int { return cmp.Compare(integer(a), integer(b)) },
	cdc.Tinyint:   func(a, b cdc.Value) int { return cmp.Compare(integer(a), integer(b)) },
	cdc.Smallint:  func(a, b cdc.Value) int { return cmp.Compare(integer(a), integer(b)) },
	cdc.Timestamp: func(a, b cdc.Value) int { return cmp.Compare(integer(a), integer(b)) },
	cdc.Date:      func(a, b cdc.Value) int { return bytes.Compare(a, b) },
	cdc.Text:      func(a, b cdc.Value) int { return bytes.Compare(a, b) },
	cdc.Blob:      func(a, b cdc.Value) int { return bytes.Compare(a, b) },
	cdc.Inet:      func(a, b cdc.Value) int { return bytes.Compare(a, b) },
	cdc.Double:    compareDouble,
	cdc.Varint:    func(a, b cdc.Value) int { return varint(a).Cmp(varint(b)) },
	cdc.Decimal:   func(a, b cdc.Value) int { return decimal(a).Cmp(decimal(b)) },
	cdc.UUID:      compareUUID,
	cdc.Timeuuid:  compareTimeuuid,
}

func integer(v cdc.Value) int64 {
	n := int64(int8(v[0]))
	for _, c := range v[1:] {
		n = n<<8 | int64(c)
	}
	return n
}

func varint(v cdc.Value) *big.Int { n, _ := v.Varint(); return n }

func decimal(v cdc.Value) *big.Rat {
	u, scale, _ := v.Decimal()
	r := new(big.Rat).SetInt(varint(u))
	ten := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(scale, -scale))), nil)
	if scale >= 0 {
		return r.Quo(r, new(big.Rat).SetInt(ten))
	}
	return r.Mul(r, new(big.Rat).SetInt(ten))
}

// compareDouble is Double.compare: -0 below 0, NaN above all, all NaN equal.
func compareDouble(a, b cdc.Value) int {
	x, y := math.Float64frombits(binary.BigEndian.Uint64(a)), math.Float64frombits(binary.BigEndian.Uint64(b))
	switch {
	case math.IsNaN(x) && math.IsNaN(y):
		return 0
	case math.IsNaN(x):
		return 1
	case math.IsNaN(y):
		return -1
	case x == y:
		return cmp.Compare(b2i(math.Signbit(y)), b2i(math.Signbit(x)))
	}
	return cmp.Compare(x, y)
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// timestampOf assembles the 60-bit timestamp of a version 1 UUID (RFC 9562 §5.1).
func timestampOf(v cdc.Value) uint64 {
	return uint64(binary.BigEndian.Uint16(v[6:])&0xfff)<<48 | uint64(binary.BigEndian.Uint16(v[4:]))<<32 | uint64(binary.BigEndian.Uint32(v))
}

func compareUUID(a, b cdc.Value) int {
	va, vb := a[6]>>4, b[6]>>4
	if va != vb {
		return cmp.Compare(va, vb)
	}
	if va == 1 {
		if c := cmp.Compare(timestampOf(a), timestampOf(b)); c != 0 {
			return c
		}
		return bytes.Compare(a[8:], b[8:])
	}
	return bytes.Compare(a, b)
}

func compareTimeuuid(a, b cdc.Value) int {
	if c := cmp.Compare(timestampOf(a), timestampOf(b)); c != 0 {
		return c
	}
	for i := 8; i < 16; i++ {
		if c := cmp.Compare(int8(a[i]), int8(b[i])); c != 0 {
			return c
		}
	}
	return 0
}

// genValue draws values that are often equal or close.
func genValue(k cdc.Kind) *rapid.Generator[cdc.Value] {
	return rapid.Custom(func(t *rapid.T) cdc.Value {
		small := rapid.Int64Range(-3, 3).Draw(t, "small")
		n := rapid.SampledFrom([]int64{small, small << 8, math.MaxInt64, math.MinInt64, small * 1e12, rapid.Int64().Draw(t, "any")}).Draw(t, "n")
		switch k {
		case cdc.Tinyint:
			return cdc.AppendInt8(nil, int8(n))
		case cdc.Smallint:
			return cdc.AppendInt16(nil, int16(n))
		case cdc.Int:
			return cdc.AppendInt32(nil, int32(n))
		case cdc.Date:
			return cdc.AppendDate(nil, int32(n))
		case cdc.Bigint, cdc.Timestamp:
			return cdc.AppendInt64(nil, n)
		case cdc.Double:
			return cdc.AppendDouble(nil, rapid.SampledFrom([]float64{0, math.Copysign(0, -1), 1.5, -1.5, math.NaN(), math.Inf(1), math.Inf(-1), float64(n)}).Draw(t, "f"))
		case cdc.Varint:
			b := new(big.Int).Lsh(big.NewInt(n), uint(rapid.IntRange(0, 70).Draw(t, "shift")))
			return cdc.AppendVarint(nil, b)
		case cdc.Decimal:
			return cdc.AppendDecimal64(nil, small*int64(rapid.SampledFrom([]int{1, 10, 100, 7}).Draw(t, "f")), rapid.Int32Range(-3, 3).Draw(t, "scale"))
		case cdc.UUID, cdc.Timeuuid:
			v := cdc.Value(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 0x7f, 0x80, 0xff}), 16, 16).Draw(t, "uuid"))
			v[6] = v[6]&0x0f | 0x10
			if k == cdc.UUID && rapid.Bool().Draw(t, "v4") {
				v[6] = v[6]&0x0f | 0x40
			}
			return v
		case cdc.Inet:
			return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 255}), 4, 4).Draw(t, "inet")
		default:
			return rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 'a', 0x7f}), 1, 4).Draw(t, "bytes")
		}
	})
}

func TestClusteringOrder(t *testing.T) {
	t.Parallel()
	for k, compare := range comparators {
		for _, desc := range []bool{false, true} {
			tbl, err := cdc.NewTable("k", "t", []cdc.Column{
				{Name: "p", Type: cdc.ScalarType(cdc.Int), Role: cdc.PartitionKey},
				{Name: "c", Type: cdc.ScalarType(k), Role: cdc.Clustering, Desc: desc},
				{Name: "d", Type: cdc.ScalarType(cdc.Int), Role: cdc.Clustering},
			})
			if err != nil {
				t.Fatal(err)
			}
			t.Run(tbl.Columns[1].Type.String(), func(t *testing.T) {
				t.Parallel()
				rapid.Check(t, func(t *rapid.T) {
					a, b := genValue(k).Draw(t, "a"), genValue(k).Draw(t, "b")
					d, e := genValue(cdc.Int).Draw(t, "d"), genValue(cdc.Int).Draw(t, "e")
					want := compare(a, b)
					if desc {
						want = -want
					}
					if want == 0 {
						want = cmp.Compare(integer(d), integer(e))
					}
					x, y := tbl.AppendClustering(nil, []cdc.Value{a, d}), tbl.AppendClustering(nil, []cdc.Value{b, e})
					if got := bytes.Compare(x, y); sign(got) != sign(want) {
						t.Fatalf("%x,%x and %x,%x: got %d, want %d\n%x\n%x", a, d, b, e, got, want, x, y)
					}
					// A bound lies on its side of every row with its prefix, and on
					// the rows' side of every other.
					before, after := tbl.AppendBound(nil, []cdc.Value{a}, false), tbl.AppendBound(nil, []cdc.Value{a}, true)
					if bytes.Compare(before, x) >= 0 || bytes.Compare(after, x) <= 0 {
						t.Fatalf("bounds of %x do not hold %x", a, x)
					}
					if c := compare(a, b); c != 0 {
						if desc {
							c = -c
						}
						if sign(bytes.Compare(before, y)) != sign(c) || sign(bytes.Compare(after, y)) != sign(c) {
							t.Fatalf("bounds of %x are not on one side of %x", a, y)
						}
					}
				})
			})
		}
	}
}

func sign(n int) int { return cmp.Compare(n, 0) }

func TestClusteringOfNested(t *testing.T) {
	t.Parallel()
	list := cdc.ListOf(cdc.ScalarType(cdc.Int), true)
	tuple := cdc.TupleOf(cdc.ScalarType(cdc.Int), cdc.ScalarType(cdc.Text))
	tbl, err := cdc.NewTable("k", "t", []cdc.Column{
		{Name: "p", Type: cdc.ScalarType(cdc.Int), Role: cdc.PartitionKey},
		{Name: "l", Type: list, Role: cdc.Clustering},
		{Name: "u", Type: tuple, Role: cdc.Clustering},
	})
	if err != nil {
		t.Fatal(err)
	}
	ints := func(ns ...int32) cdc.Value {
		s, b := cdc.Build(nil, list)
		for _, n := range ns {
			b = s.Close(cdc.AppendInt32(s.Open(b), n))
		}
		b, _ = s.End(b)
		return b
	}
	pair := func(n int32, text *string) cdc.Value {
		s, b := cdc.Build(nil, tuple)
		b = s.Close(cdc.AppendInt32(s.Open(b), n))
		if text == nil {
			return s.Null(b)
		}
		return s.Close(append(s.Open(b), *text...))
	}
	short := func(n int32) cdc.Value {
		s, b := cdc.Build(nil, tuple)
		return s.Close(cdc.AppendInt32(s.Open(b), n))
	}
	text := "a"
	ordered := [][2]cdc.Value{
		{ints(), pair(0, nil)}, {ints(-1, 5), pair(0, nil)}, {ints(1), pair(-1, &text)},
		{ints(1), pair(1, nil)}, {ints(1), pair(1, &text)}, {ints(1, -7), pair(0, nil)},
	}
	for i := 1; i < len(ordered); i++ {
		a := tbl.AppendClustering(nil, ordered[i-1][:])
		b := tbl.AppendClustering(nil, ordered[i][:])
		if bytes.Compare(a, b) >= 0 {
			t.Errorf("row %d does not sort before row %d", i-1, i)
		}
	}
	a := tbl.AppendClustering(nil, []cdc.Value{ints(1), pair(1, nil)})
	b := tbl.AppendClustering(nil, []cdc.Value{ints(1), short(1)})
	if !bytes.Equal(a, b) {
		t.Error("a trailing null makes a tuple another one")
	}
}
