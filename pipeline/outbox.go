package pipeline

import "time"

// An Outbox receives what a stage makes of one batch. Every method names the
// input it concerns by index, which is how the engine follows lineage: a source
// batch is settled only when everything derived from it is. An index out of range
// panics. An Outbox is of use only during the call of Process it was given to.
type Outbox[Out any] struct {
	step    string
	out     []Record[Out]
	from    []*Header       // of the inputs, by index
	seen    []bool          // by index
	value   func(i int) any // boxes input i, only for rejects
	rejects []Record[Reject]
	drops   map[string]int64
	extra   []*ticket // one more reference each, taken by 1:N
	done    []*ticket // one reference fewer each, given up by drops and N:1
	slab    []Header  // of outputs whose header differs from their input's
	trial   trial
}

// Emit sends v onward as derived from input i.
func (o *Outbox[Out]) Emit(i int, v Out) {
	o.claim(i)
	o.out = append(o.out, Record[Out]{o.from[i], v})
}

// EmitKeyed is Emit with another ordering key. Zero orders by partition.
func (o *Outbox[Out]) EmitKeyed(i int, key uint64, v Out) {
	o.claim(i)
	h := o.header(i)
	h.Key = key
	o.out = append(o.out, Record[Out]{h, v})
}

// Merge sends v onward as derived from all the inputs named, of which there is at
// least one. It takes the header of the last, and the size of all.
func (o *Outbox[Out]) Merge(v Out, from ...int) {
	h := o.header(from[len(from)-1])
	h.Size = 0
	same := true
	for _, i := range from {
		o.claim(i)
		h.Size += o.from[i].Size
		same = same && o.from[i].ticket == h.ticket
	}
	if same { // one reference is enough to stand for all of them
		for range from[1:] {
			o.done = append(o.done, h.ticket)
		}
	} else {
		t := &ticket{parents: make([]*ticket, len(from))}
		t.left.Store(1)
		for k, i := range from {
			t.parents[k] = o.from[i].ticket
			if t.trace == nil {
				t.trace = t.parents[k].trace
			}
		}
		h.ticket = t
	}
	o.out = append(o.out, Record[Out]{h, v})
}

// Drop sends nothing onward for input i, knowingly. Drops are counted by why,
// which is one of a few fixed words. Dropping what was emitted does nothing.
func (o *Outbox[Out]) Drop(i int, why string) {
	if o.seen[i] {
		return
	}
	o.seen[i] = true
	if o.drops == nil {
		o.drops = map[string]int64{}
	}
	o.drops[why]++
	o.done = append(o.done, o.from[i].ticket)
}

// Divert sends input i out by an outlet.
func (o *Outbox[Out]) Divert(i int, to Outlet, cause error) {
	o.claim(i)
	if o.rejects == nil {
		o.trial.failed(time.Now())
	}
	o.rejects = append(o.rejects, Record[Reject]{o.from[i], o.trial.reject(to, o.step, cause, o.value(i), o.from[i].Origin)})
}

// Fail is Divert by the outlet err names, or else by [DeadLetter].
func (o *Outbox[Out]) Fail(i int, err error) {
	to, ok := OutletOf(err)
	if !ok {
		to = DeadLetter
	}
	o.Divert(i, to, err)
}

// claim takes a reference to input i's ticket for one output. The first output
// inherits the input's own reference, so the 1:1 case costs nothing.
func (o *Outbox[Out]) claim(i int) {
	if o.seen[i] {
		o.extra = append(o.extra, o.from[i].ticket) // Guarantee 1: settled when all outputs are
		return
	}
	o.seen[i] = true
}

// header returns a copy of input i's header that may be changed.
func (o *Outbox[Out]) header(i int) *Header {
	if o.slab == nil {
		o.slab = make([]Header, 0, len(o.from)-i)
	}
	return addHeader(&o.slab, *o.from[i])
}

// unaccounted returns the index of the first input nobody spoke for, or -1.
func (o *Outbox[Out]) unaccounted() int {
	for i, s := range o.seen {
		if !s {
			return i
		}
	}
	return -1
}
