// Package otlp sends spans to a collector by OpenTelemetry's protocol, at no cost to
// those whose spans they are: what a collector does not take in time is dropped and
// counted.
package otlp
