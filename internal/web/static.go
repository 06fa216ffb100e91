package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"

	"errata/internal/fault"
)

//go:embed static
var staticFiles embed.FS

type asset struct {
	url, mediaType string
	content        []byte
}

// assets are the static files by name. Their addresses carry a hash of their
// content, so that browsers may keep them for ever.
type assets map[string]asset

var mediaTypes = map[string]string{
	".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}

// bundles are the files that are served, and what each is made of: a page
// loads one of either kind, whatever rooms its source has.
var bundles = map[string][]string{
	"style.css": {"style.css", "stats.css", "chart.css", "topics.css", "incidents.css", "rules.css", "silences.css", "channels.css", "catalog.css", "requests.css", "team.css"},
	"errata.js": {"errata.js", "refresh.js", "chart.js"},
}

func loadAssets() assets {
	out := assets{}
	for name, parts := range bundles {
		var content []byte
		for _, part := range parts {
			b, err := staticFiles.ReadFile("static/" + part)
			if err != nil {
				panic(err) // the files are part of the program
			}
			content = append(content, b...)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(name)
		hashed := strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:6]) + ext
		out[name] = asset{url: "/static/" + hashed, mediaType: mediaTypes[ext], content: content}
	}
	return out
}

func (a assets) url(name string) string { return a[name].url }

func (w *web) static(c *gin.Context) error {
	for _, a := range w.assets {
		if a.url == "/static/"+c.Param("file") {
			c.Header("Cache-Control", "public, max-age=31536000, immutable")
			c.Data(http.StatusOK, a.mediaType, a.content)
			return nil
		}
	}
	return fault.New(fault.NotFound, "file_not_found", "There is no such file.")
}
