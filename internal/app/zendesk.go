package app

import (
	"os"

	"errata/internal/cli"
	"errata/internal/zendesk"
)

type zendeskCmd struct {
	Package zendeskPackageCmd `cmd:"" help:"Make the app to upload to Zendesk, which shows Errata's page beside tickets."`
}

type zendeskPackageCmd struct {
	URL    string `required:"" placeholder:"URL" help:"Address of the page, as the integration's page under Settings shows it."`
	Email  string `placeholder:"ADDRESS" help:"Whom Zendesk's users ask about the app; errata@ the address's host without."`
	Output string `short:"o" default:"errata-zendesk.zip" placeholder:"FILE" help:"The file to make; - is standard output."`
}

func (c *zendeskPackageCmd) Run() error {
	return cli.ZendeskPackage(os.Stdout, c.Output, zendesk.Options{URL: c.URL, Email: c.Email})
}
