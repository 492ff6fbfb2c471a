"""The arrays of the convolutional network and the transformer, see README.md for the files.

The parameters are random: what the scores cost does not depend on training, and all contestants
read the same. The text is that of Python's own library, which is there wherever this script runs.
"""

import math
import sysconfig
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

GRADIENT_BATCHES = 8  # How many batches one run of a gradient workload takes.
VOCABULARY, POSITIONS, WIDTH, HEADS, BLOCKS = 96, 128, 128, 4, 2


@dataclass(frozen=True)
class Product:
    """A matrix of the model: at each of its positions of an item it maps inputs to outputs."""

    positions: int
    inputs: int
    outputs: int


@dataclass(frozen=True)
class Network:
    """A model, how many items and queries it has, and the batch of its gradients."""

    specification: str
    sizes: tuple[int, int]  # Items and queries.
    quick_sizes: tuple[int, int]
    batch: int
    products: list[Product]
    needs_input_gradient: bool  # Whether anything stands before the first product.
    other_multiply_adds: int = 0  # Of one forward pass, without parameters: attention.
    lookups: int = 0  # Parameters that are looked up: their gradients meet without a product.


BLOCK = [(WIDTH, 3 * WIDTH), (WIDTH, WIDTH), (WIDTH, 4 * WIDTH), (4 * WIDTH, WIDTH)]

NETWORKS = {
    "cnn": Network(
        "cnn:1x28x28:16c3-p2-32c3-p2-10:relu", (10_000, 200), (400, 20), batch=64,
        products=[Product(26 * 26, 9, 16), Product(11 * 11, 144, 32), Product(1, 800, 10)],
        needs_input_gradient=False,
    ),
    "transformer": Network(
        f"transformer:vocabulary={VOCABULARY},context={POSITIONS},width={WIDTH},heads={HEADS},"
        f"layers={BLOCKS}",
        (2000, 50), (40, 4), batch=16,
        products=[Product(POSITIONS, *pair) for pair in BLOCKS * BLOCK + [(WIDTH, VOCABULARY)]],
        needs_input_gradient=True,
        other_multiply_adds=BLOCKS * 2 * POSITIONS * POSITIONS * WIDTH,
        lookups=(VOCABULARY + POSITIONS) * WIDTH,
    ),
}  # fmt: skip


class NetworkArrays:
    """The files of one network."""

    def __init__(self, folder, name):
        self.folder, self.name = Path(folder), name
        self.network = NETWORKS[name]

    def _load(self, part):
        return np.load(self.folder / f"{self.name}_{part}.npy")

    x = cached_property(lambda self: self._load("x"))
    y = cached_property(lambda self: self._load("y"))
    x_query = cached_property(lambda self: self._load("query_x"))
    y_query = cached_property(lambda self: self._load("query_y"))

    @property
    def checkpoint(self):
        """The path of the parameters."""
        return self.folder / f"{self.name}.safetensors"

    def parameters(self):
        return load_file(self.checkpoint)

    def batches(self):
        """The rows of each batch of a gradient workload."""
        size = min(self.network.batch, len(self.x) // GRADIENT_BATCHES)
        return [slice(k * size, (k + 1) * size) for k in range(GRADIENT_BATCHES)]


def flops(workload, items, queries):
    """FLOPs of `NAME-scores` or `NAME-gradient` with the best algorithm known.

    For each product the cheaper of two ways: form each item's gradient once, and multiply the
    gradients of each pair; or multiply inputs and cotangents of all positions of each pair.
    """
    name, _, kind = workload.rpartition("-")
    network = NETWORKS[name]
    forward = [p.positions * p.inputs * p.outputs for p in network.products]
    through = forward if network.needs_input_gradient else forward[1:]
    # The backward pass of attention's two products takes twice as many as the forward one.
    passes = sum(forward) + sum(through) + 3 * network.other_multiply_adds
    if kind == "gradient":
        size = min(network.batch, items // GRADIENT_BATCHES)
        return 2 * GRADIENT_BATCHES * size * (passes + sum(forward))
    total = (items + queries) * passes + items * queries * network.lookups
    for product, own in zip(network.products, forward):
        pair = product.positions**2 * (product.inputs + product.outputs)
        formed = (items + queries) * own + items * queries * product.inputs * product.outputs
        total += min(formed, items * queries * pair)
    return 2 * total


# Writing


def write_networks(folder, images, labels, query_images, query_labels, quick, random):
    """Writes the arrays of both networks."""
    for name, network in NETWORKS.items():
        items, queries = network.quick_sizes if quick else network.sizes
        if name == "cnn":
            shape = (-1, 1, 28, 28)
            parts = images[:items].reshape(shape), labels[:items]
            query_parts = query_images[:queries].reshape(shape), query_labels[:queries]
        else:
            x, y = text_windows(items + queries)
            parts, query_parts = (x[:items], y[:items]), (x[items:], y[items:])
        for prefix, arrays in (("", parts), ("query_", query_parts)):
            for key, array in zip("xy", arrays):
                np.save(folder / f"{name}_{prefix}{key}.npy", array)
        save_file(initial_parameters(name, random), folder / f"{name}.safetensors")


def text_windows(count):
    """Windows of text `[count, T]` and the character after each of theirs, as tokens 0 to 95."""
    needed, parts = count * (POSITIONS + 1), []
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        text = np.frombuffer(path.read_bytes(), np.uint8)
        text = text[((text >= 32) & (text < 127)) | (text == 10)]
        parts.append(np.where(text == 10, VOCABULARY - 1, text.astype(np.int64) - 32))
        if sum(map(len, parts)) >= needed:
            break
    windows = np.concatenate(parts)[:needed].reshape(count, POSITIONS + 1)
    return windows[:, :-1].copy(), windows[:, 1:].copy()


def initial_parameters(name, random):
    """Normal weights of variance 1 / inputs, and small biases; scales around one."""

    def matrix(*shape):
        scale = math.prod(shape[1:]) ** -0.5
        return (scale * random.standard_normal(shape)).astype(np.float32)

    def linear(key, *shape):
        bias = 0.1 * random.standard_normal(shape[0])
        return {f"{key}.weight": matrix(*shape), f"{key}.bias": bias.astype(np.float32)}

    def normalisation(key):
        noise = (0.1 * random.standard_normal((2, WIDTH))).astype(np.float32)
        return {f"{key}.weight": 1 + noise[0], f"{key}.bias": noise[1]}

    if name == "cnn":
        return linear("0", 16, 1, 3, 3) | linear("3", 32, 16, 3, 3) | linear("7", 10, 800)
    tensors = {"wte.weight": matrix(VOCABULARY, WIDTH), "wpe.weight": matrix(POSITIONS, WIDTH)}
    for block in range(BLOCKS):
        key = f"blocks.{block}"
        tensors |= normalisation(f"{key}.ln1") | normalisation(f"{key}.ln2")
        for part, (inputs, outputs) in zip(("attn.qkv", "attn.proj", "fc1", "fc2"), BLOCK):
            tensors |= linear(f"{key}.{part}", outputs, inputs)
    return tensors | normalisation("lnf") | {"head.weight": matrix(VOCABULARY, WIDTH)}
