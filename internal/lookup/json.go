package lookup

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

const (
	maxDocuments = 64 // openings of JSON that are tried
	maxDepth     = 12
)

// json takes the known fields out of every JSON object in the text, wherever
// it begins and whatever stands around it. The text stays as it is: the later
// steps find under its names what is cut off or badly quoted.
func (x *extraction) json() {
	rest := x.rest
	for range maxDocuments {
		at := strings.IndexByte(rest, '{')
		if at < 0 {
			break
		}
		rest = rest[at:]
		dec := json.NewDecoder(strings.NewReader(rest))
		dec.UseNumber() // an ID may be a long number, to the last digit
		var doc map[string]any
		if dec.Decode(&doc) != nil {
			rest = rest[1:]
			continue
		}
		x.walk(doc, 0)
		rest = rest[dec.InputOffset():]
	}
}

// fields are the names under which error bodies carry IDs, without case and
// separators, in the order of their worth.
var fields = []struct {
	name string
	kind Kind
}{
	{"requestid", Request}, {"xrequestid", Request}, {"reqid", Request}, {"correlationid", Request}, {"xcorrelationid", Request},
	{"activityid", Request}, {"errorid", Request}, {"traceid", Trace}, {"fbtraceid", Trace}, {"debugid", Request}, {"logref", Request},
	{"upstreamrequestid", Request}, {"providerrequestid", Request}, {"clientrequestid", Request}, {"gatewayrequestid", Request},
	{"@tr", Trace} /* Serilog */, {"hostid", AWS}, {"rayid", Ray}, {"cfray", Ray}, {"spanid", Span},
}

var plain = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

func (x *extraction) walk(v any, depth int) {
	if depth > maxDepth {
		return
	}
	switch v := v.(type) {
	case map[string]any:
		x.object(v)
		for _, key := range slices.Sorted(maps.Keys(v)) {
			x.walk(v[key], depth+1)
		}
	case []any:
		for _, inner := range v {
			x.walk(inner, depth+1)
		}
	}
}

// idOfRequest reads a logged request, {"id", "method", "url"}, as Node's loggers
// write it.
func idOfRequest(v any) any {
	if o, ok := v.(map[string]any); ok && o["method"] != nil {
		return o["id"]
	}
	return nil
}

func (x *extraction) object(o map[string]any) {
	names := make(map[string]any, len(o))
	if o["req"] != nil {
		names["requestid"] = idOfRequest(o["req"])
	}
	for k, v := range o {
		names[plain.Replace(strings.ToLower(k))] = v
	}
	for _, f := range fields {
		switch v := names[f.name].(type) {
		case string:
			if f.name == "hostid" && o["HostId"] == nil && len(v) < minHostID {
				continue // of a machine
			}
			v = strings.TrimSpace(v)
			if f.kind == Trace || f.kind == Span {
				v = withoutBase(v)
			}
			x.take(f.kind, v)
		case json.Number:
			x.take(f.kind, v.String())
		}
	}
}
