package plugin

import (
	"errors"
	"math"
	"strconv"
	"strings"
)

// A Size is a number of bytes. As text it is a number with a unit, 64MiB or 1.5GB,
// or of bytes without one.
type Size int64

var units = []struct {
	name  string
	bytes float64
}{
	{"TiB", 1 << 40}, {"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10},
	{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3},
	{"B", 1}, {"", 1},
}

var errSize = errors.New("not a size; write a number of bytes, or one with a unit such as 64MiB")

// UnmarshalText reads a size.
func (s *Size) UnmarshalText(text []byte) error {
	for _, u := range units {
		number, ok := strings.CutSuffix(string(text), u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimRight(number, " "), 64)
		switch n *= u.bytes; {
		case err != nil || math.IsNaN(n) || n != math.Trunc(n):
			return errSize
		case math.Abs(n) >= 1<<53:
			return errors.New("out of range")
		}
		*s = Size(n)
		return nil
	}
	return errSize
}

// MarshalText writes s in the largest unit of which it is a multiple.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// String returns s as text.
func (s Size) String() string {
	for _, u := range units[:4] {
		if unit := Size(u.bytes); s != 0 && s%unit == 0 {
			return strconv.FormatInt(int64(s/unit), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(s), 10)
}
