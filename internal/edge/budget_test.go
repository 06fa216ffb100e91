package edge

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"errata/internal/auth"
	"errata/internal/fault"
)

// Many bodies at once are held within the budget; who does not fit is told to
// come again, and room comes back.
func TestBudget(t *testing.T) {
	budget := NewBudget(1 << 20)
	r := New(Options{})
	r.Use(Bounded(budget))
	inside, release := make(chan struct{}, 10), make(chan struct{})
	r.POST("/:key", func(c *gin.Context) { SetKey(c, auth.Key{ID: c.Param("key")}) }, Handle(func(c *gin.Context) error {
		if _, err := ReadBody(c, 10<<20); err != nil {
			return err
		}
		inside <- struct{}{}
		<-release
		c.Status(http.StatusNoContent)
		return nil
	}))
	post := func(key string, size int) int {
		w := httptest.NewRecorder()
		r.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/"+key, strings.NewReader(strings.Repeat("x", size))))
		if w.Code == http.StatusServiceUnavailable {
			assert.Equal(t, "1", w.Header().Get("Retry-After"))
		}
		return w.Code
	}
	var wg sync.WaitGroup
	for _, key := range []string{"a", "b", "c"} {
		wg.Go(func() { assert.Equal(t, http.StatusNoContent, post(key, 300<<10)) })
	}
	for range 3 {
		<-inside
	}
	assert.Equal(t, http.StatusServiceUnavailable, post("d", 300<<10))
	wg.Go(func() { assert.Equal(t, http.StatusNoContent, post("d", 1<<10), "a small one still fits") })
	<-inside
	close(release)
	wg.Wait()
	assert.EqualValues(t, 1<<20, budget.Left(), "all of it came back")
	assert.Empty(t, budget.held)
	assert.Equal(t, http.StatusRequestEntityTooLarge, post("a", 2<<20), "larger than all of it")
}

// One key does not get more than half, unless it is for a single request.
func TestBudgetLeavesHalf(t *testing.T) {
	b := NewBudget(8 * leaseStep)
	first, second, other, alone := b.Open("noisy"), b.Open("noisy"), b.Open("quiet"), b.Open("noisy")
	require.NoError(t, first.spend(3*leaseStep))
	require.NoError(t, second.spend(leaseStep-10))
	require.NoError(t, second.spend(10), "paid for already")
	require.True(t, fault.Is(second.spend(1), fault.Unavailable))
	require.NoError(t, other.spend(4*leaseStep), "the other half")
	require.True(t, fault.Is(other.spend(1), fault.Unavailable))
	first.Close()
	second.Close()
	other.Close()
	require.NoError(t, alone.ahead(8*leaseStep))
	require.NoError(t, alone.spend(8*leaseStep))
	require.True(t, fault.Is(alone.spend(1), fault.TooLarge), "a retry has no chance")
	alone.Close()
	assert.EqualValues(t, 8*leaseStep, b.Left())
}
