package generator

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/big"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A literal is one value in every form it takes on its way.
type literal struct {
	json   string // as Debezium writes it
	raw    string // as Cassandra serialises it, which decides ties
	text   string // as PostgreSQL casts it to text
	bound  string // as the bound of a range (db/marshal/AbstractType.getString)
	nested string // within jsonb; empty if it never nests
}

func textLiteral(s string) literal {
	return literal{json: quoteJSON(s, upperHex), raw: s, text: s, bound: s, nested: quoteJSON(s, lowerHex)}
}

// intLiteral is a tinyint to bigint, of size bytes.
func intLiteral(size int, n int64) literal {
	s := strconv.FormatInt(n, 10)
	return literal{json: s, raw: bigEndian(size, n), text: s, bound: s, nested: s}
}

func booleanLiteral(v bool) literal {
	s, raw := strconv.FormatBool(v), "\x00"
	if v {
		raw = "\x01"
	}
	return literal{json: s, raw: raw, text: s}
}

func blobLiteral(s string) literal {
	return literal{json: quoted(base64.StdEncoding.EncodeToString([]byte(s))), raw: s, text: `\x` + hex.EncodeToString([]byte(s))}
}

func varintLiteral(s string) literal {
	n, _ := new(big.Int).SetString(s, 10)
	return literal{json: quoted(s), raw: twosComplement(n), text: s}
}

// decimalLiteral is a decimal in plain notation. Its scale is not negative: an
// event carries toPlainString(), which forgets a negative one.
func decimalLiteral(s string) literal {
	whole, fraction, _ := strings.Cut(s, ".")
	n, _ := new(big.Int).SetString(whole+fraction, 10)
	return literal{json: quoted(s), raw: bigEndian(4, int64(len(fraction))) + twosComplement(n), text: s, nested: s}
}

// floatLiteral is a float or double, of size bytes.
func floatLiteral(size int, f float64) literal {
	bits := math.Float64bits(f)
	if size == 4 {
		bits = uint64(math.Float32bits(float32(f)))
	}
	switch {
	case math.IsNaN(f) && size == 4: // Float.NaN, whatever Go's has for a payload
		bits = 0x7fc00000
	case math.IsNaN(f):
		bits = 0x7ff8000000000000
	}
	return literal{json: javaFloat(f, 8*size), raw: bigEndian(size, int64(bits)), text: postgresFloat(f, 8*size)}
}

// uuidLiteral is a uuid or timeuuid.
func uuidLiteral(s string) literal {
	raw, _ := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	return literal{json: quoted(s), raw: string(raw), text: s, bound: s, nested: quoted(s)}
}

// inetLiteral is an address in its shortest form. Java writes IPv6 in full.
func inetLiteral(s string) literal {
	a := netip.MustParseAddr(s)
	raw := a.AsSlice()
	if a.Is4() {
		return literal{json: quoted("/" + s), raw: string(raw), text: s + "/32"}
	}
	var groups []string
	for i := 0; i < 16; i += 2 {
		groups = append(groups, strconv.FormatUint(uint64(binary.BigEndian.Uint16(raw[i:])), 16))
	}
	return literal{json: quoted("/" + strings.Join(groups, ":")), raw: string(raw), text: s + "/128"}
}

func timestampLiteral(ms int64) literal {
	t := time.UnixMilli(ms).UTC()
	return literal{
		json: strconv.FormatInt(ms, 10), raw: bigEndian(8, ms), text: postgresTime(t, "2006-01-02 15:04:05.999", "+00"),
		bound: t.Format("2006-01-02T15:04:05.000Z"),
	}
}

func dateLiteral(days int64) literal {
	t := time.Unix(days*86400, 0).UTC()
	l := literal{json: strconv.FormatInt(days, 10), raw: bigEndian(4, days+1<<31), text: postgresTime(t, time.DateOnly, "")}
	if t.Year() > 0 && t.Year() < 10_000 {
		l.nested = quoted(l.text)
	}
	return l
}

// timeLiteral is a time of day of whole microseconds: PostgreSQL holds no more.
func timeLiteral(us int64) literal {
	t := time.UnixMicro(us).UTC()
	return literal{json: strconv.FormatInt(us*1000, 10), raw: bigEndian(8, us*1000), text: t.Format("15:04:05.999999")}
}

// durationLiteral is a duration of whole microseconds. It has neither months nor
// days, which an event turns into nanoseconds.
func durationLiteral(us int64) literal {
	raw := append([]byte{0, 0}, appendVint(nil, us*1000)...)
	return literal{json: strconv.FormatInt(us*1000, 10), raw: string(raw), text: postgresInterval(us)}
}
