package edge

import (
	"crypto/rand"
	"encoding/base32"
	"regexp"
	"strings"

	"github.com/gin-gonic/gin"
)

// HeaderRequestID is accepted from the client when it is well-formed, and
// always returned.
const HeaderRequestID = "X-Request-Id"

const requestIDKey = "errata.edge.request_id"

var wellFormed = regexp.MustCompile(`^[A-Za-z0-9_.:-]{1,128}$`)

func requestID(c *gin.Context) {
	id := c.GetHeader(HeaderRequestID)
	if !wellFormed.MatchString(id) {
		id = NewRequestID()
	}
	c.Set(requestIDKey, id)
	c.Header(HeaderRequestID, id)
}

// RequestID is this request's ID.
func RequestID(c *gin.Context) string { return c.GetString(requestIDKey) }

// NewRequestID makes an ID: req_ and 26 characters, 130 random bits.
func NewRequestID() string {
	var b [17]byte
	rand.Read(b[:]) //nolint:errcheck // never fails since Go 1.24
	return "req_" + strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])[:26])
}
