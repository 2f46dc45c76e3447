package debezium

import (
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"cdcpipe/pipeline/cdc"
)

var (
	errMinutes = errors.New("timestamp to the minute, which is not exact: Cassandra before 4.1 leaves out its seconds")
	errZone    = errors.New("timestamp without a time zone")
)

// appendBoundText appends the value of t that s stands for in a range bound:
// there the agent writes what Cassandra's AbstractType.getString returns, and not
// what it writes elsewhere. Text of no characters is the empty value.
func appendBoundText(b []byte, t *cdc.Type, s []byte) ([]byte, error) {
	var err error
	switch t.Kind {
	case cdc.Text:
		return append(b, s...), nil
	case cdc.Ascii:
		if !ascii(s) {
			return b, errors.New("ascii with a character beyond ASCII")
		}
		return append(b, s...), nil
	}
	if len(s) == 0 {
		return b, nil
	}
	switch t.Kind {
	case cdc.Tinyint, cdc.Smallint, cdc.Int, cdc.Bigint:
		size := map[cdc.Kind]int{cdc.Tinyint: 8, cdc.Smallint: 16, cdc.Int: 32, cdc.Bigint: 64}[t.Kind]
		var n int64
		if n, err = strconv.ParseInt(string(s), 10, size); err == nil {
			b = cdc.AppendInt64(b, n)
			from := len(b) - 8
			b = append(b[:from], b[len(b)-size/8:]...)
		}
	case cdc.Varint:
		return cdc.AppendVarintText(b, s)
	case cdc.Decimal:
		return cdc.AppendDecimalText(b, s)
	case cdc.Float, cdc.Double:
		var f float64
		size := 64
		if t.Kind == cdc.Float {
			size = 32
		}
		if f, err = strconv.ParseFloat(string(s), size); err == nil {
			if t.Kind == cdc.Float {
				return cdc.AppendFloat(b, float32(f)), nil
			}
			return cdc.AppendDouble(b, f), nil
		}
	case cdc.Boolean:
		if string(s) == "true" || string(s) == "false" {
			return cdc.AppendBool(b, s[0] == 't'), nil
		}
		err = strconv.ErrSyntax
	case cdc.Blob:
		b, err = hex.AppendDecode(b, s)
	case cdc.UUID, cdc.Timeuuid:
		return cdc.AppendUUIDText(b, s)
	case cdc.Inet:
		return cdc.AppendInetText(b, s)
	case cdc.Date:
		c := clock{s: string(s)}
		days := c.date()
		if err = c.end(); err == nil && days != int64(int32(days)) {
			err = strconv.ErrRange
		}
		b = cdc.AppendDate(b, int32(days))
	case cdc.Time:
		c := clock{s: string(s)}
		n := c.timeOfDay()
		err = c.end()
		b = cdc.AppendInt64(b, n)
	case cdc.Timestamp:
		var n int64
		n, err = parseTimestamp(string(s))
		b = cdc.AppendInt64(b, n)
	default:
		return b, fmt.Errorf("%s in a range bound is not supported", t)
	}
	if errors.Is(err, errMinutes) || errors.Is(err, errZone) {
		return b, err
	}
	if err != nil { // which would quote the value
		return b, fmt.Errorf("text that is not a %s", t)
	}
	return b, nil
}

// parseTimestamp reads a timestamp as Cassandra's TimestampSerializer writes it,
// 2026-01-01T00:00:30.500Z, or with a space, fewer digits and another zone. It
// returns milliseconds since 1970.
func parseTimestamp(s string) (int64, error) {
	c := clock{s: s}
	days := c.date()
	if !c.accept('T') {
		c.want(' ')
	}
	nanos := c.timeOfDay()
	offset := c.zone()
	if err := c.end(); err != nil {
		return 0, err
	}
	if c.minutes {
		return 0, errMinutes
	}
	if days > math.MaxInt64/86_400_000-1 || days < math.MinInt64/86_400_000+1 {
		return 0, strconv.ErrRange
	}
	return days*86_400_000 + nanos/1_000_000 - offset*1000, nil
}

// A clock reads dates and times. After the first error it reads zeros.
type clock struct {
	s       string
	err     error
	minutes bool // a time of day had no seconds
}

func (c *clock) bad() {
	if c.err == nil {
		c.err = strconv.ErrSyntax
	}
	c.s = ""
}

func (c *clock) accept(x byte) bool {
	if len(c.s) > 0 && c.s[0] == x {
		c.s = c.s[1:]
		return true
	}
	return false
}

func (c *clock) want(x byte) {
	if !c.accept(x) {
		c.bad()
	}
}

// number reads at least low and at most high digits.
func (c *clock) number(low, high int) (n, digits int) {
	for digits < len(c.s) && digits < high && c.s[digits]-'0' <= 9 {
		n = n*10 + int(c.s[digits]-'0')
		digits++
	}
	if digits < low {
		c.bad()
		return 0, 0
	}
	c.s = c.s[digits:]
	return n, digits
}

// date reads [+-]yyyy-MM-dd and returns days since 1970.
func (c *clock) date() int64 {
	neg := c.accept('-')
	if !neg {
		c.accept('+')
	}
	y, _ := c.number(4, 9)
	if neg {
		y = -y
	}
	c.want('-')
	m, _ := c.number(2, 2)
	c.want('-')
	d, _ := c.number(2, 2)
	t := time.Date(y, time.Month(m), d, 0, 0, 0, 0, time.UTC)
	if t.Year() != y || int(t.Month()) != m || t.Day() != d {
		c.bad()
		return 0
	}
	return t.Unix() / 86_400
}

// timeOfDay reads HH:mm[:ss[.fraction]] and returns nanoseconds.
func (c *clock) timeOfDay() int64 {
	h, _ := c.number(2, 2)
	c.want(':')
	m, _ := c.number(2, 2)
	s, nanos := 0, 0
	if c.minutes = !c.accept(':'); !c.minutes {
		s, _ = c.number(2, 2)
		if c.accept('.') {
			var digits int
			for nanos, digits = c.number(1, 9); digits < 9; digits++ {
				nanos *= 10
			}
		}
	}
	if h > 23 || m > 59 || s > 59 {
		c.bad()
	}
	return int64(h*3600+m*60+s)*1e9 + int64(nanos)
}

// zone reads Z, +HH, +HHmm or +HH:mm and returns seconds east of Greenwich.
func (c *clock) zone() int64 {
	if c.accept('Z') {
		return 0
	}
	if c.s == "" && c.err == nil {
		c.err = errZone
	}
	neg := c.accept('-')
	if !neg {
		c.want('+')
	}
	h, _ := c.number(2, 2)
	m := 0
	if c.accept(':') || c.s != "" {
		m, _ = c.number(2, 2)
	}
	if h > 18 || m > 59 {
		c.bad()
	}
	if neg {
		return -int64(h*3600 + m*60)
	}
	return int64(h*3600 + m*60)
}

// end returns what was wrong, which anything left over is.
func (c *clock) end() error {
	if c.s != "" {
		c.bad()
	}
	return c.err
}
