package dicomweb

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// clientScript lists, retrieves and stores with the client that 3D Slicer has, and says what it saw. Arguments: the URL of the
// server, a directory with the files it serves, named by their UID.
const clientScript = `
import io, json, sys
from pathlib import Path
import numpy as np, pydicom
from dicomweb_client.api import DICOMwebClient

client = DICOMwebClient(url=sys.argv[1])
files = {p.stem: pydicom.dcmread(p) for p in Path(sys.argv[2]).iterdir()}
seen = set()
for study in client.search_for_studies(fuzzymatching=True, search_filters={"PatientName": "*fastMRI*"}, fields=["00081030"]):
    study = pydicom.Dataset.from_json(study)
    all_metadata = {m["00080018"]["Value"][0]: m for m in client.retrieve_study_metadata(study.StudyInstanceUID)}
    for series in client.search_for_series(study.StudyInstanceUID):
        series = pydicom.Dataset.from_json(series)
        ids = study.StudyInstanceUID, series.SeriesInstanceUID
        objects = {d.SOPInstanceUID: d for d in client.retrieve_series(*ids)}
        found = client.search_for_instances(*ids)
        assert len(found) == len(objects) == series.NumberOfSeriesRelatedInstances
        for instance in found:
            uid = instance["00080018"]["Value"][0]
            want = files[uid]
            one = client.retrieve_instance(*ids, uid)
            for got in (objects[uid], one):
                assert got == want and (got.pixel_array == want.pixel_array).all()
            frame = client.retrieve_instance_frames(*ids, uid, [1])[0]
            assert (np.frombuffer(frame, "<u2").reshape(want.pixel_array.shape) == want.pixel_array).all()
            metadata = client.retrieve_instance_metadata(*ids, uid)
            assert metadata == all_metadata[uid]
            bulk = client.retrieve_bulkdata(metadata["7FE00010"]["BulkDataURI"])[0]
            assert bulk == want.PixelData
            parsed = pydicom.Dataset.from_json(metadata, bulk_data_uri_handler=lambda uri: None)
            assert list(parsed.keys()) == list(want.keys())
            for element in want:
                assert element.keyword == "PixelData" or parsed[element.tag] == element, element.tag
            assert client.retrieve_instance_rendered(*ids, uid, media_types=("image/png",)).startswith(b"\x89PNG")
            seen.add(uid)
answer = client.store_instances(list(files.values()))
held = DICOMwebClient(url=sys.argv[1] + "/open").store_instances(list(files.values()))
count = lambda answer: {"stored": len(answer.get("ReferencedSOPSequence", [])), "failed": len(answer.get("FailedSOPSequence", []))}
print(json.dumps({"seen": sorted(seen), "store": count(answer), "hold": count(held)}))
`

func TestPythonClient(t *testing.T) {
	python := os.Getenv("CLOSER_PYTHON")
	if python == "" {
		t.Skip("CLOSER_PYTHON names no Python; make test sets it")
	}
	if out, err := exec.Command(python, "-c", "import dicomweb_client, pydicom, numpy").CombinedOutput(); err != nil {
		t.Skipf("%s cannot import dicomweb_client: %s", python, out)
	}
	var kept, held sink
	s := serve(t, 2, func(c *Config) { c.Store, c.Hold, c.URL = kept.store, held.store, "this" })
	dir := t.TempDir()
	for uid, data := range s.files {
		if err := os.WriteFile(filepath.Join(dir, uid+".dcm"), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var stderr []byte
	out, err := exec.CommandContext(t.Context(), python, "-c", clientScript, s.url, dir).Output()
	if exit, ok := err.(*exec.ExitError); ok {
		stderr = exit.Stderr
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr)
	}
	type count struct{ Stored, Failed int }
	var saw struct {
		Seen        []string
		Store, Hold count
	}
	if err := json.Unmarshal(out, &saw); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if len(saw.Seen) != len(s.files) || len(s.files) != 12 {
		t.Errorf("the client saw %d of %d instances", len(saw.Seen), len(s.files))
	}
	// The client encodes the objects anew: what it stores has our UIDs and, unless pydicom writes the very same bytes, others.
	if saw.Store.Stored+saw.Store.Failed != 12 || len(kept.files) != saw.Store.Stored || saw.Hold != saw.Store || len(held.files) != saw.Hold.Stored {
		t.Errorf("%+v stored, %+v held; %d and %d taken", saw.Store, saw.Hold, len(kept.files), len(held.files))
	}
}
