package main_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
)

// TestCrash kills the server, its worker or a pusher at random points, CLOSER_CRASH times, while scans flow. Every acknowledged
// scan must end done, once, with the bytes of an unbroken run, and every push must succeed in the end. make crash runs it.
func TestCrash(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("CLOSER_CRASH"))
	if rounds == 0 {
		t.Skip("CLOSER_CRASH is not set: run make crash")
	}
	needRuntime(t)
	c := &crash{data: t.TempDir(), scan: phantom(t), address: freeAddress(t)}
	c.startServer(t)

	const pushers = 3
	flow, stop := context.WithCancel(t.Context())
	var pushing sync.WaitGroup
	for range pushers {
		pushing.Go(func() {
			for flow.Err() == nil {
				c.push(t, int(c.scans.Add(1)))
			}
		})
	}
	killed := map[string]int{}
	for killed["server"]+killed["worker"]+killed["pusher"] < rounds && !t.Failed() {
		time.Sleep(rand.N(2 * time.Second))
		if victim := c.kill(t); victim != "" {
			killed[victim]++
		}
	}
	stop()
	pushing.Wait()
	if t.Failed() {
		return
	}
	c.check(t)
	t.Logf("killed: %d × server, %d × worker, %d × pusher; %d scans acknowledged, all done once with the right bytes",
		killed["server"], killed["worker"], killed["pusher"], c.scans.Load())
}

// crash is a server that is killed, and those who push to it.
type crash struct {
	data, scan, address string
	server              *process
	scans               atomic.Int64

	mu      sync.Mutex
	pushers []*exec.Cmd // running
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *crash) startServer(t *testing.T) {
	t.Helper()
	c.server = start(t, nil, "serve", "--listen", c.address, "--data", c.data, "--device", "cpu", "--lease", "2s", "--attempts", "1000000")
	eventually(t, func() string { return lastMatch(addressLine, c.server.stderr()) })
}

// recipe makes the i-th scan one of its own.
func (c *crash) recipe(i int) []string {
	return []string{"--mask-seed", strconv.Itoa(i), "--method", "zero-filled", "--method", "unet"}
}

// push pushes the i-th scan until it is acknowledged, again whenever the pusher was killed.
func (c *crash) push(t *testing.T, i int) {
	for {
		cmd := exec.Command(binary, append([]string{"push", c.scan, "--to", "http://" + c.address, "--no-wait"}, c.recipe(i)...)...)
		var said bytes.Buffer
		cmd.Stderr = &said
		c.mu.Lock()
		err := cmd.Start()
		if err == nil {
			c.pushers = append(c.pushers, cmd)
		}
		c.mu.Unlock()
		if err == nil {
			err = cmd.Wait()
		}
		c.mu.Lock()
		for k, p := range c.pushers {
			if p == cmd {
				c.pushers = append(c.pushers[:k], c.pushers[k+1:]...)
				break
			}
		}
		c.mu.Unlock()
		switch {
		case err == nil:
			return
		case cmd.ProcessState == nil || !cmd.ProcessState.Sys().(syscall.WaitStatus).Signaled():
			t.Errorf("push %d: %v: %s", i, err, said.String())
			return
		}
	}
}

// kill kills one process, and says which; "" when there was none of its kind.
func (c *crash) kill(t *testing.T) string {
	switch rand.N(3) {
	case 0:
		c.server.stop(syscall.SIGKILL)
		c.startServer(t)
		return "server"
	case 1:
		pid, err := strconv.Atoi(lastMatch(workerLine, c.server.stderr()))
		if err != nil || syscall.Kill(pid, syscall.SIGKILL) != nil {
			return ""
		}
		return "worker"
	default:
		c.mu.Lock()
		defer c.mu.Unlock()
		if len(c.pushers) == 0 || c.pushers[rand.N(len(c.pushers))].Process.Kill() != nil {
			return ""
		}
		return "pusher"
	}
}

// check waits for all jobs and compares their results.
func (c *crash) check(t *testing.T) {
	t.Helper()
	var list struct {
		Scans []struct{ Jobs []recon.Job }
	}
	seen := map[uint32]recon.Job{}
	deadline := time.Now().Add(10 * time.Minute)
	for done := false; !done; time.Sleep(200 * time.Millisecond) {
		getJSON(t, "http://"+c.address+"/api/v1/scans", &list)
		clear(seen)
		done = true
		for _, scan := range list.Scans {
			for _, job := range scan.Jobs {
				if _, twice := seen[job.Recipe.MaskSeed]; twice {
					t.Fatalf("scan %d has two jobs", job.Recipe.MaskSeed)
				}
				seen[job.Recipe.MaskSeed] = job
				if job.State == recon.Failed || job.State == recon.StateCanceled || time.Now().After(deadline) {
					t.Fatalf("scan %d is %s: %s", job.Recipe.MaskSeed, job.State, job.Error)
				}
				done = done && job.State == recon.Done
			}
		}
	}
	if int64(len(seen)) != c.scans.Load() {
		t.Fatalf("%d scans were acknowledged, %d are there", c.scans.Load(), len(seen))
	}
	for i, job := range seen {
		out := t.TempDir()
		closer(t, append([]string{"recon", c.scan, "-o", out, "--device", "cpu"}, c.recipe(int(i))...)...)
		for _, name := range []string{"reconstruction.h5", "reconstruction/zero-filled.h5"} {
			if got := artifact(t, c.address, job.ID, name); !bytes.Equal(got, read(t, filepath.Join(out, name))) {
				t.Errorf("scan %d: %s is not that of an unbroken run", i, name)
			}
		}
		getJSON(t, "http://"+c.address+"/api/v1/jobs/"+job.ID, &job)
		for _, a := range job.Results {
			if got := artifact(t, c.address, job.ID, a.Name); int64(len(got)) != a.Size {
				t.Errorf("scan %d: %s has %d bytes of %d", i, a.Name, len(got), a.Size)
			}
		}
		if want := 1 + 2 + 3*2 + 3; len(job.Results) != want { // HDF5, of each method; series of two slices; reports
			t.Errorf("scan %d has %d results, want %d", i, len(job.Results), want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(c.data, "blobs", "pieces", "slices", "*", "*", "*", "*")); len(left) > 0 {
		t.Logf("%d pieces remain: a worker was killed between the end of a job and its tidying", len(left))
	}
}

// artifact returns one result of a job, from the server at that address.
func artifact(t *testing.T, address, job, name string) []byte {
	t.Helper()
	response, err := http.Get(fmt.Sprintf("http://%s/api/v1/jobs/%s/artifacts/%s", address, job, name))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v %s", name, response.Status, err, strings.TrimSpace(string(data[:min(len(data), 200)])))
	}
	return data
}
