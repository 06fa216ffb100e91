package app

import (
	"context"
	"os"

	"errata/internal/cli"
)

type backtestCmd struct {
	Files       []string `arg:"" name:"file" help:"CSV files; - for standard input. Several are several series, named after them."`
	Family      string   `default:"5xx" enum:"5xx,429" help:"What the errors are: 5xx or 429. 429 needs customers to page."`
	Sensitivity string   `default:"normal" enum:"low,normal,high" help:"low, normal or high."`
	Explain     bool     `help:"Print each minute's numbers around incidents, on standard error."`
}

// Help is what --help says below the first line.
func (backtestCmd) Help() string {
	return `A file has the columns

  minute,errors[,requests[,customers[,top_customer_errors]]]

with or without a header, and may begin with a column "series". With a header they may be in any order.

  minute               RFC 3339, such as 2026-11-20T14:02:00Z; a minute that is missing is zero, rows of the same minute add up
  errors               failed requests of the family
  requests             all requests; without them only counts can be compared, which notifies and does not page
  customers            distinct customers that were hit
  top_customer_errors  errors of the customer with the most

It runs the evaluator that runs in production, and prints one JSON object per incident:

  {"series","rule","family","started_at","fired_at","resolved_at","level","why":{...}}

Times are minutes, by their beginning: fired_at is the minute that made it fire once it had closed. resolved_at is null while an incident lasts. Give at least a week before what you want to see, so that there is something to compare with.

  errata backtest checkout.csv
  psql -AtF, -c "SELECT ..." | errata backtest --explain -`
}

func (c *backtestCmd) Run(ctx context.Context) error {
	return cli.Backtest(ctx, cli.BacktestOptions{Files: c.Files, Family: c.Family, Sensitivity: c.Sensitivity, Explain: c.Explain,
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr})
}
