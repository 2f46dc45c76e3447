//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// loadTables are written while something fails: one that needs no reading back, one
// with columns that do, and one of which all is read back.
var loadTables = map[string]string{
	never:  "(k int PRIMARY KEY, a int, b text)",
	needed: "(k int PRIMARY KEY, a int, s set<int>)",
	always: "(k int PRIMARY KEY, a int, b text)",
}

func loadStatements() (stmts []string) {
	for ks, create := range loadTables {
		stmts = append(stmts, "CREATE TABLE "+ks+".load "+create+" WITH cdc = true")
	}
	return stmts
}

// A load writes to the tables until it is stopped.
type load struct {
	done   atomic.Int64 // statements
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex
	history map[string][]string // by keyspace and key
}

func newLoad(t *testing.T) *load {
	ctx, cancel := context.WithCancel(t.Context())
	w := &load{cancel: cancel, history: map[string][]string{}}
	for ks := range loadTables {
		w.wg.Go(func() { w.write(ctx, ks) })
	}
	return w
}

// write executes statements one after the other, each until it succeeds: one that
// failed may have been executed.
func (w *load) write(ctx context.Context, ks string) {
	for n := 0; ctx.Err() == nil; n++ {
		k := rand.IntN(100)
		stmt := fmt.Sprintf("INSERT INTO %s.load (k, a) VALUES (%d, %d)", ks, k, n)
		switch x := rand.IntN(10); {
		case x == 0:
			stmt = fmt.Sprintf("DELETE FROM %s.load WHERE k = %d", ks, k)
		case x < 4 && ks == needed:
			stmt = fmt.Sprintf("UPDATE %s.load SET s = s + {%d} WHERE k = %d", ks, n%5, k)
		case x < 4:
			stmt = fmt.Sprintf("UPDATE %s.load SET b = '%d' WHERE k = %d", ks, n, k)
		}
		for ctx.Err() == nil {
			err := the.exec(context.WithoutCancel(ctx), stmt)
			w.mu.Lock()
			at := ks + "/" + strconv.Itoa(k)
			w.history[at] = append(w.history[at], fmt.Sprintf("%s  -- %v %v", stmt, time.Now().Format("15:04:05.000"), err))
			w.mu.Unlock()
			if err == nil {
				w.done.Add(1)
				break
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
			}
		}
		select {
		case <-time.After(2 * time.Millisecond): // not as fast as it can
		case <-ctx.Done():
		}
	}
}

// more waits until n statements more are done.
func (w *load) more(ctx context.Context, n int64) error {
	want := w.done.Load() + n
	return until(ctx, 2*time.Minute, func() (bool, error) { return w.done.Load() >= want, nil })
}

func (w *load) stop() {
	w.cancel()
	w.wg.Wait()
}

// about returns the last statements about a key.
func (w *load) about(ks, key string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	all := w.history[ks+"/"+key]
	return all[max(0, len(all)-15):]
}
