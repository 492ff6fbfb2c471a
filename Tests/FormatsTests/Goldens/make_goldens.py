"""Writes ../Goldens.swift: the bytes that numpy, safetensors and gzip make of small arrays.

Needs numpy, safetensors, ml_dtypes and pillow. Run it in this folder and compare the change before it is kept.
"""

import base64
import gzip
import io
import struct
import zipfile

import ml_dtypes
import numpy as np
import PIL.Image
import PIL.PngImagePlugin
from numpy.lib import format as npy
from safetensors.numpy import save


def npy_bytes(array, version=None):
    file = io.BytesIO()
    npy.write_array(file, array, version=version, allow_pickle=True)
    return file.getvalue()


def idx_bytes(code, array):
    big = array.astype(array.dtype.newbyteorder(">"))
    return struct.pack(">HBB", 0, code, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape) + big.tobytes()


# The same six numbers in every type: what a reader must return is 0 1 2 3 4 100.
six = np.array([[0, 1, 2], [3, 4, 100]])
cube = np.arange(24).reshape(2, 3, 4)
goldens = []
for code in ["|i1", "|u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8", "<f2", "<f4", "<f8", ">i2", ">u4", ">f4", ">f8"]:
    name = {"|": "", "<": "Little", ">": "Big"}[code[0]]
    goldens.append((f"npy{code[1:].upper()}{name}", f"np.array([[0, 1, 2], [3, 4, 100]], '{code}')", npy_bytes(six.astype(code))))
goldens += [
    ("npyBool", "np.array([True, False, True])", npy_bytes(np.array([True, False, True]))),
    ("npyVersion2", "six as <f4, version 2.0", npy_bytes(six.astype("<f4"), (2, 0))),
    ("npyVersion3", "six as <f4, version 3.0", npy_bytes(six.astype("<f4"), (3, 0))),
    ("npyFortran", "np.asfortranarray(np.arange(24.0, dtype='<f4').reshape(2, 3, 4))", npy_bytes(np.asfortranarray(cube.astype("<f4")))),
    ("npyFortranBig", "the same as >i2", npy_bytes(np.asfortranarray(cube.astype(">i2")))),
    ("npyScalar", "np.array(2.5)", npy_bytes(np.array(2.5))),
    ("npyVector", "np.array([1.5, -2.0, 3.25], '<f4')", npy_bytes(np.array([1.5, -2.0, 3.25], "<f4"))),
    ("npyEmpty", "np.zeros((0, 3), '<f4')", npy_bytes(np.zeros((0, 3), "<f4"))),
    ("npyHalves", "np.array([1, -2, 65504, 2**-24, 2**-14, 0, -0.0, inf, -inf, nan], '<f2')",
     npy_bytes(np.array([1, -2, 65504, 2**-24, 2**-14, 0, -0.0, np.inf, -np.inf, np.nan], "<f2"))),
    ("npyObject", "np.array([{}, 1], dtype=object)", npy_bytes(np.array([{}, 1], dtype=object))),
    ("npyStructured", "np.zeros(2, [('a', '<f4')])", npy_bytes(np.zeros(2, [("a", "<f4")]))),
    ("npyText", "np.array(['ab'])", npy_bytes(np.array(["ab"]))),
    ("npyComplex", "np.array([1j])", npy_bytes(np.array([1j]))),
]


def npz_bytes(save, **arrays):
    file = io.BytesIO()
    save(file, **arrays)
    return file.getvalue()


def undated(archive):
    """The same archive with all its members of one day, so that this script repeats itself."""
    result = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(archive)) as source, zipfile.ZipFile(result, "w") as target:
        for member in source.infolist():
            entry = zipfile.ZipInfo(member.filename)
            entry.compress_type = member.compress_type
            with target.open(entry, "w", force_zip64=True) as file:
                file.write(source.read(member))
    return result.getvalue()


pair = {"x": six.astype("<f4"), "layer/y": np.array([7, -9], "<i8")}
goldens += [
    ("npyBrain", "np.array([1, -3], ml_dtypes.bfloat16)", npy_bytes(np.array([1, -3], ml_dtypes.bfloat16))),
    ("npzStored", "numpy.savez of x, six as <f4, and of layer/y", undated(npz_bytes(np.savez, **pair))),
    ("npzDeflated", "the same by numpy.savez_compressed", undated(npz_bytes(np.savez_compressed, **pair))),
    ("npzNone", "numpy.savez of nothing", npz_bytes(np.savez)),
]
tensors = {
    "layer.weight": np.array([[1, 2], [3, 4], [5, 6]], "<f4"),
    "layer.bias": np.array([0.5, -0.5, 0.25], "<f4"),
    "double": np.array(-1.5, "<f8"),
    "half": np.array([1, 0.5], "<f2"),
    "brain": np.array([1, -3, 0.15625], ml_dtypes.bfloat16),
    "steps": np.array([7, -9], "<i8"),
    "mask": np.array([True, False, True]),
    "empty": np.zeros((0, 4), "<f4"),
    "byte": np.array([255], "u1"),
}
goldens += [
    ("safetensors", "one array of each common type, with metadata", save(tensors, metadata={"made by": "a \"test\"\n"})),
    ("safetensorsNone", "no arrays", save({})),
    ("idxBytes", "six as unsigned bytes", idx_bytes(8, six.astype("u1"))),
    ("idxShorts", "six as 16-bit integers", idx_bytes(11, six.astype("i2"))),
    ("idxInts", "six as 32-bit integers", idx_bytes(12, six.astype("i4"))),
    ("idxFloats", "six as floats", idx_bytes(13, six.astype("f4"))),
    ("idxDoubles", "six as doubles", idx_bytes(14, six.astype("f8"))),
    ("idxCompressed", "idxBytes with gzip", gzip.compress(idx_bytes(8, six.astype("u1")), mtime=0)),
    ("idxZeros", "a million zeros with gzip, in a header that says six",
     gzip.compress(idx_bytes(8, six.astype("u1"))[:12] + bytes(1_000_000), mtime=0)),
]



def picture(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


# Eight rows of nine pixels, so that rows and columns, and blocks of a JPEG file, differ.
rows, columns = np.mgrid[0:8, 0:9]
gray = PIL.Image.fromarray((rows * 20 + columns * 9).astype("u1"))
color = PIL.Image.fromarray(np.stack([rows * 30, columns * 25, rows * columns * 3], 2).astype("u1"))
opaque = color.copy()
opaque.putalpha(255)
clear = color.copy()
clear.putalpha(254)
chunks = PIL.PngImagePlugin.PngInfo()
chunks.add(b"gAMA", struct.pack(">I", 100000))
chunks.add_text("Comment", "linear")
jpegs = {
    "Gray": picture(gray, "jpeg", quality=90),
    "Color": picture(color, "jpeg", quality=90, subsampling=0),
    "Small": picture(color, "jpeg", quality=80, progressive=True),
}
goldens += [
    ("pngGray", "20 row + 9 column, of 8 rows and 9 columns", picture(gray, "png")),
    ("pngColor", "30 row, 25 column, 3 row column", picture(color, "png")),
    ("pngPalette", "the same with a palette", picture(color.quantize(72, dither=0), "png")),
    ("pngOpaque", "the same with an opacity that is full", picture(opaque, "png")),
    ("pngTransparent", "the same with one that is not", picture(clear, "png")),
    ("pngLinear", "the same with other chunks, of which one asks for another brightness", picture(color, "png", pnginfo=chunks)),
    ("pngBits", "row + column odd, with a bit for a pixel", picture(PIL.Image.fromarray((rows + columns) % 2 == 1), "png")),
    ("pngDeep", "16 bits a pixel", picture(PIL.Image.fromarray((rows * 2000).astype("u2")), "png")),
    ("jpgGray", "the grey one", jpegs["Gray"]),
    ("jpgColor", "the coloured one", jpegs["Color"]),
    ("jpgSmall", "the same, progressive, its colours at half the resolution", jpegs["Small"]),
    ("jpgPrint", "in four colours", picture(color.convert("CMYK"), "jpeg")),
]
# What another reader makes of them.
decoded = {name: np.asarray(PIL.Image.open(io.BytesIO(data))).tobytes() for name, data in jpegs.items()}

with open("../Goldens.swift", "w") as out:
    out.write("// Written by Goldens/make_goldens.py.\n\n")
    out.write(f"/// Small files made by numpy {np.__version__}, the safetensors library and pillow, in base64.\n")
    out.write("enum Golden {\n")
    for name, comment, data in goldens + [(f"pixels{n}", f"[H, W, C] of jpg{n}", d) for n, d in decoded.items()]:
        text = base64.b64encode(data).decode()
        lines = [text[i:i + 90] for i in range(0, len(text), 90)]
        out.write(f"  // {comment}\n  static let {name} = \"\"\"\n")
        out.write("".join(f"    {line}\n" for line in lines) + "    \"\"\"\n")
    out.write("  /// All of them by name.\n  static let all: [(name: String, text: String)] = [\n")
    out.write("".join(f'    ("{n}", {n}),\n' for n, _, _ in goldens) + "  ]\n}\n")
