package kafkaconn

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// A logger lets a client write to a [slog.Logger]. What a client calls information is
// of use to whoever looks for a fault in it. An outage is not told with every attempt
// to connect: what was said within quiet is not said again.
type logger struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time
}

const (
	quiet   = 30 * time.Second
	maxSaid = 256
)

func (l *logger) Level() kgo.LogLevel {
	switch ctx := context.Background(); {
	case l.log.Enabled(ctx, slog.LevelDebug):
		return kgo.LogLevelInfo
	case l.log.Enabled(ctx, slog.LevelWarn):
		return kgo.LogLevelWarn
	}
	return kgo.LogLevelError
}

func (l *logger) Log(level kgo.LogLevel, msg string, keyvals ...any) {
	to := slog.LevelDebug
	switch level {
	case kgo.LogLevelError:
		to = slog.LevelError
	case kgo.LogLevelWarn:
		to = slog.LevelWarn
	}
	if to > slog.LevelDebug && l.again(fmt.Sprint(append([]any{msg}, keyvals...)...)) {
		return
	}
	l.log.Log(context.Background(), to, "kafka: "+msg, keyvals...)
}

// again reports whether text was said within quiet.
func (l *logger) again(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if at, ok := l.said[text]; ok && now.Sub(at) < quiet {
		return true
	}
	if l.said == nil || len(l.said) >= maxSaid {
		l.said = map[string]time.Time{}
	}
	l.said[text] = now
	return false
}
