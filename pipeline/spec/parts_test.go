package spec_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
)

// The parts of the tests: lines of text are decoded to numbers, checked, and kept.

type logConfig struct {
	Topics []string    `yaml:"topics" jsonschema:"required,description=Topics to read"`
	Batch  int         `yaml:"batch" jsonschema:"minimum=1,description=Records read at a time"`
	Buffer plugin.Size `yaml:"buffer" jsonschema:"description=Bytes fetched ahead"`
	SASL   *saslConfig `yaml:"sasl" jsonschema:"description=How to log in"`
}

type saslConfig struct {
	User     string `yaml:"user" jsonschema:"description=Name"`
	Password string `yaml:"password" jsonschema:"format=password,description=Password"`
}

func (c logConfig) Validate() error {
	var errs []error
	if len(c.Topics) == 0 {
		errs = append(errs, errors.New("topics: is required"))
	}
	if c.Batch < 1 {
		errs = append(errs, fmt.Errorf("batch: must be positive, found %d", c.Batch))
	}
	if c.SASL != nil && c.SASL.User == "" {
		errs = append(errs, errors.New("sasl.user: is required"))
	}
	return errors.Join(errs...)
}

type checkConfig struct {
	Max    int               `yaml:"max" jsonschema:"description=Greatest number allowed"`
	Rules  []rule            `yaml:"rules" jsonschema:"description=Rules"`
	Names  map[string]string `yaml:"names" jsonschema:"description=New names"`
	Strict bool              `yaml:"strict" jsonschema:"description=Refuse more"`
	Ratio  float64           `yaml:"ratio" jsonschema:"description=A share"`
	Other  map[string]any    `yaml:"other" jsonschema:"description=Anything"`
	Small  uint8             `yaml:"small" jsonschema:"description=A small number"`
	Since  time.Time         `yaml:"since" jsonschema:"description=A moment"`
}

type rule struct {
	Name string        `yaml:"name" jsonschema:"required,description=Name of the rule"`
	Age  time.Duration `yaml:"age" jsonschema:"description=Age"`
}

func (c checkConfig) Validate() error {
	var errs []error
	for i, r := range c.Rules {
		if r.Name == "" {
			errs = append(errs, fmt.Errorf("rules[%d].name: is required", i))
		}
	}
	if c.Max < 0 {
		errs = append(errs, errors.New("a check without a bound is none"))
	}
	return errors.Join(errs...)
}

type batchConfig struct {
	Records int           `yaml:"records" jsonschema:"minimum=1,description=Records in a batch"`
	Bytes   plugin.Size   `yaml:"bytes" jsonschema:"description=Bytes in a batch"`
	Every   time.Duration `yaml:"every" jsonschema:"description=Longest wait"`
}

func (c batchConfig) Gather() (records, bytes int, linger time.Duration) {
	return c.Records, int(c.Bytes), c.Every
}

type tableConfig struct {
	DSN string `yaml:"dsn" jsonschema:"required,format=password,description=Address"`
}

func (c tableConfig) Validate() error {
	if c.DSN == "" {
		return errors.New("dsn: is required")
	}
	return nil
}

type topicConfig struct {
	Topic string `yaml:"topic" jsonschema:"required,description=Topic to write to"`
}

type none struct{}

// A world is what the parts read and write.
type world struct {
	log     pipelinetest.Log[string]
	table   pipelinetest.Collector[int]
	rejects pipelinetest.Collector[pipeline.Reject]
	offsets pipelinetest.Offsets
	dsn     string // of the table built last
}

// A table is a sink that keeps the marks of record.
type table struct {
	*pipelinetest.Collector[int]
	*pipelinetest.Offsets
}

func (*table) Outlets() []pipeline.Outlet {
	return []pipeline.Outlet{pipeline.DeadLetter, pipeline.Stale}
}

// A check diverts numbers that are too large.
type check struct{ max int }

func (c check) Process(_ context.Context, in []pipeline.Record[int], out *pipeline.Outbox[int]) error {
	for i := range in {
		if in[i].Value > c.max {
			out.Divert(i, pipeline.Invalid, errors.New("too large"))
		} else {
			out.Emit(i, in[i].Value)
		}
	}
	return nil
}

func (check) Outlets() []pipeline.Outlet { return []pipeline.Outlet{pipeline.Invalid} }

func parts(w *world) *plugin.Registry {
	r := new(plugin.Registry)
	plugin.Source(r, "kafka", "reads topics", logConfig{Batch: 10, Buffer: 1 << 20}, func(_ plugin.Env, c logConfig) (pipeline.Source[string], error) {
		return w.log.Reader(c.Batch, false), nil
	})
	plugin.Source(r, "numbers", "makes numbers", none{}, func(plugin.Env, none) (pipeline.Source[int], error) {
		return new(pipelinetest.Log[int]).Reader(1, false), nil
	})
	plugin.Stage(r, "decode", "parses numbers", none{}, func(plugin.Env, none) (pipeline.Stage[string, int], error) {
		return pipeline.Map(strconv.Atoi), nil
	})
	plugin.Stage(r, "validate", "checks numbers", checkConfig{Max: 50}, func(_ plugin.Env, c checkConfig) (pipeline.Stage[int, int], error) {
		if c.Small == 99 {
			return nil, fmt.Errorf("small: %d is unlucky", c.Small)
		}
		return check{c.Max}, nil
	})
	plugin.Stage(r, "transform", "doubles numbers", none{}, func(plugin.Env, none) (pipeline.Stage[int, int], error) {
		return pipeline.Map(func(i int) (int, error) { return 2 * i, nil }), nil
	})
	plugin.Stage(r, "own", "is of the program's own", none{}, func(plugin.Env, none) (pipeline.Stage[int, int], error) {
		return pipeline.Filter("never", func(int) bool { return true }), nil
	})
	plugin.Judge(r, "sample", "passes everything", none{}, func(plugin.Env, none) (pipeline.Judge, error) {
		return pipeline.JudgeFunc(func(*pipeline.Header) error { return nil }), nil
	})
	plugin.Gather(r, "batch", "gathers for the sink", batchConfig{Records: 20, Bytes: 1 << 20, Every: time.Second}, func(_ plugin.Env, c batchConfig) (pipeline.Gatherer, error) {
		return c, nil
	})
	plugin.Sink(r, "postgres", "writes a table", tableConfig{}, func(_ plugin.Env, c tableConfig) (pipeline.Sink[int], error) {
		if strings.HasPrefix(c.DSN, "bad") {
			return nil, fmt.Errorf("dsn: cannot read %q", c.DSN)
		}
		if _, part, ok := strings.Cut(c.DSN, "part "); ok {
			return nil, fmt.Errorf("no table %s", part)
		}
		w.dsn = c.DSN
		return &table{&w.table, &w.offsets}, nil
	})
	plugin.Sink(r, "print", "prints texts", none{}, func(plugin.Env, none) (pipeline.Sink[string], error) {
		return new(pipelinetest.Collector[string]), nil
	})
	plugin.Outlet(r, "kafka", "writes a topic", topicConfig{}, func(_ plugin.Env, c topicConfig) (pipeline.Sink[pipeline.Reject], error) {
		if c.Topic == "" {
			return nil, errors.New("topic: is required")
		}
		return &w.rejects, nil
	})
	return r
}

const whole = `version: 1
name: shop
source: {use: kafka, with: {topics: [cdc.shop.users]}}
stages:
  - decode
  - {use: validate, workers: 2, with: {max: 70}}
  - {use: batch, with: {records: 25, every: 1m}}
sink: {use: postgres, lanes: 1, with: {dsn: "${env:DSN}"}}
outlets:
  dead_letter: {use: kafka, with: {topic: dlq}}
  invalid: {use: kafka, with: {topic: invalid}}
  stale: discard
`

// parse loads text with no environment but vars.
func parse(t testing.TB, w *world, text string, vars ...string) (*spec.Spec, error) {
	t.Helper()
	return spec.Parse(t.Context(), "shop.yaml", []byte(text), parts(w), spec.Options{Environ: append([]string{}, vars...)})
}

func mustParse(t testing.TB, w *world, text string, vars ...string) *spec.Spec {
	t.Helper()
	s, err := parse(t, w, text, vars...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
