"""What a module has to be, and its parameters by name."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import nn

from palimpsest.errors import PalimpsestError
from palimpsest.files import inputs_array

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)

Inputs = torch.Tensor | np.ndarray | tuple[torch.Tensor | np.ndarray, ...]


def plain(module: nn.Module) -> nn.Module:
    """The module inside `torch.compile` or a parallel wrapper."""
    for name in ("_orig_mod", "module"):
        inner = getattr(module, name, None)
        wrappers = ("OptimizedModule", "DataParallel", "DistributedDataParallel")
        if isinstance(inner, nn.Module) and type(module).__name__ in wrappers:
            return plain(inner)
    return module


def check_module(module: nn.Module) -> None:
    """Refuses what would make an item's output random, or depend on the others in its batch.

    Raises:
        PalimpsestError: naming the layer.
    """
    for name, layer in module.named_modules():
        what = f"{name or 'the module'} ({type(layer).__name__})"
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            if layer.running_mean is None:
                raise PalimpsestError(
                    f"{what} normalises by the batch it is in (track_running_stats=False), so one "
                    "item's output depends on the others; scores of single items do not exist"
                )
            if layer.training:
                raise PalimpsestError(
                    f"{what} is in training mode, where one item's output depends on the others in "
                    "its batch; call module.eval() first: its running statistics are used then"
                )
        if layer.training and _drops(layer):
            raise PalimpsestError(
                f"{what} drops at random in training mode; call module.eval() first"
            )
        if getattr(layer, "max_norm", None) is not None and isinstance(layer, EMBEDDINGS):
            raise PalimpsestError(
                f"{what} shortens its rows while it looks them up (max_norm), so that they change "
                "without a step; set max_norm to None and shorten them after each step instead, "
                "or leave that out"
            )
        if isinstance(layer, EMBEDDINGS) and layer.scale_grad_by_freq:
            raise PalimpsestError(
                f"{what} divides gradients by how often a row stands in the batch "
                "(scale_grad_by_freq), so an item's gradient depends on the others; scores of "
                "single items do not exist: set it to False"
            )
    if not any(parameter.requires_grad for parameter in module.parameters()):
        if any(True for _ in module.parameters()):
            raise PalimpsestError(
                "every parameter is frozen (requires_grad=False), so there is nothing to score by: "
                "call requires_grad_(True) on those that were trained"
            )


def trained_names(module: nn.Module) -> list[str]:
    """The parameters that ask for a gradient, each tied one under its first name."""
    return [name for name, parameter in module.named_parameters() if parameter.requires_grad]


def _drops(layer: nn.Module) -> bool:
    if isinstance(layer, nn.modules.dropout._DropoutNd):
        return layer.p > 0
    if isinstance(layer, nn.MultiheadAttention | nn.RNNBase):
        return float(layer.dropout) > 0  # type: ignore[arg-type]
    return False


def first_names(module: nn.Module) -> dict[str, str]:
    """For every name of every parameter, the first name of the same parameter.

    A tied parameter has several names. `named_parameters` gives it once, under the first.
    """
    first = {id(parameter): name for name, parameter in module.named_parameters()}
    every = module.named_parameters(remove_duplicate=False)
    return {name: first[id(parameter)] for name, parameter in every}


def untied(module: nn.Module, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict with each tied parameter once, under its first name.

    Raises:
        PalimpsestError: where tied parameters differ, so that they were not tied in training.
    """
    names = first_names(module)
    found: dict[str, torch.Tensor] = {}
    for name, value in _unwrapped(module, state).items():
        first = names.get(name, name)
        if first in found and not torch.equal(found[first], value):
            raise PalimpsestError(
                f"{name} differs from {first}, and the module has them as one parameter"
            )
        found[first] = value
    return found


def _unwrapped(
    module: nn.Module, state: Mapping[str, torch.Tensor]
) -> Mapping[str, torch.Tensor]:
    """The state dict without what `torch.compile` or a parallel wrapper puts before every name."""
    own = module.state_dict().keys()
    for prefix in ("_orig_mod.", "module."):
        if state and all(name.startswith(prefix) for name in state):
            inner = {name.removeprefix(prefix): value for name, value in state.items()}
            if not own & state.keys():
                return _unwrapped(module, inner)
    return state


def to_numpy(tensor: torch.Tensor) -> np.ndarray:
    """The values in 32 or 64 bits."""
    tensor = tensor.detach().cpu()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float32, torch.float64):
        tensor = tensor.float()
    return tensor.contiguous().numpy()


def as_tuple(inputs: Inputs) -> tuple[torch.Tensor, ...]:
    """The inputs of a module, each with N in front."""
    parts = inputs if isinstance(inputs, tuple) else (inputs,)
    tensors = tuple(torch.as_tensor(part).detach().cpu() for part in parts)
    if any(part.ndim == 0 for part in tensors):
        raise PalimpsestError("found one number as an input, expected items [N, ...]")
    if not tensors or any(len(part) != len(tensors[0]) for part in tensors):
        raise PalimpsestError("every input needs the same number of items")
    if not len(tensors[0]):
        raise PalimpsestError("found inputs without items, expected one or more")
    return tensors


def joined(inputs: Inputs) -> np.ndarray:
    """The inputs as one array; several are flattened and stand one after the other `[N, I]`."""
    arrays = [inputs_array(to_numpy(part)) for part in as_tuple(inputs)]
    if len(arrays) == 1:
        return arrays[0]
    if any(np.issubdtype(array.dtype, np.floating) for array in arrays):
        tokens = (array for array in arrays if np.issubdtype(array.dtype, np.integer))
        if any(np.abs(array).max(initial=0) >= 1 << 24 for array in tokens):
            raise PalimpsestError("found a whole number from 2^24 beside real inputs; 32-bit "
                                  "numbers do not hold it")  # fmt: skip
        kind = np.result_type(np.float32, *(a.dtype for a in arrays if a.dtype == np.float64))
        arrays = [array.astype(kind) for array in arrays]
    return np.concatenate([array.reshape(len(array), -1) for array in arrays], axis=1)


def examples(inputs: Inputs, count: int, kind: torch.dtype) -> Iterator[tuple[torch.Tensor, ...]]:
    """The first items, each as a batch of one; real inputs in the type given."""
    parts = as_tuple(inputs)
    for item in range(min(count, len(parts[0]))):
        rows = (part[item : item + 1] for part in parts)
        yield tuple(row.to(kind) if row.is_floating_point() else row for row in rows)
