package letterapi

import (
	"context"
	"errors"
	"net/http"

	"cdcpipe/pipeline/fault"
)

// A Problem is what is answered instead of a result (RFC 9457).
type Problem struct {
	Type   string     `json:"type"`
	Title  string     `json:"title"`
	Status int        `json:"status"`
	Detail string     `json:"detail"`
	Code   fault.Code `json:"code"`
	Fix    string     `json:"fix"`
}

func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of a problem.
func (*Problem) ContentType(string) string { return "application/problem+json" }

// problem returns err as it is answered.
func problem(err error) error {
	if err == nil {
		return nil
	}
	code := fault.CodeOf(err)
	what := fault.Describe(code)
	p := &Problem{Type: "urn:cdcpipe:error:" + string(code), Title: what.Title, Status: http.StatusInternalServerError, Detail: err.Error(), Code: code, Fix: what.Fix}
	switch code {
	case fault.LetterMissing:
		p.Status = http.StatusNotFound
	case fault.LetterRefused:
		p.Status = http.StatusUnprocessableEntity
	case fault.ReplayLimit, fault.LetterChanged:
		p.Status = http.StatusConflict
	case fault.ConfigUsage:
		p.Status = http.StatusBadRequest
	case fault.TargetDown, fault.TargetBusy, fault.TargetReadOnly, fault.BrokerDown, fault.OutletDown, fault.SchemaUnreached, fault.CassandraDown, fault.TopicMissing:
		p.Status = http.StatusServiceUnavailable
	default:
		if errors.Is(err, context.DeadlineExceeded) {
			p.Status = http.StatusGatewayTimeout
		}
	}
	return p
}
