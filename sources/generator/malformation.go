package generator

import (
	"bytes"
	"slices"

	"cdcpipe/pipeline/fault"
)

// A Malformation is a way in which an event can be broken.
type Malformation uint8

// The malformations. The zero Malformation is none.
const (
	Truncated       Malformation = iota + 1 // JSON that ends early
	Garbage                                 // no JSON at all
	InvalidUTF8                             // a byte that UTF-8 has no use for
	DeepNesting                             // arrays within arrays
	Unwrapped                               // a row, without the envelope
	UnknownOp                               // an operation that there is not
	DuplicateColumn                         // a column twice
	WrongType                               // text for an int
	OutOfRange                              // an int beyond 32 bits
	MissingKey                              // no key column
	UnknownColumn                           // a column that the table lacks
	NulInText                               // U+0000, which PostgreSQL's text cannot hold
)

var malformations = [...]struct {
	name, outlet string
	code         fault.Code
}{
	Truncated:       {"truncated", "dead_letter", fault.MalformedJSON},
	Garbage:         {"garbage", "dead_letter", fault.MalformedJSON},
	InvalidUTF8:     {"invalid_utf8", "dead_letter", fault.NotUTF8},
	DeepNesting:     {"deep_nesting", "dead_letter", fault.TooDeep},
	Unwrapped:       {"unwrapped", "dead_letter", fault.NotAnEnvelope},
	UnknownOp:       {"unknown_op", "dead_letter", fault.UnknownOp},
	DuplicateColumn: {"duplicate_column", "dead_letter", fault.DuplicateField},
	WrongType:       {"wrong_type", "invalid", fault.WrongType},
	OutOfRange:      {"out_of_range", "invalid", fault.OutOfRange},
	MissingKey:      {"missing_key", "invalid", fault.MissingKey},
	UnknownColumn:   {"unknown_column", "invalid", fault.UnknownColumn},
	NulInText:       {"nul_in_text", "invalid", fault.NulInText},
}

// String returns the name of m, "" for none.
func (m Malformation) String() string { return malformations[m].name }

// Outlet returns the name of the outlet that an event broken by m leaves by.
func (m Malformation) Outlet() string { return malformations[m].outlet }

// Code returns the code of the fault that m is.
func (m Malformation) Code() fault.Code { return malformations[m].code }

// nestingDepth is deeper than any JSON decoder goes.
const nestingDepth = 12_000

// damage breaks an event of the table users that writes every column.
func (m Malformation) damage(key, value []byte) (k, v []byte) {
	id := key[len(`{"id":`) : len(key)-1]
	replace := func(old, with string) []byte {
		return bytes.Replace(value, []byte(old), []byte(with), 1)
	}
	// swap replaces the value of a column's cell.
	swap := func(column, with string) []byte {
		at := bytes.Index(value, []byte(`"`+column+`":{"value":`)) + len(column) + len(`"":{"value":`)
		end := at + bytes.Index(value[at:], []byte(`,"deletion_ts"`))
		return slices.Concat(value[:at], []byte(with), value[end:])
	}
	switch m {
	case Truncated: // within the source block
		return key, value[:150]
	case Garbage:
		return key, []byte("%PDF-1.7 " + string(id))
	case InvalidUTF8:
		return key, swap("name", "\"\xc3\x28\"")
	case DeepNesting:
		nested := bytes.Repeat([]byte("["), nestingDepth)
		return key, slices.Concat([]byte(`{"extra":`), nested, bytes.Repeat([]byte("]"), nestingDepth), []byte(","), value[1:])
	case Unwrapped:
		return key, []byte(`{"id":` + string(id) + `,"name":"a@example.com","age":30}`)
	case UnknownOp:
		return key, replace(`"op":"i"`, `"op":"x"`)
	case DuplicateColumn:
		return key, replace(`"_range_start"`, `"age":{"value":1,"deletion_ts":null,"set":true},"_range_start"`)
	case WrongType:
		return key, swap("age", `"forty-two"`)
	case OutOfRange:
		return key, swap("age", "2147483648")
	case MissingKey:
		return []byte("{}"), replace(`"id":{"value":`+string(id)+live, "")
	case UnknownColumn:
		return key, replace(`"_range_start"`, `"nickname":{"value":"x","deletion_ts":null,"set":true},"_range_start"`)
	default: // NulInText
		return key, swap("name", `"a\u0000b"`)
	}
}
