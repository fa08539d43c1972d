package testkit

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATSNode is one nats-server process of an external cluster.
type NATSNode struct {
	Name string
	args []string
	cmd  *exec.Cmd
}

// Start starts the process, again after Kill.
func (n *NATSNode) Start(t *testing.T) {
	t.Helper()
	n.cmd = exec.Command(n.args[0], n.args[1:]...)
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
}

// Kill ends the process without warning.
func (n *NATSNode) Kill() {
	if n.cmd != nil {
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait()
	}
	n.cmd = nil
}

// Signal stops the process for a while (SIGSTOP) or lets it go on (SIGCONT).
func (n *NATSNode) Signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := n.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// natsServer builds the tool that go.mod pins and returns where Go keeps it.
var natsServer = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("go", "tool", "-n", "nats-server").Output()
	if err != nil {
		return "", fmt.Errorf("build nats-server: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
})

// StartNATS runs a cluster of three NATS servers on loopback, whose addresses contain the token. It skips the test with -short.
func StartNATS(t *testing.T) (addresses string, nodes []*NATSNode) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds nats-server and runs three of them: not with -short")
	}
	program, err := natsServer()
	if err != nil {
		t.Fatal(err)
	}
	dir, ports := t.TempDir(), FreePorts(t, 6)
	var routes, urls []string
	for i := range 3 {
		routes = append(routes, fmt.Sprintf("nats://127.0.0.1:%d", ports[3+i]))
		urls = append(urls, fmt.Sprintf("nats://secret@127.0.0.1:%d", ports[i]))
	}
	for i := range 3 {
		n := &NATSNode{Name: fmt.Sprintf("node%d", i)}
		config, log := filepath.Join(dir, n.Name+".conf"), filepath.Join(dir, n.Name+".log")
		text := fmt.Sprintf(`
			server_name: %s, host: "127.0.0.1", port: %d, authorization: {token: "secret"}
			jetstream: {store_dir: "%s/%s", sync_interval: always}
			cluster: {name: closer, host: "127.0.0.1", port: %d, routes: [%s]}`,
			n.Name, ports[i], dir, n.Name, ports[3+i], strings.Join(routes, ", "))
		if err := os.WriteFile(config, []byte(strings.ReplaceAll(text, ", ", "\n")), 0o600); err != nil {
			t.Fatal(err)
		}
		n.args = []string{program, "-c", config, "-l", log}
		n.Start(t)
		nodes = append(nodes, n)
		t.Cleanup(func() {
			n.Kill()
			if t.Failed() {
				said, _ := os.ReadFile(log)
				t.Logf("the log of %s ends:\n%s", n.Name, said[max(0, len(said)-3000):])
			}
		})
	}
	return strings.Join(urls, ","), nodes
}

// FreePorts returns n ports of loopback that nobody listens on.
func FreePorts(t *testing.T, n int) (ports []int) {
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

// JetStream is the stream client of servers, behind the back of the queue in them.
func JetStream(t *testing.T, addresses string) jetstream.JetStream {
	t.Helper()
	conn, err := nats.Connect(addresses)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Close)
	js, err := jetstream.New(conn, jetstream.WithPublishAsyncMaxPending(20_000))
	if err != nil {
		t.Fatal(err)
	}
	return js
}
