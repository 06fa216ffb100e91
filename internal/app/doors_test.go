package app

import (
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/api"
	"errata/internal/auth"
	"errata/internal/web"
)

// The table of who may what is of the routes that there are, of both servers.
func TestDoorsAreThoseOfTheServers(t *testing.T) {
	served := map[string]bool{}
	for _, h := range []any{api.New(api.Deps{}), web.New(web.Deps{})} {
		engine, ok := h.(*gin.Engine)
		require.True(t, ok)
		for _, r := range engine.Routes() {
			route := r.Method + " " + r.Path
			assert.False(t, served[route], "%s is served twice", route)
			served[route] = true
		}
	}
	decided := map[string]bool{}
	for route := range auth.Doors() {
		decided[route] = true
	}
	assert.Equal(t, served, decided, "internal/auth/doors.go")
}
