package generator

import "time"

// IndexHeader is the header of a Kafka record that gives the index of its event,
// in decimal, so that what leaves by an outlet can be told.
const IndexHeader = "generator-index"

// A Generator makes events. It holds no state and may be used concurrently.
type Generator struct {
	cfg      Config
	tables   []*table // users first
	name     string   // the topic prefix, as JSON
	expiries []int64
}

// New returns a generator, or says what is wrong with cfg.
func New(cfg Config) (*Generator, error) {
	cfg, err := cfg.check()
	if err != nil {
		return nil, err
	}
	g := &Generator{cfg: cfg, name: quoteJSON(cfg.Prefix, upperHex)}
	if g.tables, err = tables(cfg); err != nil {
		return nil, err
	}
	const hour, year = 3600, 365 * 24 * 3600
	for _, after := range [...]int64{-48 * hour, -24 * hour, -2 * hour, 3 * year, 5 * year, 7 * year} {
		g.expiries = append(g.expiries, cfg.StartTime/1e6+after)
	}
	return g, nil
}

// Config returns the configuration in force, with its defaults.
func (g *Generator) Config() Config { return g.cfg }

// Topics returns the topics that events go to.
func (g *Generator) Topics() []string {
	var ts []string
	for _, t := range g.tables {
		ts = append(ts, t.topic)
	}
	return ts
}

// An Event is one record for Kafka. Its partition is for the producer to choose,
// by the key.
type Event struct {
	Index      uint64
	Topic      string
	Key, Value []byte
	Time       time.Time    // when the agent made it, whole milliseconds
	Broken     Malformation // zero for a well-formed event

	statement statement
}

// Event sets e to event i. It reuses what e holds, which the caller must have
// copied if it keeps it.
func (g *Generator) Event(i uint64, e *Event) {
	s := &e.statement
	d, r := g.plan(i, s)
	env := g.envelope(i)
	e.Index, e.Topic, e.Time, e.Broken = i, s.table.topic, time.UnixMilli(env.made), 0
	e.Key = s.appendKey(e.Key[:0])
	e.Value = s.appendValue(e.Value[:0], g.name, env)
	if r == malformed {
		e.Broken = g.malformation(&d)
		e.Key, e.Value = e.Broken.damage(e.Key, e.Value)
	}
}

// Broken returns how event i is malformed, zero if it is not. It costs much less
// than the event.
func (g *Generator) Broken(i uint64) Malformation {
	if _, r := g.role(i); r != malformed {
		return 0
	}
	var s statement
	d, _ := g.plan(i, &s)
	return g.malformation(&d)
}

func (g *Generator) malformation(d *dice) Malformation {
	return Malformation(1 + d.n(len(malformations)-1))
}

// envelope returns what event i says of its making: by one of three agents, some
// milliseconds after the latest write.
func (g *Generator) envelope(i uint64) envelope {
	const perSegment = 50_000
	return envelope{
		made:    g.nominal(i)/1000 + int64(mix(i)%900),
		segment: g.cfg.StartTime/1000 + int64(i/perSegment*3+mix(i)%3),
		pos:     int64(i%perSegment)*600 + 600,
	}
}
