package web

import (
	"bytes"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
	"errata/internal/slack"
	"errata/internal/store"
	"errata/internal/zendesk"
)

// integrationForm is what somebody fills in. What is secret goes only in.
type integrationForm struct {
	Action, Kind, Name, Account string
	New                         bool
	Customers, Unfurl, Enabled  bool
	Set                         map[string]bool // the secrets that are there
	Wrong                       map[string]string
}

// Problem is what is wrong with a field.
func (f *integrationForm) Problem(name string) string { return f.Wrong[name] }

type integrationPage struct {
	frame
	Name, Kind, System, About string
	Path                      string
	Done, Problem             string
	Form                      *integrationForm
	Health                    health
	Used                      moment
	Tested                    *slack.Check
	Addresses                 []row
	Manifest                  string
	Guessed                   bool // where the pages are is what this request says
	Token                     string
	TokenAt                   moment
	RemoveWrong               string
}

func (w *web) newIntegrationPage(c *gin.Context, spec *store.IntegrationSpec, i *store.Integration) *integrationPage {
	kind := kindOfIntegration(spec.Kind)
	p := &integrationPage{frame: w.frame(c, "New integration: "+kind.Title, "settings"), Name: "New integration", Kind: kind.Kind, System: kind.Title, About: kind.About, Guessed: w.PublicURL == "",
		Form: &integrationForm{Action: "/settings/integrations/new", Kind: spec.Kind, Name: spec.Name, Account: spec.Account, New: i == nil, Customers: spec.Customers, Unfurl: spec.Unfurl, Enabled: spec.Enabled, Set: map[string]bool{}, Wrong: map[string]string{}}}
	if i == nil {
		p.Manifest = slack.Manifest(w.base(c), "")
		return p
	}
	p.Title, p.Name, p.Path, p.Form.Action = i.Name, i.Name, integrationPath(i.ID), integrationPath(i.ID)
	p.Health, p.Manifest = w.healthOfIntegration(i), slack.Manifest(w.base(c), i.ID)
	for _, name := range i.Secrets {
		p.Form.Set[name] = true
	}
	if i.LastUsedAt != nil {
		p.Used = w.moment(i.LastUsedAt.Time)
	}
	if i.TokenAt != nil {
		p.TokenAt = w.moment(i.TokenAt.Time)
	}
	if i.Kind == store.Slack {
		at := w.base(c) + "/integrations/slack/" + i.ID
		p.Addresses = []row{{"Slash command", at + "/commands"}, {"Event subscriptions", at + "/events"}}
	} else {
		p.Addresses = []row{{"Page", w.sidebarURL(c, i.ID)}, {"May be framed by", "https://" + i.Account + ".zendesk.com"}}
	}
	return p
}

func (w *web) sidebarURL(c *gin.Context, id string) string { return w.base(c) + "/embed/zendesk/" + id }

// refuse shows why something was not done beside what asked for it.
func (p *integrationPage) refuse(c *gin.Context, why *fault.Fault) {
	field, _ := why.Details["field"].(string)
	switch {
	case c.PostForm("do") == "remove":
		p.RemoveWrong = why.Message
	case slices.Contains([]string{"name", "account", "secrets.signing_secret", "secrets.bot_token"}, field):
		p.Form.Wrong[field] = wrongWords(why.Message, field)
		p.Problem = "Nothing was saved: something is wrong below."
	default:
		p.Problem = why.Message
	}
}

// newIntegration is the form for an integration that is not there yet.
func (w *web) newIntegration(c *gin.Context) error {
	kind := kindOfIntegration(c.Query("kind"))
	if kind.Kind == "" {
		c.Redirect(http.StatusSeeOther, "/settings/integrations#kinds")
		return nil
	}
	spec := store.IntegrationSpec{Kind: kind.Kind, Name: kind.Title, Unfurl: true, Enabled: true}
	return w.render(c, http.StatusOK, "integration", w.newIntegrationPage(c, &spec, nil))
}

func readIntegration(c *gin.Context, kind string) store.IntegrationSpec {
	spec := store.IntegrationSpec{Kind: kind, Name: strings.TrimSpace(c.PostForm("name")), Account: strings.TrimSpace(c.PostForm("account")), Customers: c.PostForm("customers") != "", Unfurl: c.PostForm("unfurl") != "", Enabled: c.PostForm("enabled") != "", Secrets: store.Secrets{}}
	if kind != store.Slack {
		spec.Unfurl = true // is not asked
		return spec
	}
	for _, name := range []string{store.SigningSecret, store.BotToken} {
		if v := strings.TrimSpace(c.PostForm("secrets." + name)); v != "" {
			spec.Secrets[name] = v
		} else if c.PostForm("forget."+name) != "" {
			spec.Secrets[name] = ""
		}
	}
	return spec
}

// addIntegration adds what the form says, and leads to it.
func (w *web) addIntegration(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	spec := readIntegration(c, c.PostForm("kind"))
	login := member(c)
	added, err := w.Store.AddIntegration(c.Request.Context(), login.Actor, login.Workspace, spec)
	if status := refusedAs(err); status != 0 && kindOfIntegration(spec.Kind).Kind != "" {
		page := w.newIntegrationPage(c, &spec, nil)
		page.refuse(c, fault.Of(err))
		return w.render(c, status, "integration", page)
	} else if err != nil {
		return err
	}
	c.Redirect(http.StatusSeeOther, integrationPath(added.ID)+"?done=added")
	return nil
}

var integrationDone = map[string]string{
	"added": "The integration is there. The rest is done on the other side, as it says below.", "saved": "Saved.",
	"ended": "The token has ended, and nobody is answered until there is another.",
}

// integration shows one.
func (w *web) integration(c *gin.Context) error {
	i, err := w.integrationAsked(c)
	if err != nil {
		return err
	}
	page := w.newIntegrationPage(c, specOfIntegration(&i), &i)
	page.Done = integrationDone[c.Query("done")]
	return w.render(c, http.StatusOK, "integration", page)
}

func (w *web) integrationAsked(c *gin.Context) (store.Integration, error) {
	id, err := pathID(c, "id")
	if err != nil {
		return store.Integration{}, err
	}
	return w.Store.Integration(c.Request.Context(), member(c).Workspace, id)
}

func specOfIntegration(i *store.Integration) *store.IntegrationSpec {
	return &store.IntegrationSpec{Kind: i.Kind, Name: i.Name, Account: i.Account, Customers: i.Customers, Unfurl: i.Unfurl, Enabled: i.Enabled}
}

// decideIntegration does what a button of the page says. What a test found, and a
// new token, is in the page that answers, and in no other.
func (w *web) decideIntegration(c *gin.Context) error {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxDecisionBody)
	i, err := w.integrationAsked(c)
	if err != nil {
		return err
	}
	ctx, login := c.Request.Context(), member(c)
	spec, to := specOfIntegration(&i), integrationPath(i.ID)
	var tested *slack.Check
	token := ""
	switch c.PostForm("do") {
	case "save":
		*spec = readIntegration(c, i.Kind)
		_, err = w.Store.SetIntegration(ctx, login.Actor, login.Workspace, i.ID, *spec)
		to += "?done=saved"
	case "test":
		var found slack.Check
		found, err = w.Desk.TestIntegration(ctx, login.Actor, login.Workspace, i.ID)
		tested = &found
	case "token":
		if token, err = w.Desk.MakeToken(ctx, login.Actor, login.Workspace, i.ID); err == nil {
			i, err = w.Store.Integration(ctx, login.Workspace, i.ID)
		}
	case "end":
		_, err = w.Store.SetIntegrationToken(ctx, login.Actor, login.Workspace, i.ID, nil)
		to += "?done=ended"
	case "remove":
		to = "/settings/integrations?done=removed"
		if err = invalid("Nothing was removed: tick that you are sure."); c.PostForm("sure") != "" {
			err = w.Store.RemoveIntegration(ctx, login.Actor, login.Workspace, i.ID)
		}
	default:
		err = invalid("Choose what to do.")
	}
	status := refusedAs(err)
	switch {
	case err != nil && status == 0:
		return err
	case err == nil && tested == nil && token == "":
		c.Redirect(http.StatusSeeOther, to)
		return nil
	}
	page := w.newIntegrationPage(c, spec, &i)
	page.Tested, page.Token = tested, token
	if err != nil {
		page.Tested = nil
		page.refuse(c, fault.Of(err))
	}
	return w.render(c, max(status, http.StatusOK), "integration", page)
}

// zendeskApp is the app to upload to Zendesk.
func (w *web) zendeskApp(c *gin.Context) error {
	i, err := w.integrationAsked(c)
	if err != nil {
		return err
	}
	if i.Kind != store.Zendesk {
		return fault.New(fault.NotFound, "file_not_found", "There is no such file.")
	}
	var b bytes.Buffer
	if err := zendesk.Write(&b, zendesk.Options{URL: w.sidebarURL(c, i.ID)}); err != nil {
		return invalid("The app cannot be made: %s. Set ERRATA_PUBLIC_URL to where people reach these pages.", err)
	}
	c.Header("Content-Disposition", `attachment; filename="errata-zendesk.zip"`)
	c.Data(http.StatusOK, "application/zip", b.Bytes())
	return nil
}
