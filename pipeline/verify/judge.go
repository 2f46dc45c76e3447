package verify

import (
	"context"
	"slices"
	"time"

	"cdcpipe/pipeline/cdc"
)

// observed is how many suspects are read at a time.
const observed = 500

// A doubt is a suspect that was seen to differ.
type doubt struct {
	held *cdc.Held
	was  []Difference
}

// judge looks at suspects twice, and reports, and heals if asked to, what differs
// both times. It reports false if it has left some out.
func (c *check) judge(ctx context.Context, suspects []*cdc.Held) (all bool, err error) {
	for len(suspects) > 0 {
		var doubts []doubt
		for len(suspects) > 0 && len(doubts) < c.cfg.Limit {
			n := min(observed, len(suspects))
			views, err := c.observe(ctx, suspects[:n])
			if err != nil {
				return false, err
			}
			suspects = suspects[n:]
			for i := range views {
				if ds := c.differences(&views[i]); len(ds) > 0 {
					doubts = append(doubts, doubt{views[i].held, ds})
				}
			}
		}
		if len(doubts) == 0 {
			continue
		}
		select {
		case <-time.After(c.cfg.Settle):
		case <-ctx.Done():
			return false, ctx.Err()
		}
		for part := range slices.Chunk(doubts, observed) {
			if err := c.confirm(ctx, part); err != nil {
				return false, err
			}
		}
		if c.cfg.Repair == nil && c.result.Differing >= int64(c.cfg.Limit) {
			return false, nil
		}
	}
	return true, nil
}

// confirm reads doubts again. What the replica has must be what it had: where it has
// moved, it follows.
func (c *check) confirm(ctx context.Context, doubts []doubt) error {
	hs := make([]*cdc.Held, len(doubts))
	for i := range doubts {
		hs[i] = doubts[i].held
	}
	now := time.Now().UnixMicro() // before they are read
	views, err := c.observe(ctx, hs)
	if err != nil {
		return err
	}
	var found [][]Difference
	var repairs []*cdc.Change
	var of []int // positions in found
	for i := range views {
		still := slices.DeleteFunc(c.differences(&views[i]), func(d Difference) bool {
			return !slices.ContainsFunc(doubts[i].was, func(w Difference) bool {
				return w.Column == d.Column && w.What == d.What && w.Replica == d.Replica
			})
		})
		if len(still) == 0 {
			continue
		}
		c.result.Differing++
		c.result.Differences += int64(len(still))
		if c.cfg.Repair != nil {
			change, err := c.repair(&views[i], now)
			if err != nil {
				return err
			}
			if change != nil {
				repairs, of = append(repairs, change), append(of, len(found))
			}
		}
		found = append(found, still)
	}
	if len(repairs) > 0 {
		refused, err := c.cfg.Repair(ctx, repairs)
		if err != nil {
			return err
		}
		c.result.Repaired += int64(len(repairs) - len(refused))
		for n, i := range of {
			for j := range found[i] {
				found[i][j].Repaired = !slices.Contains(refused, n)
			}
		}
	}
	for _, ds := range found {
		for _, d := range ds {
			c.cfg.Found(d)
		}
	}
	return nil
}

// repair returns what heals a row, as the replica is given it.
func (c *check) repair(v *view, now int64) (*cdc.Change, error) {
	var r *cdc.Reading
	if v.want != nil {
		r = &v.want.read
	}
	change, err := v.held.Repair(c.from, r, now)
	if err != nil {
		return nil, err
	}
	return c.cfg.Map(change)
}
