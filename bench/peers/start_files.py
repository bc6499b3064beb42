"""What job.cpp writes for a peer to start from, as tensors of PyTorch. All numbers are float32."""
import json

import torch


def read_safetensors(path):
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = bytearray(file.read())
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        assert entry["dtype"] == "F32", f"{name} is {entry['dtype']}, wanted F32"
        begin, end = entry["data_offsets"]
        numbers = torch.frombuffer(data, dtype=torch.float32, count=(end - begin) // 4, offset=begin)
        tensors[name] = numbers.view(entry["shape"]).clone()
    return tensors


def read_matrix(path, rows, columns, dtype=torch.float32):
    """Rows one after the other."""
    with open(path, "rb") as file:
        numbers = torch.frombuffer(bytearray(file.read()), dtype=dtype)
    return numbers.view(rows, columns).clone()
