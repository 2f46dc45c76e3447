//go:build e2e

package main

import (
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// ended returns how many records a topic has had; 0 if there is none.
func (w *ward) ended(topic string) (n int64) {
	w.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.KafkaAddr()))
	if err != nil {
		w.Fatal(err)
	}
	defer cl.Close()
	ends, err := kadm.NewClient(cl).ListEndOffsets(w.Context(), topic)
	if err != nil {
		w.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { n += max(o.Offset, 0) })
	return n
}
