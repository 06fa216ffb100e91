package cli

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"errata/internal/customer"
)

// CustomersOptions say whose customers. Importing needs the admin scope, listing read.
type CustomersOptions struct {
	Server, Key string
	JSON, CSV   bool
	In          io.Reader // of answers, and of the file '-'
	Out         io.Writer
}

// ListCustomers prints the customers that have a name. As CSV it is all of them, as
// import takes it.
func ListCustomers(ctx context.Context, opt CustomersOptions, limit int) error {
	c, p := newClient(opt.Server, opt.Key), printer{out: opt.Out}
	if opt.CSV {
		return exportCustomers(ctx, c, opt.Out)
	}
	return listing[customer.Named]{
		path: "/v1/customers", limit: limit, field: "customers", none: "Nobody gave a customer a name.",
		head: []string{"CUSTOMER", "NAME", "BY", "SINCE"},
		row: func(n *customer.Named) []string {
			return []string{safe(n.Customer), safe(n.Name), safe(n.UpdatedBy), n.UpdatedAt.UTC().Format(time.DateTime)}
		},
	}.print(ctx, c, &p, opt.JSON)
}

func exportCustomers(ctx context.Context, c *client, out io.Writer) error {
	var all []customer.Named
	for cursor := ""; ; {
		var page struct {
			Customers []customer.Named `json:"customers"`
			Next      string           `json:"next"`
		}
		if err := c.call(ctx, http.MethodGet, "/v1/customers?limit=200&cursor="+url.QueryEscape(cursor), nil, &page); err != nil {
			return err
		}
		all = append(all, page.Customers...)
		if cursor = page.Next; cursor == "" {
			return customer.Write(out, all)
		}
	}
}

func customerPath(id string) string { return "/v1/customers/" + url.PathEscape(id) + "/name" }

// SetCustomer says what a customer is called.
func SetCustomer(ctx context.Context, opt CustomersOptions, id, name string) error {
	var raw json.RawMessage
	c, p := newClient(opt.Server, opt.Key), printer{out: opt.Out}
	if err := c.call(ctx, http.MethodPut, customerPath(id), map[string]string{"name": name}, &raw); err != nil {
		return err
	}
	if opt.JSON {
		p.line("%s", raw)
		return p.err
	}
	var set customer.Named
	if err := c.decode(answer{body: raw}, &set); err != nil {
		return err
	}
	p.line("%s is called %s.", safe(set.Customer), safe(set.Name))
	return p.err
}

// RemoveCustomers takes customers' names away, up to the first that cannot be.
func RemoveCustomers(ctx context.Context, opt CustomersOptions, ids []string) error {
	c, p := newClient(opt.Server, opt.Key), printer{out: opt.Out}
	for _, id := range ids {
		if err := c.call(ctx, http.MethodDelete, customerPath(id), nil, nil); err != nil {
			return err
		}
		p.line("%s: has no name any more", safe(id))
	}
	return p.err
}

type customerChanges struct {
	Added   int `json:"added"`
	Changed int `json:"changed"`
	Same    int `json:"same"`
}

// ImportCustomers gives customers the names of a CSV file, all or none, after it has
// shown how many change. Those that the file does not have keep theirs; a dry run only
// shows it.
func ImportCustomers(ctx context.Context, opt CustomersOptions, file string, dryRun bool, ask Ask) error {
	name, text, err := readFile(opt.In, file, customer.MaxFile)
	if err != nil {
		return err
	}
	if len(text) > customer.MaxFile {
		return exitf("%s is larger than %d MiB; import it in parts.", safe(name), customer.MaxFile>>20)
	}
	p := printer{out: opt.Out}
	_, mistakes := customer.Read(name, text)
	for _, m := range mistakes {
		p.line("%s", safe(m.String()))
	}
	if len(mistakes) > 0 {
		return errors.Join(p.err, exitf("%s to mend; nothing was changed.", plural(len(mistakes), "mistake", "mistakes")))
	}
	c := newClient(opt.Server, opt.Key)
	plan, err := c.importCustomers(ctx, text, true)
	if err != nil {
		return err
	}
	p.line("%d new, %d changed, %d as they are.", plan.Added, plan.Changed, plan.Same)
	switch {
	case plan.Added+plan.Changed == 0 || dryRun:
		return p.err
	case ask == AskRefuse, file == "-" && ask == AskPerson:
		return exitf("Nothing was changed: nobody can be asked here. Say --yes to import this.")
	case ask == AskPerson:
		p.line("Import this? Type yes:")
		said, err := bufio.NewReader(opt.In).ReadString('\n')
		if strings.ToLower(strings.TrimSpace(said)) != "yes" || err != nil && !errors.Is(err, io.EOF) {
			return exitf("Nothing was changed.")
		}
	}
	if _, err := c.importCustomers(ctx, text, false); err != nil {
		return err
	}
	p.line("Imported.")
	return p.err
}

func (c *client) importCustomers(ctx context.Context, text []byte, dryRun bool) (out customerChanges, err error) {
	got, err := c.send(ctx, http.MethodPost, "/v1/customers/import?dry_run="+strconv.FormatBool(dryRun), "text/csv; charset=utf-8", text)
	if err != nil {
		return out, err
	}
	return out, c.decode(got, &out)
}
