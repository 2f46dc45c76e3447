package realstack

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"cdcpipe/pipeline/fault"
)

func (s *Stack) kafkaConf() string { return s.path("kafka", "server.properties") }

func (s *Stack) kafkaData() string { return s.path("kafka", "data") }

func (s *Stack) renderKafka() error {
	return render("kafka.properties", s.kafkaConf(), struct {
		Port, Controller, Partitions int
		Data                         string
		More                         map[string]string
	}{s.ports.Kafka, s.ports.Controller, s.cfg.Partitions, s.kafkaData(), s.cfg.Kafka})
}

func (s *Stack) launchKafka(ctx context.Context, up func(Running)) error {
	dir, conf, data := s.path("kafka"), s.kafkaConf(), s.kafkaData()
	if err := s.renderKafka(); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(data, "meta.properties")); errors.Is(err, os.ErrNotExist) {
		if err := s.formatKafka(ctx, up, conf, data); err != nil {
			return err
		}
	}
	c, err := s.jvm(ctx, Kafka, dir, []string{
		"-Xms256m", "-Xmx512m", "-XX:+UseSerialGC",
		"-Dorg.slf4j.simpleLogger.defaultLogLevel=info", "-Dorg.slf4j.simpleLogger.showDateTime=true",
		"-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config.AbstractConfig=warn", // it prints hundreds of defaults
	}, "kafka.Kafka", conf)
	if err != nil {
		return err
	}
	up(c)
	return c.await(ctx, func(ctx context.Context) error { return kafkaReady(ctx, loopback(s.ports.Kafka)) })
}

// formatKafka makes the data directory, as KRaft wants it (KIP-631).
func (s *Stack) formatKafka(ctx context.Context, up func(Running), conf, data string) error {
	if err := os.RemoveAll(data); err != nil { // of a format that was interrupted
		return fault.New(fault.DataDirectory, "%w", err)
	}
	if err := os.MkdirAll(data, 0o755); err != nil {
		return fault.New(fault.DataDirectory, "%w", err)
	}
	id := make([]byte, 16)
	_, _ = rand.Read(id) // never fails
	id[0] &= 0x7f        // its text must not begin with a dash
	c, err := s.jvm(ctx, Kafka, s.path("kafka"), []string{"-XX:+UseSerialGC"},
		"kafka.tools.StorageTool", "format", "-t", base64.RawURLEncoding.EncodeToString(id), "-c", conf)
	if err != nil {
		return err
	}
	up(c)
	select {
	case <-c.Done():
	case <-ctx.Done():
		c.Kill()
	}
	if err := c.Exit(); err != nil {
		return fault.New(fault.ServerStart, "format Kafka's directory: %w; the end of %s:\n%s", err, c.log, tail(c.log, c.from))
	}
	return nil
}

// kafkaReady asks for the metadata of the cluster, which has a broker and a
// controller once it takes records.
func kafkaReady(ctx context.Context, addr string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(addr), kgo.RequestRetries(0))
	if err != nil {
		return err
	}
	defer client.Close()
	req := kmsg.NewPtrMetadataRequest()
	req.Topics = []kmsg.MetadataRequestTopic{}
	res, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	if len(res.Brokers) == 0 || res.ControllerID < 0 {
		return errors.New("kafka has no broker or no controller yet")
	}
	return nil
}
