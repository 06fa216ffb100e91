package migrations

import (
	"context"

	"github.com/pressly/goose/v3"
)

// UpTo applies the migrations up to a version, as an older program would.
func UpTo(ctx context.Context, url string, version int64) error {
	return with(url, func(p *goose.Provider) error {
		_, err := p.UpTo(ctx, version)
		return err
	})
}
