package cassandra

import (
	"context"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"

	"cdcpipe/pipeline/fault"
)

// A TokenRange holds the tokens above From, up to and with To, as
// [Reader.ReadTokens] takes them.
type TokenRange struct{ From, To int64 }

// maxRanges bounds the ranges that may be asked for.
const maxRanges = 1 << 20

// Ranges splits the ring into n or more ranges that cover it exactly once, in
// ascending order: from [math.MinInt64], which is the token of nothing
// (dht/Murmur3Partitioner), to [math.MaxInt64]. None is of more nodes than one,
// as far as the driver knows the ring (that of the local data centre, if one is
// configured): with few nodes they are of like size.
//
// The ranges of two calls differ if the ring has changed between them; either
// covers it.
func (r *Reader) Ranges(ctx context.Context, n int) ([]TokenRange, error) {
	if n < 1 || n > maxRanges {
		return nil, fmt.Errorf("split the ring: %d is not from 1 to %d ranges", n, maxRanges)
	}
	session, err := r.link.connect(ctx)
	if err != nil {
		return nil, err
	}
	var tokens []int64
	for _, h := range session.GetHosts() {
		if p := h.Partitioner(); p != "" && !strings.HasSuffix(p, "Murmur3Partitioner") {
			return nil, fault.New(fault.CassandraUnread, "split the ring: the cluster has %s, and only Murmur3Partitioner has such tokens", p)
		}
		if r.localDC != "" && h.DataCenter() != r.localDC {
			continue
		}
		for _, s := range h.Tokens() {
			token, err := strconv.ParseInt(s, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("split the ring: token of %s: %w", h.ConnectAddress(), err)
			}
			tokens = append(tokens, token)
		}
	}
	return split(tokens, n), nil
}

// split cuts the ring at the tokens, and then each part by its share of n.
func split(tokens []int64, n int) []TokenRange {
	ends := append(slices.Clone(tokens), math.MaxInt64)
	slices.Sort(ends)
	var ranges []TokenRange
	from := int64(math.MinInt64)
	for _, to := range ends {
		if to == from {
			continue
		}
		width := uint64(to) - uint64(from)
		whole, rest := bits.Mul64(width, uint64(n)) // in units of the ring's size, 2^64
		pieces := whole
		if rest > 0 {
			pieces++
		}
		for i := uint64(1); i <= pieces; i++ {
			high, low := bits.Mul64(width, i)
			cut, _ := bits.Div64(high, low, pieces)
			end := int64(uint64(to) - width + cut)
			ranges = append(ranges, TokenRange{from, end})
			from = end
		}
	}
	return ranges
}
