package kafka_test

import (
	"log/slog"
	"runtime"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/sources/kafka"
)

// BenchmarkRead reads records of 600 bytes from a fake broker in the same process,
// whose part is in the numbers.
func BenchmarkRead(b *testing.B) {
	for _, codec := range []struct {
		name  string
		codec kgo.CompressionCodec
	}{{"none", kgo.NoCompression()}, {"lz4", kgo.Lz4Compression()}} {
		b.Run(codec.name, func(b *testing.B) {
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(6, "t"),
				kfake.SyntheticFetch(kfake.SyntheticBatch{Records: 1000, RecordBytes: 600, RandomFrac: 0.2, Compression: codec.codec}))
			if err != nil {
				b.Fatal(err)
			}
			defer c.Close()
			src, err := kafka.New(kafka.Config{Brokers: c.ListenAddrs(), Topics: []string{"t"}, Group: "g"}, slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			if err := src.Open(b.Context(), &partitions{}); err != nil {
				b.Fatal(err)
			}
			defer src.Close(b.Context())
			n, bytes := 0, 0
			for b.Loop() {
				batch, err := src.Read(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				n += len(batch.Records)
				bytes += batch.Bytes
			}
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/record")
			b.ReportMetric(float64(bytes)/1e6/b.Elapsed().Seconds(), "MB/s")
			b.ReportMetric(float64(n)/float64(b.N), "records/batch")
			b.ReportMetric(float64(m.HeapSys)/1e6, "heapMB")
		})
	}
}
