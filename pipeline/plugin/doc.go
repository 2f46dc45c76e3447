// Package plugin lets pipelines be wired from files out of parts that are
// registered by name.
//
// A program that adds a part of its own to those of cdcpipe registers it beside
// them and is otherwise the same program:
//
//	r := new(plugin.Registry)
//	stages.Register(r)
//	plugin.Stage(r, "greet", "says hello", Greeting{Text: "hello"}, newGreeter)
//
// Types are inferred from the constructor. The registry keeps a closure in which
// they are still known, so wiring is checked when a pipeline is built, and records
// travel exactly as they do in a pipeline written in Go: typed, unboxed, through
// the same engine.
//
// # Options
//
// The options of a part are a struct with yaml tags. Its default is copied, the
// file's options are decoded over the copy, strictly, and Validate is called if the
// struct has it; see [Validator]. Fields may be strings, numbers, booleans,
// [time.Duration], [Size], [Secret], anything that is an [encoding.TextUnmarshaler], and
// structs, pointers, slices and string-keyed maps of these. A jsonschema tag
// documents a field (as github.com/invopop/jsonschema reads it); format=password in
// it marks a secret, which is never printed.
//
// # Builders
//
// A builder validates and allocates, and does nothing else: it opens nothing, starts
// nothing and registers nothing, for that is what [pipeline.Opener] is for. What it
// returns may be thrown away unopened, because a file is checked by building its
// parts once on trial.
package plugin
