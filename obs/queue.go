package obs

import (
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// A Queue is what a step reads from or writes to, if that is a messaging system.
type Queue struct {
	System      string // as messaging.system has it: "kafka"
	Destination string // topic that is written to; of a source its records tell
	Group       string // consumer group of a source
}

// attributes says what is done with how many records, by OpenTelemetry's conventions
// for messaging: nothing, if it is not that.
func (q Queue) attributes(operation, destination string, records int) []attribute.KeyValue {
	if q.System == "" {
		return nil
	}
	attrs := []attribute.KeyValue{
		semconv.MessagingSystemKey.String(q.System), semconv.MessagingDestinationName(destination),
		semconv.MessagingOperationName(operation), semconv.MessagingOperationTypeKey.String(operation), semconv.MessagingBatchMessageCount(records),
	}
	if q.Group != "" {
		attrs = append(attrs, semconv.MessagingConsumerGroupName(q.Group))
	}
	return attrs
}
