package obs

import (
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"cdcpipe/pipeline"
)

// A Measures collector turns the numbers that parts keep themselves
// ([pipeline.Measurer]) into metrics, labelled with the pipeline and the step. Which
// there are is only known by asking, so that it is what Prometheus calls unchecked.
type Measures struct{ stats []func() pipeline.Stats }

var _ prometheus.Collector = (*Measures)(nil)

// NewMeasures returns a collector of the measures in what the functions return.
func NewMeasures(stats ...func() pipeline.Stats) *Measures { return &Measures{stats} }

// Describe sends nothing.
func (*Measures) Describe(chan<- *prometheus.Desc) {}

// Collect sends every measure.
func (m *Measures) Collect(ch chan<- prometheus.Metric) {
	for _, stats := range m.stats {
		s := stats()
		for i := range s.Steps {
			for _, x := range s.Steps[i].Measures {
				ch <- measured(s.Pipeline, s.Steps[i].Name, x)
			}
		}
	}
}

func measured(name, step string, x pipeline.Measure) prometheus.Metric {
	labels, values := []string{"pipeline", "step"}, []string{name, step}
	for _, l := range x.Labels {
		labels, values = append(labels, l.Name), append(values, strings.ToValidUTF8(l.Value, "\uFFFD"))
	}
	kind := prometheus.GaugeValue
	if strings.HasSuffix(x.Name, "_total") {
		kind = prometheus.CounterValue
	}
	d := prometheus.NewDesc("cdcpipe_"+x.Name, x.Help, labels, nil)
	metric, err := prometheus.NewConstMetric(d, kind, x.Value, values...)
	if err != nil {
		return prometheus.NewInvalidMetric(d, err)
	}
	return metric
}
