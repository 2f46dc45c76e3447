package generator

import (
	"slices"
	"strings"

	"cdcpipe/pipeline/cdc"
)

// A table is a table of [Schema] with its part of the key space: so many
// partitions, each with a row for every combination of clustering values.
type table struct {
	def        *cdc.Table
	topic      string
	share      uint32 // of the events, in percent
	partitions uint32
	rows       uint32 // of a partition
	partition  []keyColumn
	clustering []column
	regular    []column
	source     string // the end of the source block, which names the table
}

// A column is a clustering or regular column with its values, those of a
// clustering column in the order in which Cassandra stores them.
type column struct {
	fragments
	pool  []literal
	named string // within the bound of a range: up to its value
	typed string // and after it
}

// fragments are the pieces of JSON that a column's name is in.
type fragments struct {
	absent  string // within after: the statement says nothing of it
	value   string // within after: up to its value
	deleted string // within after: a deletion hides it, up to the write time
	key     string // within a key
}

// Ends of a cell that is live, and of one that is null or expires.
const (
	live = `,"deletion_ts":null,"set":true},`
	set  = `,"set":true},`
)

func newFragments(name string) fragments {
	q := quoteJSON(name, upperHex) + ":"
	return fragments{absent: q + "null,", value: q + `{"value":`, deleted: q + `{"value":null,"deletion_ts":`, key: q}
}

func newTable(def *cdc.Table, share uint32, cfg Config, p pools) *table {
	t := &table{
		def: def, topic: topic(cfg.Prefix, def), share: share, rows: 1, partitions: 2,
		source: `,"keyspace":"` + def.Keyspace + `","table":"` + def.Name + `"},"after":{`,
	}
	for i, c := range def.Columns {
		f := newFragments(c.Name)
		switch {
		case i < def.Partition:
			t.partition = append(t.partition, keyColumn{f, c.Type.Kind, i, def.Partition})
		case i < def.Key:
			pool := clusteringPool(c)
			if cfg.Tiny {
				pool = []literal{pool[0], pool[len(pool)/2], pool[len(pool)-1]}
			}
			t.rows *= uint32(len(pool))
			t.clustering = append(t.clustering, column{
				fragments: f, pool: pool,
				named: `{"name":` + quoteJSON(cdc.QuoteIdent(c.Name), upperHex) + `,"value":`, typed: `,"type":"` + class(c) + `"}`,
			})
		default:
			pool := p.of(c.Type)
			if cfg.Tiny {
				pool = pool[:min(len(pool), 12)]
			}
			t.regular = append(t.regular, column{fragments: f, pool: pool})
		}
	}
	if !cfg.Tiny {
		t.partitions = max(1, uint32(cfg.Keys)*share/100/t.rows)
	}
	return t
}

// class returns the class of a clustering column's type.
func class(c cdc.Column) string {
	const marshal = "org.apache.cassandra.db.marshal."
	s := marshal + map[cdc.Kind]string{
		cdc.Int: "Int32Type", cdc.Text: "UTF8Type", cdc.Timestamp: "TimestampType", cdc.Timeuuid: "TimeUUIDType", cdc.UUID: "UUIDType",
	}[c.Type.Kind]
	if c.Desc {
		return marshal + "ReversedType(" + s + ")"
	}
	return s
}

// span returns the rows of a partition that have a prefix of the clustering
// values, given by their places: the first, and how many. Rows are counted in
// the order in which Cassandra stores them.
func (t *table) span(prefix []uint16) (first, n uint32) {
	n = t.rows
	for i, at := range prefix {
		n /= uint32(len(t.clustering[i].pool))
		first += uint32(at) * n
	}
	return first, n
}

// places appends the places of a row's clustering values.
func (t *table) places(b []uint16, row uint32) []uint16 {
	n := t.rows
	for _, c := range t.clustering {
		n /= uint32(len(c.pool))
		b = append(b, uint16(row/n))
		row %= n
	}
	return b
}

// clusteringPool returns the clustering values of a column in storage order.
func clusteringPool(c cdc.Column) []literal {
	var vs []literal
	switch c.Type.Kind {
	case cdc.Int:
		vs = ints(4, -1<<31, -1, 0, 1, 2, 10, 255, 1<<31-1)
	case cdc.Text: // by bytes
		vs = each(textLiteral, "", " ", "'", "10", "9", "A", "Z", "a", `a"b`, "é", "中", "\U0001f6b2")
	case cdc.Timestamp:
		vs = nums(timestampLiteral, -1, 0)
		for i := range int64(22) {
			vs = append(vs, timestampLiteral(1_767_225_600_000+i*i*500_001))
		}
	case cdc.Timeuuid: // by time, whose high bits come last, then by signed bytes
		vs = each(uuidLiteral, "ffffffff-1dd2-11b2-8080-808080808080", "00000000-1dd3-11b2-8080-808080808080",
			"00000000-1dd3-11b2-8000-000000000000", "00000000-0000-11b3-8000-00000000007f")
	case cdc.UUID: // by version, by time if that is 1, then by unsigned bytes
		vs = each(uuidLiteral, "00000000-0000-0000-0000-000000000000", "ffffffff-0000-1000-8000-000000000000",
			"00000000-0001-1000-8000-000000000000", "00000000-0000-4000-8000-000000000000",
			"7fffffff-0000-4000-8000-000000000000", "80000000-0000-4000-8000-000000000000")
	}
	if c.Desc {
		slices.Reverse(vs)
	}
	return vs
}

// topic returns the topic of a table (Debezium's AbstractTopicNamingStrategy).
func topic(prefix string, def *cdc.Table) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', strings.ContainsRune("._-", r):
			return r
		}
		return '_'
	}, prefix+"."+def.Keyspace+"."+def.Name)
}
