package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"cdcpipe/cmd/cdcpipe/vault"
	"cdcpipe/configs"
	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/spec"
)

// fileFlag names the pipeline's file.
func fileFlag() *cli.PathFlag {
	return &cli.PathFlag{Name: "file", Aliases: []string{"f"}, Usage: "the pipeline's `FILE`"}
}

// setFlag lays options over the file's.
func setFlag() *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: "set", Usage: "give an option as `PATH=VALUE`, such as limits.in_flight=1000; may be repeated"}
}

// load reads the file that the flags name.
func load(ctx *cli.Context, unresolved bool) (*spec.Spec, error) {
	if ctx.Path("file") == "" {
		return nil, usage("%s: -f is missing, which names the pipeline's file", ctx.Command.FullName())
	}
	set := map[string]string{}
	for _, s := range ctx.StringSlice("set") {
		path, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usage("set: %q is not of the form path=value", s)
		}
		set[path] = value
	}
	return spec.Load(ctx.Context, ctx.Path("file"), parts(), spec.Options{Set: set, Resolvers: resolvers(), Unresolved: unresolved})
}

func resolvers() map[string]spec.Resolver {
	return map[string]spec.Resolver{"vault": new(vault.Resolver)}
}

func configCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "config", Usage: "write, check and show pipeline files",
		Subcommands: []*cli.Command{
			{
				Name: "init", Usage: "write a pipeline file to begin from",
				Flags: []cli.Flag{
					&cli.PathFlag{Name: "file", Aliases: []string{"f"}, Usage: "write `FILE`, which must not exist, and tables.cql beside it; by default the first goes to standard output"},
				},
				Action: func(ctx *cli.Context) error { return configInit(c, ctx.Path("file")) },
			},
			{
				Name: "lint", Usage: "check a pipeline file, without opening anything",
				Flags: []cli.Flag{fileFlag(), setFlag(), output(),
					&cli.BoolFlag{Name: "unresolved", Usage: "leave references to variables, files and secrets as they are"},
				},
				Action: func(ctx *cli.Context) error { return configLint(c, ctx) },
			},
			{
				Name: "schema", Usage: "print the JSON Schema of pipeline files, for editors",
				Action: func(*cli.Context) error {
					b, err := spec.JSONSchema(parts())
					if err != nil {
						return fmt.Errorf("make the schema: %w", err)
					}
					_, err = fmt.Fprintf(c.out, "%s\n", b)
					return err
				},
			},
			{
				Name: "show", Usage: "print the configuration in force, without secrets",
				Flags: []cli.Flag{fileFlag(), setFlag(),
					&cli.BoolFlag{Name: "defaults", Usage: "also what neither the file nor the environment says"},
				},
				Action: func(ctx *cli.Context) error {
					s, err := load(ctx, true)
					if err != nil {
						return err
					}
					b, err := s.Show(ctx.Bool("defaults"))
					if err != nil {
						return err
					}
					_, err = c.out.Write(b)
					return err
				},
			},
		},
	}
}

// configInit writes a pipeline's file, and beside it the table definitions that it
// names unless there are some.
func configInit(c console, path string) error {
	if path == "" {
		text, err := configs.FS.ReadFile("pipeline.yaml")
		if err == nil {
			_, err = c.out.Write(text)
		}
		return err
	}
	tables := filepath.Join(filepath.Dir(path), "tables.cql")
	if err := writeConfig(path, "pipeline.yaml"); err != nil {
		return err
	}
	switch err := writeConfig(tables, "tables.cql"); {
	case errors.Is(err, fs.ErrExist):
		fmt.Fprintf(c.err, "wrote %s; left %s as it was\n", path, tables)
	case err != nil:
		return err
	default:
		fmt.Fprintf(c.err, "wrote %s and %s; put your tables into the latter\n", path, tables)
	}
	fmt.Fprintf(c.err, "next: cdcpipe config lint -f %s\n", path)
	return nil
}

// writeConfig writes one of the files that come with the program to path, where
// there must be none.
func writeConfig(path, name string) error {
	text, err := configs.FS.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return fault.New(fault.ConfigFile, "write %s: %w", path, err)
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return fault.New(fault.ConfigFile, "write %s: %w", path, err)
	}
	return nil
}

// A finding is a line of lint's output.
type finding struct {
	Severity string     `json:"severity"`
	Code     fault.Code `json:"code"`
	Position string     `json:"position"`
	Path     string     `json:"path,omitempty"`
	Message  string     `json:"message"`
	Fix      string     `json:"fix,omitempty"`
}

func configLint(c console, ctx *cli.Context) error {
	s, err := load(ctx, ctx.Bool("unresolved"))
	problems := spec.Problems(err)
	if err != nil && len(problems) == 0 {
		return err
	}
	found := []finding{}
	for _, p := range problems {
		f := finding{Severity: "error", Code: p.Code, Message: p.Err.Error(), Fix: p.Fix()}
		if at, ok := errors.AsType[*spec.Problem](p); ok {
			f.Position, f.Path, f.Message, f.Fix = at.At.String(), at.Path, at.What, at.Fix
		}
		found = append(found, f)
	}
	if err == nil {
		for _, w := range s.Lint() {
			found = append(found, finding{"warning", w.Code, w.At.String(), w.Path, w.What, w.Fix})
		}
		if _, catErr := s.Catalog(nil); catErr != nil { // of the CQL files
			found = append(found, finding{Severity: "error", Code: fault.CodeOf(catErr), Position: ctx.Path("file"), Message: catErr.Error(), Fix: fault.Describe(fault.CodeOf(catErr)).Fix})
			err = catErr
		}
	}
	if ctx.String("output") == "json" {
		if jsonErr := c.json(found); jsonErr != nil {
			return jsonErr
		}
		return silent(err)
	}
	for _, f := range found {
		if f.Severity == "warning" {
			fmt.Fprintf(c.out, "%s: warning: %s\n    what to do: %s\n", f.Position, f.Message, f.Fix)
		}
	}
	if err == nil {
		fmt.Fprintf(c.err, "%s: ok, %s\n", ctx.Path("file"), plural(int64(len(found)), "warning"))
	}
	return err
}

// silent is an error that was printed already; only its exit code counts.
func silent(err error) error {
	if err == nil {
		return nil
	}
	return printed{err}
}

type printed struct{ error }

func (p printed) Unwrap() error { return p.error }
