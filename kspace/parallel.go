package kspace

import (
	"runtime"
	"sync"
)

// Parallel divides [0, n) into so many ranges, calls f with all of them at the same time, and returns when all calls did. part counts
// the ranges. What f makes of an index must not depend on the range that it is in.
func Parallel(parts, n int, f func(part, from, to int)) {
	if parts == 1 {
		f(0, 0, n)
		return
	}
	var all sync.WaitGroup
	for p := range parts {
		all.Go(func() { f(p, n*p/parts, n*(p+1)/parts) })
	}
	all.Wait()
}

// Processors is how many parts are worth while. It may change while the program runs.
func Processors() int { return runtime.GOMAXPROCS(0) }
