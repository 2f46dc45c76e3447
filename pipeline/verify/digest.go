package verify

import (
	"context"
	"hash/maphash"
	"math"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"cdcpipe/pipeline/cdc"
)

// Tokens fall into buckets by their first bits.
const (
	bucketBits = 16
	buckets    = 1 << bucketBits
	pieces     = 256 // in which the ring is read: buckets are whole within
)

func bucketOf(token int64) int { return int((uint64(token) ^ 1<<63) >> (64 - bucketBits)) }

// tokens returns the range of tokens, as ReadTokens takes it, of buckets from low up
// to but without high.
func tokens(low, high int) (from, to int64) {
	edge := func(b int) int64 {
		if b == buckets {
			return math.MaxInt64
		}
		return int64(uint64(b)<<(64-bucketBits)^1<<63) - 1
	}
	if from, to = edge(low), edge(high); low == 0 {
		from = math.MinInt64 // which is the token of nothing
	}
	return from, to
}

// sums are the digests of a table on both sides.
type sums struct {
	seed    maphash.Seed
	buckets [2][buckets]atomic.Uint64
	counts  [2][buckets]atomic.Int64
}

const (
	atCassandra = iota
	atReplica
)

func (s *sums) add(side, bucket int, digest uint64) {
	s.buckets[side][bucket].Add(digest)
	s.counts[side][bucket].Add(1)
}

func (s *sums) differ(b int) bool {
	return s.buckets[atCassandra][b].Load() != s.buckets[atReplica][b].Load() || s.counts[atCassandra][b].Load() != s.counts[atReplica][b].Load()
}

// digest reads both sides once.
func (c *check) digest(ctx context.Context) (*sums, error) {
	s := &sums{seed: maphash.MakeSeed()}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error {
		d := c.digester(s.seed)
		var id []byte
		return c.replica.Scan(ctx, c.to, func(h *cdc.Held) error {
			id = appendID(id[:0], c.to, h.Key, h.Clustering, h.Static)
			s.add(atReplica, d.bucket(h.Key[:c.to.Partition]), d.sum(id, h.Cells, h.Broken))
			return nil
		})
	})
	var next, done, rows atomic.Int64
	for range c.cfg.Parallel {
		g.Go(func() error {
			d := c.digester(s.seed)
			var id []byte
			for {
				i := int(next.Add(1)) - 1
				if i >= pieces {
					return nil
				}
				err := c.each(ctx, i*buckets/pieces, (i+1)*buckets/pieces, func(e *entity) error {
					id = e.appendID(id[:0])
					s.add(atCassandra, d.bucket(e.change.Key[:c.to.Partition]), d.sum(id, e.cells, nil))
					rows.Add(1)
					return nil
				})
				if err != nil {
					return err
				}
				c.cfg.Progress(c.from, "digests", done.Add(1), pieces)
			}
		})
	}
	err := g.Wait()
	c.result.Rows = rows.Load()
	return s, err
}

// each calls f for everything that Cassandra has in some buckets.
func (c *check) each(ctx context.Context, low, high int, f func(*entity) error) error {
	from, to := tokens(low, high)
	var last []byte // the partition whose static columns were seen
	var scratch []byte
	return c.cassandra.ReadTokens(ctx, c.from, from, to, func(r cdc.Reading) error {
		es, err := c.entities(r)
		if err != nil {
			return err
		}
		for _, e := range es {
			if e == nil {
				continue
			}
			if e.static {
				scratch = cdc.AppendRoutingKey(scratch[:0], r.Key[:c.from.Partition])
				if last != nil && string(scratch) == string(last) {
					continue
				}
				last = append(last[:0], scratch...)
			}
			if err := f(e); err != nil {
				return err
			}
		}
		return nil
	})
}

// A chunk is some buckets that differ, ascending.
type chunk struct {
	buckets []int
	rows    int64 // in them, on the side that has more
}

func (k *chunk) low() int64  { from, _ := tokens(k.buckets[0], k.buckets[0]+1); return from }
func (k *chunk) high() int64 { _, to := tokens(k.buckets[0], k.buckets[len(k.buckets)-1]+1); return to }

// runs calls f for each run of neighbours.
func (k *chunk) runs(f func(low, high int)) {
	for i := 0; i < len(k.buckets); {
		j := i + 1
		for j < len(k.buckets) && k.buckets[j] == k.buckets[j-1]+1 {
			j++
		}
		f(k.buckets[i], k.buckets[j-1]+1)
		i = j
	}
}

// chunks returns the buckets that differ, as many together as have so many rows.
func (s *sums) chunks(rows int) (all []*chunk) {
	var k *chunk
	for b := range buckets {
		if !s.differ(b) {
			continue
		}
		n := max(s.counts[atCassandra][b].Load(), s.counts[atReplica][b].Load())
		if k == nil || k.rows+n > int64(rows) {
			k = &chunk{}
			all = append(all, k)
		}
		k.buckets, k.rows = append(k.buckets, b), k.rows+n
	}
	return all
}
