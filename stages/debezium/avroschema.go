package debezium

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/hamba/avro/v2"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/fault"
)

// An avroNode is a part of a writer's schema as the walker needs it. Parts that
// the schema names once and uses often are one node.
type avroNode struct {
	kind   avro.Type
	size   int64       // of a fixed
	scale  int         // of a decimal, -1 of anything else
	fields []avroField // of a record
	item   *avroNode   // of an array; of a map the value
	union  []*avroNode
	names  []string // of an enum
}

type avroField struct {
	name string
	node *avroNode
}

// field returns a record's field, or nil.
func (n *avroNode) field(name string) *avroNode {
	for _, f := range n.fields {
		if f.name == name {
			return f.node
		}
	}
	return nil
}

// some returns n, or of a union the only branch that is not null.
func (n *avroNode) some() *avroNode {
	if n == nil || n.kind != avro.Union {
		return n
	}
	var only *avroNode
	for _, b := range n.union {
		if b.kind == avro.Null {
			continue
		}
		if only != nil {
			return n
		}
		only = b
	}
	return only
}

// An avroSchema is a schema of the registry, ready for use.
type avroSchema struct {
	text     string
	keys     []string  // its fields
	envelope *avroNode // a record
	after    *avroNode // a record of cells and range bounds
	wire     *wire
	columns  atomic.Pointer[avroColumns] // for the table it was last used with

	fault *fault.Fault // what speaks against events of the schema; it may be that of keys
}

// avroColumns says what the fields of after are in a table.
type avroColumns struct {
	table   *cdc.Table
	columns []int
}

const maxAvroSchema = 16 << 20

// compileAvro compiles a schema.
func compileAvro(text string) *avroSchema {
	s := &avroSchema{text: text}
	if err := s.compile(); err != nil {
		s.fault = fault.New(fault.AvroSchema, "Avro schema: %w", err)
	}
	return s
}

func (s *avroSchema) compile() (err error) {
	defer func() {
		if recover() != nil { // the parser is not ours, and the schema could be anybody's
			err = errors.New("it cannot be parsed")
		}
	}()
	if len(s.text) > maxAvroSchema {
		return fmt.Errorf("it has %d bytes", len(s.text))
	}
	parsed, err := avro.ParseWithCache(s.text, "", &avro.SchemaCache{})
	if err != nil {
		return fmt.Errorf("%.200s", err.Error())
	}
	c := avroCompiler{done: map[avro.Schema]*avroNode{}}
	n := c.node(parsed, 0)
	if c.err != nil {
		return c.err
	}
	for _, f := range n.fields {
		s.keys = append(s.keys, f.name)
	}
	s.after = n.field("after").some()
	if err := s.check(n); err != nil {
		return err
	}
	s.envelope = n
	h := avroShaper{left: maxAvroShapes}
	s.wire = &wire{}
	if x := newWire(s.text, h.shape(parsed, 0)); x != nil {
		s.wire.columns = x.columns // without preciseVarint: what is precise is bytes here
	}
	return nil
}

// check makes sure, by structure, that n is the record of a change event.
func (s *avroSchema) check(n *avroNode) error {
	source := n.field("source").some()
	switch {
	case n.field("op") == nil || source == nil || source.kind != avro.Record:
		return errors.New("not that of a change event: it has no op or source")
	case s.after == nil || s.after.kind != avro.Record:
		return errors.New("not that of a change event: it has no after")
	}
	for _, f := range s.after.fields {
		want := "value"
		if f.name == boundNames[0] || f.name == boundNames[1] {
			want = "values"
		}
		if r := f.node.some(); r == nil || r.field(want) == nil {
			return fmt.Errorf("field %.64q of after has no %s", f.name, want)
		}
	}
	return nil
}

type avroCompiler struct {
	done map[avro.Schema]*avroNode // nil while a schema is being compiled
	err  error
}

func (c *avroCompiler) fail(format string, args ...any) *avroNode {
	if c.err == nil {
		c.err = fmt.Errorf(format, args...)
	}
	return &avroNode{kind: avro.Null}
}

func (c *avroCompiler) node(s avro.Schema, depth int) *avroNode {
	if r, ok := s.(*avro.RefSchema); ok {
		s = r.Schema()
	}
	if n, known := c.done[s]; known {
		if n == nil {
			return c.fail("it contains itself")
		}
		return n
	}
	if depth > 2*cdc.MaxTypeDepth {
		return c.fail("it nests too deeply")
	}
	c.done[s] = nil
	n := &avroNode{kind: s.Type(), scale: -1}
	switch s := s.(type) {
	case *avro.RecordSchema:
		n.kind = avro.Record
		for _, f := range s.Fields() {
			n.fields = append(n.fields, avroField{f.Name(), c.node(f.Type(), depth+1)})
		}
	case *avro.ArraySchema:
		n.item = c.node(s.Items(), depth+1)
	case *avro.MapSchema:
		n.item = c.node(s.Values(), depth+1)
	case *avro.UnionSchema:
		for _, b := range s.Types() {
			n.union = append(n.union, c.node(b, depth+1))
		}
	case *avro.EnumSchema:
		n.names = s.Symbols()
	case *avro.FixedSchema:
		n.size, n.scale = int64(s.Size()), scaleOf(s)
	case *avro.PrimitiveSchema:
		n.scale = scaleOf(s)
	}
	c.done[s] = n
	return n
}

func scaleOf(s avro.LogicalTypeSchema) int {
	if d, ok := s.Logical().(*avro.DecimalLogicalSchema); ok && d != nil {
		return d.Scale()
	}
	return -1
}
