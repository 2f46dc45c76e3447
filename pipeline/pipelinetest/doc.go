// Package pipelinetest helps to test pipelines and their parts.
//
// For whoever wires a pipeline there are things to wire: a [Log] to read from, a
// [Collector] to write to, [Offsets] in memory, and [Faults], which make any sink
// fail in the ways a real one does.
//
// For whoever writes a source, a stage or a sink there is a conformance suite that
// says whether it keeps what its interface promises: [SourceSuite], [StageSuite]
// and [SinkSuite]. Fill in the fields and call Run from a test:
//
//	func TestConformance(t *testing.T) {
//		pipelinetest.StageSuite[[]byte, Row]{
//			New:    func(t testing.TB) pipeline.Stage[[]byte, Row] { return NewDecoder() },
//			Inputs: func() [][]byte { return [][]byte{[]byte(`{"id": 1}`), []byte(`{`)} },
//		}.Run(t)
//	}
//
// The suites need no network and no clock of their own; run them with -race.
package pipelinetest
