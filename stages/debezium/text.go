package debezium

import (
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"
)

// appendUnescaped appends the text of a JSON string whose escapes a [scanner]
// has checked. It reports false if the text holds half of a surrogate pair,
// which is no text.
func appendUnescaped(b, raw []byte) ([]byte, bool) {
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			from := i
			for i < len(raw) && raw[i] != '\\' {
				i++
			}
			b = append(b, raw[from:i]...)
			continue
		}
		c := raw[i+1]
		i += 2
		switch c {
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		case 'u':
			r := hex4(raw[i:])
			i += 4
			if utf16.IsSurrogate(r) {
				if len(raw)-i < 6 || raw[i] != '\\' || raw[i+1] != 'u' {
					return b, false
				}
				if r = utf16.DecodeRune(r, hex4(raw[i+2:])); r == utf8.RuneError {
					return b, false
				}
				i += 6
			}
			b = utf8.AppendRune(b, r)
			continue
		}
		b = append(b, c)
	}
	return b, true
}

func hex4(s []byte) rune {
	return rune(hexDigit(s[0]))<<12 | rune(hexDigit(s[1]))<<8 | rune(hexDigit(s[2]))<<4 | rune(hexDigit(s[3]))
}

// ascii reports whether s is ASCII.
func ascii(s []byte) bool {
	for len(s) >= 8 {
		if binary.LittleEndian.Uint64(s)&0x8080808080808080 != 0 {
			return false
		}
		s = s[8:]
	}
	for _, c := range s {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
