package dlq

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cdcpipe/pipeline/fault"
)

// A Document is what people edit of a letter: the columns that its event has written,
// each with its value in the event's own notation. Events in JSON have one.
type Document struct {
	letter   *Letter
	envelope *envelope
	columns  object
	key      map[string]bool // names of the columns of the record's key
}

// NewDocument returns the document of a letter, or why it has none: its value is no
// event in JSON.
func NewDocument(l *Letter) (*Document, error) {
	e, err := parseEnvelope(l.Event.Value)
	if err == nil {
		var cs object
		if cs, err = e.columns(); err == nil {
			return &Document{l, e, cs, keyColumns(l.Event.Key)}, nil
		}
	}
	return nil, fault.New(fault.LetterRefused, "letter %d: its value cannot be edited column by column: %w", l.ID, err)
}

// keyColumns names the columns of a record's key, none if it is not JSON.
func keyColumns(key []byte) map[string]bool {
	o, err := parseObject(key)
	if err != nil {
		return nil
	}
	if p := o.get("payload"); p != nil && o.at("schema") >= 0 {
		if o, err = parseObject(p); err != nil {
			return nil
		}
	}
	names := map[string]bool{}
	for _, m := range o {
		names[m.name] = true
	}
	return names
}

// JSON returns the document: {"columns": {"qty": -3}}.
func (d *Document) JSON() []byte {
	var b bytes.Buffer
	_ = json.Indent(&b, object{{"columns", d.columns.text()}}.text(), "", "  ") // of what was parsed
	return append(b.Bytes(), '\n')
}

// YAML returns the document in YAML, below comments that say what it is and what is
// wrong with it. It reports false if YAML cannot hold it exactly.
func (d *Document) YAML() ([]byte, bool) {
	l := d.letter
	var b strings.Builder
	fmt.Fprintf(&b, "# Letter %d of %s, from %s/%d offset %d.\n", l.ID, plain(l.TableName()), plain(l.Event.Topic), l.Event.Partition, l.Event.Offset)
	for _, f := range l.Failures {
		fmt.Fprintf(&b, "# %s %s\n", f.Code, plain(f.Detail))
	}
	fmt.Fprintf(&b, "# Correct the values, save and close: they are checked before anything is sent.\n# A column that is removed is left as it is in the replica; null deletes it. The key cannot be changed.\n# Close without a change to send nothing.\n")
	body, err := ToYAML(object{{"columns", d.columns.text()}}.text())
	if err != nil {
		return nil, false
	}
	back, err := FromYAML(body)
	if err != nil {
		return nil, false
	}
	if same, err := d.parse(back); err != nil || !sameObject(same, d.columns) {
		return nil, false
	}
	return append([]byte(b.String()), body...), true
}

// plain returns s in one line.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 || r == 0x85 {
			return ' '
		}
		return r
	}, s)
}

func (d *Document) parse(text []byte) (object, error) {
	o, err := parseObject(text)
	if err != nil {
		return nil, err
	}
	if len(o) != 1 || o[0].name != "columns" {
		return nil, errors.New("there must be columns and nothing else")
	}
	cs, err := parseObject(o[0].raw)
	if err != nil {
		return nil, fmt.Errorf("columns: %w", err)
	}
	return cs, nil
}

// Apply returns the event's value with the columns of an edited document, in JSON or
// YAML, and the names of those that differ. A document without a difference has none.
// What was not changed keeps its very text.
func (d *Document) Apply(edited []byte) (value []byte, changed []string, err error) {
	text := edited
	if !json.Valid(text) {
		if text, err = FromYAML(edited); err != nil {
			return nil, nil, d.refuse(err)
		}
	}
	cs, err := d.parse(text)
	if err != nil {
		return nil, nil, d.refuse(err)
	}
	set := map[string]json.RawMessage{}
	for _, m := range cs {
		set[m.name] = m.raw
	}
	for _, m := range d.columns {
		if _, kept := set[m.name]; !kept {
			set[m.name] = nil
		}
	}
	return d.apply(set)
}

// Set returns the event's value with the columns given set, all others as they are.
func (d *Document) Set(columns map[string]json.RawMessage) (value []byte, changed []string, err error) {
	return d.apply(columns)
}

// apply sets columns, or removes those whose value is nil.
func (d *Document) apply(set map[string]json.RawMessage) (value []byte, changed []string, err error) {
	e := &envelope{d.envelope.outer, d.envelope.event, slices.Clone(d.envelope.after)}
	names := slices.Collect(maps.Keys(set))
	slices.SortFunc(names, func(a, b string) int { return d.order(a, b) })
	for _, name := range names {
		raw, was := set[name], d.columns.get(name)
		if was != nil && raw != nil && sameJSON(was, raw) {
			continue
		}
		if was == nil && raw == nil {
			continue
		}
		if d.key[name] {
			return nil, nil, d.refuse(fmt.Errorf("column %q is part of the key, which a correction cannot change", name))
		}
		if raw == nil {
			e.remove(name)
		} else if err := e.put(name, raw); err != nil {
			return nil, nil, d.refuse(err)
		}
		changed = append(changed, name)
	}
	if len(changed) == 0 {
		return nil, nil, nil
	}
	return e.text(), changed, nil
}

// order compares columns by where they stand, new ones by name behind the others.
func (d *Document) order(a, b string) int {
	i, j := d.columns.at(a), d.columns.at(b)
	switch {
	case i >= 0 && j >= 0:
		return i - j
	case i >= 0:
		return -1
	case j >= 0:
		return 1
	}
	return strings.Compare(a, b)
}

func (d *Document) refuse(err error) error {
	return fault.New(fault.LetterRefused, "letter %d: %w", d.letter.ID, err)
}

func sameObject(a, b object) bool {
	return slices.EqualFunc(a, b, func(x, y member) bool { return x.name == y.name && sameJSON(x.raw, y.raw) })
}

// sameJSON reports whether two texts are the same value, numbers by their digits.
func sameJSON(a, b []byte) bool {
	x, ok := canonical(a)
	y, ok2 := canonical(b)
	return ok && ok2 && bytes.Equal(x, y)
}

func canonical(text []byte) ([]byte, bool) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil, false
	}
	b, err := json.Marshal(v)
	return b, err == nil
}
