package debezium

import (
	"errors"
	"fmt"

	"cdcpipe/pipeline/cdc"
)

// A Config says how events are decoded. The zero values of all but Catalog are defaults.
type Config struct {
	// Catalog knows the tables. Those it gets from the events, if it knows no
	// better, are put into it.
	Catalog *cdc.Catalog

	// Registry knows the schemas of events in Avro. Without it there are none.
	Registry Registry

	MaxBytes int // of one event and of one value in it; 64 MiB
	MaxDepth int // to which an event nests; 64

	// UnknownColumns says what becomes of an event with a column that the
	// table's definition lacks, after that was asked for anew: [Refuse] or [Ignore].
	UnknownColumns Policy

	// Collections says what becomes of collections that are not frozen, of which
	// events tell the elements touched, and not what happened to them:
	// [Approximate] takes them for the whole value, [Refuse] is for exactness.
	Collections Policy

	// Varint says how events without a schema write varints that are strings:
	// in [Digits], or in [Base64] for an agent with varint.handling.mode=precise.
	// A few numbers could be read either way.
	Varint Encoding
}

// A Policy says what to do about something.
type Policy string

// The policies. Each setting has its own default.
const (
	Refuse      Policy = "refuse"
	Ignore      Policy = "ignore"
	Approximate Policy = "approximate"
)

// An Encoding says how numbers are written as text.
type Encoding string

// The encodings.
const (
	Digits Encoding = "digits"
	Base64 Encoding = "base64"
)

// Bounds of the limits. Offsets within a message are kept in 32 bits, and an
// event nests a few levels by itself.
const (
	defaultMaxBytes = 64 << 20
	greatestBytes   = 1 << 30
	defaultMaxDepth = 64
	leastDepth      = 8
	greatestDepth   = 10_000
)

// withDefaults returns c with its defaults filled in, or what is wrong with it.
func (c Config) withDefaults() (Config, error) {
	set := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	set((*string)(&c.UnknownColumns), string(Refuse))
	set((*string)(&c.Collections), string(Approximate))
	set((*string)(&c.Varint), string(Digits))
	if c.MaxBytes == 0 {
		c.MaxBytes = defaultMaxBytes
	}
	if c.MaxDepth == 0 {
		c.MaxDepth = defaultMaxDepth
	}
	var errs []error
	if c.Catalog == nil {
		errs = append(errs, errors.New("no catalog"))
	}
	if c.MaxBytes < 1 || c.MaxBytes > greatestBytes {
		errs = append(errs, fmt.Errorf("max_bytes of %d is not within 1 and %d", c.MaxBytes, greatestBytes))
	}
	if c.MaxDepth < leastDepth || c.MaxDepth > greatestDepth {
		errs = append(errs, fmt.Errorf("max_depth of %d is not within %d and %d", c.MaxDepth, leastDepth, greatestDepth))
	}
	if c.UnknownColumns != Refuse && c.UnknownColumns != Ignore {
		errs = append(errs, fmt.Errorf("unknown_columns is %q, not refuse or ignore", c.UnknownColumns))
	}
	if c.Collections != Approximate && c.Collections != Refuse {
		errs = append(errs, fmt.Errorf("collections is %q, not approximate or refuse", c.Collections))
	}
	if c.Varint != Digits && c.Varint != Base64 {
		errs = append(errs, fmt.Errorf("varint is %q, not digits or base64", c.Varint))
	}
	return c, errors.Join(errs...)
}
