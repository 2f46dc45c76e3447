package spec

import (
	"cmp"
	"slices"
	"strings"
)

// A redactor knows what references stand for, and puts the reference in its place in
// any text that quotes it.
type redactor struct{ pairs [][2]string }

// Values shorter than this are no secrets, and replacing them would garble texts.
const leastSecret = 3

func (r *redactor) learn(value, reference string) {
	if len(value) >= leastSecret {
		r.pairs = append(r.pairs, [2]string{value, reference})
	}
}

func (r *redactor) hide(s string) string {
	if len(r.pairs) == 0 {
		return s
	}
	slices.SortStableFunc(r.pairs, func(a, b [2]string) int { return cmp.Compare(len(b[0]), len(a[0])) }) // the longest first
	var flat []string
	for _, p := range r.pairs {
		flat = append(flat, p[0], p[1])
	}
	return strings.NewReplacer(flat...).Replace(s)
}
