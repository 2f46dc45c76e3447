package cdc

import (
	"cmp"
	"math"
)

// NoTime is the write time of what was never written
// (db/LivenessInfo.NO_TIMESTAMP, db/DeletionTime.LIVE).
const NoTime = math.MinInt64

// Classes of a [Stamp]. Between [Live] and [Tombstone] lies the class of what
// expires: the second, since 1970, at which it does.
const (
	Live      int64 = 0
	Tombstone int64 = 1 << 33
)

// A Stamp says when something was written and what ends it.
type Stamp struct {
	// Time is the write time, in microseconds since 1970 by convention; clients
	// may give any. NoTime means not written.
	Time int64

	// Class is [Live], the expiry in seconds, or [Tombstone] plus the local
	// deletion time in seconds where it is known.
	Class int64
}

// Unwritten is the stamp of what was never written.
func Unwritten() Stamp { return Stamp{Time: NoTime} }

// Written reports whether s is the stamp of something.
func (s Stamp) Written() bool { return s.Time != NoTime }

// Compare orders stamps as Cassandra does: by write time, then tombstone over
// expiring over live, then by the later expiry or deletion.
func (s Stamp) Compare(o Stamp) int {
	switch {
	case s.Time != o.Time:
		return sign(s.Time > o.Time)
	case s.Class != o.Class:
		return sign(s.Class > o.Class)
	default:
		return 0
	}
}

func sign(greater bool) int {
	if greater {
		return 1
	}
	return -1
}

// Visible reports whether what has stamp s is seen at second now under a
// deletion made at write time deleted. A deletion wins ties, and what expires
// at a second is gone in it (db/rows/Cell.isLive).
func (s Stamp) Visible(deleted, now int64) bool {
	return s.Time > deleted && (s.Class == Live || s.Class < Tombstone && s.Class > now)
}

// A Cell is one value of one column with its stamp. The value of a tombstone
// is nil; that of any other cell is not.
type Cell struct {
	Column int32 // position in [Table.Columns]
	Stamp
	Value Value

	// Origin is Cassandra's write time of a cell of a table of facts, whose stamp
	// has the time at which it was read. Otherwise it is 0.
	Origin int64
}

// Compare orders the cells of one column: the greater supersedes the other.
// Equal cells are the same fact.
func (c Cell) Compare(o Cell) int {
	if d := c.Stamp.Compare(o.Stamp); d != 0 {
		return d
	}
	if d := c.Value.Compare(o.Value); d != 0 {
		return d
	}
	return cmp.Compare(c.Origin, o.Origin)
}
