package chaos

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"
)

// A proxy stands in front of a server and makes its network fail.
type proxy struct {
	target string
	ctx    context.Context // of the test
	ln     net.Listener
	wg     sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]bool
	refuses bool          // new connections
	delay   time.Duration // of what goes through, each way
	credit  int           // bytes until all are reset; negative for no end
}

// A link is one connection through a proxy.
type link struct {
	client, server *net.TCPConn
	half           bool // the server's side is gone, and the client is not told
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{target: target, ctx: t.Context(), ln: ln, links: map[*link]bool{}, credit: -1}
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		ln.Close()
		p.cut()
		p.mu.Lock()
		for l := range p.links {
			l.client.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.ln.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.ln.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.connect(c.(*net.TCPConn)) })
	}
}

func (p *proxy) connect(client *net.TCPConn) {
	s, err := new(net.Dialer).DialContext(p.ctx, "tcp", p.target)
	if err != nil {
		reset(client)
		return
	}
	l := &link{client: client, server: s.(*net.TCPConn)}
	p.mu.Lock()
	if p.refuses {
		p.mu.Unlock()
		reset(client)
		s.Close()
		return
	}
	p.links[l] = true
	p.mu.Unlock()
	p.wg.Go(func() { p.pump(l, l.server, l.client) })
	p.pump(l, l.client, l.server)
}

// pump moves bytes one way until either side ends.
func (p *proxy) pump(l *link, from, to *net.TCPConn) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		p.mu.Lock()
		half, delay := l.half, p.delay
		over := p.credit >= 0 && !half && p.spend(n)
		p.mu.Unlock()
		switch {
		case half && from == l.client && err == nil:
			continue // into the void
		case half && from == l.server:
			return // the client goes on waiting
		case over:
			p.reset()
			return
		}
		if delay > 0 {
			<-time.After(delay)
		}
		if n > 0 {
			if _, werr := to.Write(buf[:n]); werr != nil && err == nil {
				err = werr
			}
		}
		if err != nil {
			p.mu.Lock()
			half = l.half
			if !half || from == l.client {
				delete(p.links, l)
			}
			p.mu.Unlock()
			if half && from == l.server {
				return
			}
			l.client.Close()
			l.server.Close()
			return
		}
	}
}

// spend uses credit up, and reports whether that was the last of it.
func (p *proxy) spend(n int) bool {
	if p.credit -= n; p.credit > 0 {
		return false
	}
	p.credit = -1
	return true
}

// reset ends a connection with a RST instead of a FIN.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0) // it may be closed already
	c.Close()
}

// each calls f with all connections that are whole.
func (p *proxy) each(f func(*link)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.links {
		if !l.half {
			f(l)
		}
	}
}

// cut ends all connections, and refuses others until heal.
func (p *proxy) cut() {
	p.mu.Lock()
	p.refuses = true
	p.mu.Unlock()
	p.each(func(l *link) { l.client.Close(); l.server.Close() })
}

// reset resets all connections; others can be made.
func (p *proxy) reset() { p.each(func(l *link) { reset(l.client); reset(l.server) }) }

// resetAfter resets all connections after so many bytes, wherever that is in a
// message.
func (p *proxy) resetAfter(bytes int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.credit = bytes
}

// halfOpen makes the server lose all connections, and tells no client. Others can
// be made.
func (p *proxy) halfOpen() {
	p.each(func(l *link) { l.half = true; l.server.Close() })
}

func (p *proxy) slow(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.delay = d
}

// heal lets everything through again. What is half-open stays so.
func (p *proxy) heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuses, p.delay, p.credit = false, 0, -1
}
