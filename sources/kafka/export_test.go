package kafka

import (
	"fmt"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"cdcpipe/pipeline/fault"
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

// FetchClass and GroupClass are what the tables say: whether the source goes on, and
// the code it stops with otherwise.
func FetchClass(e *kerr.Error) (goesOn bool, code fault.Code) {
	c, code := fetchClass(e)
	return c == passes, code
}

func GroupClass(e *kerr.Error) (goesOn bool, code fault.Code) {
	c, code := groupClass(e)
	return c == rejoins, code
}

// AnswerTable returns what the source does about every answer, as a table.
func AnswerTable() string {
	does := map[class]string{passes: "retry", rejoins: "retry: joins again", lost: "as `on_lost_offset` says", replaced: "the topic is looked at", stops: "fatal"}
	var b strings.Builder
	b.WriteString("| the source asks | class | code | Kafka answers |\n|---|---|---|---|\n")
	for _, to := range []struct {
		what  string
		judge func(error) (class, fault.Code)
	}{{"for records", fetchClass}, {"to be a member", groupClass}} {
		type row struct {
			class
			code fault.Code
		}
		var rows []row
		names := map[row][]string{}
		for _, e := range Answers() {
			c, code := to.judge(e)
			r := row{c, code}
			if names[r] == nil {
				rows = append(rows, r)
			}
			names[r] = append(names[r], "`"+e.Message+"`")
		}
		for _, r := range rows {
			fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", to.what, does[r.class], r.code, strings.Join(names[r], ", "))
		}
	}
	return b.String()
}
