package pipeline

import (
	"context"
	"fmt"
)

// rejected makes a reject of a record that a step gave up on as a whole.
func rejected[T any](s *step, to Outlet, cause error, t *trial, r *Record[T]) Record[Reject] {
	return Record[Reject]{r.Header, t.reject(to, s.name, cause, r.Value, r.Origin)}
}

// divert sends rejects to their outlets, whose sinks settle them: a batch for each
// outlet, in the order given.
func (s *step) divert(ctx context.Context, rs []Record[Reject]) error {
	for len(rs) > 0 {
		to := rs[0].Value.Outlet
		n := 1
		for n < len(rs) && rs[n].Value.Outlet == to {
			n++
		}
		group, rest := rs[:n:n], rs[n:]
		if len(rest) > 0 { // rare: gather the rest of the group
			var others []Record[Reject]
			for _, r := range rest {
				if r.Value.Outlet == to {
					group = append(group, r)
				} else {
					others = append(others, r)
				}
			}
			rest = others
		}
		if err := s.divertGroup(ctx, to, group); err != nil {
			return err
		}
		rs = rest
	}
	return nil
}

func (s *step) divertGroup(ctx context.Context, to Outlet, rs []Record[Reject]) error {
	f, ok := s.p.outlets[to]
	if !ok { // Guarantee 2: nothing leaves by an exit that leads nowhere
		return Fatal(fmt.Errorf("outlet %q is not bound: %w", to, rs[0].Value.Cause))
	}
	if h := s.p.cfg.Hooks.Divert; h != nil {
		for i := range rs {
			h(rs[i].Value)
		}
	}
	s.meter.diverted.add(to, int64(len(rs)))
	return f.send(ctx, rs)
}
