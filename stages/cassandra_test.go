package stages_test

import (
	"context"
	"maps"
	"slices"
	"sync"

	"cdcpipe/pipeline/cdc"
)

// present is the second at which tests look; expiries lie well before or after.
const present = 2_000_000_000

// A keeper holds a table as package cdc merges it: what Cassandra has, if it is
// given statements, and what a replica has, if it is given changes.
type keeper struct {
	table *cdc.Table
	now   int64
	mu    sync.Mutex
	parts map[string]*kept
	reads int
}

type kept struct {
	cdc.Partition
	key  []cdc.Value
	rows map[string]*keptRow
}

type keptRow struct {
	cdc.Row
	key        []cdc.Value
	clustering []byte
}

func newKeeper(t *cdc.Table) *keeper {
	return &keeper{table: t, now: present, parts: map[string]*kept{}}
}

func (k *keeper) apply(cs ...*cdc.Change) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, c := range cs {
		pk := string(c.AppendPartitionKey(nil))
		p := k.parts[pk]
		if p == nil {
			p = &kept{Partition: cdc.NewPartition(), key: c.Key[:k.table.Partition], rows: map[string]*keptRow{}}
			k.parts[pk] = p
		}
		p.Merge(c)
		if c.Row() {
			r := p.rows[string(c.Clustering)]
			if r == nil {
				r = &keptRow{cdc.NewRow(), c.Key, c.Clustering}
				p.rows[string(c.Clustering)] = r
			}
			r.Merge(c)
		}
	}
}

// read answers as SELECT does: the rows that which names, and the partition if
// none is there.
func (k *keeper) read(p *kept, which func(r *keptRow) bool) (all []cdc.Reading) {
	if p == nil {
		return nil
	}
	visible := func(cells []cdc.Cell, deleted int64) (v []cdc.Cell) {
		for _, x := range cells {
			if x.Visible(deleted, k.now) && x.Value != nil {
				v = append(v, x)
			}
		}
		return v
	}
	statics := visible(p.Statics, p.Deleted)
	for _, c := range slices.Sorted(maps.Keys(p.rows)) {
		r := p.rows[c]
		covering := p.Covering(r.clustering)
		if which(r) && r.Live(covering, k.now) {
			all = append(all, cdc.Reading{Key: r.key, Cells: slices.Concat(statics, visible(r.Cells, max(r.Deleted, covering)))})
		}
	}
	if len(all) == 0 && len(statics) > 0 {
		all = append(all, cdc.Reading{Key: p.key, Cells: statics})
	}
	return all
}

func (k *keeper) partition(key []cdc.Value) *kept {
	return k.parts[string((&cdc.Change{Table: k.table, Key: key}).AppendPartitionKey(nil))]
}

func (k *keeper) ReadRows(_ context.Context, t *cdc.Table, partition []cdc.Value, clustering [][]cdc.Value) ([]cdc.Reading, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	asked := map[string]bool{}
	for _, c := range clustering {
		asked[string(t.AppendClustering(nil, c))] = true
	}
	return k.read(k.partition(partition), func(r *keptRow) bool { return asked[string(r.clustering)] }), nil
}

func (k *keeper) ReadPrefix(_ context.Context, _ *cdc.Table, key []cdc.Value, yield func(cdc.Reading) error) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reads++
	for _, r := range k.read(k.partition(key[:k.table.Partition]), func(r *keptRow) bool {
		for i, v := range key {
			if r.key[i].Compare(v) != 0 {
				return false
			}
		}
		return true
	}) {
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}

// all returns everything that is there.
func (k *keeper) all() (rs []cdc.Reading) {
	for _, pk := range slices.Sorted(maps.Keys(k.parts)) {
		rs = append(rs, k.read(k.parts[pk], func(*keptRow) bool { return true })...)
	}
	return rs
}
