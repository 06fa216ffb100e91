package cli

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"errata/internal/catalog"
)

// ExportCatalog prints what the workspace wrote, as YAML.
func ExportCatalog(ctx context.Context, opt Options) error {
	got, err := newClient(opt.Server, opt.Key).send(ctx, http.MethodGet, "/v1/catalog/export", "", nil)
	if err != nil {
		return err
	}
	_, err = opt.Out.Write(got.body)
	return err
}

// LintCatalog says everything that is wrong with files of entries, without asking
// anybody.
func LintCatalog(opt Options, files []string) error {
	return lint(opt.Out, files, "entry", "entries", func(file string) ([]catalog.Entry, []catalog.Mistake, error) {
		entries, mistakes, _, err := readCatalog(opt, file)
		return entries, mistakes, err
	})
}

func readCatalog(opt Options, file string) ([]catalog.Entry, []catalog.Mistake, []byte, error) {
	name, text, err := readFile(opt.In, file, catalog.MaxFile)
	if err != nil {
		return nil, nil, nil, err
	}
	entries, mistakes := catalog.Read(name, text)
	return entries, mistakes, text, nil
}

// catalogPlan is what importing a file changes, as the API says it.
type catalogPlan struct {
	Plan    string `json:"plan"`
	Changes []struct {
		Act     string   `json:"act"`
		Service string   `json:"service"`
		Code    string   `json:"code"`
		Lines   []string `json:"lines"`
	} `json:"changes"`
	Left []struct {
		Service string `json:"service"`
		Code    string `json:"code"`
	} `json:"left"`
}

// ImportCatalog makes the entries those of a file, all or none, after it has shown
// what that changes. What the file does not have stays, unless prune says
// otherwise; a dry run only shows it.
func ImportCatalog(ctx context.Context, opt Options, file string, prune, dryRun bool, ask Ask) error {
	_, mistakes, text, err := readCatalog(opt, file)
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	for _, m := range mistakes {
		p.line("%s", safe(m.String()))
	}
	if len(mistakes) > 0 {
		return errors.Join(p.err, exitf("%s to mend; nothing was changed.", plural(len(mistakes), "mistake", "mistakes")))
	}
	c := newClient(opt.Server, opt.Key)
	query := url.Values{"prune": {strconv.FormatBool(prune)}}
	got, err := c.send(ctx, http.MethodPost, "/v1/catalog/plan?"+query.Encode(), "application/yaml", text)
	if err != nil {
		return err
	}
	var plan catalogPlan
	if err := c.decode(got, &plan); err != nil {
		return err
	}
	p.catalogPlan(&plan)
	switch {
	case len(plan.Changes) == 0 || dryRun:
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
	query.Set("plan", plan.Plan)
	if _, err := c.send(ctx, http.MethodPost, "/v1/catalog/import?"+query.Encode(), "application/yaml", text); err != nil {
		return err
	}
	p.line("Imported.")
	return p.err
}

func (p *printer) catalogPlan(plan *catalogPlan) {
	for _, change := range plan.Changes {
		p.line("%s %s", safe(change.Act), safe(catalog.Key{Service: change.Service, Code: change.Code}.String()))
		for _, l := range change.Lines {
			p.line("    %s", safe(l))
		}
	}
	for _, k := range plan.Left {
		p.line("%s is not in the file, and stays; --prune removes it", safe(catalog.Key{Service: k.Service, Code: k.Code}.String()))
	}
	if len(plan.Changes) == 0 {
		p.line("Nothing to change.")
	}
}

// Undocumented prints the codes that were seen in 30 days and have no entry.
func Undocumented(ctx context.Context, opt Options, service string) error {
	c := newClient(opt.Server, opt.Key)
	query := url.Values{"limit": {"200"}}
	if service != "" {
		query.Set("service", service)
	}
	got, err := c.send(ctx, http.MethodGet, "/v1/catalog/undocumented?"+query.Encode(), "", nil)
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", got.body)
		return p.err
	}
	var list struct {
		Codes []struct {
			Code, Family string
			Failures     int64
			Customers    *float64
			LastSeen     string `json:"last_seen"`
		}
		More int
	}
	if err := c.decode(got, &list); err != nil {
		return err
	}
	if len(list.Codes) == 0 {
		p.line("Every code of the last 30 days has an entry.")
		return p.err
	}
	rows := [][]string{{"CODE", "SIDE", "FAILURES", "CUSTOMERS", "LAST SEEN"}}
	for _, row := range list.Codes {
		who := "?"
		if row.Customers != nil {
			who = strconv.FormatFloat(*row.Customers, 'f', 0, 64)
		}
		day, _, _ := strings.Cut(row.LastSeen, "T")
		rows = append(rows, []string{safe(row.Code), safe(row.Family), strconv.FormatInt(row.Failures, 10), who, safe(day)})
	}
	p.table(rows)
	if list.More > 0 {
		p.line("And %d more.", list.More)
	}
	return p.err
}

// Explain prints what is said of a code, and from which entry.
func Explain(ctx context.Context, opt Options, code, service string, status int) error {
	c := newClient(opt.Server, opt.Key)
	k := catalog.KeyOf(service, code)
	if k.Code == "" {
		return exitf("'%s' is no code.", safe(code))
	}
	if k.Service == "" {
		k.Service = catalog.Any
	}
	path := "/v1/catalog/" + url.PathEscape(k.Service) + "/" + url.PathEscape(k.Code)
	if status != 0 {
		path += "?status=" + strconv.Itoa(status)
	}
	got, err := c.send(ctx, http.MethodGet, path, "", nil)
	if err != nil {
		return err
	}
	p := printer{out: opt.Out}
	if opt.JSON {
		p.line("%s", got.body)
		return p.err
	}
	var said struct {
		Explanation catalog.Explanation `json:"explanation"`
	}
	if err := c.decode(got, &said); err != nil {
		return err
	}
	e := said.Explanation
	p.line("%s: %s", safe(e.Code), safe(e.Title))
	p.line("%s", safe(e.Plain))
	for _, list := range []struct {
		name  string
		items []string
	}{{"Causes", e.Causes}, {"What helps", e.Fixes}} {
		if len(list.items) > 0 {
			p.line("%s:", list.name)
		}
		for _, item := range list.items {
			p.line("  - %s", safe(item))
		}
	}
	p.line("Lies with %s. Found by its %s, %s.", safe(e.Side), safe(e.Source), safe(e.For))
	for _, fact := range [][2]string{{"Owner", e.Owner}, {"Docs", e.DocsURL}} {
		if fact[1] != "" {
			p.line("%s: %s", fact[0], safe(fact[1]))
		}
	}
	return p.err
}
