package debezium_test

import (
	"bytes"
	"strings"
	"testing"

	"cdcpipe/pipeline/cdc"
	"cdcpipe/stages/debezium"
)

// benchmarkDecode decodes evs over and over, in batches of 500.
func benchmarkDecode(b *testing.B, d *debezium.Decoder, evs []*cdc.Event) {
	b.Helper()
	if len(evs) == 0 {
		b.Fatal("no events")
	}
	size := 0
	for _, ev := range evs {
		size += len(ev.Value)
	}
	const batch = 500
	var s *debezium.Slab
	b.SetBytes(int64(size / len(evs)))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%batch == 0 {
			s = debezium.NewSlab(batch)
		}
		if _, err := d.Decode(b.Context(), evs[i%len(evs)], s); err != nil {
			b.Fatal(err)
		}
	}
}

// about returns the inserts and updates whose source names the table.
func about(evs []*cdc.Event, table string) []*cdc.Event {
	var out []*cdc.Event
	for _, ev := range evs {
		op := ev.Value[bytes.Index(ev.Value, []byte(`,"op":"`))+7]
		if bytes.Contains(ev.Value, []byte(`"table":"`+table+`"`)) && strings.IndexByte("iu", op) >= 0 {
			out = append(out, ev)
		}
	}
	return out
}

// BenchmarkDecodeJSON decodes real events of two tables of nine columns, and of
// one of thirty, as they come without embedded schemas.
func BenchmarkDecodeJSON(b *testing.B) {
	d := newDecoder(b, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(b)...)})
	b.Run("orders", func(b *testing.B) { benchmarkDecode(b, d, about(records(b, "random.jsonl"), "orders")) })
	b.Run("users", func(b *testing.B) { benchmarkDecode(b, d, about(records(b, "random.jsonl"), "users")) })
	b.Run("alltypes", func(b *testing.B) { benchmarkDecode(b, d, records(b, "types.jsonl")[:1]) })
	b.Run("mixed", func(b *testing.B) { benchmarkDecode(b, d, records(b, "random.jsonl")) })
}

// BenchmarkDecodeEmbedded decodes the same with embedded schemas: the definition
// comes from the events.
func BenchmarkDecodeEmbedded(b *testing.B) {
	d := newDecoder(b, debezium.Config{Catalog: cdc.NewCatalog(nil)})
	b.Run("orders", func(b *testing.B) { benchmarkDecode(b, d, about(records(b, "schemas.jsonl"), "orders")) })
	b.Run("users", func(b *testing.B) { benchmarkDecode(b, d, about(records(b, "schemas.jsonl"), "users")) })
}

// BenchmarkDecodeAvro decodes the events of BenchmarkDecodeEmbedded in Avro.
func BenchmarkDecodeAvro(b *testing.B) {
	m := &memory{}
	inJSON, inAvro := avroRecords(b, m)
	d := newDecoder(b, debezium.Config{Catalog: cdc.NewCatalog(nil, tables(b)...), Registry: m})
	for _, table := range []string{"orders", "users"} {
		var evs []*cdc.Event
		for i, ev := range inJSON {
			if len(about([]*cdc.Event{ev}, table)) > 0 {
				evs = append(evs, inAvro[i])
			}
		}
		b.Run(table, func(b *testing.B) { benchmarkDecode(b, d, evs) })
	}
}
