package postgres

import (
	"cmp"
	"slices"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// An outcome collects what one Write has to report of single changes.
type outcome struct {
	failures []failure
}

type failure struct {
	change int32 // position in the batch
	err    error
}

// fail reports a change that cannot be kept.
func (o *outcome) fail(change int32, err error) {
	o.failures = append(o.failures, failure{change, pipeline.Divert(pipeline.Invalid, err)})
}

func (o *outcome) failAll(changes []int32, err error) {
	for _, c := range changes {
		o.fail(c, err)
	}
}

// stale reports a change that lost every cell.
func (o *outcome) stale(change int32, err error) {
	o.failures = append(o.failures, failure{change, pipeline.Divert(pipeline.Stale, err)})
}

// err returns what Write returns.
func (o *outcome) err() error {
	slices.SortStableFunc(o.failures, func(a, b failure) int { return cmp.Compare(a.change, b.change) })
	var f pipeline.Failures
	for i, x := range o.failures {
		if i == 0 || o.failures[i-1].change != x.change { // the first reason will do
			f.Add(int(x.change), x.err)
		}
	}
	return f.Err()
}

// sieve takes out of r the changes that PostgreSQL cannot hold, reports them,
// and merges the others anew. It reports whether any are left.
func (r *row) sieve(l *layout, recs []pipeline.Record[*cdc.Change], p *params, out *outcome) bool {
	changes := r.changes
	*r = row{key: r.key}
	for _, i := range changes {
		c := recs[i].Value
		alone := row{first: c}
		alone.merge(i, c)
		err := p.addRow(l, &alone)
		if err == nil {
			p.rows-- // it was only a trial
		}
		p.abandon()
		if err != nil {
			out.fail(i, err)
			continue
		}
		if r.first == nil {
			r.first = c
		}
		r.merge(i, c)
	}
	return r.first != nil
}
