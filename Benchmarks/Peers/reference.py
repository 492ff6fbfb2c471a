"""The benchmark's network in numpy: what the peers' results are checked against.

Parameters are a list of (weight [O, I], bias [O]) pairs. Cross-entropy loss.
"""

import numpy as np

ACTIVATIONS = {
    # name: (function of z, derivative as a function of the value)
    "relu": (lambda z: np.maximum(z, 0), lambda a: (a > 0).astype(a.dtype)),
    "tanh": (np.tanh, lambda a: 1 - a * a),
}


def factors(parameters, x, y, activation="relu"):
    """Inputs `[N, I]` and output cotangents `[N, O]` of each linear layer, one row per item."""
    function, slope = ACTIVATIONS[activation]
    inputs, last = [x], len(parameters) - 1
    for layer, (weight, bias) in enumerate(parameters):
        z = inputs[-1] @ weight.T + bias
        if layer < last:
            inputs.append(function(z))
    rows = np.arange(len(y))
    cotangent = np.exp(z - z.max(1, keepdims=True))
    cotangent /= cotangent.sum(1, keepdims=True)
    # p_y - 1 as minus the sum of the other probabilities: nothing cancels.
    cotangent[rows, y] = 0
    cotangent[rows, y] = -cotangent.sum(1)
    cotangents = [cotangent]
    for layer in range(last, 0, -1):
        cotangent = (cotangent @ parameters[layer][0]) * slope(inputs[layer])
        cotangents.insert(0, cotangent)
    return inputs, cotangents


def scores(parameters, x_query, y_query, x_train, y_train):
    """Grad-dot `[Q, N]` over all parameters, in Float64."""
    parameters = [(w.astype(np.float64), b.astype(np.float64)) for w, b in parameters]
    query = factors(parameters, x_query.astype(np.float64), y_query)
    train = factors(parameters, x_train.astype(np.float64), y_train)
    layers = zip(*query, *train)
    return sum((aq @ a.T + 1) * (dq @ d.T) for aq, dq, a, d in layers)


def self_influence(parameters, x, y):
    """|g_i|^2 `[N]`, in Float64."""
    parameters = [(w.astype(np.float64), b.astype(np.float64)) for w, b in parameters]
    layers = zip(*factors(parameters, x.astype(np.float64), y))
    return sum((np.square(a).sum(1) + 1) * np.square(d).sum(1) for a, d in layers)


def losses(parameters, x, y, activation="relu"):
    """Cross-entropy of each item `[N]`."""
    last, (weight, bias) = factors(parameters, x, y, activation)[0][-1], parameters[-1]
    logits = last @ weight.T + bias
    logits -= logits.max(1, keepdims=True)
    return np.log(np.exp(logits).sum(1)) - logits[np.arange(len(y)), y]


def sgd(parameters, x, y, batches, rate, activation="relu", weights=None):
    """Steps of plain SGD on the mean loss of each batch. Changes the parameters in place.

    Item weights `[N]` multiply the losses; the mean still divides by the number of items.
    """
    for rows in batches:
        inputs, cotangents = factors(parameters, x[rows], y[rows], activation)
        scale = np.float32(rate / len(rows))
        for (weight, bias), a, d in zip(parameters, inputs, cotangents):
            d *= scale if weights is None else scale * weights[rows, None]
            weight -= d.T @ a
            bias -= d.sum(0)


def credit(parameters, x, y, x_query, y_query, batches, rate, activation):
    """The path integral of the queries' losses `[Q, N]` over the run, by Simpson's rule.

    Positive where the steps that an item took part in lowered the loss. The parameters end as `sgd`
    leaves them.
    """
    total = np.zeros((len(x_query), len(x)))
    for rows in batches:
        start = [(weight.copy(), bias.copy()) for weight, bias in parameters]
        sgd(parameters, x, y, rows[None], rate, activation)
        middle = [tuple((a + b) / 2 for a, b in zip(*pair)) for pair in zip(start, parameters)]
        items = list(zip(*factors(start, x[rows], y[rows], activation)))
        for layers, part in ((start, 1 / 6), (middle, 4 / 6), (parameters, 1 / 6)):
            queries = zip(*factors(layers, x_query, y_query, activation))
            dots = sum((aq @ a.T + 1) * (dq @ d.T) for (aq, dq), (a, d) in zip(queries, items))
            total[:, rows] += part * rate / len(rows) * dots
    return total


def flat(parameters):
    return np.concatenate([part.ravel() for layer in parameters for part in layer])
