package cassandra

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// The ranges cover the ring once, in order, cut at every node's token.
func TestSplit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tokens := rapid.SliceOfN(rapid.OneOf(rapid.Int64(), rapid.SampledFrom([]int64{math.MinInt64, math.MaxInt64, 0, -1})), 0, 40).Draw(t, "tokens")
		n := rapid.IntRange(1, 3000).Draw(t, "n")
		ranges := split(tokens, n)
		if len(ranges) < n || len(ranges) > n+len(tokens)+1 {
			t.Fatalf("got %d ranges for %d of %d tokens", len(ranges), n, len(tokens))
		}
		ends := map[int64]bool{math.MinInt64: true}
		at := int64(math.MinInt64)
		for _, g := range ranges {
			if g.From != at || g.To <= g.From {
				t.Fatalf("got %v after %d", g, at)
			}
			at = g.To
			ends[at] = true
		}
		if at != math.MaxInt64 {
			t.Fatalf("ends at %d", at)
		}
		for _, token := range tokens {
			if !ends[token] {
				t.Fatalf("token %d is within a range", token)
			}
		}
	})
}

// Without nodes' tokens the ranges are of like size.
func TestSplitEvenly(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 2, 3, 7, 1000, maxRanges} {
		ranges := split(nil, n)
		if len(ranges) != n {
			t.Errorf("got %d ranges, want %d", len(ranges), n)
		}
		least, most := uint64(math.MaxUint64), uint64(0)
		for _, g := range ranges {
			width := uint64(g.To) - uint64(g.From)
			least, most = min(least, width), max(most, width)
		}
		if most-least > 1 {
			t.Errorf("%d ranges of %d to %d tokens", n, least, most)
		}
	}
}
