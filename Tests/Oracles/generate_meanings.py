#!/usr/bin/env python3
"""Writes small modules as PyTorch exports them, with what PyTorch computes by their parameters.

    pip install torch==2.13.0 numpy onnx==1.23.2 onnxscript==0.7.2
    python Tests/Oracles/generate_meanings.py --out Tests/Oracles/data/meanings

The data are synthetic and come from a fixed seed. Numbers are rounded to Float32, losses and
gradients are Float64. N = 6 items.

There is a folder for each module, and in it:

    model.onnx          torch.onnx.export(dynamo=True), without the traces of this machine's files
    x.npy, y.npy        inputs, and labels or targets, one row for each item
    oracle.safetensors  grad_dot [N, N]: the inner products of the items' gradients by the parameters;
                        losses [N]; metadata `loss` (the command's name of it), `parameters` (the names
                        of those that training changes, in the order of the alphabet), `refused` (words
                        of the message where there is no right number; then no grad_dot)
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from safetensors.numpy import save_file
from torch import nn

N = 6


@dataclass
class Meaning:
    """A module, its items, and how it is exported."""

    make: Callable[[], nn.Module]
    inputs: Callable[[], torch.Tensor]
    targets: Callable[[], torch.Tensor]
    loss: str = "cross-entropy"
    optimize: bool = False
    is_dynamic: bool = False
    refused: str = ""
    change: Callable[[nn.Module], None] = field(default=lambda module: None)


def module(body: Callable[..., torch.Tensor], **parts: object) -> nn.Module:
    """A module of some parts, of which `body(parts, x)` is the forward pass."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            for name, part in parts.items():
                if isinstance(part, torch.Tensor) and not isinstance(part, nn.Parameter):
                    self.register_buffer(name, part)
                else:
                    setattr(self, name, part)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return body(self, x)

    return Net()


def numbers(*shape: int) -> Callable[[], torch.Tensor]:
    return lambda: torch.randn(N, *shape)


def blank(*shape: int) -> Callable[[], torch.Tensor]:
    """Items of which one is zero."""

    def make() -> torch.Tensor:
        x = torch.randn(N, *shape)
        x[2] = 0
        return x

    return make


def steps(*values: float) -> Callable[[], torch.Tensor]:
    """Items made of these values alone."""
    return lambda: torch.tensor(values)[torch.randint(len(values), (N, 4))]


def tokens(end: int, *shape: int) -> Callable[[], torch.Tensor]:
    return lambda: torch.randint(0, end, (N, *shape))


def labels(classes: int) -> Callable[[], torch.Tensor]:
    return lambda: torch.randint(0, classes, (N,))


class Tensors(nn.Module):
    """A constant tensor that is no buffer, and one written in the forward pass."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(5, 6), nn.Linear(6, 3)
        self.hops = torch.rand(6, 6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.b(torch.tanh(self.a(x)) @ self.hops * torch.tensor([1.0, 2, 3, 4, 5, 6]))


class Named(nn.Module):
    """A parameter called like an operation, which begins at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.l = nn.Parameter(torch.zeros(5)), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.l(torch.tanh(x + self.embedding))


class Diagonal(nn.Module):
    """One weight for each input, so that kinks are met exactly; then a layer."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor], width: int = 4) -> None:
        super().__init__()
        self.function = function
        self.w = nn.Parameter(torch.ones(4))
        self.l = nn.Linear(width, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.l(self.function(x * self.w))


def hard_sigmoid(h: torch.Tensor) -> torch.Tensor:
    """PyTorch's slope in Float64 is 1/6 in single precision; the same function has it exactly."""
    return F.hardsigmoid(h) if h.dtype == torch.float32 else F.relu6(h + 3) / 6


def zero_biases(model: nn.Module) -> None:
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):
            nn.init.zeros_(parameter)


def with_bag() -> nn.Module:
    return module(
        lambda s, x: s.l(s.e(x)), e=nn.EmbeddingBag(9, 4, mode="mean"), l=nn.Linear(4, 3)
    )


def scatter(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    h = s.a(x)
    places = torch.argsort(x, dim=-1)
    return s.b(torch.zeros_like(h).scatter(1, places, torch.tanh(h)))


def mixture(s: nn.Module, x: torch.Tensor) -> torch.Tensor:
    gates = s.g(x)
    best, _ = torch.topk(gates, 2, dim=-1)
    return s.l(torch.softmax(best, -1))


CASES = {
    # What is a parameter.
    "buffers": Meaning(
        lambda: module(
            lambda s, x: s.h(torch.tanh(s.a((x - s.shift) / s.width))),
            a=nn.Linear(5, 7), h=nn.Linear(7, 3), shift=torch.rand(5), width=torch.rand(5) + 1,
        ),
        numbers(5), labels(3),
    ),
    "constants": Meaning(Tensors, numbers(5), labels(3)),
    "constants-optimized": Meaning(Tensors, numbers(5), labels(3), optimize=True),
    "named-like-an-operation": Meaning(Named, numbers(5), labels(3)),
    "spectral-norm": Meaning(
        lambda: nn.Sequential(
            nn.utils.parametrizations.spectral_norm(nn.Linear(5, 4)), nn.Tanh(), nn.Linear(4, 3)
        ),
        numbers(5), labels(3),
    ),
    "tied": Meaning(
        lambda: module(
            lambda s, x: F.linear(torch.tanh(s.e(x).mean(1)), s.e.weight), e=nn.Embedding(9, 4)
        ),
        tokens(9, 3), labels(9),
    ),
    "transposed": Meaning(
        lambda: module(lambda s, x: s.b(torch.tanh(s.a(x))).mean(1), a=nn.Linear(5, 4), b=nn.Linear(4, 3)),
        numbers(2, 5), labels(3), optimize=True,
    ),
    # Where the gradient is stopped.
    "padding-row": Meaning(
        lambda: module(
            lambda s, x: s.l(torch.tanh(s.e(x)).mean(1)),
            e=nn.Embedding(9, 4, padding_idx=0), l=nn.Linear(4, 3),
        ),
        lambda: torch.randint(0, 4, (N, 5)), labels(3),
        change=lambda m: nn.init.normal_(m.e.weight),
    ),
    "detach": Meaning(
        lambda: module(lambda s, x: s.b(torch.tanh(s.a(x)) * s.a(x).detach()), a=nn.Linear(5, 4), b=nn.Linear(4, 3)),
        numbers(5), labels(3),
    ),
    "straight-through": Meaning(
        lambda: module(
            lambda s, x: s.b(s.a(x) + (torch.round(s.a(x)) - s.a(x)).detach()),
            a=nn.Linear(5, 4), b=nn.Linear(4, 3),
        ),
        numbers(5), labels(3),
    ),
    # What an export lost.
    "dropped-biases": Meaning(
        lambda: nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Linear(4, 3)),
        numbers(5), labels(3), optimize=True, refused="no array for “0.bias”, “2.bias”", change=zero_biases,
    ),
    "merged-normalizations": Meaning(
        lambda: nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Tanh(), nn.LayerNorm(4), nn.Linear(4, 3)),
        numbers(5), labels(3), optimize=True, refused="no array for",
    ),
    "folded-normalization": Meaning(
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)),
        numbers(1, 4, 4), labels(3), optimize=True, refused="folded a batch normalization",
    ),
    "computed-weight": Meaning(
        lambda: nn.Sequential(
            nn.utils.parametrizations.weight_norm(nn.Linear(5, 4)), nn.Tanh(), nn.Linear(4, 3)
        ),
        numbers(5), labels(3), optimize=True, refused="no array for",
    ),
    "lost-detach": Meaning(
        lambda: module(lambda s, x: s.b(torch.tanh(s.a(x)) * s.a(x).detach()), a=nn.Linear(5, 4), b=nn.Linear(4, 3)),
        numbers(5), labels(3), optimize=True, refused="stops the gradient",
    ),
    "doubled": Meaning(
        lambda: module(
            lambda s, x: F.linear(torch.tanh(s.e(x)), s.e.weight).mean(1), e=nn.Embedding(9, 4)
        ),
        tokens(9, 3), labels(9), optimize=True, refused="a parameter that the file has besides",
    ),
    "scaled-by-frequency": Meaning(
        lambda: module(
            lambda s, x: s.l(s.e(x).mean(1)), e=nn.Embedding(9, 4, scale_grad_by_freq=True), l=nn.Linear(4, 3)
        ),
        tokens(9, 5), labels(3), refused="scale_grad_by_freq",
    ),
    # Items that meet.
    "batch-mean": Meaning(
        lambda: module(lambda s, x: s.a(x - x.mean(0, keepdim=True)), a=nn.Linear(5, 3)),
        numbers(5), labels(3), is_dynamic=True, refused="items of a batch meet",
    ),
    "batch-attention": Meaning(
        lambda: module(lambda s, x: s.a(torch.softmax(x @ x.T, -1) @ x), a=nn.Linear(5, 3)),
        numbers(5), labels(3), is_dynamic=True, refused="items of a batch meet",
    ),
    "batch-alone": Meaning(
        lambda: nn.Sequential(nn.Linear(5, 4), nn.LayerNorm(4), nn.Softplus(), nn.Linear(4, 3)),
        numbers(5), labels(3), is_dynamic=True,
    ),
    # Ends of domains.
    "norm-of-nothing": Meaning(
        lambda: module(lambda s, x: s.h(F.normalize(s.a(x), dim=1)), a=nn.Linear(5, 4, bias=False), h=nn.Linear(4, 3)),
        blank(5), labels(3),
    ),
    "norm-times-vector": Meaning(
        lambda: module(
            lambda s, x: s.h(s.a(x) * s.a(x).norm(dim=1, keepdim=True)), a=nn.Linear(5, 4, bias=False), h=nn.Linear(4, 3)
        ),
        blank(5), labels(3),
    ),
    "deviation-of-a-constant": Meaning(
        lambda: module(
            lambda s, x: s.h((s.a(x) - s.a(x).mean(1, keepdim=True)) / (s.a(x).std(1, keepdim=True) + 0.125)),
            a=nn.Linear(5, 4, bias=False), h=nn.Linear(4, 3),
        ),
        blank(5), labels(3),
    ),
    "relu6": Meaning(lambda: Diagonal(F.relu6), steps(0, 6, 3, 7, -1), labels(3)),
    "hard-tanh": Meaning(lambda: Diagonal(F.hardtanh), steps(-1, 1, 0.5, 2), labels(3)),
    "clamp": Meaning(lambda: Diagonal(lambda h: h.clamp(-1, 1)), steps(-1, 1, 0.5, 2), labels(3)),
    "hard-swish": Meaning(lambda: Diagonal(F.hardswish), steps(-3, 3, 1, 4), labels(3)),
    "hard-sigmoid": Meaning(lambda: Diagonal(hard_sigmoid), steps(-3, 3, 1, 4), labels(3)),
    "maximum": Meaning(lambda: Diagonal(lambda h: torch.maximum(h, 2 * h)), steps(0, 1, -1), labels(3)),
    "minimum": Meaning(lambda: Diagonal(lambda h: torch.minimum(h, 3 * h)), steps(0, 1, -1), labels(3)),
    "largest-of-equals": Meaning(
        lambda: Diagonal(lambda h: h.amax(-1, keepdim=True) - 2 * h.amin(-1, keepdim=True), 1), steps(1, 2), labels(3)
    ),
    "powers": Meaning(lambda: Diagonal(lambda h: h**1.5 + h**2 + h**3), steps(0, 1, 2), labels(3)),
    "root-of-nothing": Meaning(
        lambda: module(lambda s, x: s.h(torch.sqrt(torch.abs(s.a(x)))), a=nn.Linear(5, 4, bias=False), h=nn.Linear(4, 3)),
        blank(5), labels(3), refused="NaN or infinite",
    ),
    # Losses.
    "one-logit": Meaning(
        lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 1)),
        numbers(5), lambda: torch.randint(0, 2, (N, 1)).float(), "binary-cross-entropy",
    ),
    "many-labels": Meaning(
        lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 3)),
        numbers(5), lambda: torch.randint(0, 2, (N, 3)).float(), "binary-cross-entropy",
    ),
    "squeezed": Meaning(
        lambda: module(lambda s, x: s.a(x).squeeze(-1), a=nn.Linear(5, 1)), numbers(5), numbers(), "squared-error",
    ),
    # Whole numbers.
    "hashed": Meaning(
        lambda: module(
            lambda s, x: s.h(s.e((x * 40503 + 12345) % 23).mean(1)), e=nn.Embedding(23, 4), h=nn.Linear(4, 3)
        ),
        lambda: torch.randint(0, 100_000, (N, 5)), labels(3),
    ),
    # Operators.
    "upsample-nearest": Meaning(
        lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.Upsample(scale_factor=2), nn.Conv2d(2, 2, 3), nn.Flatten(), nn.Linear(8, 3)),
        numbers(1, 4, 4), labels(3),
    ),
    "upsample-bilinear": Meaning(
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.Upsample(scale_factor=2, mode="bilinear"), nn.Tanh(), nn.Flatten(), nn.Linear(32, 3)
        ),
        numbers(1, 4, 4), labels(3),
    ),
    "upsample-corners": Meaning(
        lambda: nn.Sequential(
            nn.Conv2d(1, 2, 3), nn.Upsample(size=(5, 3), mode="bilinear", align_corners=True), nn.Tanh(), nn.Flatten(),
            nn.Linear(30, 3),
        ),
        numbers(1, 4, 4), labels(3),
    ),
    "lstm": Meaning(
        lambda: module(lambda s, x: s.l(s.r(x)[0][:, -1]), r=nn.LSTM(4, 3, batch_first=True), l=nn.Linear(3, 3)),
        numbers(5, 4), labels(3),
    ),
    "lstm-both-ways": Meaning(
        lambda: module(
            lambda s, x: s.l(s.r(x)[0].mean(1)), r=nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True),
            l=nn.Linear(6, 3),
        ),
        numbers(3, 4), labels(3),
    ),
    "gru": Meaning(
        lambda: module(lambda s, x: s.l(s.r(x)[1][-1]), r=nn.GRU(4, 3, batch_first=True), l=nn.Linear(3, 3)),
        numbers(5, 4), labels(3),
    ),
    "rnn": Meaning(
        lambda: module(lambda s, x: s.l(s.r(x)[0][:, -1]), r=nn.RNN(4, 3, batch_first=True), l=nn.Linear(3, 3)),
        numbers(5, 4), labels(3),
    ),
    "embedding-bag": Meaning(with_bag, tokens(9, 5), labels(3)),
    "top-k": Meaning(
        lambda: module(mixture, g=nn.Linear(5, 4), l=nn.Linear(2, 3)), numbers(5), labels(3)
    ),
    "scatter": Meaning(
        lambda: module(scatter, a=nn.Linear(5, 5), b=nn.Linear(5, 3)), numbers(5), labels(3)
    ),
}


def item_losses(outputs: torch.Tensor, y: torch.Tensor, loss: str) -> torch.Tensor:
    if loss == "cross-entropy":
        return F.cross_entropy(outputs, y)
    if loss == "binary-cross-entropy":
        return F.binary_cross_entropy_with_logits(outputs, y.to(outputs.dtype))
    return ((outputs - y.to(outputs.dtype)) ** 2).mean()


def write(name: str, case: Meaning, folder: Path) -> None:
    torch.manual_seed(7)
    model = case.make()
    case.change(model)
    model.eval()
    x, y = case.inputs(), case.targets()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.onnx"
    shapes = ({0: "batch"},) if case.is_dynamic else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (x[: 2 if case.is_dynamic else 1],), str(path), dynamo=True, optimize=case.optimize,
            external_data=False, verbose=False, dynamic_shapes=shapes,
        )
    file = onnx.load(path)
    for node in file.graph.node:  # Not the paths of this machine.
        lines = [p for p in node.metadata_props if p.key.endswith(("fx_node", "rule_name"))]
        del node.metadata_props[:]
        node.metadata_props.extend(lines)
        node.doc_string = ""
    onnx.save(file, path)
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "y.npy", y.numpy())
    metadata = {"loss": case.loss, "refused": case.refused, "torch": torch.__version__}
    arrays = {"none": np.zeros(1)}
    if not case.refused:
        model = model.double()
        x = x.double() if x.is_floating_point() else x
        for child in model.modules():  # Tensors that are neither parameters nor buffers.
            for key, value in list(vars(child).items()):
                if isinstance(value, torch.Tensor):
                    setattr(child, key, value.double())
        rows, losses = [], []
        for i in range(N):
            loss = item_losses(model(x[i : i + 1]), y[i : i + 1], case.loss)
            slopes = torch.autograd.grad(loss, list(model.parameters()), allow_unused=True)
            losses.append(loss.detach())
            rows.append(torch.cat([
                (torch.zeros_like(p) if s is None else s).reshape(-1) for s, p in zip(slopes, model.parameters())
            ]))  # fmt: skip
        g = torch.stack(rows)
        assert torch.isfinite(g).all(), name
        arrays = {"grad_dot": (g @ g.T).numpy(), "losses": torch.stack(losses).numpy()}
        metadata["parameters"] = " ".join(sorted(n for n, _ in model.named_parameters()))
    save_file(arrays, folder / "oracle.safetensors", metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    for name, case in CASES.items():
        if not options.names or name in options.names:
            write(name, case, options.out / name)


if __name__ == "__main__":
    main()
