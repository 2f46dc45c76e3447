package cassandra

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// finished is the offset of the mark of a range that was read to its end. Other
// offsets count its rows, over all attempts.
const finished = math.MaxInt64

// maxSnapshotBytes bounds a batch.
const maxSnapshotBytes = 4 << 20

// A tokenPart is a range of tokens of a table.
type tokenPart struct {
	table    *cdc.Table
	tokens   TokenRange
	log      string
	claim    pipeline.Claim
	offset   int64 // of the last row
	skip     bool  // finished by an earlier run
	finished bool  // of Open, then Commit
}

// partition names the range, the same in every run whose ring and number of ranges
// are the same.
func (p *tokenPart) partition() pipeline.Partition {
	return pipeline.Partition(fmt.Sprintf("%s%d:%d", prefixOf(p.table), p.tokens.From, p.tokens.To))
}

func prefixOf(t *cdc.Table) string { return t.String() + "/" }

// logOf identifies a definition: a table that was altered or made anew is read
// again.
func logOf(t *cdc.Table) string {
	h := fnv.New64a()
	h.Write(fmt.Appendf(nil, "%s %t", t.CQL(), t.Facts))
	return fmt.Sprintf("%016x", h.Sum64())
}

// sizeOf returns about how many bytes c holds on to.
func sizeOf(c *cdc.Change) int {
	n := 200 + len(c.Clustering) + 64*len(c.Cells)
	for _, v := range c.Key {
		n += 24 + len(v)
	}
	for i := range c.Cells {
		n += len(c.Cells[i].Value)
	}
	return n
}

// A pace holds several readers to a rate of rows together.
type pace struct {
	rate float64 // 0 for no bound
	mu   sync.Mutex
	free time.Time // when the next rows are due
}

// batch returns how many rows to read between waits: ten times a second or less
// often.
func (p *pace) batch() int {
	if p.rate == 0 {
		return snapshotBatch
	}
	return max(1, min(snapshotBatch, int(p.rate/10)))
}

// wait returns when n rows more are due.
func (p *pace) wait(ctx context.Context, n int) error {
	if p.rate == 0 || n == 0 {
		return nil
	}
	p.mu.Lock()
	now := time.Now()
	if p.free.Before(now) {
		p.free = now
	}
	due := time.NewTimer(p.free.Sub(now))
	p.free = p.free.Add(time.Duration(float64(n) / p.rate * float64(time.Second)))
	p.mu.Unlock()
	defer due.Stop()
	select {
	case <-due.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
