package cli

import (
	"io"
	"os"

	"errata/internal/yamldoc"
)

// readFile reads what somebody wrote: a file, or what comes in where that is "-".
// It gives one byte beyond limit, for whoever reads it to say that it is too much.
func readFile(in io.Reader, file string, limit int64) (name string, text []byte, err error) {
	name = file
	if file == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(file) //nolint:gosec // the operator names it
		if err != nil {
			return "", nil, exitf("Cannot read %s: %s", safe(file), safe(err.Error()))
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	if text, err = io.ReadAll(io.LimitReader(in, limit+1)); err != nil {
		return "", nil, exitf("Cannot read %s: %s", safe(file), safe(err.Error()))
	}
	return name, text, nil
}

// lint says everything that is wrong with files of something.
func lint[T any](out io.Writer, files []string, one, many string, read func(file string) ([]T, []yamldoc.Mistake, error)) error {
	p := printer{out: out}
	n := 0
	for _, f := range files {
		list, mistakes, err := read(f)
		if err != nil {
			return err
		}
		for _, m := range mistakes {
			p.line("%s", safe(m.String()))
		}
		if len(mistakes) == 0 {
			p.line("%s: %s, nothing wrong", safe(f), plural(len(list), one, many))
		}
		n += len(mistakes)
	}
	if p.err == nil && n > 0 {
		return exitf("%s to mend.", plural(n, "mistake", "mistakes"))
	}
	return p.err
}
