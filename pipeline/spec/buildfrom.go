package spec

import (
	"cdcpipe/pipeline"
	"cdcpipe/pipeline/cdc"
	"cdcpipe/pipeline/plugin"
)

// A Head makes the source of a pipeline that begins with changes. It is given the
// tables of the catalog as changes have them at that point: of facts where the
// file's hydrate stage makes them so.
type Head func(tables []*cdc.Table) (pipeline.Source[*cdc.Change], error)

// BuildFrom makes a pipeline called name, with marks of its own, of the file's: head
// stands for its source and its stages up to hydrate, or decode if there is no
// hydrate. It goes without stale_check: what is read anew may be old. What loses to
// newer changes in the sink is dropped, not kept: nothing is lost with it.
func (s *Spec) BuildFrom(env plugin.Env, name string, head Head, tune ...func(*pipeline.Config)) (*Built, error) {
	return s.build(env, name, head, tune)
}

// changesFrom returns the position of the first step after hydrate or decode.
func (s *Spec) changesFrom() int {
	from := 1
	for i, st := range s.steps {
		if st.Use == "decode" || st.Use == "hydrate" {
			from = i + 1
		}
	}
	return from
}

// past reports whether a step is of no use to changes that no event told of.
func (s *step) past() bool {
	return s.kind == pipeline.StageKind && s.Use == "stale_check" || s.kind == pipeline.OutletKind && s.name() == string(pipeline.Stale)
}
