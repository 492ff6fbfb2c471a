"""The arrays all contestants read: written once into a folder, see README.md for the files."""

import gzip
import json
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

import reference
from network_arrays import NETWORKS, write_networks

SIZES = [784, 256, 128, 10]
DIGITS_SIZES = [64, 32, 10]
CHECKPOINTS = 5
BATCH_SIZE, DIGITS_BATCH_SIZE = 64, 50
LEARNING_RATE = 0.1
SGEMM_SIZE = 4096
TOP = 100  # Items kept for each query by `top-k`.
LEDGER_ITEMS, LEDGER_QUERIES = 1000, 50  # The digits whose run is taken apart.
KEPT = 0.5  # The share of the items in each retraining.


class Arrays:
    """A prepared folder. Arrays are read when first asked for."""

    def __init__(self, folder):
        self.folder = Path(folder)

    def _load(self, name):
        return np.load(self.folder / f"{name}.npy")

    x_train = cached_property(lambda self: self._load("x_train"))
    y_train = cached_property(lambda self: self._load("y_train"))
    x_query = cached_property(lambda self: self._load("x_query"))
    y_query = cached_property(lambda self: self._load("y_query"))
    batches = cached_property(lambda self: self._load("batches"))
    learning_rates = cached_property(lambda self: self._load("learning_rates"))
    digits_x = cached_property(lambda self: self._load("digits_x"))
    digits_y = cached_property(lambda self: self._load("digits_y"))
    digits_batches = cached_property(lambda self: self._load("digits_batches"))
    ledger_x = cached_property(lambda self: self._load("ledger_x"))
    ledger_y = cached_property(lambda self: self._load("ledger_y"))
    ledger_query_x = cached_property(lambda self: self._load("ledger_query_x"))
    ledger_query_y = cached_property(lambda self: self._load("ledger_query_y"))
    ledger_batches = cached_property(lambda self: self._load("ledger_batches"))
    retraining_weights = cached_property(lambda self: self._load("retraining_weights"))

    def checkpoint(self, number=CHECKPOINTS):
        """The layers of a checkpoint, the last where no number is given."""
        return self.layers(f"checkpoint-{number}")

    def layers(self, name):
        """The (weight, bias) pairs of a safetensors file of the folder."""
        tensors = load_file(self.folder / f"{name}.safetensors")
        count = len(tensors) // 2
        return [(tensors[f"{2 * i}.weight"], tensors[f"{2 * i}.bias"]) for i in range(count)]


def save_layers(path, layers):
    tensors = {}
    for index, (weight, bias) in enumerate(layers):
        tensors[f"{2 * index}.weight"] = np.ascontiguousarray(weight)
        tensors[f"{2 * index}.bias"] = np.ascontiguousarray(bias)
    save_file(tensors, path)


def read_idx(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        data = file.read()
    shape = np.frombuffer(data, ">i4", data[3], 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(shape)


def read_mnist(folder):
    """Training and test images and labels of a folder of IDX files, or None."""

    def find(pattern):
        found = sorted(Path(folder).glob(pattern))
        return read_idx(found[0]) if found else None

    parts = [
        find(f"{part}-{kind}-ubyte*")
        for part in ("train", "t[0-9]*k")
        for kind in ("images-idx3", "labels-idx1")
    ]
    if any(part is None for part in parts):
        return None
    x_train, y_train, x_test, y_test = parts
    as_rows = lambda images: images.reshape(len(images), -1).astype(np.float32) / 255
    return as_rows(x_train), y_train.astype(np.int64), as_rows(x_test), y_test.astype(np.int64)


def read_digits(random):
    """The 1,797 8x8 digits, scaled to 0...1; random numbers where scikit-learn is missing."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        return random.random((1797, 64), dtype=np.float32), random.integers(0, 10, 1797), "random"
    digits = load_digits()
    return (digits.data / 16).astype(np.float32), digits.target.astype(np.int64), "digits"


def enlarged(x, y, count, random):
    """`count` noisy 28x28 copies of 8x8 images."""
    rows = random.integers(0, len(x), count)
    images = x[rows].reshape(-1, 8, 8).repeat(3, 1).repeat(3, 2)
    images = np.pad(images, ((0, 0), (2, 2), (2, 2))).reshape(count, -1)
    noise = random.random(images.shape, dtype=np.float32)
    return np.where(images > 0, 0.8 * images + 0.2 * noise, 0).astype(np.float32), y[rows]


def initial_layers(sizes, random):
    """Uniform in +-1/sqrt(I), as `torch.nn.Linear` starts."""
    layers = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        bound = inputs**-0.5
        weight = random.uniform(-bound, bound, (outputs, inputs)).astype(np.float32)
        layers.append((weight, random.uniform(-bound, bound, outputs).astype(np.float32)))
    return layers


def shuffled_batches(count, size, steps, random):
    """Full batches only `[S, B]`, so that all contestants do the same work."""
    rows = []
    while sum(map(len, rows)) < steps:
        order = random.permutation(count)
        rows.append(order[: count // size * size].reshape(-1, size))
    return np.concatenate(rows)[:steps].astype(np.int64)


def half_kept(runs, items, random):
    """Weights `[R, N]`: each run keeps a random share of the items."""
    weights = np.zeros((runs, items), np.float32)
    for row in weights:
        row[random.permutation(items)[: int(KEPT * items)]] = 1
    return weights


def prepare(folder, data, items, queries, digits_steps, ledger_steps, retrainings, quick):
    """Writes the arrays unless the folder holds them already. Returns what the images are."""
    folder = Path(folder)
    wanted = {"data": str(data), "items": items, "queries": queries, "steps": digits_steps}
    wanted |= {"ledgerSteps": ledger_steps, "retrainings": retrainings, "quick": quick}
    wanted["networks"] = [network.specification for network in NETWORKS.values()]
    note = folder / "arrays.json"
    if note.exists():
        found = json.loads(note.read_text())
        source = found.pop("source")
        if found == wanted:
            return source
        note.unlink()
    folder.mkdir(parents=True, exist_ok=True)

    random = np.random.default_rng(0)
    digits_x, digits_y, source = read_digits(random)
    mnist = read_mnist(data) if data else None
    if mnist:
        x_train, y_train, x_query, y_query = mnist
        source = "MNIST"
    else:
        source = f"{source}, enlarged"
        x_train, y_train = enlarged(digits_x, digits_y, items, random)
        x_query, y_query = enlarged(digits_x, digits_y, queries, random)
    x_train, y_train = x_train[:items], y_train[:items]

    steps = len(x_train) // BATCH_SIZE
    batches = shuffled_batches(len(x_train), BATCH_SIZE, steps * CHECKPOINTS, random)
    layers = initial_layers(SIZES, random)
    save_layers(folder / "initial.safetensors", layers)
    for epoch in range(CHECKPOINTS):
        epoch_batches = batches[epoch * steps : (epoch + 1) * steps]
        reference.sgd(layers, x_train, y_train, epoch_batches, LEARNING_RATE)
        save_layers(folder / f"checkpoint-{epoch + 1}.safetensors", layers)
    save_layers(folder / "digits_initial.safetensors", initial_layers(DIGITS_SIZES, random))

    written = {
        "x_train": x_train, "y_train": y_train,
        "x_query": x_query[:queries], "y_query": y_query[:queries],
        "batches": batches[:steps],
        "learning_rates": np.full(CHECKPOINTS, LEARNING_RATE),
        "digits_x": digits_x, "digits_y": digits_y,
        "digits_batches": shuffled_batches(
            len(digits_x), DIGITS_BATCH_SIZE, digits_steps, random),
        "ledger_x": digits_x[:LEDGER_ITEMS], "ledger_y": digits_y[:LEDGER_ITEMS],
        "ledger_query_x": digits_x[LEDGER_ITEMS:][:LEDGER_QUERIES],
        "ledger_query_y": digits_y[LEDGER_ITEMS:][:LEDGER_QUERIES],
        "ledger_batches": shuffled_batches(LEDGER_ITEMS, DIGITS_BATCH_SIZE, ledger_steps, random),
        "retraining_weights": half_kept(retrainings, LEDGER_ITEMS, random),
    }  # fmt: skip
    for name, array in written.items():
        np.save(folder / f"{name}.npy", array)
    write_networks(folder, x_train, y_train, x_query, y_query, quick, random)
    note.write_text(json.dumps(wanted | {"source": source}))
    return source
