package cdc

import (
	"fmt"
	"strings"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenIdent
	tokenQuoted // a "quoted" identifier, without its quotes
	tokenString // a 'literal', without its quotes
	tokenNumber
	tokenSymbol
)

type token struct {
	kind      tokenKind
	text      string
	line, col int
}

func (t token) String() string {
	if t.kind == tokenEnd {
		return "the end"
	}
	return fmt.Sprintf("%q", t.text)
}

// is reports whether t is the keyword or symbol s, given in upper case.
func (t token) is(s string) bool {
	return (t.kind == tokenIdent || t.kind == tokenSymbol) && strings.EqualFold(t.text, s)
}

// A lexer splits CQL into tokens.
type lexer struct {
	src       string
	at        int
	line      int
	lineStart int
}

func (l *lexer) token() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	t := token{line: l.line, col: l.at - l.lineStart + 1}
	if l.at >= len(l.src) {
		return t, nil
	}
	start := l.at
	switch c := l.src[l.at]; {
	case c == '"' || c == '\'' || strings.HasPrefix(l.src[l.at:], "$$"):
		return l.quoted(t)
	case c >= '0' && c <= '9' || c == '-' && l.at+1 < len(l.src) && l.src[l.at+1] >= '0' && l.src[l.at+1] <= '9':
		t.kind = tokenNumber
		for l.at++; l.at < len(l.src) && (isWord(l.src[l.at]) || l.src[l.at] == '.'); l.at++ {
		}
	case isWord(c):
		t.kind = tokenIdent
		for l.at < len(l.src) && isWord(l.src[l.at]) {
			l.at++
		}
	default:
		t.kind = tokenSymbol
		l.at++
	}
	t.text = l.src[start:l.at]
	return t, nil
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// quoted reads a quoted identifier or literal; a doubled quote stands for one.
func (l *lexer) quoted(t token) (token, error) {
	quote := l.src[l.at : l.at+1]
	t.kind = tokenString
	switch quote {
	case `"`:
		t.kind = tokenQuoted
	case "$":
		quote = "$$"
	}
	l.at += len(quote)
	var b strings.Builder
	for {
		i := strings.Index(l.src[l.at:], quote)
		if i < 0 {
			return t, fmt.Errorf("%d:%d: %s is not closed", t.line, t.col, quote)
		}
		l.advance(i, &b)
		l.at += len(quote)
		if quote == "$$" || !strings.HasPrefix(l.src[l.at:], quote) {
			t.text = b.String()
			return t, nil
		}
		b.WriteString(quote)
		l.at += len(quote)
	}
}

// advance moves over n bytes, counting lines.
func (l *lexer) advance(n int, to *strings.Builder) {
	s := l.src[l.at : l.at+n]
	if to != nil {
		to.WriteString(s)
	}
	if i := strings.LastIndexByte(s, '\n'); i >= 0 {
		l.line += strings.Count(s, "\n")
		l.lineStart = l.at + i + 1
	}
	l.at += n
}

func (l *lexer) skipSpace() error {
	for l.at < len(l.src) {
		rest := l.src[l.at:]
		switch {
		case strings.ContainsRune(" \t\r\n\v\f", rune(rest[0])):
			l.advance(1, nil)
		case strings.HasPrefix(rest, "--") || strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.advance(n, nil)
		case strings.HasPrefix(rest, "/*"):
			n := strings.Index(rest, "*/")
			if n < 0 {
				return fmt.Errorf("%d:%d: comment is not closed", l.line, l.at-l.lineStart+1)
			}
			l.advance(n+2, nil)
		default:
			return nil
		}
	}
	return nil
}
