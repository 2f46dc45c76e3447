package cdc

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxTypeDepth bounds how deeply types nest.
const MaxTypeDepth = 32

// nanosPerDay bounds a time (db/marshal/TimeType).
const nanosPerDay = 86_400_000_000_000

// Check reports what is wrong with v as a non-null value of t, or nil. A value
// that passes can be read by every function of this package.
func (t *Type) Check(v Value) error {
	if len(v) == 0 && t.Kind != Counter {
		return nil // the empty value, which all types have but those of fixed count
	}
	if n := t.Kind.size(); n > 0 && len(v) != n {
		return fmt.Errorf("%s of %d bytes, not %d", t.Kind, len(v), n)
	}
	switch t.Kind {
	case Ascii:
		for _, c := range v {
			if c >= utf8.RuneSelf {
				return fmt.Errorf("ascii with byte %#x", c)
			}
		}
	case Text:
		if !utf8.Valid(v) {
			return errors.New("text that is not UTF-8")
		}
	case Inet:
		if len(v) != 4 && len(v) != 16 {
			return fmt.Errorf("inet of %d bytes", len(v))
		}
	case Time:
		if n, _ := v.Int(Time); n < 0 || n >= nanosPerDay {
			return fmt.Errorf("time of %d ns is outside the day", n)
		}
	case Decimal:
		if len(v) < 5 {
			return fmt.Errorf("decimal of %d bytes", len(v))
		}
	case Duration:
		if s, ok := v.Duration(); !ok || !s.valid() {
			return errors.New("malformed duration")
		}
	case List, Set, Map, Tuple, UDT, Vector:
		return t.checkElements(v)
	}
	return nil
}

func (t *Type) checkElements(v Value) error {
	if t.Kind.Collection() && len(v) < 4 {
		return fmt.Errorf("%s of %d bytes", t.Kind, len(v))
	}
	n, v := t.count(v)
	if t.Kind.Collection() && n > len(v)/4 {
		return fmt.Errorf("%s claims %d values in %d bytes", t.Kind, n, len(v))
	}
	for i := range n {
		if len(v) == 0 && (t.Kind == Tuple || t.Kind == UDT) {
			return nil
		}
		e := t.elem(i)
		x, rest, ok := t.cut(e, v)
		switch {
		case !ok:
			return fmt.Errorf("%s ends within value %d", t.Kind, i)
		case x == nil && t.Kind != Tuple && t.Kind != UDT:
			return fmt.Errorf("%s with null as value %d", t.Kind, i)
		case x != nil:
			if err := e.Check(x); err != nil {
				return fmt.Errorf("value %d of %s: %w", i, t.Kind, err)
			}
		}
		v = rest
	}
	if len(v) > 0 {
		return fmt.Errorf("%s with %d bytes too many", t.Kind, len(v))
	}
	return nil
}
