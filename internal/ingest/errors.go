package ingest

import (
	"bytes"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/edge"
	"errata/internal/fault"
	"errata/internal/identity"
)

// answer is what POST /v1/errors says: a verdict for every item. 2xx means
// that what was accepted is durable.
type answer struct {
	Accepted   int       `json:"accepted"`
	Duplicates int       `json:"duplicates"`
	Rejected   []refusal `json:"rejected"`
	Warnings   []warning `json:"warnings,omitempty"`
}

type refusal struct {
	Index int       `json:"index"`
	Error itemError `json:"error"`
}

type itemError struct {
	Code    string         `json:"code"`
	Message string         `json:"message"`
	Details map[string]any `json:"details,omitempty"`
}

type warning struct {
	Index int    `json:"index"`
	Code  string `json:"code"`
}

func (s *Server) postErrors(c *gin.Context) error {
	raw := c.Request.URL.Query().Has("service")
	lines, err := mediaType(c.GetHeader("Content-Type"), raw)
	if err != nil {
		return err
	}
	body, err := edge.ReadBody(c, maxErrorsBody)
	if err != nil {
		return err
	}
	lease := edge.LeaseOf(c)
	if err := lease.Charge(objectWeight * int64(min(bytes.Count(body, []byte("{")), maxItems))); err != nil {
		return err
	}
	var items []item
	if raw {
		items = []item{rawItem(c.Request.URL.Query(), c.Request.Header, body)}
	} else if items, err = decodeErrors(body, lines); err != nil {
		return err
	}
	if key := c.GetHeader("Idempotency-Key"); key != "" {
		for i := range items {
			items[i].env.Idempotency = key[:min(len(key), 255)] + "/" + strconv.Itoa(i)
		}
	}
	verdicts, err := s.process(withCaller(c.Request.Context(), edge.Key(c), len(body), lease), edge.Key(c).Workspace, items)
	if err != nil {
		return err
	}
	c.PureJSON(http.StatusOK, summarise(verdicts))
	return nil
}

func summarise(verdicts []verdict) answer {
	a := answer{Rejected: []refusal{}}
	for i, v := range verdicts {
		switch v.Verdict {
		case identity.Accepted:
			a.Accepted++
		case identity.Duplicate:
			a.Duplicates++
		default:
			f := fault.Of(v.Err)
			a.Rejected = append(a.Rejected, refusal{i, itemError{f.Code, f.Message, f.Details}})
			continue
		}
		if v.warning != "" {
			a.Warnings = append(a.Warnings, warning{i, v.warning})
		}
	}
	return a
}

// mediaType says whether the body is NDJSON. A raw body may be of any type.
func mediaType(header string, raw bool) (lines bool, err error) {
	if raw {
		return false, nil
	}
	mt, _, err := mime.ParseMediaType(header)
	if err != nil {
		mt = strings.ToLower(strings.TrimSpace(header))
	}
	switch mt {
	case "application/json", "text/json":
		return false, nil
	case "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines", "application/json-lines":
		return true, nil
	default:
		return false, fault.New(fault.UnsupportedMediaType, "unsupported_media_type",
			"Content-Type must be application/json or application/x-ndjson. To send a response body as it is, add ?service=…&status=….").With("content_type", clip([]byte(header)))
	}
}
