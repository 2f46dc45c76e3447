package obs

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/lmittmann/tint"
)

// Formats of logs.
const (
	LogText = "text" // for people, in colour if the writer is a terminal
	LogJSON = "json" // for machines
)

// NewLogger returns a logger of at least level, which is debug, info, warn or error.
// What is logged of a batch that is traced has the ids of its span.
func NewLogger(w io.Writer, level, format string, colour bool) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("log level %q is none of debug, info, warn, error", level)
	}
	switch format {
	case LogText:
		return slog.New(tracedHandler{tint.NewTextHandler(w, &tint.Options{Level: l, NoColor: !colour, TimeFormat: time.TimeOnly})}), nil
	case LogJSON:
		return slog.New(tracedHandler{slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l})}), nil
	default:
		return nil, fmt.Errorf("log format %q is neither text nor json", format)
	}
}
