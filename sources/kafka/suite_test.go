package kafka_test

import (
	"strconv"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/pipelinetest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	pipelinetest.SourceSuite[*cdc.Event]{
		New: func(t testing.TB) func() pipeline.Source[*cdc.Event] {
			c := newCluster(t, 1, kfake.SeedTopics(3, "t"))
			cl := c.client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()))
			for i := range 60 {
				produce(t, cl, "t", int32(i%3), strconv.Itoa(i))
			}
			return func() pipeline.Source[*cdc.Event] {
				cfg := c.config()
				cfg.BatchRecords = 4
				src, _ := c.source(t, cfg)
				return src
			}
		},
		Records: 60,
	}.Run(t)
}
