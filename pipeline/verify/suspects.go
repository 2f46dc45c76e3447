package verify

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"cdcpipe/pipeline/cdc"
)

// suspects returns what differs between the sides in the buckets of a chunk.
func (c *check) suspects(ctx context.Context, s *sums, k *chunk) ([]*cdc.Held, error) {
	type holding struct {
		digest uint64
		held   *cdc.Held
	}
	held := map[string]holding{}
	d := c.digester(s.seed)
	var id []byte
	if err := c.replica.Scan(ctx, c.to, func(h *cdc.Held) error {
		if _, in := slices.BinarySearch(k.buckets, d.bucket(h.Key[:c.to.Partition])); !in {
			return nil
		}
		id = appendID(id[:0], c.to, h.Key, h.Clustering, h.Static)
		held[string(id)] = holding{d.sum(id, h.Cells, h.Broken), &cdc.Held{Key: h.Key, Clustering: h.Clustering, Static: h.Static}}
		return nil
	}); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var all []*cdc.Held
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.cfg.Parallel)
	var done atomic.Int64
	k.runs(func(low, high int) {
		g.Go(func() error {
			d := c.digester(s.seed)
			var id []byte
			err := c.each(ctx, low, high, func(e *entity) error {
				id = e.appendID(id[:0])
				digest := d.sum(id, e.cells, nil)
				mu.Lock()
				defer mu.Unlock()
				h, there := held[string(id)]
				delete(held, string(id))
				if !there || h.digest != digest {
					all = append(all, &cdc.Held{Key: e.read.Key, Clustering: e.change.Clustering, Static: e.static})
				}
				return nil
			})
			c.cfg.Progress(c.from, "rows", done.Add(int64(high-low)), int64(len(k.buckets)))
			return err
		})
	})
	if err := g.Wait(); err != nil {
		return nil, err
	}
	for _, h := range held {
		all = append(all, h.held)
	}
	c.result.Suspects += int64(len(all))
	return all, nil
}

// A view is what both sides have of one row, or of the static columns of a partition.
type view struct {
	want *entity // nil if Cassandra has nothing
	held *cdc.Held
	now  int64 // the second at which they were read
}

// observe reads suspects on both sides.
func (c *check) observe(ctx context.Context, hs []*cdc.Held) ([]view, error) {
	views := make([]view, len(hs))
	byPart := map[string][]int{}
	var order []string
	for i, h := range hs {
		views[i].held = h
		p := string((&cdc.Change{Table: c.from, Key: h.Key}).AppendPartitionKey(nil))
		if byPart[p] == nil {
			order = append(order, p)
		}
		byPart[p] = append(byPart[p], i)
	}
	if err := c.replica.Hold(ctx, c.to, hs); err != nil {
		return nil, err
	}
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(c.cfg.Parallel)
	for _, p := range order {
		g.Go(func() error { return c.look(ctx, views, byPart[p]) })
	}
	err := g.Wait()
	for i := range views { // what ends meanwhile may be on one side alone
		views[i].now = time.Now().Unix()
	}
	return views, err
}

// look reads what Cassandra has of those of one partition.
func (c *check) look(ctx context.Context, views []view, of []int) error {
	byID := map[string]int{}
	var rows [][]cdc.Value
	prefix := false
	partition := views[of[0]].held.Key[:c.from.Partition]
	for _, i := range of {
		h := views[i].held
		byID[string(appendID(nil, c.from, h.Key, h.Clustering, h.Static))] = i
		switch {
		case h.Static:
		case len(h.Key) < c.from.Key:
			prefix = true // the row can only be told among the others
		default:
			rows = append(rows, h.Key[c.from.Partition:])
		}
	}
	take := func(r cdc.Reading) error {
		es, err := c.entities(r)
		if err != nil {
			return err
		}
		for _, e := range es {
			if e == nil {
				continue
			}
			if i, asked := byID[string(e.appendID(nil))]; asked {
				views[i].want = e
			}
		}
		return nil
	}
	if prefix {
		return c.cassandra.ReadPrefix(ctx, c.from, partition, take)
	}
	rs, err := c.cassandra.ReadRows(ctx, c.from, partition, rows)
	if err != nil {
		return err
	}
	for _, r := range rs {
		if err := take(r); err != nil {
			return err
		}
	}
	return nil
}
