"""The same work by Colonnade and by its peers, in turn: PyTorch with gloo, PyTorch in one process,
MPICH's own collectives. `make bench-peers` builds what it needs and runs it.

    compare.py PROGRAMS [--pairs N] [--only WORD]    PROGRAMS: the folder of the built benches

Before anything is timed, and in every turn, losses and gradients of the first steps must be those of the
peer: a mismatch is an error, and that work is not timed. A peer that is missing is named and left out.
"""
import argparse
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass

here = pathlib.Path(__file__).parent
tolerance = 1e-5  # relative; single precision, sums in another order


@dataclass
class Job:
    name: str
    words: list  # of job.cpp
    steps: int  # of a turn of ours
    peer_steps: int
    bar: float
    as_installed: bool = False  # the peer's BLAS picks its kernels itself, be they the right ones or not


jobs = [
    Job("2 x 32, 4 layers", ["chain", 2, 32, 4], 20000, 200, 150),
    Job("64 x 1024, 4 layers", ["chain", 64, 1024, 4], 100, 40, 2.5),
    Job("512 x 2048, 4 layers", ["chain", 512, 2048, 4], 10, 8, 1.4),
    Job("MNIST, batch 128", ["mnist"], 156, 80, 3),
    Job("MNIST, batch 128, as installed", ["mnist"], 156, 80, 3, as_installed=True),
]
collective_bars = {
    "all-gather, 16 numbers a rank, 4 ranks": 50,
    "all-gather, 1 M numbers a rank, 2 ranks": 50,
    "reduce-scatter, 64 k numbers a rank, 2 ranks": 2.5,
    "reduce-scatter, 1 M numbers a rank, 2 ranks": 2.5,
}


class Mismatch(Exception):
    pass


def compare_results(ours, peer, tolerance=tolerance):
    """As many finite numbers, each within the tolerance: losses of steps, then a gradient's norm."""
    if len(ours) != len(peer) or not ours:
        raise Mismatch(f"{len(ours)} results against {len(peer)}")
    for index, (own, other) in enumerate(zip(ours, peer), 1):
        if not abs(own - other) <= tolerance * abs(own) or not math.isfinite(own):
            what = f"loss of step {index}" if index < len(ours) else "norm of the gradients"
            raise Mismatch(f"{what} is {own} here and {other} there")


def ratio_of(pairs):
    """Median, smallest and largest of peer / ours over pairs (ours, peer) of one turn."""
    ratios = sorted(peer / ours for ours, peer in pairs)
    return statistics.median(ratios), ratios[0], ratios[-1]


def render_seconds(seconds):
    for unit, size in (("s", 1), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            break
    return f"{seconds / size:.4g} {unit}"


def render_line(work, ours, peer, ratio, bar):
    spread = f"({ratio[1]:.3g} to {ratio[2]:.3g})"
    if bar:
        bar = f"{bar:g}" + ("" if ratio[0] >= bar else "  below")
    return (f"{work:<61} {render_seconds(ours):>10} {render_seconds(peer):>10} {ratio[0]:>8.3g} "
            f"{spread:<18} {bar or ''}").rstrip()


def lines_of_json(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def run(command, environment=None):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} failed: {done.stderr.strip()[-2000:]}")
    return done.stdout


class Colonnade:
    def __init__(self, programs):
        self.programs = programs
        self.mpiexec = os.environ.get("MPIEXEC", "mpiexec")

    def launch(self, ranks, program, *arguments):
        return run([self.mpiexec, "-n", ranks, self.programs / program, *arguments])

    def kernels(self, folder):
        """Of the BLAS, as OPENBLAS_CORETYPE has them: the peer's shall be as fast."""
        found = re.search(r"OpenBLAS .*?, (\w+) kernels", self.launch(
            1, "peers/job", "chain", 2, 4, 1, folder))
        return {"OPENBLAS_CORETYPE": found[1]} if found else {}

    def prepare(self, job, folder):
        self.launch(2, "peers/job", *job.words, folder)

    def train(self, job, folder):
        return lines_of_json(self.launch(2, "peers/job", *job.words, folder, job.steps))[0]


class PyTorch:
    def __init__(self, environment):
        self.python = next(filter(self.has_torch, ("python3", "/usr/bin/python3")), None)
        self.as_installed = {**os.environ, "GLOO_SOCKET_IFNAME": "lo"}
        self.environment = {**self.as_installed, **environment}
        self.ways = {}

    @staticmethod
    def has_torch(python):
        return shutil.which(python) and subprocess.run(
            [python, "-c", "import torch.distributed"], capture_output=True).returncode == 0

    def train(self, job, folder):
        if job.words[0] == "mnist":
            return lines_of_json(run([self.python, here / "torch_mnist.py", folder, job.peer_steps],
                                     self.as_installed if job.as_installed else self.environment))[0]
        if job.name not in self.ways:
            self.ways[job.name] = self.launch(job, folder, max(2, job.peer_steps // 4))["way"]
        return self.launch(job, folder, job.peer_steps, *self.ways[job.name])

    def launch(self, job, folder, steps, *way):
        """Two processes; the first one's line."""
        (folder / "meeting").unlink(missing_ok=True)
        _, rows, width, layers = job.words
        processes = [subprocess.Popen(
            list(map(str, [self.python, here / "torch_chain.py", rank, 2, rows, width, layers, folder,
                           steps, *way])),
            stdout=subprocess.PIPE, text=True, env=self.environment) for rank in range(2)]
        try:
            outputs = [process.communicate(timeout=600)[0] for process in processes]
        finally:
            for process in processes:
                process.kill()
        if any(process.returncode for process in processes):
            raise RuntimeError("PyTorch failed")
        return lines_of_json(outputs[0])[0]


def compare_job(job, colonnade, pytorch, pairs, folder):
    colonnade.prepare(job, folder)
    times, products = [], []
    for turn in range(pairs + 1):
        ours, peer = colonnade.train(job, folder), pytorch.train(job, folder)
        compare_results(ours["results"], peer["results"])
        if turn == 0:  # for the results alone
            continue
        times.append((ours["seconds_per_step"], peer["seconds_per_step"]))
        products.append((ours["seconds_per_step"], ours["products_seconds"]))
    print_pairs(job.name + way_of(pytorch, job), times, job.bar)
    if job.words[0] == "chain" and job.words[2] >= 1024:
        print_pairs("  its matrix products alone, the ceiling", products, None)


def way_of(pytorch, job):
    if job.name not in pytorch.ways:
        return " / PyTorch, all cores"
    gather, scatter, foreach = pytorch.ways[job.name]
    return f" / gloo ({gather}, {scatter}{', foreach' if foreach == '1' else ''})"


def print_pairs(work, pairs, bar):
    ours, peer = (statistics.median(times) for times in zip(*pairs))
    print(render_line(work, ours, peer, ratio_of(pairs), bar), flush=True)


def compare_collectives(colonnade):
    for ranks in 2, 4:
        for line in lines_of_json(colonnade.launch(ranks, "collectives", "--json")):
            print(render_line(line["work"] + " / MPICH", line["ours"], line["peer"], line["ratio"],
                              collective_bars.get(line["work"])), flush=True)


def compare_jobs(colonnade, pytorch, options, scratch):
    """How many computed something else than the peer."""
    wrong = 0
    for job in jobs:
        if options.only not in job.name:
            continue
        if job.words[0] == "mnist" and not pathlib.Path("data/mnist").exists():
            print(f"{job.name}: data/mnist is missing; left out: make data")
            continue
        folder = scratch / job.name.replace(" ", "-")
        folder.mkdir()
        try:
            compare_job(job, colonnade, pytorch, options.pairs, folder)
        except Mismatch as mismatch:
            wrong += 1
            print(f"{job.name}: NOT TIMED, another result than the peer's: {mismatch}", flush=True)
    return wrong


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", default="", help="works whose name has this in it")
    options = parser.parse_args()
    colonnade = Colonnade(options.programs)
    print(f"{'ours / peer, in turn; a step or a call':<61}{'ours':>10} {'peer':>10} {'peer/ours':>9}"
          f" {'(spread)':<17} bar")
    if options.only in "collectives":
        compare_collectives(colonnade)
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)
        pytorch = PyTorch(colonnade.kernels(scratch))
        if not pytorch.python:
            print("PyTorch is not installed and left out: make deps-peers")
            return 0
        return compare_jobs(colonnade, pytorch, options, scratch)


if __name__ == "__main__":
    sys.exit(main() > 0)
