// Package generator makes Cassandra changes in Debezium's JSON, and knows the
// rows they leave.
//
// [Generator] is stateless: an event is a function of the [Config] and its index,
// so that a run that was killed resumes at any index without replaying. Its events
// are as unpleasant as a cluster's: late, duplicated by replicas, of equal write
// times, with TTLs, with deletions of cells, rows, ranges and partitions and
// writes that bring the rows back, with text and names that need care, and some
// are malformed.
//
// [Oracle] says which rows Cassandra shows after any number of events, as the text
// that PostgreSQL makes of their columns. It is written from Cassandra's rules,
// apart from the code that it judges: it shares neither the merge order of package
// cdc nor its encoding of values.
//
// [Source] feeds the events to a pipeline without Kafka.
package generator
