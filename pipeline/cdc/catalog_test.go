package cdc_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"cdcpipe/pipeline/cdc"
)

func TestCatalog(t *testing.T) {
	t.Parallel()
	old := orders(t)
	wider, err := cdc.NewTable("shop", "orders", append([]cdc.Column{{Name: "new", Type: cdc.ScalarType(cdc.Int), Role: cdc.Regular}}, old.Columns...))
	if err != nil {
		t.Fatal(err)
	}
	var loads atomic.Int32
	var fail atomic.Bool
	c := cdc.NewCatalog(cdc.LoaderFunc(func(_ context.Context, ks, name string) (*cdc.Table, error) {
		loads.Add(1)
		if fail.Load() {
			return nil, errors.New("no hosts")
		}
		if name == "orders" {
			return wider, nil
		}
		return nil, nil
	}), old)
	if c.Lookup("shop", "orders") != old || c.LookupBytes([]byte("shop"), []byte("orders")) != old || c.Lookup("shop", "none") != nil {
		t.Fatal("lookup")
	}
	// Many find the same definition stale; one asks.
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got, err := c.Refresh(t.Context(), "shop", "orders", old); got != wider || err != nil {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if n := loads.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	if got, err := c.Refresh(t.Context(), "shop", "orders", wider); got != wider || err != nil {
		t.Errorf("nothing newer: got %v, %v", got, err)
	}
	if got, err := c.Refresh(t.Context(), "shop", "none", nil); got != nil || err != nil {
		t.Errorf("no such table: got %v, %v", got, err)
	}
	fail.Store(true)
	if _, err := c.Refresh(t.Context(), "shop", "orders", wider); err == nil {
		t.Error("a failing loader goes unnoticed")
	}
	if c.Lookup("shop", "orders") != wider || len(c.Tables()) != 1 {
		t.Error("a failing loader changed the catalog")
	}
}

func BenchmarkLookupBytes(b *testing.B) {
	c := cdc.NewCatalog(nil, orders(b))
	ks, name := []byte("shop"), []byte("orders")
	b.ReportAllocs()
	for b.Loop() {
		if c.LookupBytes(ks, name) == nil {
			b.Fatal("not found")
		}
	}
}
