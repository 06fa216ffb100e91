package catalog

import (
	"embed"
	"fmt"
	"path"
	"slices"
	"sync"
)

//go:embed builtin
var builtinFiles embed.FS

// Profile is a way in which APIs differ, and what is built in of it: where one
// wants keys as Bearer tokens, the next wants them in x-api-key, and what helps
// with one is wrong for the other. A service takes one in its entry for All.
type Profile struct {
	Name, Title, About string
	entries            []Entry
}

// shelf is everything that is built in.
type shelf struct {
	general  []Entry
	profiles []Profile
	index    index
	of       map[string]index  // by profile
	topics   map[string]*Entry // the first of each
}

var (
	readBuiltIn sync.Once
	theShelf    *shelf
)

// builtIn reads what is built in when it is asked for first. None of it is an entry
// for All, whose check asks for profiles.
func builtIn() *shelf {
	readBuiltIn.Do(func() { theShelf = readShelf() })
	return theShelf
}

func readShelf() *shelf {
	s := &shelf{of: map[string]index{}, topics: map[string]*Entry{}}
	for _, name := range []string{"caller", "ours"} {
		doc := mustRead("builtin/" + name + ".yaml")
		s.general = append(s.general, doc.entries...)
	}
	s.index = newIndex(s.general)
	for i := range s.general {
		if e := &s.general[i]; e.topic != "" && s.topics[e.topic] == nil {
			s.topics[e.topic] = e
		}
	}
	files, err := builtinFiles.ReadDir("builtin/profiles")
	if err != nil {
		panic(err) // the files are part of the program
	}
	for _, f := range files {
		doc := mustRead(path.Join("builtin/profiles", f.Name()))
		for i := range doc.entries {
			doc.entries[i].of = doc.profile.Name
		}
		doc.profile.entries = doc.entries
		s.profiles = append(s.profiles, doc.profile)
		s.of[doc.profile.Name] = newIndex(doc.entries)
	}
	return s
}

// mustRead reads a file that is part of the program, and that a test has read.
func mustRead(name string) *reader {
	text, err := builtinFiles.ReadFile(name)
	if err != nil {
		panic(err)
	}
	rd := newReader(name)
	rd.builtin = true
	if rd.read(text); !rd.Well() {
		panic(fmt.Sprintf("catalog: %v", rd.Found()))
	}
	return rd
}

// Profiles are the ways in which APIs differ that are built in.
func Profiles() []Profile { return slices.Clone(builtIn().profiles) }

// Entries are what is built in of a profile.
func (p Profile) Entries() []Entry { return slices.Clone(p.entries) }

// BuiltIn are the entries for services without a profile.
func BuiltIn() []Entry { return slices.Clone(builtIn().general) }

func profileNames() []string {
	var out []string
	for _, p := range builtIn().profiles {
		out = append(out, p.Name)
	}
	return out
}
