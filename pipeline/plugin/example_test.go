package plugin_test

import (
	"context"
	"errors"
	"fmt"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/pipelinetest"
	"cdcpipe/pipeline/plugin"
)

// Greeting is the configuration of the greet stage.
type Greeting struct {
	Text string `yaml:"text" jsonschema:"description=What is said"`
}

// Validate reports what is wrong with g.
func (g Greeting) Validate() error {
	if g.Text == "" {
		return errors.New("text: is required")
	}
	return nil
}

func newGreeter(_ plugin.Env, g Greeting) (pipeline.Stage[string, string], error) {
	return pipeline.Map(func(name string) (string, error) { return g.Text + " " + name, nil }), nil
}

// A stage is registered under a name, and built and wired by it. A file does the
// same; see package spec.
func Example() {
	r := new(plugin.Registry)
	plugin.Stage(r, "greet", "greets by name", Greeting{Text: "hello"}, newGreeter)

	part, _ := r.Part(pipeline.StageKind, "greet")
	fmt.Printf("%s: %s, from %v to %v\n", part.Name, part.Doc, part.In, part.Out)

	cfg := part.Config().(*Greeting)
	cfg.Text = "good morning"
	greet, err := part.Build(plugin.Env{Pipeline: "greetings"}, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}

	var names pipelinetest.Log[string]
	names.Append("names/0", 0, "world")
	p := pipeline.New("greetings", pipeline.Config{})
	flow, err := greet.Wire(p, pipeline.From(p, "names", names.Reader(10, false)), "greet", pipeline.Workers(2))
	if err != nil {
		fmt.Println(err)
		return
	}
	pipeline.To(flow.(*pipeline.Flow[string]), "print", pipeline.SinkFunc[string](
		func(_ context.Context, recs []pipeline.Record[string]) error {
			for _, r := range recs {
				fmt.Println(r.Value)
			}
			return nil
		}))
	pipeline.Bind(p, pipeline.DeadLetter, pipeline.Discard)
	if err := p.Run(context.Background()); err != nil {
		fmt.Println(err)
	}
	// Output:
	// greet: greets by name, from string to string
	// good morning world
}
