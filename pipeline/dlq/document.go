package dlq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"cdcpipe/pipeline/fault"
	"cdcpipe/stages/debezium"
)

// A Document is what people edit of a letter: the columns that its event has written,
// each with its value in the event's own notation. Events in JSON have one, and those
// in Avro whose schema can be had; [debezium.Form] says how their values are written.
type Document struct {
	letter   *Letter
	form     *debezium.Form // nil for JSON
	envelope *envelope
	columns  object
	key      map[string]bool // names of the columns of the record's key
}

// A former knows the schemas of messages in Avro, as the stage decode does.
type former interface {
	Form(ctx context.Context, message []byte) (*debezium.Form, error)
}

// Document returns the document of a letter. A fault says why it has none: its value is
// no change event, or its schema cannot be had. Any other error is about the registry,
// which did not answer.
func (c Check) Document(ctx context.Context, l *Letter) (*Document, error) {
	d := &Document{letter: l}
	text, err := d.open(ctx, c)
	if err == nil {
		if d.envelope, err = parseEnvelope(text); err == nil {
			d.columns, err = d.envelope.columns()
		}
	}
	return d, refused(l, "its value cannot be edited column by column", err)
}

// Value returns what is sent as the whole value of a letter: value as it is or, if it
// is JSON and the letter is Avro, in Avro with the letter's own schema.
func (c Check) Value(ctx context.Context, l *Letter, value []byte) ([]byte, error) {
	if !debezium.IsAvro(l.Event.Value) || debezium.IsAvro(value) {
		return value, nil
	}
	f, err := c.form(ctx, l.Event.Value)
	if err == nil {
		value, err = f.Message(value)
	}
	return value, refused(l, "the value does not fit the schema", err)
}

// form returns the schema of a message in Avro.
func (c Check) form(ctx context.Context, message []byte) (*debezium.Form, error) {
	for _, part := range c.Stages {
		if f, ok := part.(former); ok {
			return f.Form(ctx, message)
		}
	}
	return nil, errors.New("it is Avro, and no stage says where its schema is")
}

// refused returns err as a refusal, unless the registry did not answer.
func refused(l *Letter, what string, err error) error {
	if _, unanswered := errors.AsType[*debezium.UnavailableError](err); unanswered {
		return fault.New(fault.SchemaUnreached, "letter %d: %w", l.ID, err)
	}
	if err != nil {
		return fault.New(fault.LetterRefused, "letter %d: %s: %w", l.ID, what, err)
	}
	return nil
}

// open returns the event's value in JSON, and takes note of its form and key.
func (d *Document) open(ctx context.Context, c Check) (text []byte, err error) {
	e := &d.letter.Event
	if !debezium.IsAvro(e.Key) {
		d.key = keyColumns(e.Key)
	} else if f, err := c.form(ctx, e.Key); err != nil {
		return nil, fmt.Errorf("key: %w", err)
	} else {
		d.key = map[string]bool{}
		for _, name := range f.Fields() {
			d.key[name] = true
		}
	}
	if !debezium.IsAvro(e.Value) {
		return e.Value, nil
	}
	if d.form, err = c.form(ctx, e.Value); err != nil {
		return nil, err
	}
	if text, err = d.form.JSON(e.Value); err != nil {
		return nil, err
	}
	back, err := d.form.Message(text)
	if err == nil {
		back, err = d.form.JSON(back)
	}
	if err != nil {
		return nil, fmt.Errorf("its schema does not give it back: %w", err)
	}
	if !bytes.Equal(back, text) {
		return nil, errors.New("its schema does not give it back as it was")
	}
	return text, nil
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
	if value = e.text(); d.form != nil {
		if value, err = d.form.Message(value); err != nil {
			return nil, nil, d.refuse(err)
		}
	}
	return value, changed, nil
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
