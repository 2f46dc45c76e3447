package pipeline

// A Measurer is a source, stage or sink that has numbers of its own besides those
// that the engine keeps of every step. Measures may be called at any time, from any
// goroutine, also while the part is not open.
type Measurer interface {
	Measures() []Measure
}

// A Measure is one number. Its name and labels are as Prometheus has them: the name
// is without prefix, and that of a number which only grows ends in _total. Measures of
// one name have the same labels and help, in all parts.
type Measure struct {
	Name, Help string
	Labels     []Label
	Value      float64
}

// A Label tells measures of one name apart. Its values are few.
type Label struct{ Name, Value string }

// measuresOf returns the function that asks part for its measures, nil if it has
// none.
func measuresOf(part any) func() []Measure {
	if m, ok := part.(Measurer); ok {
		return m.Measures
	}
	return nil
}
