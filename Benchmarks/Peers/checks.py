"""Whether a contestant's result is right, against the reference in Float64."""

from functools import cached_property

import numpy as np

import reference
import reference_networks
from arrays import CHECKPOINTS, LEARNING_RATE, TOP
from network_arrays import NetworkArrays

SCORE_TOLERANCE = 1e-4  # Of the largest score. Float32 sums lose 1e-7 to 1e-5.
# Some libraries add the 437,760 products of two gradients one after another and lose 1e-4.
NETWORK_TOLERANCE = 1e-3
LEDGER_TOLERANCE = 1e-3  # Of the largest value, after a whole run in Float32.
TRAINING_TOLERANCE = 0.1  # Of the way the parameters went: rounding grows over the steps.


class Checks:
    """Every check returns (deviation, tolerance, remark)."""

    def __init__(self, arrays):
        self.arrays = arrays
        self._network_products = {}

    def check(self, workload, path):
        result = np.load(path, mmap_mode="r")
        return getattr(self, workload.replace("-", "_"))(result)

    def _sample(self, count, items):
        return np.unique(np.linspace(0, items - 1, min(count, items)).astype(int))

    def _scores(self, layers, queries, items):
        a = self.arrays
        return reference.scores(
            layers, a.x_query[queries], a.y_query[queries], a.x_train[items], a.y_train[items]
        )

    def _matrix(self, result, networks):
        """Compares a sample of the columns of a matrix over the first items of the data."""
        a = self.arrays
        expected_shape = (len(a.x_query), len(a.x_train))
        if result.shape[0] != expected_shape[0] or result.shape[1] > expected_shape[1]:
            raise ValueError(f"a matrix {result.shape}, expected {expected_shape}")
        items, queries = self._sample(256, result.shape[1]), np.arange(result.shape[0])
        expected = sum(rate * self._scores(layers, queries, items) for layers, rate in networks)
        return relative(result[:, items], expected), SCORE_TOLERANCE, ""

    def full_matrix(self, result):
        return self._matrix(result, [(self.arrays.checkpoint(), 1)])

    def checkpoints(self, result):
        rates = self.arrays.learning_rates
        networks = [(self.arrays.checkpoint(k + 1), rates[k]) for k in range(CHECKPOINTS)]
        return self._matrix(result, networks)

    def top_k(self, result):
        """The scores of the items found, against the best scores there are."""
        a = self.arrays
        count = min(TOP, len(a.x_train))
        if result.shape != (len(a.x_query), count):
            raise ValueError(f"items {result.shape}, expected {(len(a.x_query), count)}")
        queries, scores = self._all_scores
        found = np.take_along_axis(scores, result[queries].astype(int), 1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, :count]
        best = np.take_along_axis(scores, order, 1)
        same = int((result[queries] == order).all(1).sum())
        remark = f"same order as Float64 for {same} of {len(queries)} queries"
        return finite(np.abs(found - best).max() / np.abs(scores).max()), SCORE_TOLERANCE, remark

    @cached_property
    def _all_scores(self):
        """Scores of all items for a sample of the queries."""
        queries, items = self._sample(50, len(self.arrays.x_query)), len(self.arrays.x_train)
        layers = self.arrays.checkpoint()
        parts = [np.arange(start, min(start + 4000, items)) for start in range(0, items, 4000)]
        return queries, np.concatenate([self._scores(layers, queries, p) for p in parts], 1)

    def self_influence(self, result):
        a = self.arrays
        items = self._sample(2000, len(result))
        expected = reference.self_influence(a.checkpoint(), a.x_train[items], a.y_train[items])
        return relative(result[items], expected), SCORE_TOLERANCE, ""

    def train_epoch(self, result):
        a = self.arrays
        return self._trained(result, "initial", a.x_train, a.y_train, a.batches, "relu")

    def train_steps(self, result):
        a = self.arrays
        name = "digits_initial"
        return self._trained(result, name, a.digits_x, a.digits_y, a.digits_batches, "tanh")

    def ledger_training(self, result):
        a = self.arrays
        name = "digits_initial"
        return self._trained(result, name, a.ledger_x, a.ledger_y, a.ledger_batches, "tanh")

    @cached_property
    def _ledger(self):
        """Items and queries of the ledger's run in Float64."""
        a = self.arrays
        x, x_query = a.ledger_x.astype(np.float64), a.ledger_query_x.astype(np.float64)
        return x, a.ledger_y, x_query, a.ledger_query_y

    def _ledger_start(self):
        layers = self.arrays.layers("digits_initial")
        return [tuple(part.astype(np.float64) for part in layer) for layer in layers]

    def _retrained(self, weights):
        """The queries' losses `[Q]` after the run with item weights `[N]`."""
        (x, y, x_query, y_query), layers = self._ledger, self._ledger_start()
        batches = self.arrays.ledger_batches
        reference.sgd(layers, x, y, batches, LEARNING_RATE, "tanh", weights)
        return reference.losses(layers, x_query, y_query, "tanh")

    def credit_sweep(self, result):
        x, y, x_query, y_query = self._ledger
        expected = reference.credit(
            self._ledger_start(), x, y, x_query, y_query, self.arrays.ledger_batches,
            LEARNING_RATE, "tanh")
        return relative(result, expected), LEDGER_TOLERANCE, ""

    def marginal_sweep(self, result):
        """Against central differences of whole runs, for a sample of the items."""
        items, width = self._sample(20, result.shape[1]), 1e-3
        expected = []
        for item in items:
            ends = []
            for weight in (1 + width, 1 - width):
                weights = np.ones(result.shape[1])
                weights[item] = weight
                ends.append(self._retrained(weights))
            expected.append((ends[1] - ends[0]) / (2 * width))
        return relative(result[:, items], np.stack(expected, 1)), LEDGER_TOLERANCE, ""

    def bulk_retraining(self, result):
        runs = self._sample(10, len(result))
        expected = [self._retrained(self.arrays.retraining_weights[run]) for run in runs]
        return relative(result[runs], np.stack(expected)), LEDGER_TOLERANCE, ""

    def cnn_scores(self, result):
        return self._network_scores("cnn", result, 256)

    def transformer_scores(self, result):
        return self._network_scores("transformer", result, 24)

    def cnn_gradient(self, result):
        return self._network_gradients("cnn", result)

    def transformer_gradient(self, result):
        return self._network_gradients("transformer", result)

    def _network_scores(self, name, result, count):
        """A sample of the items and some queries, by one backward pass for each in Float64."""
        arrays = NetworkArrays(self.arrays.folder, name)
        expected_shape = (len(arrays.x_query), len(arrays.x))
        if result.shape[0] != expected_shape[0] or result.shape[1] > expected_shape[1]:
            raise ValueError(f"a matrix {result.shape}, expected {expected_shape}")
        queries, items = self._sample(20, result.shape[0]), self._sample(count, result.shape[1])
        key = (name, tuple(items))
        if key not in self._network_products:
            rows, answers = (
                reference_networks.item_gradients(arrays, x[chosen], y[chosen])
                for x, y, chosen in (
                    (arrays.x, arrays.y, items), (arrays.x_query, arrays.y_query, queries)))
            self._network_products[key] = answers @ rows.T
        expected = self._network_products[key]
        return relative(result[np.ix_(queries, items)], expected), NETWORK_TOLERANCE, ""

    def _network_gradients(self, name, result):
        arrays = NetworkArrays(self.arrays.folder, name)
        expected = reference_networks.batch_gradients(arrays)
        return relative(np.asarray(result), expected), SCORE_TOLERANCE, ""

    def _trained(self, result, initial, x, y, batches, activation):
        """Distance from the reference's parameters, as a part of its distance from the start."""
        layers = self.arrays.layers(initial)
        start = reference.flat(layers)
        reference.sgd(layers, x, y, batches, LEARNING_RATE, activation)
        end = reference.flat(layers)
        if result.shape != end.shape:
            raise ValueError(f"shape {result.shape}, expected {end.shape}")
        deviation = np.linalg.norm(result - end) / np.linalg.norm(end - start)
        return finite(deviation), TRAINING_TOLERANCE, ""


def relative(found, expected):
    """Largest difference as a part of the largest value."""
    if found.shape != expected.shape:
        raise ValueError(f"shape {found.shape}, expected {expected.shape}")
    return finite(np.abs(found - expected).max() / np.abs(expected).max())


def finite(deviation):
    """The deviation; infinite where a result is not a number."""
    return float(deviation) if np.isfinite(deviation) else float("inf")


def same_top(items, matrix):
    """For how many queries `items` `[Q, K]` is the sorted matrix `[Q, N]`, ties by index."""
    count = items.shape[1]
    orders = (np.argsort(-row, kind="stable")[:count] for row in matrix)
    return sum(np.array_equal(row, order) for row, order in zip(items, orders))
