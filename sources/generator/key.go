package generator

import (
	"encoding/binary"
	"encoding/hex"
	"strconv"
	"time"

	"cdcpipe/pipeline/cdc"
)

// A keyColumn is a column of the partition key. Its value is a function of the
// partition's number, so that no table of keys need be kept.
type keyColumn struct {
	fragments
	kind cdc.Kind
	at   int // its place among of columns
	of   int
}

// days is how many days the last of several partition key columns has.
const days = 4

// number returns the part of a partition's number that c stands for: of several
// columns the last has the remainder.
func (c *keyColumn) number(partition uint32) uint32 {
	switch {
	case c.of == 1:
		return partition
	case c.at == c.of-1:
		return partition % days
	default:
		return partition / days
	}
}

// appendJSON appends the value as Debezium writes it.
func (c *keyColumn) appendJSON(b []byte, partition uint32) []byte {
	switch c.kind {
	case cdc.Date:
		return strconv.AppendInt(b, firstDay+int64(c.number(partition)), 10)
	case cdc.Text:
		var buf [32]byte
		return appendJSON(b, string(c.appendText(buf[:0], partition)), upperHex)
	case cdc.UUID:
		return append(c.appendText(append(b, '"'), partition), '"')
	default:
		return c.appendText(b, partition)
	}
}

// appendText appends the value as PostgreSQL casts it to text.
func (c *keyColumn) appendText(b []byte, partition uint32) []byte {
	n := c.number(partition)
	switch c.kind {
	case cdc.UUID:
		return appendUUID(b, mix(uint64(n)), mix(^uint64(n)), 4)
	case cdc.Date:
		return time.Unix((firstDay+int64(n))*86400, 0).UTC().AppendFormat(b, time.DateOnly)
	case cdc.Text:
		b = strconv.AppendUint(append(b, "sensor "...), uint64(n), 10)
		return append(b, sensors[n%uint32(len(sensors))]...)
	default: // int and bigint: 0, -1, 1, -2, ...
		return strconv.AppendInt(b, int64(n>>1)^-int64(n&1), 10)
	}
}

// firstDay is 2026-01-01, in days since 1970.
const firstDay = 20_454

// sensors are ends of names that quoting and encoding must survive.
var sensors = [...]string{"", " süd", ` "A"`, ` \b`, " 中", " \U0001f6b2", "'s", "; --"}

// appendUUID appends a UUID of the given version and the variant of RFC 9562.
func appendUUID(b []byte, hi, lo uint64, version byte) []byte {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:], hi)
	binary.BigEndian.PutUint64(raw[8:], lo)
	raw[6] = raw[6]&0x0f | version<<4
	raw[8] = raw[8]&0x3f | 0x80
	for i, from := range [...]int{0, 4, 6, 8, 10} {
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, raw[from:[...]int{4, 6, 8, 10, 16}[i]])
	}
	return b
}
