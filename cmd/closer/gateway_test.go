package main_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/closer-mri/closer/mrd"
)

var gatewayLine = regexp.MustCompile(`msg="gateway ready" address=(\S+)`)

// gateway starts one and returns it when it listens, with its port.
func gateway(t *testing.T, spool, server string, args ...string) (*process, string) {
	t.Helper()
	args = append([]string{"gateway", "--listen", "127.0.0.1:0", "--spool", spool, "--to", "http://" + server, "--method", "zero-filled", "--method", "tv"}, args...)
	p := start(t, []string{"XDG_CACHE_HOME=" + t.TempDir()}, args...)
	return p, listening(t, p)
}

// listening is the port of a gateway, when it listens.
func listening(t *testing.T, p *process) (port string) {
	t.Helper()
	_, port, _ = net.SplitHostPort(eventually(t, func() string { return lastMatch(gatewayLine, p.stderr()) }))
	return port
}

// dialed is a connection to a gateway.
func dialed(t *testing.T, port string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// mrdAnswer is what testdata/mrd_client.py prints.
type mrdAnswer struct {
	Texts  []string
	Images []struct {
		Index, Slice, Contrast, Repetition int
		Matrix                             [3]int
		Type                               [2]int
		FOV, Position, Read, Phase, Across [3]float64
		Meta                               map[string]any
	}
	Difference float64
}

func scanner(t *testing.T, args ...string) (a mrdAnswer) {
	t.Helper()
	if err := json.Unmarshal([]byte(python(t, append([]string{"testdata/mrd_client.py"}, args...)...)), &a); err != nil {
		t.Fatal(err)
	}
	return a
}

// rawData are files of ISMRMRD raw data.
func rawData(t *testing.T) func(name string) string {
	t.Helper()
	dir := t.TempDir()
	python(t, "../../fastmri/testdata/gen_ismrmrd.py", dir)
	return func(name string) string { return filepath.Join(dir, name+".h5") }
}

// spooled are the files of a spool but its lock.
func spooled(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Name() != "lock" {
			names = append(names, e.Name())
		}
	}
	return names
}

// A scanner gets the images that closer recon makes of the same raw data, each with its number and its place.
func TestGatewayAnswersScanners(t *testing.T) {
	raw := rawData(t)
	_, server := serving(t, t.TempDir())
	spool := t.TempDir()
	g, port := gateway(t, spool, server)
	for name, images := range map[string]int{"ok_placed_interleaved": 5, "ok_echoes": 8, "ok_slab": 4, "ok_slab_scattered": 8, "ok_whitened": 2} {
		out := t.TempDir()
		closer(t, "recon", raw(name), "-o", out, "--method", "zero-filled", "--method", "tv", "--mask", "none")
		a := scanner(t, port, raw(name), filepath.Join(out, "reconstruction.h5"))
		if len(a.Images) != images || !(a.Difference < 1e-4) { // half a step of at least 5,000
			t.Fatalf("%s: %d images differ by %g, expected %d: %q", name, len(a.Images), a.Difference, images, a.Texts)
		}
		var want struct{ Centers [][3]float64 }
		if err := json.Unmarshal(read(t, strings.TrimSuffix(raw(name), ".h5")+".json"), &want); err != nil {
			t.Fatal(err)
		}
		for i, image := range a.Images {
			where := [4]int{image.Index, image.Slice, image.Contrast, image.Repetition}
			expected := [4]int{i + 1, i, 0, 0}
			if name == "ok_echoes" { // two repetitions of two echoes of two slices
				expected = [4]int{i + 1, i % 2, i / 2 % 2, i / 4}
			}
			if where != expected || image.Type != [2]int{1, 1} {
				t.Errorf("%s: image %d has index, slice, contrast and repetition %v, type %v", name, i, where, image.Type)
			}
			if text := fmt.Sprint(image.Meta["SeriesDescription"], image.Meta["ImageComments"]); !strings.Contains(text, "RESEARCH TV") || !strings.Contains(text, "Not for diagnostic use") {
				t.Errorf("%s: image %d says %q", name, i, text)
			}
			read, phase, across := [3]float64{}, [3]float64{}, [3]float64{}
			matrix, fov := [3]int{8, 8, 1}, [3]float64{20, 20, 5}
			switch name {
			case "ok_placed_interleaved", "ok_slab":
				read, phase, across = [3]float64{0.8, 0, -0.6}, [3]float64{0, 1, 0}, [3]float64{0.6, 0, 0.8}
			case "ok_slab_scattered":
				read, phase, across = [3]float64{0.6, 0, 0.8}, [3]float64{0, 1, 0}, [3]float64{-0.8, 0, 0.6}
				matrix, fov = [3]int{4, 8, 1}, [3]float64{8, 20, 2.5}
			}
			if name == "ok_slab" {
				fov[2] = 2
			}
			if image.Matrix != matrix || !close3(image.FOV, fov) || !close3(image.Read, read) || !close3(image.Phase, phase) || !close3(image.Across, across) {
				t.Errorf("%s: image %d is %v of %v mm in %v, %v, %v", name, i, image.Matrix, image.FOV, image.Read, image.Phase, image.Across)
			}
			if want.Centers != nil && !close3(image.Position, want.Centers[i]) {
				t.Errorf("%s: image %d lies at %v, want %v", name, i, image.Position, want.Centers[i])
			}
		}
	}
	if left := spooled(t, spool); len(left) > 0 {
		t.Errorf("the spool keeps %v of scans that the server has", left)
	}
	if strings.Contains(g.stderr(), "DOE") {
		t.Error("the log names a patient")
	}
}

func close3(a, b [3]float64) bool {
	for k := range a {
		if d := a[k] - b[k]; d > 1e-4 || d < -1e-4 {
			return false
		}
	}
	return true
}

// A session that was closed is pushed when there is a server again, also by another gateway; a scan that no server would take is set aside.
func TestGatewayKeepsWhatItHasTaken(t *testing.T) {
	raw := rawData(t)
	data, spool := t.TempDir(), t.TempDir()
	p, server := serving(t, data, "--workers", "0")
	p.stop(syscall.SIGTERM)
	g, port := gateway(t, spool, server, "--patience", "1ms")
	a := scanner(t, port, raw("ok_accelerated"))
	if text := strings.Join(a.Texts, "\n"); len(a.Images) > 0 || !strings.Contains(text, "closer has all 21 readouts") && !strings.Contains(text, "the scan is kept and will be pushed later") {
		t.Errorf("without a server the scanner is told %q", text)
	}
	if left := spooled(t, spool); len(left) != 1 || filepath.Ext(left[0]) != ".h5" {
		t.Fatalf("the spool has %v", left)
	}
	g.stop(syscall.SIGKILL)
	_, server = serving(t, data, "--workers", "0")
	_, port = gateway(t, spool, server)
	eventually(t, func() string { return map[bool]string{true: "empty"}[len(spooled(t, spool)) == 0] })
	if n := scansOf(t, server); n != 1 {
		t.Errorf("the server has %d scans", n)
	}
	a = scanner(t, port, raw("bad_radial"))
	if text := strings.Join(a.Texts, "\n"); !strings.Contains(text, `the trajectory is "radial"`) || strings.Contains(text, spool) {
		t.Errorf("of radial data the scanner is told %q", text)
	}
	first := spooled(t, spool)[0]
	for range 9 { // of which the last 8 are kept
		scanner(t, port, raw("bad_radial"))
	}
	if left := spooled(t, spool); len(left) != 8 || filepath.Ext(left[0]) != ".refused" || slices.Contains(left, filepath.Base(first)) {
		t.Errorf("the spool keeps %v of the scans that were refused, of which %s was first", left, first)
	}
	if _, stderr, err := try("recon", filepath.Join(spool, spooled(t, spool)[0]), "-o", t.TempDir()); err == nil || !strings.Contains(stderr, "radial") {
		t.Errorf("a scan that was set aside: %v, %s", err, stderr)
	}
}

func scansOf(t *testing.T, server string) int {
	t.Helper()
	response, err := http.Get("http://" + server + "/api/v1/scans")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var list struct{ Scans []any }
	if err := json.NewDecoder(response.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	return len(list.Scans)
}

// mrdMessage is a message with a body of fixed size or of text.
func mrdMessage(kind mrd.Kind, body []byte) []byte {
	b := []byte{byte(kind), byte(kind >> 8)}
	if kind == mrd.Header || kind == mrd.Text {
		b = append(b, byte(len(body)), byte(len(body)>>8), byte(len(body)>>16), byte(len(body)>>24))
	}
	return append(b, body...)
}

// Whatever else a client sends, it is told what was wrong, nothing of it stays but readouts, and the gateway goes on.
func TestGatewayRefusesWhatIsNoScan(t *testing.T) {
	spool := t.TempDir()
	g, port := gateway(t, spool, "127.0.0.1:1", "--max-scan", "1")
	header, readout := mrdMessage(mrd.Header, []byte("<ismrmrdHeader/>")), mrdMessage(mrd.Acquisition, make([]byte, mrd.HeadSize))
	huge := bytes.Clone(readout)
	for _, at := range []int{34, 38} { // number_of_samples, active_channels
		huge[2+at], huge[3+at] = 0xff, 0xff
	}
	for name, c := range map[string]struct {
		sent []byte
		want string
	}{
		"nothing":              {nil, ""},
		"a question":           {mrdMessage(mrd.ConfigFile, make([]byte, 1024)), ""},
		"a question, closed":   {append(mrdMessage(mrd.ConfigFile, make([]byte, 1024)), mrdMessage(mrd.Close, nil)...), ""},
		"HTTP":                 {[]byte("GET / HTTP/1.1\r\n\r\n"), "a message of kind 17735 was sent"},
		"an image":             {mrdMessage(mrd.Image, nil), "an image was sent; expected k-space"},
		"a long text":          {[]byte{3, 0, 0xff, 0xff, 0xff, 0xff}, "a text (message 3) has 4294967295 bytes"},
		"a long readout":       {append(bytes.Clone(header), huge...), "a readout (message 1008) has 34358689800 bytes"},
		"no header":            {readout, "readouts came before the ISMRMRD header"},
		"no end":               {append(bytes.Clone(header), readout...), "the connection ended without a closing message"},
		"half a readout":       {append(bytes.Clone(header), readout[:100]...), "unexpected EOF"},
		"more than it may":     {append(bytes.Clone(header), bytes.Repeat(readout, 4000)...), "the session is larger than --max-scan"},
		"nothing but a header": {append(bytes.Clone(header), mrdMessage(mrd.Close, nil)...), ""},
	} {
		conn := dialed(t, port)
		conn.SetDeadline(time.Now().Add(20 * time.Second))
		conn.Write(c.sent) // may break off, where the gateway has heard enough
		conn.(*net.TCPConn).CloseWrite()
		answer, err := io.ReadAll(conn)
		conn.Close()
		if name == "more than it may" && err != nil { // reset: what was not read is thrown away, and so may be the answer
			continue
		}
		end := mrdMessage(mrd.Close, nil)
		if !bytes.HasSuffix(answer, end) || !strings.Contains(string(answer), c.want) || c.want == "" && len(answer) > len(end) {
			t.Errorf("%s is answered %q (%v), want %q and an end", name, answer, err, c.want)
		}
	}
	// "no end" and "more than it may"
	if left := spooled(t, spool); len(left) != 2 || filepath.Ext(left[0]) != ".broken" || filepath.Ext(left[1]) != ".broken" {
		t.Errorf("the spool keeps %v", left)
	}
	if err := g.stop(syscall.SIGTERM); err != nil {
		t.Errorf("asked to stop: %v", err)
	}
}

// What came of a session that broke off is no scan of the server's, but one can be made of it, whose images say what they are.
func TestGatewayKeepsWhatCame(t *testing.T) {
	const columns, samples, coils = 24, 256, 16 // 32 KiB a readout: a gateway that is killed loses what it has not written, at most 1 MiB
	sent := mrdMessage(mrd.Header, fmt.Appendf(nil, "<ismrmrdHeader><encoding><encodedSpace><matrixSize><x>%d</x><y>%d</y><z>1</z></matrixSize></encodedSpace></encoding></ismrmrdHeader>",
		samples, columns))
	for _, slice := range []uint16{0, 1, 2} { // of the last one a fifth
		for column := range uint16(columns) {
			if slice == 2 && column == columns/5 {
				break
			}
			readout := make([]byte, mrd.HeadSize+8*samples*coils)
			for at, v := range map[int]uint16{34: samples, 38: coils, 172: samples / 2, 242: column, 248: slice} {
				readout[at], readout[at+1] = byte(v), byte(v>>8)
			}
			for i := mrd.HeadSize + 3; i < len(readout); i += 4 {
				readout[i] = 0x3f // floats of 0.5
			}
			sent = append(sent, mrdMessage(mrd.Acquisition, readout)...)
		}
	}
	for name, interrupt := range map[string]func(net.Conn, *process){
		"the connection ends":     func(c net.Conn, _ *process) { c.Close() },
		"the gateway is stopped":  func(_ net.Conn, g *process) { g.stop(syscall.SIGTERM) },
		"the gateway is killed":   func(_ net.Conn, g *process) { g.stop(syscall.SIGKILL) },
		"a message is unreadable": func(c net.Conn, _ *process) { c.Write([]byte("GET / HTTP/1.1")) },
	} {
		spool := t.TempDir()
		g, port := gateway(t, spool, "127.0.0.1:1")
		conn := dialed(t, port)
		conn.Write(sent)
		eventually(t, func() string { // what is not in the gateway's buffer is written
			parts, _ := filepath.Glob(filepath.Join(spool, ".session-*"))
			if len(parts) == 0 {
				return ""
			}
			info, err := os.Stat(parts[0])
			return map[bool]string{true: "written"}[err == nil && info.Size() > int64(len(sent)-1<<20)]
		})
		interrupt(conn, g)
		if name == "the gateway is killed" {
			if err := os.WriteFile(filepath.Join(spool, ".closer-1.h5.tmp"), nil, 0o600); err != nil { // as if it had been making another one
				t.Fatal(err)
			}
			gateway(t, spool, "127.0.0.1:1")
		}
		file := eventually(t, func() string {
			if left := spooled(t, spool); len(left) == 1 && filepath.Ext(left[0]) == ".broken" {
				return filepath.Join(spool, left[0])
			}
			return ""
		})
		out := t.TempDir()
		closer(t, "recon", file, "-o", out, "--method", "zero-filled", "--mask", "none")
		var report struct{ Notes []string }
		if err := json.Unmarshal(read(t, out, "report.json"), &report); err != nil {
			t.Fatal(err)
		}
		if notes := strings.Join(report.Notes, " "); !strings.Contains(notes, "The scan broke off before its end") {
			t.Errorf("%s: the report notes %q", name, notes)
		}
		images, _ := filepath.Glob(filepath.Join(out, "dicom", "zero-filled", "*.dcm"))
		if least := map[bool]int{true: 1, false: 2}[name == "the gateway is killed"]; len(images) < least || len(images) > 2 {
			t.Errorf("%s: %d images, want %d of the slices that came whole", name, len(images), least)
		}
		for _, path := range images {
			if !bytes.Contains(read(t, path), []byte("The scan broke off before its end")) {
				t.Errorf("%s: an image does not say that it is of a part", name)
			}
		}
	}
}

// On a disk without room what was set aside is given up before a session is refused.
func TestGatewayGivesUpWhatItSetAside(t *testing.T) {
	spool := t.TempDir()
	onSmallDisk := func(args ...string) *exec.Cmd {
		mount := `mount -t tmpfs -o size=16m none "$0" && touch "$0/A.broken" "$0/B.refused" && exec "$@"`
		return exec.Command("unshare", append([]string{"--mount", "--map-root-user", "sh", "-c", mount, spool}, args...)...)
	}
	if out, err := onSmallDisk("true").CombinedOutput(); err != nil {
		t.Skipf("no disk of its own can be mounted here: %v, %s", err, out)
	}
	p := startCommand(t, nil, onSmallDisk(binary, "gateway", "--listen", "127.0.0.1:0", "--spool", spool, "--to", "http://127.0.0.1:1"))
	conn := dialed(t, listening(t, p))
	if answer, _ := io.ReadAll(conn); !strings.Contains(string(answer), "less than 1024 MiB free") {
		t.Errorf("the scanner is told %q", answer)
	}
	if left := spooled(t, fmt.Sprintf("/proc/%d/root%s", p.Process.Pid, spool)); len(left) > 0 {
		t.Errorf("the spool keeps %v", left)
	}
}

// Of a session without a readout nothing is kept.
func TestGatewayForgetsWhatIsEmpty(t *testing.T) {
	spool := t.TempDir()
	g, port := gateway(t, spool, "127.0.0.1:1")
	conn := dialed(t, port)
	conn.Write(mrdMessage(mrd.Header, []byte("<ismrmrdHeader/>")))
	eventually(t, func() string { return strings.Join(spooled(t, spool), "") })
	g.stop(syscall.SIGKILL)
	gateway(t, spool, "127.0.0.1:1")
	if left := spooled(t, spool); len(left) > 0 {
		t.Errorf("the spool keeps %v", left)
	}
}

func TestGatewayRefusesItsFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"say --insecure":      {"--listen", "0.0.0.0:0"},
		"is not an address":   {"--listen", "nowhere"},
		"holds no scan":       {"--max-scan", "0"},
		"unknown method":      {"--method", "magic"},
		"not an address such": {"--to", "ftp://x"},
	} {
		_, stderr, err := try(append([]string{"gateway", "--to", "http://127.0.0.1:1", "--spool", t.TempDir()}, args...)...)
		if err == nil || !strings.Contains(stderr, want) {
			t.Errorf("%v: %q, want %q", args, stderr, want)
		}
	}
}
