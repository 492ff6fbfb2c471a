"""JAX: the factored forms written by hand and compiled; training as one `lax.scan`."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from arrays import CHECKPOINTS, LEARNING_RATE, SGEMM_SIZE
from peers.jax_ledger import credit_by_simpson, marginal_by_sweep, retrained_by_hand

SCORE_CHUNK, NORM_CHUNK = 2000, 4000  # Rows per compiled call: the fastest of those tried.


def factors(layers, x, y):
    """Inputs and output cotangents of each linear layer, one row per item."""
    inputs = [x]
    for weight, bias in layers[:-1]:
        inputs.append(jax.nn.relu(inputs[-1] @ weight.T + bias))
    logits = inputs[-1] @ layers[-1][0].T + layers[-1][1]
    cotangents = [jax.nn.softmax(logits) - jax.nn.one_hot(y, logits.shape[1])]
    for layer in range(len(layers) - 1, 0, -1):
        cotangents.insert(0, (cotangents[0] @ layers[layer][0]) * (inputs[layer] > 0))
    return inputs, cotangents


@jax.jit
def one_checkpoint(layers, query, x, y):
    pairs = zip(*factors(layers, x, y), *query)
    return sum((a @ aq.T + 1) * (d @ dq.T) for a, d, aq, dq in pairs)


@jax.jit
def all_checkpoints(networks, queries, x, y):
    """The sum over checkpoints, with the first layer's input Gram computed once."""
    first = x @ queries[0][0][0].T + 1
    total = 0
    for layers, query in zip(networks, queries):
        pairs = zip(*factors(layers, x, y), *query)
        for layer, (a, d, aq, dq) in enumerate(pairs):
            gram = first if layer == 0 else a @ aq.T + 1
            total += gram * (d @ dq.T)
    return total


@jax.jit
def square_norms(layers, x, y):
    pairs = zip(*factors(layers, x, y))
    return sum(((a * a).sum(1) + 1) * (d * d).sum(1) for a, d in pairs)


@partial(jax.jit, static_argnames="activation")
def train(layers, x, y, batches, activation):
    """One step for each row of `batches`."""

    def loss(layers, x, y):
        for weight, bias in layers[:-1]:
            x = activation(x @ weight.T + bias)
        logits = jax.nn.log_softmax(x @ layers[-1][0].T + layers[-1][1])
        return -jnp.take_along_axis(logits, y[:, None], 1).mean()

    def step(layers, rows):
        gradient = jax.grad(loss)(layers, x[rows], y[rows])
        return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, layers, gradient), None

    layers, _ = jax.lax.scan(step, layers, batches)
    return jnp.concatenate([part.ravel() for layer in layers for part in layer])


def on_device(array):
    return jnp.asarray(array.astype(np.int32) if array.dtype == np.int64 else array)


class JaxHand:
    version = jax.__version__

    def __init__(self, arrays, threads):
        self.arrays = arrays

    def layers(self, name=f"checkpoint-{CHECKPOINTS}"):
        return [tuple(map(on_device, layer)) for layer in self.arrays.layers(name)]

    def train_data(self):
        return on_device(self.arrays.x_train), on_device(self.arrays.y_train)

    def query_data(self):
        return on_device(self.arrays.x_query), on_device(self.arrays.y_query)

    def sgemm(self, _):
        shape = (SGEMM_SIZE, SGEMM_SIZE)
        a, b = (jax.random.normal(jax.random.key(k), shape) for k in range(2))
        product = jax.jit(lambda a, b: a @ b.T)

        def run():
            product(a, b).block_until_ready()

        return run

    def full_matrix(self, _):
        layers = self.layers()
        (x, y), query_data = self.train_data(), self.query_data()
        out = np.empty((len(x), len(query_data[0])), np.float32)
        query_factors = jax.jit(factors)

        def run():
            query = query_factors(layers, *query_data)
            for start in range(0, len(x), SCORE_CHUNK):
                rows = slice(start, start + SCORE_CHUNK)
                out[rows] = one_checkpoint(layers, query, x[rows], y[rows])
            return out.T

        return run

    def checkpoints(self, _):
        networks = [self.layers(f"checkpoint-{k}") for k in range(1, CHECKPOINTS + 1)]
        rates = self.arrays.learning_rates.tolist()
        (x, y), query_data = self.train_data(), self.query_data()
        out = np.empty((len(x), len(query_data[0])), np.float32)

        @jax.jit
        def query_factors(networks):
            queries = []
            for layers, rate in zip(networks, rates):
                inputs, cotangents = factors(layers, *query_data)
                queries.append((inputs, [rate * d for d in cotangents]))
            return queries

        def run():
            queries = query_factors(networks)
            for start in range(0, len(x), SCORE_CHUNK):
                rows = slice(start, start + SCORE_CHUNK)
                out[rows] = all_checkpoints(networks, queries, x[rows], y[rows])
            return out.T

        return run

    def self_influence(self, _):
        layers = self.layers()
        x, y = self.train_data()

        def run():
            parts = [slice(start, start + NORM_CHUNK) for start in range(0, len(x), NORM_CHUNK)]
            return np.concatenate([square_norms(layers, x[p], y[p]) for p in parts])

        return run

    def train_epoch(self, _):
        x, y = self.train_data()
        initial, batches = self.layers("initial"), on_device(self.arrays.batches)
        return lambda: train(initial, x, y, batches, jax.nn.relu).block_until_ready()

    def train_steps(self, _):
        x, y = on_device(self.arrays.digits_x), on_device(self.arrays.digits_y)
        initial = self.layers("digits_initial")
        batches = on_device(self.arrays.digits_batches)
        return lambda: train(initial, x, y, batches, jnp.tanh).block_until_ready()

    def ledger_training(self, _):
        arrays, initial = self.arrays, self.layers("digits_initial")
        x, y = on_device(arrays.ledger_x), on_device(arrays.ledger_y)
        batches = on_device(arrays.ledger_batches)
        return lambda: train(initial, x, y, batches, jnp.tanh).block_until_ready()

    def ledger(self, function, weights=None):
        """`function` of the ledger's run, its queries and item weights, all 1 where not given."""
        arrays = self.arrays
        names = ("ledger_x", "ledger_y", "ledger_batches", "ledger_query_x", "ledger_query_y")
        x, y, batches, *query = (on_device(getattr(arrays, name)) for name in names)
        weights = jnp.ones(len(x)) if weights is None else on_device(weights)
        run = tuple(self.layers("digits_initial")), x, y, batches
        compiled = jax.jit(function).lower(run, query, weights).compile()
        return lambda: compiled(run, query, weights).block_until_ready()

    def credit_sweep(self, _):
        return self.ledger(credit_by_simpson)

    def marginal_sweep(self, _):
        return self.ledger(marginal_by_sweep)

    def bulk_retraining(self, _):
        return self.ledger(retrained_by_hand, self.arrays.retraining_weights)
