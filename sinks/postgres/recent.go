package postgres

import (
	"encoding/binary"
	"hash/maphash"
	"sync"

	"cdcpipe/pipeline/cdc"
)

// recent remembers fingerprints of changes that were merged lately, so that a
// copy, as every replica of Cassandra sends one, costs no statement. A
// fingerprint has 128 bits of a keyed hash over everything the merge looks at;
// what is forgotten is merged again, to no effect.
type recent struct {
	seeds [2]maphash.Seed
	mu    sync.Mutex
	slots []fingerprint
}

// recentSlots is how many fingerprints are kept: 16 bytes each.
const recentSlots = 1 << 17

func newRecent() *recent {
	return &recent{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, slots: make([]fingerprint, recentSlots)}
}

type fingerprint [2]uint64

// of returns the fingerprint of c, and scratch for the next.
func (r *recent) of(c *cdc.Change, b []byte) (fingerprint, []byte) {
	b = append(append(append(b[:0], c.Table.Keyspace...), 0), c.Table.Name...)
	b = append(b, 0, byte(c.Op))
	b = c.AppendKey(b)
	for _, n := range [...]int64{c.Marker.Time, c.Marker.Class, c.Deleted} {
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	for i := range c.Cells {
		x := &c.Cells[i]
		// The column by name: its position differs between definitions.
		b = append(append(b, c.Table.Columns[x.Column].Name...), 0)
		b = binary.BigEndian.AppendUint64(b, uint64(x.Time))
		b = binary.BigEndian.AppendUint64(b, uint64(x.Class))
		b = binary.BigEndian.AppendUint32(b, uint32(len(x.Value)))
		b = append(b, x.Value...)
	}
	return fingerprint{maphash.Bytes(r.seeds[0], b), maphash.Bytes(r.seeds[1], b)}, b
}

// known reports which of fs are remembered.
func (r *recent) known(fs []fingerprint, known []bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, f := range fs {
		known[i] = r.slots[f[0]%recentSlots] == f
	}
}

// remember keeps fs, whose changes are durable but for those that failed.
func (r *recent) remember(fs []fingerprint, failed []failure) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range fs {
		r.slots[f[0]%recentSlots] = f
	}
	for _, x := range failed {
		f := fs[x.change]
		r.slots[f[0]%recentSlots] = fingerprint{}
	}
}

// forget makes r empty.
func (r *recent) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.slots)
}
