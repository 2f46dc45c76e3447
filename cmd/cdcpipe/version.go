package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/urfave/cli/v2"
)

// A version says which program this is.
type version struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Modified bool   `json:"modified,omitempty"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

// release is the version of a build outside of a repository, such as that of an
// image: -ldflags "-X main.release=v1.2.3".
var release string

// thisVersion reads what the toolchain has put into the program.
func thisVersion() version {
	v := version{Version: "unknown", Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	if release != "" {
		v.Version = release
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Revision = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}

func versionCommand(c console) *cli.Command {
	return &cli.Command{
		Name: "version", Usage: "print the version",
		Flags: []cli.Flag{output()},
		Action: func(ctx *cli.Context) error {
			v := thisVersion()
			if ctx.String("output") == "json" {
				return c.json(v)
			}
			fmt.Fprintf(c.out, "cdcpipe %s %s %s\n", v.Version, v.Go, v.Platform)
			return nil
		},
	}
}
