package stages

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"unicode/utf8"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// ColumnRules are rules about the values of one column. Null satisfies all but
// Required. In reports a rule is named for its column and itself: age.max.
type ColumnRules struct {
	Required    bool        `yaml:"required" json:"required,omitempty" jsonschema:"default=false,description=It must not be null: an insert must carry it and nothing may delete it"`
	Type        string      `yaml:"type" json:"type,omitempty" jsonschema:"enum=integer,enum=number,enum=boolean,enum=text,enum=uuid,enum=inet,enum=date,enum=timestamp,enum=json,description=What it holds: by its CQL type\\, or\\, if that is text\\, by its form (dates as 2006-01-02\\, timestamps as in RFC 3339)"`
	Min         any         `yaml:"min" json:"min,omitempty" jsonschema:"description=Least value: a number\\, a date or a timestamp"`
	Max         any         `yaml:"max" json:"max,omitempty" jsonschema:"description=Greatest value"`
	MinLength   int         `yaml:"min_length" json:"min_length,omitempty" jsonschema:"minimum=0,description=Least number of characters of text"`
	MaxLength   *int        `yaml:"max_length" json:"max_length,omitempty" jsonschema:"minimum=0,description=Greatest number of characters of text"`
	MaxBytes    plugin.Size `yaml:"max_bytes" json:"max_bytes,omitempty" jsonschema:"description=Greatest size of a value\\, as Cassandra serialises it"`
	MinElements int         `yaml:"min_elements" json:"min_elements,omitempty" jsonschema:"minimum=0,description=Least number of elements of a collection"`
	MaxElements *int        `yaml:"max_elements" json:"max_elements,omitempty" jsonschema:"minimum=0,description=Greatest number of elements of a collection"`
	Pattern     string      `yaml:"pattern" json:"pattern,omitempty" jsonschema:"description=Regular expression (RE2) that must be found in the text of a scalar; ^ and $ stand for its ends"`
	Enum        []any       `yaml:"enum" json:"enum,omitempty" jsonschema:"description=Values it may have\\, written as SELECT JSON does without quotes"`
	Severity    Severity    `yaml:"severity" json:"severity,omitempty" jsonschema:"enum=error,enum=warn,description=Of all rules of the column. error: the change leaves by the outlet invalid; warn: it is counted and goes on. error if not given"`
}

// columnRules are ColumnRules, compiled as far as goes without a type.
type columnRules struct {
	cfg      ColumnRules
	severity Severity
	pattern  *regexp.Regexp
	enum     map[string]bool
}

// columnTypes are what a column may be said to hold.
var columnTypes = []string{"", "integer", "number", "boolean", "text", "uuid", "inet", "date", "timestamp", "json"}

func newColumnRules(cfg ColumnRules) (*columnRules, error) {
	c := &columnRules{cfg: cfg, severity: cfg.Severity.orError()}
	errs := []error{cfg.Severity.check()}
	if !slices.Contains(columnTypes, cfg.Type) {
		errs = append(errs, fmt.Errorf("type: %q is none of %v", cfg.Type, columnTypes[1:]))
	}
	for name, x := range map[string]any{"min": cfg.Min, "max": cfg.Max} {
		switch x.(type) {
		case nil, int, int64, uint64, float64, string:
		default:
			errs = append(errs, fmt.Errorf("%s: neither a number nor text", name))
		}
	}
	if cfg.MinLength < 0 || cfg.MinElements < 0 || cfg.MaxBytes < 0 || cfg.MaxLength != nil && *cfg.MaxLength < cfg.MinLength ||
		cfg.MaxElements != nil && *cfg.MaxElements < cfg.MinElements {
		errs = append(errs, errors.New("a least number must be positive, and the greatest no less"))
	}
	if cfg.Pattern != "" {
		var err error
		if c.pattern, err = regexp.Compile(cfg.Pattern); err != nil {
			errs = append(errs, fmt.Errorf("pattern: %w", err))
		}
	}
	if cfg.Enum != nil {
		c.enum = map[string]bool{}
		for _, x := range cfg.Enum {
			c.enum[fmt.Sprint(x)] = true
		}
	}
	return c, errors.Join(errs...)
}

// checks returns what values of type t must satisfy in a column of that name, and
// why the rest cannot be applied to t.
func (c *columnRules) checks(name string, t *cdc.Type) (checks []valueCheck, errs []error) {
	add := func(rule, says string, ok func(cdc.Value) bool) {
		checks = append(checks, valueCheck{name + "." + rule, c.severity, ok, says})
	}
	unfit := func(rule, what string) {
		errs = append(errs, fmt.Errorf("rule %s.%s is for %s, and the column is of type %s", name, rule, what, t))
	}
	isText, cfg := t.Kind == cdc.Text || t.Kind == cdc.Ascii, &c.cfg
	if cfg.Type != "" {
		switch ok, fits := holds(cfg.Type, t); {
		case !fits:
			unfit("type", "values of type "+cfg.Type)
		case ok != nil:
			add("type", "is not of the form of "+cfg.Type, ok)
		}
	}
	for _, b := range [...]struct {
		rule, says string
		x          any
		sign       int
	}{{"min", "is less than %v", cfg.Min, -1}, {"max", "is greater than %v", cfg.Max, 1}} {
		if b.x == nil {
			continue
		}
		compare, err := newBound(t, b.x)
		if err != nil {
			errs = append(errs, fmt.Errorf("rule %s.%s: %w", name, b.rule, err))
			continue
		}
		add(b.rule, fmt.Sprintf(b.says, b.x), func(v cdc.Value) bool {
			n, ok := compare(v)
			return ok && n != b.sign
		})
	}
	if cfg.MinLength > 0 || cfg.MaxLength != nil {
		if !isText {
			unfit("length", "text")
		} else {
			if cfg.MinLength > 0 {
				add("min_length", fmt.Sprintf("has less than %d characters", cfg.MinLength), func(v cdc.Value) bool { return utf8.RuneCount(v) >= cfg.MinLength })
			}
			if most := cfg.MaxLength; most != nil {
				add("max_length", fmt.Sprintf("has more than %d characters", *most), func(v cdc.Value) bool { return utf8.RuneCount(v) <= *most })
			}
		}
	}
	if most := int(cfg.MaxBytes); most > 0 {
		add("max_bytes", fmt.Sprintf("has more than %d bytes", most), func(v cdc.Value) bool { return len(v) <= most })
	}
	if cfg.MinElements > 0 || cfg.MaxElements != nil {
		if !t.Kind.Collection() {
			unfit("elements", "collections")
		} else {
			if cfg.MinElements > 0 {
				add("min_elements", fmt.Sprintf("has less than %d elements", cfg.MinElements), func(v cdc.Value) bool { return t.Len(v) >= cfg.MinElements })
			}
			if most := cfg.MaxElements; most != nil {
				add("max_elements", fmt.Sprintf("has more than %d elements", *most), func(v cdc.Value) bool { return t.Len(v) <= *most })
			}
		}
	}
	c.texts(t, add, unfit)
	return checks, errs
}

// texts adds the rules about the text of a value.
func (c *columnRules) texts(t *cdc.Type, add func(rule, says string, ok func(cdc.Value) bool), unfit func(rule, what string)) {
	scalar := t.Kind.Scalar() || t.Kind == cdc.Duration
	if c.pattern != nil {
		if scalar {
			add("pattern", fmt.Sprintf("does not match %s", c.pattern), func(v cdc.Value) bool { return c.pattern.Match(t.AppendText(nil, v)) })
		} else {
			unfit("pattern", "scalars")
		}
	}
	if c.enum != nil {
		if scalar {
			add("enum", "has a value that is not listed", func(v cdc.Value) bool { return c.enum[string(t.AppendText(nil, v))] })
		} else {
			unfit("enum", "scalars")
		}
	}
}
