package debezium

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/sr"

	"cdcpipe/pipeline/fault"
)

// A Registry knows Avro schemas by the ids that messages name them by. A
// [*fault.Fault] it returns is about the schema, which cannot be had or used;
// any other error is about the registry, which did not answer.
type Registry interface {
	Schema(ctx context.Context, id int) (string, error)
}

// RegistryFunc adapts a function to a [Registry].
type RegistryFunc func(ctx context.Context, id int) (string, error)

// Schema calls f.
func (f RegistryFunc) Schema(ctx context.Context, id int) (string, error) { return f(ctx, id) }

// NewRegistry returns a registry that is reached by c. The decoder keeps what
// it returns, so that c is asked once for every id.
func NewRegistry(c *sr.Client) Registry {
	return RegistryFunc(func(ctx context.Context, id int) (string, error) {
		s, err := c.SchemaByID(ctx, id)
		if e, ok := errors.AsType[*sr.ResponseError](err); ok && e.StatusCode == http.StatusNotFound {
			return "", fault.New(fault.AvroSchema, "the registry does not know schema id %d", id)
		}
		switch {
		case err != nil:
			return "", fmt.Errorf("get schema %d from the registry: %w", id, err)
		case s.Type != sr.TypeAvro:
			return "", fault.New(fault.AvroSchema, "schema %d is of type %s, not Avro", id, s.Type)
		case len(s.References) > 0:
			return "", fault.New(fault.AvroSchema, "schema %d refers to other schemas, as none of Debezium's does", id)
		}
		return s.Schema, nil
	})
}

// schemas holds the schemas that were had from the registry, compiled, for ever:
// an id never changes its meaning.
type schemas struct {
	loading chan struct{} // holds a token while the registry is asked
	mu      sync.RWMutex
	known   map[int]*avroSchema
}

func (x *schemas) get(id int) *avroSchema {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.known[id]
}

func (x *schemas) put(id int, s *avroSchema) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known == nil {
		x.known = map[int]*avroSchema{}
	}
	x.known[id] = s
}

// schema returns the schema of an id. An error is a fault about the schema, an
// [*UnavailableError], or that of ctx.
func (d *Decoder) schema(ctx context.Context, id int) (*avroSchema, error) {
	if s := d.schemas.get(id); s != nil {
		return s, nil
	}
	select {
	case d.schemas.loading <- struct{}{}:
		defer func() { <-d.schemas.loading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s := d.schemas.get(id); s != nil {
		return s, nil
	}
	m := miss{what: strconv.Itoa(id)}
	if !d.misses.due(m) {
		return nil, fault.New(fault.AvroSchema, "the registry did not know schema id %d a moment ago", id)
	}
	text, err := d.cfg.Registry.Schema(ctx, id)
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		d.misses.add(m)
		return nil, f
	}
	if err != nil {
		return nil, &UnavailableError{err}
	}
	s := compileAvro(text)
	d.schemas.put(id, s)
	return s, nil
}
