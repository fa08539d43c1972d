package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/closer-mri/closer/recon"
	"github.com/closer-mri/closer/web"
)

// TestLoad is make bench-load: $CLOSER_LOAD clients push a scan of 20 MB each, all at once, to a server whose queue takes ten. Each
// comes again when Retry-After says so. It prints what the server refused and needed, and fails when a scan is lost.
func TestLoad(t *testing.T) {
	clients, err := strconv.Atoi(os.Getenv("CLOSER_LOAD"))
	if err != nil {
		t.Skip("CLOSER_LOAD is not set: run make bench-load")
	}
	scan := read(t, phantom(t, "--matrix", "320", "--slices", "8"))
	server, address := serving(t, t.TempDir(), "--queue-limit", "10")
	eventually(t, func() string { return lastMatch(workerLine, server.stderr()) })
	url := "http://" + address + "/api/v1/scans?method=zero-filled&slices=0:2"

	stop, health := make(chan struct{}), make(chan []time.Duration)
	go func() { health <- sampleHealth(address, stop) }()
	var refusals sync.Map // status → *atomic.Int64
	var cut atomic.Int64
	jobs := make([]string, clients)
	var pushers sync.WaitGroup
	start := time.Now()
	for i := range clients {
		pushers.Go(func() {
			body := append(slices.Clip(scan), fmt.Sprintf("scan %d", i)...) // HDF5 does not mind what comes after its end
			for {
				response, err := http.Post(url, "application/x-hdf5", bytes.NewReader(body))
				if err != nil { // the connection ended before the refusal could be read
					cut.Add(1)
					time.Sleep(time.Second)
					continue
				}
				var receipt web.Receipt
				text, err := io.ReadAll(response.Body)
				response.Body.Close()
				if response.StatusCode/100 == 2 && err == nil {
					if err := json.Unmarshal(text, &receipt); err != nil || receipt.Size != int64(len(body)) {
						t.Errorf("client %d got the receipt %s, %v", i, text, err)
					}
					jobs[i] = receipt.Job
					return
				}
				count, _ := refusals.LoadOrStore(response.StatusCode, new(atomic.Int64))
				count.(*atomic.Int64).Add(1)
				after, err := strconv.Atoi(response.Header.Get("Retry-After"))
				if err != nil || response.StatusCode != http.StatusTooManyRequests && response.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("client %d was refused with %s and told to come again in %q: %s", i, response.Status, response.Header.Get("Retry-After"), text)
					return
				}
				time.Sleep(time.Duration(after) * time.Second)
			}
		})
	}
	pushers.Wait()
	acknowledged := time.Since(start)
	for _, id := range jobs {
		for id != "" {
			var job recon.Job
			getJSON(t, "http://"+address+"/api/v1/jobs/"+id, &job)
			if job.State.Terminal() {
				if job.State != recon.Done {
					t.Errorf("job %s is %s: %s", id, job.State, job.Error)
				}
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	if close(stop); len(slices.Compact(slices.Sorted(slices.Values(jobs)))) != clients || len(listJobs(t, address)) != clients {
		t.Errorf("%d jobs of %d scans", len(listJobs(t, address)), clients)
	}
	latencies := <-health
	slices.Sort(latencies)
	fmt.Printf("%d clients pushed %.1f MB each; queue limit 10; all acknowledged after %.0f s, all done after %.0f s, none lost\n",
		clients, float64(len(scan))/1e6, acknowledged.Seconds(), time.Since(start).Seconds())
	refusals.Range(func(status, count any) bool {
		fmt.Printf("refused with %d and Retry-After: %d times\n", status, count.(*atomic.Int64).Load())
		return true
	})
	fmt.Printf("refused by the end of the connection: %d times\n", cut.Load())
	fmt.Printf("/healthz every 20 ms: median %.1f ms, 99 %% %.1f ms, worst %.1f ms, of %d\n", milliseconds(latencies, 0.5), milliseconds(latencies, 0.99), milliseconds(latencies, 1), len(latencies))
	fmt.Printf("peak memory of the server process: %s MB\n", peakMemory(t, server.Process.Pid))
}

// sampleHealth asks every 20 ms, on one connection, how the server is, and returns how long the answers took.
func sampleHealth(address string, stop <-chan struct{}) (latencies []time.Duration) {
	for {
		select {
		case <-stop:
			return latencies
		case <-time.After(20 * time.Millisecond):
		}
		start := time.Now()
		response, err := http.Get("http://" + address + "/healthz")
		if err == nil {
			io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
		latencies = append(latencies, time.Since(start))
	}
}

// milliseconds is a quantile of sorted durations.
func milliseconds(sorted []time.Duration, quantile float64) float64 {
	return 1e3 * sorted[int(quantile*float64(len(sorted)-1))].Seconds()
}

var highWater = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

func peakMemory(t *testing.T, pid int) string {
	found := highWater.FindSubmatch(read(t, filepath.Join("/proc", strconv.Itoa(pid), "status")))
	if found == nil {
		return "unknown"
	}
	kilobytes, _ := strconv.ParseFloat(string(found[1]), 64)
	return fmt.Sprintf("%.0f", kilobytes/1e3)
}

// TestOverhead is make bench-overhead: it pushes the file $CLOSER_OVERHEAD to a server twice, with another mask each time, and prints
// where the time from push to last result went, as shares of the time in networks.
func TestOverhead(t *testing.T) {
	scan := os.Getenv("CLOSER_OVERHEAD")
	if scan == "" {
		t.Skip("CLOSER_OVERHEAD is not set: run make bench-overhead")
	}
	needRuntime(t)
	server, address := serving(t, t.TempDir())
	eventually(t, func() string { return lastMatch(workerLine, server.stderr()) })
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for seed, name := range []string{"first job", "second job"} {
		start := time.Now()
		closer(t, "push", scan, "--to", "http://"+address, "--mask-seed", strconv.Itoa(seed), "-o", t.TempDir())
		fetched := time.Now()
		list := listJobs(t, address)
		job := list[slices.IndexFunc(list, func(j recon.Job) bool { return j.Recipe.MaskSeed == uint32(seed) })]
		var report recon.Report
		getJSON(t, "http://"+address+"/api/v1/jobs/"+job.ID+"/report.json", &report)
		timing := report.Timing
		network := float64(timing.Network)
		run := job.Finished.Sub(job.Started).Seconds()
		known := float64(timing.Fetch + timing.Ingest + timing.Recon + timing.Export + timing.Publish)
		fmt.Printf("%s: %d slices, push to last result %.2f s, %.2f s of it in networks: overhead %.1f %%\n",
			name, report.Input.Slices, job.Finished.Sub(start).Seconds(), network, 100*(job.Finished.Sub(start).Seconds()/network-1))
		for _, stage := range []struct {
			name    string
			seconds float64
		}{
			{"upload and acknowledge", job.Created.Sub(start).Seconds()}, {"wait for a worker", job.Started.Sub(job.Created).Seconds()},
			{"fetch", float64(timing.Fetch)}, {"ingest", float64(timing.Ingest)}, {"physics", float64(timing.Physics)},
			{"export", float64(timing.Export)}, {"publish", float64(timing.Publish)}, {"other: last report, end of the job", run - known},
			{"(results to the client)", fetched.Sub(job.Finished).Seconds()},
		} {
			fmt.Printf("  %-40s %6.3f s  %5.2f %%\n", stage.name, stage.seconds, 100*stage.seconds/network)
		}
	}
}
