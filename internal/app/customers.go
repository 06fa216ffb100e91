package app

import (
	"context"
	"os"
	"strings"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
)

type customersCmd struct {
	List struct {
		client
		Limit int  `default:"50" help:"How many, up to 200."`
		JSON  bool `help:"Print JSON." xor:"as"`
		CSV   bool `help:"Print all of them as CSV, as 'import' takes it." xor:"as"`
	} `cmd:"" help:"List the customers that have a name."`
	Set struct {
		client
		Customer string   `arg:"" help:"The customer's ID, as services report it."`
		Name     []string `arg:"" help:"What the customer is called."`
		JSON     bool     `help:"Print JSON."`
	} `cmd:"" help:"Say what a customer is called."`
	Remove struct {
		client
		Customers []string `arg:"" name:"customer" help:"The customers' IDs."`
	} `cmd:"" help:"Take customers' names away."`
	Import struct {
		client
		File   string `arg:"" help:"A CSV file: IDs and names, or with a first line that names the columns 'customer' and 'name'; '-' is standard input."`
		DryRun bool   `help:"Say how many names would change, and change none."`
		Yes    bool   `help:"Do not ask."`
	} `cmd:"" help:"Give many customers their names, all of a file or none. Needs an admin key."`
}

func (c *customersCmd) Run(ctx context.Context, k *kong.Context) error {
	opt := func(to client) cli.CustomersOptions {
		return cli.CustomersOptions{Server: to.Server, Key: to.Key, In: os.Stdin, Out: os.Stdout}
	}
	switch k.Selected().Name {
	case "list":
		o := opt(c.List.client)
		o.JSON, o.CSV = c.List.JSON, c.List.CSV
		return cli.ListCustomers(ctx, o, c.List.Limit)
	case "set":
		o := opt(c.Set.client)
		o.JSON = c.Set.JSON
		return cli.SetCustomer(ctx, o, c.Set.Customer, strings.Join(c.Set.Name, " "))
	case "remove":
		return cli.RemoveCustomers(ctx, opt(c.Remove.client), c.Remove.Customers)
	default:
		return cli.ImportCustomers(ctx, opt(c.Import.client), c.Import.File, c.Import.DryRun, asking(c.Import.Yes))
	}
}
