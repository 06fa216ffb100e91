package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/event"
	"errata/internal/fault"
)

// recentDays is how far back a failure is looked for that a preview is made of.
const recentDays = 7 * 24 * time.Hour

// entryPage is the editor of an entry.
type entryPage struct {
	frame
	Heading, About string
	Path           string
	CodePath       string // "" for all codes of a service
	History        string
	Elsewhere      []link // where else something can be written about it
	Decides        bool
	Own            bool // the workspace wrote it
	Revision       int  // of the entry, 0 for none
	Changed        moment
	By             string
	Now            string // from where what is in the form comes, if nobody wrote it
	All            bool
	Form           entryForm
	Remove         bool // asks whether to remove it
	Problem, Done  string
	Replies        []catalog.Reply
	Sample         string // the path of the failure that the replies are about; "" for one that is made up
	Fields         []struct{ Name, About string }
}

// entryForm is an entry as it is typed, a line for each item of a list.
type entryForm struct {
	Title, Plain, Causes, Fixes             string
	Retry, Sides, Profiles                  []choice
	Fix, Incident, Investigating            string
	Owner, DocsURL, RepoURL, Sources, Alias string
	Wrong                                   map[string]string // by field
}

func showEntry(e catalog.Entry) entryForm {
	f := entryForm{
		Title: e.Title, Plain: e.Plain, Causes: lines(e.Causes), Fixes: lines(e.Fixes), Fix: e.Replies.Fix, Incident: e.Replies.Incident, Investigating: e.Replies.Investigating,
		Owner: e.Owner, DocsURL: e.DocsURL, RepoURL: e.RepoURL, Sources: lines(e.SourceRefs), Alias: lines(e.AlsoSeenAs), Wrong: map[string]string{},
		Retry: choices(e.RetryClass, "", "as its status has it"), Sides: choices(e.Side, "", "as its status and code have it"), Profiles: choices(e.Profile, "", "none"),
	}
	for _, class := range catalog.RetryClasses {
		f.Retry = append(f.Retry, choice{class, class + ": " + retryWords[class], class == e.RetryClass})
	}
	for _, side := range catalog.Sides {
		f.Sides = append(f.Sides, choice{side, sideWords[side], side == e.Side})
	}
	for _, p := range catalog.Profiles() {
		f.Profiles = append(f.Profiles, choice{p.Name, p.Name + ": " + p.Title, p.Name == e.Profile})
	}
	return f
}

var sideWords = map[string]string{"caller": "the caller's request", "limits": "the caller's limit or quota", "us": "our service", "upstream": "a provider behind our service"}

func lines(list []string) string { return strings.Join(list, "\n") }

// typedEntry reads an entry from a form.
func typedEntry(c *gin.Context, k catalog.Key) catalog.Entry {
	text := func(name string) string { return strings.ReplaceAll(c.PostForm(name), "\r\n", "\n") }
	list := func(name string) []string { return strings.Split(text(name), "\n") }
	return catalog.Entry{
		Service: k.Service, Code: k.Code, Title: text("title"), Plain: text("plain"), Causes: list("causes"), Fixes: list("fixes"), RetryClass: text("retry_class"), Side: text("side"),
		Replies: catalog.Replies{Fix: text("fix"), Incident: text("incident"), Investigating: text("investigating")}, Owner: text("owner"), DocsURL: text("docs_url"), RepoURL: text("repo_url"),
		SourceRefs: list("source_refs"), AlsoSeenAs: list("also_seen_as"), Profile: text("profile"),
	}
}

func (w *web) editEntry(c *gin.Context) error {
	k, err := entryAsked(c)
	if err != nil {
		return err
	}
	book, err := w.book(c)
	if err != nil {
		return err
	}
	return w.showEntryPage(c, http.StatusOK, k, book, func(sample event.Event) catalog.Entry { return book.Draft(k, sample) }, nil)
}

// as is what somebody typed, whatever failed lately.
func as(typed catalog.Entry) func(event.Event) catalog.Entry {
	return func(event.Event) catalog.Entry { return typed }
}

// showEntryPage shows an entry as it is typed, which may begin with what is said of a
// failure that happened, with the replies that it makes.
func (w *web) showEntryPage(c *gin.Context, status int, k catalog.Key, book *catalog.Book, begin func(sample event.Event) catalog.Entry, fill func(*entryPage)) error {
	sample, real, err := w.recent(c, k)
	if err != nil {
		return err
	}
	typed := begin(sample)
	have, own := book.Own(k)
	p := entryPage{Heading: k.Code, About: "all services", Path: pathOfEntry(k, "edit"), CodePath: pathOfCode(k.Service, k.Code), History: pathOfEntry(k, "history"), Decides: member(c).Decides,
		Own: own, Revision: have.Version, By: have.UpdatedBy, All: k.Code == catalog.All, Form: showEntry(typed), Fields: catalog.Fields, Done: entryDone(c.Query("done"))}
	if seen, err := strconv.Atoi(c.PostForm("version")); err == nil { // as whoever edits it saw it
		p.Revision = seen
	}
	if k.Service != "" {
		p.About = k.Service
		p.Elsewhere = append(p.Elsewhere, link{Label: "For all services", Path: pathOfEntry(catalog.Key{Code: k.Code}, "edit")})
	}
	if p.All {
		p.Heading, p.CodePath = "All codes", ""
	} else {
		p.Elsewhere = append(p.Elsewhere, link{Label: "All codes of " + p.About + ": profile, owner, sources", Path: pathOfEntry(catalog.Key{Service: k.Service, Code: catalog.All}, "edit")})
	}
	if own {
		p.Changed = w.moment(have.UpdatedAt.Time)
	}
	p.frame = w.frame(c, "Catalogue: "+p.Heading, "codes")
	if real {
		p.Sample = eventPath(sample.RequestID, sample.ID)
	}
	if err := w.preview(c, &p, book, typed, sample); err != nil {
		return err
	}
	if fill != nil {
		fill(&p)
	}
	return w.render(c, status, "catalog_edit", p)
}

func entryDone(what string) string {
	switch what {
	case "saved":
		return "Saved. Pages and replies say so from now on."
	case "reverted":
		return "It is what it was, as a new version."
	case "removed":
		return "Removed. This is what is said now."
	}
	return ""
}

// preview makes the replies of what was typed, to a failure.
func (w *web) preview(c *gin.Context, p *entryPage, book *catalog.Book, typed catalog.Entry, sample event.Event) error {
	if !p.Own {
		said := book.Explain(sample)
		p.Now = "by its " + said.Source + ", " + said.For
	}
	checked, err := typed.Check()
	if err != nil { // it is told where it is typed
		return nil
	}
	names, err := w.Store.CustomerNames(c.Request.Context(), member(c).Workspace, []string{sample.Customer})
	if err != nil {
		return err
	}
	p.Replies = catalog.Resolve(book.With(checked), sample, w.Now(), catalog.About{CustomerName: names[sample.Customer]}).Replies
	return nil
}

// decideEntry previews, saves or removes an entry.
func (w *web) decideEntry(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	k, err := entryAsked(c)
	if err != nil {
		return err
	}
	do := c.PostForm("do")
	if do != "preview" {
		if err := mayDecide(c); err != nil {
			return err
		}
	}
	book, err := w.book(c)
	if err != nil {
		return err
	}
	typed := typedEntry(c, k)
	if do == "remove" {
		have, _ := book.Own(k)
		if c.PostForm("sure") == "" {
			return w.showEntryPage(c, http.StatusOK, k, book, as(have), func(p *entryPage) { p.Remove = true })
		}
		return w.entryRefused(c, k, book, have, w.removeEntry(c, k))
	}
	checked, err := typed.Check()
	if err == nil && do == "save" {
		err = w.saveEntry(c, k, checked)
	}
	if err != nil {
		return w.entryRefused(c, k, book, typed, err)
	}
	switch do {
	case "preview":
		return w.showEntryPage(c, http.StatusOK, k, book, as(checked), nil)
	case "save":
		return nil
	}
	return invalid("Choose what to do.")
}

func (w *web) saveEntry(c *gin.Context, k catalog.Key, e catalog.Entry) error {
	version, err := number("version", c.PostForm("version"))
	if err != nil {
		return err
	}
	login := member(c)
	if _, err := w.Store.SaveCatalogEntry(c.Request.Context(), login.Actor, login.Workspace, e, version); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, pathOfEntry(k, "edit")+"?done=saved")
	return nil
}

func (w *web) removeEntry(c *gin.Context, k catalog.Key) error {
	version, err := number("version", c.PostForm("version"))
	if err != nil {
		return err
	}
	login := member(c)
	if err := w.Store.RemoveCatalogEntry(c.Request.Context(), login.Actor, login.Workspace, k, version); err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, pathOfEntry(k, "edit")+"?done=removed")
	return nil
}

// entryRefused shows what was typed again, with what stands against it; nil is not
// refused.
func (w *web) entryRefused(c *gin.Context, k catalog.Key, book *catalog.Book, typed catalog.Entry, err error) error {
	if err == nil {
		return nil
	}
	f := fault.Of(err)
	status := map[fault.Kind]int{fault.Unprocessable: http.StatusUnprocessableEntity, fault.Conflict: http.StatusConflict, fault.NotFound: http.StatusNotFound}[f.Kind]
	if status == 0 {
		return err
	}
	return w.showEntryPage(c, status, k, book, as(typed), func(p *entryPage) {
		field, _ := f.Details["field"].(string)
		if field != "" && field != "entry" {
			p.Form.Wrong[field] = f.Message
			return
		}
		p.Problem = f.Message
		if f.Code == "catalog_entry_changed" {
			p.Problem += " What you typed is still here; open the page in another tab to compare."
		}
	})
}
