package generator

import (
	"errors"
	"fmt"
	"time"
)

// Config says what to generate. Events are a function of it alone: the same
// Config gives the same events, in any process, from any index on.
type Config struct {
	Seed   uint64
	Events uint64 // how many there are; 0 is endless
	Keys   int    // rows of all tables together, about; 0 scales with Events

	// StartTime is the write time of the first event, in microseconds since 1970.
	// What expires does so hours before it or years after, so that results do not
	// depend on the clock. It must be given, and given again by whoever resumes.
	StartTime int64

	// Interval lies between the write times of one event and the next.
	Interval time.Duration

	Prefix string // topic prefix

	// Shares of the events. Duplicates repeat an earlier event, as the copy of
	// another replica does. Ties go to the row of an earlier event at its very
	// write time, or a microsecond beside it.
	Malformed, Duplicates, Ties float64

	// Shares of the statements: those whose write time is older than it should be,
	// those with a TTL, and those that delete rows, ranges or partitions.
	Late, TTL, Deletes float64

	// Tiny makes everything collide: few keys, few values, and write times 1 to 5.
	// After a hundred events come other keys, so that not everything ends deleted.
	// There are no duplicates and no ties but by chance: whoever asks for events
	// may repeat and order them as it likes.
	Tiny bool
}

// Default returns a Config with everything set but Seed, Events and StartTime.
func Default() Config {
	return Config{
		Interval: 20 * time.Microsecond, Prefix: "cdc",
		Malformed: 1.0 / 2000, Duplicates: 0.05, Ties: 0.05, Late: 0.05, TTL: 0.05, Deletes: 0.10,
	}
}

// Limits of the key space. The oracle keeps a few hundred bytes for each key.
const (
	minKeys     = 100
	maxKeys     = 1 << 24
	defaultKeys = 200_000
)

// check returns cfg with its defaults, or says what is wrong with it.
func (cfg Config) check() (Config, error) {
	if cfg.Keys == 0 {
		cfg.Keys = defaultKeys
		if n := cfg.Events / 5; cfg.Events > 0 && n < defaultKeys {
			cfg.Keys = max(minKeys, int(n))
		}
	}
	switch {
	case cfg.StartTime < 1e15 || cfg.StartTime > 3.8e15: // so that expiries fit 32 bits, as Cassandra's do
		return cfg, fmt.Errorf("generator: StartTime must be given, in microseconds since 1970, between 2001 and 2090: is %d", cfg.StartTime)
	case cfg.Interval.Microseconds() < 4:
		return cfg, fmt.Errorf("generator: Interval must be at least 4µs, is %v", cfg.Interval)
	case cfg.Keys < 0 || cfg.Keys > maxKeys:
		return cfg, fmt.Errorf("generator: Keys must be within 0 and %d, is %d", maxKeys, cfg.Keys)
	case cfg.Prefix == "":
		return cfg, errors.New("generator: Prefix is empty")
	case cfg.Malformed+cfg.Duplicates+cfg.Ties > 1:
		return cfg, errors.New("generator: Malformed, Duplicates and Ties are more than 1 together")
	}
	for _, r := range []struct {
		name string
		rate float64
	}{
		{"Malformed", cfg.Malformed}, {"Duplicates", cfg.Duplicates}, {"Ties", cfg.Ties},
		{"Late", cfg.Late}, {"TTL", cfg.TTL}, {"Deletes", cfg.Deletes},
	} {
		if !(r.rate >= 0 && r.rate <= 1) {
			return cfg, fmt.Errorf("generator: %s must be within 0 and 1, is %v", r.name, r.rate)
		}
	}
	return cfg, nil
}
