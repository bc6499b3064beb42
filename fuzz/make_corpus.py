#!/usr/bin/env python3
"""Writes the files of fuzz/corpus that were thought of rather than found: fuzz/make_corpus.py

Their names begin with the verdict that tests/test_corpus.cpp holds the parsers to, `taken-` or
`refused-`. Files that a fuzzer found have a hash as their name, and stay.
"""
import json
import math
import pathlib
import struct

CORPUS = pathlib.Path(__file__).parent / "corpus"


def idx(magic, *sizes):
    return struct.pack(f">{1 + len(sizes)}I", magic, *sizes)


IMAGES, LABELS = 0x803, 0x801
IDX = {
    "taken-images": idx(IMAGES, 2, 3, 2) + bytes(range(12)),
    "taken-one-pixel": idx(IMAGES, 1, 1, 1) + b"\xff",
    "taken-labels": idx(LABELS, 4) + b"\x03\x01\x04\x01",
    "refused-empty": b"",
    "refused-magic-alone": idx(IMAGES),
    "refused-signed-bytes": idx(0x903, 1, 1, 1) + b"x",
    "refused-little-endian": struct.pack("<4I", IMAGES, 1, 1, 1) + b"x",
    "refused-gzip": b"\x1f\x8b\x08\x00" + bytes(12),
    "refused-no-images": idx(IMAGES, 0, 28, 28),
    "refused-no-pixels": idx(IMAGES, 3, 0, 28),
    "refused-no-labels": idx(LABELS, 0),
    "refused-images-cut-off": idx(IMAGES, 2, 3, 2) + bytes(11),
    "refused-images-too-long": idx(IMAGES, 2, 3, 2) + bytes(13),
    "refused-labels-cut-off": idx(LABELS, 4) + b"\x03\x01\x04",
    "refused-2^96-pixels": idx(IMAGES, *3 * [0xFFFFFFFF]) + bytes(12),
    # Products that are 0, and 4, when they are counted in 64 or in 32 bits.
    "refused-2^64-pixels": idx(IMAGES, 1 << 31, 1 << 31, 4),
    "refused-2^64-pixels-and-one-image": idx(IMAGES, 1 << 16, 1 << 24, 1 << 24),
    "refused-2^32-pixels-and-4": idx(IMAGES, 0x40000001, 2, 2) + b"abcd",
}


def npy(text, data=b"", version=1, length=None):
    text = text.encode("latin-1")
    size = len(text) if length is None else length
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", size) + text + data


def dictionary(descr="<f4", order=False, shape="(2, 3)"):
    return f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n"


SIX_F4 = struct.pack("<6f", 1, 2, 3, 4, 5, -6.5)
SIX_F8 = struct.pack("<6d", 1, 2, 3, 4, 5, -6.5)
NPY = {
    "taken-f4-c": npy(dictionary(), SIX_F4),
    "taken-f4-fortran": npy(dictionary(order=True), SIX_F4),
    "taken-f8-c-version-2": npy(dictionary("<f8"), SIX_F8, version=2),
    "taken-f8-fortran-version-3": npy(dictionary("<f8", True), SIX_F8, version=3),
    "taken-vector": npy(dictionary(shape="(6,)"), SIX_F4),
    "taken-other-order-and-quotes": npy('{ "shape":(6,1,),"fortran_order" : True ,"descr":"<f4"}', SIX_F4),
    "taken-no-rows": npy(dictionary(shape="(0, 3)")),
    "taken-no-columns-of-2^63-rows": npy(dictionary(shape=f"({2**63 - 1}, 0)")),
    "taken-denormal": npy(dictionary(shape="(1,)"), struct.pack("<f", 1e-42)),
    "refused-nan": npy(dictionary(), struct.pack("<6f", 1, 2, 3, math.nan, 5, 6)),
    "refused-infinity": npy(dictionary("<f8", True), struct.pack("<6d", 1, 2, 3, 4, 5, -math.inf)),
    "refused-empty": b"",
    "refused-magic-alone": b"\x93NUMPY",
    "refused-zip": b"PK\x03\x04" + bytes(20),
    "refused-version-4": npy(dictionary(), SIX_F4, version=4),
    "refused-header-longer-than-the-file": npy(dictionary(), SIX_F4, length=9999),
    "refused-header-of-4-gigabytes": npy(dictionary(), SIX_F4, version=2, length=0xFFFFFFFF),
    "refused-header-cut-off": npy(dictionary(), SIX_F4, length=40),
    "refused-cut-off": npy(dictionary(), SIX_F4[:-1]),
    "refused-too-long": npy(dictionary(), SIX_F4 + b"x"),
    "refused-2^63-rows": npy(dictionary(shape=f"({2**63}, 1)"), SIX_F4),
    "refused-2^64-numbers": npy(dictionary(shape=f"({2**32}, {2**32})")),
    "refused-2^64-bytes": npy(dictionary("<f8", shape=f"({2**61}, 1)")),
    "refused-2^64-bytes-and-24": npy(dictionary(shape=f"({2**62 + 6}, 1)"), SIX_F4),
    "refused-negative-size": npy(dictionary(shape="(-2, -3)"), SIX_F4),
    "refused-many-dimensions": npy(dictionary(shape="(" + 200 * "1," + ")"), SIX_F4[:4]),
    "refused-no-dimensions": npy(dictionary(shape="()"), SIX_F4[:4]),
    "refused-number-for-a-shape": npy(dictionary(shape="(6)"), SIX_F4),
    "refused-nested-shape": npy(dictionary(shape=100 * "(" + "6" + 100 * ",)"), SIX_F4),
    "refused-integers": npy(dictionary("<i4"), SIX_F4),
    "refused-big-endian": npy(dictionary(">f4"), SIX_F4),
    "refused-structured": npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}", SIX_F4),
    "refused-object": npy("{'descr': '|O', 'fortran_order': False, 'shape': (6,)}", SIX_F4),
    "refused-repeated-key": npy("{'descr': '<f4', 'descr': '<f8', 'fortran_order': False, 'shape': (6,)}", SIX_F4),
    "refused-code": npy("__import__('os').system('true')", SIX_F4),
    "refused-not-utf-8": npy("{'\xff\xfe': 1}", SIX_F4),
    "refused-zero-byte": npy(dictionary() + "\0", SIX_F4),
}


def safetensors(header, data=b"", length=None, **options):
    if not isinstance(header, bytes):
        header = (header if isinstance(header, str) else json.dumps(header, **options)).encode()
    return struct.pack("<Q", len(header) if length is None else length) + header + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


ONE_F32 = '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
ONE = struct.pack("<f", 1)
DTYPES = {"F64": 8, "I64": 8, "U64": 8, "F32": 4, "I32": 4, "U32": 4, "F16": 2, "BF16": 2, "I16": 2,
          "U16": 2, "I8": 1, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1}


def each_dtype():
    header, end = {}, 0
    for name, size in DTYPES.items():
        header[name] = tensor(name, [2], end, end + 2 * size)
        end += 2 * size
    return safetensors(header, bytes(end))


def checksum(elements):
    """As in colonnade/checksum.hpp, of the bits of the elements."""
    mask, total = 2**64 - 1, 0
    for index, bits in enumerate(elements):
        x = (bits + (index + 1) * 0x9E3779B97F4A7C15) & mask
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & mask
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB & mask
        total += x ^ (x >> 31)
    return f"{total & mask:016x}"


CHECKPOINT = {
    "format": "pt", "colonnade.checkpoint": "1", "colonnade.version": "0.1.0", "colonnade.scalar": "float",
    "colonnade.step": "7", "colonnade.epoch": "2", "colonnade.batch": "3", "colonnade.updates": "6",
    "colonnade.mesh": "dp=2,tp=3", "colonnade.data": "0123456789abcdef", "colonnade.option.widths": "2,3",
}


def checked(metadata=CHECKPOINT, header_sum=None, tensor_sum=None, without=None):
    """A model of one tensor with checksums, right where none is given."""
    values = struct.unpack("<6I", SIX_F4)
    zeros = 16 * "0"
    metadata = dict(metadata) | {"colonnade.checksum": zeros, "colonnade.checksum.a": tensor_sum or checksum(values)}
    if without:
        del metadata[without]
    header = json.dumps({"__metadata__": metadata, "a": tensor("F32", [2, 3], 0, 24)}, separators=(",", ":"))
    key = '"colonnade.checksum":"'
    header_sum = header_sum or checksum(struct.pack("<Q", len(header.encode())) + header.encode())
    return safetensors(header.replace(key + zeros, key + header_sum), SIX_F4)


MODEL = {
    "__metadata__": {"format": "pt", "step": "7"},
    "layers.0.weight": tensor("F32", [2, 3], 0, 24),
    "layers.0.bias": tensor("F64", [2], 24, 40),
    "nothing": tensor("F32", [0, 5], 40, 40),
    "one": tensor("F32", [], 40, 44),
}
MODEL_DATA = SIX_F4 + struct.pack("<2d", 0.25, -1e-3) + ONE
# "refused" here means that no model can be loaded: of some the header itself is fine. "taken" says
# nothing about what makes a checkpoint of a model.
SAFETENSORS = {
    "taken-model": safetensors(MODEL, MODEL_DATA),
    "taken-model-padded": safetensors(json.dumps(MODEL) + "     ", MODEL_DATA),
    "taken-nothing": safetensors("{}"),
    "taken-metadata-alone": safetensors({"__metadata__": {"": "", "\u00e9\"\\\n": "\u0000"}}),
    "taken-out-of-order": safetensors({"b": tensor("F32", [1], 4, 8), "a": tensor("F32", [1], 0, 4)}, ONE + ONE),
    "taken-odd-names": safetensors({"": tensor("F32", [1], 0, 4), "\U0001f600/../\n\x7f": tensor("F32", [0], 4, 4)}, ONE),
    "taken-cube": safetensors({"a": tensor("F32", [1, 2, 3], 0, 24)}, SIX_F4),
    "taken-huge-sizes-and-a-zero": safetensors({"a": tensor("F32", [2**62, 4, 0], 0, 0)}),
    "taken-many-dimensions": safetensors({"a": tensor("F32", 300 * [1], 0, 4)}, ONE),
    "refused-each-dtype": each_dtype(),
    "refused-unknown-dtype": safetensors({"a": tensor("F4", [48], 0, 24)}, bytes(24)),
    "refused-unknown-dtype-of-2^62": safetensors({"a": tensor("F4", [2**62, 2**62], 0, 0)}),
    "refused-nan": safetensors(ONE_F32, struct.pack("<f", math.nan)),
    "refused-infinity": safetensors({"a": tensor("F64", [1], 0, 8)}, struct.pack("<d", math.inf)),
    "refused-empty": b"",
    "refused-short": bytes(7),
    "refused-length-of-2^64": safetensors("{}", length=2**64 - 1),
    "refused-length-of-2^63": safetensors("{}", length=2**63),
    "refused-length-one-too-many": safetensors("{}", length=3),
    "refused-header-cut-off": safetensors(ONE_F32, length=20),
    "refused-data-cut-off": safetensors(ONE_F32, ONE[:-1]),
    "refused-data-too-long": safetensors(ONE_F32, ONE + b"x"),
    "refused-hole": safetensors({"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 8, 12)}, 3 * ONE),
    "refused-hole-at-the-beginning": safetensors({"a": tensor("F32", [1], 4, 8)}, 2 * ONE),
    "refused-overlap": safetensors({"a": tensor("F32", [2], 0, 8), "b": tensor("F32", [2], 4, 12)}, 3 * ONE),
    "refused-same-bytes-twice": safetensors({"a": tensor("F32", [1], 0, 4), "b": tensor("F32", [1], 0, 4)}, ONE),
    "refused-offsets-backwards": safetensors({"a": tensor("F32", [0], 4, 0)}, ONE),
    "refused-offsets-of-2^63": safetensors({"a": tensor("F32", [1], 2**63 - 4, 2**63 - 1)}, ONE),
    "refused-offsets-of-2^64": safetensors({"a": tensor("F32", [1], 2**64 - 4, 2**64)}, ONE),
    "refused-one-offset": safetensors('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0]}}'),
    "refused-many-offsets": safetensors('{"a":{"dtype":"F32","shape":[0],"data_offsets":[' + 400 * "0," + "0]}}"),
    "refused-size-and-bytes-differ": safetensors({"a": tensor("F32", [2], 0, 4)}, ONE),
    "refused-2^64-bytes": safetensors({"a": tensor("F32", [2**62], 0, 0)}),
    "refused-2^64-elements": safetensors({"a": tensor("F32", [2**32, 2**32], 0, 0)}),
    "refused-negative-size": safetensors({"a": tensor("F32", [-1], 0, 4)}, ONE),
    "refused-fraction": safetensors({"a": tensor("F32", [1.0], 0, 4)}, ONE),
    "refused-deep-arrays": safetensors('{"a":' + 1000 * "["),
    "refused-deep-objects": safetensors(300 * '{"a":'),
    "refused-deep-shape": safetensors('{"a":{"dtype":"F32","shape":' + 500 * "[" + 500 * "]" + "}}"),
    "refused-repeated-name": safetensors('{"a":' + 2 * '{"dtype":"F32","shape":[0],"data_offsets":[0,0]},"a":' + "{}}"),
    "refused-repeated-metadata": safetensors('{"__metadata__":{},"__metadata__":{}}'),
    "refused-repeated-key": safetensors('{"a":{"dtype":"F32","dtype":"F64","shape":[0],"data_offsets":[0,0]}}'),
    "refused-missing-key": safetensors('{"a":{"dtype":"F32","shape":[0]}}'),
    "refused-unknown-key": safetensors('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}}'),
    "refused-metadata-with-a-number": safetensors('{"__metadata__":{"step":7}}'),
    "refused-nested-metadata": safetensors('{"__metadata__":{"a":{"b":"c"}}}'),
    "refused-array": safetensors("[]"),
    "refused-not-utf-8": safetensors(b'{"\xff":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    "refused-half-of-a-surrogate": safetensors('{"\\ud800":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
    "refused-more-behind-a-zero-byte": safetensors(b"{}\0{hidden}"),
    "refused-byte-order-mark": safetensors(b"\xef\xbb\xbf{}"),
    "refused-space-before": safetensors(" {}"),
    "refused-two-objects": safetensors("{}{}"),
    "taken-each-escape": safetensors(r'{"__metadata__":{"\"\\\/\b\f\n\r\t\u0041\u00e9\u20AC\ud83d\ude00":"\u0001"}}'),
    "taken-each-length-of-utf-8": safetensors({"__metadata__": {
        c: c for c in "\x7f\x80\u07ff\u0800\u0fff\u1000\ud7ff\ue000\uffff\U00010000\U0003ffff\U00040000\U0010ffff"}}, ensure_ascii=False),
    "taken-each-space": safetensors(b'{ "a" :\t{\n"dtype"\r: "F32" , "shape" : [ 1 ] , "data_offsets" : [ 0 , 4 ] } }\r\n\t ', ONE),
    "taken-two-models": safetensors({f"{i}.{j}": tensor("F32", [1], 4 * (7 * i + j), 4 * (7 * i + j + 1))
                                     for i in range(3) for j in reversed(range(7))}, 21 * ONE),
    "taken-checkpoint": checked(),
    "taken-checksums-alone": checked({}),
    "taken-mesh-of-too-many": checked(CHECKPOINT | {"colonnade.mesh": "dp=99999999999,tp=1"}),
    "taken-mesh-of-none": checked(CHECKPOINT | {"colonnade.mesh": "dp=0,tp=-1"}),
    "taken-mesh-of-something-else": checked(CHECKPOINT | {"colonnade.mesh": "tp=1"}),
    "taken-step-with-zeros-before": checked(CHECKPOINT | {"colonnade.step": "007"}),
    "taken-step-of-2^63": checked(CHECKPOINT | {"colonnade.step": str(2**63)}),
    "taken-epoch-0": checked(CHECKPOINT | {"colonnade.epoch": "0"}),
    "taken-checkpoint-of-another-form": checked(CHECKPOINT | {"colonnade.checkpoint": "2"}),
    "taken-checkpoint-without-a-step": checked({"colonnade.checkpoint": "1"}),
    "refused-wrong-checksum-of-the-header": checked(header_sum=16 * "f"),
    "refused-odd-checksum-of-the-header": checked(header_sum="\u00e9\n ' 0123456789"),
    "refused-short-checksum-of-the-header": checked(header_sum="0"),
    "refused-wrong-checksum-of-a-tensor": checked(tensor_sum=16 * "f"),
    "refused-odd-checksum-of-a-tensor": checked(tensor_sum="0X"),
    "refused-no-checksum-of-the-header": checked(without="colonnade.checksum"),
    "refused-no-checksum-of-a-tensor": checked(without="colonnade.checksum.a"),
    # What takes the most memory for its length.
    "taken-many-short-names": safetensors({"__metadata__": {f"{i:x}": "" for i in range(350)}}),
    "taken-many-tensors": safetensors({f"{i:x}": tensor("F32", [0], 0, 0) for i in range(60)}),
}


for number, json_text in enumerate([
        "tru", "fals", "nul", "true", "false", "null", "-", "-0", "-1", "0", "00", "1.", "1.5", "1e", "1e5", "1E+5",
        "1e-5", "1e400", "123456789012345678901234567890", "[", "{", '"', '"\\', '"\\x', '"\\u12', '"\\u12x4', '"\\ud800\\u0041',
        '"\\udc00"', '"\x01"', '"\n"', "/", "//", "'", "#", ",", ":", "[]", "{}", '{"a"', '{"a",', '{"a":', '{"a":1', '{"a":1,', '{1'
]):
    SAFETENSORS[f"refused-json-{number:02}"] = safetensors('{"a":' + json_text)
for number, text in enumerate([b"\x80", b"\xc1\x80", b"\xc3(", b"\xe0\x80\x80", b"\xe1\x80(", b"\xed\xa0\x80", b"\xf0\x80\x80\x80",
                               b"\xf1\x80\x80(", b"\xf4\x90\x80\x80", b"\xf5"]):
    SAFETENSORS[f"refused-utf-8-{number:02}"] = safetensors(b'{"' + text + b'":{}}')

for parser, files in {"idx": IDX, "npy": NPY, "safetensors": SAFETENSORS}.items():
    folder = CORPUS / parser
    folder.mkdir(parents=True, exist_ok=True)
    for old in [*folder.glob("taken-*"), *folder.glob("refused-*")]:
        old.unlink()
    for name, content in files.items():
        (folder / name).write_bytes(content)
