package cli

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"errata/internal/zendesk"
)

// ZendeskPackage writes the app for Zendesk into a file, which must not be there
// yet; "-" is out.
func ZendeskPackage(out io.Writer, file string, o zendesk.Options) error {
	var b bytes.Buffer
	if err := zendesk.Write(&b, o); err != nil {
		return err
	}
	if file == "-" {
		_, err := out.Write(b.Bytes())
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // it holds no secret
	if err != nil {
		return err
	}
	if _, err := f.Write(b.Bytes()); err != nil {
		_ = f.Close() // the first error says it
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Upload %s to Zendesk as a private app, and enter the integration's token there.\n", file)
	return err
}
