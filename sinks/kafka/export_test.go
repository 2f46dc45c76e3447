package kafka

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Answers are all errors that Kafka may answer with.
func Answers() (all []*kerr.Error) {
	for code := int16(-1); code < 1000; code++ {
		if e := kerr.TypedErrorForCode(code); e != nil && e.Code == code {
			all = append(all, e)
		}
	}
	return all
}

// TooLarge is what the table says: whether the record is at fault, for its size.
func TooLarge(e *kerr.Error) bool { return classify(e) == tooLarge }

// Written is what the table says: whether the record is there.
func Written(e *kerr.Error) bool { return classify(e) == written }

// AnswerTable returns what an outlet does about every answer, as a table.
func AnswerTable() string {
	names := map[class][]string{}
	for _, e := range Answers() {
		c := classify(e)
		names[c] = append(names[c], "`"+e.Message+"`")
	}
	var b strings.Builder
	b.WriteString("| an outlet writes | code | Kafka answers |\n|---|---|---|\n")
	for c, does := range [...]string{again: "retry | CDC-4012", topicGone: "created | CDC-4012", tooLarge: "cut | ", written: "nothing | "} {
		fmt.Fprintf(&b, "| %s | %s |\n", does, strings.Join(names[class(c)], ", "))
	}
	return b.String()
}
