package debezium

import (
	"encoding/binary"
	"math/bits"

	"cdcpipe/pipeline/fault"
)

// A scanner reads JSON (RFC 8259) from an [input] that is known to be UTF-8.
// Every method that reads something starts at its first byte, or at white space
// before it where it says so, and leaves the input behind its last.
type scanner struct{ input }

// space passes over white space.
func (s *scanner) space() {
	for s.i < len(s.b) && s.b[s.i] <= ' ' && (s.b[s.i] == ' ' || s.b[s.i] == '\n' || s.b[s.i] == '\t' || s.b[s.i] == '\r') {
		s.i++
	}
}

// peek returns the next byte after white space, or 0 at the end.
func (s *scanner) peek() byte {
	if s.i < len(s.b) && s.b[s.i] > ' ' {
		return s.b[s.i]
	}
	s.space()
	if s.i < len(s.b) {
		return s.b[s.i]
	}
	return 0
}

// lit passes over text if it comes next.
func (s *scanner) lit(text string) bool {
	if len(s.b)-s.i >= len(text) && string(s.b[s.i:s.i+len(text)]) == text {
		s.i += len(text)
		return true
	}
	return false
}

// expected fails for want of something. What stands there instead is named by its kind.
func (s *scanner) expected(what string) bool {
	if s.i >= len(s.b) {
		return s.fail(fault.MalformedJSON, "expected %s, but the message ends", what)
	}
	return s.fail(fault.MalformedJSON, "expected %s", what)
}

// str reads a string and returns what stands between its quotes, and whether
// that has escapes.
func (s *scanner) str() (raw []byte, escaped, ok bool) {
	if s.i >= len(s.b) || s.b[s.i] != '"' {
		return nil, false, s.expected("a string")
	}
	s.i++
	from := s.i
	for {
		if s.toSpecial(); s.i >= len(s.b) {
			return nil, false, s.expected("the end of a string")
		}
		switch c := s.b[s.i]; {
		case c == '"':
			s.i++
			return s.b[from : s.i-1 : s.i-1], escaped, true
		case c == '\\':
			escaped = true
			if !s.escape() {
				return nil, false, false
			}
		default:
			return nil, false, s.fail(fault.MalformedJSON, "control character in a string")
		}
	}
}

// toSpecial advances to the next quote, backslash or control character, eight
// bytes at a time: in the lowest byte whose high bit the expressions set, their
// subtraction has borrowed from no neighbour, so it is exact.
func (s *scanner) toSpecial() {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	i, b := s.i, s.b
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		quote, slash := x^ones*'"', x^ones*'\\'
		if hit := ((x-ones*0x20)&^x | (quote-ones)&^quote | (slash-ones)&^slash) & highs; hit != 0 {
			s.i = i + bits.TrailingZeros64(hit)>>3
			return
		}
	}
	for i < len(b) && b[i] >= 0x20 && b[i] != '"' && b[i] != '\\' {
		i++
	}
	s.i = i
}

// escape passes over an escape sequence.
func (s *scanner) escape() bool {
	s.i++
	if s.i >= len(s.b) {
		return s.expected("an escape sequence")
	}
	switch s.b[s.i] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.i++
		return true
	case 'u':
		if n := s.i + 5; n <= len(s.b) && hexDigit(s.b[n-4])|hexDigit(s.b[n-3])|hexDigit(s.b[n-2])|hexDigit(s.b[n-1]) < 16 {
			s.i = n
			return true
		}
	}
	return s.expected("an escape sequence")
}

func hexDigit(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// number reads a number and returns its text, and whether it is an integer in
// writing: without a fraction and an exponent.
func (s *scanner) number() (raw []byte, integer, ok bool) {
	from := s.i
	if s.i < len(s.b) && s.b[s.i] == '-' {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '0' {
		s.i++
	} else if !s.digits() {
		return nil, false, false
	}
	integer = true
	if s.i < len(s.b) && s.b[s.i] == '.' {
		integer = false
		if s.i++; !s.digits() {
			return nil, false, false
		}
	}
	if s.i < len(s.b) && s.b[s.i]|0x20 == 'e' {
		integer = false
		if s.i++; s.i < len(s.b) && (s.b[s.i] == '+' || s.b[s.i] == '-') {
			s.i++
		}
		if !s.digits() {
			return nil, false, false
		}
	}
	return s.b[from:s.i:s.i], integer, true
}

func (s *scanner) digits() bool {
	from := s.i
	for s.i < len(s.b) && s.b[s.i]-'0' <= 9 {
		s.i++
	}
	return s.i > from || s.expected("a digit")
}

// member goes to the value of the next member of an object, and more is false
// behind the object's last. first must be true for the first, and the input
// stand behind the opening brace then, behind a value otherwise. White space may come first.
func (s *scanner) member(first bool) (key []byte, escaped, more, ok bool) {
	c := s.peek()
	if c == '}' {
		s.i++
		return nil, false, false, true
	}
	if !first {
		if c != ',' {
			return nil, false, false, s.expected("a comma or a closing brace")
		}
		s.i++
		s.space()
	}
	if key, escaped, ok = s.str(); !ok {
		return nil, false, false, false
	}
	if s.peek() != ':' {
		return nil, false, false, s.expected("a colon")
	}
	s.i++
	s.space()
	return key, escaped, true, true
}

// element is member for arrays.
func (s *scanner) element(first bool) (more, ok bool) {
	c := s.peek()
	if c == ']' {
		s.i++
		return false, true
	}
	if !first {
		if c != ',' {
			return false, s.expected("a comma or a closing bracket")
		}
		s.i++
		if s.peek() == ']' {
			return false, s.expected("a value")
		}
	}
	return true, true
}

// skip passes over any value. White space may come first.
func (s *scanner) skip() bool {
	switch c := s.peek(); c {
	case '"':
		_, _, ok := s.str()
		return ok
	case '{':
		s.i++
		ok := s.enter()
		for first := true; ok; first = false {
			var more bool
			if _, _, more, ok = s.member(first); !more {
				break
			}
			ok = s.skip()
		}
		s.leave()
		return ok
	case '[':
		s.i++
		ok := s.enter()
		for first := true; ok; first = false {
			var more bool
			if more, ok = s.element(first); !more {
				break
			}
			ok = s.skip()
		}
		s.leave()
		return ok
	case 't', 'f', 'n':
		return s.lit("true") || s.lit("false") || s.lit("null") || s.expected("a value")
	default:
		if c != '-' && (c < '0' || c > '9') {
			return s.expected("a value")
		}
		_, _, ok := s.number()
		return ok
	}
}

// end makes sure that nothing but white space is left.
func (s *scanner) end() bool {
	if s.peek(); s.i < len(s.b) {
		return s.fail(fault.MalformedJSON, "more after the end of the document")
	}
	return true
}
