package spec_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/plugin"
	"cdcpipe/pipeline/spec"
)

func compiled(t *testing.T, r *plugin.Registry) *jsonschema.Schema {
	t.Helper()
	b, err := spec.JSONSchema(r)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("pipeline.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("pipeline.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// validate validates YAML, by way of JSON.
func validate(s *jsonschema.Schema, text []byte) error {
	b, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		return err
	}
	return s.Validate(doc)
}

func TestJSONSchema(t *testing.T) {
	t.Parallel()
	s := compiled(t, parts(new(world)))
	for name, text := range map[string]string{
		"whole": whole, "showy": showy,
		"references": strings.NewReplacer("workers: 2", `workers: "${env:N}"`, "every: 1m", `every: "${env:T}"`, "[cdc.shop.users]", `"${file:topics}"`).Replace(whole) +
			"log: {level: \"${env:LEVEL}\"}\nlimits: {in_flight: \"${env:N}\", in_flight_bytes: \"${env:N}\"}\n",
		"zero": whole + "commit: {every: 1.5s}\nlimits: {in_flight_bytes: 4096}\nbreaker: {failures: 0}\n",
	} {
		if err := validate(s, []byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, file := range []string{"testdata/show.yaml", "testdata/show-defaults.yaml"} {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(s, b); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestJSONSchemaRefuses: what a file is refused for, an editor shows too.
func TestJSONSchemaRefuses(t *testing.T) {
	t.Parallel()
	s := compiled(t, parts(new(world)))
	beyond := map[string]bool{ // what a schema cannot say
		"order.yaml": true, "fit.yaml": true, "outlets.yaml": true, "names.yaml": true, "layers.yaml": true, "documents.yaml": true, "references.yaml": true,
	}
	files, _ := filepath.Glob("testdata/errors/*.yaml")
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if validate(s, b) == nil && !beyond[filepath.Base(file)] {
			t.Errorf("%s: accepted", file)
		}
	}
	for _, old := range []struct{ from, to string }{
		{"version: 1", "version: 2"}, {"name: shop", "name: My Shop"}, {"name: shop", ""}, {"use: kafka", "use: kafak"}, {"topics:", "topcis:"},
		{"[cdc.shop.users]", "cdc.shop.users"}, {"[cdc.shop.users]", "[1]"}, {"workers: 2", "workers: 0"}, {"workers: 2", "wokers: 2"},
		{"- decode", "- kafka"}, {"max: 70", "max: seventy"}, {"every: 1m", "every: 1 minute"}, {"every: 1m", "every: 60"}, {"use: batch,", "use: batch, workers: 1,"},
		{"lanes: 1,", "workers: 1,"}, {", with: {dsn: \"${env:DSN}\"}", ""}, {"dsn: \"${env:DSN}\"", ""}, {"stale: discard", "stale: kafka"}, {"stale: discard", "Stale: discard"},
	} {
		if text := strings.Replace(whole, old.from, old.to, 1); text == whole || validate(s, []byte(text)) == nil {
			t.Errorf("%s instead of %s: accepted", old.to, old.from)
		}
	}
}

// TestJSONSchemaDocuments looks for options without a description, and for defaults.
func TestJSONSchemaDocuments(t *testing.T) {
	t.Parallel()
	b, err := spec.JSONSchema(parts(new(world)))
	if err != nil {
		t.Fatal(err)
	}
	var root map[string]any
	if err := json.Unmarshal(b, &root); err != nil {
		t.Fatal(err)
	}
	defs := root["$defs"].(map[string]any)
	objects := map[string]any{"": root}
	maps.Copy(objects, defs)
	for name, o := range objects {
		properties, _ := o.(map[string]any)["properties"].(map[string]any)
		for key, p := range properties {
			if p.(map[string]any)["description"] == nil {
				t.Errorf("%s.%s has no description", name, key)
			}
		}
	}
	for path, want := range map[string]any{
		"source.kafka/batch": 10.0, "source.kafka/buffer": "1MiB", "stage.batch/every": "1s", "stage.validate/strict": false,
		"cdcpipe.pipeline.spec.Limits/drain_timeout": "30s", "cdcpipe.pipeline.spec.Limits/in_flight_bytes": "64MiB", "cdcpipe.pipeline.spec.Log/level": "info",
	} {
		def, key, _ := strings.Cut(path, "/")
		if got := defs[def].(map[string]any)["properties"].(map[string]any)[key].(map[string]any)["default"]; got != want {
			t.Errorf("the default of %s is %v, want %v", path, got, want)
		}
	}
}

type tree struct {
	Name     string  `yaml:"name" jsonschema:"description=Name"`
	Children []*tree `yaml:"children" jsonschema:"description=Children"`
}

func TestRecursiveOptions(t *testing.T) {
	t.Parallel()
	r := parts(new(world))
	plugin.Judge(r, "forest", "has a recursive configuration", tree{Name: "root"}, func(plugin.Env, tree) (pipeline.Judge, error) {
		return pipeline.JudgeFunc(func(*pipeline.Header) error { return nil }), nil
	})
	s := compiled(t, r)
	const stage = "\n  - {use: forest, with: {children: [{name: a, children: [{name: b}]}]}}"
	if err := validate(s, []byte(strings.Replace(whole, "\n  - decode", stage+"\n  - decode", 1))); err != nil {
		t.Error(err)
	}
	if validate(s, []byte(strings.Replace(whole, "\n  - decode", strings.Replace(stage, "name: b", "nmae: b", 1)+"\n  - decode", 1))) == nil {
		t.Error("a key that nobody knows was accepted")
	}
}
