package generator

import (
	"math/bits"
	"math/rand/v2"
)

// dice are the random choices of one event, a function of seed and index alone.
type dice struct{ rand.PCG }

// throw returns the dice of event i.
func throw(seed, i uint64) (d dice) {
	d.Seed(mix(seed), mix(seed^mix(i)))
	return d
}

// mix spreads every bit of u over all bits (the finaliser of splitmix64).
func mix(u uint64) uint64 {
	u += 0x9e3779b97f4a7c15
	u = (u ^ u>>30) * 0xbf58476d1ce4e5b9
	u = (u ^ u>>27) * 0x94d049bb133111eb
	return u ^ u>>31
}

// n returns a number in [0, k).
func (d *dice) n(k int) int {
	hi, _ := bits.Mul64(d.Uint64(), uint64(k))
	return int(hi)
}

// hit reports true with probability rate.
func (d *dice) hit(rate float64) bool { return d.fraction() < rate }

// fraction returns a number in [0, 1).
func (d *dice) fraction() float64 { return float64(d.Uint64()>>11) / (1 << 53) }

// distance returns a number in [1, limit], as often in [1, 2] as in any other
// doubling. limit is at least 1.
func (d *dice) distance(limit uint64) uint64 {
	u := d.Uint64()
	span := uint64(1) << (u % uint64(bits.Len64(limit)))
	return min(span+(u>>8)%span, limit)
}
