package spec

import (
	"encoding"
	"errors"
	"math"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cdcpipe/pipeline/fault"
)

// scalar sets a string, a boolean or a number.
func (d *decoder) scalar(n *node, v reflect.Value, path string, secret bool) {
	bits := 0
	if k := v.Kind(); k >= reflect.Int && k <= reflect.Float64 {
		bits = v.Type().Bits()
	}
	var err error
	var want, fix string
	switch v.Kind() {
	case reflect.String:
		want = "a text"
		if n.Kind == text {
			v.SetString(n.Text)
			return
		}
		if n.Kind < text {
			fix = "quote it"
		}
	case reflect.Bool:
		want = "true or false"
		if n.Kind == boolean || n.Kind == text && n.Loose && (n.Text == "true" || n.Text == "false") {
			v.SetBool(n.Text == "true")
			return
		}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		want = "a whole number"
		if n.Kind == integer || n.Loose {
			var i int64
			if i, err = parseInt(n.Text, bits); err == nil {
				v.SetInt(i)
				return
			}
		}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		want = "a whole number"
		if n.Kind == integer || n.Loose {
			var u uint64
			if u, err = strconv.ParseUint(digits(n.Text), 0, bits); err == nil {
				v.SetUint(u)
				return
			}
			if _, negative := parseInt(n.Text, 64); negative == nil {
				err = strconv.ErrRange
			}
		}
	case reflect.Float32, reflect.Float64:
		want = "a number"
		if n.Kind == integer || n.Kind == float || n.Loose {
			var f float64
			if f, err = parseFloat(n.Text, bits); err == nil {
				v.SetFloat(f)
				return
			}
		}
	default:
		d.unsupported(n, v, path)
		return
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		n.Bad = true
		d.add(fault.ConfigValue, n.At, path, found(n, secret)+" is out of range", "give one that fits "+v.Kind().String())
	case n.Kind == text && !n.Loose && fix == "" && unquoted(n.Text, want):
		d.wrong(n, path, want, "remove the quotes", secret)
	default:
		d.wrong(n, path, want, fix, secret)
	}
}

// unquoted reports whether s would be what is wanted without its quotes.
func unquoted(s, want string) bool {
	switch want {
	case "true or false":
		return s == "true" || s == "false"
	case "a whole number":
		_, err := parseInt(s, 64)
		return err == nil
	default:
		_, err := parseFloat(s, 64)
		return err == nil
	}
}

func (d *decoder) duration(n *node, v reflect.Value, path string, secret bool) {
	const want = "a duration such as 10s"
	var fix string
	switch n.Kind {
	case text:
		if x, err := time.ParseDuration(n.Text); err == nil {
			v.SetInt(int64(x))
			return
		}
		fix = "units are ms, s, m and h"
	case integer:
		if n.Text == "0" {
			v.SetInt(0)
			return
		}
		fix = "write " + n.Text + "s for seconds"
	default:
	}
	d.wrong(n, path, want, fix, secret)
}

// unmarshal sets what reads itself from text.
func (d *decoder) unmarshal(n *node, v reflect.Value, path string, secret bool) {
	if n.Kind > text {
		d.wrong(n, path, "a single value", "", secret)
		return
	}
	err := v.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(n.Text))
	if err == nil {
		return
	}
	if v.Type() == reflect.TypeFor[time.Time]() {
		d.wrong(n, path, "a time such as 2026-01-31T12:00:00Z", "", secret)
		return
	}
	n.Bad = true
	what := found(n, secret)
	if !secret {
		what += ": " + err.Error()
	}
	d.add(fault.ConfigValue, n.At, path, what, "")
}

// leadingZeros matches what would be octal in Go and is decimal in YAML 1.2.
var leadingZeros = regexp.MustCompile(`^([-+]?)0+([0-9])`)

func digits(s string) string {
	return leadingZeros.ReplaceAllString(strings.ReplaceAll(s, "_", ""), "$1$2")
}

func parseInt(s string, bits int) (int64, error) { return strconv.ParseInt(digits(s), 0, bits) }

// parseFloat reads a finite number.
func parseFloat(s string, bits int) (float64, error) {
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), bits)
	if err == nil && (math.IsInf(f, 0) || math.IsNaN(f)) {
		err = strconv.ErrRange
	}
	return f, err
}
