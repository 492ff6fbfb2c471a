"""Writes the files that `palimpsest score` takes."""

import fnmatch
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from palimpsest.command import EXECUTABLE, run
from palimpsest.errors import PalimpsestError
from palimpsest.files import floats, new_folder, write_bytes, write_npy, write_safetensors
from palimpsest.pytorch.export import initializer_names, onnx_bytes
from palimpsest.pytorch.losses import loss_name
from palimpsest.pytorch.modules import Inputs, joined, plain, to_numpy, trained_names, untied
from palimpsest.record import Loss, checked_rate

State = Mapping[str, torch.Tensor]


@dataclass(frozen=True)
class ScoreFiles:
    """Files in a folder, and the arguments that name them.

    Attributes:
        arguments: of `palimpsest score`, and of `palimpsest self-influence` but for the queries.
    """

    folder: Path
    arguments: tuple[str, ...]

    def command_line(self, *more: object) -> str:
        """The command as one types it."""
        return shlex.join([EXECUTABLE, "score", *self.arguments, *map(str, more)])

    def score(self, *more: object, executable: str = EXECUTABLE) -> str:
        """Runs it and returns what it prints."""
        return run("score", *self.arguments, *more, executable=executable)


def write_score_files(
    folder: str | os.PathLike[str],
    module: nn.Module,
    checkpoints: Sequence[State | tuple[State, float]],
    train: tuple[Inputs, torch.Tensor | np.ndarray],
    queries: tuple[Inputs, torch.Tensor | np.ndarray],
    loss: Loss = "cross-entropy",
    *,
    parameters: Sequence[str] = (),
    constants: Sequence[str] = (),
) -> ScoreFiles:
    """Writes `model.onnx`, `checkpoint-K.safetensors` and the data into a new folder.

    Args:
        module: in evaluation mode, where it has batch normalisation or dropout.
        checkpoints: state dicts (copies: `{k: v.clone() for k, v in module.state_dict().items()}`),
            each with its learning rate, or alone where it is 1.
        train: inputs `[N, ...]` (or a tuple of several) and labels `[N]`, `[N, T]` or targets.
        queries: likewise.
        loss: what the items were trained with.
        parameters: patterns of the parameters that were trained, such as `head.*`; all others count
            as constants. None for all.
        constants: patterns of those that were not, such as a frozen backbone.

    Raises:
        PalimpsestError: where the module, a state dict or the data will not do.
    """
    loss = loss_name(loss)
    if not checkpoints:
        raise PalimpsestError("expected one checkpoint or more")
    # All of it is checked before the first file: a folder half full would be in the way.
    data: dict[str, np.ndarray] = {}
    for part, pair, words in (("train", train, "train"), ("query", queries, "queries")):
        x, y = inputs_and_targets(pair, words)
        inputs, targets = joined(x), targets_array(y, loss)
        if len(inputs) != len(targets):
            raise PalimpsestError(f"{words}: {len(inputs)} inputs and {len(targets)} targets")
        data |= {f"{part}-x": inputs, f"{part}-y": targets}
    module = plain(module)
    content = onnx_bytes(module, train[0])
    names = initializer_names(content)
    states: list[tuple[dict[str, np.ndarray], float]] = []
    known: set[int] = set()
    trained = trained_names(module)
    for number, checkpoint in enumerate(checkpoints, start=1):
        state, rate = checkpoint if isinstance(checkpoint, tuple) else (checkpoint, 1.0)
        where = f"checkpoint {number}"
        if not isinstance(state, Mapping):
            raise PalimpsestError(
                f"{where}: found {type(state).__name__}, expected a state dict: "
                "torch.load(path)"
            )
        rate = checked_rate(rate, where)
        own = {state[name].data_ptr() for name in trained if name in state}
        if known & own:
            raise PalimpsestError(
                f"{where} is the same memory as one before it, so both hold the last parameters: "
                "state_dict() gives no copies; take {k: v.clone() for k, v in "
                "module.state_dict().items()}"
            )
        known |= own
        states.append((checkpoint_arrays(module, state, names), rate))

    chosen: list[str] = []
    for option, patterns in (("--parameters", parameters), ("--constant", constants)):
        for pattern in patterns:
            if not fnmatch.filter(names, pattern):
                raise PalimpsestError(f"{pattern}: no parameter has such a name")
            chosen += [option, pattern]

    target = new_folder(folder)
    write_bytes(target / "model.onnx", content)
    arguments = ["--model", str(target / "model.onnx")]
    for number, (arrays, rate) in enumerate(states, start=1):
        path = target / f"checkpoint-{number}.safetensors"
        write_safetensors(path, arrays)
        arguments += ["--checkpoint", f"{path}:{rate!r}"]
    for name, array in data.items():
        path = target / f"{name}.npy"
        write_npy(path, array)
        arguments += [f"--{name}", str(path)]
    return ScoreFiles(target, (*arguments, *chosen, "--loss", loss))


def inputs_and_targets(pair: object, what: str) -> tuple[Inputs, torch.Tensor | np.ndarray]:
    """Inputs and targets, or what to do with something else."""
    if isinstance(pair, tuple | list) and len(pair) == 2:
        x, y = pair
        parts = x if isinstance(x, tuple | list) else (x,)
        if all(isinstance(part, torch.Tensor | np.ndarray) for part in (*parts, y)):
            return (tuple(x) if isinstance(x, list) else x), y
        kinds = " and ".join(type(part).__name__ for part in (*parts, y))
        raise PalimpsestError(
            f"{what}: found {kinds}, expected tensors or arrays (x, y); wrap a module that takes "
            "named inputs in one that takes tensors"
        )
    raise PalimpsestError(
        f"{what}: found {type(pair).__name__}, expected inputs and targets (x, y); of a "
        "TensorDataset that is dataset.tensors, of another data set torch.stack of its items"
    )


def checkpoint_arrays(
    module: nn.Module, state: State, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """The arrays of a state dict under the names that the model has, each tied one once."""
    values = untied(module, state)
    if missing := [name for name in names if name not in values]:
        raise PalimpsestError(f"{missing[0]}: the checkpoint does not have it")
    parameters = {name for name, _ in module.named_parameters()}
    own = module.state_dict()
    for name in names:
        if name in own and values[name].shape != own[name].shape:
            raise PalimpsestError(
                f"{name}: found {tuple(values[name].shape)} in the checkpoint, expected "
                f"{tuple(own[name].shape)} as in the module"
            )
    for name, value in values.items():
        if name in names or name in parameters or not value.is_floating_point():
            continue
        if name in own and not torch.equal(value.cpu(), own[name].cpu()):
            raise PalimpsestError(
                f"{name}: this buffer is a constant of the graph, and the checkpoint has another"
            )
    return {name: floats(to_numpy(values[name]), name) for name in names}


def targets_array(y: torch.Tensor | np.ndarray, loss: str) -> np.ndarray:
    """Labels as whole numbers, targets as real ones."""
    values = to_numpy(torch.as_tensor(y))
    is_whole = np.issubdtype(values.dtype, np.integer) or values.dtype == bool
    if loss == "cross-entropy":
        if not is_whole:
            raise PalimpsestError(f"found labels of type {values.dtype}, expected whole numbers")
        return values.astype(np.int64)
    return floats(values.astype(np.float32) if is_whole else values, "the targets")
