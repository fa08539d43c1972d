import io
from contextlib import redirect_stderr

import numpy as np
import pydicom
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RLELossless, generate_uid

from train import data, files

from .case import Case, anatomy

MR, SECONDARY = "1.2.840.10008.5.1.4.1.1.4", "1.2.840.10008.5.1.4.1.1.7"
PIXELS = (1000 * anatomy()[0]).astype(np.uint16)


class DICOM(Case):
    def image(self, name, pixels=PIXELS, series="1.2.3", number=1, compress=False, **attributes):
        meta = FileMetaDataset()
        meta.TransferSyntaxUID, meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = ExplicitVRLittleEndian, MR, generate_uid()
        d = FileDataset(None, {}, file_meta=meta, preamble=bytes(128))
        d.is_little_endian, d.is_implicit_VR = True, False
        d.SOPClassUID, d.SOPInstanceUID, d.SeriesInstanceUID, d.InstanceNumber, d.PatientID = MR, meta.MediaStorageSOPInstanceUID, series, number, "p1"
        d.Rows, d.Columns = pixels.shape[-2:]
        d.SamplesPerPixel, d.PhotometricInterpretation, d.PixelRepresentation = 1, "MONOCHROME2", int(pixels.dtype.kind == "i")
        d.BitsAllocated = d.BitsStored = 16
        d.HighBit, d.PixelData = 15, pixels.tobytes()
        if pixels.ndim == 3:
            d.NumberOfFrames = len(pixels)
        for key, value in attributes.items():
            setattr(d, key, value)
        if compress:
            d.compress(RLELossless, pixels)
        path = self.folder / "train" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pydicom.dcmwrite(path, d, write_like_original=False)
        return path

    def read(self):
        """The images of the folder, and what was said of others."""
        said = io.StringIO()
        with redirect_stderr(said):
            return [image for _, image in files.read(self.folder / "train")], said.getvalue()

    def test_every_series_has_its_own_brightness_and_order(self):
        for i in range(3):
            self.image(f"dark{i}", PIXELS // 10 + np.uint16(i), "1.2.3", 3 - i)
            self.image(f"bright{i}", PIXELS * 10, "1.2.4", i, PatientID="p2")
        images, said = self.read()
        self.assertEqual(len(images), 6)
        for image in images:
            self.assertAlmostEqual(float(image.max()), 1.0, delta=0.1)
        self.assertGreater(images[0].min(), images[2].min())  # instances 1 to 3 of the dark series
        self.assertEqual((said, data.patients(self.folder)["train"]), ("", 2))

    def test_what_is_no_magnitude_is_left_out_with_a_line(self):
        self.image("good")
        self.image("phase", PIXELS, "1.2.4", RescaleIntercept=-500)
        self.image("inverted", PIXELS, "1.2.5", PhotometricInterpretation="MONOCHROME1")
        self.image("colour", np.zeros((40, 3 * 48), np.uint16), "1.2.6", SamplesPerPixel=3, PhotometricInterpretation="RGB", PlanarConfiguration=0, Columns=48)
        self.image("cut", PIXELS, "1.2.7", PixelData=PIXELS.tobytes()[:100])
        self.image("empty", 0 * PIXELS, "1.2.8")
        self.image("capture", PIXELS, "1.2.9", SOPClassUID=SECONDARY)
        (self.folder / "train/notes.txt").write_text("no image")
        images, said = self.read()
        self.assertEqual(len(images), 1)
        for of in ("phase: signal is below zero", "inverted: the pixels are MONOCHROME1", "colour: the pixels are RGB", "cut: the pixels cannot be read",
                   "2 files are no MR images"):
            self.assertIn(of, said)
        self.assertEqual(len(said.splitlines()), 5)

    def test_pixels_of_every_coding_are_the_same(self):
        self.image("unsigned")
        self.image("signed", PIXELS.astype(np.int16), "1.2.4")
        self.image("rescaled", PIXELS + np.uint16(100), "1.2.5", RescaleSlope=2, RescaleIntercept=-200)
        self.image("compressed", PIXELS, "1.2.6", compress=True)
        group, transform = Dataset(), Dataset()
        transform.RescaleSlope, transform.RescaleIntercept = 3, -300
        group.PixelValueTransformationSequence = [transform]
        self.image("enhanced", np.stack([PIXELS + np.uint16(100)] * 2), "1.2.7", SharedFunctionalGroupsSequence=[group])
        images, said = self.read()
        self.assertEqual((len(images), said), (6, ""))
        for image in images[1:]:
            np.testing.assert_allclose(image, images[0], atol=1e-5)


class Archives(Case):
    def refused(self, name, reason):
        with self.assertRaisesRegex(SystemExit, f"{name}.*{reason}"):
            list(files.read(self.folder / name))

    def test_refused_arrays(self):
        for name, array, reason in (("scale", anatomy(), "float32"), ("flat", np.zeros((3, 4), np.uint8), "shape"), ("last", np.ones((64, 64, 5), np.uint8), "32 x 32")):
            self.npz(name + ".npz", site=array)
            self.refused(name + ".npz", reason)
        (self.folder / "cut.npz").write_bytes((self.folder / "scale.npz").read_bytes()[:100])
        self.refused("cut.npz", "zip")

    def test_refused_volumes(self):
        k = np.ones((2, 40, 48), np.complex64)
        gap = k.copy()
        gap[..., 10:20] = 0
        nan = anatomy(2)
        nan[1, 3, 3] = np.nan
        for name, datasets, reason in (("none", {}, "neither"), ("masked", {"kspace": k, "mask": np.ones(48)}, "undersampled"), ("gap", {"kspace": gap}, "undersampled"),
                                       ("plane", {"kspace": k[0]}, "shape"), ("nan", {"reconstruction_rss": nan}, "finite"), ("image", {"rss": anatomy()[0]}, "shape")):
            self.h5(name + ".h5", **datasets)
            self.refused(name + ".h5", reason)
        (self.folder / "cut.h5").write_bytes((self.folder / "nan.h5").read_bytes()[:600])
        self.refused("cut.h5", "")

    def test_empty_slices_are_left_out(self):
        images = np.concatenate([anatomy(2), np.zeros((3, 40, 48), np.float32)])
        self.h5("a.h5", reconstruction_esc=images)
        self.npz("a.npz", site=(170 * images).astype(np.uint8))
        self.assertEqual([len(list(files.read(self.folder / name))) for name in ("a.h5", "a.npz")], [2, 2])
        self.h5("b.h5", reconstruction_esc=images[2:])
        self.assertEqual(list(files.read(self.folder / "b.h5")), [])


class Splits(Case):
    def test_volumes_below_folders_are_found(self):
        self.h5("train/one/a.h5", reconstruction_esc=anatomy(2))
        self.h5("train/two/b.h5", reconstruction_esc=anatomy(3))
        self.assertEqual(len(data.Slices(self.folder, "train")), 5)

    def test_a_patient_in_two_splits_is_refused(self):
        self.h5("train/a.h5", "anna", reconstruction_esc=anatomy())
        self.h5("val/b.h5", "bert", reconstruction_esc=anatomy())
        self.assertEqual(data.patients(self.folder), {"train": 1, "val": 1, "test": 0})
        self.h5("test/c.h5", "anna ", reconstruction_esc=anatomy())
        with self.assertRaisesRegex(SystemExit, "train and test have 1 of their patients in common") as caught:
            data.patients(self.folder)
        self.assertNotIn("anna", str(caught.exception))

    def test_a_group_that_is_not_there_is_named(self):
        self.npz("train.npz")
        with self.assertRaisesRegex(SystemExit, "slices of site, none of openms"):
            data.Slices(self.folder, "train", ("site", "openms"))
        with self.assertRaisesRegex(SystemExit, "no slices in val"):
            data.Slices(self.folder, "val")
