// Package obs shows what a pipeline does: metrics for Prometheus, probes for
// orchestrators, logs.
package obs
