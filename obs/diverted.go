package obs

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/letter"
)

// Diverted counts the records that leave by outlets, by table and code. Its Note is
// for [pipeline.Hooks].Divert.
type Diverted struct{ count *prometheus.CounterVec }

var _ prometheus.Collector = (*Diverted)(nil)

// NewDiverted returns a counter for the pipeline of that name.
func NewDiverted(name string) *Diverted {
	return &Diverted{prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cdcpipe_letters_total", Help: "Records that left by an outlet, by table and code.", ConstLabels: prometheus.Labels{"pipeline": name},
	}, []string{"step", "outlet", "table", "code"})}
}

// Note counts a record.
func (d *Diverted) Note(r pipeline.Reject) {
	table := ""
	if keyspace, name := letter.TableOf(&r); name != "" {
		table = strings.ToValidUTF8(keyspace+"."+name, "\uFFFD")
	}
	d.count.WithLabelValues(r.Step, string(r.Outlet), table, string(fault.CodeOf(r.Cause))).Inc()
}

// Describe sends the description.
func (d *Diverted) Describe(ch chan<- *prometheus.Desc) { d.count.Describe(ch) }

// Collect sends every count.
func (d *Diverted) Collect(ch chan<- prometheus.Metric) { d.count.Collect(ch) }
