#!/usr/bin/env python3
"""Writes the oracles of the ledger's columns, computed by JAX in Float64 on the CPU.

    pip install jax==0.10.2 numpy
    python Tests/Oracles/generate_ledger.py --out Tests/Oracles/data/ledger

The data are synthetic and come from a fixed seed. Inputs, targets, parameters and item weights are
rounded to Float32 values, so that a Float32 run and a Float64 run start from the same numbers. All
floating tensors are Float64, integers int64.

Axes: N = 12 training items, Q = 3 queries, I = 5 inputs, H = 4 hidden units, O = 3 outputs, P = 39
parameters flattened in the order weight, bias, weight, bias (row-major), S = 14 steps, B = 4 batch.

Every case trains `torch.nn.Sequential(Linear, activation, Linear)` on

    (1 / b) * sum over the items i of the batch of w_i * loss_i,

with b the number of entries of the batch that are not -1: neither weights nor ignored labels change
it. An item that is in the batch twice counts twice. Optimizers are PyTorch's; `generate.py` says
how weight decay and clipping enter.

What the batches and the data hold on purpose: short batches (steps 5 and 9), an item twice in one
batch (step 3), an item that is in no batch (11), items of weight 0, 0.5 and 2, ignored labels
(items 2 and 7), and a first input that is 0 for all items of the first batch, so that Adam's second
moment of 4 parameters is 0 after the first step.


ledger/CASE.safetensors

Metadata, all as text: `model`, `loss`, `jax` (version), `optimizer`, `weight_decay`,
`weight_decay_mode` (`none`, `coupled`, `decoupled`), and where they apply `momentum`, `beta1`,
`beta2`, `epsilon` (outside the root), `clip_norm`.

Inputs:
    x_train [N, I], x_query [Q, I]
    y_train [N], y_query [Q]            class indices, -100 is ignored (cross-entropy)
    y_train [N, O], y_query [Q, O]      real targets (squared-error)
    0.weight [H, I], 0.bias [H]         the parameters before the first step
    2.weight [O, H], 2.bias [O]
    batches [S, B]                      rows of the training set; -1 pads a short batch
    learning_rates [S]                  the learning rate of each step
    item_weights [N]                    w

The run:
    trajectory [S + 1, P]               parameters before the first and after each step
    clip_factors [S]                    what each batch's gradient was multiplied by; 1 unless clipped
    measure_initial.M [Q]               the measure before the first step
    measure_final.M [Q]                 and after the last

M is `loss` and, for cross-entropy, also `logit`, `margin` and `log-probability`, as in
`generate.py`. All derivatives and contributions below have the **raw sign** of the measure itself: a
negative entry under `loss` is an item that helped.

Marginal, the derivative of the final measure, by reverse mode through the whole run:
    marginal.M [Q, N]                   d measure_final / d w_i, at w = item_weights

Credit, the path integral, by forward bookkeeping with a momentum buffer for each item:
    credit.M [Q, N]                     what each item contributed to the measure
    credit_decay.M [Q]                  what weight decay contributed
    credit_left.loss [Q, N]             the same with the gradient at each step's start instead of
    credit_left_decay.loss [Q]          its mean along the step

Step s moves the parameters by the sum of its rows' moves; a row's contribution is the inner product
of its move with the mean of the measure's gradient along the straight line of the step. Rows enter
the step through momentum linearly, with Adam's preconditioner and the clip factor as the run had
them. Coupled decay is a row of the gradient, and passes through momentum as items do. The mean is
taken by 64 Gauss-Legendre nodes, between each two kinks of a ReLU network, so that
`credit` + `credit_decay` = `measure_final` - `measure_initial` to 1e-12.

Integrated, for some smooth cases:
    integrated.M [Q, N]                 w_i * integral over t in 0...1 of d measure_final / d w_i at
                                        the weights t * w, by 64 Gauss-Legendre nodes
    measure_without.M [Q]               the final measure of the run with all weights 0

The sum of `integrated` over the items is `measure_final` - `measure_without`.
"""

import argparse
import math
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

import jax.numpy as jnp
import numpy as np

from oracle_files import print_size, write_safetensors

SEED = 20261
ITEMS, QUERIES, STEPS, BATCH_SIZE = 12, 3, 14, 4
INPUTS, HIDDEN, OUTPUTS = 5, 4, 3
NEVER_VISITED = 11
IGNORED_LABEL, IGNORED_ITEMS = -100, [2, 7]
ITEM_WEIGHTS = [1, 0.5, 1, 2, 1, 0, 1, 1, 0.5, 2, 1, 1]
NODES = 64
CLIP_MARGIN = 1e-6

SHAPES = {
    "0.weight": (HIDDEN, INPUTS), "0.bias": (HIDDEN,),
    "2.weight": (OUTPUTS, HIDDEN), "2.bias": (OUTPUTS,),
}  # fmt: skip

ACTIVATIONS = {
    "tanh": jnp.tanh,
    "gelu": partial(jax.nn.gelu, approximate=False),
    "relu": jax.nn.relu,
}


@dataclass(frozen=True)
class Case:
    name: str
    optimizer: str
    learning_rate: float
    activation: str = "tanh"
    loss: str = "cross-entropy"
    momentum: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    weight_decay_mode: str = "none"
    clip_norm: float | None = None
    schedule: str = "constant"
    integrated: bool = False

    @property
    def is_adam(self) -> bool:
        return self.optimizer in ("adam", "adamw")

    @property
    def coupled_decay(self) -> float:
        return self.weight_decay if self.weight_decay_mode == "coupled" else 0.0

    @property
    def decoupled_decay(self) -> float:
        return self.weight_decay if self.weight_decay_mode == "decoupled" else 0.0

    def learning_rates(self) -> np.ndarray:
        s = np.arange(STEPS)
        factors = {
            "constant": np.ones(STEPS),
            "step": 0.5 ** (s // 5),
            "cosine": 0.1 + 0.9 * (1 + np.cos(math.pi * s / STEPS)) / 2,
            "warm-up": np.minimum(1, (s + 1) / 4),
        }
        return self.learning_rate * factors[self.schedule]

    @property
    def metadata(self) -> dict[str, str]:
        values = {
            "model": f"mlp:{INPUTS}-{HIDDEN}-{OUTPUTS}:{self.activation}", "loss": self.loss,
            "jax": jax.__version__, "optimizer": self.optimizer,
            "weight_decay": self.weight_decay, "weight_decay_mode": self.weight_decay_mode,
        }  # fmt: skip
        if self.is_adam:
            values |= {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}
        elif self.optimizer != "sgd":
            values["momentum"] = self.momentum
        if self.clip_norm is not None:
            values["clip_norm"] = self.clip_norm
        return {key: str(value) for key, value in values.items()}


CASES = [
    Case("sgd", "sgd", 0.4, integrated=True),
    Case(
        "sgd-coupled-clipped", "sgd", 0.4, activation="gelu", schedule="cosine",
        weight_decay=0.05, weight_decay_mode="coupled", clip_norm=0.6),
    Case(
        "sgd-decoupled-relu", "sgd", 0.4, activation="relu", schedule="step",
        weight_decay=0.05, weight_decay_mode="decoupled"),
    Case(
        "momentum-squared-error", "momentum", 0.1, activation="gelu", loss="squared-error",
        momentum=0.9, integrated=True),
    Case(
        "momentum-coupled", "momentum", 0.1, momentum=0.9, schedule="warm-up",
        weight_decay=0.1, weight_decay_mode="coupled"),
    Case(
        "momentum-decoupled-clipped", "momentum", 0.1, momentum=0.8,
        weight_decay=0.1, weight_decay_mode="decoupled", clip_norm=0.7),
    Case(
        "nesterov-coupled", "nesterov", 0.15, momentum=0.8, schedule="step",
        weight_decay=0.1, weight_decay_mode="coupled", integrated=True),
    Case(
        "nesterov-decoupled-relu", "nesterov", 0.15, activation="relu", loss="squared-error",
        momentum=0.8, schedule="cosine", weight_decay=0.1, weight_decay_mode="decoupled",
        clip_norm=0.8),
    Case("adam", "adam", 0.03),
    Case(
        "adam-coupled-clipped", "adam", 0.05, activation="gelu", beta1=0.8, beta2=0.95,
        epsilon=1e-3, schedule="warm-up", weight_decay=0.1, weight_decay_mode="coupled",
        clip_norm=0.7),
    Case(
        "adam-relu", "adam", 0.05, activation="relu", loss="squared-error", beta1=0.8,
        beta2=0.95, epsilon=1e-3),
    Case(
        "adamw", "adamw", 0.05, schedule="cosine", beta2=0.95,
        weight_decay=0.2, weight_decay_mode="decoupled"),
    Case(
        "adamw-clipped", "adamw", 0.05, loss="squared-error", beta1=0.8, beta2=0.95, epsilon=1e-3,
        weight_decay=0.2, weight_decay_mode="decoupled", clip_norm=0.8),
]  # fmt: skip


# Data


def make_batches() -> np.ndarray:
    """Shuffled epochs of all items but one, cut into batches `[S, B]`."""
    generator = np.random.default_rng(SEED)
    epochs = math.ceil(STEPS * BATCH_SIZE / NEVER_VISITED)
    order = np.concatenate([generator.permutation(NEVER_VISITED) for _ in range(epochs)])
    batches = order[: STEPS * BATCH_SIZE].reshape(STEPS, BATCH_SIZE).astype(np.int64)
    batches[3, 2] = batches[3, 0]
    batches[5, 3:] = -1
    batches[9, 1:] = -1
    return batches


def make_data(loss: str) -> dict[str, np.ndarray]:
    """Inputs from a normal distribution and targets from a random linear map of them."""
    generator = np.random.default_rng(SEED + 1)
    x = generator.normal(size=(ITEMS + QUERIES, INPUTS))
    x[make_batches()[0], 0] = 0
    outputs = x @ generator.normal(size=(INPUTS, OUTPUTS))
    if loss == "cross-entropy":
        y = outputs.argmax(1).astype(np.int64)
        y[IGNORED_ITEMS] = IGNORED_LABEL
    else:
        y = in_float32(np.tanh(outputs))
    x = in_float32(x)
    return {
        "x_train": x[:ITEMS], "y_train": y[:ITEMS], "x_query": x[ITEMS:], "y_query": y[ITEMS:],
    }  # fmt: skip


def make_parameters() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(SEED + 2)
    return {
        name: in_float32(generator.normal(size=shape) * (shape[1] ** -0.5 if shape[1:] else 0.2))
        for name, shape in SHAPES.items()
    }


def in_float32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32).astype(np.float64)


def flatten(parameters: dict[str, np.ndarray]) -> np.ndarray:
    return np.concatenate([parameters[name].reshape(-1) for name in SHAPES])


# Model, losses and measures of one item


def layers(theta):
    """The parts of the flat parameters, in the order of SHAPES."""
    ends = np.cumsum([math.prod(shape) for shape in SHAPES.values()])
    parts = jnp.split(theta, ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES.values())]


def outputs_of(activation: str, theta, x):
    weight, bias, last_weight, last_bias = layers(theta)
    return last_weight @ ACTIVATIONS[activation](weight @ x + bias) + last_bias


def item_loss(loss: str, outputs, y):
    if loss == "squared-error":
        return jnp.square(outputs - y).mean()
    picked = jax.nn.log_softmax(outputs)[jnp.maximum(y, 0)]
    return jnp.where(y == IGNORED_LABEL, 0.0, -picked)


def measures(loss: str):
    """The measures by name; each maps outputs `[O]` and a target to a number."""
    by_name = {"loss": partial(item_loss, loss)}
    if loss == "cross-entropy":
        by_name["logit"] = lambda outputs, y: outputs[y]
        by_name["margin"] = lambda outputs, y: outputs[y] - jax.nn.logsumexp(
            outputs, where=jnp.arange(OUTPUTS) != y
        )
        by_name["log-probability"] = lambda outputs, y: jax.nn.log_softmax(outputs)[y]
    return by_name


# Training as a function of the item weights


@dataclass(frozen=True, eq=False)
class Run:
    """One case with its data; what is compiled for it."""

    case: Case
    data: dict[str, np.ndarray]
    initial: np.ndarray
    batches: np.ndarray

    def item_loss(self, theta, item):
        """The loss of a training item at flat parameters."""
        x, y = (jnp.asarray(self.data[name])[item] for name in ("x_train", "y_train"))
        return item_loss(self.case.loss, outputs_of(self.case.activation, theta, x), y)

    @partial(jax.jit, static_argnums=0)
    def measure(self, theta):
        """All measures of all queries, `[M, Q]`."""
        outputs = jax.vmap(partial(outputs_of, self.case.activation, theta))(self.data["x_query"])
        functions = measures(self.case.loss).values()
        return jnp.stack([jax.vmap(f)(outputs, self.data["y_query"]) for f in functions])

    def step(self, weights, state, inputs):
        """One step: the new state, the parameters in it and the clip factor."""
        case, (theta, first, second) = self.case, state
        rows, rate, number = inputs
        present = rows >= 0

        def batch_loss(theta):
            losses = jax.vmap(self.item_loss, (None, 0))(theta, rows)
            return jnp.where(present, weights[rows] * losses, 0).sum() / present.sum()

        gradient = jax.grad(batch_loss)(theta)
        factor = 1.0
        if case.clip_norm is not None:
            norm = root(gradient @ gradient)
            factor = jnp.minimum(1, case.clip_norm / (norm + CLIP_MARGIN))
        gradient = factor * gradient + case.coupled_decay * theta
        theta = (1 - rate * case.decoupled_decay) * theta
        if case.optimizer == "sgd":
            move = gradient
        elif case.is_adam:
            first = case.beta1 * first + (1 - case.beta1) * gradient
            second = case.beta2 * second + (1 - case.beta2) * gradient**2
            move = first / (1 - case.beta1**number)
            move /= root(second / (1 - case.beta2**number)) + case.epsilon
        else:
            first = case.momentum * first + gradient
            move = gradient + case.momentum * first if case.optimizer == "nesterov" else first
        theta -= rate * move
        return (theta, first, second), (theta, factor)

    @partial(jax.jit, static_argnums=0)
    def train(self, weights):
        """Parameters after each step `[S, P]` and clip factors `[S]`."""
        zeros = jnp.zeros_like(self.initial)
        inputs = (self.batches, self.case.learning_rates(), jnp.arange(1.0, STEPS + 1))
        start = (jnp.asarray(self.initial), zeros, zeros)
        _, (history, factors) = jax.lax.scan(partial(self.step, weights), start, inputs)
        return history, factors * jnp.ones(STEPS)

    @partial(jax.jit, static_argnums=0)
    def final_measure(self, weights):
        return self.measure(self.train(weights)[0][-1])

    @cached_property
    def marginal(self):
        """Weights to the derivative of the final measure, `[M, Q, N]`, by reverse mode."""
        return jax.jit(jax.jacrev(self.final_measure))

    @cached_property
    def item_gradients(self):
        """Parameters to the gradient of each item's loss, `[N, P]`."""
        return jax.jit(jax.vmap(jax.grad(self.item_loss), (None, 0)))

    @cached_property
    def measure_gradients(self):
        """Parameters of each query `[Q, P]` to the gradient of its measures, `[M, Q, P]`."""

        def one(theta, x, y):
            outputs = outputs_of(self.case.activation, theta, x)
            return jnp.stack([f(outputs, y) for f in measures(self.case.loss).values()])

        gradients = jax.vmap(jax.jacrev(one), out_axes=1)
        return jax.jit(lambda theta: gradients(theta, self.data["x_query"], self.data["y_query"]))


def root(x):
    """The square root, whose slope at 0 is taken as 0.

    Adam's second moment is 0 where all gradients so far were; there it adds nothing to the slope.
    """
    return jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1)), 0)


def unit_nodes():
    """Gauss-Legendre nodes and weights on 0...1."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    return (nodes + 1) / 2, weights / 2


# Credit, by forward bookkeeping


def kinks(run: Run, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Where along a step hidden units of each query change sign, `[Q, H + 2]` with both ends.

    Hidden sums are linear along a step, so each has one zero at most.
    """

    def sums(theta):
        weight, bias = (np.asarray(part) for part in layers(theta)[:2])
        return run.data["x_query"] @ weight.T + bias

    places = np.ones((QUERIES, HIDDEN))
    if run.case.activation == "relu":
        start, end = sums(before), sums(after)
        changes = start * end < 0
        places[changes] = (start / (start - end + (start == end)))[changes]
    ends = np.zeros((QUERIES, 1)), np.ones((QUERIES, 1))
    return np.concatenate([ends[0], np.sort(places, 1), ends[1]], 1)


def mean_gradients(run: Run, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The mean of the measures' gradients along a step, `[M, Q, P]`."""
    edges = kinks(run, before, after)
    total = 0
    for start, end in zip(edges.T, edges.T[1:]):
        if (start == end).all():
            continue
        for node, weight in zip(*unit_nodes()):
            place = (start + node * (end - start))[:, None]
            gradients = np.asarray(run.measure_gradients(before + place * (after - before)))
            total = total + weight * (end - start)[None, :, None] * gradients
    return total


def row_moves(run: Run, trajectory: np.ndarray, factors: np.ndarray, weights: np.ndarray):
    """The moves `[N + 1, P]` of each item and of weight decay (last) at each step."""
    case = run.case
    buffers, second = np.zeros((ITEMS + 1, len(run.initial))), 0
    for s, rate in enumerate(case.learning_rates()):
        theta, rows = trajectory[s], run.batches[s][run.batches[s] >= 0]
        gradients = np.asarray(run.item_gradients(theta, np.arange(ITEMS)))
        parts = np.zeros_like(buffers)
        for item in rows:
            parts[item] += factors[s] * weights[item] * gradients[item] / len(rows)
        parts[-1] = case.coupled_decay * theta
        if case.optimizer == "sgd":
            moves = -rate * parts
        elif case.optimizer == "momentum":
            buffers = case.momentum * buffers + parts
            moves = -rate * buffers
        elif case.optimizer == "nesterov":
            buffers = case.momentum * buffers + parts
            moves = -rate * (parts + case.momentum * buffers)
        else:
            buffers = case.beta1 * buffers + (1 - case.beta1) * parts
            second = case.beta2 * second + (1 - case.beta2) * parts.sum(0) ** 2
            scale = np.sqrt(second / (1 - case.beta2 ** (s + 1))) + case.epsilon
            moves = -rate * buffers / (1 - case.beta1 ** (s + 1)) / scale
        moves[-1] -= rate * case.decoupled_decay * theta
        close(moves.sum(0), trajectory[s + 1] - theta, 1e-14, "moves against the step")
        yield moves


def credits(run: Run, trajectory: np.ndarray, factors: np.ndarray, weights: np.ndarray):
    """Credit by the mean gradient and by the left end's, each `[M, Q, N + 1]`."""
    whole = left = 0
    for s, moves in enumerate(row_moves(run, trajectory, factors, weights)):
        before, after = trajectory[s], trajectory[s + 1]
        whole = whole + mean_gradients(run, before, after) @ moves.T
        left = left + np.asarray(run.measure_gradients(np.tile(before, (QUERIES, 1)))) @ moves.T
    return whole, left


# Cases


def close(found: np.ndarray, expected: np.ndarray, tolerance: float, what: str) -> None:
    deviation = np.abs(found - expected).max()
    assert deviation <= tolerance, f"{what}: {deviation:.1e}"


def central_differences(run: Run, weights: np.ndarray, width: float = 2e-6) -> np.ndarray:
    """The derivatives of the final measure, `[M, Q, N]`, by differences."""
    columns = []
    for direction in np.eye(ITEMS):
        ahead, behind = (run.final_measure(weights + d * direction) for d in (width, -width))
        columns.append((ahead - behind) / (2 * width))
    return np.stack(columns, -1)


def oracle(case: Case) -> dict[str, np.ndarray]:
    parameters, data, batches = make_parameters(), make_data(case.loss), make_batches()
    weights = np.asarray(ITEM_WEIGHTS, np.float64)
    run = Run(case, data, flatten(parameters), batches)
    history, factors = map(np.asarray, run.train(weights))
    trajectory = np.concatenate([run.initial[None], history])
    if case.clip_norm is not None:
        clipped = int((factors < 1).sum())
        assert 3 <= clipped <= STEPS - 3, f"{clipped} steps are clipped"

    first, last = (np.asarray(run.measure(trajectory[s])) for s in (0, -1))
    marginal = np.asarray(run.marginal(weights))
    close(marginal, central_differences(run, weights), 1e-7, "marginal against differences")
    assert (marginal[..., NEVER_VISITED] == 0).all()
    credit, credit_left = credits(run, trajectory, factors, weights)
    close(credit.sum(-1), last - first, 1e-12, "sum of the credit")

    tensors = data | parameters | {
        "batches": batches, "learning_rates": case.learning_rates(), "item_weights": weights,
        "trajectory": trajectory, "clip_factors": factors,
        "credit_left.loss": credit_left[0, :, :-1],
        "credit_left_decay.loss": credit_left[0, :, -1],
    }  # fmt: skip
    for index, name in enumerate(measures(case.loss)):
        tensors |= {
            f"measure_initial.{name}": first[index], f"measure_final.{name}": last[index],
            f"marginal.{name}": marginal[index],
            f"credit.{name}": credit[index, :, :-1],
            f"credit_decay.{name}": credit[index, :, -1],
        }  # fmt: skip

    if case.integrated:
        without = np.asarray(run.final_measure(0 * weights))
        integrated = sum(c * run.marginal(t * weights) * weights for t, c in zip(*unit_nodes()))
        integrated = np.asarray(integrated)
        close(integrated.sum(-1), last - without, 1e-12, "sum of the integrated column")
        for index, name in enumerate(measures(case.loss)):
            tensors[f"integrated.{name}"] = integrated[index]
            tensors[f"measure_without.{name}"] = without[index]
    return tensors


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the oracles of the ledger.")
    default = Path(__file__).resolve().parent / "data" / "ledger"
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    out = parser.parse_args().out
    for case in CASES:
        try:
            tensors = oracle(case)
        except AssertionError as error:
            raise SystemExit(f"{case.name}: {error}") from None
        write_safetensors(out / f"{case.name}.safetensors", tensors, case.metadata)
    print_size(out)


if __name__ == "__main__":
    main()
