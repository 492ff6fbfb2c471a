#!/usr/bin/env python3
"""Writes the oracles of models that come from elsewhere, computed by PyTorch on the CPU.

    pip install torch==2.13.0 numpy onnx==1.23.2 onnxruntime==1.32.0 onnxscript==0.7.2
    python Tests/Oracles/generate_models.py --out Tests/Oracles/data/imported

The data are synthetic and come from a fixed seed. Inputs and parameters are rounded to Float32
values, so that a Float32 and a Float64 computation start from the same numbers. Losses, gradients
and scores are Float64.

Axes: N = 8 training items, Q = 4 queries, T positions, P parameters flattened in the order of
`named_parameters` (row-major).

There is a folder for each model of `foreign_models.py`:

    convolutional       the built-in `cnn:1x14x14:4c3-p2-6c3-p2-5:relu`; x [N, 1, 14, 14]
    grouped             groups, strides, padding, dilation, depthwise; x [N, 4, 8, 8]
    wave                one axis: stride, dilation, transposed convolution; x [N, 2, 8]
    residual            a shortcut, batch normalisation with running statistics; x [N, 3, 6, 6]
    transformer         the built-in `transformer:vocabulary=11,context=6,width=8,heads=2,layers=2`;
                        tokens [N, 6]
    transformer-tied    the same with one matrix for the embedding and the head
    transformer-short   one block, and a context of 8 for tokens [N, 5]; no built-in model
    encoder             `nn.TransformerEncoder`, positions first; tokens [N, 7]; token 0 is padding
    normalised          an MLP with layer normalisation; x [N, 6]
    gated               RMSNorm and SwiGLU; tokens [N, 5]
    shared              an MLP that uses one linear layer twice; x [N, 5]
    two-inputs          an image [N, 2, 3] and a vector [N, 3]

and in it:

    dynamo.onnx         torch.onnx.export(dynamo=True, optimize=False), the batch axis symbolic
    fixed.onnx          the same with a batch axis of extent 1
    legacy.onnx         torch.onnx.export(dynamo=False, training=PRESERVE,
                        do_constant_folding=False), the batch axis symbolic; none for `gated`
    last-name.onnx      `transformer-tied` only: dynamo.onnx as PyTorch writes it, with the tied
                        matrix under its last name, `head.weight`; the other files have the first
    folded-dynamo.onnx, folded-legacy.onnx
                        what the exporters write by default: parameters are folded, transposed,
                        renamed and copied (`residual`, `transformer-tied` and `normalised` only)
    checkpoint-1.safetensors, checkpoint-2.safetensors
                        Float32, under the parameters' names, with the running statistics; a tied
                        matrix once, under its first name. The graphs hold checkpoint 2.
    checkpoint-1.npz, checkpoint-2.npz
                        `convolutional` only: the same as NumPy writes it
    checkpoint-2-float64.safetensors
                        the same values as checkpoint 2
    x_train.npy, x_query.npy, y_train.npy, y_query.npy
                        inputs are Float32, tokens and labels int64; the label -100 is ignored.
                        `two-inputs` has x_train [N, 9]: the flattened inputs one after the other.
    oracle.safetensors  see below

Labels are [N], and [N, T] where the model has logits for each position. The loss is cross-entropy;
the loss of a sequence is the mean over its positions that have a label, and 0 where none has.

oracle.safetensors, at checkpoint 2:
    logits [N, ...], query_logits [Q, ...]
    losses [N], query_losses [Q]
    gradients [N, P], query_gradients [Q, P]
    grad_dot [Q, N]             <g_q, g_i>
and
    learning_rates [2]          the weight of each checkpoint
    tracin [Q, N]               the sum over both checkpoints of learning rate * <g_q, g_i>

Metadata, all as text: `loss`, `torch` (version), `parameters` (names in the order of P, with spaces
between), `specification` (of a built-in model).

The script checks that onnxruntime's outputs of every file are the module's, and that dynamo.onnx,
fixed.onnx and legacy.onnx hold every parameter once, under its own name and with its own values.
"""

import argparse
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from torch import nn

import foreign_models as models
from oracle_files import print_size, write_safetensors

SEED = 20264
ITEMS, QUERIES = 8, 4
IGNORED_LABEL = -100
LEARNING_RATES = [0.1, 0.05]
STEPS_BETWEEN = 5  # Full-batch steps before each checkpoint.


@dataclass(frozen=True)
class Case:
    name: str
    make: Callable[[], nn.Module]
    inputs: tuple[tuple[int, ...], ...]  # The shape of each input of one item.
    classes: int
    vocabulary: int | None = None  # Inputs are tokens below this number.
    padded: bool = False  # Sequences end in token 0.
    per_position: bool = False
    specification: str = ""
    legacy: bool = True
    folded: bool = False

    @property
    def labels(self) -> tuple[int, ...]:
        """The shape of one item's labels."""
        return self.inputs[0] if self.per_position else ()


TRANSFORMER = "transformer:vocabulary=11,context=6,width=8,heads=2,layers=2"

CASES = [
    Case(
        "convolutional", models.convolutional, ((1, 14, 14),), 5,
        specification="cnn:1x14x14:4c3-p2-6c3-p2-5:relu"),
    Case("grouped", models.grouped, ((4, 8, 8),), 4),
    Case("wave", models.WaveNetwork, ((2, 8),), 3),
    Case("residual", models.ResidualNetwork, ((3, 6, 6),), 4, folded=True),
    Case(
        "transformer", models.Transformer, ((6,),), 11, vocabulary=11, per_position=True,
        specification=TRANSFORMER),
    Case(
        "transformer-tied", lambda: models.Transformer(tied=True), ((6,),), 11, vocabulary=11,
        per_position=True, specification=TRANSFORMER + ",tied", folded=True),
    Case(
        "transformer-short", lambda: models.Transformer(context=8, layers=1), ((5,),), 11,
        vocabulary=11, per_position=True),
    Case("encoder", models.Encoder, ((7,),), 3, vocabulary=9, padded=True),
    Case("normalised", models.normalised, ((6,),), 4, folded=True),
    Case("gated", models.GatedNetwork, ((5,),), 10, vocabulary=10, per_position=True, legacy=False),
    Case("shared", models.SharedLayer, ((5,),), 4),
    Case("two-inputs", models.TwoInputs, ((2, 3), (3,)), 3),
]  # fmt: skip


# Data and models


def make_inputs(case: Case, generator: torch.Generator) -> list[torch.Tensor]:
    """Inputs of all items and queries, Float32 values as Float64; or tokens."""
    count = ITEMS + QUERIES
    if case.vocabulary is None:
        return [torch.randn(count, *s, generator=generator).double() for s in case.inputs]
    low = 1 if case.padded else 0
    tokens = torch.randint(low, case.vocabulary, (count, *case.inputs[0]), generator=generator)
    if case.padded:
        lengths = torch.randint(3, tokens.shape[1] + 1, (count,), generator=generator)
        lengths[0] = tokens.shape[1]
        tokens[torch.arange(tokens.shape[1]) >= lengths[:, None]] = 0
    return [tokens]


def make_labels(case: Case, generator: torch.Generator) -> torch.Tensor:
    y = torch.randint(0, case.classes, (ITEMS + QUERIES, *case.labels), generator=generator)
    if case.per_position:
        y[2, 1] = y[2, 4] = y[ITEMS + 1, 0] = IGNORED_LABEL
    else:
        y[2] = IGNORED_LABEL
    return y


def make_model(case: Case, generator: torch.Generator) -> nn.Module:
    """A model in Float64 with Float32 values, all of them far from what they start with."""
    model = case.make().double().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() > 1:
                parameter.copy_(noise * parameter[0].numel() ** -0.5)
            else:  # A bias, or the weight of a normalisation.
                parameter.copy_(name.endswith("weight") + 0.2 * noise)
        set_statistics(model, generator)
    round_to_float32(model)
    return model


def set_statistics(model: nn.Module, generator: torch.Generator) -> None:
    """Running means and variances as training might have left them."""
    for name, buffer in model.named_buffers():
        if name.endswith("running_mean"):
            buffer.copy_(0.3 * torch.randn(buffer.shape, generator=generator))
        elif name.endswith("running_var"):
            buffer.copy_(0.5 + torch.rand(buffer.shape, generator=generator))


def round_to_float32(model: nn.Module) -> None:
    with torch.no_grad():
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point():
                tensor.copy_(tensor.float().double())


def stored(model: nn.Module) -> dict[str, np.ndarray]:
    """The parameters once each, and the running statistics."""
    tensors = dict(model.named_parameters()) | {
        name: buffer for name, buffer in model.named_buffers() if buffer.is_floating_point()
    }
    return {name: tensor.detach().numpy().copy() for name, tensor in tensors.items()}


# Losses, gradients and scores


def item_losses(logits: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """The loss of each item from logits [B, ..., O] and labels [B, ...]."""
    classes = logits.shape[-1]
    losses = F.cross_entropy(
        logits.reshape(-1, classes), y.reshape(-1), reduction="none", ignore_index=IGNORED_LABEL
    )
    labelled = (y != IGNORED_LABEL).reshape(len(y), -1)
    return losses.reshape(len(y), -1).sum(1) / labelled.sum(1).clamp(min=1)


def item_gradients(model: nn.Module, inputs: list[torch.Tensor], y: torch.Tensor) -> torch.Tensor:
    """The gradient of each item's loss [N, P], by one backward pass for each."""
    rows, parameters = [], list(model.parameters())
    for i in range(len(y)):
        value = item_losses(model(*(x[i : i + 1] for x in inputs)), y[i : i + 1]).sum()
        slopes = torch.autograd.grad(value, parameters)
        rows.append(torch.cat([slope.reshape(-1) for slope in slopes]))
    return torch.stack(rows)


def take_steps(model: nn.Module, inputs: list[torch.Tensor], y: torch.Tensor, rate: float) -> None:
    for _ in range(STEPS_BETWEEN):
        value = item_losses(model(*inputs), y).mean()
        slopes = torch.autograd.grad(value, list(model.parameters()))
        with torch.no_grad():
            for parameter, slope in zip(model.parameters(), slopes):
                parameter -= rate * slope
    round_to_float32(model)


# ONNX


def export(model: nn.Module, inputs: list[torch.Tensor], path: Path, kind: str) -> None:
    """Writes one file, without the source lines and paths that the exporters note in it."""
    names = [f"input{i}" for i in range(len(inputs))]
    options = {"input_names": names, "output_names": ["logits"], "verbose": False}
    examples = tuple(x[: 1 if kind == "fixed" else 3] for x in inputs)
    if kind in ("dynamo", "fixed", "last-name", "folded-dynamo"):
        options |= {"dynamo": True, "external_data": False, "optimize": kind == "folded-dynamo"}
        if kind != "fixed":
            options["dynamic_shapes"] = tuple({0: "batch"} for _ in inputs)
    else:
        options |= {"dynamo": False, "dynamic_axes": {name: {0: "batch"} for name in names}}
        if kind == "legacy":
            options["training"] = torch.onnx.TrainingMode.PRESERVE
            options["do_constant_folding"] = False
    path.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(model, examples, path, **options)
    strip(path, {} if kind in ("last-name", "folded-dynamo") else first_names(model))


def first_names(model: nn.Module) -> dict[str, str]:
    """The first name of each tied parameter, by its other ones."""
    first = {id(parameter): name for name, parameter in model.named_parameters()}
    every = model.named_parameters(remove_duplicate=False)
    return {name: first[id(p)] for name, p in every if name != first[id(p)]}


def strip(path: Path, names: dict[str, str]) -> None:
    file = onnx.load(path)
    graph = file.graph
    for initializer in graph.initializer:
        initializer.name = names.get(initializer.name, initializer.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
    described = [*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for part in (file, graph, *described):
        part.doc_string = ""
        part.ClearField("metadata_props")
    onnx.checker.check_model(file)
    path.write_bytes(file.SerializeToString(deterministic=True))


def check_outputs(model: nn.Module, inputs: list[torch.Tensor], path: Path, batch: int) -> None:
    """onnxruntime's outputs of all items against the module's, `batch` at a time."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_inputs()]
    found = [
        session.run(None, {n: x[i : i + batch].numpy() for n, x in zip(names, inputs)})[0]
        for i in range(0, len(inputs[0]), batch)
    ]
    expected = model(*inputs).detach().numpy()
    deviation = np.abs(np.concatenate(found) - expected).max()
    if not deviation < 1e-5:
        raise SystemExit(f"{path}: the outputs differ by {deviation:.1e}")


def check_parameters(model: nn.Module, path: Path) -> None:
    """Every parameter is there once, under its own name, with its own values."""
    held = {t.name: numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer}
    for name, value in stored(model).items():
        if name not in held or not np.array_equal(held[name], value.astype(np.float32)):
            raise SystemExit(f"{path}: {name} is missing or different")
    if twice := first_names(model).keys() & held.keys():
        raise SystemExit(f"{path}: {twice} stands there twice")


def write_graphs(case: Case, model: nn.Module, inputs: list[torch.Tensor], folder: Path) -> None:
    model = model.float()
    inputs = [x.float() if x.is_floating_point() else x for x in inputs]
    kinds = ["dynamo", "fixed"] + ["legacy"] * case.legacy
    kinds += ["folded-dynamo", "folded-legacy"] * case.folded
    kinds += ["last-name"] * bool(first_names(model))
    for kind in kinds:
        path = folder / f"{kind}.onnx"
        export(model, inputs, path, kind)
        check_outputs(model, inputs, path, 1 if kind == "fixed" else 4)
        if kind in ("dynamo", "fixed", "legacy"):
            check_parameters(model, path)


# Files


def write_case(case: Case, folder: Path) -> None:
    generator = torch.Generator().manual_seed(SEED)
    inputs, y = make_inputs(case, generator), make_labels(case, generator)
    model = make_model(case, generator)
    train, query = [x[:ITEMS] for x in inputs], [x[ITEMS:] for x in inputs]
    y_train, y_query = y[:ITEMS], y[ITEMS:]

    tensors = {"tracin": torch.zeros(QUERIES, ITEMS).double()}
    for number, rate in enumerate(LEARNING_RATES, start=1):
        take_steps(model, train, y_train, rate)
        with torch.no_grad():
            set_statistics(model, generator)
            round_to_float32(model)
        name = f"checkpoint-{number}"
        single = {n: value.astype(np.float32) for n, value in stored(model).items()}
        write_safetensors(folder / f"{name}.safetensors", single, {})
        if case.name == "convolutional":
            np.savez(folder / f"{name}.npz", **single)
        gradients = item_gradients(model, train, y_train)
        query_gradients = item_gradients(model, query, y_query)
        tensors["tracin"] += rate * query_gradients @ gradients.T
    write_safetensors(folder / f"{name}-float64.safetensors", stored(model), {})

    tensors["learning_rates"] = torch.tensor(LEARNING_RATES, dtype=torch.float64)
    tensors["gradients"], tensors["query_gradients"] = gradients, query_gradients
    tensors["grad_dot"] = query_gradients @ gradients.T
    for prefix, part, labels in (("", train, y_train), ("query_", query, y_query)):
        tensors[prefix + "logits"] = model(*part).detach()
        tensors[prefix + "losses"] = item_losses(tensors[prefix + "logits"], labels)
    metadata = {
        "loss": "cross-entropy", "torch": torch.__version__,
        "parameters": " ".join(name for name, _ in model.named_parameters()),
    }  # fmt: skip
    if case.specification:
        metadata["specification"] = case.specification
    arrays = {name: tensor.numpy() for name, tensor in tensors.items()}
    write_safetensors(folder / "oracle.safetensors", arrays, metadata)

    for name, part, labels in (("train", train, y_train), ("query", query, y_query)):
        x = part[0] if len(part) == 1 else torch.cat([x.flatten(1) for x in part], 1)
        x = x.float() if x.is_floating_point() else x
        np.save(folder / f"x_{name}.npy", x.numpy())
        np.save(folder / f"y_{name}.npy", labels.numpy())
    write_graphs(case, model, inputs, folder)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write the oracles of models from elsewhere.")
    default = Path(__file__).resolve().parent / "data" / "imported"
    parser.add_argument("--out", type=Path, default=default, help="folder to write to")
    out = parser.parse_args().out
    torch.backends.mha.set_fastpath_enabled(False)  # It would be one operator in the graph.
    for case in CASES:
        write_case(case, out / case.name)
    print_size(out)


if __name__ == "__main__":
    main()
