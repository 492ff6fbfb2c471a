"""GFLOP/s of single-precision products on one core: the package's kernels, OpenBLAS as it is found
and with other kernels, JAX, and PyTorch, in turns in one run.

    swift build -c release --package-path .. --product product-rates
    python products.py [--rounds N] [--kernels Haswell,SkylakeX] [--json FILE]

The best of the rounds counts: other load only ever slows.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROGRAM = HERE.parent / ".build" / "release" / "product-rates"

SHAPES = [
    # Cubes.
    *[(n, n, n, "NN") for n in (8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)],
    (1024, 1024, 1024, "NT"),
    # The layers of 784-256-128-10 with batches of 64 and 256, and their gradients.
    (64, 256, 784, "NT"), (64, 128, 256, "NT"), (64, 10, 128, "NT"), (256, 784, 64, "TN"),
    (64, 256, 128, "NN"), (256, 500, 784, "NT"), (256, 512, 128, "NT"), (64, 512, 128, "NN"),
    # The layers of 64-32-10 with batches of 50, and their gradients.
    (50, 32, 64, "NT"), (50, 10, 32, "NT"), (32, 64, 50, "TN"), (10, 32, 50, "TN"),
    (50, 32, 10, "NN"), (50, 64, 32, "NN"),
    # Gradients of queries with those of items; positions of a transformer.
    (50, 64, 20000, "NT"), (16, 64, 20000, "NT"), (1, 64, 20000, "NT"), (2048, 128, 512, "NT"),
    (128, 512, 128, "NT"), (128, 32, 128, "NN"),
    # Tall and thin.
    (4096, 16, 512, "NN"), (4096, 10, 128, "NT"), (1, 512, 512, "NN"), (512, 1, 512, "NN"),
]


class Program:
    """The package's program with one backend."""

    def __init__(self, backend, kernels=None):
        environment = dict(os.environ)
        if kernels:
            environment["OPENBLAS_CORETYPE"] = kernels
        self.process = subprocess.Popen(
            [PROGRAM, "--backend", backend], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment)

    def seconds(self, m, n, k, orientation):
        self.process.stdin.write(f"{m} {n} {k} {orientation}\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())


class Peer:
    """A library of Python, in this process."""

    def operands(self, m, n, k, orientation):
        import numpy as np

        generator = np.random.default_rng(1)
        a = generator.random((k, m) if orientation[0] == "T" else (m, k), dtype=np.float32)
        b = generator.random((n, k) if orientation[1] == "T" else (k, n), dtype=np.float32)
        return a, b

    def seconds(self, m, n, k, orientation):
        multiply = self.product(*self.operands(m, n, k, orientation), orientation)
        multiply(1)
        count = max(1, int(1e9 / (2 * m * n * k)))
        start = time.perf_counter()
        multiply(count)
        return (time.perf_counter() - start) / count


class Torch(Peer):
    def __init__(self):
        import torch

        torch.set_num_threads(1)
        self.torch = torch

    def product(self, a, b, orientation):
        a, b = self.torch.from_numpy(a), self.torch.from_numpy(b)
        a = a.T if orientation[0] == "T" else a
        b = b.T if orientation[1] == "T" else b
        c = self.torch.empty(a.shape[0], b.shape[1])

        def multiply(count):
            for _ in range(count):
                self.torch.mm(a, b, out=c)

        return multiply


class Jax(Peer):
    """All products of a measurement in one call, each fed with the one before: a call of its own
    takes longer than a small product."""

    def __init__(self):
        import jax

        self.jax = jax

    def product(self, a, b, orientation):
        jax = self.jax

        def step(a, b):
            x = a.T if orientation[0] == "T" else a
            return x @ (b.T if orientation[1] == "T" else b)

        @jax.jit
        def many(count, a, b):
            def body(_, state):
                a, c = state
                return jax.lax.dynamic_update_index_in_dim(a, a[0] + 1e-30 * c[0, 0], 0, 0), step(a, b)

            nothing = jax.numpy.zeros(jax.eval_shape(step, a, b).shape, a.dtype)
            return jax.lax.fori_loop(0, count, body, (a, nothing))[1]

        a, b = jax.numpy.asarray(a), jax.numpy.asarray(b)
        return lambda count: many(count, a, b).block_until_ready()


def contestants(kernels):
    found = {"own": Program("own"), "openblas": Program("blas")}
    for name in kernels:
        found[f"openblas {name}"] = Program("blas", name)
    for name, peer in (("jax", Jax), ("torch", Torch)):
        try:
            found[name] = peer()
        except ImportError as error:
            print(f"{name} is left out: {error}", file=sys.stderr)
    return found


def main():
    parser = argparse.ArgumentParser(description="Compare matrix products on one core.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--kernels", default="", help="other kernels of OpenBLAS, with commas")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    # One core for all: a second one would give the libraries of Python two.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    found = contestants([name for name in options.kernels.split(",") if name])
    rows = []
    print(f"{'m × n × k':<24}" + "".join(f"{name:>20}" for name in found) + "   own/best other")
    for m, n, k, orientation in SHAPES:
        work = 2 * m * n * k
        best = dict.fromkeys(found, float("inf"))
        for _ in range(options.rounds if work < 2e10 else max(2, options.rounds // 3)):
            for name, contestant in found.items():
                best[name] = min(best[name], contestant.seconds(m, n, k, orientation))
        rates = {name: work / seconds / 1e9 for name, seconds in best.items()}
        others = max(rate for name, rate in rates.items() if name != "own")
        rows.append({"m": m, "n": n, "k": k, "orientation": orientation, "rates": rates})
        print(
            f"{f'{m}×{n}×{k} {orientation}':<24}"
            + "".join(f"{rate:>20.1f}" for rate in rates.values())
            + f"{rates['own'] / others:>17.2f}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
