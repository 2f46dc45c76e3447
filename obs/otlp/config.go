package otlp

import (
	"cmp"
	"context"
	"os"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	sdk "go.opentelemetry.io/otel/sdk/trace"

	"cdcpipe/pipeline/fault"
)

// Protocols.
const (
	HTTP = "http/protobuf"
	GRPC = "grpc"
)

// Config says where spans go and how many. What is empty is as OpenTelemetry's
// variables say (OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER), or else its defaults.
type Config struct {
	Endpoint string   // URL of the collector, with the port
	Protocol string   // HTTP or GRPC
	Ratio    *float64 // of the traces that are kept

	// Of the resource; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say otherwise.
	Service, Version, Instance string
}

// Wanted reports whether the environment lets spans be exported: given is whether
// somebody has asked for it. OTEL_SDK_DISABLED and OTEL_TRACES_EXPORTER=none forbid
// it, any other exporter and an endpoint ask for it.
func Wanted(given bool) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	switch os.Getenv("OTEL_TRACES_EXPORTER") {
	case "none":
		return false
	case "":
		return given || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
	default:
		return true
	}
}

// exporter returns what speaks the protocol. Nothing is dialled.
func (c Config) exporter(ctx context.Context) (sdk.SpanExporter, error) {
	if e := os.Getenv("OTEL_TRACES_EXPORTER"); e != "" && !slices.Contains(strings.Split(e, ","), "otlp") {
		return nil, fault.New(fault.ConfigValue, "OTEL_TRACES_EXPORTER is %q: spans are exported by otlp, or by none", e)
	}
	protocol := cmp.Or(c.Protocol, os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"), os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL"), HTTP)
	switch protocol {
	case HTTP:
		var opts []otlptracehttp.Option
		if c.Endpoint != "" {
			opts = append(opts, otlptracehttp.WithEndpointURL(c.Endpoint))
		}
		return otlptracehttp.New(ctx, opts...)
	case GRPC:
		var opts []otlptracegrpc.Option
		if c.Endpoint != "" {
			opts = append(opts, otlptracegrpc.WithEndpointURL(c.Endpoint))
		}
		return otlptracegrpc.New(ctx, opts...)
	}
	return nil, fault.New(fault.ConfigValue, "OTEL_EXPORTER_OTLP_PROTOCOL is %q: it must be %s or %s", protocol, HTTP, GRPC)
}
