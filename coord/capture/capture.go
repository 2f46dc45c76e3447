// Package capture is the form in which events stand in files: a line of JSON each,
//
//	{"topic":"cdc.shop.users","partition":2,"offset":80,"timestamp":1795489469817,
//	 "headers":[{"key":"traceparent","value":"00-…"}],"key":"{\"id\":1}","value":"{…}"}
//
// The timestamp is in milliseconds since 1970, as Kafka's are. A value that is null
// or missing is a tombstone's. Bytes that are not UTF-8 stand in base64, under the
// name with _base64 appended. Other fields are of no account.
package capture

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"cdcpipe/pipeline/cdc"
)

type line struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Timestamp *int64   `json:"timestamp,omitempty"`
	Headers   []header `json:"headers"`
	Key       *string  `json:"key"`
	KeyRaw    []byte   `json:"key_base64,omitempty"`
	Value     *string  `json:"value"`
	ValueRaw  []byte   `json:"value_base64,omitempty"`
	Rejected  any      `json:"rejected,omitempty"`
}

type header struct {
	Key      *string `json:"key"`
	KeyRaw   []byte  `json:"key_base64,omitempty"`
	Value    *string `json:"value"`
	ValueRaw []byte  `json:"value_base64,omitempty"`
}

// Append appends the line of e, with its end, to dst. If rejected is not nil, it
// stands in the line as JSON and says why the event left a pipeline.
func Append(dst []byte, e *cdc.Event, rejected any) ([]byte, error) {
	l := line{Topic: e.Topic, Partition: e.Partition, Offset: e.Offset, Headers: make([]header, len(e.Headers)), Rejected: rejected}
	if !e.Time.IsZero() {
		ms := e.Time.UnixMilli()
		l.Timestamp = &ms
	}
	l.Key, l.KeyRaw = encode(e.Key)
	l.Value, l.ValueRaw = encode(e.Value)
	for i, h := range e.Headers {
		to := &l.Headers[i]
		to.Key, to.KeyRaw = encode([]byte(h.Key))
		to.Value, to.ValueRaw = encode(h.Value)
	}
	buf := bytes.NewBuffer(dst)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(&l); err != nil {
		return dst, fmt.Errorf("write the event at %s/%d offset %d as JSON: %w", e.Topic, e.Partition, e.Offset, err)
	}
	return buf.Bytes(), nil
}

func encode(b []byte) (*string, []byte) {
	switch {
	case b == nil:
		return nil, nil
	case utf8.Valid(b):
		s := string(b)
		return &s, nil
	}
	return nil, b
}

// Parse returns the event of a line. It keeps nothing of text.
func Parse(text []byte) (*cdc.Event, error) {
	var l struct {
		line
		Rejected json.RawMessage `json:"rejected"` // of no account
	}
	if !utf8.Valid(text) { // which the decoder would mend
		return nil, errors.New("not UTF-8")
	}
	if err := json.Unmarshal(text, &l); err != nil {
		return nil, err
	}
	if halfPair(text) {
		return nil, errors.New("half of a surrogate pair")
	}
	switch {
	case l.Topic == "":
		return nil, errors.New("no topic")
	case l.Partition < 0 || l.Offset < 0:
		return nil, errors.New("partition or offset is negative")
	}
	e := &cdc.Event{Topic: l.Topic, Partition: l.Partition, Offset: l.Offset}
	if t := l.Timestamp; t != nil && *t >= 0 {
		e.Time = time.UnixMilli(*t)
	}
	var err error
	if e.Key, err = decode("key", l.Key, l.KeyRaw); err != nil {
		return nil, err
	}
	if e.Value, err = decode("value", l.Value, l.ValueRaw); err != nil {
		return nil, err
	}
	for _, h := range l.Headers {
		k, err := decode("header's key", h.Key, h.KeyRaw)
		if err != nil {
			return nil, err
		}
		v, err := decode("header's value", h.Value, h.ValueRaw)
		if err != nil {
			return nil, err
		}
		e.Headers = append(e.Headers, cdc.EventHeader{Key: string(k), Value: v})
	}
	return e, nil
}

func decode(what string, text *string, raw []byte) ([]byte, error) {
	switch {
	case text != nil && raw != nil:
		return nil, fmt.Errorf("%s is given both as text and in base64", what)
	case text != nil:
		return []byte(*text), nil
	}
	return raw, nil
}

// halfPair reports whether JSON has an escape of half a surrogate pair, which the
// decoder replaces without a word.
func halfPair(text []byte) bool {
	unit := func(i int) (u rune, ok bool) {
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0, false
		}
		for _, c := range text[i+2 : i+6] {
			u = u<<4 | rune(c&0xf)
			if c > '9' {
				u += 9
			}
		}
		return u, true
	}
	for i := 0; i < len(text); i++ {
		at := bytes.IndexByte(text[i:], '\\')
		if at < 0 {
			return false
		}
		i += at
		u, ok := unit(i)
		switch {
		case !ok:
			i++ // an escape of one character
		case u >= 0xdc00 && u < 0xe000:
			return true
		case u >= 0xd800 && u < 0xdc00:
			if low, ok := unit(i + 6); !ok || low < 0xdc00 || low >= 0xe000 {
				return true
			}
			i += 11
		default:
			i += 5
		}
	}
	return false
}
