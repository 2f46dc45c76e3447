package cdc

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
)

// A Loader finds the definition of a table: in Cassandra, in a registry, in a
// cache. It returns nil and no error for a table that does not exist.
type Loader interface {
	LoadTable(ctx context.Context, keyspace, name string) (*Table, error)
}

// LoaderFunc adapts a function to a [Loader].
type LoaderFunc func(ctx context.Context, keyspace, name string) (*Table, error)

// LoadTable calls f.
func (f LoaderFunc) LoadTable(ctx context.Context, keyspace, name string) (*Table, error) {
	return f(ctx, keyspace, name)
}

// A Catalog holds the current definition of every table known. Lookups are
// wait-free and may run concurrently with everything else.
type Catalog struct {
	loader Loader // nil if definitions only come by Put
	tables atomic.Pointer[map[tableName]*Table]
	mu     sync.Mutex // held while tables is replaced
	load   sync.Mutex // held while the loader works: one request at a time
}

type tableName struct{ keyspace, name string }

// NewCatalog returns a catalog of tables. It asks loader, which may be nil, for
// the ones it does not know.
func NewCatalog(loader Loader, tables ...*Table) *Catalog {
	c := &Catalog{loader: loader}
	c.tables.Store(&map[tableName]*Table{})
	c.Put(tables...)
	return c
}

// Lookup returns the current definition, or nil if none is known.
func (c *Catalog) Lookup(keyspace, name string) *Table {
	return (*c.tables.Load())[tableName{keyspace, name}]
}

// LookupBytes is [Catalog.Lookup] for names in bytes; it does not allocate.
func (c *Catalog) LookupBytes(keyspace, name []byte) *Table {
	return (*c.tables.Load())[tableName{string(keyspace), string(name)}]
}

// Tables returns the definitions known, ordered by name.
func (c *Catalog) Tables() []*Table {
	ts := slices.Collect(maps.Values(*c.tables.Load()))
	slices.SortFunc(ts, func(a, b *Table) int {
		switch s, t := a.String(), b.String(); {
		case s < t:
			return -1
		case s > t:
			return 1
		}
		return 0
	})
	return ts
}

// Put makes tables the current definitions.
func (c *Catalog) Put(tables ...*Table) {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := maps.Clone(*c.tables.Load())
	for _, t := range tables {
		next[tableName{t.Keyspace, t.Name}] = t
	}
	c.tables.Store(&next)
}

// Refresh asks the loader for a table's definition, after stale was found not
// to fit, and returns what is current then. It returns stale itself, or nil, if
// the loader knows nothing newer or there is none; the caller decides how often
// to ask. An error is about the loader, not about the table.
func (c *Catalog) Refresh(ctx context.Context, keyspace, name string, stale *Table) (*Table, error) {
	c.load.Lock()
	defer c.load.Unlock()
	if t := c.Lookup(keyspace, name); t != stale || c.loader == nil {
		return t, nil // another caller has just refreshed it
	}
	t, err := c.loader.LoadTable(ctx, keyspace, name)
	if err != nil {
		return nil, fmt.Errorf("load table %s.%s: %w", QuoteIdent(keyspace), QuoteIdent(name), err)
	}
	if t == nil || stale != nil && t.Equal(stale) {
		return stale, nil
	}
	c.Put(t)
	return t, nil
}
