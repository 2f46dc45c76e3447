package cdc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"slices"
)

// AppendVarint appends the varint v in its shortest two's complement form, as
// java.math.BigInteger.toByteArray gives it.
func AppendVarint(b []byte, v *big.Int) []byte {
	if v.IsInt64() {
		return AppendVarint64(b, v.Int64())
	}
	n := v.BitLen()/8 + 1
	if v.Sign() < 0 { // -2^k needs no more bits than 2^k - 1
		n = new(big.Int).Not(v).BitLen()/8 + 1
	}
	b, out := extend(b, n)
	if v.Sign() >= 0 {
		v.FillBytes(out)
		return b
	}
	new(big.Int).Not(v).FillBytes(out)
	for i := range out {
		out[i] = ^out[i]
	}
	return b
}

// AppendVarint64 is [AppendVarint] for what fits 64 bits.
func AppendVarint64(b []byte, v int64) []byte {
	n := bits.Len64(uint64(v^v>>63))/8 + 1
	var full [8]byte
	binary.BigEndian.PutUint64(full[:], uint64(v))
	return append(b, full[8-n:]...)
}

// Varint returns the number a varint holds. It reports false if v is empty.
func (v Value) Varint() (*big.Int, bool) {
	if len(v) == 0 {
		return nil, false
	}
	n := new(big.Int).SetBytes(v)
	if v[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(v))))
	}
	return n, true
}

// Varint64 is [Value.Varint] for what fits 64 bits.
func (v Value) Varint64() (int64, bool) {
	if len(v) == 0 || len(v) > 8 {
		return 0, false
	}
	n := int64(int8(v[0]))
	for _, c := range v[1:] {
		n = n<<8 | int64(c)
	}
	return n, true
}

// AppendDecimal appends the decimal unscaled * 10^-scale
// (serializers/DecimalSerializer: int32 scale, then the unscaled varint).
func AppendDecimal(b []byte, unscaled *big.Int, scale int32) []byte {
	return AppendVarint(AppendInt32(b, scale), unscaled)
}

// AppendDecimal64 is [AppendDecimal] for an unscaled value of 64 bits.
func AppendDecimal64(b []byte, unscaled int64, scale int32) []byte {
	return AppendVarint64(AppendInt32(b, scale), unscaled)
}

// Decimal splits a decimal into its unscaled varint and its scale. It reports
// false if v is too short.
func (v Value) Decimal() (unscaled Value, scale int32, ok bool) {
	if len(v) < 5 {
		return nil, 0, false
	}
	return v[4:], int32(binary.BigEndian.Uint32(v)), true
}

// Bounds of the text of a number. PostgreSQL's numeric ends at 131,072 digits
// before and 16,383 after the point, and parsing grows faster than its input.
const (
	maxDigits = 131_072 + 16_383
	maxScale  = 1 << 20
)

var errNumber = errors.New("not a decimal number")

// AppendDecimalText appends the decimal that s writes, such as -1.50 or 1E+3,
// keeping its scale as java.math.BigDecimal(String) does.
func AppendDecimalText(b []byte, s []byte) ([]byte, error) {
	digits, scale, err := splitDecimal(s)
	if err != nil {
		return b, err
	}
	return appendUnscaled(AppendInt32(b, scale), digits)
}

// AppendVarintText appends the varint that s writes in decimal digits.
func AppendVarintText(b []byte, s []byte) ([]byte, error) {
	digits, scale, err := splitDecimal(s)
	if err == nil && scale != 0 {
		err = fmt.Errorf("%w without a fraction", errNumber)
	}
	if err != nil {
		return b, err
	}
	return appendUnscaled(b, digits)
}

// appendUnscaled appends the varint of an optional sign and digits.
func appendUnscaled(b, digits []byte) ([]byte, error) {
	if len(digits) <= 18 {
		neg := digits[0] == '-'
		n := int64(0)
		for _, c := range digits {
			if c >= '0' {
				n = n*10 + int64(c-'0')
			}
		}
		if neg {
			n = -n
		}
		return AppendVarint64(b, n), nil
	}
	n, ok := new(big.Int).SetString(string(digits), 10)
	if !ok {
		return b, errNumber
	}
	return AppendVarint(b, n), nil
}

// splitDecimal parses sign, digits, point and exponent. The digits it returns
// share s unless s has a point.
func splitDecimal(s []byte) (digits []byte, scale int32, err error) {
	if len(s) > maxDigits+32 {
		return nil, 0, fmt.Errorf("number of %d digits is beyond the %d supported", len(s), maxDigits)
	}
	i, point, n := 0, -1, 0
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		i++
	}
	start := i
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c >= '0' && c <= '9':
			n++
			continue
		case c == '.' && point < 0:
			point = i
			continue
		}
		break
	}
	if n == 0 {
		return nil, 0, errNumber
	}
	end, frac := i, 0
	if point >= 0 {
		frac = end - point - 1
	}
	exp, err := exponent(s[i:])
	if err != nil {
		return nil, 0, err
	}
	sc := int64(frac) - exp
	if sc > maxScale || sc < -maxScale {
		return nil, 0, fmt.Errorf("scale %d is beyond the %d supported", sc, maxScale)
	}
	switch {
	case point < 0 && start > 0 && s[0] == '+':
		digits = s[1:end]
	case point < 0:
		digits = s[:end]
	default:
		digits = make([]byte, 0, end)
		if s[0] == '-' {
			digits = append(digits, '-')
		}
		digits = append(append(digits, s[start:point]...), s[point+1:end]...)
	}
	return digits, int32(sc), nil
}

func exponent(s []byte) (int64, error) {
	if len(s) == 0 {
		return 0, nil
	}
	if s[0] != 'e' && s[0] != 'E' || len(s) > 12 {
		return 0, errNumber
	}
	s = s[1:]
	neg := false
	if len(s) > 0 && (s[0] == '-' || s[0] == '+') {
		neg, s = s[0] == '-', s[1:]
	}
	if len(s) == 0 {
		return 0, errNumber
	}
	n := int64(0)
	for _, c := range s {
		if c < '0' || c > '9' {
			return 0, errNumber
		}
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	return n, nil
}

// extend makes b longer by n bytes of any content and returns it with its new end.
func extend(b []byte, n int) (all, end []byte) {
	at := len(b)
	b = slices.Grow(b, n)[:at+n]
	return b, b[at:]
}
