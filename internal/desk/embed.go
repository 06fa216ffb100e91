package desk

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"html/template"
	"io"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/auth"
	"errata/internal/edge"
	"errata/internal/event"
	"errata/internal/fault"
	"errata/internal/store"
)

const (
	embedCards = 10        // requests in one answer
	maxText    = 256 << 10 // bytes of a ticket's text
	maxAsk     = 2 << 20   // JSON may spend six bytes on one of the text
)

//go:embed static templates
var embedded embed.FS

var sidebarPage = template.Must(template.ParseFS(embedded, "templates/sidebar.html"))

// file is a static file; its address carries a hash of its content.
type file struct {
	url, mediaType string
	content        []byte
}

type files map[string]file

func loadFiles() files {
	out := files{}
	for name, media := range map[string]string{"sidebar.css": "text/css; charset=utf-8", "sidebar.js": "text/javascript; charset=utf-8"} {
		content, err := embedded.ReadFile("static/" + name)
		if err != nil {
			panic(err) // the files are part of the program
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(name)
		out[name] = file{"/embed/static/" + strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext, media, content}
	}
	return out
}

func (d *Desk) static(c *gin.Context) error {
	for _, f := range d.files {
		if f.url == c.Request.URL.Path {
			c.Header("Cache-Control", "public, max-age=31536000, immutable")
			c.Data(http.StatusOK, f.mediaType, f.content)
			return nil
		}
	}
	return fault.New(fault.NotFound, "file_not_found", "There is no such file.")
}

type sidebarData struct {
	CSS, JS, ID string
	Frames      string // the origins that may frame it, between spaces
}

// sidebar is the page beside a ticket. It holds nothing: whoever may see it is
// decided when it asks. Only the subdomain that was configured may frame it, and it
// loads nothing but its own two files.
func (d *Desk) sidebar(c *gin.Context) error {
	door, err := d.door(c, store.Zendesk)
	if err != nil {
		return err
	}
	if !door.Enabled {
		return disabled()
	}
	frames := strings.Join(d.Frames(door.Account), " ")
	var b bytes.Buffer
	if err := sidebarPage.Execute(&b, sidebarData{d.files["sidebar.css"].url, d.files["sidebar.js"].url, door.ID, frames}); err != nil {
		return err
	}
	c.Header("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors "+frames)
	c.Data(http.StatusOK, "text/html; charset=utf-8", b.Bytes())
	return nil
}

// embeddedDoor is the integration that a page in Zendesk asks for.
func (d *Desk) embeddedDoor(c *gin.Context) (store.Door, error) {
	door, err := d.door(c, store.Zendesk)
	if err == nil && !door.Enabled {
		err = disabled()
	}
	return door, err
}

// bounded refuses who asks too often, once it is known that they may ask: nobody
// else uses that up.
func (d *Desk) bounded(door *store.Door) error {
	if d.mayAsk(door.ID) {
		return nil
	}
	return fault.New(fault.RateLimited, "rate_limit_exceeded", "This integration asks more often than it may. Wait a little.")
}

type sessionReply struct {
	Session   string     `json:"session"`
	ExpiresAt event.Time `json:"expires_at"`
}

// session takes the token, which the app hands to the page, and gives what lasts
// for some minutes in its place.
func (d *Desk) session(c *gin.Context) error {
	door, err := d.embeddedDoor(c)
	if err != nil {
		return err
	}
	if !mayOpen(&door, auth.FromHeaders(c.GetHeader)) {
		d.note(c.Request.Context(), &door, "A page showed a token that is not this integration's")
		return refused()
	}
	if err := d.bounded(&door); err != nil {
		return err
	}
	d.note(c.Request.Context(), &door, "")
	until := d.Now().Add(sessionLength)
	c.PureJSON(http.StatusOK, sessionReply{sealSession(&door, until), event.Time{Time: until.UTC()}})
	return nil
}

// fromPage reads into in what a page of ours within Zendesk asks, of an agent whose
// session lasts. wants is how the body has to be.
func (d *Desk) fromPage(c *gin.Context, limit int64, in any, wants string) (store.Door, error) {
	door, err := d.embeddedDoor(c)
	if err != nil {
		return door, err
	}
	if !openSession(&door, auth.FromHeaders(c.GetHeader), d.Now()) {
		return door, refused()
	}
	if err := d.bounded(&door); err != nil {
		return door, err
	}
	body, err := edge.ReadBody(c, limit)
	if err != nil {
		return door, err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	if err := dec.Decode(in); err != nil || !ends(dec) {
		return door, bodyMustBe(wants)
	}
	return door, nil
}

func bodyMustBe(wants string) error {
	return fault.New(fault.Invalid, "invalid_request", "The body must be %s.", wants)
}

// embedLookup answers for the text of a ticket, which is not kept.
func (d *Desk) embedLookup(c *gin.Context) error {
	const wants = `{"text": "…"}`
	var in struct {
		Text   *string `json:"text"`
		Ticket string  `json:"ticket"`
	}
	door, err := d.fromPage(c, maxAsk, &in, wants)
	if err != nil {
		return err
	}
	if in.Text == nil {
		return bodyMustBe(wants)
	}
	if len(*in.Text) > maxText {
		return fault.New(fault.TooLarge, "payload_too_large", "The text is larger than %d KiB.", maxText>>10).With("limit_bytes", maxText)
	}
	own, err := ticketOf(&door, in.Ticket)
	if err != nil {
		return err
	}
	found, err := d.find(c.Request.Context(), question{ws: door.Workspace, actor: agent(&door), text: *in.Text, most: embedCards, customers: door.Customers, tickets: true, ticket: own})
	if err != nil {
		return err
	}
	c.PureJSON(http.StatusOK, found)
	return nil
}

func ends(dec *json.Decoder) bool {
	_, err := dec.Token()
	return err == io.EOF //nolint:errorlint // as the decoder gives it
}
