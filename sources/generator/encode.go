package generator

import (
	"encoding/binary"
	"math/big"
	"math/bits"
)

// The serialised forms that Cassandra compares when write times are equal
// (serializers/*). They are written here once more, apart from package cdc, so
// that an error in either shows.

// bigEndian returns the low size bytes of n.
func bigEndian(size int, n int64) string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n))
	return string(b[8-size:])
}

// twosComplement returns n in as few bytes as hold it and its sign
// (java.math.BigInteger.toByteArray).
func twosComplement(n *big.Int) string {
	size := 1
	for limit := big.NewInt(128); n.Cmp(limit) >= 0 || n.Cmp(new(big.Int).Neg(limit)) < 0; size++ {
		limit.Lsh(limit, 8)
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*size)))
	}
	return string(n.FillBytes(make([]byte, size)))
}

// appendVint appends n zigzagged, led by one set bit for each byte that follows
// the first (utils/vint/VIntCoding).
func appendVint(b []byte, n int64) []byte {
	u := uint64(n)<<1 ^ uint64(n>>63)
	size := 1
	for size < 9 && bits.Len64(u) > 7*size {
		size++
	}
	if size == 9 {
		return binary.BigEndian.AppendUint64(append(b, 0xff), u)
	}
	u |= ^uint64(0) << (8 - (size - 1)) & 0xff << (8 * (size - 1))
	for i := size - 1; i >= 0; i-- {
		b = append(b, byte(u>>(8*i)))
	}
	return b
}

// appendElement appends a value within a collection or tuple: its length, then
// its bytes.
func appendElement(b []byte, raw string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(raw))), raw...)
}
