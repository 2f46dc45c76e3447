package debezium

import (
	"context"
	"encoding/binary"
	"slices"

	"cdcpipe/pipeline/fault"
)

// A Form is the schema that a message in Avro was written with. By it the message is
// turned into JSON that people can read and correct, and back:
//
//   - a record is an object of all its fields in order, an array an array, a map an
//     object, an enum its symbol, and a union the value of its branch;
//   - a decimal is its digits as a string, other bytes are base64;
//   - a number that JSON lacks is the string NaN, Infinity or -Infinity.
type Form struct {
	id     [frameSize]byte
	schema *avroSchema
}

// IsAvro reports whether a message is in Confluent's framing.
func IsAvro(message []byte) bool { return len(message) > 0 && message[0] == 0 }

// Form returns that of a message in Confluent's framing, of a record's value or key. An
// error is a [*fault.Fault] about the schema, an [*UnavailableError], or that of ctx.
func (d *Decoder) Form(ctx context.Context, message []byte) (*Form, error) {
	switch {
	case d.cfg.Registry == nil:
		return nil, fault.New(fault.AvroSchema, "the message is in Confluent's framing, but no schema registry is configured")
	case len(message) <= frameSize:
		return nil, fault.New(fault.MalformedAvro, "a frame without a message")
	}
	s, err := d.schema(ctx, int(binary.BigEndian.Uint32(message[1:])))
	if err != nil {
		return nil, err
	}
	return &Form{[frameSize]byte(message), s}, nil
}

// Fields returns the names of the record's fields, none if the schema is not that of a
// record.
func (f *Form) Fields() []string { return slices.Clone(f.schema.keys) }

// JSON returns the value of a message of this form, which is that of a change event.
func (f *Form) JSON(message []byte) ([]byte, error) {
	if f.schema.fault != nil {
		return nil, f.schema.fault
	}
	r := avroReader{steps: 1<<16 + 16*len(message)}
	r.reset(message, greatestDepth)
	r.i = frameSize
	if r.value(f.schema.envelope) && r.i < len(r.b) {
		r.malformed("more after the end of the event")
	}
	if r.code != "" {
		return nil, fault.New(r.code, "%s at byte %d", r.what, r.at)
	}
	return r.out, nil
}

// Message returns the message of a value in JSON, under the same id of the schema. The
// error of a value that does not fit it names the field: after.qty.value: a string,
// where the schema has int. It quotes no value.
func (f *Form) Message(text []byte) ([]byte, error) {
	if f.schema.fault != nil {
		return nil, f.schema.fault
	}
	b, err := appendAvro(f.id[:], f.schema.envelope, text)
	if err != nil {
		return nil, fault.Wrap(fault.AvroSchema, err)
	}
	return b, nil
}
