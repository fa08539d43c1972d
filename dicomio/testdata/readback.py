"""Print what pydicom reads from each file named, one JSON object a line: the independent reader of TestPydicomReadsBack."""
import hashlib
import json
import sys
import warnings

import pydicom

warnings.simplefilter("error")
for path in sys.argv[1:]:
    ds = pydicom.dcmread(path)
    mapping = ds.RealWorldValueMappingSequence[0]
    print(json.dumps({
        "rows": ds.Rows, "cols": ds.Columns, "bits": [ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation],
        "study": ds.StudyInstanceUID, "series": ds.SeriesInstanceUID, "instance": ds.SOPInstanceUID, "frame": ds.FrameOfReferenceUID,
        "meta": ds.file_meta.MediaStorageSOPInstanceUID, "number": int(ds.InstanceNumber), "series_number": int(ds.SeriesNumber),
        "description": ds.SeriesDescription, "image_type": list(ds.ImageType),
        "spacing": [float(v) for v in ds.PixelSpacing], "thickness": float(ds.SliceThickness),
        "position": [float(v) for v in ds.ImagePositionPatient], "orientation": [float(v) for v in ds.ImageOrientationPatient],
        "slope": mapping.RealWorldValueSlope, "window": [float(ds.WindowCenter), float(ds.WindowWidth)],
        "rescale": "RescaleSlope" in ds or "RescaleIntercept" in ds,
        "derivation": ds.DerivationDescription, "comments": ds.ImageComments, "qualification": ds.ContentQualification,
        "pixels": hashlib.sha256(ds.pixel_array.astype("<u2").tobytes()).hexdigest(),
    }))
