// Package chaos holds the chaos suite, which has tests alone: whole pipelines, as
// processes of their own, against a real PostgreSQL, a broker and a Redis, each a
// process that can be killed, behind proxies that can cut, delay, reset and
// half-open their connections.
//
// A schedule is made from a seed: events, the shape of the pipeline, and faults at
// moments that progress defines. After each schedule every event is accounted for,
// every row is held against the oracle, and the workers have given back what they
// took. docs/reliability.md says how to run it and what came of it.
package chaos
