package web

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/fault"
)

const (
	// catalogPath cannot be the name of a code, as one below /codes could.
	catalogPath = "/settings/catalog"
	// maxCatalogForm is a file, the same text typed, and what is around them.
	maxCatalogForm = 2*catalog.MaxFile + 64<<10
	// maxDiffs are the changes of a plan whose lines are shown; the others are named.
	maxDiffs = 200
)

// catalogFiles takes the catalogue as YAML: what is wrong with it, what importing
// it would change, and then that.
type catalogFiles struct {
	frame
	Empty         bool // nobody has written anything yet
	Count         int
	Text          string
	Prune         bool
	Mistakes      []string
	Checked       bool
	Steps         []catalogSteps
	Changes       int
	Left          []string
	Same          int
	Problem, Done string
	Plan          string // which change was looked at
}

// catalogSteps are the changes of one kind.
type catalogSteps struct {
	ID, Title string
	Rows      []catalogStep
}

type catalogStep struct {
	Name, Path string
	Fields     string
	Lines      []diffLine
}

// exportCatalog gives what the workspace wrote as a file.
func (w *web) exportCatalog(c *gin.Context) error {
	book, err := w.book(c)
	if err != nil {
		return err
	}
	c.Header("Content-Disposition", `attachment; filename="catalog.yaml"`)
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", catalog.Write(book.Entries()))
	return nil
}

func (w *web) catalogForm(c *gin.Context) error {
	page := catalogFiles{}
	if c.Query("done") == "imported" {
		page.Done = "Imported. Pages and answers say it now."
	}
	return w.showCatalogFiles(c, http.StatusOK, page)
}

func (w *web) showCatalogFiles(c *gin.Context, status int, page catalogFiles) error {
	book, err := w.book(c)
	if err != nil {
		return err
	}
	page.Count = len(book.Entries())
	page.frame, page.Empty = w.frame(c, "Catalogue", "settings"), page.Count == 0
	return w.render(c, status, "catalog_import", page)
}

// importCatalog checks a file, and imports it if somebody looked at what that
// changes.
func (w *web) importCatalog(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxCatalogForm)
	text, err := catalogText(c)
	if err != nil {
		return err
	}
	page := catalogFiles{Text: text, Prune: c.PostForm("prune") != ""}
	if strings.TrimSpace(text) == "" {
		page.Problem = "There is nothing to check: choose a file, or paste its text."
		return w.showCatalogFiles(c, http.StatusUnprocessableEntity, page)
	}
	want, mistakes := catalog.Read("", []byte(text))
	for _, m := range mistakes {
		page.Mistakes = append(page.Mistakes, "Line "+itoa(m.Line)+": "+joinedWith(": ", m.Path, m.Why))
	}
	if len(mistakes) > 0 {
		return w.showCatalogFiles(c, http.StatusUnprocessableEntity, page)
	}
	ctx, login, digest := c.Request.Context(), member(c), ""
	if c.PostForm("do") == "apply" {
		if digest = c.PostForm("plan"); digest == "" {
			digest = "none" // that was looked at
		}
	}
	plan, err := w.Store.ImportCatalog(ctx, login.Actor, login.Workspace, want, page.Prune, digest)
	switch {
	case err == nil && digest != "":
		c.Redirect(http.StatusSeeOther, catalogPath+"?done=imported")
		return nil
	case fault.Is(err, fault.Conflict):
		page.Problem = fault.Of(err).Message
		plan, err = w.Store.ImportCatalog(ctx, login.Actor, login.Workspace, want, page.Prune, "")
	}
	if err != nil {
		return err
	}
	page.show(plan)
	status := http.StatusOK
	if page.Problem != "" {
		status = http.StatusConflict
	}
	return w.showCatalogFiles(c, status, page)
}

// catalogText is the file that was chosen, or else the text that was typed.
func catalogText(c *gin.Context) (string, error) {
	tooLarge := fault.New(fault.TooLarge, "payload_too_large", "A file of entries has at most %d MiB.", catalog.MaxFile>>20)
	if err := c.Request.ParseForm(); err != nil {
		return "", tooLarge.Because(err)
	}
	file, err := c.FormFile("file")
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return "", tooLarge.Because(err)
	case err != nil, file.Size == 0: // none was chosen, or it is a form without one
		text := unixLines(c.PostForm("yaml"))
		if len(text) > catalog.MaxFile {
			return "", tooLarge
		}
		return text, nil
	case file.Size > catalog.MaxFile:
		return "", tooLarge
	}
	f, err := file.Open()
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	text, err := io.ReadAll(f)
	return unixLines(string(text)), err
}

// unixLines are lines as they end everywhere but on Windows, whose editors also
// mark the beginning.
func unixLines(text string) string {
	return strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n")
}

// show lists a plan: what comes, what changes, what goes, and what stays.
func (p *catalogFiles) show(plan catalog.Plan) {
	p.Checked, p.Plan, p.Same, p.Changes = true, plan.Digest(), plan.Same, len(plan.Ops)
	by := map[catalog.Act][]catalogStep{}
	for i, op := range plan.Ops {
		k := op.Key()
		step := catalogStep{Name: k.String(), Path: pathOfEntry(k, "edit")}
		if op.Act == catalog.Change {
			step.Fields = strings.Join(catalog.Edits(op.Have, op.Want), ", ")
		}
		if i < maxDiffs {
			step.Lines = diffLines(op.Listing())
		}
		by[op.Act] = append(by[op.Act], step)
	}
	for _, s := range []struct {
		act       catalog.Act
		id, title string
	}{{catalog.Create, "added", "added"}, {catalog.Change, "changed", "changed"}, {catalog.Remove, "removed", "removed"}} {
		if rows := by[s.act]; len(rows) > 0 {
			p.Steps = append(p.Steps, catalogSteps{ID: s.id, Title: itoa(len(rows)) + " " + s.title, Rows: rows})
		}
	}
	for _, e := range plan.Left {
		p.Left = append(p.Left, e.Key().String())
	}
}
