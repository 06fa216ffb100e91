package app

import (
	"context"

	"github.com/alecthomas/kong"

	"errata/internal/cli"
)

type catalogCmd struct {
	Export struct {
		client
	} `cmd:"" help:"Print what the workspace wrote as YAML, as 'import' takes it."`
	Lint struct {
		Files []string `arg:"" name:"file" help:"Files of entries; '-' is standard input."`
	} `cmd:"" help:"Say everything that is wrong with files of entries, with its line. Asks no server."`
	Import struct {
		client
		File   string `arg:"" help:"A file of entries; '-' is standard input."`
		Prune  bool   `help:"Also remove entries that are not in the file."`
		DryRun bool   `help:"Show what would change, and change nothing."`
		Yes    bool   `help:"Do not ask."`
	} `cmd:"" help:"Make the entries those of a file, after showing what that changes. Needs an admin key."`
	Undocumented struct {
		client
		Service string `help:"Those that this service has no entry for."`
		JSON    bool   `help:"Print JSON."`
	} `cmd:"" help:"List the codes of the last 30 days that have no entry."`
}

func (c *catalogCmd) Run(ctx context.Context, k *kong.Context) error {
	switch k.Selected().Name {
	case "export":
		return cli.ExportCatalog(ctx, c.Export.options(false))
	case "lint":
		return cli.LintCatalog((&client{}).options(false), c.Lint.Files)
	case "undocumented":
		return cli.Undocumented(ctx, c.Undocumented.options(c.Undocumented.JSON), c.Undocumented.Service)
	default:
		return cli.ImportCatalog(ctx, c.Import.options(false), c.Import.File, c.Import.Prune, c.Import.DryRun, asking(c.Import.Yes))
	}
}

type explainCmd struct {
	client
	Code    string `arg:"" help:"A code, however it is written; http_404 for a status."`
	Service string `help:"As it is said of this service."`
	Status  int    `help:"As it is said with this HTTP status."`
	JSON    bool   `help:"Print JSON."`
}

func (c *explainCmd) Run(ctx context.Context) error {
	return cli.Explain(ctx, c.options(c.JSON), c.Code, c.Service, c.Status)
}
