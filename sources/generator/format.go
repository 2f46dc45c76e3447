package generator

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// Jackson escapes control characters with upper-case digits, PostgreSQL's jsonb
// with lower-case ones.
const (
	upperHex = "0123456789ABCDEF"
	lowerHex = "0123456789abcdef"
)

func quoted(s string) string { return `"` + s + `"` }

func quoteJSON(s, digits string) string { return string(appendJSON(nil, s, digits)) }

// appendJSON appends s as a JSON string (RFC 8259 §7), escaping only what must be.
func appendJSON(b []byte, s, digits string) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\b':
			b = append(b, `\b`...)
		case '\f':
			b = append(b, `\f`...)
		case '\n':
			b = append(b, `\n`...)
		case '\r':
			b = append(b, `\r`...)
		case '\t':
			b = append(b, `\t`...)
		default:
			if c < 0x20 {
				b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
				continue
			}
			b = append(b, c)
		}
	}
	return append(b, '"')
}

// javaFloat writes f as Jackson does: like Double.toString, and as a string if
// JSON has no number for it.
func javaFloat(f float64, bits int) string {
	abs := math.Abs(f)
	switch {
	case math.IsNaN(f):
		return `"NaN"`
	case math.IsInf(f, 1):
		return `"Infinity"`
	case math.IsInf(f, -1):
		return `"-Infinity"`
	case abs != 0 && (abs < 1e-3 || abs >= 1e7):
		mantissa, exp, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, bits), "E")
		if !strings.Contains(mantissa, ".") {
			mantissa += ".0"
		}
		n, _ := strconv.Atoi(exp)
		return mantissa + "E" + strconv.Itoa(n)
	}
	s := strconv.FormatFloat(f, 'f', -1, bits)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}

// postgresFloat writes f as float4 and float8 do since PostgreSQL 12: the
// shortest text that reads back, with an exponent from 10^6 and 10^15 on.
func postgresFloat(f float64, bits int) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	s := strconv.FormatFloat(f, 'e', -1, bits)
	_, exp, _ := strings.Cut(s, "e")
	n, _ := strconv.Atoi(exp)
	if limit := map[int]int{32: 6, 64: 15}[bits]; n >= -4 && n < limit {
		return strconv.FormatFloat(f, 'f', -1, bits)
	}
	return s
}

// postgresTime writes t in a layout that begins with the year. PostgreSQL has no
// year 0, and puts BC after all else.
func postgresTime(t time.Time, layout, zone string) string {
	y, era := t.Year(), ""
	if y <= 0 {
		y, era = 1-y, " BC"
	}
	return fmt.Sprintf("%04d", y) + t.Format(strings.TrimPrefix(layout, "2006")) + zone + era
}

// postgresInterval writes an interval of microseconds without months or days.
func postgresInterval(us int64) string {
	sign := ""
	if us < 0 {
		sign, us = "-", -us
	}
	s := fmt.Sprintf("%s%02d:%02d:%02d", sign, us/3600e6, us/60e6%60, us/1e6%60)
	if fraction := us % 1e6; fraction > 0 {
		s += "." + strings.TrimRight(fmt.Sprintf("%06d", fraction), "0")
	}
	return s
}
