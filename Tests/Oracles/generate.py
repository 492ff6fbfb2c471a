#!/usr/bin/env python3
"""Writes the oracles that the tests compare Palimpsest with, computed by PyTorch on the CPU.

    pip install torch==2.13.0 numpy safetensors
    python Tests/Oracles/generate.py --out Tests/Oracles/data

The data are synthetic and come from a fixed seed. Inputs, targets and parameters are rounded to
Float32 values, so that a Float32 run and a Float64 run start from the same numbers. Everything
derived from them is Float64 unless said otherwise. Integers are int64.

Axes: N = 24 training items, Q = 5 queries, I = 8 inputs, O = 5 outputs, P parameters flattened in
the order of `named_parameters` (row-major), C = 3 checkpoints, S = 10 steps, B = 8 batch.

Models are `torch.nn.Sequential(Linear, activation, Linear, ...)`; NAME below stands for `0.weight`
`[O, I]`, `0.bias` `[O]`, `2.weight`, and so on. A model with no hidden layer has `0.*` only.


models/CASE.safetensors

One file per model and loss. Metadata: `model` (as in `mlp:8-5-5:tanh`), `loss` (`cross-entropy` or
`squared-error`), `torch` (version).

Inputs:
    x_train [N, I], x_query [Q, I]
    y_train [N], y_query [Q]          class indices, -100 is ignored (cross-entropy)
    y_train [N, O], y_query [Q, O]    real targets (squared-error)
    checkpoint.C.NAME                 parameters of checkpoint C = 1, 2, 3
    learning_rates [C]                the weight of each checkpoint in TracIn
    vectors [2, P]                    directions for the products below

At checkpoint 3:
    logits [N, O], query_logits [Q, O]
    losses [N], query_losses [Q]      loss of each item; 0 where the label is ignored
    gradients [N, P]                  gradient of each training item's loss
    grad_dot [Q, N]                   <g_q, g_i>
    grad_cos [Q, N]                   <g_q, g_i> / (|g_q| |g_i|); 0 where a gradient is zero
    self_influence [N]                |g_i|^2
    hvp [2, P]                        Hessian of the mean loss times each vector
    gauss_newton [2, P]               mean of J^T H J times each vector, with J the Jacobian of the
                                      logits and H the Hessian of the loss in the logits:
                                      diag p - p p^T (cross-entropy), 2 / O (squared error)
    jvp_logits [2, N, O]              derivative of the logits along each vector
    measure.M [Q]                     value of measure M of each query
    measure_gradients.M [Q, P]        its gradient
    measure_scores.M [Q, N]           <g_q, g_i> for the loss, -<grad M, g_i> for the others:
                                      positive where training on the item helps the query

M is `loss` and, for cross-entropy, also `logit` (z_y), `log-probability` (log p_y) and `margin`
(log p_y - log of the sum of p_c over c != y).

Over the three checkpoints:
    tracin [Q, N]                     sum of learning rate * <g_q, g_i>
    tracin_last_layer [Q, N]          the same with the last layer's weight and bias only

The mean loss divides by N, also where labels are ignored (PyTorch's own mean would leave those out
of the denominator).


well-fitted.safetensors

A network whose outputs are nearly certain: most items have 1 - p_y < 1e-6, many below the Float32
epsilon, so that `p - 1` in Float32 has no correct digit. Metadata as above.
    x_train [N, I], x_query [Q, I], NAME     Float32
    y_train [N], y_query [Q]
    losses [N], query_losses [Q]             Float64, computed without cancellation
    one_minus_p [N], query_one_minus_p [Q]   1 - p_y, likewise
    gradient_norms [N], query_gradient_norms [Q]
    grad_dot [Q, N], grad_cos [Q, N], self_influence [N]


optimizers/CASE.safetensors

Ten steps of one optimizer on the mean loss of each batch, for `mlp:8-4-5:tanh` with cross-entropy.
    x_train [N, I], y_train [N]
    initial.NAME                      parameters before the first step
    batches [S, B]                    rows of the training set; -1 pads a short batch
    learning_rates [S]                the learning rate of each step
    losses [S]                        mean loss of the batch before the step
    gradient_norms [S]                norm of its gradient before clipping and weight decay
    parameters [S, P]                 parameters after each step, run in Float64
    parameters.float32 [S, P]         the same run in Float32

Metadata, all as text: `model`, `loss`, `torch`, `optimizer` (sgd, momentum, nesterov, adam, adamw),
`learning_rate`, `momentum`, `beta1`, `beta2`, `epsilon` (added outside the root), `weight_decay`,
`weight_decay_mode` (`none`, `coupled`: decay * parameter is added to the gradient; `decoupled`: the
parameter is multiplied by 1 - learning rate * decay before the step), `clip_norm` (absent: none;
the gradient is multiplied by min(1, clip_norm / (norm + 1e-6)) before coupled decay is added),
`schedule`, and what the schedule needs. With s = 0 ... S - 1:
    constant   lr
    step       lr * step_factor ^ floor(s / step_size)
    cosine     minimum + (lr - minimum) * (1 + cos(pi * s / S)) / 2
    warm-up    lr * min(1, (s + 1) / warm_up_steps)


command/

The same training as plain files for the command line: `train-x.npy`, `query-x.npy` (Float32),
`train-y.npy`, `query-y.npy`, `batches.npy` (int64), `initial.safetensors` (Float32, NAME). The
matching parameters are those in `optimizers/`.
"""

import argparse
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from oracle_files import print_size, write_safetensors

SEED = 20260
TRAIN_COUNT, QUERY_COUNT = 24, 5
INPUTS, OUTPUTS = 8, 5
STEPS, BATCH_SIZE, SHORT_BATCH = 10, 8, (5, 3)  # Step 5 (from 0) has 3 items only.
IGNORED_LABEL = -100

ACTIVATIONS = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
    "gelu-tanh": lambda: nn.GELU(approximate="tanh"),
    "silu": nn.SiLU,
}


# Models and data


@dataclass
class ModelCase:
    name: str
    sizes: list[int]
    activation: str
    loss: str = "cross-entropy"
    ignored: tuple[int, ...] = ()  # Training items whose label is ignored.

    @property
    def specification(self) -> str:
        return "mlp:" + "-".join(map(str, self.sizes)) + ":" + self.activation


MODEL_CASES = [
    ModelCase("linear", [8, 5], "tanh"),
    ModelCase("linear-squared-error", [8, 5], "tanh", loss="squared-error"),
    ModelCase("tanh", [8, 5, 5], "tanh"),
    ModelCase("tanh-ignored-labels", [8, 5, 5], "tanh", ignored=(3, 17)),
    ModelCase("relu", [8, 5, 4, 5], "relu"),
    ModelCase("relu-squared-error", [8, 5, 5], "relu", loss="squared-error"),
    ModelCase("sigmoid", [8, 5, 5], "sigmoid"),
    ModelCase("gelu", [8, 5, 4, 5], "gelu"),
    ModelCase("gelu-tanh", [8, 5, 5], "gelu-tanh"),
    ModelCase("silu", [8, 5, 5], "silu"),
    ModelCase("silu-squared-error", [8, 5, 4, 5], "silu", loss="squared-error"),
]


def make_model(sizes: list[int], activation: str, seed: int) -> nn.Sequential:
    """An MLP in Float64 with Float32 values; weights and biases are both far from zero."""
    layers: list[nn.Module] = []
    for inputs, outputs in zip(sizes, sizes[1:]):
        layers += [nn.Linear(inputs, outputs), ACTIVATIONS[activation]()]
    model = nn.Sequential(*layers[:-1]).double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            scale = parameter.shape[-1] ** -0.5 if parameter.dim() == 2 else 0.2
            parameter.copy_(scale * torch.randn(parameter.shape, generator=generator))
    round_to_float32(model)
    return model


def round_to_float32(model: nn.Module) -> None:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(parameter.float().double())


def make_data(loss: str) -> dict[str, torch.Tensor]:
    """Inputs from a normal distribution and targets from a random linear map of them."""
    generator = torch.Generator().manual_seed(SEED)
    count = TRAIN_COUNT + QUERY_COUNT
    x = torch.randn(count, INPUTS, generator=generator).double()
    teacher = torch.randn(INPUTS, OUTPUTS, generator=generator).double()
    outputs = x @ teacher + torch.randn(count, OUTPUTS, generator=generator).double()
    y = outputs.argmax(1) if loss == "cross-entropy" else torch.tanh(outputs).float().double()
    return {
        "x_train": x[:TRAIN_COUNT], "y_train": y[:TRAIN_COUNT],
        "x_query": x[TRAIN_COUNT:], "y_query": y[TRAIN_COUNT:],
    }  # fmt: skip


def named_parameters(model: nn.Module, prefix: str = "") -> dict[str, torch.Tensor]:
    return {prefix + name: value.detach().clone() for name, value in model.named_parameters()}


def flatten(tensors) -> torch.Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def flat_parameters(model: nn.Module) -> torch.Tensor:
    return flatten(model.parameters()).detach()


def logits_of(model: nn.Module, x: torch.Tensor, theta: torch.Tensor) -> torch.Tensor:
    """The logits as a function of the flat parameters."""
    parameters, offset = {}, 0
    for name, value in model.named_parameters():
        parameters[name] = theta[offset : offset + value.numel()].view(value.shape)
        offset += value.numel()
    return functional_call(model, parameters, (x,))


# Losses and measures


def item_losses(logits: torch.Tensor, y: torch.Tensor, loss: str) -> torch.Tensor:
    if loss == "cross-entropy":
        return F.cross_entropy(logits, y, reduction="none", ignore_index=IGNORED_LABEL)
    return (logits - y).square().mean(1)


def margins(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """log p_y - log of the sum of the other probabilities, from logits `[B, O]`."""
    own = F.one_hot(y, logits.shape[1]).bool()
    return logits[own] - logits.masked_fill(own, -math.inf).logsumexp(1)


def measures(loss: str):
    """The measures by name; each maps logits `[B, O]` and targets to values `[B]`."""
    by_name = {"loss": lambda logits, y: item_losses(logits, y, loss)}
    if loss == "cross-entropy":
        by_name["logit"] = lambda logits, y: logits.gather(1, y[:, None])[:, 0]
        by_name["log-probability"] = (
            lambda logits, y: logits.log_softmax(1).gather(1, y[:, None])[:, 0]
        )
        by_name["margin"] = margins
    return by_name


def item_gradients(model, x, y, function) -> torch.Tensor:
    """Gradient of `function(logits, y)` for each item by itself, `[N, P]`: one backward each."""
    rows = []
    for i in range(len(x)):
        value = function(model(x[i : i + 1]), y[i : i + 1]).sum()
        rows.append(flatten(torch.autograd.grad(value, list(model.parameters()))))
    return torch.stack(rows)


def cosines(query: torch.Tensor, train: torch.Tensor) -> torch.Tensor:
    norms = query.norm(dim=1)[:, None] * train.norm(dim=1)[None, :]
    dots = query @ train.T
    return torch.where(norms > 0, dots / norms, torch.zeros_like(dots))


# One model with one loss


def train_checkpoints(model, data, loss, rates):
    """Some full-batch steps before each checkpoint, so that the checkpoints differ."""
    for rate in rates:
        for _ in range(10):
            value = item_losses(model(data["x_train"]), data["y_train"], loss).mean()
            gradient = torch.autograd.grad(value, list(model.parameters()))
            with torch.no_grad():
                for parameter, slope in zip(model.parameters(), gradient):
                    parameter -= rate * slope
        round_to_float32(model)
        yield rate


def curvature_products(model, data, loss, vectors) -> dict[str, torch.Tensor]:
    """HVP, Gauss-Newton and Jacobian products from the explicit matrices."""
    x, y, theta = data["x_train"], data["y_train"], flat_parameters(model)

    def mean_loss(theta):
        return item_losses(logits_of(model, x, theta), y, loss).mean()

    hessian = torch.autograd.functional.hessian(mean_loss, theta)  # [P, P]
    jacobian = torch.autograd.functional.jacobian(
        lambda theta: logits_of(model, x, theta), theta
    )  # [N, O, P]
    logits = model(x).detach()
    if loss == "cross-entropy":
        p = logits.softmax(1)
        curvature = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
        curvature[y == IGNORED_LABEL] = 0
    else:
        curvature = (2 / OUTPUTS) * torch.eye(OUTPUTS).double().expand(len(x), -1, -1)
    gauss_newton = torch.einsum("nap,nab,nbq->pq", jacobian, curvature, jacobian) / len(x)
    return {
        "hvp": vectors @ hessian,
        "gauss_newton": vectors @ gauss_newton,
        "jvp_logits": torch.einsum("nop,vp->vno", jacobian, vectors),
    }


def model_oracle(case: ModelCase, seed: int) -> dict[str, torch.Tensor]:
    data, loss = make_data(case.loss), case.loss
    for item in case.ignored:
        data["y_train"][item] = IGNORED_LABEL
    model = make_model(case.sizes, case.activation, seed)
    tensors = dict(data)

    def gradients(part):
        x, y = data["x_" + part], data["y_" + part]
        return item_gradients(model, x, y, measures(loss)["loss"])

    rates = [0.3, 0.2, 0.1]
    last_layer = sum(parameter.numel() for parameter in model[-1].parameters())
    tensors["learning_rates"] = torch.tensor(rates, dtype=torch.float64)
    tensors["tracin"] = torch.zeros(QUERY_COUNT, TRAIN_COUNT).double()
    tensors["tracin_last_layer"] = torch.zeros(QUERY_COUNT, TRAIN_COUNT).double()
    for index, rate in enumerate(train_checkpoints(model, data, loss, rates), start=1):
        tensors |= named_parameters(model, f"checkpoint.{index}.")
        train, query = gradients("train"), gradients("query")
        tensors["tracin"] += rate * query @ train.T
        tensors["tracin_last_layer"] += rate * query[:, -last_layer:] @ train[:, -last_layer:].T

    # The model now holds checkpoint 3, and `train` and `query` its gradients.
    for part, prefix in (("train", ""), ("query", "query_")):
        logits = model(data["x_" + part]).detach()
        tensors[prefix + "logits"] = logits
        tensors[prefix + "losses"] = item_losses(logits, data["y_" + part], loss)
    tensors["gradients"] = train
    tensors["grad_dot"] = query @ train.T
    tensors["grad_cos"] = cosines(query, train)
    tensors["self_influence"] = train.square().sum(1)

    for name, measure in measures(loss).items():
        slopes = item_gradients(model, data["x_query"], data["y_query"], measure)
        sign = 1 if name == "loss" else -1
        tensors[f"measure.{name}"] = measure(tensors["query_logits"], data["y_query"])
        tensors[f"measure_gradients.{name}"] = slopes
        tensors[f"measure_scores.{name}"] = sign * slopes @ train.T

    generator = torch.Generator().manual_seed(seed + 1)
    vectors = torch.randn(2, train.shape[1], generator=generator).double()
    tensors["vectors"] = vectors
    return tensors | curvature_products(model, data, loss, vectors)


# The well-fitted network


def well_fitted_oracle() -> dict[str, torch.Tensor]:
    """Fits all items, queries included, then sharpens the last layer.

    The loss is written as softplus(-margin), whose derivative keeps all its digits where p_y is
    close to one. The same value and derivative as `F.cross_entropy` otherwise.
    """

    def exact_losses(logits, y):
        return F.softplus(-margins(logits, y))

    data = make_data("cross-entropy")
    model = make_model([8, 5, 5], "tanh", SEED)
    x = torch.cat([data["x_train"], data["x_query"]])
    y = torch.cat([data["y_train"], data["y_query"]])
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(400):
        optimizer.zero_grad()
        exact_losses(model(x), y).mean().backward()
        optimizer.step()
    with torch.no_grad():
        for parameter in model[-1].parameters():
            parameter *= 4
    round_to_float32(model)

    tensors = {name: value.float() for name, value in named_parameters(model).items()}
    gradients = {}
    for part, prefix in (("train", ""), ("query", "query_")):
        x, y = data["x_" + part], data["y_" + part]
        tensors["x_" + part], tensors["y_" + part] = x.float(), y
        logits = model(x).detach()
        gradients[part] = item_gradients(model, x, y, exact_losses)
        tensors[prefix + "losses"] = exact_losses(logits, y)
        tensors[prefix + "one_minus_p"] = torch.sigmoid(-margins(logits, y))
        tensors[prefix + "gradient_norms"] = gradients[part].norm(dim=1)
    train, query = gradients["train"], gradients["query"]
    tensors["grad_dot"] = query @ train.T
    tensors["grad_cos"] = cosines(query, train)
    tensors["self_influence"] = train.square().sum(1)
    if (tensors["one_minus_p"] < 1e-6).double().mean() < 0.6:
        raise SystemExit("the well-fitted network is not fitted well enough")
    return tensors


# Optimizers


@dataclass
class OptimizerCase:
    name: str
    optimizer: str
    learning_rate: float
    momentum: float = 0.0
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    weight_decay_mode: str = "none"
    clip_norm: float | None = None
    schedule: str = "constant"
    schedule_constants: tuple[tuple[str, float], ...] = ()

    def learning_rates(self) -> list[float]:
        constants = dict(self.schedule_constants)
        rate = self.learning_rate
        match self.schedule:
            case "constant":
                return [rate] * STEPS
            case "step":
                factor, size = constants["step_factor"], constants["step_size"]
                return [rate * factor ** (s // size) for s in range(STEPS)]
            case "cosine":
                low = constants["minimum"]
                turn = [(1 + math.cos(math.pi * s / STEPS)) / 2 for s in range(STEPS)]
                return [low + (rate - low) * t for t in turn]
            case "warm-up":
                steps = constants["warm_up_steps"]
                return [rate * min(1, (s + 1) / steps) for s in range(STEPS)]
        raise ValueError(self.schedule)

    def make(self, parameters) -> torch.optim.Optimizer:
        coupled = self.weight_decay if self.weight_decay_mode == "coupled" else 0.0
        if self.optimizer in ("adam", "adamw"):
            options = {"betas": (self.beta1, self.beta2), "eps": self.epsilon, "foreach": False}
            if self.optimizer == "adam":
                return torch.optim.Adam(parameters, weight_decay=coupled, **options)
            return torch.optim.AdamW(parameters, weight_decay=self.weight_decay, **options)
        return torch.optim.SGD(
            parameters, lr=self.learning_rate, momentum=self.momentum, weight_decay=coupled,
            nesterov=self.optimizer == "nesterov", foreach=False,
        )  # fmt: skip

    @property
    def metadata(self) -> dict[str, str]:
        values = {
            "optimizer": self.optimizer, "learning_rate": self.learning_rate,
            "weight_decay": self.weight_decay, "weight_decay_mode": self.weight_decay_mode,
            "schedule": self.schedule,
        }  # fmt: skip
        values |= dict(self.schedule_constants)
        if self.optimizer in ("adam", "adamw"):
            values |= {"beta1": self.beta1, "beta2": self.beta2, "epsilon": self.epsilon}
        elif self.optimizer != "sgd":
            values["momentum"] = self.momentum
        if self.clip_norm is not None:
            values["clip_norm"] = self.clip_norm
        return {key: str(value) for key, value in values.items()}


OPTIMIZER_CASES = [
    OptimizerCase("sgd", "sgd", 0.2),
    OptimizerCase(
        "sgd-coupled", "sgd", 0.2, weight_decay=0.05, weight_decay_mode="coupled"),
    OptimizerCase(
        "sgd-decoupled", "sgd", 0.2, weight_decay=0.05, weight_decay_mode="decoupled"),
    OptimizerCase("sgd-clipped", "sgd", 0.2, clip_norm=0.8),
    OptimizerCase(
        "sgd-step", "sgd", 0.3, schedule="step",
        schedule_constants=(("step_factor", 0.5), ("step_size", 4))),
    OptimizerCase(
        "sgd-cosine", "sgd", 0.3, schedule="cosine", schedule_constants=(("minimum", 0.02),)),
    OptimizerCase(
        "sgd-warm-up", "sgd", 0.3, schedule="warm-up",
        schedule_constants=(("warm_up_steps", 4),)),
    OptimizerCase("momentum", "momentum", 0.1, momentum=0.9),
    OptimizerCase(
        "momentum-coupled", "momentum", 0.1, momentum=0.9,
        weight_decay=0.05, weight_decay_mode="coupled"),
    OptimizerCase(
        "momentum-decoupled", "momentum", 0.1, momentum=0.9,
        weight_decay=0.05, weight_decay_mode="decoupled"),
    OptimizerCase("nesterov", "nesterov", 0.1, momentum=0.8),
    OptimizerCase(
        "nesterov-coupled", "nesterov", 0.1, momentum=0.8,
        weight_decay=0.05, weight_decay_mode="coupled", schedule="cosine",
        schedule_constants=(("minimum", 0.0),)),
    OptimizerCase("adam", "adam", 0.02),
    OptimizerCase(
        "adam-coupled", "adam", 0.02, beta1=0.8, beta2=0.95, epsilon=1e-3,
        weight_decay=0.05, weight_decay_mode="coupled"),
    OptimizerCase(
        "adam-clipped-warm-up", "adam", 0.02, clip_norm=0.8, schedule="warm-up",
        schedule_constants=(("warm_up_steps", 4),)),
    OptimizerCase(
        "adamw", "adamw", 0.02, weight_decay=0.1, weight_decay_mode="decoupled"),
    OptimizerCase(
        "adamw-cosine", "adamw", 0.03, beta1=0.8, beta2=0.95, epsilon=1e-3,
        weight_decay=0.1, weight_decay_mode="decoupled", schedule="cosine",
        schedule_constants=(("minimum", 0.001),)),
]  # fmt: skip

OPTIMIZER_SIZES = [8, 4, 5]


def optimizer_model() -> nn.Sequential:
    return make_model(OPTIMIZER_SIZES, "tanh", SEED)


def make_batches() -> torch.Tensor:
    """Shuffled epochs cut into batches `[S, B]`; one batch is cut short and padded with -1."""
    generator = torch.Generator().manual_seed(SEED)
    epochs = math.ceil(STEPS * BATCH_SIZE / TRAIN_COUNT)
    order = torch.cat([torch.randperm(TRAIN_COUNT, generator=generator) for _ in range(epochs)])
    batches = order[: STEPS * BATCH_SIZE].view(STEPS, BATCH_SIZE)
    step, size = SHORT_BATCH
    batches[step, size:] = -1
    return batches


def run_optimizer(case: OptimizerCase, dtype: torch.dtype, data, batches):
    """Parameters after each step, batch losses and gradient norms."""
    model = optimizer_model().to(dtype)
    parameters = list(model.parameters())
    optimizer = case.make(parameters)
    history, losses, norms = [], [], []
    for rows, rate in zip(batches, case.learning_rates()):
        rows = rows[rows >= 0]
        x, y = data["x_train"][rows].to(dtype), data["y_train"][rows]
        optimizer.zero_grad()
        loss = item_losses(model(x), y, "cross-entropy").mean()
        loss.backward()
        losses.append(loss.item())
        norms.append(flatten(parameter.grad for parameter in parameters).norm().item())
        if case.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, case.clip_norm)
        if case.weight_decay_mode == "decoupled" and case.optimizer != "adamw":
            # PyTorch's SGD has no decoupled decay: the same rule as its AdamW, by hand.
            with torch.no_grad():
                for parameter in parameters:
                    parameter *= 1 - rate * case.weight_decay
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        history.append(flat_parameters(model))
    return torch.stack(history), losses, norms


def optimizer_oracle(case: OptimizerCase) -> dict[str, torch.Tensor]:
    data, batches = make_data("cross-entropy"), make_batches()
    history, losses, norms = run_optimizer(case, torch.float64, data, batches)
    history32, _, _ = run_optimizer(case, torch.float32, data, batches)
    return {
        "x_train": data["x_train"],
        "y_train": data["y_train"],
        **named_parameters(optimizer_model(), "initial."),
        "batches": batches,
        "learning_rates": torch.tensor(case.learning_rates(), dtype=torch.float64),
        "losses": torch.tensor(losses, dtype=torch.float64),
        "gradient_norms": torch.tensor(norms, dtype=torch.float64),
        "parameters": history,
        "parameters.float32": history32,
    }


# Files


def write_tensors(path: Path, tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> None:
    arrays = {name: tensor.detach().numpy() for name, tensor in tensors.items()}
    write_safetensors(path, arrays, metadata)


def write_command_files(folder: Path, metadata: dict[str, str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    data = make_data("cross-entropy")
    for part in ("train", "query"):
        np.save(folder / f"{part}-x.npy", data["x_" + part].float().numpy())
        np.save(folder / f"{part}-y.npy", data["y_" + part].numpy())
    np.save(folder / "batches.npy", make_batches().numpy())
    initial = {name: value.float() for name, value in named_parameters(optimizer_model()).items()}
    write_tensors(folder / "initial.safetensors", initial, metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the oracles of the tests.")
    default = Path(__file__).resolve().parent / "data"
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    out = parser.parse_args().out

    torch.set_num_threads(1)  # One order of summation, so that every run writes the same bytes.
    common = {"torch": torch.__version__}
    for index, case in enumerate(MODEL_CASES):
        metadata = common | {"model": case.specification, "loss": case.loss}
        tensors = model_oracle(case, SEED + 10 * index)
        write_tensors(out / "models" / f"{case.name}.safetensors", tensors, metadata)

    metadata = common | {"model": "mlp:8-5-5:tanh", "loss": "cross-entropy"}
    write_tensors(out / "well-fitted.safetensors", well_fitted_oracle(), metadata)

    metadata = common | {"model": "mlp:8-4-5:tanh", "loss": "cross-entropy"}
    for case in OPTIMIZER_CASES:
        path = out / "optimizers" / f"{case.name}.safetensors"
        write_tensors(path, optimizer_oracle(case), metadata | case.metadata)
    write_command_files(out / "command", metadata)

    print_size(out)


if __name__ == "__main__":
    main()
