package pipeline

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"sync/atomic"
)

// A Pipeline is a source, stages and sinks, wired with [From], [Then], [To] and
// [Bind] by one goroutine. It runs once. What was wired wrongly is reported by
// [Pipeline.Validate] and by Run.
type Pipeline struct {
	name string
	cfg  Config
	errs []error // wiring mistakes

	steps      stepList
	flows      []flowEnd
	parts      []part // in the order they are closed
	sinks      int
	outlets    map[Outlet]*Flow[Reject]
	run        []func(*life) error
	runOutlets []func(*life) error
	pauser     Pauser // the source, if it is one
	ender      Ender  // the source, if it is one

	claims *claims
	marks  *committer
	budget *budget
	pauses *pauses
	open   atomic.Bool   // for Stats
	still  chan struct{} // closed when nothing moves any more

	heldRecords, heldBytes atomic.Int64

	switches switches
}

// A part is something that is opened or closed.
type part struct {
	step  *step
	x     any // if it is a pointer, to know it again
	open  func(context.Context) error
	close func(context.Context) error
}

// A flowEnd is where a flow starts, and how many steps take it.
type flowEnd struct {
	of   *step
	taps func() int
}

// New returns an empty pipeline.
func New(name string, cfg Config) *Pipeline {
	cfg = cfg.withDefaults()
	p := &Pipeline{
		name:    name,
		cfg:     cfg,
		outlets: map[Outlet]*Flow[Reject]{},
		budget:  newBudget(cost{int64(cfg.InFlight), int64(cfg.InFlightBytes)}),
		pauses:  newPauses(),
		still:   make(chan struct{}),
	}
	p.fail(cfg.validate())
	p.marks = &committer{
		every: cfg.CommitEvery, records: int64(cfg.CommitRecords), drain: cfg.DrainTimeout,
		offsets: cfg.Offsets, hook: cfg.Hooks.Commit,
		log:  cfg.Logger.With("pipeline", name),
		gate: gate{held: make(chan struct{}, 1)},
		wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		took: newHistogram(durationBounds),
	}
	p.cfg.Logger = p.marks.log
	p.claims = &claims{
		budget: p.budget, marks: p.marks, nudge: p.pauses.nudge, still: p.still,
		byPart: map[Partition]*ledger{},
	}
	p.marks.ledgers = p.claims.all
	return p
}

// Name returns the name given to [New].
func (p *Pipeline) Name() string { return p.name }

func (p *Pipeline) fail(err error) {
	if err != nil {
		p.errs = append(p.errs, err)
	}
}

func (p *Pipeline) addFlow(of *step, taps func() int) {
	p.flows = append(p.flows, flowEnd{of, taps})
}

// addPart notes that x is to be opened, by open if it is given, and closed. One
// thing may serve several steps; it is opened and closed once.
func (p *Pipeline) addPart(s *step, x any, open func(context.Context) error) {
	q := part{step: s, open: open}
	if reflect.TypeOf(x).Kind() == reflect.Pointer {
		if slices.ContainsFunc(p.parts, func(q part) bool { return q.x == x }) {
			return
		}
		q.x = x
	}
	if o, ok := x.(Opener); ok && open == nil {
		q.open = o.Open
	}
	if c, ok := x.(Closer); ok {
		q.close = c.Close
	}
	p.parts = append(p.parts, q)
}

// Validate reports everything that is wrong with how the pipeline is configured
// and wired: among it, a step whose output nothing takes and an outlet that is
// used but not bound. It does no I/O.
func (p *Pipeline) Validate() error {
	errs := slices.Clone(p.errs)
	if p.marks.source == nil {
		errs = append(errs, errors.New("there is no source"))
	}
	if p.sinks == 0 {
		errs = append(errs, errors.New("there is no sink"))
	}
	for _, f := range p.flows {
		if f.taps() == 0 { // Guarantee 2: nothing flows into nowhere
			errs = append(errs, fmt.Errorf("%s: nothing takes its output", f.of.name))
		}
	}
	for _, s := range p.steps {
		for i, o := range s.uses {
			if _, bound := p.outlets[o]; !bound && !slices.Contains(s.uses[:i], o) {
				errs = append(errs, fmt.Errorf("%s: uses the outlet %q, which is not bound to a sink", s.name, o))
			}
		}
	}
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("pipeline %s: %w", p.name, errors.Join(errs...))
}
