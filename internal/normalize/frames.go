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

// frames gives the innermost frames of the application's own code, in a form
// that is the same from build to build; those of any code when there are none.
func frames(stack string) []string {
	var own, all []string
	lines, before := 0, ""
	for line := range strings.Lines(stack) {
		if lines++; lines > maxLines {
			break
		}
		line = cutRunes(strings.TrimSpace(line), lineLength)
		name, ours := frame(line, before)
		before = line
		if name == "" {
			continue
		}
		all = append(all, name)
		if ours {
			own = append(own, name)
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

// frame names the code that a line of a stack trace is about, and says whether
// it is the application's own; "" for a line that is no frame. Go tells the
// function in the line before.
func frame(line, before string) (name string, own bool) {
	switch {
	case line == "":
		return "", false
	case strings.HasPrefix(line, "at "):
		return frameAt(line[len("at "):])
	case strings.HasPrefix(line, `File "`):
		return pythonFrame(line)
	case strings.Contains(line, ".go:"):
		return goFrame(line, before)
	case isScript(line):
		return withoutNumbers(line), !contains(line, "/gems/", "/ruby/", "/vendor/", "/deps/")
	}
	return scriptFrame(line)
}

// isScript recognises Ruby, Elixir and PHP.
func isScript(line string) bool {
	return strings.Contains(line, ".rb:") || strings.Contains(line, ".ex:") || (line[0] == '#' && strings.Contains(line, ".php"))
}

// frameAt reads what follows "at" in the traces of Java, .NET and JavaScript.
func frameAt(s string) (name string, own bool) {
	s = strings.TrimPrefix(s, "async ")
	call, where, found := cutLast(s, " (")
	if !found {
		call, where = "", s
	}
	where = strings.TrimSuffix(where, ")")
	switch {
	case strings.HasPrefix(where, "index "): // of Promise.all
		return "", false
	case inScript(where), strings.HasPrefix(where, "node:"), where == "native", where == "<anonymous>":
		file := withoutPlace(where)
		foreign := contains(file, "node_modules", "node:", "<anonymous>", "native", "internal/")
		return withoutNumbers(strings.TrimSpace(call + " " + withoutHashes(file))), !foreign
	case inJava(s):
		return javaFrame(s)
	case !strings.Contains(s, "("):
		return "", false // a sentence
	}
	method, _, _ := strings.Cut(s, "(") // .NET; parameters and file come and go with the build's settings
	return withoutNumbers(method), !startsWith(method, "System.", "Microsoft.", "MS.Internal", "lambda_method")
}

// scriptFrame reads what browsers other than Chromium write: call@file:1:2.
func scriptFrame(line string) (name string, own bool) {
	call, where, found := strings.Cut(line, "@")
	if !found || !inScript(where) || strings.ContainsAny(line, " \t") {
		return "", false
	}
	file := withoutPlace(where)
	return withoutNumbers(strings.TrimSpace(call + " " + withoutHashes(file))), !contains(file, "node_modules")
}

// inScript recognises file:line:column.
func inScript(where string) bool {
	file := withoutPlace(where)
	return strings.Count(where[len(file):], ":") == 2
}

// withoutPlace cuts the line and the column off.
func withoutPlace(where string) string {
	for range 2 {
		at := strings.LastIndexByte(where, ':')
		if at < 0 || at+1 == len(where) || strings.Trim(where[at+1:], "0123456789") != "" {
			break
		}
		where = where[:at]
	}
	return where
}

// withoutHashes takes the marks of a build out of a file's name: main.3f2a1b9c.js.
func withoutHashes(file string) string {
	file = withoutQuery(file)
	if at := strings.Index(file, "://"); at >= 0 { // the host is where it was served from
		rest := file[at+3:]
		file = rest[max(strings.IndexByte(rest, '/'), 0):]
	}
	slash := strings.LastIndexByte(file, '/') + 1
	parts := strings.FieldsFunc(file[slash:], func(r rune) bool { return r == '.' || r == '-' })
	parts = slices.DeleteFunc(parts, func(p string) bool { return len(p) >= 8 && isID(p) })
	return file[:slash] + strings.Join(parts, ".")
}

func inJava(s string) bool {
	return contains(s, ".java:", ".kt:", ".scala:", ".groovy:", "(Native Method)", "(Unknown Source)", ".java)", "(<generated>)")
}

// javaFrame drops class loaders and modules ("app//", "java.base/"), and the
// names that proxies and lambdas get at run time ("$$Lambda$14/0x00c3f").
func javaFrame(s string) (name string, own bool) {
	name, _, _ = strings.Cut(s, "(")
	if at := strings.Index(name, "$$"); at >= 0 {
		rest := name[at:]
		name = name[:at] + rest[max(strings.LastIndexByte(rest, '.'), 0):]
	}
	name = name[strings.LastIndexByte(name, '/')+1:]
	return withoutNumbers(name), !startsWith(name, "java.", "javax.", "jakarta.", "jdk.", "sun.", "com.sun.", "org.springframework.", "org.apache.",
		"org.hibernate.", "org.eclipse.jetty.", "io.netty.", "io.undertow.", "reactor.", "kotlin.", "kotlinx.", "scala.", "groovy.", "org.codehaus.groovy.")
}

func pythonFrame(line string) (name string, own bool) {
	file, rest, _ := strings.Cut(strings.TrimPrefix(line, `File "`), `"`)
	if _, function, ok := strings.Cut(rest, ", in "); ok {
		name = " in " + function
	}
	return withoutNumbers(file + name), !contains(file, "site-packages", "dist-packages", "/lib/python", "/usr/lib", "<frozen")
}

// goFrame takes the function's name, and the file where there is none.
func goFrame(line, before string) (name string, own bool) {
	file, _, _ := strings.Cut(line, ".go:")
	if strings.ContainsAny(file, " \t") {
		return "", false // a message that names a file
	}
	foreign := contains(file, "/pkg/mod/", "@v", "/vendor/", "/usr/local/go/", "/usr/lib/go", "/go/src/runtime/")
	function := strings.TrimPrefix(before, "created by ")
	function, _, _ = strings.Cut(function, " in goroutine ")
	if strings.HasSuffix(function, ")") && !strings.HasSuffix(function, ").") {
		function, _, _ = cutLast(function, "(")
	}
	if function == "" || strings.ContainsAny(function, " \t:") || !strings.Contains(function, ".") {
		function = file
	}
	root, _, _ := strings.Cut(function, "/")
	root, _, _ = strings.Cut(root, ".")
	_, std := goRoots[root]
	return withoutNumbers(function), !foreign && !std
}

// goRoots are where import paths of Go's own packages begin.
var goRoots = func() map[string]struct{} {
	roots := map[string]struct{}{}
	for _, root := range strings.Fields(`archive bufio bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go
		hash html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings
		sync syscall testing text time unicode unique unsafe vendor weak`) {
		roots[root] = struct{}{}
	}
	return roots
}()

func contains(s string, marks ...string) bool {
	return slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(s, mark) })
}

func startsWith(s string, marks ...string) bool {
	return slices.ContainsFunc(marks, func(mark string) bool { return strings.HasPrefix(s, mark) })
}

func cutLast(s, separator string) (before, after string, found bool) {
	if at := strings.LastIndex(s, separator); at >= 0 {
		return s[:at], s[at+len(separator):], true
	}
	return s, "", false
}

func withoutNumbers(line string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, line)
}
