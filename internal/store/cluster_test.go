package store_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/closer-mri/closer/internal/store"
	"github.com/closer-mri/closer/internal/testkit"
)

// node is one nats-server process of an external cluster.
type node struct {
	args []string
	cmd  *exec.Cmd
}

func (n *node) start(t *testing.T) {
	t.Helper()
	n.cmd = exec.Command(n.args[0], n.args[1:]...)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

func (n *node) kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait()
	}
	n.cmd = nil
}

// natsServer builds the server of the pinned module, once, in scratch.
var natsServer = sync.OnceValues(func() (string, error) {
	program := filepath.Join(scratch, "nats-server")
	out, err := exec.Command("go", "build", "-o", program, "github.com/nats-io/nats-server/v2").CombinedOutput()
	if err != nil {
		err = fmt.Errorf("build nats-server: %w\n%s", err, out)
	}
	return program, err
})

// startCluster runs three servers on loopback.
func startCluster(t *testing.T) (addresses string, nodes []*node) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds nats-server and runs three of them: not with -short")
	}
	dir := t.TempDir()
	program, err := natsServer()
	if err != nil {
		t.Fatal(err)
	}
	ports := freePorts(t, 6)
	var routes, urls []string
	for i := range 3 {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[3+i]))
		urls = append(urls, fmt.Sprintf("nats://secret@127.0.0.1:%d", ports[i]))
	}
	for i := range 3 {
		config := filepath.Join(dir, fmt.Sprintf("node%d.conf", i))
		text := fmt.Sprintf(`
			server_name: node%d, host: "127.0.0.1", port: %d, authorization: {token: "secret"}
			jetstream: {store_dir: "%s/node%d", sync_interval: always}
			cluster: {name: closer, host: "127.0.0.1", port: %d, routes: [%s]}`,
			i, ports[i], dir, i, ports[3+i], strings.Join(routes, ", "))
		if err := os.WriteFile(config, []byte(strings.ReplaceAll(text, ", ", "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		n := &node{args: []string{program, "-c", config, "-l", filepath.Join(dir, fmt.Sprintf("node%d.log", i))}}
		n.start(t)
		nodes = append(nodes, n)
		t.Cleanup(n.kill)
	}
	t.Cleanup(func() {
		if t.Failed() {
			for i := range 3 {
				log, _ := os.ReadFile(filepath.Join(dir, fmt.Sprintf("node%d.log", i)))
				t.Logf("the log of node %d ends:\n%s", i, log[max(0, len(log)-3000):])
			}
		}
	})
	return strings.Join(urls, ","), nodes
}

func freePorts(t *testing.T, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // after all are known, so that none comes twice
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func TestClusterQueue(t *testing.T) {
	t.Parallel()
	addresses, _ := startCluster(t)
	testkit.QueueSuite(t, queuesAt(addresses, 3))
	testkit.ReviewSuite(t, reviewsAt(addresses, 3))
}

// TestClusterLosesAServer kills one server after the other, each coming back before the next goes, while jobs are submitted and run.
func TestClusterLosesAServer(t *testing.T) {
	t.Parallel()
	addresses, nodes := startCluster(t)
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	opts := store.Options{Replicas: 3, Lease: 5 * time.Second, MaxAttempts: 100, Reconcile: 2 * time.Second, Patience: time.Minute}
	q, worker := connect(t, addresses, opts), connect(t, addresses, store.Options{Patience: time.Minute})

	var wg sync.WaitGroup
	running, stop := context.WithCancel(ctx)
	wg.Go(func() {
		for running.Err() == nil {
			lease, err := worker.Claim(running, "a worker")
			if err != nil {
				continue
			}
			if err := lease.Finish(ctx, nil, nil); err != nil {
				t.Logf("finish: %v", err) // another attempt follows
			}
		}
	})
	submitted := 0
	for _, n := range nodes {
		n.kill()
		for range 20 { // the first ones wait until a leader that was killed is replaced
			if _, _, err := q.Submit(ctx, testkit.TestJob(fmt.Sprint("job", submitted))); err != nil {
				t.Fatalf("submit with two servers of three: %v", err)
			}
			submitted++
		}
		n.start(t)
		time.Sleep(2 * time.Second)
	}
	for {
		jobs, err := q.Jobs(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if len(jobs) != submitted {
			t.Fatalf("%d jobs are stored, %d were acknowledged", len(jobs), submitted)
		}
		if done := countTerminal(jobs); done == submitted {
			break
		} else if ctx.Err() != nil {
			t.Fatalf("%d of %d jobs ended", done, submitted)
		}
		time.Sleep(100 * time.Millisecond)
	}
	stop()
	wg.Wait()
	t.Logf("%d jobs submitted and done", submitted)
}
