"""Whole trainings in NumPy, held against what the program saves, dumps, logs and prints.

    reference.py matrices|images PROGRAM MPIEXEC FOLDER [--ranks N] [the program's options]

Layers, loss, AdamW and schedule are written from docs/math.md, on whole matrices; nothing is taken
from the program's source. FOLDER is an empty one for files. The first difference is an error.
"""
import argparse
import json
import math
import pathlib
import subprocess

import numpy as np

SAMPLES, WIDTHS = 23, [7, 11, 6, 5]  # neither ranks nor batches divide them
erf = np.vectorize(math.erf)


def close(what, got, want, tolerance=1e-12):
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, wanted {want.shape}"
    error = np.abs(got - want).max() / max(np.abs(want).max(), 1e-300)
    assert error <= tolerance, f"{what}: {error:.1e} apart, relative to the largest"


def read_safetensors(path):
    file = path.read_bytes()
    begin = 8 + int.from_bytes(file[:8], "little")
    header = json.loads(file[8:begin])
    header.pop("__metadata__", None)
    assert all(entry["dtype"] == "F64" for entry in header.values()), "wanted the double program"
    slices = {name: slice(*entry["data_offsets"]) for name, entry in header.items()}
    return {name: np.frombuffer(file[begin:][where]).reshape(header[name]["shape"]).copy()
            for name, where in slices.items()}


def activate(name, z):
    """The activation's value and derivative."""
    if name == "identity":
        return z, np.ones_like(z)
    if name == "relu":
        return np.maximum(z, 0), (z > 0).astype(float)
    if name == "gelu-erf":
        phi = (1 + erf(z / math.sqrt(2))) / 2
        return z * phi, phi + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    scale = math.sqrt(2 / math.pi)
    t = np.tanh(scale * (z + 0.044715 * z**3))
    return z * (1 + t) / 2, (1 + t) / 2 + z / 2 * (1 - t * t) * scale * (1 + 3 * 0.044715 * z * z)


def forward(parameters, x, options):
    """The output, and of each layer its input and its activation's derivative."""
    layers = sum("weight" in name for name in parameters)
    cache = []
    for layer in range(layers):
        z = x @ parameters[f"layers.{layer}.weight"].T + parameters.get(f"layers.{layer}.bias", 0)
        linear = layer == layers - 1 and not options.activate_last
        y, derivative = activate("identity" if linear else options.activation, z)
        cache.append((x, derivative))
        x = y
    return x, cache


def backward(parameters, cache, dy):
    gradients = {}
    for layer, (x, derivative) in reversed(list(enumerate(cache))):
        dz = dy * derivative
        gradients[f"layers.{layer}.weight"] = dz.T @ x
        gradients[f"layers.{layer}.bias"] = dz.sum(axis=0)
        dy = dz @ parameters[f"layers.{layer}.weight"]
    return {name: gradients[name] for name in parameters}


def loss_and_gradient(y, t, options):
    if options.loss == "mean-square":
        return ((y - t)**2).mean(), 2 * (y - t) / y.size
    exponentials = np.exp(y - y.max(axis=1, keepdims=True))
    softmax = exponentials / exponentials.sum(axis=1, keepdims=True)
    smooth = (1 - options.label_smoothing) * t + options.label_smoothing / y.shape[1]
    return -(smooth * np.log(softmax)).sum() / len(y), (softmax - smooth) / len(y)


def schedule_factor(options, step, steps):
    if step < options.warmup:
        return (step + 1) / options.warmup
    if options.schedule == "constant":
        return 1
    if options.schedule == "warmup-stable-decay":
        return min(1, (steps - step) / options.decay)
    done = (step - options.warmup) / (steps - options.warmup)
    return 1 - done if options.schedule == "linear" else (1 + math.cos(math.pi * done)) / 2


def sent_bytes(ranks, rows, tensors):
    """A step's, of rank 0: its columns of each layer to every other rank, of each gradient passed
    down a layer the other ranks' columns to them, and, summed over all ranks, the square of each
    tensor's gradient, the votes to stop and the losses that aren't finite."""
    own = [-(-width // ranks) for width in WIDTHS]
    passed_down = sum(WIDTHS[1:-1]) - sum(own[1:-1])
    norm = 2 * 8 * (tensors + 2) * (ranks - 1) // ranks
    return 8 * rows * ((ranks - 1) * sum(own[1:]) + passed_down) + norm


def read_log(folder):
    return [json.loads(line) for line in (folder / "log").read_text().splitlines()]


def compare_matrices(run, folder, options, as_given):
    assert options.no_shuffle or options.batch >= SAMPLES, "the order of the rows is not known"
    random = np.random.default_rng(1)
    x, t = random.standard_normal((SAMPLES, 7)), random.standard_normal((SAMPLES, 5))
    if options.loss == "cross-entropy":
        t = np.exp(t) / np.exp(t).sum(axis=1, keepdims=True)
    np.save(folder / "x.npy", x)
    np.save(folder / "t.npy", t)
    data = ["--inputs", folder / "x.npy", "--targets", folder / "t.npy", "--widths", "7,11,6,5"]
    # Biases start at zero, where a forgotten one would not show: a few steps move them.
    run(*data, *["--no-bias"] * options.no_bias, "--steps", 3, "--lr", 0.1, "--save",
        folder / "start")
    run(*data, *as_given, "--load", folder / "start", "--save", folder / "end",
        "--dump-gradients", folder / "gradients", "--log", folder / "log")
    parameters = read_safetensors(folder / "start")
    assert len(parameters) == (3 if options.no_bias else 6)
    assert all(np.abs(value).max() > 0.01 for value in parameters.values())

    lines = [line for line in read_log(folder) if "step" in line]
    begins = list(range(0, SAMPLES, options.batch)) * options.epochs
    assert len(lines) == len(begins), f"{len(lines)} steps, wanted {len(begins)}"
    first = {name: np.zeros_like(value) for name, value in parameters.items()}
    second = {name: np.zeros_like(value) for name, value in parameters.items()}
    for step, (line, begin) in enumerate(zip(lines, begins)):
        wanted = t[begin:begin + options.batch]
        y, cache = forward(parameters, x[begin:begin + options.batch], options)
        loss, dy = loss_and_gradient(y, wanted, options)
        gradients = backward(parameters, cache, dy)
        norm = math.sqrt(sum((gradient**2).sum() for gradient in gradients.values()))
        scale = min(1, options.clip / (norm + 1e-6)) if options.clip else 1
        lr = options.lr * schedule_factor(options, step, len(lines))
        for name, gradient in gradients.items():
            gradient = scale * gradient
            first[name] += (1 - options.beta1) * (gradient - first[name])
            second[name] += (1 - options.beta2) * (gradient**2 - second[name])
            if "weight" in name or options.decay_bias:
                parameters[name] *= 1 - lr * options.weight_decay
            direction = first[name] / (1 - options.beta1**(step + 1))
            root = np.sqrt(second[name] / (1 - options.beta2**(step + 1)))
            parameters[name] -= lr * direction / (root + options.eps)
        at = f"step {step + 1}: "
        close(at + "loss", line["loss"], loss)
        close(at + "norm", line["gradient_norm"], norm)
        if options.clip:
            assert norm > options.clip, "clipping would not show"
        close(at + "learning rate", line["lr"], lr)
        if options.plain:
            close(at + "bytes", line["comm_bytes"], sent_bytes(options.ranks, len(y), len(gradients)),
                  0)
        close(at + "times", line["comm_ms"] + line["compute_ms"], line["step_ms"])
        close(at + "speed", line["samples_per_s"] * line["step_ms"], 1000 * len(y))
    saved, dumped = read_safetensors(folder / "end"), read_safetensors(folder / "gradients")
    assert saved.keys() == parameters.keys() and len(dumped) == len(gradients)
    for name in parameters:
        close(name, saved[name], parameters[name])
        close(name + ".grad", dumped[name + ".grad"], gradients[name])


def compare_images(run, folder, options):
    random = np.random.default_rng(3)
    for kind, count in (("train", 8), ("t10k", 5)):
        classes = np.arange(count) % 3
        pixels = random.integers(0, 120, (count, 4))
        pixels[np.arange(count), classes] += 100
        for name, numbers in (("images-idx3", pixels.reshape(count, 2, 2)),
                              ("labels-idx1", classes)):
            header = np.array([0x800 + numbers.ndim, *numbers.shape], ">u4")
            content = header.tobytes() + numbers.astype(np.uint8).tobytes()
            (folder / f"{kind}-{name}-ubyte").write_bytes(content)
    # Batches of 3: the test set's last one is short.
    printed = run("--data", folder, "--widths", "4,6,3", "--batch", 3, "--epochs", 2, "--lr", 0.15,
                  "--seed", 1, "--save", folder / "end", "--log", folder / "log")
    y, _ = forward(read_safetensors(folder / "end"), pixels / 255, options)
    accuracy = (y.argmax(axis=1) == classes).mean()
    before, after = [line for line in read_log(folder) if "test_loss" in line]
    # Else an evaluation at another time, or of the smallest output, could pass.
    assert accuracy not in (before["test_accuracy"], (y.argmin(axis=1) == classes).mean())
    close("test loss", after["test_loss"], ((y - np.eye(3)[classes])**2).mean())
    close("test accuracy", after["test_accuracy"], accuracy)
    summary = [line.split()[2] for line in printed.splitlines() if line.startswith("test accuracy")]
    assert summary == [f"{100 * accuracy:.2f}%"], f"summary {summary}, wanted {accuracy}"


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("mode", choices=["matrices", "images"])
    parser.add_argument("program")
    parser.add_argument("mpiexec")
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--ranks", type=int, default=1)
    own, as_given = parser.parse_known_args()
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name, default in {"batch": 128, "epochs": 1, "warmup": 0, "lr": 1e-3, "weight-decay": 0.01,
                          "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "activation": "gelu-tanh",
                          "schedule": "constant", "decay": 0, "loss": "mean-square",
                          "label-smoothing": 0.0, "clip": 0.0}.items():
        parser.add_argument("--" + name, type=type(default), default=default)
    for name in ("activate-last", "no-bias", "decay-bias", "no-shuffle"):
        parser.add_argument("--" + name, action="store_true")
    # Whatever else is given says how the work is spread over ranks, and must change no result.
    options, spread = parser.parse_known_args(as_given, own)
    options.plain = not spread and options.loss == "mean-square" and not options.clip

    def run(*arguments):
        command = [own.mpiexec, "-n", own.ranks, own.program, "train", "mlp", "--threads", 1]
        done = subprocess.run(list(map(str, [*command, *arguments])), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout

    if own.mode == "images":
        compare_images(run, own.folder, options)
    else:
        compare_matrices(run, own.folder, options, as_given)


main()
