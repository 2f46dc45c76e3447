package chaos

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"cdcpipe/sources/generator"
)

// Which records the replica's tables refuse, by a constraint put on them.
type poison int

const (
	noPoison poison = iota
	somePoison
	allPoison
)

// A schedule is everything that is chosen for one run. It is a function of its
// seed.
type schedule struct {
	seed       uint64
	events     generator.Config
	partitions int
	poison     poison
	file       string // of the pipeline, but for addresses
	static     bool   // workers are static members of the group
	faults     []occurrence
}

// An occurrence is a fault and its moment.
type occurrence struct {
	*failure
	at   int           // records settled
	last time.Duration // how long, if it lasts
	dice uint64        // what else it needs
}

// newSchedule makes the schedule of a seed.
func newSchedule(seed uint64) schedule {
	rng := rand.New(rand.NewPCG(seed, 7))
	s := schedule{seed: seed, partitions: 1 + rng.IntN(4), static: rng.IntN(4) > 0}
	n := 1500 + rng.IntN(2500)
	if rng.IntN(8) == 0 {
		s.poison, n = allPoison, 200+rng.IntN(200)
	} else if rng.IntN(3) == 0 {
		s.poison = somePoison
	}
	c := generator.Default()
	c.Seed, c.Events, c.Prefix = seed, uint64(n), "chaos"
	c.Malformed, c.Duplicates, c.Late, c.Ties = rng.Float64()*0.05, rng.Float64()*0.2, rng.Float64()*0.2, rng.Float64()*0.1
	// The cluster's clock may be wrong by years; what has a TTL stays away from now.
	c.StartTime = time.Now().Add(clocks[rng.IntN(len(clocks))]).Truncate(24 * time.Hour).UnixMicro()
	s.events = c

	inFlight := []int{300, 1000, 5000}[rng.IntN(3)]
	outlet := "postgres, with: {dsn: $LETTERS}"
	if rng.IntN(2) == 0 {
		outlet = "kafka, with: {brokers: [$KAFKA], delivery_timeout: 2s, connect_timeout: 5s}"
	}
	s.file = fmt.Sprintf(template, 50+rng.IntN(400), 20+rng.IntN(300), 1+rng.IntN(4), outlet, inFlight, 100+rng.IntN(400), 50+rng.IntN(1000))

	count := 2 + rng.IntN(5)
	for range count {
		f := pick(rng)
		s.faults = append(s.faults, occurrence{failure: f, at: 1 + n/20 + rng.IntN(n*17/20), last: time.Duration(50+rng.IntN(350)) * time.Millisecond, dice: rng.Uint64()})
	}
	slices.SortStableFunc(s.faults, func(a, b occurrence) int { return a.at - b.at })
	return s
}

// slow reports whether the schedule takes half a minute: the time in which a
// client of Kafka gives up waiting.
func (s *schedule) slow() bool {
	return slices.ContainsFunc(s.faults, func(o occurrence) bool { return o.name == "network to Kafka: half-open" })
}

// clocks are how far a cluster's clock may be off.
var clocks = []time.Duration{0, 0, 0, -time.Hour, -30 * 24 * time.Hour, -5 * 365 * 24 * time.Hour}

// template is a pipeline with waits that suit a schedule of seconds.
const template = `version: 1
name: chaos
source:
  use: kafka
  with: {brokers: [$KAFKA], topic_patterns: ["chaos\\..*"], group: chaos, $MEMBER session_timeout: 3s, revoke_wait: 2s, fetch_max_wait: 50ms,
    connect_timeout: 5s, metadata_max_age: 1s, batch_records: %d}
stages: [decode, validate, schema_check, stale_check, {use: batch, with: {records: %d, every: 10ms}}]
sink: {use: postgres, lanes: %d, with: {dsn: $PG, statement_timeout: 1500ms, lock_timeout: 500ms}}
outlets:
  dead_letter: {use: %s}
  invalid: {use: postgres, with: {dsn: $LETTERS}}
  stale: {use: postgres, with: {dsn: $LETTERS}}
limits: {in_flight: %d, drain_timeout: 20s}
commit: {every: %dms, records: %d}
retry: {min: 20ms, max: 300ms}
breaker: {failures: 5, delay: 200ms}
admin: {listen: ""}
`

// text is the pipeline's file.
func (s *schedule) text(postgres, letters, kafka, member string) string {
	if !s.static {
		member = ""
	}
	if member != "" {
		member = "instance_id: " + member + ","
	}
	return strings.NewReplacer("$PG", `"`+postgres+`"`, "$LETTERS", `"`+letters+`"`, "$KAFKA", `"`+kafka+`"`, "$MEMBER", member).Replace(s.file)
}

func (s *schedule) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d events, %d partitions, poison %d, static %v:", s.events.Events, s.partitions, s.poison, s.static)
	for _, f := range s.faults {
		fmt.Fprintf(&b, " [at %d %s]", f.at, f.name)
	}
	return b.String()
}
