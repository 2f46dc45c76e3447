package stages

import (
	"sync"
	"sync/atomic"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
)

// ruleCounts count what comes of validation, by table and rule.
type ruleCounts struct {
	tables sync.Map // of *tableCounts by name
	rules  sync.Map // of *atomic.Int64 by ruleKey
}

type tableCounts struct{ valid, warned, invalid atomic.Int64 }

type ruleKey struct {
	table, rule string
	severity    Severity
}

// of returns the counts of a table, which all its definitions share.
func (c *ruleCounts) of(t *cdc.Table) *tableCounts {
	counts, _ := c.tables.LoadOrStore(t.String(), new(tableCounts))
	return counts.(*tableCounts)
}

// note counts a change of t and what it breaks.
func (c *ruleCounts) note(of *tableCounts, t *cdc.Table, f *findings) {
	if len(f.all) == 0 {
		of.valid.Add(1)
		return
	}
	result := &of.warned
	for _, x := range f.all {
		if x.severity == SeverityError {
			result = &of.invalid
		}
		key := ruleKey{t.String(), x.rule, x.severity}
		n, ok := c.rules.Load(key)
		if !ok {
			n, _ = c.rules.LoadOrStore(key, new(atomic.Int64))
		}
		n.(*atomic.Int64).Add(1)
	}
	result.Add(1)
}

// Measures returns the counts, and how things are within the window of the alert.
func (v *Validate) Measures() (ms []pipeline.Measure) {
	v.counts.tables.Range(func(name, counts any) bool {
		c := counts.(*tableCounts)
		for _, x := range [...]struct {
			result string
			n      int64
		}{{"valid", c.valid.Load()}, {"warned", c.warned.Load()}, {"invalid", c.invalid.Load()}} {
			ms = append(ms, pipeline.Measure{
				Name: "validated_records_total", Help: "Changes that were validated, by table and result: valid, warned or invalid.", Value: float64(x.n),
				Labels: []pipeline.Label{{Name: "table", Value: name.(string)}, {Name: "result", Value: x.result}},
			})
		}
		return true
	})
	v.counts.rules.Range(func(key, n any) bool {
		k := key.(ruleKey)
		ms = append(ms, pipeline.Measure{
			Name: "validation_errors_total", Help: "Rules that changes broke, by table, rule and severity.", Value: float64(n.(*atomic.Int64).Load()),
			Labels: []pipeline.Label{{Name: "table", Value: k.table}, {Name: "rule", Value: k.rule}, {Name: "severity", Value: string(k.severity)}},
		})
		return true
	})
	ratio, over := v.window.state()
	alert := 0.0
	if over {
		alert = 1
	}
	return append(ms,
		pipeline.Measure{Name: "validation_error_ratio", Help: "Share of invalid changes within the window of validate.alert.", Value: ratio},
		pipeline.Measure{Name: "validation_error_ratio_threshold", Help: "Share of invalid changes above which an alert is raised.", Value: v.cfg.Alert.Threshold},
		pipeline.Measure{Name: "validation_alert", Help: "Whether the share of invalid changes is above its threshold: 1 if it is.", Value: alert})
}
