package cdc

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// AppendRoutingKey appends the partition key as Cassandra hashes it: the value of a
// single column as it is, several each with its length before and a zero behind
// (db/marshal/CompositeType).
func AppendRoutingKey(b []byte, partition []Value) []byte {
	if len(partition) == 1 {
		return append(b, partition[0]...)
	}
	for _, v := range partition {
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(v))), v...)
		b = append(b, 0)
	}
	return b
}

// Token returns the token of a routing key (dht/Murmur3Partitioner.getToken).
func Token(routingKey []byte) int64 {
	if len(routingKey) == 0 {
		return math.MinInt64
	}
	h := murmur3(routingKey)
	if h == math.MinInt64 { // which is the token of nothing
		return math.MaxInt64
	}
	return h
}

// murmur3 is the first half of MurmurHash3_x64_128 with seed 0, as Cassandra has it
// (utils/MurmurHash.hash3_x64_128): the bytes of the tail are signed.
func murmur3(b []byte) int64 {
	const c1, c2 = 0x87c37b91114253d5, 0x4cf5ad432745937f
	mix1 := func(k uint64) uint64 { return bits.RotateLeft64(k*c1, 31) * c2 }
	mix2 := func(k uint64) uint64 { return bits.RotateLeft64(k*c2, 33) * c1 }
	n := uint64(len(b))
	var h1, h2 uint64
	for ; len(b) >= 16; b = b[16:] {
		h1 ^= mix1(binary.LittleEndian.Uint64(b))
		h1 = (bits.RotateLeft64(h1, 27)+h2)*5 + 0x52dce729
		h2 ^= mix2(binary.LittleEndian.Uint64(b[8:]))
		h2 = (bits.RotateLeft64(h2, 31)+h1)*5 + 0x38495ab5
	}
	var k1, k2 uint64
	for i, c := range b {
		signed := uint64(int64(int8(c)))
		if i < 8 {
			k1 ^= signed << (8 * i)
		} else {
			k2 ^= signed << (8 * (i - 8))
		}
	}
	h1 ^= mix1(k1)
	h2 ^= mix2(k2)
	h1 ^= n
	h2 ^= n
	h1 += h2
	h2 += h1
	return int64(finish(h1) + finish(h2))
}

func finish(k uint64) uint64 {
	k = (k ^ k>>33) * 0xff51afd7ed558ccd
	k = (k ^ k>>33) * 0xc4ceb9fe1a85ec53
	return k ^ k>>33
}
