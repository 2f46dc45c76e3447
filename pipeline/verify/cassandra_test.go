package verify_test

import (
	"context"
	"slices"
	"sync"

	"cdcpipe/pipeline/cdc"
)

// A truth is a table as Cassandra would answer for it.
type truth struct {
	mu    sync.Mutex
	table *cdc.Table
	rows  map[string]cdc.Reading // by partition and clustering; static cells are apart
	parts map[string]cdc.Reading // static cells by partition
}

func newTruth(t *cdc.Table) *truth {
	return &truth{table: t, rows: map[string]cdc.Reading{}, parts: map[string]cdc.Reading{}}
}

func (c *truth) id(key []cdc.Value) string {
	return string((&cdc.Change{Table: c.table, Key: key}).AppendPartitionKey(nil))
}

func (c *truth) put(r cdc.Reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(r.Key) < c.table.Key {
		c.parts[c.id(r.Key)] = r
		return
	}
	c.rows[c.id(r.Key)+string(c.table.AppendClustering(nil, r.Key[c.table.Partition:]))] = r
}

// read returns what SELECT would, of the partitions that which names.
func (c *truth) read(which func(key []cdc.Value) bool) (all []cdc.Reading) {
	c.mu.Lock()
	defer c.mu.Unlock()
	alone := map[string]bool{}
	for id := range c.parts {
		alone[id] = true
	}
	for _, r := range c.rows {
		if which(r.Key) {
			p := c.id(r.Key)
			delete(alone, p)
			all = append(all, cdc.Reading{Key: r.Key, Cells: slices.Concat(c.parts[p].Cells, r.Cells)})
		}
	}
	for p := range alone {
		if r := c.parts[p]; which(r.Key) {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b cdc.Reading) int {
		return cdc.Value(c.id(a.Key)).Compare(cdc.Value(c.id(b.Key)))
	})
	return all
}

func (c *truth) ReadRows(_ context.Context, t *cdc.Table, partition []cdc.Value, clustering [][]cdc.Value) (found []cdc.Reading, _ error) {
	all := c.read(func(key []cdc.Value) bool { return c.id(key) == c.id(partition) })
	var alone []cdc.Reading
	for _, r := range all {
		if len(r.Key) < t.Key {
			alone = append(alone, r)
			continue
		}
		if slices.ContainsFunc(clustering, func(v []cdc.Value) bool {
			return slices.EqualFunc(v, r.Key[t.Partition:], func(a, b cdc.Value) bool { return a.Compare(b) == 0 })
		}) {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		if len(alone) == 0 && len(all) > 0 && len(c.parts[c.id(partition)].Cells) > 0 {
			alone = []cdc.Reading{c.parts[c.id(partition)]}
		}
		return alone, nil
	}
	return found, nil
}

func (c *truth) ReadPrefix(_ context.Context, _ *cdc.Table, key []cdc.Value, yield func(cdc.Reading) error) error {
	return each(c.read(func(k []cdc.Value) bool { return c.id(k) == c.id(key) }), yield)
}

func (c *truth) ReadTokens(_ context.Context, t *cdc.Table, from, to int64, yield func(cdc.Reading) error) error {
	return each(c.read(func(k []cdc.Value) bool {
		token := cdc.Token(cdc.AppendRoutingKey(nil, k[:t.Partition]))
		return from < token && token <= to
	}), yield)
}

func each(rs []cdc.Reading, yield func(cdc.Reading) error) error {
	for _, r := range rs {
		if err := yield(r); err != nil {
			return err
		}
	}
	return nil
}
