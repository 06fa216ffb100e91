package lookup

import (
	"regexp"
	"strings"
)

// columns finds tables with a row of names, as exports and tickets have them,
// and takes the columns whose name is that of an ID.
func (x *extraction) columns() {
	lines := strings.Split(x.rest, "\n")
	changed := false
	for i := 0; i < len(lines); i++ {
		cut, at, kinds := header(lines[i])
		if cut == "" {
			continue
		}
		j, rows := i+1, 0
		for ; j < len(lines); j++ {
			if strings.Trim(lines[j], " \t|:+-=") == "" {
				continue
			}
			row := split(lines[j], cut)
			if len(row) <= at[len(at)-1] || len(row) < 2 {
				break
			}
			for n, column := range at {
				v := unquote(strings.TrimPrefix(strings.Trim(row[column], " \t\""), "=")) // Excel: ="0042"
				if strings.ContainsAny(v, " \t") || len(v) < 3 || !hasDigit(v) || isDate(v) {
					continue
				}
				x.take(kinds[n], v)
				lines[j] = strings.Replace(lines[j], v, " ", 1)
				rows++
			}
		}
		if rows > 0 {
			lines[i], changed = "", true
		}
		i = j - 1
	}
	if changed {
		x.rest = strings.Join(lines, "\n")
	}
}

const (
	maxCells = 64
	jira     = "||" // parts the names in Jira's tables; a single one parts the values
)

var columnName = regexp.MustCompile(`(?i)^(?:[\w.-]{1,40}[_.-])?(?:request|correlation|req|trace|span|ray|activity)[ _.-]?(?:id|uuid|identifier)$|^(?:` + foreign + `)$`)

// header reads a line as names of columns: how they are parted, and which are
// of IDs.
func header(line string) (cut string, at []int, kinds []Kind) {
	if len(line) > 4096 || !strings.ContainsAny(line, "\t|;,") {
		return "", nil, nil
	}
	cuts := []string{"\t", "|", ";", ","}
	if from, to := strings.Index(line, jira), strings.LastIndex(line, jira); from >= 0 && from < to-1 {
		line, cuts = strings.ReplaceAll(line[from:to], jira, "|"), []string{jira}
	}
	for _, cut := range cuts {
		names := split(line, cut)
		if len(names) < 2 || len(names) > maxCells {
			continue
		}
		for i, name := range names {
			name = unquote(name)
			if _, inner, ok := strings.Cut(strings.TrimSuffix(name, ")"), " ("); ok && strings.HasSuffix(name, ")") && columnName.MatchString(inner) {
				name = inner // Jira: Custom field (Request ID)
			}
			if columnName.MatchString(name) {
				at, kinds = append(at, i), append(kinds, kindOf(strings.ToLower(name)))
			}
		}
		filled := 0
		for _, name := range names {
			if strings.TrimSpace(name) != "" {
				filled++
			}
			if len(name) > 60 || strings.ContainsAny(name, ":={") {
				at = nil
			}
		}
		if len(at) > 0 && filled > 1 {
			return cut, at, kinds
		}
	}
	return "", nil, nil
}

func split(line, cut string) []string {
	line = strings.TrimSpace(line)
	if cut == jira {
		line, cut = line[max(0, strings.IndexByte(line, '|')):], "|"
	}
	if cut == "|" {
		line = strings.Trim(line, "|")
	}
	return strings.SplitN(line, cut, maxCells+1)
}

func unquote(s string) string { return strings.Trim(s, " \t\"'`*{}") }
