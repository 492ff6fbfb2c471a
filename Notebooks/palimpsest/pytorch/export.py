"""Writes a module as an ONNX graph of one item, with every parameter under its own name.

The exporters' defaults fold normalisations into weights, transpose and rename matrices, and copy
tied ones: gradients by such parameters are not those of the model that was trained. The settings
here keep them; what is left to mend is mended in the file, and the file is checked.
"""

import copy
import logging
import os
import warnings
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import nn

from palimpsest.errors import PalimpsestError
from palimpsest.files import write_bytes
from palimpsest.pytorch.modules import (
    Inputs,
    check_module,
    examples,
    first_names,
    plain,
    to_numpy,
    trained_names,
)

CHECKED_ITEMS = 4
TOLERANCE = 1e-4  # Of the largest output; two programs add up in different orders.
SLOPE_TOLERANCE = 1e-3  # Of the length of a gradient.
# What the exporter says of an operator (a stop of the gradient, a row of padding), and of an array.
TRACE = "pkg.torch.onnx.fx_node"
KIND = "pkg.torch.export.graph_signature.InputSpec.kind"
FLOATS = (
    onnx.TensorProto.FLOAT,
    onnx.TensorProto.DOUBLE,
    onnx.TensorProto.FLOAT16,
    onnx.TensorProto.BFLOAT16,
)


def export_onnx(module: nn.Module, inputs: Inputs, path: str | os.PathLike[str]) -> None:
    """Writes `path`: see `onnx_bytes`."""
    write_bytes(Path(path), onnx_bytes(module, inputs))


def onnx_bytes(module: nn.Module, inputs: Inputs) -> bytes:
    """The module as an ONNX file, Float32, for a batch of one item.

    The file says of each array whether it is trained: parameters that are frozen
    (`requires_grad=False`), or that no gradient reaches (`no_grad`, `detach`), are not.

    Args:
        module: in evaluation mode, where it has batch normalisation or dropout. It gives a tensor.
        inputs: some items `[N, ...]`, or a tuple of several inputs; a few of them check the file:
            its outputs, and the gradients of what was exported.

    Raises:
        PalimpsestError: where the module or the file will not do.
    """
    return trained_onnx_bytes(module, inputs, None)


def trained_onnx_bytes(
    module: nn.Module, inputs: Inputs, trained: Collection[str] | None
) -> bytes:
    """As `onnx_bytes`, where of the parameters only those named are trained; None for all."""
    module = plain(module)
    check_module(module)
    if not any(True for _ in module.parameters()):
        raise PalimpsestError("the module has no parameters, so there is nothing to score it by")
    single = copy.deepcopy(module).cpu().float()
    example = next(examples(inputs, 1, torch.float32))
    taken = set(module.state_dict())
    names = [f"input{k}" for k in range(len(example))] if len(example) > 1 else ["input"]
    names = [_free(name, taken) for name in names]
    try:
        with torch.enable_grad():
            output = single(*example)
    except Exception as error:  # The module is the caller's, and so are its errors.
        raise PalimpsestError(f"the module fails on the first item: {_line(error)}") from error
    if not isinstance(output, torch.Tensor):
        raise PalimpsestError(
            f"the module gives {type(output).__name__}, expected one tensor: wrap it in a module "
            "that returns the logits only"
        )
    if not output.is_floating_point():
        raise PalimpsestError(
            f"the module gives numbers of type {output.dtype}, expected real ones: logits rather "
            "than the labels chosen by them"
        )
    if not output.requires_grad:
        raise PalimpsestError("the outputs have no gradient by any parameter: does the module "
                              "detach them?")  # fmt: skip
    asked = [n for n in trained_names(single) if trained is None or n in trained]
    parameters = dict(single.named_parameters())
    slopes = torch.autograd.grad(output.sum(), [parameters[n] for n in asked], allow_unused=True)
    used = [name for name, slope in zip(asked, slopes) if slope is not None]
    if not used:
        raise PalimpsestError("the outputs have no gradient by any parameter that is trained")

    file, exported = _export(single, example, names)
    _tidy(file, single, used)
    _check_parameters(file, single, used)
    content = file.SerializeToString(deterministic=True)
    _check_outputs(content, single, inputs, names)
    _check_slopes(exported, single, used, inputs)
    return content


def initializer_names(content: bytes) -> list[str]:
    """The names of the real arrays of an ONNX file."""
    graph = onnx.load_from_string(content).graph
    return [array.name for array in graph.initializer if array.data_type in FLOATS]


def _line(error: BaseException) -> str:
    """The first line of an error."""
    return f"{type(error).__name__}: {error}".splitlines()[0]


@contextmanager
def _plain_and_quiet() -> Iterator[None]:
    """No fast path of attention, which would be an operator of its own; no notes on packages."""
    logger = logging.getLogger("torch.onnx")
    fast, level = torch.backends.mha.get_fastpath_enabled(), logger.level
    torch.backends.mha.set_fastpath_enabled(False)
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)
        logger.setLevel(level)


class _Whole(nn.Module):
    """Holds a module: with a dot in it, no name of a parameter can be that of a value too."""

    def __init__(self, whole: nn.Module):
        super().__init__()
        self.whole = whole

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.whole(*inputs)


PREFIX = "whole."


def _export(
    module: nn.Module, example: tuple[torch.Tensor, ...], names: list[str]
) -> tuple[onnx.ModelProto, nn.Module]:
    """By the exporter that refuses what depends on the data; the older one would trace one item.

    Returns the file, and the program that it was written from, which PyTorch can still
    differentiate.
    """
    try:
        with _plain_and_quiet():
            program = torch.onnx.export(
                _Whole(module).eval(), example, dynamo=True, optimize=False, external_data=False,
                verbose=False,
                input_names=names, output_names=["output"],
            )  # fmt: skip
    except Exception as error:  # The exporter raises errors of many kinds.
        line = _line(error.__cause__ or error)
        raise PalimpsestError(f"PyTorch cannot export the module: {line}") from error
    if program is None:
        raise PalimpsestError("PyTorch has exported nothing")
    file = onnx.load_from_string(program.model_proto.SerializeToString())
    return file, program.exported_program.module(check_guards=False)


def _tidy(file: onnx.ModelProto, module: nn.Module, trained: list[str]) -> None:
    """One name for each parameter, the trained ones first, each part in its order; constants as
    constants; no paths of yours."""
    graph = file.graph
    names: dict[str, str] = {}
    own = first_names(module)
    for array in graph.initializer:
        name = array.name.removeprefix(PREFIX)
        names[array.name] = own.get(name, name)
    # A value that is called like an array of the module gets another name.
    taken = set(names.values())
    for node in graph.node:
        for name in node.output:
            if name in taken and name not in names:
                names[name] = _free(f"{name}_value", taken)
                taken.add(names[name])
    for array in graph.initializer:
        array.name = names[array.name]
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for value in (*graph.output, *graph.value_info):
        value.name = names.get(value.name, value.name)
    needed = {name for node in graph.node for name in node.input}
    needed |= {value.name for value in graph.output}
    arrays = {array.name: array for array in graph.initializer if array.name in needed}

    frozen = [n for n, _ in module.named_parameters() if n in arrays and n not in trained]
    parameters = [name for name in trained if name in arrays]
    statistics = [
        name
        for node in graph.node if node.op_type == "BatchNormalization"
        for name in node.input[3:5] if name in arrays
    ]  # fmt: skip
    kept = dict.fromkeys(parameters + frozen + statistics)
    kept.update(dict.fromkeys(n for n, array in arrays.items() if array.data_type not in FLOATS))
    constants = [
        helper.make_node("Constant", [], [name], name=f"constant_{name}", value=array)
        for name, array in arrays.items() if name not in kept
    ]  # fmt: skip
    nodes = [*constants, *graph.node]
    ordered = [arrays[name] for name in kept]
    for part in (file, graph, *nodes, *ordered, *graph.input, *graph.output, *graph.value_info):
        part.doc_string = ""
        kept_lines = [entry for entry in part.metadata_props if entry.key == TRACE]
        part.ClearField("metadata_props")
        part.metadata_props.extend(kept_lines)
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(ordered)
    kept_values = [value for value in graph.value_info if value.name not in arrays]
    del graph.value_info[:]
    graph.value_info.extend(kept_values)
    for array in ordered:
        if array.data_type not in FLOATS:
            continue
        value = helper.make_tensor_value_info(array.name, array.data_type, list(array.dims))
        is_parameter = array.name in parameters
        value.metadata_props.add(key=KIND, value="PARAMETER" if is_parameter else "BUFFER")
        graph.value_info.append(value)


def _free(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _check_parameters(file: onnx.ModelProto, module: nn.Module, used: list[str]) -> None:
    held = {a.name: a for a in file.graph.initializer if a.data_type in FLOATS}
    parameters = dict(module.named_parameters())
    for name in used:
        expected = to_numpy(parameters[name])
        if name not in held or not np.array_equal(numpy_helper.to_array(held[name]), expected):
            raise PalimpsestError(
                f"{name}: the exporter has folded or renamed this parameter, so the file would not "
                "be your model"
            )


def _runner(content: bytes) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    """Runs a file by onnxruntime, or by the reference of the onnx package where that is missing."""
    try:
        import onnxruntime
    except ImportError:
        from onnx.reference import ReferenceEvaluator

        reference = ReferenceEvaluator(onnx.load_from_string(content))
        return lambda feeds: np.asarray(next(iter(reference.run(None, feeds))))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda feeds: np.asarray(session.run(None, feeds)[0])


def _check_outputs(content: bytes, module: nn.Module, inputs: Inputs, names: list[str]) -> None:
    try:
        run = _runner(content)
    except Exception as error:  # Each runtime has errors of its own.
        raise PalimpsestError(
            f"the exported file is not valid: {_line(error)}. Is a buffer or parameter at the top of "
            "the module called like an operation (mean, std, add)? Rename it, or wrap the module"
        ) from error
    # An input that the output does not need is not in the file.
    known = {value.name for value in onnx.load_from_string(content).graph.input}
    if missing := [name for name in names if name not in known]:
        raise PalimpsestError(f"{missing[0]}: the outputs do not depend on this input")
    for item, example in enumerate(examples(inputs, CHECKED_ITEMS, torch.float32)):
        with torch.no_grad():
            expected = to_numpy(module(*example))
        found = run({name: part.numpy() for name, part in zip(names, example)})
        scale = max(1.0, float(np.abs(expected).max(initial=0)))
        close = (
            found.shape == expected.shape and np.abs(found - expected).max() <= TOLERANCE * scale
        )
        if not close:
            raise PalimpsestError(
                f"item {item}: the exported graph gives other outputs than the module "
                f"({found.ravel()[:3]} instead of {expected.ravel()[:3]})"
            )


def _check_slopes(
    exported: nn.Module, module: nn.Module, trained: list[str], inputs: Inputs
) -> None:
    """Compares the gradients of what was exported with the module's.

    Parts under `no_grad`, functions with a backward pass of their own and hooks change gradients
    and no outputs, and the exporter does not keep them.
    """
    parameters = dict(module.named_parameters())
    first = first_names(module)
    copies: dict[str, list[torch.Tensor]] = {name: [] for name in trained}
    for name, value in exported.named_parameters():
        own = first.get(name.removeprefix(PREFIX), "")
        if own in copies:
            copies[own].append(value)
    generator = torch.Generator().manual_seed(0)
    for item, example in enumerate(examples(inputs, CHECKED_ITEMS, torch.float32)):
        output = module(*example)
        weights = torch.randn(output.shape, generator=generator).to(output.dtype)
        expected = torch.autograd.grad(
            (output * weights).sum(), [parameters[name] for name in trained], allow_unused=True
        )
        every = [value for values in copies.values() for value in values]
        try:
            total = (exported(*example) * weights).sum()
            slopes = torch.autograd.grad(total, every, allow_unused=True)
        except Exception as error:  # Whatever a program that was made by a machine may raise.
            raise PalimpsestError(
                f"the exported program cannot be differentiated: {_line(error)}"
            ) from error
        found = dict(zip(map(id, every), slopes))
        whole = sum(float(s.square().sum()) for s in expected if s is not None) ** 0.5
        for name, slope in zip(trained, expected):
            own = torch.zeros_like(parameters[name]) if slope is None else slope
            parts = [s for s in (found[id(v)] for v in copies[name]) if s is not None]
            other = sum(parts, torch.zeros_like(own))
            missed = float((own - other).norm())
            allowed = SLOPE_TOLERANCE * (float(own.norm()) + 1e-2 * whole)
            if not missed <= allowed:
                raise PalimpsestError(
                    f"{name}: the exported graph gives another gradient than the module (item "
                    f"{item}: length {float(other.norm()):.3g} instead of {float(own.norm()):.3g}). "
                    "A part under no_grad, a function with a backward pass of its own, a "
                    "straight-through estimator or a hook is lost in the export; write that part "
                    "with detach(), or leave parameters that it trains out (requires_grad=False)"
                )
