// Package spec makes pipelines of files.
//
//	version: 1
//	name: shop
//	schema: {cql: [schema.cql]}
//	source: {use: kafka, with: {brokers: "${env:BROKERS}", topics: [cdc.shop.users]}}
//	stages:
//	  - decode
//	  - {use: validate, workers: 2}
//	  - {use: batch, with: {records: 2000, every: 1s}}
//	sink: {use: postgres, lanes: 4, with: {dsn: "${file:/run/secrets/dsn}"}}
//	outlets:
//	  dead_letter: {use: kafka, with: {topic: cassandra.cdc.dlq}}
//	  stale: discard
//	limits: {in_flight: 50000, in_flight_bytes: 64MiB, drain_timeout: 30s}
//
// [Config] documents every key, [JSONSchema] does so for editors, those of the parts
// included. Keys that begin with x- are ignored; they are a place for YAML's anchors.
//
// # Strictness
//
// A key that nobody knows, a value of the wrong type, stages in an order that cannot
// work, steps that do not fit and outlets that are used and bound to nothing are
// errors. All that is wrong is reported at once, each [Problem] with the code of its
// kind, file:line:column, what was found, what was expected and what to do. A loaded
// [Spec] can be built; nothing is opened before the pipeline runs.
//
// # Layers
//
// The environment lies over the file, and [Options.Set] over both. Of a variable
// CDCPIPE_SINK__WITH__DSN two underscores part the levels; variables without them are
// no options, but for CDCPIPE_NAME. What a list holds can only be replaced as a whole, by
// its items with commas between them.
//
// # References
//
// In texts of the file ${env:NAME}, ${env:NAME:-default}, ${file:path} and references of
// [Options.Resolvers], such as ${vault:path#key}, stand for what is kept elsewhere, and $$
// for $. They are resolved when the YAML has been read, so that no value can become
// structure, and a value is of whatever type its option asks for. Within { } and [ ] they
// have to be quoted. A value from the environment or the caller is taken as it is,
// unless it is a reference and nothing else. What a reference stands for is never
// printed: errors and [Spec.Show] name the reference.
package spec
