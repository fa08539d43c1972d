package dicomio

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/closer-mri/closer/recon"
)

// allocated is how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// identified writes a file and identifies it; it is made as long as size with zeros.
func identified(t *testing.T, file []byte, size int64) (o Object, bytes uint64, err error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "object")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, max(size, int64(len(file)))); err != nil {
		t.Fatal(err)
	}
	bytes = allocated(func() { o, err = Identify(path) })
	return o, bytes, err
}

const uids = "\x08\x00\x16\x00UI\x04\x001.1\x00\x08\x00\x18\x00UI\x04\x001.2\x00\x20\x00\x0d\x00UI\x04\x001.3\x00\x20\x00\x0e\x00UI\x04\x001.4\x00"

// sound is a file with the given elements, explicit little endian.
func sound(elements string) []byte {
	return append(make([]byte, preamble), "DICM\x02\x00\x10\x00UI\x14\x001.2.840.10008.1.2.1\x00"+elements...)
}

// Neither pixels nor elements without number come into memory, and a file that is too large does not even if it says nothing of itself.
func TestIdentifyTakesLittleMemory(t *testing.T) {
	pixels := "\xe0\x7f\x10\x00OW\x00\x00\x00\x00\x00\x04" // 64 MiB
	item := "\xfe\xff\x00\xe0\x00\x00\x00\x00"
	var many, items []byte
	for range 100_000 {
		many, items = append(many, uids...), append(items, item...)
	}
	sequence := "\x08\x00\x40\x11SQ\x00\x00\xff\xff\xff\xff" + string(items) + "\xfe\xff\xdd\xe0\x00\x00\x00\x00"
	head := int64(len(sound(uids + pixels)))
	for name, c := range map[string]struct {
		file []byte
		size int64
		want recon.Code
	}{
		"pixels":        {sound(uids + pixels), head + 64<<20, ""},
		"pixels cut":    {sound(uids + pixels), head + 63<<20, recon.Invalid},
		"many elements": {sound(uids + string(many)), 0, ""},
		"many items":    {sound(sequence + uids), 0, ""},
		"too large":     {sound(uids + pixels), MaxFile + 1, recon.Invalid},
		"no DICOM":      {[]byte("report"), 64 << 20, recon.Invalid},
		"empty":         {nil, 0, recon.Invalid},
	} {
		o, bytes, err := identified(t, c.file, c.size)
		if recon.CodeOf(err) != c.want || bytes > 1<<20 {
			t.Errorf("%s: %v, %d bytes allocated", name, err, bytes)
		}
		if want := (Object{o.Path, "1.1", "1.3", "1.4", "1.2"}); c.want == "" && o != want {
			t.Errorf("%s: %+v, want %+v", name, o, want)
		}
	}
	if _, err := Identify(filepath.Join(t.TempDir(), "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an absent file: %v", err)
	}
}

// A mapped file that is cut short is an error, and other panics are none of its business.
func TestMappedFileIsCutShort(t *testing.T) {
	path := filepath.Join(t.TempDir(), "object")
	if err := os.WriteFile(path, make([]byte, 1<<16), 0o600); err != nil {
		t.Fatal(err)
	}
	var sum byte
	if err := withMapped(path, func(file []byte) error {
		if err := os.Truncate(path, 0); err != nil {
			return err
		}
		sum += file[1<<15]
		return nil
	}); err == nil {
		t.Errorf("no error, %d was read", sum)
	}
	if err := os.WriteFile(path, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if recover() != "mine" {
			t.Error("the panic is gone")
		}
	}()
	_ = withMapped(path, func([]byte) error { panic("mine") })
}

// What stands in the place of a UID becomes part of addresses: it must be one, except for the zeros that devices begin components with.
func TestIdentifyRefusesWhatIsNoUID(t *testing.T) {
	study := func(value string) []byte {
		if len(value)%2 == 1 {
			value += "\x00"
		}
		return sound("\x08\x00\x16\x00UI\x04\x001.1\x00\x08\x00\x18\x00UI\x04\x001.2\x00\x20\x00\x0d\x00UI" +
			string([]byte{byte(len(value)), 0}) + value + "\x20\x00\x0e\x00UI\x04\x001.4\x00")
	}
	long := strings.Repeat("1.", 31) + "12"
	for value, want := range map[string]recon.Code{
		"1.2.840": "", "1.02.003": "", "1.2 ": "", "": "", long: "",
		long + "3": recon.Invalid, "/etc": recon.Invalid, "..": recon.Invalid, "1..2": recon.Invalid, "1.2/3": recon.Invalid, "1.2\\1.3": recon.Invalid,
	} {
		o, _, err := identified(t, study(value), 0)
		if recon.CodeOf(err) != want || want == recon.Invalid && !strings.Contains(err.Error(), "Study Instance UID") {
			t.Errorf("%q: %v", value, err)
		}
		if want == "" && o.Study != strings.TrimRight(value, " ") {
			t.Errorf("%q became %q", value, o.Study)
		}
	}
}
