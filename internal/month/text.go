package month

import (
	"strconv"
	"strings"
)

const (
	letters   = "0123456789abcdefghjkmnpqrstvwxyz" // 32, as IDs are written
	hexDigits = "0123456789abcdef"
)

// id makes an ID such as services do.
func (t *teller) id(prefix string, length int) string {
	t.text = t.appendID(append(t.text[:0], prefix...), length)
	return string(t.text)
}

func (t *teller) appendID(b []byte, length int) []byte {
	for i := 0; i < length; {
		for bits, k := t.rand.Uint64(), 0; k < 12 && i < length; k, i = k+1, i+1 {
			b = append(b, letters[bits&31])
			bits >>= 5
		}
	}
	return b
}

func (t *teller) hex(length int) string {
	b := t.text[:0]
	for i := 0; i < length; i += 16 {
		for bits, k := t.rand.Uint64(), 0; k < 16; k++ {
			b = append(b, hexDigits[bits&15])
			bits >>= 4
		}
	}
	t.text = b
	return string(b[:length])
}

// path is what a request for the route asked for.
func (t *teller) path(route string) string {
	before, after, ok := strings.Cut(route, "{id}")
	if !ok {
		return route
	}
	t.text = append(t.appendID(append(t.text[:0], before...), 14), after...)
	return string(t.text)
}

// message fills the holes of a template.
func (t *teller) message(template, provider string) string {
	if strings.IndexByte(template, '%') < 0 {
		return template
	}
	b := t.text[:0]
	for i := 0; i < len(template); i++ {
		if template[i] != '%' || i+1 == len(template) {
			b = append(b, template[i])
			continue
		}
		i++
		switch template[i] {
		case 'i':
			b = t.appendID(b, 14)
		case 'n':
			b = strconv.AppendInt(b, 1+t.rand.Int64N(9999), 10)
		case 'f':
			b = append(b, fields[t.rand.IntN(len(fields))]...)
		case 'p':
			b = append(b, provider...)
		}
	}
	t.text = b
	return string(b)
}

// body is what the service answered, in its own dialect. Nothing in it needs
// an escape.
func (t *teller) body(style int, k *kind, message, requestID string) []byte {
	switch style {
	case 0:
		return []byte(`{"error":{"code":"` + k.code + `","message":"` + message + `","request_id":"` + requestID + `"}}`)
	case 1:
		return []byte(`{"error":"` + k.code + `","message":"` + message + `","request_id":"` + requestID + `"}`)
	default:
		return []byte(`{"type":"https://errors.example.com/` + k.code + `","title":"` + message + `","status":` + strconv.Itoa(k.status) + `,"code":"` + k.code + `"}`)
	}
}

func customer(n int) string {
	digits := strconv.Itoa(n + 1)
	return "cus_" + "0000000"[:max(7-len(digits), 0)] + digits
}
