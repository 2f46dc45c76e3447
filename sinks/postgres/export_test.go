package postgres

import (
	"fmt"
	"strings"
)

// StateTable returns what the sink does about each SQLSTATE, as a table.
func StateTable() string {
	var b strings.Builder
	b.WriteString("| SQLSTATE | PostgreSQL says | cdcpipe | code |\n|---|---|---|---|\n")
	for _, c := range stateClasses {
		state := "any other"
		if c.prefix != "" {
			state = "`" + c.prefix + strings.Repeat(".", 5-len(c.prefix)) + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", state, c.name, [...]string{aboutWorld: "retry", aboutRecord: "bisect", aboutSchema: "look"}[c.about], c.code)
	}
	return b.String()
}
