package spec_test

import (
	"reflect"
	"testing"
	"time"
)

// TestYAML reads values in all the ways in which YAML can write them.
func TestYAML(t *testing.T) {
	t.Parallel()
	s := mustParse(t, new(world), `%YAML 1.2
---
version: 1
"name": 'shop'
x-topic: &topic {use: kafka, with: {topic: a}}
x-more: &more
  with: &options
    topic: b
x-text: &text over
source: {use: kafka, with: {topics: [*text, !!str 1, 'it''s', "a\tb"], batch: 0x1_0}}
stages:
- decode
- use: validate
  with:
    max: +1_000
    ratio: 1e-3
    small: 010
    strict: True
    names:
      1: one
      true: "yes"
      k: |
        two
        lines
      f: >-
        folded
        line
    rules: # a comment
    - {name: a, age: 1h30m}
    -
      name: b
    other: {n: 1, f: 2.5, s: x, b: false, z: ~, l: [{a: b}]}
    since: 2026-01-31T12:00:00Z
- {use: batch}
sink: {use: postgres, with: {dsn: x}, lanes: }
outlets:
  dead_letter: *topic
  invalid: {<<: [*more, *topic], use: kafka}
  stale: {<<: *topic, with: {<<: *options, topic: c}}
...
`)
	c := s.Config
	if got, want := c.Source.With.(*logConfig), (&logConfig{Topics: []string{"over", "1", "it's", "a\tb"}, Batch: 16, Buffer: 1 << 20}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	want := &checkConfig{
		Max: 1000, Ratio: 1e-3, Small: 10, Strict: true,
		Names: map[string]string{"1": "one", "true": "yes", "k": "two\nlines\n", "f": "folded line"},
		Rules: []rule{{"a", 90 * time.Minute}, {"b", 0}},
		Other: map[string]any{"n": int64(1), "f": 2.5, "s": "x", "b": false, "z": nil, "l": []any{map[string]any{"a": "b"}}},
		Since: time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC),
	}
	if got := c.Stages[1].With.(*checkConfig); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	for outlet, topic := range map[string]string{"dead_letter": "a", "invalid": "b", "stale": "c"} {
		if got := c.Outlets[outlet].With.(*topicConfig).Topic; got != topic {
			t.Errorf("%s: got topic %q, want %q", outlet, got, topic)
		}
	}
}
