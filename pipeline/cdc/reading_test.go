package cdc_test

import (
	"testing"

	"cdcpipe/pipeline/cdc"
)

// What was read of a row has the identity that an event of it has, so that a batch
// with both merges them into one.
func TestReadingHasTheRowsIdentity(t *testing.T) {
	t.Parallel()
	single, err := cdc.NewTable("shop", "single", []cdc.Column{
		{Name: "p", Type: cdc.ScalarType(cdc.Int), Role: cdc.PartitionKey},
		{Name: "a", Type: cdc.ScalarType(cdc.Int), Role: cdc.Regular},
	})
	if err != nil {
		t.Fatal(err)
	}
	clustered := orders(t)
	key := []cdc.Value{cdc.AppendInt32(nil, 7), cdc.AppendInt32(nil, 8)}
	for _, event := range []*cdc.Change{
		{Table: single, Op: cdc.DeleteRow, Key: key[:1]},
		{Table: clustered, Op: cdc.DeleteRow, Key: key, Clustering: clustered.AppendClustering(nil, key[1:])},
	} {
		r := cdc.Reading{Key: event.Key}
		want := string(event.AppendKey(nil))
		if got := string(r.Fact(event.Table, 1).AppendKey(nil)); got != want {
			t.Errorf("%s: fact has key %x, event %x", event.Table, got, want)
		}
		if got := string(r.Claim(event.Table, 1).AppendKey(nil)); got != want {
			t.Errorf("%s: claim has key %x, event %x", event.Table, got, want)
		}
	}
}
