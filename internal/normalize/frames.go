package normalize

import (
	"slices"
	"strings"
)

const (
	topFrames  = 5
	maxLines   = 400
	lineLength = 300
)

// foreign marks frames of runtimes and libraries, which many failures share.
var foreign = []string{
	"node_modules", "node:internal", "site-packages", "dist-packages", "/usr/lib", "/lib/python", "/pkg/mod/", "/usr/local/go/",
	"runtime/", "at java.", "at javax.", "at jakarta.", "at jdk.", "at sun.", "at org.springframework.", "at org.apache.",
	"at System.", "at Microsoft.", "/gems/", "/vendor/",
}

// frames gives the innermost frames of the application's own code, without
// line numbers and addresses; those of any code when there are none.
func frames(stack string) []string {
	var own, all []string
	lines := 0
	for line := range strings.Lines(stack) {
		if lines++; lines > maxLines {
			break
		}
		line = strings.TrimSpace(line)
		if line == "" || !isFrame(line) {
			continue
		}
		f := withoutNumbers(cutRunes(line, lineLength))
		all = append(all, f)
		if !slices.ContainsFunc(foreign, func(mark string) bool { return strings.Contains(line, mark) }) {
			own = append(own, f)
		}
	}
	if len(own) == 0 {
		own = all
	}
	if strings.Contains(stack[:min(len(stack), 512)], "most recent call last") {
		slices.Reverse(own) // Python tells the innermost last
	}
	return own[:min(len(own), topFrames)]
}

// isFrame recognises a line that names code in the common runtimes' traces.
func isFrame(line string) bool {
	return strings.HasPrefix(line, "at ") || strings.HasPrefix(line, `File "`) || strings.Contains(line, ".go:") ||
		strings.Contains(line, ".rb:") || strings.Contains(line, ".ex:") || (line[0] == '#' && strings.Contains(line, ".php"))
}

func withoutNumbers(line string) string {
	if i := strings.Index(line, " +0x"); i >= 0 {
		line = line[:i]
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, line)
}
