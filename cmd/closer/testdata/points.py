"""Points at known places in a patient, as raw data, and where DICOM says that they are.

    points.py write RAW.h5          slices of an oblique plane, excited every other first, of two echoes and all of them twice, each with one bright point
    points.py find FILE…            prints how far, in mm, the brightest pixels of DICOM images lie from the points, at most
"""
import itertools
import sys

import ismrmrd
import numpy as np
import pydicom

NY, NX, ROWS, COLUMNS = 64, 40, 32, 31  # encoded, with an oversampled readout, and delivered
DY, DX, GAP = 1.5, 2.0, 7.0  # mm
ECHOES = [15, 90]  # ms
READ, PHASE = np.array([0.6, 0.0, -0.8]), np.array([0.48, -0.8, 0.36])
HEADER = f"""<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><subjectInformation><patientName>Doe^Jane^MARKR^Zo</patientName>
<patientID>MARKR-4711</patientID><patientBirthdate>1980-01-02</patientBirthdate></subjectInformation><studyInformation><accessionNumber>MARKR-12</accessionNumber>
<studyInstanceUID>2.25.4713</studyInstanceUID></studyInformation><measurementInformation><patientPosition>HFS</patientPosition></measurementInformation><experimentalConditions><H1resonanceFrequency_Hz>63500000</H1resonanceFrequency_Hz></experimentalConditions><encoding>
<encodedSpace><matrixSize><x>{NY}</x><y>{NX}</y><z>1</z></matrixSize><fieldOfView_mm><x>{NY * DY}</x><y>{NX * DX}</y><z>5</z></fieldOfView_mm></encodedSpace>
<reconSpace><matrixSize><x>{ROWS}</x><y>{COLUMNS}</y><z>1</z></matrixSize><fieldOfView_mm><x>{ROWS * DY}</x><y>{COLUMNS * DX}</y><z>5</z></fieldOfView_mm>
</reconSpace><encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>{NX - 1}</maximum><center>{NX // 2}</center></kspace_encoding_step_1>
</encodingLimits><trajectory>cartesian</trajectory></encoding><sequenceParameters><TE>15</TE><TE>90</TE></sequenceParameters></ismrmrdHeader>"""


def slices():
    """Of each repetition, echo and slice, as the scanner numbers them: the centre of its field of view and the point, so many pixels from there."""
    for repetition, echo, (number, place) in itertools.product((0, 1), (0, 1), enumerate((1, 3, 0, 2, 4))):
        center = np.array([12.0, -34.5, 56.25]) + GAP * place * np.cross(READ, PHASE)
        yield (repetition, echo), number, center, (5 - 3 * place + 2 * repetition, 4 * place - 7 + echo)


def write(path):
    data = ismrmrd.Dataset(path, mode="w")
    data.write_xml_header(HEADER)
    row, column = np.arange(NY) - NY // 2, np.arange(NX) - NX // 2
    for (repetition, echo), number, center, (down, right) in slices():
        k = np.exp(-2j * np.pi * (down * row[:, None] / NY + right * column / NX)).astype(np.complex64)
        for c in range(NX):
            a = ismrmrd.Acquisition.from_array(np.ascontiguousarray(k[None, :, c]))
            a.center_sample, a.idx.repetition, a.idx.contrast, a.idx.slice, a.idx.kspace_encode_step_1 = NY // 2, repetition, echo, number, c
            a.position[:], a.read_dir[:], a.phase_dir[:] = center, READ, PHASE
            data.append_acquisition(a)
    data.close()


def frames(path):
    """(pixels, repetition and echo, position of the first, orientation, spacing) of each frame of a DICOM file."""
    d = pydicom.dcmread(path)
    if "PerFrameFunctionalGroupsSequence" not in d:
        assert d.NumberOfTemporalPositions == 2
        assert d.EchoNumbers == ECHOES.index(d.EchoTime) + 1
        yield d.pixel_array, (d.TemporalPositionIdentifier - 1, ECHOES.index(d.EchoTime)), d.ImagePositionPatient, d.ImageOrientationPatient, d.PixelSpacing
        return
    shared = d.SharedFunctionalGroupsSequence[0]
    for pixels, frame in zip(d.pixel_array, d.PerFrameFunctionalGroupsSequence):
        content = frame.FrameContentSequence[0]
        echo = ECHOES.index(frame.MREchoSequence[0].EffectiveEchoTime)
        assert content.DimensionIndexValues == [1, content.InStackPositionNumber, content.TemporalPositionIndex, echo + 1]
        yield (pixels, (content.TemporalPositionIndex - 1, echo), frame.PlanePositionSequence[0].ImagePositionPatient, shared.PlaneOrientationSequence[0].ImageOrientationPatient,
               shared.PixelMeasuresSequence[0].PixelSpacing)


def find(paths):
    points = [(acquired, center + down * DY * READ + right * DX * PHASE) for acquired, _, center, (down, right) in slices()]
    worst, found = 0.0, 0
    for pixels, acquired, position, orientation, spacing in (f for path in paths for f in frames(path)):
        row, column = np.unravel_index(pixels.argmax(), pixels.shape)
        along, down = np.reshape(orientation, (2, 3)).astype(float)
        at = np.array(position, float) + column * float(spacing[1]) * along + row * float(spacing[0]) * down
        distances = [np.linalg.norm(at - p) if of == acquired else np.inf for of, p in points]
        points.pop(int(np.argmin(distances)))
        worst, found = max(worst, min(distances)), found + 1
    print(worst if found and not points else f"{len(points)} points are in no image")


if __name__ == "__main__":
    write(sys.argv[2]) if sys.argv[1] == "write" else find(sys.argv[2:])
