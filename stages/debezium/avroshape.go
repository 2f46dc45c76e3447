package debezium

import (
	"strings"

	"github.com/hamba/avro/v2"
)

// maxAvroShapes bounds the shapes made of one schema, which may name a part once
// and use it often.
const maxAvroShapes = 1 << 14

// An avroShaper turns an Avro schema back into the Kafka Connect schema from
// which Confluent's AvroData made it.
type avroShaper struct{ left int }

// shape returns nil for what no Connect schema stands behind.
func (a *avroShaper) shape(s avro.Schema, depth int) *shape {
	if a.left--; a.left < 0 || depth > 2*maxShapeDepth {
		return nil
	}
	prop := func(name string) string {
		if p, ok := s.(avro.PropertySchema); ok {
			v, _ := p.Prop(name).(string)
			return v
		}
		return ""
	}
	x := &shape{Name: prop("connect.name")}
	switch s := s.(type) {
	case *avro.RefSchema:
		return a.shape(s.Schema(), depth+1)
	case *avro.UnionSchema:
		for _, b := range s.Types() {
			if b.Type() != avro.Null {
				return a.shape(b, depth+1)
			}
		}
		return nil
	case *avro.RecordSchema:
		x.Type = "struct"
		if x.Name == "" {
			x.Name = s.FullName()
		}
		for _, f := range s.Fields() {
			y := a.shape(f.Type(), depth+1)
			if y == nil {
				continue
			}
			z := *y
			z.Field = f.Name()
			x.Fields = append(x.Fields, &z)
		}
	case *avro.ArraySchema:
		x.Type, x.Items = "array", a.shape(s.Items(), depth+1)
		if e := x.Items; e != nil && strings.HasSuffix(e.Name, "MapEntry") && len(e.Fields) == 2 && e.field("key") != nil && e.field("value") != nil {
			x.Type, x.Keys, x.Values = "map", e.field("key"), e.field("value")
		}
	case *avro.MapSchema:
		x.Type, x.Keys, x.Values = "map", &shape{Type: "string"}, a.shape(s.Values(), depth+1)
	default:
		x.Type = map[avro.Type]string{avro.Int: "int32", avro.Long: "int64", avro.Enum: "string", avro.Fixed: "bytes"}[s.Type()]
		if t := prop("connect.type"); t != "" {
			x.Type = t
		} else if x.Type == "" {
			x.Type = string(s.Type()) // the others have the same names
		}
	}
	return x
}
