package edge

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"errata/internal/fault"
)

// ReadBody reads a request's body, decompressed. limit bounds both what comes
// over the wire and what it expands to. Faults: TooLarge,
// UnsupportedMediaType (unknown Content-Encoding), Invalid (corrupt data).
func ReadBody(c *gin.Context, limit int64) ([]byte, error) {
	var buf bytes.Buffer
	err := readBody(c, limit, &buf)
	return buf.Bytes(), err
}

// bodies are buffers for BorrowBody.
var bodies = sync.Pool{New: func() any { return &bytes.Buffer{} }}

// keptBody is how large a buffer may be to be used again.
const keptBody = 1 << 20

// BorrowBody is ReadBody for those who keep nothing of the body: it is theirs
// until they call give.
func BorrowBody(c *gin.Context, limit int64) (body []byte, give func(), err error) {
	buf := bodies.Get().(*bytes.Buffer) //nolint:forcetypeassert // nothing else is put there
	buf.Reset()
	give = func() {
		if buf.Cap() <= keptBody {
			bodies.Put(buf)
		}
	}
	if err := readBody(c, limit, buf); err != nil {
		give()
		return nil, nil, err
	}
	return buf.Bytes(), give, nil
}

func readBody(c *gin.Context, limit int64, buf *bytes.Buffer) error {
	if c.Request.ContentLength > limit {
		return tooLarge(limit)
	}
	return unpack(buf, http.MaxBytesReader(c.Writer, c.Request.Body, limit), c.GetHeader("Content-Encoding"), c.Request.ContentLength, limit, LeaseOf(c))
}

// Unpack reads all of r, decompressed, into at most limit bytes, and pays for
// them as they come. sent is how many bytes r has, or less than 0. Faults:
// TooLarge, UnsupportedMediaType (unknown encoding), Invalid (corrupt data),
// Unavailable (the Lease has no room).
func Unpack(r io.Reader, encoding string, sent, limit int64, lease *Lease) ([]byte, error) {
	var buf bytes.Buffer
	err := unpack(&buf, r, encoding, sent, limit, lease)
	return buf.Bytes(), err
}

func unpack(buf *bytes.Buffer, r io.Reader, encoding string, sent, limit int64, lease *Lease) error {
	unpacked, done, err := decoder(r, encoding)
	if err != nil {
		return readFault(err, limit)
	}
	defer done()
	if sent > 0 {
		room := min(sent, 1<<20)
		if err := lease.ahead(room); err != nil {
			return err
		}
		buf.Grow(int(room) + bytes.MinRead)
	}
	n, err := buf.ReadFrom(&paying{io.LimitReader(unpacked, limit+1), lease})
	if err != nil {
		return readFault(err, limit)
	}
	if n > limit {
		return tooLarge(limit)
	}
	return nil
}

func tooLarge(limit int64) error {
	return fault.New(fault.TooLarge, "payload_too_large", "The body is larger than %d MiB, decompressed. Send it in smaller parts.", limit>>20).
		With("limit_bytes", limit)
}

func readFault(err error, limit int64) error {
	var over *http.MaxBytesError
	var f *fault.Fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &over), errors.Is(err, zstd.ErrDecoderSizeExceeded), errors.Is(err, zstd.ErrWindowSizeExceeded):
		return tooLarge(limit)
	default:
		return fault.New(fault.Invalid, "invalid_request", "The body cannot be read: it breaks off, or is not what Content-Encoding says.").Because(err)
	}
}

var gzips = sync.Pool{}

// zstds are decoders for one stream at a time with a bounded window: a client
// may not choose how much memory it takes.
var zstds = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(128<<20))
	if err != nil {
		panic(err) // the options are constant
	}
	return d
}}

func decoder(r io.Reader, encoding string) (io.Reader, func(), error) {
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "", "identity":
		return r, func() {}, nil
	case "gzip", "x-gzip":
		if z, ok := gzips.Get().(*gzip.Reader); ok {
			return z, func() { gzips.Put(z) }, z.Reset(r)
		}
		z, err := gzip.NewReader(r)
		return z, func() { gzips.Put(z) }, err
	case "zstd":
		d := zstds.Get().(*zstd.Decoder) //nolint:errcheck,forcetypeassert // the pool holds nothing else
		return d, func() {
			if d.Reset(nil) == nil {
				zstds.Put(d)
			}
		}, d.Reset(r)
	case "deflate":
		return inflate(r)
	default:
		return nil, nil, fault.New(fault.UnsupportedMediaType, "unsupported_media_type",
			"Content-Encoding %q is not supported; use gzip, zstd, deflate, or none.", clip(encoding))
	}
}

// inflate takes what RFC 9110 calls deflate (a zlib stream), and the raw
// stream that some clients send in its place.
func inflate(r io.Reader) (io.Reader, func(), error) {
	b := bufio.NewReader(r)
	head, err := b.Peek(2)
	if err != nil {
		return nil, nil, io.ErrUnexpectedEOF
	}
	if head[0]&0x0f == 8 && (uint16(head[0])<<8|uint16(head[1]))%31 == 0 {
		z, err := zlib.NewReader(b)
		return z, func() {}, err
	}
	return flate.NewReader(b), func() {}, nil
}

// paying is a reader whose bytes are paid for out of a Lease.
type paying struct {
	r     io.Reader
	lease *Lease
}

func (p *paying) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if n > 0 {
		if broke := p.lease.spend(int64(n)); broke != nil {
			return 0, broke
		}
	}
	return n, err
}
