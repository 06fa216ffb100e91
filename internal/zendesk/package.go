// Package zendesk makes the app that shows Errata's page beside tickets: a manifest
// that says where the page is, and what an upload to Zendesk needs besides.
//
// There is no code of the app but the page itself, which Errata serves: an update
// of Errata updates it. It is pure.
package zendesk

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"net/netip"
	"net/url"
	"regexp"
)

// Options are what differs between installations.
type Options struct {
	URL   string // of the page: https://errata.example.com/embed/zendesk/{id}
	Email string // whom Zendesk's users ask about the app; errata@ the page's host where empty
}

var page = regexp.MustCompile(`/embed/zendesk/[0-9a-f-]{36}$`)

func (o Options) check() (Options, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || !page.MatchString(u.Path) {
		return o, fmt.Errorf("%q is not the page's address: it ends in /embed/zendesk/ and the integration's ID, as its page shows it", o.URL)
	}
	a, err := netip.ParseAddr(u.Hostname())
	if here := err == nil && a.IsLoopback() || u.Hostname() == "localhost"; u.Scheme != "https" && !(u.Scheme == "http" && here) {
		return o, fmt.Errorf("the page has to be served over https://, or browsers do not show it in Zendesk")
	}
	if o.Email == "" {
		o.Email = "errata@" + u.Hostname()
	}
	return o, nil
}

type manifest struct {
	Name             string             `json:"name"`
	Author           author             `json:"author"`
	DefaultLocale    string             `json:"defaultLocale"`
	Private          bool               `json:"private"`
	Location         map[string]product `json:"location"`
	Parameters       []parameter        `json:"parameters"`
	Version          string             `json:"version"`
	FrameworkVersion string             `json:"frameworkVersion"`
}

type author struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

type product struct {
	Sidebar sidebar `json:"ticket_sidebar"`
}

type sidebar struct {
	URL      string `json:"url"`
	Flexible bool   `json:"flexible"`
}

// parameter is not "secure" for Zendesk: those never reach a page, and the page
// needs it.
type parameter struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Required bool   `json:"required"`
	Secure   bool   `json:"secure"`
}

// Manifest is the app's manifest.json.
// https://developer.zendesk.com/documentation/apps/app-developer-guide/manifest/
func Manifest(o Options) ([]byte, error) {
	o, err := o.check()
	if err != nil {
		return nil, err
	}
	return document(manifest{
		Name: "Errata", Author: author{"Errata", o.Email}, DefaultLocale: "en", Private: true, Version: "1.0", FrameworkVersion: "2.0",
		Location: map[string]product{"support": {sidebar{o.URL, true}}}, Parameters: []parameter{{Name: "token", Type: "text", Required: true}},
	})
}

func document(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err := enc.Encode(v)
	return b.Bytes(), err
}

type words struct {
	App struct {
		Name         string           `json:"name"`
		Short        string           `json:"short_description"`
		Long         string           `json:"long_description"`
		Instructions string           `json:"installation_instructions"`
		Parameters   map[string]label `json:"parameters"`
	} `json:"app"`
}

type label struct {
	Label string `json:"label"`
	Help  string `json:"helpText"`
}

// Write writes the app as Zendesk takes it: a ZIP file. The same options make the
// same file.
func Write(w io.Writer, o Options) error {
	doc, err := Manifest(o)
	if err != nil {
		return err
	}
	var said words
	said.App.Name = "Errata"
	said.App.Short = "What happened to the customer's request."
	said.App.Long = "Reads the ticket, looks up the request IDs in it, and shows what failed, what to do, and what to write back."
	said.App.Instructions = "Enter the token that Errata shows under Settings, Integrations."
	said.App.Parameters = map[string]label{"token": {"Token", "From Errata, Settings, Integrations: make a token, and paste it here."}}
	translations, err := document(said)
	if err != nil {
		return err
	}
	z := zip.NewWriter(w)
	for _, f := range []struct {
		name    string
		content []byte
	}{{"manifest.json", doc}, {"translations/en.json", translations}, {"assets/logo.png", logo(320)}, {"assets/logo-small.png", logo(128)}} {
		into, err := z.Create(f.name)
		if err != nil {
			return err
		}
		if _, err := into.Write(f.content); err != nil {
			return err
		}
	}
	return z.Close()
}

// logo is three lines of a log, the middle one in red.
func logo(size int) []byte {
	img := image.NewPaletted(image.Rect(0, 0, size, size), color.Palette{color.RGBA{0x11, 0x14, 0x18, 0xff}, color.RGBA{0xe8, 0xeb, 0xef, 0xff}, color.RGBA{0xff, 0x8a, 0x80, 0xff}})
	for i, bar := range []struct {
		to    int // of 16
		paint uint8
	}{{12, 1}, {14, 2}, {9, 1}} {
		for y := size * (4 + 3*i) / 16; y < size*(6+3*i)/16; y++ {
			for x := size * 2 / 16; x < size*bar.to/16; x++ {
				img.SetColorIndex(x, y, bar.paint)
			}
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err) // a buffer takes it
	}
	return b.Bytes()
}
