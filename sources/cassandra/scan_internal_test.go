package cassandra

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"testing"

	"cdcpipe/pipeline/cdc"
)

func raw(t testing.TB, s string) received {
	t.Helper()
	if s == "null" {
		return nil
	}
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestStamp(t *testing.T) {
	t.Parallel()
	const (
		one, two = "0000000000000001", "0000000000000002"
		l8, l4   = "00000008", "00000004"
		none     = "ffffffff"
		long     = "00000064"
		short    = "0000000a"
	)
	for _, x := range []struct {
		name      string
		multicell bool
		time, ttl string
		want      cdc.Stamp
		bad       bool
	}{
		{"live", false, one, "null", cdc.Stamp{Time: 1, Class: cdc.Live}, false},
		{"expiring", false, one, long, cdc.Stamp{Time: 1, Class: 1100}, false},
		{"all live", true, "00000002" + l8 + two + l8 + one, "00000002" + none + none, cdc.Stamp{Time: 2, Class: cdc.Live}, false},
		{"all expire", true, "00000002" + l8 + two + l8 + one, "00000002" + l4 + short + l4 + long, cdc.Stamp{Time: 2, Class: 1100}, false},
		{"last lives", true, "00000002" + l8 + two + l8 + one, "00000002" + l4 + short + none, cdc.Stamp{Time: 2, Class: cdc.Live}, false},
		{"first lives", true, "00000002" + l8 + one + l8 + two, "00000002" + none + l4 + short, cdc.Stamp{Time: 2, Class: cdc.Live}, false},
		{"null field", true, "00000002" + none + l8 + one, "00000002" + none + l4 + short, cdc.Stamp{Time: 1, Class: 1010}, false},
		{"no time", false, "null", "null", cdc.Stamp{}, true},
		{"short time", false, "00", "null", cdc.Stamp{}, true},
		{"short ttl", false, one, "00", cdc.Stamp{}, true},
		{"unlike lists", true, "00000001" + l8 + one, "00000002" + none + none, cdc.Stamp{}, true},
		{"cut list", true, "00000002" + l8 + one, "00000002" + none + none, cdc.Stamp{}, true},
		{"huge list", true, "7fffffff" + l8 + one, "7fffffff" + none, cdc.Stamp{}, true},
	} {
		got, err := stamp(x.multicell, raw(t, x.time), raw(t, x.ttl), 1000)
		if (err != nil) != x.bad || !x.bad && got != x.want {
			t.Errorf("%s: got %+v, %v; want %+v", x.name, got, err, x.want)
		}
	}
}

func TestReading(t *testing.T) {
	t.Parallel()
	p := newPlan(parse(t, `CREATE TABLE k.t (p int, c tuple<int>, s int STATIC, x text, PRIMARY KEY (p, c))`), true)
	const time = "0000000000000007"
	for _, x := range []struct {
		name, want string
		row        []string // p, [c], s and its times, x and its times
	}{
		{"row", "p=00000001 c=0000000400000002 s=00000003@7/1010 x=@7/0",
			[]string{"00000001", "00000001000000080000000400000002", "00000003", time, "0000000a", "", time, "null"}},
		{"nulls", "p=00000001 c=ffffffff", []string{"00000001", "0000000100000004ffffffff", "null", "null", "null", "null", "null", "null"}},
		{"no row", "p=00000001 s=00000003@7/0", []string{"00000001", "00000001ffffffff", "00000003", time, "null", "null", "null", "null"}},
		{"no key", "", []string{"null", "00000001ffffffff", "null", "null", "null", "null", "null", "null"}},
		{"no partition key", "", []string{"null", "0000000100000004ffffffff", "null", "null", "null", "null", "null", "null"}},
		{"no list", "", []string{"00000001", "00000002ffffffffffffffff", "null", "null", "null", "null", "null", "null"}},
		{"another type", "", []string{"00000001", "0000000100000004ffffffff", "0003", time, "null", "null", "null", "null"}},
		{"no time", "", []string{"00000001", "0000000100000004ffffffff", "00000003", "null", "null", "null", "null", "null"}},
	} {
		s := newScan(p, p.outputs, 1000)
		for i, v := range x.row {
			s.row[i] = raw(t, v)
		}
		r, err := s.reading()
		if (err != nil) != (x.want == "") {
			t.Errorf("%s: got %v", x.name, err)
		}
		if err != nil {
			continue
		}
		for i := range s.row { // a reading keeps nothing of the driver's memory
			clear(s.row[i])
		}
		if got := text(p.table, r); got != x.want {
			t.Errorf("%s: got %s, want %s", x.name, got, x.want)
		}
	}
}

// Whatever is sent, a reading fits its table or there is none.
func FuzzReading(f *testing.F) {
	p := newPlan(parse(f, `CREATE TABLE k.t (p int, c tuple<int, text>, m map<int, text> STATIC, l list<int>, PRIMARY KEY (p, c))`), true)
	f.Add([]byte{0, 4, 0, 0, 0, 1, 0, 8, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, data []byte) {
		s := newScan(p, p.outputs, 1000)
		for i := range s.row { // each is a length and as many bytes; null beyond the end
			if len(data) < 2 {
				break
			}
			n := min(int(binary.BigEndian.Uint16(data)), len(data)-2)
			s.row[i], data = data[2:2+n], data[2+n:]
		}
		r, err := s.reading()
		if err != nil {
			return
		}
		if len(r.Key) != p.table.Key && len(r.Key) != p.table.Partition {
			t.Errorf("key of %d values", len(r.Key))
		}
		for _, c := range r.Cells {
			if err := p.table.Columns[c.Column].Type.Check(c.Value); err != nil || c.Value == nil {
				t.Errorf("column %d: %v", c.Column, err)
			}
		}
	})
}

func text(t *cdc.Table, r cdc.Reading) string {
	var s string
	for i, v := range r.Key {
		s += fmt.Sprintf(" %s=%x", t.Columns[i].Name, v)
	}
	for _, c := range r.Cells {
		s += fmt.Sprintf(" %s=%x@%d/%d", t.Columns[c.Column].Name, c.Value, c.Time, c.Class)
	}
	return s[1:]
}
