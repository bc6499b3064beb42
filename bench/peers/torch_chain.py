"""The tensor-parallel chain of job.cpp in PyTorch: processes that talk through gloo, each layer
x W_local, tanh GELU, all-gather; mean square; backward by hand as docs/math.md has it; AdamW.

    torch_chain.py RANK RANKS ROWS WIDTH LAYERS FOLDER STEPS [GATHER SCATTER FOREACH]

Matrices are transposed, [features, rows]: so a rank's features are contiguous, W_local has nn.Linear's
shape, and nothing is concatenated. Every result has its buffer. Without the last three, which are ways
to do the same, it tries them all and prints the fastest; with them, results and time of a step.
FOLDER/meeting, where processes meet, must be new.
"""
import itertools
import json
import sys
import time

import torch
import torch.distributed as dist
from start_files import read_matrix, read_safetensors

aten = torch.ops.aten


def gather_by_all_gather(pieces, rank):
    dist.all_gather(pieces, pieces[rank])


def gather_by_broadcast(pieces, rank):
    for work in [dist.broadcast(piece, owner, async_op=True) for owner, piece in enumerate(pieces)]:
        work.wait()


def gather_by_exchange(pieces, rank):
    others = [other for other in range(len(pieces)) if other != rank]
    works = [dist.isend(pieces[rank], other) for other in others]
    works += [dist.irecv(pieces[other], other) for other in others]
    for work in works:
        work.wait()


def scatter_by_all_reduce(full, pieces, received, rank):
    dist.all_reduce(full)


def scatter_by_reduce(full, pieces, received, rank):
    for work in [dist.reduce(piece, owner, async_op=True) for owner, piece in enumerate(pieces)]:
        work.wait()


def scatter_by_exchange(full, pieces, received, rank):
    others = [other for other in range(len(pieces)) if other != rank]
    works = [dist.isend(pieces[other], other) for other in others]
    works += [dist.irecv(piece, other) for other, piece in zip(others, received)]
    for work in works:
        work.wait()
    for piece in received:
        pieces[rank].add_(piece)


gathers = {"all_gather": gather_by_all_gather, "broadcast": gather_by_broadcast,
           "exchange": gather_by_exchange}
scatters = {"all_reduce": scatter_by_all_reduce, "reduce": scatter_by_reduce,
            "exchange": scatter_by_exchange}


class Chain:
    def __init__(self, rank, ranks, rows, width, layers, folder):
        self.rank = rank
        own = slice(rank * width // ranks, (rank + 1) * width // ranks)
        start = read_safetensors(folder + "/start.safetensors")
        self.weights = [start[f"layers.{layer}.weight"][own].clone() for layer in range(layers)]
        for weight in self.weights:
            weight.grad = torch.empty_like(weight)
        # Columns of ours are rows here: x and t lie in memory as they must.
        self.t = read_matrix(folder + "/t", width, rows)
        full = lambda: torch.empty(width, rows)
        self.inputs = [read_matrix(folder + "/x", width, rows)] + [full() for _ in range(layers)]
        self.pieces = [list(x.chunk(ranks)) for x in self.inputs]
        self.z = [torch.empty(width // ranks, rows) for _ in range(layers)]
        self.dz = torch.empty(width // ranks, rows)
        self.dx = full()
        self.dx_pieces = list(self.dx.chunk(ranks))
        self.received = [torch.empty(width // ranks, rows) for _ in range(ranks - 1)]

    def choose(self, gather, scatter, foreach):
        self.gather, self.scatter = gathers[gather], scatters[scatter]
        self.optimizer = torch.optim.AdamW(self.weights, foreach=foreach == "1")

    def step(self):
        for layer, weight in enumerate(self.weights):
            torch.mm(weight, self.inputs[layer], out=self.z[layer])
            own = self.pieces[layer + 1]
            aten.gelu(self.z[layer], approximate="tanh", out=own[self.rank])
            self.gather(own, self.rank)
        torch.sub(self.inputs[-1], self.t, out=self.dx)
        flat = self.dx.view(-1)
        loss = torch.dot(flat, flat).div_(flat.numel())
        self.dx.mul_(2 / flat.numel())
        for layer in reversed(range(len(self.weights))):
            dy = self.dx_pieces[self.rank]
            aten.gelu_backward(dy, self.z[layer], approximate="tanh", grad_input=self.dz)
            if layer > 0:
                torch.mm(self.weights[layer].t(), self.dz, out=self.dx)
                self.scatter(self.dx, self.dx_pieces, self.received, self.rank)
            torch.mm(self.dz, self.inputs[layer].t(), out=self.weights[layer].grad)
        self.optimizer.step()
        return loss

    def gradient_norm(self):
        squares = sum(weight.grad.double().square().sum() for weight in self.weights)
        dist.all_reduce(squares)
        return squares.sqrt().item()

    def measure(self, steps):
        """Seconds a step, of the slowest rank."""
        dist.barrier()
        begin = time.perf_counter()
        for _ in range(steps):
            self.step()
        seconds = torch.tensor([(time.perf_counter() - begin) / steps])
        dist.all_reduce(seconds, dist.ReduceOp.MAX)
        return seconds.item()


def tune(chain, steps):
    """The fastest ways: one choice after the other, each way as fast as in its better round."""
    best_way = ["all_gather", "all_reduce", "1"]
    for choice, candidates in enumerate([gathers, scatters, ["0", "1"]]):
        best = {}
        for _, candidate in itertools.product(range(2), candidates):
            best_way[choice] = candidate
            chain.choose(*best_way)
            chain.measure(1)
            best[candidate] = min(best.get(candidate, 1e9), chain.measure(steps))
        best_way[choice] = min(best, key=best.get)
    return best_way


@torch.no_grad()
def main(rank, ranks, rows, width, layers, folder, steps, *way):
    rank, ranks, rows, width, layers, steps = map(int, (rank, ranks, rows, width, layers, steps))
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank,
                            world_size=ranks)
    chain = Chain(rank, ranks, rows, width, layers, folder)
    if not way:
        result = {"way": tune(chain, steps)}
    else:
        chain.choose(*way)
        results = [chain.step().item() for _ in range(5)]
        results.append(chain.gradient_norm())
        for _ in range(steps // 10):
            chain.step()
        result = {"results": results, "seconds_per_step": chain.measure(steps)}
    if rank == 0:
        print(json.dumps(result))


main(*sys.argv[1:])
