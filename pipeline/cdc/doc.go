// Package cdc says what a change is, and in which order changes win.
//
// A [Table] describes a Cassandra table, a [Value] is a Cassandra value in its
// serialised form, a [Cell] is a value with its [Stamp], and a [Change] is what
// one event says about one row, partition or range.
//
// # The merge order
//
// Cassandra resolves conflicts cell by cell, and every rule is a maximum under
// a total order. State is therefore a join-semilattice: merging changes is
// commutative, associative and idempotent, and whatever the order, duplication
// or replay of changes, the result is the same.
//
//   - A cell is superseded by one with a greater write time; at equal write time
//     a tombstone beats an expiring cell, which beats a live one; then the later
//     expiry wins, then the greater serialised value, compared as unsigned bytes
//     (db/rows/Cells.resolveRegular since CASSANDRA-14592). [Cell.Compare]
//   - The row marker, written by INSERT and not by UPDATE, is the greatest by
//     write time, then by expiry (db/LivenessInfo.supersedes). [Stamp.Compare]
//   - A deletion of a row, of a partition or of a range hides what was written at
//     or before its write time: a deletion wins ties (db/DeletionTime.deletes).
//   - A row exists while its marker or any of its regular cells is visible
//     (db/rows/Row.hasLiveData).
//
// [Row] and [Partition] hold the merged state of a row and of a partition.
//
// The package knows nothing of engines, Kafka, Debezium or PostgreSQL, and
// imports only the standard library.
package cdc
