// Package e2e holds the program against real servers: statements are executed in
// Cassandra, Debezium's agent makes events of them, the program merges those into
// PostgreSQL, and every row of the replica is compared with what Cassandra answers:
// value, write time and expiry of every cell.
//
// Its tests have the build tag e2e. They start one stack for all, and take what
// realstack takes: Java 17, Maven, and PostgreSQL's programs; or Docker, with
// CDCPIPE_STACK=docker.
package e2e
