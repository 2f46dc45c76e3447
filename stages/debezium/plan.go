package debezium

import (
	"bytes"
	"slices"
	"sync"

	"cdcpipe/pipeline/cdc"
)

// A plan is what is known of the events of a table: the names of their fields,
// as they stand in the message, in the order in which the last ones had them.
// Comparing a name with the one expected is much faster than looking it up.
type plan struct {
	table   *cdc.Table
	counter bool
	order   []planField
	learned int // how often order was learned
}

// A planField is a field of after.
type planField struct {
	raw    []byte // name and colon, with what stands between them and the value
	column int    // its position in the table, or what else it is
}

// next returns the place in order behind column c, or else where it was.
func (p *plan) next(c, next int) int {
	if i := slices.IndexFunc(p.order, func(f planField) bool { return f.column == c }); i >= 0 {
		return i + 1
	}
	return next
}

// plans holds the plan of every table in use.
type plans struct {
	mu sync.RWMutex
	of map[*cdc.Table]*plan
}

// maxPlans bounds the plans kept. There is one for each version of a table's definition.
const maxPlans = 1 << 14

// maxLearned bounds how often an order is learned anew, and maxRaw how long a
// name in it is: what goes beyond them is looked up by name.
const (
	maxLearned = 16
	maxRaw     = 512
)

func (p *plans) get(t *cdc.Table) *plan {
	p.mu.RLock()
	x := p.of[t]
	p.mu.RUnlock()
	if x == nil {
		x = &plan{table: t, counter: t.Counter()}
		p.put(x)
	}
	return x
}

func (p *plans) put(x *plan) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.of == nil || len(p.of) >= maxPlans {
		p.of = map[*cdc.Table]*plan{}
	}
	p.of[x.table] = x
}

// learn returns x with another order, which it keeps for later events.
func (p *plans) learn(x *plan, order []planField) *plan {
	if x.learned >= maxLearned || slices.ContainsFunc(order, func(f planField) bool { return len(f.raw) > maxRaw }) {
		return x
	}
	y := &plan{table: x.table, counter: x.counter, order: slices.Clone(order), learned: x.learned + 1}
	for i := range y.order {
		y.order[i].raw = bytes.Clone(y.order[i].raw)
	}
	p.put(y)
	return y
}
