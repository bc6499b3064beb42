"""MNIST in PyTorch as its users write it, in one process on all cores: nn.Linear, tanh GELU, autograd,
mean square on one-hot targets, AdamW; the images in memory as floats, in the order of job.cpp.

    torch_mnist.py FOLDER STEPS         needs data/mnist

Prints a line of JSON as job.cpp does.
"""
import json
import os
import sys
import time

import torch
from start_files import read_matrix, read_safetensors

batch = 128


def read_idx(path, header_bytes):
    with open(path, "rb") as file:
        return torch.frombuffer(bytearray(file.read()), dtype=torch.uint8)[header_bytes:]


def read_mnist():
    """Images [n, 784] between 0 and 1, and one-hot targets [n, 10]."""
    images = read_idx("data/mnist/train-images-idx3-ubyte", 16).view(-1, 784).float() / 255
    labels = read_idx("data/mnist/train-labels-idx1-ubyte", 8).long()
    return images, torch.nn.functional.one_hot(labels, 10).float()


def mnist_model(folder):
    linear, gelu = torch.nn.Linear, torch.nn.GELU
    model = torch.nn.Sequential(linear(784, 1024), gelu("tanh"), linear(1024, 1024), gelu("tanh"),
                                linear(1024, 10))
    start = read_safetensors(folder + "/start.safetensors")
    for layer, module in enumerate(model[::2]):
        module.load_state_dict({name: start[f"layers.{layer}.{name}"] for name in ("weight", "bias")})
    return model


def batches_of(order):
    """The samples of one step after the other, epoch after epoch in the same order, without end."""
    return (rows for _ in iter(int, 1) for rows in order.split(batch) if len(rows) == batch)


def main(folder, steps):
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    images, targets = read_mnist()
    order = read_matrix(folder + "/order", 1, len(images), torch.int64)[0]
    model = mnist_model(folder)
    optimizer = torch.optim.AdamW(model.parameters())
    loss_function = torch.nn.MSELoss()
    batches = batches_of(order)

    def step():
        rows = next(batches)
        loss = loss_function(model(images[rows]), targets[rows])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    results = [step().item() for _ in range(5)]
    squares = sum(parameter.grad.double().square().sum() for parameter in model.parameters())
    results.append(squares.sqrt().item())
    for _ in range(steps // 10):
        step()
    begin = time.perf_counter()
    for _ in range(steps):
        step()
    print(json.dumps({"results": results, "seconds_per_step": (time.perf_counter() - begin) / steps}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
