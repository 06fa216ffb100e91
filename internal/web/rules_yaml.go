package web

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	"errata/internal/ruleset"
)

// importPage takes rules as YAML: what is wrong with them, what applying them
// would change, and then that.
type importPage struct {
	frame
	Tabs     []link
	Text     string
	Prune    bool
	Decides  bool
	Mistakes []string
	Changes  []ruleChange
	Left     []string
	Checked  bool
	Problem  string
	Plan     string // which change was looked at
}

type ruleChange struct {
	Words []string
	Lines []diffLine
}

type diffLine struct{ Class, Text string }

// diffLines are lines that go (-), come (+) and stay.
func diffLines(list []string) (out []diffLine) {
	for _, l := range list {
		out = append(out, diffLine{map[byte]string{'+': "plus", '-': "minus"}[l[0]], l})
	}
	return out
}

// exportRules gives all rules as a file.
func (w *web) exportRules(c *gin.Context) error {
	list, err := w.Store.Rules(c.Request.Context(), member(c).Workspace)
	if err != nil {
		return err
	}
	c.Header("Content-Disposition", `attachment; filename="rules.yaml"`)
	c.Data(http.StatusOK, "application/yaml; charset=utf-8", ruleset.Write(list))
	return nil
}

func (w *web) importForm(c *gin.Context) error {
	return w.showImport(c, http.StatusOK, importPage{})
}

func (w *web) showImport(c *gin.Context, status int, page importPage) error {
	page.frame, page.Tabs, page.Decides = w.frame(c, "Rules as YAML", "alerts"), tabs(rulesPath), member(c).Decides
	return w.render(c, status, "rules_import", page)
}

// maxImport is a file as it is sent: every byte of it may need three.
const maxImport = 3*ruleset.MaxFile + 4096

func (w *web) importRules(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxImport)
	if err := c.Request.ParseForm(); err != nil {
		return fault.New(fault.TooLarge, "payload_too_large", "A file of rules has at most 256 KiB.").Because(err)
	}
	ctx, login := c.Request.Context(), member(c)
	page := importPage{Text: strings.ReplaceAll(c.PostForm("yaml"), "\r\n", "\n"), Prune: c.PostForm("prune") != "", Checked: true}
	apply := c.PostForm("do") == "apply"
	if apply {
		if err := mayDecide(c); err != nil {
			return err
		}
	}
	want, mistakes := ruleset.Read("", []byte(page.Text))
	for _, m := range mistakes {
		page.Mistakes = append(page.Mistakes, "Line "+itoa(m.Line)+": "+joinedWith(": ", m.Path, m.Why))
	}
	if len(mistakes) > 0 {
		return w.showImport(c, http.StatusUnprocessableEntity, page)
	}
	have, err := w.Store.Rules(ctx, login.Workspace)
	if err != nil {
		return err
	}
	plan := ruleset.Compare(have, want, page.Prune)
	if apply && c.PostForm("plan") == planKey(plan) {
		n, err := w.apply(c, plan)
		if err == nil {
			c.Redirect(http.StatusSeeOther, rulesPath+"?done=applied")
			return nil
		}
		f := fault.Of(err)
		if f.Kind != fault.Unprocessable && f.Kind != fault.Conflict {
			return err
		}
		page.Problem = itoa(n) + " of " + itoa(len(plan.Ops)) + " were applied. " + f.Message + " Mend it and check again: what is done is not done twice."
		if have, err = w.Store.Rules(ctx, login.Workspace); err != nil {
			return err
		}
		plan = ruleset.Compare(have, want, page.Prune)
	} else if apply {
		page.Problem = "Nothing was applied: this is not the change that you looked at, since the text or the rules are different now. Look at it again."
	}
	page.show(plan)
	status := http.StatusOK
	if page.Problem != "" {
		status = http.StatusConflict
	}
	return w.showImport(c, status, page)
}

// apply does what a plan says, and how many of its steps it did.
func (w *web) apply(c *gin.Context, plan ruleset.Plan) (int, error) {
	ctx, login := c.Request.Context(), member(c)
	for n, op := range plan.Ops {
		var err error
		if op.Act == ruleset.Remove {
			err = w.Store.RemoveRule(ctx, login.Actor, login.Workspace, op.Have.ID)
		} else {
			_, err = w.Store.SaveRule(ctx, login.Actor, login.Workspace, op.Want)
		}
		if err != nil {
			return n, err
		}
	}
	return len(plan.Ops), nil
}

// planKey tells plans apart, so that what is applied is what was looked at.
func planKey(plan ruleset.Plan) string {
	h := sha256.New()
	for _, op := range plan.Ops {
		for _, l := range append(op.Words(), op.Listing()...) {
			_, _ = io.WriteString(h, l+"\n") // a hash takes everything
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

func (p *importPage) show(plan ruleset.Plan) {
	for _, op := range plan.Ops {
		p.Changes = append(p.Changes, ruleChange{op.Words(), diffLines(op.Listing())})
	}
	for _, r := range plan.Left {
		p.Left = append(p.Left, r.Name)
	}
	p.Plan = planKey(plan)
}
