package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"errata/internal/auth"
	"errata/internal/store"
)

// bootstrapKeys makes the keys that the settings name, and, beside a private
// database, an ingest key to begin with. That one is kept in a file, so that
// it can be shown again.
func (a *App) bootstrapKeys(ctx context.Context) error {
	for _, k := range []struct {
		name, secret string
		scope        auth.Scope
	}{{"bootstrap ingest", a.cfg.BootstrapIngestKey, auth.Ingest}, {"bootstrap admin", a.cfg.BootstrapAdminKey, auth.Admin}} {
		if k.secret == "" {
			continue
		}
		if err := a.Store.EnsureKey(ctx, store.DefaultWorkspace, k.name, []auth.Scope{k.scope}, k.secret); err != nil {
			return err
		}
	}
	a.IngestKey = a.cfg.BootstrapIngestKey
	if a.IngestKey != "" || a.db.private == nil {
		return nil
	}
	secret, err := keptKey(filepath.Join(a.db.dir, "ingest-key"))
	if err != nil {
		return err
	}
	a.IngestKey = secret
	return a.Store.EnsureKey(ctx, store.DefaultWorkspace, "first ingest key", []auth.Scope{auth.Ingest}, secret)
}

func keptKey(path string) (string, error) {
	raw, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(raw)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	secret := auth.NewSecret()
	return secret, os.WriteFile(path, []byte(secret+"\n"), 0o600)
}

const linkLifetime = time.Hour

// announce prints where everything is and how to begin.
func (a *App) announce(ctx context.Context) error {
	if a.opt.Role&API != 0 {
		token := auth.NewToken(auth.LoginPrefix)
		if err := a.Store.CreateLoginLink(ctx, store.DefaultWorkspace, "operator", auth.Admin, auth.Hash(token), time.Now().Add(linkLifetime)); err != nil {
			return err
		}
		a.LoginURL = "http://" + shown(a.HTTPAddr) + "/login/" + token
	}
	if a.opt.Out == nil {
		return nil
	}
	_, err := fmt.Fprint(a.opt.Out, a.banner())
	return err
}

func (a *App) banner() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nErrata %s is running.\n\n", Version)
	if a.LoginURL != "" {
		fmt.Fprintf(&b, "  Open      http://%s\n  Sign in   %s\n            (works once, within an hour)\n", shown(a.HTTPAddr), a.LoginURL)
	}
	if a.OTLPHTTPAddr != "" {
		fmt.Fprintf(&b, "  OTLP      http://%s (HTTP)  %s (gRPC)\n", shown(a.OTLPHTTPAddr), shown(a.OTLPGRPCAddr))
	}
	if a.IngestKey != "" && a.OTLPHTTPAddr != "" {
		fmt.Fprintf(&b, "  Ingest key  %s\n\n", a.IngestKey)
		fmt.Fprintf(&b, "Report a first failure, then look req_hello up on the page:\n\n"+
			"  curl -sS http://%s/v1/errors -H 'x-api-key: %s' -H 'Content-Type: application/json' \\\n"+
			"    -d '{\"service\":\"billing\",\"method\":\"POST\",\"endpoint\":\"/v1/charges\",\"status\":429,\"customer\":\"acme\",\"envelope\":"+
			"{\"error\":{\"code\":\"rate_limit_exceeded\",\"message\":\"Too many requests. Try again in 45 seconds.\",\"request_id\":\"req_hello\"}}}'\n",
			shown(a.OTLPHTTPAddr), a.IngestKey)
	}
	b.WriteString("\nCtrl-C stops it.\n\n")
	return b.String()
}
