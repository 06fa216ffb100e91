package auth

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestWhatScopesInclude(t *testing.T) {
	includes := map[Scope][]Scope{
		Ingest: {Ingest}, Support: {Support}, Read: {Support, Read}, Admin: {Ingest, Support, Read, Admin}, Anyone: nil, "": nil, "owner": nil,
	}
	for have, list := range includes {
		for _, asked := range []Scope{Ingest, Support, Read, Admin, Anyone, "", "owner"} {
			want := false
			for _, s := range list {
				want = want || s == asked
			}
			assert.Equal(t, want, have.Includes(asked), "%q includes %q", have, asked)
			assert.Equal(t, want, Key{Scopes: []Scope{have}}.Allows(asked), "a key with %q and %q", have, asked)
		}
	}
	both := Key{Scopes: []Scope{Ingest, Support}}
	assert.True(t, both.Allows(Ingest) && both.Allows(Support))
	assert.False(t, both.Allows(Read) || both.Allows(Admin), "two scopes add up, and to no more")
	assert.False(t, Key{}.Allows(Support))
}

func TestDoorsAreDecided(t *testing.T) {
	assert.Equal(t, Admin, Least("GET", "/v1/nobody/thought/of/it"), "what nobody decided is for administrators")
	assert.Equal(t, Admin, Least("GET", ""))
	assert.Equal(t, Support, Least("GET", "/v1/requests/:request_id"))
	assert.Equal(t, Admin, Least("DELETE", "/v1/requests/:request_id"), "a decision is about one method")
	for route, scope := range Doors() {
		assert.True(t, scope == Anyone || scope.Valid(), "%s: %q", route, scope)
	}
	mine := Doors()
	mine["GET /d"] = Support
	assert.Equal(t, Read, Least("GET", "/d"), "a copy decides nothing")
}
