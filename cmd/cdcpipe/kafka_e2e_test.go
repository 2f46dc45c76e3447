//go:build e2e

package main

import (
	"context"
	"fmt"
	"time"

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

// sent reports whether the event of a row of shop.users is in its topic.
func (w *ward) sent(id int) bool {
	w.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.KafkaAddr()), kgo.ConsumeTopics("cdc.shop.users"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		w.Fatal(err)
	}
	defer cl.Close()
	for n, all := int64(0), w.ended("cdc.shop.users"); n < all; {
		ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
		fetches := cl.PollFetches(ctx)
		cancel()
		if fetches.NumRecords() == 0 {
			return false
		}
		for r := range fetches.RecordsAll() {
			n++
			if string(r.Key) == fmt.Sprintf(`{"id":%d}`, id) {
				return true
			}
		}
	}
	return false
}
