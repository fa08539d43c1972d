package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"

	"github.com/closer-mri/closer/recon"
)

// Three things bound what the server takes on, and each refusal says when to come again. The disk: 503, as long as less than the
// watermark would stay free. The queue, and one client's uploads at a time: 429, because there the client can do something about it.
// All are looked at before the body, so that a refusal costs neither side its bytes.

// open refuses an upload of the given size (-1 when unknown) before its bytes are read.
func (a *api) open(ctx context.Context, size int64) error {
	if size > a.MaxUpload {
		return problemf(http.StatusRequestEntityTooLarge, "the body has %d bytes; at most %d are taken", size, a.MaxUpload)
	}
	if err := a.room(max(size, 0)); err != nil {
		return err
	}
	if err := a.Blobs.Ready(ctx); err != nil {
		return unavailable(err)
	}
	return unavailable(a.Queue.Ready(ctx))
}

// unavailable makes an error that is not one for now, and says so, one.
func unavailable(err error) error {
	switch recon.CodeOf(err) {
	case "", recon.Busy, recon.Unavailable:
		return err
	}
	return &recon.Error{Code: recon.Unavailable, Message: "the server takes no scans now", Cause: err}
}

// room is Unavailable when size more bytes would leave less than the watermark free.
func (a *api) room(size int64) error {
	free, _, err := a.free(a.DataDir)
	if err != nil {
		return fmt.Errorf("look at the disk: %w", err)
	}
	if free-size < a.minFree {
		return diskFull(nil)
	}
	return nil
}

func diskFull(cause error) error {
	return &recon.Error{Code: recon.Unavailable, Message: "the server's disk is full", Cause: cause}
}

// roomStep is how many bytes are taken between two looks at the disk, which others fill too.
const roomStep = 4 << 20

// roomy reads a body as long as there is room for it.
type roomy struct {
	io.Reader
	room func(int64) error
	left int64 // bytes until the next look
}

func (r *roomy) Read(b []byte) (int, error) {
	if r.left <= 0 {
		if err := r.room(0); err != nil {
			return 0, err
		}
		r.left = roomStep
	}
	n, err := r.Reader.Read(b)
	r.left -= int64(n)
	return n, err
}

// fullDisk makes what the system says of a full disk the same error as room.
func fullDisk(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return diskFull(err)
	}
	return err
}

// crowd counts the uploads that are under way, by client.
type crowd struct {
	mu    sync.Mutex
	under map[string]int
}

func (c *crowd) enter(client string, most int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under[client] >= most {
		return false
	}
	c.under[client]++
	return true
}

func (c *crowd) leave(client string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.under[client]--; c.under[client] == 0 {
		delete(c.under, client)
	}
}

// taking lets through as many uploads of a client at a time as the configuration says. A client is a key or, without keys, an address.
func (a *api) taking(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		client := trace(r.Context()).key.name
		if a.keys == nil {
			client, _, _ = net.SplitHostPort(r.RemoteAddr)
		}
		if a.UploadsPerClient > 0 {
			if !a.crowd.enter(client, a.UploadsPerClient) {
				fail(w, r, recon.Errorf(recon.Busy, "%d uploads of yours are under way, which is as many as are taken at a time", a.UploadsPerClient))
				return
			}
			defer a.crowd.leave(client)
		}
		next.ServeHTTP(w, r)
	})
}
