"""A checkpoint read by the rules of safetensors alone, as its Python library applies them.

    read_checkpoint.py FILE WIDTHS

The header must be JSON of text without double names, metadata texts alone, and the tensors must fill
the rest of the file without a gap, each as long as its shape says. Beside PyTorch's names for the
layers of these widths stand AdamW's moments.
"""
import json
import math
import sys

import numpy as np


def unique(pairs):
    assert len(dict(pairs)) == len(pairs), "a name stands twice"
    return dict(pairs)


file = open(sys.argv[1], "rb").read()
begin = 8 + int.from_bytes(file[:8], "little")
assert begin <= len(file) and begin % 8 == 0 and begin - 8 <= 100_000_000, "header's length"
assert file[8:9] == b"{", "the header begins with a brace"
header = json.loads(file[8:begin].decode("utf-8"), object_pairs_hook=unique)

metadata = header.pop("__metadata__")
assert all(isinstance(value, str) for value in metadata.values()), "metadata are texts"
assert metadata["format"] == "pt" and metadata["colonnade.checkpoint"] == "1"

end = 0
for name, tensor in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
    assert set(tensor) == {"dtype", "shape", "data_offsets"}, name
    first, last = tensor["data_offsets"]
    assert first == end, f"a gap before {name}"
    assert last - first == math.prod(tensor["shape"]) * {"F32": 4, "F64": 8}[tensor["dtype"]], name
    dtype = {"F32": "<f4", "F64": "<f8"}[tensor["dtype"]]
    values = np.frombuffer(file[begin + first:begin + last], dtype).reshape(tensor["shape"])
    assert np.isfinite(values).all(), name
    assert not name.endswith(".exp_avg_sq") or (values >= 0).all(), f"{name} holds squares"
    assert values.any(), f"{name} is nothing but zeros"
    end = last
assert begin + end == len(file), "bytes after the last tensor"

widths = [int(width) for width in sys.argv[2].split(",")]
wanted = {}
for layer, (inputs, outputs) in enumerate(zip(widths, widths[1:])):
    for moment in ("", ".exp_avg", ".exp_avg_sq"):
        wanted[f"layers.{layer}.weight{moment}"] = [outputs, inputs]
        wanted[f"layers.{layer}.bias{moment}"] = [outputs]
assert {name: tensor["shape"] for name, tensor in header.items()} == wanted
