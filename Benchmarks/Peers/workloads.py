"""The workloads: who runs them, and the FLOPs of the best algorithm known for each."""

from dataclasses import dataclass

import network_arrays
from arrays import CHECKPOINTS, DIGITS_BATCH_SIZE, DIGITS_SIZES, SGEMM_SIZE, SIZES


@dataclass(frozen=True)
class Entry:
    """A contestant of a workload."""

    name: str
    items: int | None = None  # Measured on this many items and scaled; None: all of them.
    threads: int | None = None  # None: the number asked for.


PALIMPSEST = "palimpsest"
BEFORE = "before"  # Another build of Palimpsest, where one is given.

WORKLOADS = {
    "sgemm": [
        Entry(PALIMPSEST), Entry("numpy"), Entry("torch-hand"), Entry("jax-hand"),
    ],
    "full-matrix": [
        Entry(PALIMPSEST), Entry("torch-hand"), Entry("jax-hand"),
        Entry("torch-autograd", items=2000), Entry("captum", items=4000),
        Entry("kronfluence", items=4000), Entry("dattri", items=1000),
    ],
    "checkpoints": [Entry(PALIMPSEST), Entry("torch-hand"), Entry("jax-hand")],
    "top-k": [Entry(PALIMPSEST), Entry("torch-hand")],
    "self-influence": [
        Entry(PALIMPSEST), Entry("jax-hand"), Entry("torch-hand"),
        Entry("torch-autograd", items=8000), Entry("captum", items=8000),
        Entry("kronfluence", items=8000), Entry("dattri", items=1000),
    ],
    "train-epoch": [
        Entry(PALIMPSEST), Entry(PALIMPSEST, threads=1), Entry("jax-hand"), Entry("torch-hand"),
        Entry("torch-hand", threads=1), Entry("torch-autograd"),
        Entry("torch-autograd", threads=1),
    ],
    "train-steps": [
        Entry(PALIMPSEST, threads=1), Entry("jax-hand", threads=1),
        Entry("torch-hand", threads=1), Entry("torch-autograd", threads=1),
        Entry("numpy", threads=1),
    ],
    "ledger-training": [
        Entry(PALIMPSEST), Entry(PALIMPSEST, threads=1), Entry("jax-hand"),
        Entry("jax-hand", threads=1),
    ],
    "credit-sweep": [
        Entry(PALIMPSEST), Entry(PALIMPSEST, threads=1), Entry("jax-hand"),
        Entry("jax-hand", threads=1),
    ],
    "marginal-sweep": [
        Entry(PALIMPSEST), Entry(PALIMPSEST, threads=1), Entry("jax-autodiff"),
        Entry("jax-autodiff", threads=1), Entry("jax-hand"), Entry("jax-hand", threads=1),
    ],
    "bulk-retraining": [
        Entry(PALIMPSEST), Entry(PALIMPSEST, threads=1), Entry("jax-autodiff"),
        Entry("jax-autodiff", threads=1), Entry("jax-hand"), Entry("jax-hand", threads=1),
    ],
    "cnn-scores": [
        Entry(PALIMPSEST), Entry("torch-hand"), Entry("torch-autograd"), Entry("opacus"),
        Entry("captum"), Entry("dattri", items=4000), Entry("kronfluence", items=4000),
    ],
    "transformer-scores": [
        Entry(PALIMPSEST), Entry("torch-hand"), Entry("torch-autograd"), Entry("opacus", items=500),
        Entry("kronfluence", items=500), Entry("dattri", items=100), Entry("captum", items=40),
    ],
    "cnn-gradient": [Entry(PALIMPSEST), Entry("torch-autograd")],
    "transformer-gradient": [Entry(PALIMPSEST), Entry("torch-autograd")],
}  # fmt: skip
NETWORK_WORKLOADS = {
    f"{name}-{kind}": name for name in network_arrays.NETWORKS for kind in ("scores", "gradient")
}


def multiply_adds(sizes):
    """Of one item's forward pass, and of its backward pass to all but the first input."""
    forward = [inputs * outputs for inputs, outputs in zip(sizes, sizes[1:])]
    return sum(forward), sum(forward[1:])


def pair_widths(sizes):
    """Sum of I + O over the layers: the multiply-adds of one pair's factored product."""
    return sum(sizes[:-1]) + sum(sizes[1:])


def product_flops(items, queries):
    """The factored products alone, 2 N Q sum(I + O)."""
    return 2 * items * queries * pair_widths(SIZES)


def flops(workload, items, queries, epoch_steps, epoch_batch, digits_steps, ledger_steps):
    """FLOPs of one run, or None where nobody has counted them or they depend on the data."""
    if workload in NETWORK_WORKLOADS:
        return network_arrays.flops(workload, items, queries)
    forward, backward = multiply_adds(SIZES)
    passes = 2 * (forward + backward)
    match workload:
        case "sgemm":
            return 2 * SGEMM_SIZE**3
        case "full-matrix":
            return passes * (items + queries) + product_flops(items, queries)
        case "checkpoints":
            one = passes * (items + queries) + product_flops(items, queries)
            shared = 2 * items * queries * SIZES[0]
            return CHECKPOINTS * one - (CHECKPOINTS - 1) * shared
        case "self-influence":
            return items * (passes + 2 * pair_widths(SIZES))
        case "train-epoch":
            return epoch_steps * epoch_batch * 2 * (2 * forward + backward)
        case "train-steps" | "ledger-training":
            steps = digits_steps if workload == "train-steps" else ledger_steps
            forward, backward = multiply_adds(DIGITS_SIZES)
            return steps * DIGITS_BATCH_SIZE * 2 * (2 * forward + backward)
    return None
