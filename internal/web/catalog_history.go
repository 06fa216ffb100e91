package web

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/catalog"
	"errata/internal/edge"
	"errata/internal/fault"
	"errata/internal/store"
)

const historyRows = 50

type historyEntryPage struct {
	frame
	Heading, About, Path, EditPath string
	Revision                       int // that it has; 0: none
	Decides                        bool
	Rows                           []revisionRow
	Older                          string
	Problem                        string
}

// revisionRow is a version, and how it differs from the one before.
type revisionRow struct {
	Version      int
	At           moment
	By, Did      string
	Fields       string
	Lines        []diffLine
	Present, Can bool // can be gone back to
}

var actWords = map[string]string{"save": "wrote it", "import": "imported it", "revert": "went back to an earlier version", "remove": "removed it"}

func (w *web) entryHistory(c *gin.Context) error {
	k, err := entryAsked(c)
	if err != nil {
		return err
	}
	return w.showHistory(c, http.StatusOK, k, "")
}

// showHistory lists the versions of an entry.
func (w *web) showHistory(c *gin.Context, status int, k catalog.Key, problem string) error {
	before, err := number("before", c.Query("before"))
	if err != nil {
		return err
	}
	book, err := w.book(c)
	if err != nil {
		return err
	}
	list, err := w.Store.CatalogHistory(c.Request.Context(), member(c).Workspace, k, before, historyRows+1)
	if err != nil {
		return err
	}
	have, _ := book.Own(k)
	p := historyEntryPage{Heading: k.Code, About: "all services", Path: pathOfEntry(k, "history"), EditPath: pathOfEntry(k, "edit"), Revision: have.Version, Decides: member(c).Decides, Problem: problem}
	if k.Service != "" {
		p.About = k.Service
	}
	if k.Code == catalog.All {
		p.Heading = "All codes"
	}
	p.frame = w.frame(c, "History of "+p.Heading, "codes")
	for i, r := range list {
		if i == historyRows {
			p.Older = p.Path + "?before=" + itoa(list[i-1].Version)
			break
		}
		var older *catalog.Entry
		if i+1 < len(list) {
			older = list[i+1].Entry
		}
		p.Rows = append(p.Rows, w.revisionRow(r, older, have.Version))
	}
	return w.render(c, status, "catalog_history", p)
}

func (w *web) revisionRow(r store.Revision, older *catalog.Entry, present int) revisionRow {
	row := revisionRow{Version: r.Version, At: w.moment(r.At.Time), By: r.Actor.Label, Did: actWords[r.Act], Fields: strings.Join(r.Fields, ", "), Present: r.Version == present}
	row.Can = r.Entry != nil && !row.Present
	var was, is catalog.Entry
	if older != nil {
		was = *older
	}
	if r.Entry != nil {
		is = *r.Entry
	}
	row.Lines = diffLines(catalog.Difference(was, is))
	return row
}

// revertEntry makes an entry what it was.
func (w *web) revertEntry(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	k, err := entryAsked(c)
	if err != nil {
		return err
	}
	if err := mayDecide(c); err != nil {
		return err
	}
	to, err := strconv.Atoi(c.PostForm("to"))
	if err != nil {
		return invalid("Choose a version.")
	}
	version, err := number("version", c.PostForm("version"))
	if err != nil {
		return err
	}
	login := member(c)
	if _, err := w.Store.RevertCatalogEntry(c.Request.Context(), login.Actor, login.Workspace, k, to, version); err != nil {
		f := fault.Of(err)
		if status := edge.Status(f.Kind); status < http.StatusInternalServerError {
			return w.showHistory(c, status, k, f.Message)
		}
		return err
	}
	c.Redirect(http.StatusSeeOther, pathOfEntry(k, "edit")+"?done=reverted")
	return nil
}
