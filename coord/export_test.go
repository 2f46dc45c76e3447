package coord

import (
	"context"
	"fmt"
	"strings"
)

// Beat sends one heartbeat, as Run does.
func (w *Worker) Beat(ctx context.Context) { w.report(ctx) }

// Leave ends what Beat began.
func (w *Worker) Leave(ctx context.Context) { w.leave(ctx) }

// Classify is what the table says of an answer.
var Classify = classify

// ReplyTable returns what each error means that Redis answers with, as a table.
func ReplyTable() string {
	var b strings.Builder
	b.WriteString("| Redis answers | which means | cdcpipe | code |\n|---|---|---|---|\n")
	for _, c := range replyClasses {
		reply := "any other"
		if c.prefix != "" {
			reply = "`" + c.prefix + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | next | %s |\n", reply, c.means, c.code)
	}
	return b.String()
}
