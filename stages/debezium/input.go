package debezium

import (
	"fmt"

	"cdcpipe/pipeline/fault"
)

// An input is a message being read, whatever its format: where reading stands,
// how deep it is nested, and what went wrong first.
type input struct {
	b        []byte
	i        int
	depth    int
	maxDepth int

	code fault.Code // of the first failure, "" if there is none
	what string
	at   int // its offset in b, -1 if it has none
}

func (in *input) reset(b []byte, maxDepth int) {
	*in = input{b: b, maxDepth: maxDepth}
}

// fail records a failure at the current offset, unless one is recorded, and
// returns false. What it says must hold names and positions, but no values.
func (in *input) fail(c fault.Code, format string, args ...any) bool {
	return in.failAt(in.i, c, format, args...)
}

func (in *input) failAt(at int, c fault.Code, format string, args ...any) bool {
	if in.code == "" {
		in.code, in.what, in.at = c, fmt.Sprintf(format, args...), at
	}
	return false
}

// enter goes one level deeper.
func (in *input) enter() bool {
	if in.depth++; in.depth > in.maxDepth {
		return in.fail(fault.TooDeep, "nested more than %d levels deep", in.maxDepth)
	}
	return true
}

func (in *input) leave() { in.depth-- }
