package fault

import "slices"

// An Entry describes a code.
type Entry struct {
	Code  Code
	Title string // a few words
	Fix   string // a sentence that says what to do
}

// Unknown is the code of an error that carries none.
const Unknown Code = "CDC-0000"

// Catalogue returns every entry, ordered by code.
func Catalogue() []Entry {
	all := slices.Concat(
		[]Entry{{Unknown, "unclassified error", "Read the message; if it names no cause, report it with the log lines around it."}},
		decodeEntries(), validateEntries(), schemaEntries(), sinkEntries(), staleEntries(), configEntries(), sourceEntries(), agentEntries(), runEntries(),
	)
	slices.SortFunc(all, func(a, b Entry) int {
		switch {
		case a.Code < b.Code:
			return -1
		case a.Code > b.Code:
			return 1
		}
		return 0
	})
	return all
}

// Describe returns the entry of c, or that of [Unknown].
func Describe(c Code) Entry {
	all := Catalogue()
	for _, e := range all {
		if e.Code == c {
			return e
		}
	}
	return all[0]
}
