//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"math/big"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// valueOf returns the canonical form of a value of Cassandra's. Empty values of types
// that have none in PostgreSQL are null there: see types.md.
func valueOf(t *cdc.Type, v cdc.Value) string {
	if len(v) == 0 && t.Kind != cdc.Text && t.Kind != cdc.Ascii && t.Kind != cdc.Blob {
		return empty
	}
	if t.Kind == cdc.Timestamp || t.Kind == cdc.Time { // the pipeline keeps them in bigint
		n, _ := v.Int(t.Kind)
		return strconv.FormatInt(n, 10)
	}
	return canonical(t, string(t.AppendText(nil, v)))
}

const empty = "(empty)"

// canonical writes the text of a value in the one form that both sides have: a number
// as a fraction in lowest terms, as PostgreSQL keeps no negative scale, and JSON with
// its names in order.
func canonical(t *cdc.Type, s string) string {
	switch t.Kind {
	case cdc.Decimal, cdc.Varint:
		return number(s)
	case cdc.Float, cdc.Double:
		bits := 64
		if t.Kind == cdc.Float {
			bits = 32
		}
		f, err := strconv.ParseFloat(s, bits)
		if err != nil {
			return s
		}
		return strconv.FormatFloat(f, 'g', -1, bits)
	case cdc.Blob:
		return strings.TrimPrefix(strings.TrimPrefix(s, "0x"), `\x`)
	case cdc.Inet:
		a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimSuffix(s, "/32"), "/128"))
		if err != nil {
			return s
		}
		return a.Unmap().String()
	case cdc.List, cdc.Set, cdc.Map, cdc.Tuple, cdc.UDT, cdc.Vector:
		d := json.NewDecoder(strings.NewReader(s))
		d.UseNumber()
		var v any
		if err := d.Decode(&v); err != nil {
			return s
		}
		return nested(v)
	default:
		return s
	}
}

func number(s string) string {
	if len(s) > 400 {
		return s
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return s
	}
	return r.RatString()
}

func nested(v any) string {
	var parts []string
	switch v := v.(type) {
	case json.Number:
		return number(v.String())
	case []any:
		for _, x := range v {
			parts = append(parts, nested(x))
		}
		return "[" + strings.Join(parts, ",") + "]"
	case map[string]any:
		for k, x := range v {
			parts = append(parts, strconv.Quote(k)+":"+nested(x))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case string:
		return strconv.Quote(v)
	default:
		return fmt.Sprint(v)
	}
}
