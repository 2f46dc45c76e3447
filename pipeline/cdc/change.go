package cdc

import "encoding/binary"

// An Op says what kind of statement a change came from.
type Op uint8

// The operations.
const (
	Insert          Op = iota + 1 // writes the row marker and cells
	Update                        // writes cells only
	DeleteRow                     // hides the row's cells and marker up to a write time
	DeletePartition               // hides a partition's rows and static cells
	DeleteRange                   // hides the rows of a clustering range
)

var opNames = [...]string{Insert: "insert", Update: "update", DeleteRow: "delete_row", DeletePartition: "delete_partition", DeleteRange: "delete_range"}

// String returns the operation's name in lower case.
func (o Op) String() string {
	if int(o) < len(opNames) && o > 0 {
		return opNames[o]
	}
	return "unknown"
}

// A Change is what one event says: about a row, a partition or a range of rows
// of one table. Changes and what they refer to must not be modified once made;
// what modifies one makes another.
type Change struct {
	Table *Table
	Op    Op

	// Key holds the partition key values and, of a row, the clustering values,
	// in key order. None is nil.
	Key []Value

	// Clustering is the order-preserving form of the clustering values, empty if
	// the table has no clustering columns or the change is not about a row.
	Clustering []byte

	// Time is the write time of the event as a whole, in microseconds.
	Time int64

	// Marker is the row marker, unwritten unless the change is an insert.
	Marker Stamp

	// Deleted is the write time of the deletion, NoTime if there is none.
	Deleted int64

	// Bounds limits the deletion of a DeleteRange.
	Bounds Bounds

	// Cells holds what was written, by ascending column. A static column's cell
	// belongs to the partition, any other to the row.
	Cells []Cell

	// Snapshot marks a row read by the agent's snapshot: its stamps are not those
	// of Cassandra, and lie below all that are.
	Snapshot bool

	// Event is what the change was decoded from, nil if it was not.
	Event *Event
}

// Bounds is a range of clustering: every row with Low < its clustering < High.
// Both are made by [Table.AppendBound]; an empty Low or High is open.
type Bounds struct {
	Low, High []byte

	// Prefix holds clustering values with which every row within begins, as many
	// as are known.
	Prefix []Value
}

// Covers reports whether a row with that clustering lies within b.
func (b Bounds) Covers(clustering []byte) bool {
	return Value(b.Low).Compare(clustering) < 0 && (len(b.High) == 0 || Value(clustering).Compare(b.High) < 0)
}

// Row reports whether c is about a row, and not about a partition or a range.
// An insert or update of static columns only has no clustering values.
func (c *Change) Row() bool {
	return c.Op != DeletePartition && c.Op != DeleteRange && len(c.Key) == c.Table.Key
}

// StaticCells returns the cells of static columns, which belong to the partition.
func (c *Change) StaticCells() []Cell { return c.Cells[:c.statics()] }

// RowCells returns the cells of regular columns.
func (c *Change) RowCells() []Cell { return c.Cells[c.statics():] }

// statics counts the cells of static columns, which come first.
func (c *Change) statics() int {
	n := 0
	for n < len(c.Cells) && c.Table.Columns[c.Cells[n].Column].Role == Static {
		n++
	}
	return n
}

// AppendPartitionKey appends the identity of the partition: the serialised
// values, each preceded by its length.
func (c *Change) AppendPartitionKey(b []byte) []byte {
	for _, v := range c.Key[:c.Table.Partition] {
		b = append(binary.BigEndian.AppendUint32(b, uint32(len(v))), v...)
	}
	return b
}

// AppendKey appends the identity of what c is about: its partition, then the
// clustering of a row or the bounds of a range.
func (c *Change) AppendKey(b []byte) []byte {
	b = append(c.AppendPartitionKey(b), c.Clustering...)
	if c.Op == DeleteRange {
		b = binary.BigEndian.AppendUint32(b, uint32(len(c.Bounds.Low)))
		b = append(append(b, c.Bounds.Low...), c.Bounds.High...)
	}
	return b
}

// Hash returns a hash of the table and the key. Changes of one row have the
// same hash, in every process.
func (c *Change) Hash() uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for _, s := range [...]string{c.Table.Keyspace, c.Table.Name} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	for _, v := range c.Key[:c.Table.Partition] {
		h = hashBytes(h, v)
	}
	return hashBytes(h, c.Clustering) | 1 // never zero, which would mean no key
}

func hashBytes(h uint64, b []byte) uint64 {
	h = (h ^ uint64(len(b))) * 1099511628211
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return h
}
