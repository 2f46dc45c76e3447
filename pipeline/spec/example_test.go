package spec_test

import (
	"context"
	"fmt"
	"strings"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
)

// Shout is the configuration of a program's own stage.
type Shout struct {
	Mark string `yaml:"mark" jsonschema:"description=What is added"`
}

func newShouter(_ plugin.Env, c Shout) (pipeline.Stage[string, string], error) {
	return pipeline.Map(func(s string) (string, error) { return strings.ToUpper(s) + c.Mark, nil }), nil
}

// A program registers a stage of its own beside other parts, and files use it by name.
func Example() {
	var words pipelinetest.Log[string]
	words.Append("words/0", 0, "hello")

	r := new(plugin.Registry)
	plugin.Source(r, "words", "reads words", struct{}{}, func(plugin.Env, struct{}) (pipeline.Source[string], error) {
		return words.Reader(10, false), nil
	})
	plugin.Stage(r, "shout", "raises the voice", Shout{Mark: "!"}, newShouter)
	plugin.Sink(r, "print", "prints", struct{}{}, func(plugin.Env, struct{}) (pipeline.Sink[string], error) {
		return pipeline.SinkFunc[string](func(_ context.Context, recs []pipeline.Record[string]) error {
			for _, r := range recs {
				fmt.Println(r.Value)
			}
			return nil
		}), nil
	})

	ctx := context.Background()
	s, err := spec.Parse(ctx, "voice.yaml", []byte(`
version: 1
name: voice
source: words
stages:
  - {use: shout, workers: 2, with: {mark: "!!"}}
sink: print
outlets: {dead_letter: discard}
`), r, spec.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	b, err := s.Build(plugin.Env{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := b.Pipeline.Run(ctx); err != nil {
		fmt.Println(err)
	}
	// Output: HELLO!!
}

// What is wrong is said all at once, in the order of the file.
func ExampleProblems() {
	r := new(plugin.Registry)
	plugin.Source(r, "words", "reads words", struct{}{}, func(plugin.Env, struct{}) (pipeline.Source[string], error) {
		return new(pipelinetest.Log[string]).Reader(10, false), nil
	})
	plugin.Stage(r, "shout", "raises the voice", Shout{Mark: "!"}, newShouter)
	plugin.Sink(r, "print", "prints", struct{}{}, func(plugin.Env, struct{}) (pipeline.Sink[string], error) {
		return new(pipelinetest.Collector[string]), nil
	})
	_, err := spec.Parse(context.Background(), "voice.yaml", []byte(`version: 1
name: voice
source: word
stages:
- use: shout
  worker: 2
  with: {mark: 5}
`), r, spec.Options{})
	for _, p := range spec.Problems(err) {
		fmt.Println(p)
	}
	// Output:
	// CDC-6004 voice.yaml:1:1: sink: is required; use one of print
	// CDC-6008 voice.yaml:3:9: source.use: there is no source "word"; did you mean "words"?
	// CDC-6002 voice.yaml:6:3: stages[0]: unknown key "worker"; did you mean "workers"?
	// CDC-6003 voice.yaml:7:16: stages[0].with.mark: expected a text, found the number 5; quote it
}
