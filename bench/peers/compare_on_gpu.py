"""The same work by Colonnade and by PyTorch on one GPU, in turn; PyTorch's steps eager, and compiled by
torch.compile. `make bench-peers BACKEND=cuda` builds what it needs and runs it.

    compare_on_gpu.py PROGRAMS [--device cuda|cpu] [--pairs N] [--only WORD] [--try]

PROGRAMS is the folder of the built benches, --device PyTorch's. With --try shapes are small and turns few:
it shows that everything runs, on a pretended GPU and PyTorch's cpu too, and its times mean nothing.

Before anything is timed, losses and gradients of the first steps must be those of the peer: a mismatch is an
error, and that work is not timed. A peer that is missing is named and left out.
"""
import argparse
import contextlib
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field

from compare import Mismatch, compare_results, print_pairs, render_seconds, run

here = pathlib.Path(__file__).parent
# Relative, of losses and of a gradient's norm. Two programs that round factors alike may add them in another
# order and, in bf16, round what they hand from layer to layer too.
tolerances = {"fp32": 1e-5, "tf32": 1e-3, "bf16": 1e-2}


@dataclass
class Job:
    name: str
    words: list  # of job.cpp
    math: str
    steps: int  # of a turn
    mode: str  # of torch.compile
    bars: dict = field(default_factory=dict)  # of each way


def jobs_of(options):
    rows, width, large_steps, small_steps, epoch = (
        (128, 64, 2, 4, 2) if options.trial else (16384, 8192, 8, 2000, 468))
    large = [Job(f"{rows} x {width}, 4 layers, {math}", ["chain", rows, width, 4], math, large_steps,
                 "default", {"compiled": 1.05}) for math in ("bf16", "tf32")]
    # Small steps are a sequence of launches, which this mode records as a graph.
    return [Job("2 x 32, 4 layers", ["chain", 2, 32, 4], "fp32", small_steps, "reduce-overhead",
                {"compiled": 5}),
            Job("MNIST, batch 128, 468 an epoch", ["mnist"], "fp32", epoch, "reduce-overhead",
                {"eager": 5}), *large]


class Player:
    """A process that does a turn for each line of its input."""

    def __init__(self, *command):
        self.command = list(map(str, command))
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        self.errors.close()

    def turn(self, steps):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(f"{steps}\n")
            self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
        self.process.wait()
        self.errors.seek(0)
        raise RuntimeError(f"{' '.join(self.command)} failed: {self.errors.read().strip()[-2000:]}")


class PyTorch:
    """Its version, and the ways in which it can do a step here."""

    def __init__(self, device):
        self.device = device
        question = ("import torch; print(torch.__version__, torch.cuda.is_available(), "
                    "hasattr(torch, 'compile'))")
        for self.python in ("python3", "/usr/bin/python3"):
            with contextlib.suppress(RuntimeError, OSError):
                version, has_gpu, compiles = run([self.python, "-c", question]).split()
                break
        else:
            self.ways = []
            print("PyTorch is not installed and left out: make deps-peers")
            return
        self.ways = ["eager", "compiled"]
        if device == "cuda" and has_gpu == "False":
            self.ways = []
            print(f"PyTorch {version} sees no GPU and is left out; --device cpu takes the processor")
        elif compiles == "False":
            self.ways.remove("compiled")
            print(f"PyTorch {version} has no torch.compile, which is left out")

    def player(self, job, way, folder):
        mode = job.mode if way == "compiled" else way
        return Player(self.python, here / "torch_one_device.py", self.device, job.math, mode, folder,
                      *job.words)


class Colonnade:
    def __init__(self, programs):
        self.command = [programs / "peers/job"]  # one rank needs no mpiexec

    def prepare(self, job, folder):
        run([*self.command, *job.words, folder])

    def player(self, job, folder):
        return Player(*self.command, "--math", job.math, *job.words, folder, "turns")


def check_peers(job, ours, peers):
    """Those whose first steps are ours; says why others are not timed."""
    own = ours.turn(job.steps)["results"]
    right = {}
    for way, peer in peers.items():
        try:
            compare_results(own, peer.turn(job.steps)["results"], tolerances[job.math])
            right[way] = peer
        except Mismatch as mismatch:
            print(f"{job.name}, {way}: NOT TIMED, another result than the peer's: {mismatch}", flush=True)
        except RuntimeError as error:
            print(f"{job.name}, {way}: NOT TIMED: {error}", flush=True)
    return right


def compare_job(job, colonnade, pytorch, pairs, folder):
    """How many peers computed something else, or failed."""
    seconds = {}
    with contextlib.ExitStack() as stack:
        # All begin together, which takes each of them long.
        ours = stack.enter_context(colonnade.player(job, folder))
        peers = {way: stack.enter_context(pytorch.player(job, way, folder)) for way in pytorch.ways}
        right = check_peers(job, ours, peers)
        for _ in range(pairs):
            for way, player in {"ours": ours, **right}.items():
                seconds.setdefault(way, []).append(player.turn(job.steps)["seconds_per_step"])
    for way in right:
        print_pairs(f"{job.name} / PyTorch, {way}", list(zip(seconds["ours"], seconds[way])),
                    job.bars.get(way))
    if not right:
        print(f"{job.name}: ours {render_seconds(statistics.median(seconds['ours']))}", flush=True)
    return len(peers) - len(right)


def compare_jobs(jobs, colonnade, pytorch, pairs, scratch):
    wrong = 0
    for job in jobs:
        if job.words[0] == "mnist" and not pathlib.Path("data/mnist").exists():
            print(f"{job.name}: data/mnist is missing; left out: make data")
            continue
        folder = scratch / "-".join(map(str, job.words))
        if not folder.exists():
            folder.mkdir()
            colonnade.prepare(job, folder)
        wrong += compare_job(job, colonnade, pytorch, pairs, folder)
    return wrong


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("programs", type=pathlib.Path)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--only", default="", help="works whose name has this in it")
    parser.add_argument("--try", dest="trial", action="store_true", help="small, to see that it runs")
    options = parser.parse_args()
    pytorch = PyTorch(options.device)
    if options.trial:
        print("A TRIAL, ITS TIMES MEAN NOTHING")
    print(f"{'ours / peer, in turn; a step':<61}{'ours':>10} {'peer':>10} {'peer/ours':>9} {'(spread)':<17} bar")
    jobs = [job for job in jobs_of(options) if options.only in job.name]
    if options.trial:
        for job in jobs:
            job.bars = {}
    with tempfile.TemporaryDirectory() as scratch:
        return compare_jobs(jobs, Colonnade(options.programs), pytorch,
                            1 if options.trial else options.pairs, pathlib.Path(scratch))


if __name__ == "__main__":
    sys.exit(main() > 0)
