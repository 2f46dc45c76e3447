package cdcpipe_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/prometheus/client_golang/prometheus"

	"cdcpipe/cmd/cdcpipe/canary"
	"cdcpipe/obs"
	"cdcpipe/stages"
)

// exported returns the labels of each metric that workers export.
func exported(t *testing.T) map[string][]string {
	t.Helper()
	ch := make(chan *prometheus.Desc)
	go func() {
		obs.NewCollector().Describe(ch)
		obs.NewDiverted("").Describe(ch)
		canary.New(nil, nil, canary.Config{}).Describe(ch)
		close(ch)
	}()
	// What client_golang says of a description is the only way to its name.
	form := regexp.MustCompile(`^Desc\{fqName: "(\w+)", .*constLabels: \{(?:(\w+)=.*)?\}, variableLabels: \{([\w,]*)\}\}$`)
	metrics := map[string][]string{"up": nil, "process_resident_memory_bytes": nil}
	for d := range ch {
		m := form.FindStringSubmatch(d.String())
		if m == nil {
			t.Fatalf("unknown form of %s", d)
		}
		metrics[m[1]] = strings.FieldsFunc(m[2]+","+m[3], func(r rune) bool { return r == ',' })
	}
	v, err := stages.NewValidate(stages.DefaultValidate(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := stages.NewStaleCheck(stages.DefaultStaleCheck(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range append(v.Measures(), s.Measures()...) {
		metrics["cdcpipe_"+m.Name] = []string{"pipeline", "step"}
		for _, l := range m.Labels {
			metrics["cdcpipe_"+m.Name] = append(metrics["cdcpipe_"+m.Name], l.Name)
		}
	}
	if len(metrics) < 20 {
		t.Fatalf("only %d metrics", len(metrics))
	}
	return metrics
}

// unknown returns the metrics of an expression that nobody exports, and the labels
// that they do not have.
func unknown(metrics map[string][]string, expr string) (names []string) {
	labels := []string{"job", "instance", "le"} // Prometheus's own, and a histogram's
	for _, m := range regexp.MustCompile(`\b((?:cdcpipe|process|up)\w*)\b(?:\{([^}]*)\})?`).FindAllStringSubmatch(expr, -1) {
		if m[1] == "cdcpipe" { // the job
			continue
		}
		own, ok := metrics[m[1]]
		if !ok {
			own, ok = metrics[regexp.MustCompile(`_(bucket|sum|count)$`).ReplaceAllString(m[1], "")]
		}
		if !ok {
			names = append(names, m[1])
		}
		labels = append(labels, own...)
		for _, l := range regexp.MustCompile(`(\w+)\s*[=!]~?"`).FindAllStringSubmatch(m[2], -1) {
			if !slices.Contains(append([]string{"job", "instance", "le"}, own...), l[1]) {
				names = append(names, m[1]+"{"+l[1]+"}")
			}
		}
	}
	for _, m := range regexp.MustCompile(`\bby \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		for l := range strings.SplitSeq(m[1], ",") {
			if l = strings.TrimSpace(l); !slices.Contains(labels, l) {
				names = append(names, "by "+l)
			}
		}
	}
	return names
}

// Alerts ask for what workers export.
func TestAlerts(t *testing.T) {
	t.Parallel()
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert       string            `yaml:"alert"`
				Expr        string            `yaml:"expr"`
				Labels      map[string]string `yaml:"labels"`
				Annotations map[string]string `yaml:"annotations"`
			} `yaml:"rules"`
		} `yaml:"groups"`
	}
	if err := yaml.Unmarshal([]byte(contents(t, "compose/prometheus/alerts.yml")), &rules); err != nil {
		t.Fatal(err)
	}
	metrics, tests, n := exported(t), contents(t, "compose/prometheus/alerts_test.yml"), 0
	for _, g := range rules.Groups {
		for _, r := range g.Rules {
			n++
			if names := unknown(metrics, r.Expr); names != nil || r.Expr == "" {
				t.Errorf("%s: unknown %v", r.Alert, names)
			}
			if r.Labels["severity"] == "" || r.Annotations["summary"] == "" {
				t.Errorf("%s has no severity or no summary", r.Alert)
			}
			if strings.Count(tests, "alertname: "+r.Alert) != 2 {
				t.Errorf("%s is not tested for firing and not firing", r.Alert)
			}
		}
	}
	if n == 0 {
		t.Error("no alerts")
	}
	if got := unknown(metrics, `sum by (stage) (rate(cdcpipe_none_total[5m])) / cdcpipe_paused{step="x"}`); len(got) != 3 {
		t.Errorf("of three mistakes found %v", got)
	}
}

// The dashboard shows what workers export.
func TestDashboard(t *testing.T) {
	t.Parallel()
	var d struct {
		Panels []struct {
			Title       string `json:"title"`
			Description string `json:"description"`
			Datasource  struct {
				UID string `json:"uid"`
			} `json:"datasource"`
			Targets []struct {
				Expr string `json:"expr"`
			} `json:"targets"`
		} `json:"panels"`
		Templating struct {
			List []struct {
				Query struct {
					Query string `json:"query"`
				} `json:"query"`
			} `json:"list"`
		} `json:"templating"`
	}
	if err := json.Unmarshal([]byte(contents(t, "grafana/overview.json")), &d); err != nil {
		t.Fatal(err)
	}
	metrics := exported(t)
	if len(d.Panels) < 10 || len(d.Templating.List) == 0 {
		t.Errorf("only %d panels", len(d.Panels))
	}
	for _, p := range d.Panels {
		if len(p.Targets) == 0 || p.Description == "" || !strings.Contains(contents(t, "compose/grafana/datasources.yaml"), "uid: "+p.Datasource.UID+",") {
			t.Errorf("%s: no query, description or data source", p.Title)
		}
		for _, target := range p.Targets {
			if names := unknown(metrics, target.Expr); names != nil || target.Expr == "" {
				t.Errorf("%s: unknown %v", p.Title, names)
			}
		}
	}
	for _, v := range d.Templating.List {
		if names := unknown(metrics, v.Query.Query); names != nil {
			t.Errorf("variable: unknown %v", names)
		}
	}
}
