package coord

import (
	"errors"
	"strings"

	"github.com/redis/rueidis"

	"cdcpipe/pipeline/fault"
)

// A replyClass is what errors are about that Redis answers with this first word
// (Redis, RESP specification, simple errors).
type replyClass struct {
	prefix string
	code   fault.Code
	means  string
}

// replyClasses sort the errors that Redis answers with. None is the pipeline's: the
// next heartbeat is sent over a new connection. docs/reference/retries.md has the
// same table.
var replyClasses = []replyClass{
	{"LOADING", fault.RedisDown, "it reads its data set, after a start"},
	{"MASTERDOWN", fault.RedisDown, "a replica that has lost its primary"},
	{"CLUSTERDOWN", fault.RedisDown, "the cluster has no server for the key"},
	{"TRYAGAIN", fault.RedisDown, "the cluster is moving the key"},
	{"BUSY", fault.RedisDown, "somebody's script does not end"},
	{"NOREPLICAS", fault.RedisDown, "fewer replicas than it must write to"},
	{"NOAUTH", fault.RedisDenied, "a password is asked for and the file has none"},
	{"WRONGPASS", fault.RedisDenied, "the user or the password is wrong, or the user is off"},
	{"NOPERM", fault.RedisDenied, "the user may not run the command or touch the key"},
	{"ERR AUTH", fault.RedisDenied, "a password is given and none is asked for"},
	{"ERR Client sent AUTH", fault.RedisDenied, "the same, of older servers"},
	{"DENIED", fault.RedisDenied, "protected mode: it takes nobody from elsewhere"},
	{"READONLY", fault.RedisRefused, "a replica: the primary is elsewhere; the address, or the sentinels, are asked anew"},
	{"OOM", fault.RedisRefused, "maxmemory is reached and nothing may be evicted"},
	{"MISCONF", fault.RedisRefused, "it cannot save its data set, and takes no writes"},
	{"WRONGTYPE", fault.RedisRefused, "somebody else keeps something in the key"},
	{"NOSCRIPT", fault.RedisRefused, "a script is gone: cdcpipe runs none, a proxy may"},
	{"EXECABORT", fault.RedisRefused, "a transaction was dropped: cdcpipe has none, a proxy may"},
	{"MOVED", fault.RedisRefused, "a cluster: the key is on another server than the one that is named"},
	{"ASK", fault.RedisRefused, "a cluster: the key is being moved to another server"},
	{"", fault.RedisRefused, "any other"},
}

// classify returns what an error is about that Redis answers with; the longest
// prefix counts.
func classify(reply string) fault.Code {
	best := replyClasses[len(replyClasses)-1]
	for _, c := range replyClasses {
		if rest, ok := strings.CutPrefix(reply, c.prefix); ok && len(c.prefix) > len(best.prefix) && (rest == "" || rest[0] == ' ') {
			best = c
		}
	}
	return best.code
}

// Judge gives an error of Redis its code. It leaves those alone that have one.
func Judge(err error) error {
	if err == nil || fault.CodeOf(err) != fault.Unknown {
		return err
	}
	if reply, ok := errors.AsType[*rueidis.RedisError](err); ok {
		return fault.Wrap(classify(reply.Error()), err)
	}
	return fault.Wrap(fault.RedisDown, err) // no answer: refused, cut, silent, TLS
}
