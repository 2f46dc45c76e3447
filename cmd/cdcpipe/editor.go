package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"

	"cdcpipe/pipeline/fault"
)

// edit opens text in the user's editor, VISUAL or EDITOR or else vi, and returns what
// was saved. The variable may hold arguments: code --wait. A file that is empty after
// that is an error, as is an editor that fails: nothing is done then.
func edit(ctx context.Context, text []byte, suffix string) ([]byte, error) {
	f, err := os.CreateTemp("", "cdcpipe-letter-*"+suffix)
	if err != nil {
		return nil, fault.Wrap(fault.EditorFailed, err)
	}
	defer func() { _ = os.Remove(f.Name()) }() // it is the user's own, in a directory that is cleaned
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, fault.Wrap(fault.EditorFailed, err)
	}
	program := "vi"
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if v := os.Getenv(name); v != "" {
			program = v
			break
		}
	}
	cmd := exec.CommandContext(ctx, "sh", "-c", program+` "$1"`, program, f.Name())
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stderr, os.Stderr // standard output is for data
	if err := cmd.Run(); err != nil {
		return nil, fault.New(fault.EditorFailed, "nothing was sent, since %s says: %w", program, err)
	}
	edited, err := os.ReadFile(f.Name())
	if err != nil {
		return nil, fault.Wrap(fault.EditorFailed, err)
	}
	if len(bytes.TrimSpace(edited)) == 0 {
		return nil, fault.New(fault.EditorFailed, "the file was saved empty, and nothing sent")
	}
	return edited, nil
}
