#!/usr/bin/env python3
"""Makes the files of this directory with NumPy; test_array.c says by formulas what is in them.

Usage: make.py          (NumPy 1.24 made those that are committed)
"""
import io
import os
import zipfile

import numpy as np

os.chdir(os.path.dirname(os.path.abspath(__file__)))


def ramp(dtype):
    """(2,3): (i - 3) / 2 for floats, i - 3 for signed integers, i for unsigned ones, whether i is odd for bools."""
    i = np.arange(6)
    kind = np.dtype(dtype).kind
    x = {"f": (i - 3) / 2, "i": i - 3, "u": i, "b": i % 2 == 1}[kind]
    return x.astype(dtype).reshape(2, 3)


dtypes = {}
for order, word in ("<", "little"), (">", "big"):
    for code in "f2 f4 f8 i2 i4 i8 u2 u4 u8".split():
        dtypes[f"{word}_{code}"] = ramp(order + code)
for code in "i1", "u1", "b1":
    dtypes[f"one_{code}"] = ramp(code)
np.savez("dtypes.npz", **dtypes)

# shapes, among them element (i, j, k) = 100 i + 10 j + k in both orders of axes
i, j, k = np.indices((2, 3, 4))
cube = (100.0 * i + 10 * j + k)
shapes = {
    "c": cube,
    "fortran": np.asfortranarray(cube),
    "fortran_big": np.asfortranarray(cube.astype(">f4")),
    "scalar": np.float64(2.5),
    "integer": np.int64(-7),
    "empty": np.zeros((0, 3)),
    "vector": np.arange(5, dtype=np.float32),
    "eight": np.arange(6.0).reshape(1, 2, 1, 3, 1, 1, 1, 1),
}
np.savez("shapes.npz", **shapes)
np.savez_compressed("packed.npz", ramp=np.arange(1024, dtype=np.int64).reshape(32, 32), **shapes)

# binary16: 1, -0, the largest, the smallest normal, the smallest and largest subnormal, inf, -inf, nan
half = np.array([0x3C00, 0x8000, 0x7BFF, 0x0400, 0x0001, 0x03FF, 0x7C00, 0xFC00, 0x7E00], dtype="<u2").view("<f2")
np.save("half.npy", half)
np.save("extremes.npy", np.array([-(2**63), -1, 0, 2**63 - 1], dtype=">i8"))
np.save("beyond.npy", np.array([0, 2**63], dtype="<u8"))
np.save("nine_axes.npy", np.zeros((1,) * 9))
np.save("text.npy", np.array(["adam", "sgd"]))

for version in (1, 0), (2, 0), (3, 0):
    with open(f"version{version[0]}.npy", "wb") as f:
        np.lib.format.write_array(f, ramp("<f4"), version=version)

# arrays that are of no use beside one that is
np.savez("mixed.npz", W=ramp("f8"), optimizer=np.array("adam"), z=np.array([1j]), any=np.array([None, 1], dtype=object),
         fields=np.zeros(2, dtype=[("a", "f4"), ("b", "i4")]), seed=np.array([2**63], dtype=np.uint64))


class Pipe(io.RawIOBase):
    """Cannot seek, so that zipfile writes sizes and checksums behind the members."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def writable(self):
        return True

    def write(self, data):
        return self.file.write(data)


def archive(file, members, method=zipfile.ZIP_STORED):
    with zipfile.ZipFile(file, "w", method) as z:
        for name, content in members.items():
            info = zipfile.ZipInfo(name)  # of 1980-01-01
            info.compress_type = method
            z.writestr(info, content)


def npy(x):
    buffer = io.BytesIO()
    np.save(buffer, x)
    return buffer.getvalue()


members = {"a.npy": npy(ramp("<f8")), "b": npy(ramp("<f4")), "layer/": b"", "layer/c.npy": npy(ramp("<i2")), "README": b"not an array"}
with open("streamed.npz", "wb") as f:
    archive(Pipe(f), members)
with open("streamed_packed.npz", "wb") as f:
    archive(Pipe(f), members, zipfile.ZIP_DEFLATED)
archive("twice.npz", {"a.npy": members["a.npy"], "a": members["b"]})
archive("lzma.npz", {"a.npy": members["a.npy"]}, zipfile.ZIP_LZMA)
np.savez("none.npz")
# every number that can be in a zip64 record is in one
zipfile.ZIP64_LIMIT = 1
zipfile.ZIP_FILECOUNT_LIMIT = 1
archive("zip64.npz", members)
