package debezium

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"cdcpipe/pipeline/fault"
)

// valid reports whether the scanner takes b for one JSON document.
func valid(b []byte, depth int) (bool, fault.Code) {
	var s scanner
	s.reset(b, depth)
	return s.skip() && s.end(), s.code
}

func TestScanner(t *testing.T) {
	t.Parallel()
	for _, doc := range []string{
		`{}`, `[]`, `0`, `-0`, `1.5e+10`, `"a"`, `true`, `false`, `null`, " [ 1 , {\"a\" : \"\\u00e9\\n\"} ]\r\n\t", `"12345678\"9"`, `"\\"`, `1E5`, "\"\x7f\"", `{"":{"":[[]]}}`, `"123456789"`,
		``, ` `, `{`, `}`, `[`, `]`, `"`, `"\"`, `"\x"`, `"\a"`, `"\'"`, `"\u12"`, `"\u123g"`, `01`, `-`, `1.`, `.5`, `1e`, `1e+`, `+1`, `tru`, `nul`, `True`, `[1,]`, `[,1]`, `[1 2]`, `{"a"}`, `{"a":}`, `{"a":1,}`,
		`{,}`, `{"a":1 "b":2}`, `{a:1}`, `{1:1}`, `1 2`, `{}{}`, "\"\x00\"", "\"1234567\n\"", "\"\x1f\"", "\x00", "[1]\x00", `'a'`, `NaN`, `/**/1`, `"\/\b\f\n\r\t"`, `[[[]]`, `[}`, `{]`, `"123456\`, `"123456\u00`, `"\u0000"`,
	} {
		if got, _ := valid([]byte(doc), 64); got != json.Valid([]byte(doc)) {
			t.Errorf("%q: got %t, want %t", doc, got, !got)
		}
	}
	deep := strings.Repeat("[", 10) + strings.Repeat("]", 10)
	if ok, _ := valid([]byte(deep), 10); !ok {
		t.Error("a document of the greatest depth was refused")
	}
	if _, code := valid([]byte(deep), 9); code != fault.TooDeep {
		t.Errorf("got %s, want %s", code, fault.TooDeep)
	}
	if _, code := valid([]byte(strings.Repeat(`{"a":`, 1<<20)), 64); code != fault.TooDeep {
		t.Errorf("got %s, want %s", code, fault.TooDeep)
	}
}

func TestUnescaped(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		`a`: "a", `\"\\\/\b\f\n\r\t`: "\"\\/\b\f\n\r\t", `\u00e9\u20AC`: "é€", `\ud83d\ude00!`: "😀!", `\u0000`: "\x00", `x\u0041`: "xA", `\ufffd`: "\ufffd",
	} {
		if got, ok := appendUnescaped(nil, []byte(raw)); !ok || string(got) != want {
			t.Errorf("%s: got %q, %t, want %q", raw, got, ok, want)
		}
	}
	for _, raw := range []string{`\ud83d`, `\ude00`, `\ud83d\u0041`, `\ud83dx`, `\ud83d\n`, `\ude00\ud83d`} {
		if got, ok := appendUnescaped(nil, []byte(raw)); ok {
			t.Errorf("%s: got %q", raw, got)
		}
	}
}

// FuzzScanner compares the scanner with encoding/json.
func FuzzScanner(f *testing.F) {
	for _, doc := range []string{`{"a":[1,2.5e-3,"x\n\u00e9",true,null]}`, `"12345678\"`, `[1,]`, `{"a":1,}`, `-0.0`, " \t1\n", "\"\x01\"", `[[[[]]]]`} {
		f.Add([]byte(doc))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		got, code := valid(doc, 64)
		if code == fault.TooDeep || !utf8.Valid(doc) {
			return
		}
		if want := json.Valid(doc); got != want {
			t.Fatalf("%q: got %t, want %t", doc, got, want)
		}
		var s scanner
		s.reset(doc, 64)
		if s.peek() != '"' {
			return
		}
		raw, _, ok := s.str()
		if !ok || s.peek() != 0 || s.i < len(doc) {
			return
		}
		text, ok := appendUnescaped(nil, raw)
		var want string
		if err := json.Unmarshal(doc, &want); err != nil {
			t.Fatal(err)
		}
		if ok && string(text) != want {
			t.Fatalf("%s: got %q, want %q", raw, text, want)
		}
	})
}
