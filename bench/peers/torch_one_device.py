"""A job of job.cpp in PyTorch as its users write it, in one process on one device: nn.Linear, tanh GELU,
autograd, mean square, AdamW. What a step reads is on the device before it begins.

    torch_one_device.py DEVICE MATH WAY FOLDER chain ROWS WIDTH LAYERS
    torch_one_device.py DEVICE MATH WAY FOLDER mnist             needs data/mnist

DEVICE is cuda or cpu, MATH fp32, tf32 or bf16, WAY eager or a mode of torch.compile. Takes a number of
steps from each line of its input, and prints a line of JSON for each as job.cpp does.
"""
import itertools
import json
import sys
import time

import torch
from start_files import read_matrix, read_safetensors
from torch_mnist import batches_of, mnist_model, read_mnist


def make_chain(folder, device, rows, width, layers):
    """The model, and its batch time after time."""
    start = read_safetensors(folder + "/start.safetensors")
    modules = []
    for layer in range(layers):
        linear = torch.nn.utils.skip_init(torch.nn.Linear, width, width, bias=False)
        linear.load_state_dict({"weight": start[f"layers.{layer}.weight"]})
        modules += [linear, torch.nn.GELU("tanh")]
    # Columns of ours are rows here.
    x, t = (read_matrix(f"{folder}/{name}", width, rows).t().contiguous().to(device) for name in "xt")
    return torch.nn.Sequential(*modules), itertools.repeat((x, t))


def make_mnist(folder, device):
    images, targets = (tensor.to(device) for tensor in read_mnist())
    order = read_matrix(folder + "/order", 1, len(images), torch.int64)[0].to(device)
    return mnist_model(folder), ((images[rows], targets[rows]) for rows in batches_of(order))


class Training:
    def __init__(self, device, math, way, folder, job, *sizes):
        self.device = device
        torch.set_float32_matmul_precision("high" if math == "tf32" else "highest")
        make = {"chain": make_chain, "mnist": make_mnist}[job]
        self.model, self.batches = make(folder, device, *map(int, sizes))
        self.model.to(device)
        # One kernel for all parameters, where there is one.
        fused = {"fused": True} if device == "cuda" else {}
        self.optimizer = torch.optim.AdamW(self.model.parameters(), **fused)
        loss_function = torch.nn.MSELoss()

        def loss_of(x, t):
            # Weights, and what is added up, stay floats.
            with torch.autocast(device, torch.bfloat16, enabled=math == "bf16"):
                return loss_function(self.model(x).float(), t)

        self.is_compiled = way != "eager"
        self.loss_of = torch.compile(loss_of, mode=way) if self.is_compiled else loss_of

    def step(self):
        if self.is_compiled:
            torch.compiler.cudagraph_mark_step_begin()
        loss = self.loss_of(*next(self.batches))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss

    def finish(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def seconds_of(self, steps):
        self.finish()
        begin = time.perf_counter()
        for _ in range(steps):
            self.step()
        self.finish()
        return (time.perf_counter() - begin) / steps

    def gradient_norm(self):
        squares = sum(parameter.grad.double().square().sum() for parameter in self.model.parameters())
        return squares.sqrt().item()


def main(*words):
    training = Training(*words)
    results = [training.step().item() for _ in range(5)]
    results.append(training.gradient_norm())
    for line in sys.stdin:
        steps = int(line)
        for _ in range(steps // 10):
            training.step()
        print(json.dumps({"results": results, "seconds_per_step": training.seconds_of(steps)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
