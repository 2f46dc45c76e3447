package generator

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// poolSize is how many values a type has, if it has that many. A column's value is
// kept as its place in the pool, by the events' plans and by the oracle.
const poolSize = 128

// pools holds the values of each type used, by the type's name. The extreme ones
// come first, so that a short pool has them too.
type pools map[string][]literal

// of returns the values of t. Their JSON forms are distinct.
func (p pools) of(t *cdc.Type) []literal {
	name := t.String()
	if vs, ok := p[name]; ok {
		return vs
	}
	d := throw(0, uint64(t.Kind)) // the same pool whatever the seed
	draw := scalar(t.Kind, &d)
	first := firsts(t.Kind)
	if !t.Kind.Scalar() {
		draw = p.nested(t, &d)
	}
	seen := map[string]bool{}
	var vs []literal
	for tries := 0; len(vs) < poolSize && tries < 10*poolSize; tries++ {
		var l literal
		if tries < len(first) {
			l = first[tries]
		} else {
			l = draw()
		}
		if !seen[l.json] {
			seen[l.json] = true
			vs = append(vs, l)
		}
	}
	p[name] = vs
	return vs
}

// firsts returns the values of a scalar kind that are most likely to break
// something: the ends of its range and of PostgreSQL's, what compares
// differently as bytes, what needs escapes.
func firsts(k cdc.Kind) []literal {
	switch k {
	case cdc.Ascii:
		return each(textLiteral, "", "a", "B", " ", "~", "it's", `quote"back\slash`, "\x01\t\n\x1f\x7f", "NULL", "null", "%s{}$1")
	case cdc.Text:
		return each(textLiteral, "", "é", "e\u0301", "Z", "a", "\U0001f6b2", "\uffff", " ", "it's", `quote"back\slash`,
			"\x01\b\f\r\n\t\x1f\x7f\u0085\u2028\ufeff", "NULL", `{"a": 1}`, "中文", "שלום", "Ω", strings.Repeat("long ", 400))
	case cdc.Tinyint:
		return ints(1, 0, -1, 1, math.MinInt8, math.MaxInt8)
	case cdc.Smallint:
		return ints(2, 0, -1, 1, math.MinInt16, math.MaxInt16, 255, 256)
	case cdc.Int:
		return ints(4, 0, -1, 1, math.MinInt32, math.MaxInt32, 255, 256, -256)
	case cdc.Bigint:
		return ints(8, 0, -1, 1, math.MinInt64, math.MaxInt64, 1<<53+1, -1<<53-1, math.MinInt32-1)
	case cdc.Varint:
		return each(varintLiteral, "0", "-1", "127", "128", "-128", "-129", "18446744073709551617",
			"-18446744073709551616", "9223372036854775808", "1"+strings.Repeat("0", 200), "-"+strings.Repeat("9", 77))
	case cdc.Decimal:
		return each(decimalLiteral, "0", "0.00", "-1.5", "1.50", "1.5", "-0.000000000000000000000000001", "1000000000000000000000000000000",
			"12345678901234567890.123456789012345678901234567890", "-99999999999999999999999999999999999999.9", "0.1", "255", "-256")
	case cdc.Float:
		return floats(4, 0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat32, math.SmallestNonzeroFloat32,
			999999, 1e6, 16777216, 0.1, 0.0001, 1e-5)
	case cdc.Double:
		return floats(8, 0, math.Copysign(0, -1), 1, -1, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxFloat64, math.SmallestNonzeroFloat64,
			999999999999999, 1e15, 1<<53+2, 0.1, 0.0001, 1e-5)
	case cdc.Blob:
		return each(blobLiteral, "", "\x00", "\x00\xff", "\xff", "\x7f", "\x80", "'\\\"")
	case cdc.UUID:
		return each(uuidLiteral, "00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
			"7fffffff-0000-4000-8000-000000000000", "80000000-0000-4000-8000-000000000000")
	case cdc.Timeuuid:
		return each(uuidLiteral, "00000000-0000-1000-8080-808080808080", "ffffffff-ffff-1fff-bfff-ffffffffffff")
	case cdc.Inet:
		return each(inetLiteral, "0.0.0.0", "255.255.255.255", "10.0.0.1", "::", "::1", "2001:db8::1", "fe80::1:0:0:1",
			"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "1:0:2::3")
	case cdc.Timestamp: // PostgreSQL's begins with Julian day 0 and ends with the year 294276
		return nums(timestampLiteral, 0, -1, 1, -210_866_803_200_000, 9_224_318_015_999, -62_135_596_800_000,
			-62_135_596_800_001, 253_402_300_799_999, 253_402_300_800_000, 1_767_225_600_100)
	case cdc.Date: // PostgreSQL's begins with Julian day 0 and ends with the year 5874897
		return nums(dateLiteral, 0, -1, 1, -2_440_588, 2_145_042_905, -719_162, -719_163, 2_932_896, 2_932_897, 20_454)
	case cdc.Time:
		return nums(timeLiteral, 0, 1, 86_399_999_999, 43_200_000_000, 100_000)
	case cdc.Duration:
		return nums(durationLiteral, 0, 1, -1, 86_400_000_000, -90_061_000_001, math.MaxInt64/1000, math.MinInt64/1000, 500_000)
	case cdc.Boolean:
		return []literal{booleanLiteral(false), booleanLiteral(true)}
	}
	return nil
}

// scalar returns what draws ordinary values of a scalar kind.
func scalar(k cdc.Kind, d *dice) func() literal {
	words := strings.Fields("amber birch cedar dune ember fjord grove harbour isle juniper kestrel lagoon meadow nimbus orchid pebble")
	signed := func(limit int) int64 { return int64(d.n(2*limit) - limit) }
	return func() literal {
		switch k {
		case cdc.Ascii, cdc.Text:
			return textLiteral(words[d.n(len(words))] + " " + words[d.n(len(words))] + " " + strconv.Itoa(d.n(1000)))
		case cdc.Tinyint:
			return intLiteral(1, signed(128))
		case cdc.Smallint:
			return intLiteral(2, signed(1<<15))
		case cdc.Int:
			return intLiteral(4, signed(1<<d.n(31)))
		case cdc.Bigint:
			return intLiteral(8, signed(1<<d.n(62)))
		case cdc.Varint:
			return varintLiteral(strconv.FormatInt(signed(1<<d.n(62)), 10))
		case cdc.Decimal:
			return decimalLiteral(fmt.Sprintf("%d.%0*d", signed(1<<d.n(40)), 1+d.n(4), d.n(10)))
		case cdc.Float:
			return floatLiteral(4, float64(signed(1<<d.n(24)))/64)
		case cdc.Double:
			return floatLiteral(8, (d.fraction()-0.5)*math.Pow(10, float64(d.n(40)-20)))
		case cdc.Blob:
			return blobLiteral(bigEndian(8, int64(d.Uint64()))[d.n(8):])
		case cdc.UUID:
			return uuidLiteral(string(appendUUID(nil, d.Uint64(), d.Uint64(), 4)))
		case cdc.Timeuuid:
			return uuidLiteral(string(appendUUID(nil, d.Uint64(), d.Uint64(), 1)))
		case cdc.Inet:
			return inetLiteral(fmt.Sprintf("10.%d.%d.%d", d.n(256), d.n(256), d.n(256)))
		case cdc.Timestamp:
			return timestampLiteral(1_700_000_000_000 + signed(1<<d.n(36)))
		case cdc.Date:
			return dateLiteral(signed(1 << d.n(16)))
		case cdc.Time:
			return timeLiteral(int64(d.n(86_400_000_000)))
		case cdc.Duration:
			return durationLiteral(signed(1 << d.n(45)))
		default:
			return booleanLiteral(d.n(2) == 0)
		}
	}
}

// nested returns what draws collections and tuples of type t.
func (p pools) nested(t *cdc.Type, d *dice) func() literal {
	usable := func(t *cdc.Type) []literal { // what nests, and is short
		var vs []literal
		for _, l := range p.of(t) {
			if l.nested != "" && len(l.nested) < 100 {
				vs = append(vs, l)
			}
		}
		return vs
	}
	var elems [][]literal
	for _, e := range t.Elems {
		elems = append(elems, usable(e))
	}
	pick := func(i int) literal { return elems[i][d.n(len(elems[i]))] }
	return func() literal {
		n := d.n(5)
		switch t.Kind {
		case cdc.List:
			var vs []literal
			for range n {
				vs = append(vs, pick(0))
			}
			return listLiteral(vs)
		case cdc.Set, cdc.Map:
			keys := map[string]bool{}
			var vs []literal
			var es []entry
			for range n {
				if k := pick(0); !keys[k.raw] {
					keys[k.raw] = true
					vs = append(vs, k)
					es = append(es, entry{k, pick(len(elems) - 1)})
				}
			}
			if t.Kind == cdc.Map {
				return mapLiteral(t.Elems[0].Kind, es)
			}
			return setLiteral(t.Elems[0].Kind, vs)
		default:
			fields := make([]*literal, len(elems))
			for i := range fields {
				if d.n(5) > 0 {
					l := pick(i)
					fields[i] = &l
				}
			}
			return tupleLiteral(fields)
		}
	}
}

func each(f func(string) literal, vs ...string) (ls []literal) {
	for _, v := range vs {
		ls = append(ls, f(v))
	}
	return ls
}

func nums(f func(int64) literal, vs ...int64) (ls []literal) {
	for _, v := range vs {
		ls = append(ls, f(v))
	}
	return ls
}

func ints(size int, vs ...int64) []literal {
	return nums(func(v int64) literal { return intLiteral(size, v) }, vs...)
}

func floats(size int, vs ...float64) (ls []literal) {
	for _, v := range vs {
		ls = append(ls, floatLiteral(size, v))
	}
	return ls
}
