package cdc

import (
	"encoding/hex"
	"errors"
)

var errUUID = errors.New("not a UUID of the form 00000000-0000-0000-0000-000000000000")

// AppendUUIDText appends the uuid or timeuuid that s writes in its canonical
// form (RFC 9562 §4), in either case.
func AppendUUIDText(b, s []byte) ([]byte, error) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return b, errUUID
	}
	at := len(b)
	for i := 0; i < 36; i += 2 {
		if i == 8 || i == 13 || i == 18 || i == 23 {
			i++
		}
		hi, lo := unhex[s[i]], unhex[s[i+1]]
		if hi|lo > 15 {
			return b[:at], errUUID
		}
		b = append(b, hi<<4|lo)
	}
	return b, nil
}

// appendUUID appends the canonical text of a uuid or timeuuid of 16 bytes.
func appendUUID(b []byte, v Value) []byte {
	for i, cut := range [...]int{4, 6, 8, 10, 16} {
		from := [...]int{0, 4, 6, 8, 10}[i]
		if i > 0 {
			b = append(b, '-')
		}
		b = hex.AppendEncode(b, v[from:cut])
	}
	return b
}

var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c - '0'
	}
	for c := byte('a'); c <= 'f'; c++ {
		t[c], t[c-'a'+'A'] = c-'a'+10, c-'a'+10
	}
	return t
}()
