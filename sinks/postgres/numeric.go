package postgres

import (
	"encoding/binary"
	"math/big"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// The bounds of numeric (utils/numeric.h): digits before the point are bounded
// by the weight, digits after it by the display scale.
const (
	maxWeight   = 0x7fff // NUMERIC_WEIGHT_MAX, in digits of base 10,000
	maxDispSize = 16_383 // NUMERIC_DSCALE_MAX
)

// encodeNumeric writes a varint or decimal as digits of base 10,000 with their
// weight, sign and display scale (utils/adt/numeric.c, numeric_recv).
func encodeNumeric(b []byte, t *cdc.Type, v cdc.Value) ([]byte, error) {
	unscaled, scale := v, int32(0)
	if t.Kind == cdc.Decimal {
		unscaled, scale, _ = v.Decimal()
	}
	if scale > maxDispSize {
		return b, fault.New(fault.NoTargetValue, "decimal with %d digits after the point, more than PostgreSQL's %d", scale, maxDispSize)
	}
	if n, ok := unscaled.Varint64(); ok && scale >= 0 && scale <= 18 && n != -1<<63 {
		return appendNumeric64(b, n, int(scale)), nil
	}
	n, _ := unscaled.Varint()
	digits := new(big.Int).Abs(n).Append(nil, 10)
	if int64(len(digits))-int64(scale) > 4*(maxWeight+1) || len(digits) > 4*(maxWeight+1)+maxDispSize {
		return b, fault.New(fault.NoTargetValue, "number of %d digits before the point, more than PostgreSQL's 131072", int64(len(digits))-int64(scale))
	}
	if n.Sign() == 0 {
		return appendNumeric64(b, 0, int(max(scale, 0))), nil
	}
	// Zeros make the digits before and after the point whole groups of four.
	for ; scale < 0; scale++ {
		digits = append(digits, '0')
	}
	dispScale := scale
	for ; scale%4 != 0; scale++ {
		digits = append(digits, '0')
	}
	groups := (len(digits) + 3) / 4
	weight := groups - int(scale)/4 - 1
	return appendDigits(b, digits, weight, n.Sign() < 0, int(dispScale)), nil
}

func appendHead(b []byte, digits, weight int, negative bool, scale int) []byte {
	sign := uint16(0)
	if negative {
		sign = 0x4000 // NUMERIC_NEG
	}
	b = binary.BigEndian.AppendUint16(b, uint16(digits))
	b = binary.BigEndian.AppendUint16(b, uint16(int16(weight)))
	b = binary.BigEndian.AppendUint16(b, sign)
	return binary.BigEndian.AppendUint16(b, uint16(scale))
}

// appendDigits writes decimal digits, a multiple of four of them after the
// point, the first of which has weight.
func appendDigits(b, digits []byte, weight int, negative bool, scale int) []byte {
	at := len(b)
	b = appendHead(b, 0, 0, negative, scale)
	first := len(digits) % 4
	if first == 0 {
		first = 4
	}
	count, skipped := 0, 0
	for i, j := 0, first; i < len(digits); i, j = j, j+4 {
		group := uint16(0)
		for _, c := range digits[i:j] {
			group = group*10 + uint16(c-'0')
		}
		if count == 0 && group == 0 { // leading zeros only lower the weight
			skipped++
			continue
		}
		b = binary.BigEndian.AppendUint16(b, group)
		count++
	}
	for count > 0 && b[len(b)-1] == 0 && b[len(b)-2] == 0 { // trailing zeros are implied
		b, count = b[:len(b)-2], count-1
	}
	binary.BigEndian.PutUint16(b[at:], uint16(count))
	binary.BigEndian.PutUint16(b[at+2:], uint16(int16(weight-skipped)))
	return b
}

// pow10 of the exponents within a group of four digits.
var pow10 = [...]uint64{1, 10, 100, 1000}

// appendNumeric64 is the way of most numbers: it works on a machine word.
func appendNumeric64(b []byte, n int64, scale int) []byte {
	u := uint64(n)
	if n < 0 {
		u = -u
	}
	var groups [12]uint16 // from the least
	count, fraction := 0, (scale+3)/4
	if pad := fraction*4 - scale; pad > 0 && u > 0 {
		// The last group of the fraction is short: take it first.
		low := u % pow10[4-pad]
		groups[0], u = uint16(low*pow10[pad]), u/pow10[4-pad]
		count = 1
	}
	for u > 0 {
		groups[count], u = uint16(u%10_000), u/10_000
		count++
	}
	from := 0
	for from < count && groups[from] == 0 {
		from++
	}
	for count > from && groups[count-1] == 0 {
		count--
	}
	weight := count - fraction - 1
	if count == from {
		return appendHead(b, 0, 0, false, scale)
	}
	b = appendHead(b, count-from, weight, n < 0, scale)
	for i := count - 1; i >= from; i-- {
		b = binary.BigEndian.AppendUint16(b, groups[i])
	}
	return b
}
