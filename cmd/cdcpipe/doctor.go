package main

import (
	"github.com/urfave/cli/v2"
)

func doctorCommand(c console) *cli.Command {
	return &cli.Command{Name: "doctor", Usage: "check everything that a pipeline needs"}
}
