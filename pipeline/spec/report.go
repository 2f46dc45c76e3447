package spec

import (
	"errors"
	"log/slog"
	"reflect"
	"regexp"
	"strings"

	"cdcpipe/pipeline/fault"
	"cdcpipe/pipeline/plugin"
)

var optionPath = regexp.MustCompile(`^[A-Za-z0-9_]+(\[\d+\])*(\.[A-Za-z0-9_]+(\[\d+\])*)*$`)

// validate reports what v says is wrong with itself. It was decoded from n, which
// lies at path and may be nil; at is where it would stand.
func (l *loader) validate(v any, n *node, path string, at Position) {
	if c, ok := v.(plugin.Validator); ok && !isNilPointer(v) {
		l.report(c.Validate(), v, n, path, at)
	}
}

func isNilPointer(v any) bool {
	r := reflect.ValueOf(v)
	return r.Kind() == reflect.Pointer && r.IsNil()
}

// report puts the errors of a part's options where the options are. What may only
// follow from a value that is bad already is left out.
func (l *loader) report(err error, v any, n *node, path string, at Position) {
	if n != nil {
		at = n.At
	}
	for _, e := range flatten(err) {
		at := at
		code, what := classified(e)
		option, rest, ok := strings.Cut(what, ": ")
		if !ok || !optionPath.MatchString(option) {
			option = ""
		}
		place := n.find(option)
		switch {
		case option != "" && place != nil:
			if !place.bad() {
				l.add(code, place.At, join(path, option), rest, "")
			}
		case n.bad():
		case option != "" && isOption(v, option):
			if near := n.nearest(option); near != nil {
				at = near.At
			}
			l.add(code, at, join(path, option), rest, "")
		default:
			l.add(code, at, path, what, "")
		}
	}
}

// classified returns the code of an error and its text without it.
func classified(err error) (fault.Code, string) {
	f, ok := errors.AsType[*fault.Fault](err)
	if !ok {
		return fault.ConfigValue, err.Error()
	}
	return f.Code, strings.Replace(err.Error(), f.Error(), f.Err.Error(), 1)
}

// isOption reports whether v has a field of the name that path begins with.
func isOption(v any, path string) bool {
	r := reflect.Indirect(reflect.ValueOf(v))
	if r.Kind() != reflect.Struct {
		return false
	}
	_, ok := fields(r).named(path[:strings.IndexAny(path+".", ".[")])
	return ok
}

func discardLogger() *slog.Logger { return slog.New(slog.DiscardHandler) }
