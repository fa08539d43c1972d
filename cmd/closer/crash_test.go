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

// TestCrash kills the server, its worker or a pusher at random points, CLOSER_CRASH times, while scans flow over a slow network. Every
// acknowledged scan must end done, once, with the bytes of an unbroken run, every push must succeed in the end, and what can be seen
// meanwhile must be whole. make crash runs it.
func TestCrash(t *testing.T) {
	rounds, _ := strconv.Atoi(os.Getenv("CLOSER_CRASH"))
	if rounds == 0 {
		t.Skip("CLOSER_CRASH is not set: run make crash")
	}
	needRuntime(t)
	c := &crash{data: t.TempDir(), scan: phantom(t), address: freeAddress(t)}
	c.startServer(t)
	c.slow = slowly(t, c.address)
	seen := &onlooker{address: c.address, objects: map[string]bool{}}

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
	public, close := context.WithCancel(t.Context())
	var looking sync.WaitGroup
	looking.Go(func() {
		for public.Err() == nil && !t.Failed() {
			seen.look(t)
		}
	})
	defer func() { close(); looking.Wait() }()
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
	made := c.check(t)
	close()
	looking.Wait()
	for sum := range seen.objects {
		if !made[sum] {
			t.Errorf("an object with SHA-256 %s was seen that no scan has", sum)
		}
	}
	t.Logf("killed: %d × server, %d × worker, %d × pusher; %d scans acknowledged, all done once with the right bytes; %d attempts; %d uploads went on "+
		"where they were; meanwhile %d results and %d series were read, all whole",
		killed["server"], killed["worker"], killed["pusher"], c.scans.Load(), c.attempts, c.resumed.Load(), seen.results, seen.series)
}

// crash is a server that is killed, and those who push to it.
type crash struct {
	data, scan    string
	address, slow string // of the server, and of the network that pushers see it through
	server        *process
	scans         atomic.Int64
	resumed       atomic.Int64 // uploads
	attempts      int          // at all jobs

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
		cmd := exec.Command(binary, append([]string{"push", c.scan, "--to", "http://" + c.slow, "--no-wait"}, c.recipe(i)...)...)
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
		if strings.Contains(said.String(), "going on after") {
			c.resumed.Add(1)
		}
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

// check waits for all jobs, compares their results and returns the digests of them.
func (c *crash) check(t *testing.T) (made map[string]bool) {
	t.Helper()
	made = map[string]bool{}
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
		c.attempts += job.Attempt
		out := t.TempDir()
		closer(t, append([]string{"recon", c.scan, "-o", out, "--device", "cpu"}, c.recipe(int(i))...)...)
		for _, name := range []string{"reconstruction.h5", "reconstruction/zero-filled.h5"} {
			if got := artifact(t, c.address, job.ID, name); !bytes.Equal(got, read(t, filepath.Join(out, name))) {
				t.Errorf("scan %d: %s is not that of an unbroken run", i, name)
			}
		}
		getJSON(t, "http://"+c.address+"/api/v1/jobs/"+job.ID, &job)
		for _, a := range job.Results {
			if got := artifact(t, c.address, job.ID, a.Name); digestOf(got) != a.SHA256 {
				t.Errorf("scan %d: %s has %d bytes of %d, or others", i, a.Name, len(got), a.Size)
			}
			made[a.SHA256] = true
		}
		if want := 1 + 2 + 3*2 + 3; len(job.Results) != want { // HDF5, of each method; series of two slices; reports
			t.Errorf("scan %d has %d results, want %d", i, len(job.Results), want)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(c.data, "blobs", "pieces", "slices", "*", "*", "*", "*")); len(left) > 0 {
		t.Logf("%d pieces remain: a worker was killed between the end of a job and its tidying", len(left))
	}
	return made
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
