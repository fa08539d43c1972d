package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/closer-mri/closer/fastmri"
	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// gatewayOptions are the flags of gateway besides the recipe.
type gatewayOptions struct {
	listen, to, key, spool string
	insecure               bool
	patience               time.Duration
	maxScan                int64 // MiB
}

func gatewayCommand() *cobra.Command {
	var recipe recon.Recipe
	var o gatewayOptions
	c := &cobra.Command{
		Use:   "gateway --to URL",
		Short: "Take scans from scanners by the MRD protocol and give images back",
		Long: `Stand where a scanner expects an MRD (ISMRMRD) server, as Siemens' FIRE and Gadgetron's clients do, until it is asked to stop. Each session
is written to --spool while it comes, pushed to a closer server when the scanner closes it, and answered with the images of the last --method.
A session that was closed is not lost: what the server could not be given stays in --spool and is pushed later, also after a crash. What breaks
off before is no scan; what came of the last eight such sessions stays in --spool as NAME.broken, which closer recon and push take, and its images
say so. The protocol has neither encryption nor keys.`,
		Example: "  closer gateway --to http://127.0.0.1:8080 --spool /var/lib/closer-gateway --listen 192.168.2.1:9002 --insecure",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runGateway(cmd.Context(), recipe, o)
		},
	}
	f := c.Flags()
	recipeFlags(f, &recipe)
	recipe.Mask = recon.NoMask // nothing that a scanner measured is left out unless it is asked for
	f.Lookup("mask").DefValue = recon.NoMask
	f.StringVar(&o.listen, "listen", "127.0.0.1:9002", "address; one that is not loopback needs --insecure")
	f.BoolVar(&o.insecure, "insecure", false, "listen where others than this machine's own programs reach it: the protocol has neither encryption nor keys")
	f.StringVar(&o.to, "to", "", "address of the server, for example http://127.0.0.1:8080")
	f.StringVar(&o.key, "key", "", "file with the API key")
	f.StringVar(&o.spool, "spool", "closer-gateway", "directory for scans until the server has them")
	f.DurationVar(&o.patience, "patience", 2*time.Minute, "how long to try without any progress while a scanner waits")
	f.Int64Var(&o.maxScan, "max-scan", web.DefaultMaxUpload>>20, "largest session, MiB")
	c.MarkFlagRequired("to")
	return c
}

// gateway takes sessions and pushes what they bring to a server.
type gateway struct {
	server *remote
	recipe recon.Recipe
	spool  string
	limit  int64 // bytes of a session
	log    *slog.Logger
	free   chan struct{} // a value for each session under way

	mu   sync.Mutex
	held map[string]bool // scans of the spool, by name, that a session or a delivery has in hand
}

// maxSessions bounds the sessions under way, each of which may hold a readout and a block of the file that it becomes.
const maxSessions = 16

func runGateway(ctx context.Context, recipe recon.Recipe, o gatewayOptions) error {
	if err := checkRecipe(recipe); err != nil { // now, not when a scanner waits
		return err
	}
	host, _, err := net.SplitHostPort(o.listen)
	switch {
	case err != nil:
		return recon.Errorf(recon.Invalid, "--listen %q is not an address such as 127.0.0.1:9002", o.listen)
	case !web.Loopback(host) && !o.insecure:
		return recon.Errorf(recon.Invalid, "%s can be reached from elsewhere, and the MRD protocol has neither encryption nor keys: say --insecure where only scanners reach it", o.listen)
	case o.maxScan < 1:
		return recon.Errorf(recon.Invalid, "--max-scan %d MiB holds no scan", o.maxScan)
	}
	server, err := newRemote(o.to, o.key, o.patience)
	if err != nil {
		return err
	}
	syscall.Umask(0o077) // also for the files of libraries
	if err := os.MkdirAll(o.spool, 0o700); err != nil {
		return fmt.Errorf("make the spool: %w", err)
	}
	lock, err := store.LockDir(o.spool)
	if err != nil {
		return fmt.Errorf("hold the spool: %w", err)
	}
	defer lock.Close()
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return recon.Errorf(recon.Unavailable, "listen: %w", err)
	}
	g := &gateway{
		server: server, recipe: recipe, spool: o.spool, limit: o.maxScan << 20, log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		free: make(chan struct{}, maxSessions), held: map[string]bool{},
	}
	g.clean()
	g.run(ctx, listener)
	return nil
}

// run takes sessions until ctx ends, and pushes what earlier ones left.
func (g *gateway) run(ctx context.Context, listener net.Listener) {
	var background sync.WaitGroup
	defer background.Wait()
	background.Go(func() { g.deliverLater(ctx) })
	context.AfterFunc(ctx, func() { listener.Close() })
	g.log.Info("gateway ready", "address", listener.Addr().String())
	for {
		conn, err := listener.Accept()
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			g.log.Warn("a session could not be taken", "error", err)
			time.Sleep(100 * time.Millisecond) // of file descriptors there are more later
			continue
		}
		background.Go(func() { g.session(ctx, conn) })
	}
}

// clean makes scans of what came of sessions that broke off with the program, and removes what it was writing.
func (g *gateway) clean() {
	if err := removeLeftovers(g.spool, fastmri.Unfinished); err != nil {
		g.log.Error("the spool cannot be tidied", "error", err)
	}
	parts, _ := filepath.Glob(filepath.Join(g.spool, partPattern))
	for _, path := range parts {
		g.keepPart(path, rand.Text())
		os.Remove(path)
	}
}

// again is how long the server is left alone before what it could not be given is tried again.
const again = 15 * time.Second

// deliverLater pushes the scans of the spool that nobody has in hand, again and again.
func (g *gateway) deliverLater(ctx context.Context) {
	for {
		for _, name := range g.waiting() {
			if _, err := g.deliver(ctx, name, func(string) {}); err != nil && ctx.Err() == nil {
				g.log.Warn("a scan could not be delivered", "session", name, "error", err)
			}
			g.release(name)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(again):
		}
	}
}

// waiting takes the scans of the spool in hand that nobody has.
func (g *gateway) waiting() (names []string) {
	entries, err := os.ReadDir(g.spool)
	if err != nil {
		g.log.Error("the spool cannot be read", "error", err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), filepath.Ext(e.Name()))
		if ext := filepath.Ext(e.Name()); (ext == streamExt || ext == scanExt) && !strings.HasPrefix(name, ".") && !g.held[name] {
			g.held[name] = true
			names = append(names, name)
		}
	}
	return names
}

func (g *gateway) hold(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held[name] = true
}

func (g *gateway) release(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.held, name)
}
