package store

import (
	"fmt"
	"runtime"

	"golang.org/x/sync/errgroup"
)

// parallel does n pieces of work on all processors. The first error is given. A
// panic is an error as well: nobody else would recover it on a goroutine of its
// own, and one question must not end the process.
func parallel(n int, do func(i int) error) error {
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i := range n {
		g.Go(func() (err error) {
			defer func() {
				if r := recover(); r != nil {
					err = fmt.Errorf("panic: %v", r)
				}
			}()
			return do(i)
		})
	}
	return g.Wait()
}
