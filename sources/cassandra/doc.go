// Package cassandra reads from a Cassandra cluster over CQL: [Schema] the
// definitions of tables, [Reader] their rows with the write time and the expiry of
// every cell.
//
// Values are taken and given as Cassandra serialises them, which is the form of
// [cdcpipe/pipeline/cdc.Value]; the driver's conversions are not used.
package cassandra
