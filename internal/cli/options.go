package cli

import (
	"context"
	"encoding/json"
	"io"
)

// Options say which server is asked, with which key, and how the answer is printed.
// The help of a verb says what scope its key needs.
type Options struct {
	Server, Key string
	JSON        bool      // print what the API answers
	In          io.Reader // of answers, and of the file '-'
	Out         io.Writer
}

// ask makes one request and reads the answer into out. Where JSON is wanted it prints
// the answer, and done.
func (opt Options) ask(ctx context.Context, method, path string, in, out any) (p printer, done bool, err error) {
	var raw json.RawMessage
	c := newClient(opt.Server, opt.Key)
	p = printer{out: opt.Out}
	if err := c.call(ctx, method, path, in, &raw); err != nil {
		return p, true, err
	}
	if opt.JSON {
		p.line("%s", raw)
		return p, true, p.err
	}
	return p, false, c.decode(answer{body: raw}, out)
}
