"""Test files and golden values, made with h5py so that they do not share our own code. Run with Debian's python3.

    gen.py summary FILE            JSON: what h5py reads from FILE
    gen.py base FILE               a small valid multi-coil file with header, references and attributes
    gen.py cases DIR               one file per layout variant and per attack; names beginning with ok_ must be read
"""
import hashlib
import json
import os
import sys
import zlib

import h5py
import numpy as np

HEADER = (
    '<?xml version="1.0"?>\n<ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD"><subjectInformation><patientName>DOE^JANE</patientName>'
    "</subjectInformation><acquisitionSystemInformation><systemVendor>SIEMENS</systemVendor><systemModel>Prisma_fit</systemModel>"
    "<systemFieldStrength_T>2.89</systemFieldStrength_T></acquisitionSystemInformation><encoding><trajectory>cartesian</trajectory>"
    "<encodedSpace><matrixSize><x>16</x><y>10</y><z>1</z></matrixSize><fieldOfView_mm><x>40</x><y>25</y><z>4.5</z></fieldOfView_mm></encodedSpace>"
    "<reconSpace><matrixSize><x>8</x><y>8</y><z>1</z></matrixSize><fieldOfView_mm><x>20</x><y>20</y><z>4.5</z></fieldOfView_mm></reconSpace>"
    "<echoTrainLength>4</echoTrainLength></encoding>"
    "<sequenceParameters><TR>2800</TR><TE>27</TE><TE>30</TE><flipAngle_deg>150</flipAngle_deg></sequenceParameters></ismrmrdHeader>"
)
S, C, H, W = 2, 2, 16, 10


def kspace(*shape):
    rng = np.random.default_rng(7)
    return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.complex64)


def write(path, k=None, header=HEADER, refs=("reconstruction_rss",), libver=None, **options):
    k = kspace(S, C, H, W) if k is None else k
    with h5py.File(path, "w", libver=libver) as f:
        f.create_dataset("kspace", data=k, **options)
        for name in refs:
            f.create_dataset(name, data=np.arange(k.shape[0] * 64, dtype=np.float32).reshape(-1, 8, 8))
        if header is not None:
            f["ismrmrd_header"] = header
        f.attrs["acquisition"] = "CORPD_FBK"
        f.attrs["max"], f.attrs["norm"] = 1.5, 2.5
        f.attrs["patient_id"] = "SECRETPATIENT"
    return path


def summary(path):
    f = h5py.File(path, "r")
    k = f["kspace"]
    out = dict(SHA256=hashlib.sha256(open(path, "rb").read()).hexdigest(), Shape=k.shape, Acquisition=f.attrs.get("acquisition", ""))
    out["Reference"] = next((n for n in (("reconstruction_esc", "reconstruction_rss")[k.ndim - 3:]) if n in f), "")
    for key, name in (("Max", "max"), ("Norm", "norm"), ("Acceleration", "acceleration")):
        out[key] = float(f.attrs.get(name, 0))
    out["Low"] = int(f.attrs.get("num_low_frequency", 0))
    if "mask" in f:
        out["Mask"] = [bool(v) for v in f["mask"][()]]
    out["Slices"] = []
    for i in range(k.shape[0]):
        d = k[i].astype(np.complex128)
        s = dict(Re=d.real.sum(), Im=d.imag.sum(), Abs2=(abs(d) ** 2).sum(), Last=float(d.real.flat[-1]), Ref=0, RefFirst=0)
        if out["Reference"]:
            r = f[out["Reference"]][i].astype(np.float64)
            s["Ref"], s["RefFirst"] = r.sum(), float(r.flat[0])
        out["Slices"].append(s)
    print(json.dumps(out))


def cases(d):
    def p(name):
        return os.path.join(d, name + ".h5")

    k = kspace(S, C, H, W)
    write(p("ok_plain"))
    write(p("ok_single"), kspace(S, H, W), refs=("reconstruction_esc", "reconstruction_rss"))
    write(p("ok_single_rss"), kspace(S, H, W))
    write(p("ok_gzip"), chunks=(1, 1, H, W), compression="gzip", shuffle=True, fletcher32=True)
    write(p("ok_latest"), libver="latest")
    write(p("ok_fixed_header"), header=np.bytes_(HEADER.encode()))
    write(p("ok_no_header"), header=None)
    write(p("ok_be"), k.astype(">c8"))
    write(p("ok_c16"), k.astype(np.complex128))
    with h5py.File(write(p("ok_real_imag")), "a") as f:
        del f["kspace"]
        t = np.dtype([("real", "<f4"), ("imag", "<f4")])
        f.create_dataset("kspace", data=k.view(np.float32).reshape(k.shape + (2,)).copy().view(t)[..., 0])
    with h5py.File(write(p("ok_attr_text")), "a") as f:
        f.attrs["max"], f.attrs["norm"] = "1.5", "2.5"
        f.attrs["acquisition"] = np.bytes_(b"CORPD_FBK")
    mask = np.arange(W) % 2 == 0
    repeated = np.broadcast_to(mask, (H, W))
    for name, m in (("repeated", repeated), ("bool", mask), ("f4", mask.astype("f4")), ("u1", mask.astype("u1")), ("i8", mask.astype("i8")), ("2d", mask[None, :, None])):
        with h5py.File(write(p("ok_mask_" + name), (k * mask).astype(np.complex64), refs=()), "a") as f:
            f["mask"] = m
            f.attrs["acceleration"], f.attrs["num_low_frequency"] = 4, 2

    def bad_kspace(name, data, **options):
        with h5py.File(write(p(name)), "a") as f:
            del f["kspace"]
            if data is not None:
                f.create_dataset("kspace", data=data, **options)

    bad_kspace("bad_float", k.real.copy())
    bad_kspace("bad_int_compound", np.zeros(k.shape, [("r", "<i4"), ("i", "<i4")]))
    bad_kspace("bad_three_members", np.zeros(k.shape, [("r", "<f4"), ("i", "<f4"), ("x", "<f4")]))
    bad_kspace("bad_half", np.zeros(k.shape, [("r", "<f2"), ("i", "<f2")]))
    bad_kspace("bad_strings", np.full((S, H, W), b"kspace"))
    bad_kspace("bad_vlen", np.array(["kspace"] * 8, dtype=object).reshape(2, 2, 2), dtype=h5py.string_dtype())
    bad_kspace("bad_2d", k[0, 0])
    bad_kspace("bad_5d", k[None])
    bad_kspace("bad_scalar", np.complex64(1))
    bad_kspace("bad_missing", None)
    bad_kspace("bad_nan", np.where(np.arange(k.size).reshape(k.shape) == 99, np.nan, k).astype(np.complex64))
    bad_kspace("bad_inf", (k.astype(np.complex128) * 1e300))
    bad_kspace("bad_lzf", np.zeros_like(k), chunks=(1, 1, H, W), compression="lzf")
    with h5py.File(write(p("bad_group")), "a") as f:
        del f["kspace"]
        f.create_group("kspace")
    for name, shape in (("huge", (1 << 20, 64, 640, 368)), ("overflow", (1 << 31, 1 << 31, 1 << 31, 8)), ("wide", (1, 1, 16384, 16384))):
        with h5py.File(write(p("bad_" + name)), "a") as f:
            del f["kspace"]
            f.create_dataset("kspace", shape, np.complex64, chunks=(1, 1, 1, 8))
    with h5py.File(write(p("bad_unwritten")), "a") as f:
        del f["kspace"]
        f.create_dataset("kspace", (S, C, H, W), np.complex64)
    with h5py.File(write(p("bad_unfinished")), "a") as f:
        del f["kspace"]
        f.create_dataset("kspace", (S, C, H, W), np.complex64, chunks=(1, C, H, W))[0] = k[0]
    with h5py.File(write(p("bad_bomb")), "a") as f:  # one chunk of 2 GiB: opens, and must not be inflated
        del f["kspace"]
        n = 1 << 14
        ds = f.create_dataset("kspace", (8, n, n), np.complex64, chunks=(1, n, n >> 1), compression="gzip")
        ds.id.write_direct_chunk((0, 0, 0), b"\x78\x9c" + b"\0" * 64)

    with h5py.File(write(p("bad_large_slice")), "a") as f:  # allowed, but more than the memory the test grants
        del f["kspace"], f["reconstruction_rss"]
        ds = f.create_dataset("kspace", (1, 8192, 8192), np.complex64, chunks=(1, 64, 64), compression="gzip")
        zeros = zlib.compress(bytes(8 * 64 * 64))
        for at in np.ndindex(128, 128):
            ds.id.write_direct_chunk((0, 64 * at[0], 64 * at[1]), zeros)
    with h5py.File(write(p("bad_inflate")), "a") as f:  # 600 kB that inflate to 600 MB, in a chunk of 1.3 kB
        del f["kspace"]
        ds = f.create_dataset("kspace", (S, C, H, W), np.complex64, chunks=(1, 1, H, W), compression="gzip")
        ds[...] = k
        ds.id.write_direct_chunk((0, 0, 0, 0), zlib.compress(bytes(600 << 20), 1))

    # Other people's files. SECRET is what must never come out.
    secret = os.path.join(d, "secret.bin")
    with open(secret, "wb") as f:
        f.write(b"SECRET42" * (S * C * H * W))
    write(os.path.join(d, "other.hdf5"), k * 42)
    for name, target in (("secret", secret), ("passwd", "/etc/passwd")):
        with h5py.File(write(p("bad_external_storage_" + name)), "a") as f:
            del f["kspace"]
            size = os.path.getsize(target)
            n = size // 8 // 2 or 1
            f.create_dataset("kspace", (1, 2, n), np.complex64, external=[(target, 0, 16 * n)])
    with h5py.File(write(p("bad_external_ref")), "a") as f:
        del f["reconstruction_rss"]
        f.create_dataset("reconstruction_rss", (S, 8, 8), np.float32, external=[(secret, 0, S * 256)])
    with h5py.File(write(p("bad_external_header")), "a") as f:
        del f["ismrmrd_header"]
        f.create_dataset("ismrmrd_header", (1,), "S64", external=[(secret, 0, 64)])
    with h5py.File(write(p("bad_external_mask")), "a") as f:
        f.create_dataset("mask", (W,), "u1", external=[(secret, 0, W)])
    for name in ("kspace", "reconstruction_rss", "ismrmrd_header"):
        with h5py.File(write(p("bad_external_link_" + name)), "a") as f:
            del f[name]
            f[name] = h5py.ExternalLink(os.path.join(d, "other.hdf5"), "/" + name)
    with h5py.File(write(p("bad_soft_link")), "a") as f:
        f.move("kspace", "elsewhere")
        f["kspace"] = h5py.SoftLink("/elsewhere")
    with h5py.File(write(p("bad_soft_external")), "a") as f:
        del f["kspace"]
        f["out"] = h5py.ExternalLink(os.path.join(d, "other.hdf5"), "/")
        f["kspace"] = h5py.SoftLink("/out/kspace")
    with h5py.File(write(p("bad_virtual")), "a") as f:
        del f["kspace"]
        v = h5py.VirtualLayout((S, C, H, W), np.complex64)
        v[:] = h5py.VirtualSource(os.path.join(d, "other.hdf5"), "kspace", (S, C, H, W))
        f.create_virtual_dataset("kspace", v)

    points = np.random.default_rng(5).random((H, W)) < 0.4
    for name, k2 in (("ok_points", k * points), ("bad_points_disagree", k)):
        with h5py.File(write(p(name), k2.astype(np.complex64), refs=()), "a") as f:
            f["mask"] = points
    with h5py.File(write(p("bad_points_reference"), (k * points).astype(np.complex64)), "a") as f:
        f["mask"] = points
    with h5py.File(write(p("bad_mask_length")), "a") as f:
        f["mask"] = np.ones(W - 1, bool)
    with h5py.File(write(p("bad_mask_value")), "a") as f:
        f["mask"] = np.full(W, 7, "u1")
    with h5py.File(write(p("bad_mask_empty")), "a") as f:
        f["mask"] = np.zeros(W, bool)
    write(p("bad_mask_absent"), (k * mask).astype(np.complex64))
    write(p("ok_padded"), (k * (np.arange(W) > 1)).astype(np.complex64))  # as scanners pad, which is no undersampling
    with h5py.File(write(p("bad_mask_disagrees")), "a") as f:
        f["mask"] = mask
    with h5py.File(write(p("bad_ref_slices")), "a") as f:
        del f["reconstruction_rss"]
        f["reconstruction_rss"] = np.zeros((S + 1, 8, 8), np.float32)
    with h5py.File(write(p("bad_ref_type")), "a") as f:
        del f["reconstruction_rss"]
        f["reconstruction_rss"] = np.zeros((S, 8, 8), np.int32)
    write(p("bad_xml"), header="<ismrmrdHeader><encoding>")
    write(p("bad_trajectory"), header=HEADER.replace("cartesian", "radial"))
    with h5py.File(write(p("bad_header_type")), "a") as f:
        del f["ismrmrd_header"]
        f["ismrmrd_header"] = 5
    with h5py.File(p("bad_ismrmrd"), "w") as f:
        f["dataset/data"] = np.zeros(4)
        f["dataset/xml"] = HEADER


if __name__ == "__main__":
    {"summary": summary, "base": write, "cases": cases}[sys.argv[1]](sys.argv[2])
