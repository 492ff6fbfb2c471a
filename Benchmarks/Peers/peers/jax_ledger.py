"""JAX: a small network's training run as a function of item weights, and sweeps back through it.

Everything is vectorised over queries or runs. A run is (initial layers, x, y, batches).
"""

import jax
import jax.numpy as jnp

from arrays import LEARNING_RATE


def losses(layers, x, y):
    """Cross-entropy of each item."""
    for weight, bias in layers[:-1]:
        x = jnp.tanh(x @ weight.T + bias)
    logits = jax.nn.log_softmax(x @ layers[-1][0].T + layers[-1][1])
    return -jnp.take_along_axis(logits, y[:, None], 1)[:, 0]


def step(layers, x, y, weights):
    """One step on the weighted losses of a batch, divided by the number of its items."""
    gradient = jax.grad(lambda layers: (weights * losses(layers, x, y)).mean())(layers)
    return jax.tree.map(lambda p, g: p - LEARNING_RATE * g, layers, gradient)


def trained(run, weights):
    """The layers after the run with weights `[S, B]`, one for each entry of the batches."""
    initial, x, y, batches = run

    def body(layers, inputs):
        rows, batch_weights = inputs
        return step(layers, x[rows], y[rows], batch_weights), None

    # Without the checkpoint, reverse mode would keep every intermediate value of every step.
    layers, _ = jax.lax.scan(jax.checkpoint(body), initial, (batches, weights))
    return layers


def states(run, weights):
    """The layers after the run, and before each step with a leading axis S."""
    initial, x, y, batches = run

    def body(layers, rows):
        return step(layers, x[rows], y[rows], weights[rows]), layers

    return jax.lax.scan(body, initial, batches)


def by_item(run, values):
    """Sums values `[Q, S, B]` of batch entries over the entries of each item, `[Q, N]`."""
    _, x, _, batches = run
    flat = values.reshape(len(values), -1)
    return jnp.zeros((len(values), len(x))).at[:, batches.ravel()].add(flat)


# Marginal


def marginal_by_jacrev(run, query, weights):
    """Reverse mode through the whole run. The weights are gathered before it: one scatter less."""
    batches = run[-1]
    jacobian = jax.jacrev(lambda weights: losses(trained(run, weights), *query))(weights[batches])
    return -by_item(run, jacobian)


def marginal_by_sweep(run, query, weights):
    """The adjoint by hand: states forwards, then all queries' adjoints backwards together.

    Each step is linearised once: its Hessian times an adjoint, and the adjoint's inner products
    with the gradients of the batch's items, are two outputs of one linear map.
    """
    _, x, y, batches = run
    last, before = states(run, weights)
    adjoints = jax.jacrev(lambda layers: losses(layers, *query))(last)

    def body(adjoints, inputs):
        layers, rows = inputs

        def slopes(layers):
            def total(layers):
                return (weights[rows] * losses(layers, x[rows], y[rows])).mean()

            return jax.grad(total)(layers), losses(layers, x[rows], y[rows])

        _, linear = jax.linearize(slopes, layers)
        products, dots = jax.vmap(linear)(adjoints)
        adjoints = jax.tree.map(lambda u, h: u - LEARNING_RATE * h, adjoints, products)
        return adjoints, LEARNING_RATE / batches.shape[1] * dots

    _, dots = jax.lax.scan(body, adjoints, (before, batches), reverse=True)
    return by_item(run, dots.transpose(1, 0, 2))


# Credit


def factors(layers, x, y):
    """Inputs and output cotangents of both layers, one row per item."""
    (weight, bias), (last_weight, last_bias) = layers
    hidden = jnp.tanh(x @ weight.T + bias)
    cotangent = jax.nn.softmax(hidden @ last_weight.T + last_bias)
    cotangent -= jax.nn.one_hot(y, len(last_bias))
    return hidden, (cotangent @ last_weight) * (1 - hidden * hidden), cotangent


def credit_by_simpson(run, query, weights):
    """Mean query gradients along each step by Simpson's rule, in factored products.

    The end of a step is the start of the next, so a step costs two passes of the queries.
    """
    _, x, y, batches = run
    initial, (query_x, query_y) = run[0], query
    gram = query_x @ x.T + 1

    def body(carry, rows):
        layers, start = carry
        hidden, first, last = factors(layers, x[rows], y[rows])
        share = (weights[rows] * LEARNING_RATE / len(rows))[:, None]
        (weight, bias), (last_weight, last_bias) = layers
        first_move, last_move = share * first, share * last
        after = (
            (weight - first_move.T @ x[rows], bias - first_move.sum(0)),
            (last_weight - last_move.T @ hidden, last_bias - last_move.sum(0)),
        )
        middle = factors(jax.tree.map(lambda a, b: (a + b) / 2, layers, after), *query)
        end = factors(after, *query)
        dots = 0
        for node, part in ((start, 1 / 6), (middle, 4 / 6), (end, 1 / 6)):
            dots += part * (gram[:, rows] * (node[1] @ first.T))
            dots += part * ((node[0] @ hidden.T + 1) * (node[2] @ last.T))
        return (after, end), share[:, 0] * dots

    _, dots = jax.lax.scan(body, (initial, factors(initial, *query)), batches)
    return by_item(run, dots.transpose(1, 0, 2))


# Retrainings


def retrained_by_vmap(run, query, weights):
    """The queries' losses `[R, Q]` after runs with weights `[R, N]`."""
    initial, x, y, batches = run

    def one(weights):
        def body(layers, rows):
            return step(layers, x[rows], y[rows], weights[rows]), None

        return losses(jax.lax.scan(body, initial, batches)[0], *query)

    return jax.vmap(one)(weights)


def retrained_by_hand(run, query, weights):
    """The same with the first layers of all runs stacked, so that their products are one GEMM."""
    ((weight, bias), (last_weight, last_bias)), x, y, batches = run
    runs, (width, inputs), size = len(weights), weight.shape, batches.shape[1]
    labels = jax.nn.one_hot(y, len(last_bias)).T
    initial = (
        jnp.tile(weight, (runs, 1)), jnp.tile(bias, runs),
        jnp.tile(last_weight, (runs, 1, 1)), jnp.tile(last_bias, (runs, 1)),
    )  # fmt: skip

    def body(layers, inputs):
        weight, bias, last_weight, last_bias = layers
        rows, share = inputs
        hidden = jnp.tanh(weight @ x[rows].T + bias[:, None]).reshape(runs, width, size)
        logits = last_weight @ hidden + last_bias[:, :, None]
        last = (jax.nn.softmax(logits, 1) - labels[:, rows]) * share[:, None]
        first = (last_weight.transpose(0, 2, 1) @ last) * (1 - hidden * hidden)
        first = first.reshape(-1, size)
        return (
            weight - first @ x[rows], bias - first.sum(1),
            last_weight - last @ hidden.transpose(0, 2, 1), last_bias - last.sum(2),
        ), None  # fmt: skip

    shares = (LEARNING_RATE / size) * weights[:, batches].transpose(1, 0, 2)
    (weight, bias, last_weight, last_bias), _ = jax.lax.scan(body, initial, (batches, shares))
    layers = (
        (weight.reshape(runs, width, inputs), bias.reshape(runs, width)),
        (last_weight, last_bias),
    )
    return jax.vmap(lambda layers: losses(layers, *query))(layers)
