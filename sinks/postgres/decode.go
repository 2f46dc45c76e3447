package postgres

import (
	"bytes"
	"encoding/binary"
	"errors"

	"cdcpipe/pipeline/cdc"
)

var errStored = errors.New("is not what a Cassandra value is stored as")

// decodable reports whether a value of t can be had back from what a column of that
// type shows; from others only with the serialised bytes beside it.
func (to *pgType) decodable(t *cdc.Type) bool {
	switch to.oid {
	case pgInterval.oid, pgNumeric.oid, pgJSONB.oid:
		return false
	case pgText.oid:
		return t.Kind == cdc.Text || t.Kind == cdc.Ascii
	}
	return true
}

// decode is the inverse of encode, of a type that is decodable, from the binary form
// that PostgreSQL sends.
func (to *pgType) decode(t *cdc.Type, b []byte) (cdc.Value, error) {
	switch to.oid {
	case pgBool.oid:
		if len(b) != 1 {
			return nil, errStored
		}
		return cdc.AppendBool(nil, b[0] != 0), nil
	case pgInt2.oid:
		if len(b) != 2 {
			return nil, errStored
		}
		n := int16(binary.BigEndian.Uint16(b))
		if t.Kind == cdc.Tinyint {
			if n != int16(int8(n)) {
				return nil, errStored
			}
			return cdc.AppendInt8(nil, int8(n)), nil
		}
	case pgDate.oid:
		if len(b) != 4 {
			return nil, errStored
		}
		return cdc.AppendDate(nil, int32(binary.BigEndian.Uint32(b))+epochDays), nil
	case pgTime.oid:
		if len(b) != 8 {
			return nil, errStored
		}
		return cdc.AppendInt64(nil, int64(binary.BigEndian.Uint64(b))*1000), nil
	case pgTimestamp.oid:
		if len(b) != 8 {
			return nil, errStored
		}
		us := int64(binary.BigEndian.Uint64(b)) + epochMicros
		if us%1000 != 0 {
			return nil, errStored
		}
		return cdc.AppendInt64(nil, us/1000), nil
	case pgInet.oid:
		if len(b) < 4 || int(b[1]) != 8*(len(b)-4) {
			return nil, errStored
		}
		b = b[4:]
	}
	v := cdc.Value(append([]byte{}, b...))
	if t.Check(v) != nil {
		return nil, errStored
	}
	return v, nil
}

// shows reports whether what a column of that type shows is what the serialised
// value v is stored as. nil is NULL.
func (to *pgType) shows(t *cdc.Type, v cdc.Value, shown []byte) bool {
	b, err := appendValue(nil, to, t, v)
	if err != nil {
		return false
	}
	if binary.BigEndian.Uint32(b) == 0xffffffff {
		return shown == nil
	}
	if b = b[4:]; shown == nil {
		return false
	}
	switch to.oid {
	case pgNumeric.oid:
		return sameNumeric(b, shown)
	case pgJSONB.oid:
		return sameJSON(b, shown)
	}
	return bytes.Equal(b, shown)
}
