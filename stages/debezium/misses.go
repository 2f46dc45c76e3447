package debezium

import (
	"sync"
	"time"
)

// A miss is something that was asked for in vain: a table, or what a table lacks.
type miss struct{ keyspace, name, what string }

// Misses are asked for again after a second, then after twice as long each time.
const (
	firstWait = time.Second
	maxWait   = time.Minute
	maxMisses = 4096
	maxMiss   = 1024 // bytes of its names
)

// misses remembers what was asked for in vain, so that events that need it do
// not make as many requests. The zero misses is empty.
type misses struct {
	mu    sync.Mutex
	until map[miss]wait
}

type wait struct {
	end time.Time
	d   time.Duration
}

// due reports whether m may be asked for. While there are more misses than can
// be remembered, nothing new is: names that nobody can keep count of are made up.
func (x *misses) due(m miss) bool {
	if len(m.keyspace)+len(m.name)+len(m.what) > maxMiss {
		return false
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	w, known := x.until[m]
	if known {
		return !now.Before(w.end)
	}
	if len(x.until) < maxMisses {
		return true
	}
	for m, w := range x.until {
		if now.After(w.end.Add(w.d)) {
			delete(x.until, m)
		}
	}
	return len(x.until) < maxMisses
}

// add notes that m was asked for.
func (x *misses) add(m miss) {
	x.mu.Lock()
	defer x.mu.Unlock()
	now := time.Now()
	d := firstWait
	if w, known := x.until[m]; known && now.Before(w.end.Add(w.d)) {
		d = min(2*w.d, maxWait)
	}
	if x.until == nil {
		x.until = map[miss]wait{}
	}
	x.until[m] = wait{now.Add(d), d}
}
