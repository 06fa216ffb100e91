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

func loadAssets() assets {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		panic(err) // the files are part of the program
	}
	out := assets{}
	for _, e := range entries {
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(e.Name())
		name := strings.TrimSuffix(e.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext
		out[e.Name()] = asset{url: "/static/" + name, mediaType: mediaTypes[ext], content: content}
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
