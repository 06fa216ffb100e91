package cli

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
)

// listing is a list of the API as a table, or as it came.
type listing[T any] struct {
	path  string
	query map[string]string // "" for what is not asked
	limit int
	field string // where the answer has the list
	none  string // what is said of an empty one
	head  []string
	row   func(*T) []string
}

func (l listing[T]) print(ctx context.Context, c *client, p *printer, asJSON bool) error {
	q := url.Values{"limit": {strconv.Itoa(l.limit)}}
	for name, v := range l.query {
		if v != "" {
			q.Set(name, v)
		}
	}
	var raw json.RawMessage
	if err := c.call(ctx, http.MethodGet, l.path+"?"+q.Encode(), nil, &raw); err != nil {
		return err
	}
	if asJSON {
		p.line("%s", raw)
		return p.err
	}
	var page map[string]json.RawMessage
	var list []T
	if err := c.decode(answer{body: raw}, &page); err != nil {
		return err
	}
	if err := c.decode(answer{body: page[l.field]}, &list); err != nil {
		return err
	}
	if len(list) == 0 {
		p.line("%s", l.none)
		return p.err
	}
	rows := [][]string{l.head}
	for i := range list {
		rows = append(rows, l.row(&list[i]))
	}
	p.table(rows)
	if next := string(page["next"]); next != "" && next != "null" {
		p.line("There are more: narrow the list, or raise --limit.")
	}
	return p.err
}
