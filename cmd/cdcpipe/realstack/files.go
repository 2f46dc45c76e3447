package realstack

import (
	"bytes"
	"embed"
	"os"
	"path/filepath"
	"text/template"

	"cdcpipe/pipeline/fault"
)

// files are templates of what the servers and Maven read.
//
//go:embed files
var files embed.FS

// render writes the file made of a template, and the directories above it.
func render(name, path string, data any) error {
	t, err := template.New(name).Option("missingkey=error").ParseFS(files, "files/"+name)
	if err != nil {
		return fault.New(fault.BrokenInvariant, "%w", err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return fault.New(fault.BrokenInvariant, "%w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	return nil
}
