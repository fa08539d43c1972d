"""ISMRMRD files made with the Python package ismrmrd, and what must be read from them.

    gen_ismrmrd.py DIR     names beginning with ok_ must be read; NAME.json has shapes and mask, NAME.c64 (slices, coils, rows,
                           columns) as a NumPy reference has them, and centers of the slices where they lie known; NAME.json has the
                           columns of calibration lines, where there are any, and NAME.calibration those of each slice
"""
import json
import os
import sys

import h5py
import ismrmrd
import numpy as np

SLICES, COILS, ROWS, COLUMNS = 2, 3, 16, 10
HEADER = (
    '<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><subjectInformation><patientName>DOE^JANE</patientName>'
    "</subjectInformation><acquisitionSystemInformation><systemVendor>SIEMENS</systemVendor><systemFieldStrength_T>1.5</systemFieldStrength_T>"
    "</acquisitionSystemInformation><experimentalConditions><H1resonanceFrequency_Hz>63500000</H1resonanceFrequency_Hz></experimentalConditions>"
    "<encoding><encodedSpace><matrixSize><x>16</x><y>10</y><z>1</z></matrixSize><fieldOfView_mm><x>40</x><y>25</y><z>5</z></fieldOfView_mm></encodedSpace>"
    "<reconSpace><matrixSize><x>8</x><y>8</y><z>1</z></matrixSize><fieldOfView_mm><x>20</x><y>20</y><z>5</z></fieldOfView_mm></reconSpace>"
    "<encodingLimits><kspace_encoding_step_1><minimum>0</minimum><maximum>9</maximum><center>5</center></kspace_encoding_step_1></encodingLimits>"
    "<trajectory>cartesian</trajectory></encoding><sequenceParameters><TR>500</TR></sequenceParameters></ismrmrdHeader>"
)
random = np.random.default_rng(3)


def kspace(*shape):
    return (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(np.complex64)


READ, PHASE = (0.8, 0.0, -0.6), (0.0, 1.0, 0.0)  # oblique: a right angle


def readout(samples, flags=(), center=None, pre=0, post=0, space=0, at=None, read_dir=READ, phase_dir=PHASE, slice_dir=(0, 0, 0), **index):
    """An acquisition of samples (coils, n), whose slice lies at a point, in a plane, or leaves that out."""
    a = ismrmrd.Acquisition.from_array(np.ascontiguousarray(samples))
    a.center_sample = samples.shape[1] // 2 if center is None else center
    a.discard_pre, a.discard_post, a.encoding_space_ref = pre, post, space
    if at is not None:
        a.position[:], a.read_dir[:], a.phase_dir[:], a.slice_dir[:] = at, read_dir, phase_dir, slice_dir
    for flag in flags:
        a.set_flag(flag)
    for name, value in index.items():
        setattr(a.idx, name, value)
    return a


def lines(k, columns=range(COLUMNS), shift=0, **options):
    """Readouts of k (slices, coils, rows, columns), slices interleaved as scanners do; column c is step c + shift."""
    return [readout(k[s, :, :, c], slice=s, kspace_encode_step_1=c + shift, **options) for c in columns for s in range(len(k))]


def partitions(k, there=None, **options):
    """Readouts of the partitions k (partitions, coils, rows, columns) of a slab, those there (partitions, columns)."""
    there = np.ones((len(k), COLUMNS), bool) if there is None else there
    return [readout(k[z, :, :, c], kspace_encode_step_2=z, kspace_encode_step_1=c, **options) for z, c in np.argwhere(there)]


def transformed(k, axis):
    """The centred orthonormal inverse transform along an axis."""
    return np.fft.fftshift(np.fft.ifft(np.fft.ifftshift(k, axes=axis), axis=axis, norm="ortho"), axes=axis).astype(np.complex64)


def write(path, acquisitions, header=HEADER):
    data = ismrmrd.Dataset(path, mode="w")
    data.write_xml_header(header)
    for a in acquisitions:
        data.append_acquisition(a)
    data.close()
    return path


def expect(path, k, mask=None, centers=None, calibration=None, first=0):
    k = k.copy()
    masks = None
    if mask is not None and mask.ndim == 2:
        masks, mask = mask, mask[0]
        k *= masks[:, None, None, :]
    elif mask is not None and len(mask) == COLUMNS:
        k[..., ~mask] = 0
    k.tofile(path.removesuffix(".h5") + ".c64")
    columns = [0, 0]
    if calibration is not None:
        columns = [first, first + calibration.shape[-1]]
        np.ascontiguousarray(calibration, np.complex64).tofile(path.removesuffix(".h5") + ".calibration")
    with open(path.removesuffix(".h5") + ".json", "w") as f:
        json.dump({"Shape": k.shape, "Mask": None if mask is None else mask.tolist(), "Masks": None if masks is None else masks.tolist(),
                   "Centers": centers, "Calibration": columns}, f)


def cases(folder):
    def p(name):
        return os.path.join(folder, name + ".h5")

    def ok(name, acquisitions, expected, mask=None, header=HEADER, centers=None, calibration=None, first=3):
        expect(write(p("ok_" + name), acquisitions, header), expected, mask, centers, calibration, first)

    k = kspace(SLICES, COILS, ROWS, COLUMNS)
    ok("full", lines(k), k)
    ok("single_coil", lines(k[:, :1]), k[:, :1])
    # What scanners send besides: a noise scan of another length, navigators, phase correction, separate calibration.
    other = [readout(kspace(COILS, 32), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT])] + [
        readout(kspace(COILS, 8), [flag]) for flag in (ismrmrd.ACQ_IS_NAVIGATION_DATA, ismrmrd.ACQ_IS_PHASECORR_DATA, ismrmrd.ACQ_IS_DUMMYSCAN_DATA,
                                                       ismrmrd.ACQ_IS_PARALLEL_CALIBRATION, ismrmrd.ACQ_IS_RTFEEDBACK_DATA)]
    ok("skipped", other[1:] + lines(k), k)
    # A noise scan whitens the coils, if it has enough samples of them.
    mixed = np.array([[1, 0, 0], [0.5j, 2, 0], [0.3, -0.4, 0.7]]) @ kspace(COILS, 40)
    noise = [readout(mixed[:, :20].astype(np.complex64), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT]),
             readout(np.concatenate([kspace(COILS, 4), mixed[:, 20:], kspace(COILS, 3)], 1).astype(np.complex64), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT], pre=4, post=3)]
    covariance = mixed @ mixed.conj().T
    white = np.sqrt(np.trace(covariance).real / COILS) * np.linalg.inv(np.linalg.cholesky(covariance))
    ok("whitened", other[1:] + noise + lines(k), np.einsum("ab,sbyx->sayx", white, k).astype(np.complex64))
    ok("whitened_mask", noise + lines(k, range(3, COLUMNS)), np.einsum("ab,sbyx->sayx", white, k).astype(np.complex64), np.arange(COLUMNS) >= 3)
    ok("noise_short", [readout(kspace(COILS, 29), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT])] + lines(k), k)
    ok("noise_of_a_dead_coil", [readout(kspace(COILS, 64) * np.array([[1], [0], [1]], np.complex64), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT])] + lines(k), k)
    ok("noise_nan", [readout(kspace(COILS, 64) * np.complex64(np.nan), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT])] + lines(k), k)
    ok("noise_of_other_coils", [readout(kspace(COILS + 1, 64), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT])] + lines(k), k)
    ok("noise_of_one_coil", [readout(kspace(1, 64), [ismrmrd.ACQ_IS_NOISE_MEASUREMENT])] + lines(k[:, :1]), k[:, :1])
    # Parallel imaging with embedded calibration lines, and partial Fourier.
    mask = np.zeros(COLUMNS, bool)
    mask[::3], mask[4:7] = True, True
    ok("accelerated", [a for c in np.flatnonzero(mask) for a in
                       lines(k, [c], flags=[ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING] if 4 <= c < 7 else [])], k, mask)
    # Calibration lines between the undersampled ones, flagged as the standard says or doubly; and those of a scan of their own.
    alone, shared = ismrmrd.ACQ_IS_PARALLEL_CALIBRATION, ismrmrd.ACQ_IS_PARALLEL_CALIBRATION_AND_IMAGING
    for name, both in (("integrated", [shared]), ("integrated_twice", [alone, shared])):
        ok(name, [a for c in np.flatnonzero(mask) for a in lines(k, [c], flags=[] if c not in (4, 5, 6) else both if c % 3 == 0 else [alone])], k, mask)
    mode = "<parallelImaging><calibrationMode>separate</calibrationMode></parallelImaging></encoding>"
    apart = HEADER.replace("</encoding>", mode)
    ok("separate", lines(9 * k, range(3, 7), flags=[alone]) + lines(k), k, header=apart, calibration=9 * k[..., 3:7])
    # They count their steps by themselves, have fewer samples, as many at each end, are averaged, whitened and of the first repetition and echo.
    third = np.arange(COLUMNS) % 3 == 2
    sampled = [a for c in np.flatnonzero(third) for a in lines(k, [c])]
    ok("separate_numbered", lines(9 * k, range(3, 8), shift=-3, flags=[alone]) + sampled, k, third, apart, calibration=9 * k[..., 3:8])
    short = k.copy()
    short[:, :, :4], short[:, :, 12:] = 0, 0
    ok("separate_short", lines(k[:, :, 4:12], range(3, 7), flags=[alone]) + sampled, k, third, apart, calibration=short[..., 3:7])
    ok("separate_averages", [a for sign in (1, -1) for a in lines(k + sign * k[::-1], range(3, 7), flags=[alone])] + sampled, k, third, apart, calibration=k[..., 3:7])
    ok("separate_whitened", noise + lines(k, range(3, 7), flags=[alone]) + lines(k), np.einsum("ab,sbyx->sayx", white, k).astype(np.complex64), header=apart,
       calibration=np.einsum("ab,sbyx->sayx", white, k)[..., 3:7])
    ok("separate_repetitions", [a for n in (0, 1) for a in lines((3 - n) * k, range(3, 7), repetition=n, flags=[alone]) + lines(k * (n + 1), repetition=n)],
       np.concatenate([k, 2 * k]), header=apart, calibration=np.concatenate([3 * k, 3 * k])[..., 3:7])
    # Of the lines those count that all slices have.
    ok("separate_uneven", lines(k, range(3, 6), flags=[alone]) + lines(k[:1], [6], flags=[alone]) + lines(k, [7], flags=[alone]) + lines(k), k, header=apart,
       calibration=k[..., 3:6])
    # Lines from which no sensitivities can be told: of one coil, of one slice alone, without the centre, beyond the matrix, reversed.
    ok("separate_one_coil", lines(9 * k[:, :1], range(3, 7), flags=[alone]) + lines(k[:, :1]), k[:, :1], header=apart)
    ok("separate_other_coils", lines(9 * k[:, :2], range(3, 7), flags=[alone]) + lines(k), k, header=apart)
    ok("separate_one_slice", lines(9 * k[:1], range(3, 7), flags=[alone]) + lines(k), k, header=apart)
    ok("separate_other_slices", lines(np.concatenate([k, k]), range(3, 7), flags=[alone]) + lines(k), k, header=apart)
    ok("separate_gap", lines(k, (3, 4, 6, 7), flags=[alone]) + lines(k), k, header=apart)
    ok("separate_wide", lines(k, (0, 9), shift=1, flags=[alone]) + lines(k, [4], shift=-4, flags=[alone]) + lines(k), k, header=apart)
    ok("separate_outside", lines(k[:, :, :6], range(3, 7), center=12, flags=[alone]) + lines(k), k, header=apart)
    ok("separate_before_centre", lines(k[:, :, :6], range(3, 7), center=7, flags=[alone]) + lines(k), k, header=apart)
    ok("separate_after_centre", lines(k[:, :, :8], range(3, 7), center=1, pre=3, flags=[alone]) + lines(k), k, header=apart)
    ok("separate_long", lines(np.pad(k, ((0, 0), (0, 0), (8, 8), (0, 0))), range(3, 7), flags=[alone]) + lines(k), k, header=apart)
    ok("separate_reversed", lines(k, range(3, 7), flags=[alone, ismrmrd.ACQ_IS_REVERSE]) + lines(k), k, header=apart)
    ok("partial_fourier", lines(k, range(3, COLUMNS)), k, np.arange(COLUMNS) >= 3)
    # The centre of k-space is step 2: steps count from the first one acquired.
    ok("shifted", lines(k, range(3, COLUMNS), shift=-3), k, np.arange(COLUMNS) >= 3, HEADER.replace("<center>5", "<center>2"))
    # Two averages of which the mean counts, and repetitions, which follow one another.
    noisy = kspace(*k.shape)
    ok("averages", lines(k + noisy, average=0) + lines(k - noisy, average=1), k)
    ok("repetitions", lines(k, repetition=0) + lines(noisy, repetition=1), np.concatenate([k, noisy]))
    # A scan that was stopped: what is incomplete is left out.
    ok("stopped", lines(k, repetition=0) + lines(noisy, repetition=1) + lines(k, repetition=2)[:7], np.concatenate([k, noisy]))
    ok("stopped_slice", lines(k, repetition=0) + [a for a in lines(noisy, repetition=1) if a.idx.slice == 0], k)
    ok("stopped_later", lines(k, repetition=0) + lines(noisy, range(1, COLUMNS), repetition=1), np.concatenate([k, noisy]), np.array([np.arange(COLUMNS) >= n for n in (0, 1)]).repeat(SLICES, 0),
       calibration=np.tile(np.where(np.arange(COLUMNS) < 1, k, (k + noisy) / 2), (2, 1, 1, 1)), first=0)
    four = kspace(4, COILS, ROWS, COLUMNS)
    ok("stopped_slices", [a for a in lines(four) if a.idx.slice in (0, 2) or a.idx.kspace_encode_step_1 < 4], four[[0, 2]])
    # What the scanner flags as ended is complete: a repetition of a fifth of the columns after a whole one, and a slice of a few.
    ended = lines(k, (1, 5), repetition=1)
    ended[-1].set_flag(ismrmrd.ACQ_LAST_IN_REPETITION)
    ok("stopped_not", lines(k, repetition=0) + ended, np.concatenate([k, k]), np.array([np.ones(COLUMNS, bool), np.isin(np.arange(COLUMNS), (1, 5))]).repeat(SLICES, 0),
       calibration=np.tile(k, (2, 1, 1, 1)), first=0)
    few = lines(k[:1]) + [a for a in lines(k, range(4, 7)) if a.idx.slice == 1]
    few[-1].set_flag(ismrmrd.ACQ_LAST_IN_SLICE)
    ok("stopped_not_slice", few, k, np.array([np.ones(COLUMNS, bool), np.isin(np.arange(COLUMNS), (4, 5, 6))]))
    # Echoes follow one another in each repetition.
    echoes = HEADER.replace("<TR>500</TR>", "<TR>500</TR><TE>10</TE><TE>90</TE><TE>170</TE>")
    ok("echoes", [a for r in (0, 1) for c in (0, 2) for a in lines((1 + r + 3 * c) * k, repetition=r, contrast=c)], np.concatenate([k, 7 * k, 2 * k, 8 * k]), header=echoes)
    ok("later_echo", lines(k, contrast=1), k, header=echoes)
    # So do heart phases, whose numbers have gaps.
    ok("phases", [a for r in (0, 1) for f in (1, 4, 5) for a in lines((1 + r + 3 * f) * k, repetition=r, phase=f)],
       np.concatenate([f * k for f in (4, 13, 16, 5, 14, 17)]))
    # And sets, as of flow encoding; calibration lines of a set of their own are apart.
    ok("sets", [a for r in (0, 1) for f in (0, 1) for n in (2, 5) for a in lines((1 + r + 3 * f + 10 * n) * k, repetition=r, phase=f, set=n)],
       np.concatenate([f * k for f in (21, 51, 24, 54, 22, 52, 25, 55)]))
    ok("set_of_calibration", lines(9 * k, range(3, 7), set=1, flags=[alone]) + sampled, k, third, calibration=9 * k[..., 3:7])
    ok("sets_integrated", [a for n in (0, 1) for c in np.flatnonzero(mask) for a in lines((1 + n) * k, [c], set=n, flags=[alone] if c in (4, 5) else [])],
       np.concatenate([k, 2 * k]), mask)
    # Partial echoes: the samples before or after the others are zeros.
    late, early = k.copy(), k.copy()
    late[:, :, :4], early[:, :, 10:] = 0, 0
    ok("partial_echo", lines(k[:, :, 4:], center=4), late)
    ok("partial_echo_after", lines(np.pad(k[:, :, :10], ((0, 0), (0, 0), (3, 1), (0, 0)), constant_values=9e9), center=11, pre=3, post=1), early)
    # A part of a scan, numbered as in the whole.
    ok("numbered", lines(k, contrast=1, set=2, phase=3, repetition=4), k)
    ok("later_slices", [a for a in lines(np.concatenate([k, k])) if a.idx.slice >= SLICES], k)
    # Scanners leave slices out whose numbers stay free.
    many = kspace(7, COILS, ROWS, COLUMNS)
    there = [1, 3, 4, 6]
    ok("gaps", [a for repetition in (1, 2) for a in lines(many * repetition, repetition=repetition) if a.idx.slice in there],
       np.concatenate([many[there], many[there] * 2]))
    # Where slices lie, 6 mm apart along the normal (0.6, 0, 0.8): as they are numbered, the other way round, and excited every other first.
    def placed(k, order, **options):
        return [a for s, n in enumerate(order) for a in lines(k[s:s + 1], at=place(n), **options)]

    def place(n):
        return [round(3 + 6 * 0.6 * n, 5), -20.25, round(6 * 0.8 * n, 5)]

    def numbered(acquisitions):
        for i, a in enumerate(acquisitions):
            a.idx.slice = i // COLUMNS
        return acquisitions

    five = kspace(5, COILS, ROWS, COLUMNS)
    ok("placed", numbered(placed(k, [0, 1])), k, centers=[place(0), place(1)])
    ok("placed_backwards", numbered(placed(five, [4, 3, 2, 1, 0])), five, centers=[place(n) for n in (4, 3, 2, 1, 0)])
    ok("placed_interleaved", numbered(placed(five, [1, 3, 0, 2, 4])), five[[4, 1, 3, 0, 2]], centers=[place(n) for n in (4, 3, 2, 1, 0)])
    ok("separate_placed", [a for a in numbered(placed(9 * five, [1, 3, 0, 2, 4], flags=[alone]))
       if 3 <= a.idx.kspace_encode_step_1 < 7] + numbered(placed(five, [1, 3, 0, 2, 4])), five[[4, 1, 3, 0, 2]], header=apart,
       centers=[place(n) for n in (4, 3, 2, 1, 0)], calibration=9 * five[[4, 1, 3, 0, 2], ..., 3:7])
    # Times that were sampled in different columns: the mean over times tells the coils' sensitivities, of the first echo.
    every_third = np.stack([np.arange(COLUMNS) % 3 == n % 3 for n in range(4)])
    changing = [part for n, there in enumerate(every_third) for part in lines((1 + n) * k, np.flatnonzero(there), repetition=n)]
    weight = np.stack([1 + n for n in range(4)]) @ every_third / every_third.sum(0)
    ok("changing", changing, np.concatenate([(1 + n) * k for n in range(4)]), every_third.repeat(SLICES, 0), calibration=np.tile(weight * k, (4, 1, 1, 1)), first=0)
    ok("changing_coil", [part for n, there in enumerate(every_third) for part in lines(k[:, :1], np.flatnonzero(there), repetition=n)],
       np.tile(k[:, :1], (4, 1, 1, 1)), every_third.repeat(SLICES, 0))
    ok("changing_separate", lines(9 * k, range(3, 7), flags=[alone]) + changing, np.concatenate([(1 + n) * k for n in range(4)]), every_third.repeat(SLICES, 0),
       header=apart, calibration=np.tile(9 * k, (4, 1, 1, 1))[..., 3:7])
    ok("changing_echoes", [part for n in (0, 1) for c in (0, 1) for part in lines((1 + n + 7 * c) * k, np.flatnonzero(every_third[n] | (np.arange(COLUMNS) == 5)), repetition=n, contrast=2 * c)],
       np.concatenate([k, 8 * k, 2 * k, 9 * k]), (every_third[:2] | (np.arange(COLUMNS) == 5)).repeat(2 * SLICES, 0), header=echoes,
       calibration=np.tile(k * (every_third[0] + 2 * every_third[1] + 1.5 * (np.arange(COLUMNS) == 5)), (4, 1, 1, 1))[..., 3:8])
    # Of the first set, too; and sets of one time have no mean.
    three = every_third[[0, 1, 2]]
    ok("changing_sets", [part for n in range(3) for s in (0, 1) for part in lines((1 + 9 * s) * k, np.flatnonzero(three[n]), repetition=n, set=s)],
       np.concatenate([k, 10 * k] * 3), three.repeat(2 * SLICES, 0), calibration=np.tile(k, (6, 1, 1, 1)), first=0)
    halves = np.stack([np.arange(COLUMNS) != 9, np.arange(COLUMNS) >= 0])
    ok("changing_sets_once", [part for s in (0, 1) for part in lines(k, np.flatnonzero(halves[s]), set=s)], np.concatenate([k, k]), halves.repeat(SLICES, 0))
    uneven = np.ones((5, COLUMNS), bool)
    uneven[1, 7] = uneven[3, 8:] = False
    order = [4, 1, 3, 0, 2]
    ok("changing_slices", [a for a in numbered(placed(five, [1, 3, 0, 2, 4])) if uneven[a.idx.slice, a.idx.kspace_encode_step_1]], five[order], uneven[order],
       centers=[place(n) for n in (4, 3, 2, 1, 0)])
    # Every repetition lies where the first does, or where they lie is not known.
    again = [placed(part, [1, 3, 0, 2, 4], repetition=n) for n, part in enumerate((five, 2 * five))]
    ok("placed_repeated", numbered(again[0]) + numbered(again[1]), np.concatenate([five, 2 * five])[[4, 1, 3, 0, 2, 9, 6, 8, 5, 7]],
       centers=[place(n) for n in (4, 3, 2, 1, 0)])
    ok("place_wandered", numbered(placed(k, [0, 1])) + numbered(placed(2 * k, [1, 2], repetition=1)), np.concatenate([k, 2 * k]))
    # Positions that nobody can lie at: those of another slice, of acquisitions that disagree, in planes that differ or are none.
    ok("place_repeated", numbered(placed(k, [1, 1])), k)
    ok("place_moved", numbered([a for c in range(COLUMNS) for a in lines(k[:1], [c], at=place(c))]), k[:1])
    ok("place_turned", numbered(lines(k[:1], at=place(0)) + lines(k[1:], at=place(1), read_dir=(1, 0, 0))), k)
    ok("place_oblique", numbered(placed(k, [0, 1], phase_dir=(0.6, 0.8, 0))), k)
    ok("place_none", numbered(lines(k[:1], at=place(0)) + lines(k[1:], at=[np.nan] * 3)), k)
    ok("place_far", numbered(lines(k[:1], at=place(0)) + lines(k[1:], at=[3e38] * 3)), k)
    # Samples around the matrix that are to be discarded.
    padded = np.pad(k, ((0, 0), (0, 0), (4, 2), (0, 0)), constant_values=9e9)
    ok("discarded", lines(padded, center=12, pre=4, post=2), k)

    # 3-D: 6 partitions, of which the recon field of view holds 4.
    slab = kspace(6, COILS, ROWS, COLUMNS)
    deep = HEADER.replace("<y>10</y><z>1</z></matrixSize><fieldOfView_mm><x>40</x><y>25</y><z>5</z>",
                          "<y>10</y><z>6</z></matrixSize><fieldOfView_mm><x>40</x><y>25</y><z>12</z>"
                          ).replace("<y>20</y><z>5</z>", "<y>20</y><z>8</z>").replace("<y>8</y><z>1</z>", "<y>8</y><z>8</z>")
    across = tuple(-np.cross(PHASE, READ))
    ok("slab", partitions(slab, at=place(0), slice_dir=across), transformed(slab, 0)[1:5], header=deep,
       centers=[[round(c + 2 * n * a, 5) for c, a in zip(place(0), across)] for n in (-2, -1, 0, 1)])
    ok("slab_accelerated", partitions(slab, np.tile(mask, (6, 1))), transformed(slab, 0)[1:5], mask, deep)
    ok("slab_repeated", [a for r in (0, 1) for a in partitions((1 + r) * slab, repetition=r)],
       np.concatenate([transformed(slab, 0)[1:5], transformed(2 * slab, 0)[1:5]]), header=deep)
    noisy = kspace(*slab.shape)
    ok("slab_averages", partitions(slab + noisy) + partitions(slab - noisy, average=1), transformed(slab, 0)[1:5], header=deep)
    # Steps that count from the first partition acquired: the centre is the second; the two before the first are zeros.
    fewer = slab.copy()
    fewer[:2] = 0
    ok("slab_partial", [readout(slab[z, :, :, c], kspace_encode_step_2=z - 2, kspace_encode_step_1=c) for z in range(2, 6) for c in range(COLUMNS)],
       transformed(fewer, 0)[1:5], header=deep.replace("</kspace_encoding_step_1>", "</kspace_encoding_step_1><kspace_encoding_step_2><center>1</center></kspace_encoding_step_2>"))
    # Undersampled in both phase encodes: slices across the readout, of whose 16 the recon field of view holds 8.
    radius = np.hypot(*np.meshgrid((np.arange(COLUMNS) - 5) / 5, (np.arange(6) - 3) / 3))
    points = (radius < 0.8) & (np.add.outer(np.arange(6), np.arange(COLUMNS)) % 2 == 0) | (radius < 0.5)
    skipping = np.zeros_like(points)
    skipping[1::2] = True
    for name, there in (("scattered", points), ("skipping", skipping)):
        both = transformed((slab * there[:, None, None, :]).transpose(2, 1, 0, 3), 0)[4:12]
        ok("slab_" + name, partitions(slab, there, at=place(0), slice_dir=across), both, there.ravel(), deep,
           centers=[[round(c + 2.5 * n * a, 5) for c, a in zip(place(0), READ)] for n in range(-4, 4)])
        # A rectangle around the centre of partitions and columns, numbered by itself; of what is scattered the largest square.
        middle = np.zeros_like(points)
        middle[2:5, 2:8] = True
        told = partitions(9 * slab, middle, flags=[alone])
        for a in told:
            a.idx.kspace_encode_step_2 -= 2
        ok("slab_" + name + "_separate", told + partitions(slab, there), both, there.ravel(), deep.replace("</encoding>", mode),
           calibration=transformed((9 * slab * middle[:, None, None, :]).transpose(2, 1, 0, 3), 0)[4:12, ..., 4:6], first=4)
    ok("slab_separate", told + partitions(slab, np.tile(mask, (6, 1))), transformed(slab, 0)[1:5], mask, deep.replace("</encoding>", mode),
       calibration=transformed(9 * slab * middle[:, None, None, :], 0)[1:5, ..., 2:8], first=2)
    write(p("bad_step_2"), lines(k, kspace_encode_step_2=1))
    write(p("bad_partitions"), partitions(slab[:2]), deep)
    cut = slab * points[:, None, None, :]
    cut[:, :, :4] = 0
    ok("slab_partial_echo", partitions(slab[:, :, 4:], points, center=4), transformed(cut.transpose(2, 1, 0, 3), 0)[4:12], points.ravel(), deep)
    write(p("bad_partitions_few"), partitions(slab, np.outer(np.isin(np.arange(6), (3, 4)), np.ones(COLUMNS))), deep)
    # Two slabs, of which the upper one is numbered first: 4 slices of each are in view, and those nearer to the other one are left out.
    def slabs(apart, **options):
        upper = [round(c + 2 * apart * a, 5) for c, a in zip(place(0), across)]
        return [a for s, at in ((0, upper), (1, place(0))) for a in partitions((2 - s) * slab, at=at, slice_dir=across, slice=s, **options)]

    def lie(offsets):
        return [[round(c + 2 * n * a, 5) for c, a in zip(place(0), across)] for n in offsets]

    whole = transformed(slab, 0)
    ok("slabs", slabs(3), np.concatenate([whole[2:5], 2 * whole[2:5]]), header=deep, centers=lie((-1, 0, 1, 2, 3, 4)))
    ok("slabs_apart", slabs(7), np.concatenate([whole[1:5], 2 * whole[1:5]]), header=deep, centers=lie((-2, -1, 0, 1, 5, 6, 7, 8)))
    ok("slabs_at_one_place", slabs(0), np.concatenate([2 * whole[1:5], whole[1:5]]), header=deep)
    ok("slabs_separate", [a for a in slabs(3, flags=[alone]) if 3 <= a.idx.kspace_encode_step_1 < 7] + slabs(3),
       np.concatenate([whole[2:5], 2 * whole[2:5]]), header=deep.replace("</encoding>", mode), centers=lie((-1, 0, 1, 2, 3, 4)),
       calibration=np.concatenate([whole[2:5], 2 * whole[2:5]])[..., 3:7])
    ok("slabs_nowhere", [a for s in (0, 1) for a in partitions((1 + s) * slab, slice=s)], np.concatenate([whole[1:5], 2 * whole[1:5]]), header=deep)
    write(p("bad_slabs"), [a for s in (0, 1) for a in partitions(slab, points, slice=s)], deep)
    write(p("bad_slab_changing"), partitions(slab) + partitions(slab, skipping, repetition=1), deep)
    write(p("bad_contrast"), lines(k) + lines(k, contrast=64))
    write(p("bad_echo_missing"), lines(k) + lines(k[:1], contrast=1) + lines(k[:1], contrast=2))
    write(p("bad_epi"), lines(k, flags=[ismrmrd.ACQ_IS_REVERSE]))
    write(p("bad_space"), lines(k, space=1))
    write(p("bad_echo"), lines(k[:, :, 7:], center=1))
    write(p("bad_echo_centre"), lines(k[:, :, 4:], center=0))
    write(p("bad_echo_outside"), lines(k[:, :, 4:], center=10))
    write(p("bad_long"), lines(np.pad(k, ((0, 0), (0, 0), (8, 8), (0, 0)))))
    write(p("bad_radial"), lines(k), HEADER.replace("cartesian", "radial"))
    write(p("bad_step"), lines(k, shift=1))
    write(p("bad_missing_slice"), [a for a in lines(k) if a.idx.slice != 1] + lines(k, repetition=1))
    write(p("bad_coils"), lines(k) + lines(k[:, :2]))
    write(p("bad_noise_alone"), other)
    write(p("bad_matrix"), lines(k), HEADER.replace("<x>16</x><y>10</y>", ""))
    write(p("bad_xml"), lines(k), "<ismrmrdHeader>")
    write(p("bad_separate_nan"), lines(k * np.complex64(np.nan), range(3, 7), flags=[alone]) + lines(k), apart)
    write(p("bad_separate_alone"), lines(k, range(3, 7), flags=[alone]), apart)
    write(p("bad_nan"), lines(np.where(np.arange(COLUMNS) == 7, np.complex64(np.nan), k)))
    with h5py.File(write(p("bad_no_xml"), lines(k)), "a") as f:
        del f["dataset/xml"]
    with h5py.File(write(p("bad_no_data"), lines(k)), "a") as f:
        del f["dataset/data"]
    with h5py.File(write(p("bad_external"), lines(k)), "a") as f:
        f["elsewhere"] = h5py.ExternalLink(p("ok_full"), "/dataset")
        del f["dataset/data"]
        f["dataset/data"] = h5py.ExternalLink(p("ok_full"), "/dataset/data")
    with h5py.File(write(p("bad_length"), lines(k)), "a") as f:
        row = f["dataset/data"][3]
        row["data"] = row["data"][:-2]
        f["dataset/data"][3] = row
    for name, data in (("type", np.zeros(4)), ("head", np.zeros(4, [("head", [("flags", "<u8")]), ("data", "<f4")]))):
        with h5py.File(write(p("bad_" + name), lines(k)), "a") as f:
            del f["dataset/data"]
            f["dataset/data"] = data
    with h5py.File(write(p("bad_huge"), lines(k)), "a") as f:
        kind = f["dataset/data"].dtype
        del f["dataset/data"]
        f["dataset"].create_dataset("data", (1 << 40,), kind, chunks=(1,))


if __name__ == "__main__":
    cases(sys.argv[1])
