package edge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
)

// Many bodies at once are held within the budget; who does not fit is told to
// come again, and room comes back.
func TestBudget(t *testing.T) {
	budget := NewBudget(1 << 20)
	r := New(Options{})
	r.Use(Bounded(budget))
	inside, release := make(chan struct{}, 10), make(chan struct{})
	r.POST("/", Handle(func(c *gin.Context) error {
		if _, err := ReadBody(c, 10<<20); err != nil {
			return err
		}
		inside <- struct{}{}
		<-release
		c.Status(http.StatusNoContent)
		return nil
	}))
	post := func(size int) int {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(strings.Repeat("x", size))))
		if w.Code == http.StatusServiceUnavailable {
			assert.Equal(t, "1", w.Header().Get("Retry-After"))
		}
		return w.Code
	}
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() { assert.Equal(t, http.StatusNoContent, post(300<<10)) })
	}
	for range 3 {
		<-inside
	}
	assert.Equal(t, http.StatusServiceUnavailable, post(300<<10))
	wg.Go(func() { assert.Equal(t, http.StatusNoContent, post(1<<10), "a small one still fits") })
	<-inside
	close(release)
	wg.Wait()
	assert.EqualValues(t, 1<<20, budget.left.Load(), "all of it came back")
	assert.Equal(t, http.StatusServiceUnavailable, post(2<<20), "larger than all of it")
}
