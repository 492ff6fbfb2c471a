"""Writes a run record: what a training run leaves behind for `palimpsest ledger` and the others.

    writer = RunWriter("run", model="mlp:64-32-10:tanh", optimizer=Optimizer("sgd"),
                       train=Dataset(x, y))
    writer.checkpoint(parameters)                  # before the first step
    for rows in batches:
        ...                                        # one step on the items of these rows
        writer.step(rows, learning_rate, loss)
    writer.finish(parameters)

The run has to be what the record can say: in each step the mean over the batch of the items'
losses, one learning rate for all parameters, nothing random in the model, and no item that changes
another's output. `palimpsest.pytorch.Recorder` writes the same from a loop of PyTorch, and checks
more.
"""

import fcntl
import json
import math
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from palimpsest.errors import PalimpsestError
from palimpsest.files import (
    floats,
    inputs_array,
    json_bytes,
    new_folder,
    sha256,
    write_bytes,
    write_npy,
    write_safetensors,
)
from palimpsest.specifications import parameter_shapes

Loss = Literal["cross-entropy", "binary-cross-entropy", "squared-error"]
LOSSES = ("cross-entropy", "binary-cross-entropy", "squared-error")
MODEL_FILE = "model.onnx"

# The constants each optimizer reads, by their names in run.json.
CONSTANTS: dict[str, dict[str, str]] = {
    "sgd": {},
    "momentum": {"momentum": "momentum"},
    "nesterov": {"momentum": "momentum"},
    "adam": {"beta1": "beta1", "beta2": "beta2", "epsilon": "epsilon"},
    "adamw": {"beta1": "beta1", "beta2": "beta2", "epsilon": "epsilon"},
}


def checked_rate(value: object, where: str) -> float:
    """A learning rate as a number of Python, whichever library it comes from.

    Raises:
        PalimpsestError: where it is no number, not finite, or negative.
    """
    try:
        rate = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        rate = math.nan
    if not (math.isfinite(rate) and rate >= 0):
        raise PalimpsestError(f"{where}: found the learning rate {value}, expected a number from 0")
    return rate


@dataclass(frozen=True)
class Optimizer:
    """A rule of PyTorch's with its constants.

    Attributes:
        name: sgd, momentum, nesterov, adam or adamw.
        weight_decay: its rate.
        decay_kind: `coupled` adds decay * parameter to the gradient; `decoupled` multiplies the
            parameter by 1 - learning rate * decay first. adamw decouples where nothing is said.
        clip_norm: the largest norm of a batch's gradient, where it is clipped.
        epsilon: is added outside the root.
    """

    name: str
    momentum: float = 0.9
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    decay_kind: Literal["coupled", "decoupled"] | None = None
    clip_norm: float | None = None

    def __post_init__(self) -> None:
        if self.name not in CONSTANTS:
            raise PalimpsestError(
                f'"{self.name}": no such optimizer; there are {", ".join(CONSTANTS)}'
            )

    def json(self) -> dict[str, Any]:
        """The `optimizer` of run.json."""
        constants = {key: getattr(self, name) for key, name in CONSTANTS[self.name].items()}
        kind = self.decay_kind or ("decoupled" if self.name == "adamw" else "coupled")
        value: dict[str, Any] = {"name": self.name, **constants}
        value["weightDecay"] = {"rate": self.weight_decay, "kind": kind}
        if self.clip_norm is not None:
            value["clipNorm"] = self.clip_norm
        return value


@dataclass(frozen=True)
class Group:
    """Parameters with a weight decay and learning rates of their own.

    Attributes:
        parameters: their names.
        weight_decay: its rate, of the optimizer's kind.
    """

    parameters: Sequence[str]
    weight_decay: float = 0.0


@dataclass(frozen=True)
class Dataset:
    """Items: inputs `[N, ...]`, and labels `[N, ...]` or targets `[N, O]`.

    Attributes:
        ids: a name of each item, for reports.
        groups: whose it is, for accounts by group.
    """

    x: np.ndarray
    y: np.ndarray
    ids: Sequence[str] | None = None
    groups: Sequence[str] | None = None

    def __post_init__(self) -> None:
        if len(self.x) != len(self.y):
            raise PalimpsestError(f"found {len(self.x)} inputs and {len(self.y)} targets")
        for name in ("ids", "groups"):
            texts = getattr(self, name)
            if isinstance(texts, str):
                raise PalimpsestError(f"{name}: found one text, expected a list of them")
            if texts is not None and len(texts) != len(self.x):
                raise PalimpsestError(f"found {len(texts)} {name} for {len(self.x)} items")
            for row, text in enumerate(texts or ()):
                if not isinstance(text, str):
                    raise PalimpsestError(f"{name}: found {text!r} at row {row}, expected a text")

    def __len__(self) -> int:
        return len(self.x)

    def write(self, folder: Path, name: str) -> dict[str, Any]:
        """Writes `data/NAME-x.npy` and `-y.npy`. Returns what run.json says of them."""
        value: dict[str, Any] = {"count": len(self)}
        y = np.asarray(self.y)
        targets = y.astype(np.int64) if np.issubdtype(y.dtype, np.integer) else floats(y, "targets")
        for key, array in (("x", inputs_array(self.x)), ("y", targets)):
            path = f"data/{name}-{key}.npy"
            digest = sha256(write_npy(folder / path, array))
            value[key] = {"path": path, "sha256": digest, "shape": list(array.shape)}
        for key in ("ids", "groups"):
            if (texts := getattr(self, key)) is not None:
                value[key] = list(texts)
        return value


@dataclass
class RunWriter(AbstractContextManager):
    """Writes a run record while a run goes on.

    The data are written at once, each checkpoint when it comes, and run.json last: a folder without
    it is no run. The folder's lock is held until `finish` or `close`. Usable in a `with` statement.

    Attributes:
        folder: where the record goes; new or empty.
        model: the SPEC of a built-in model, or `"model.onnx"` with the bytes in `onnx`.
        optimizer: the rule that the run steps by.
        train: the items that batches name by their rows.
        test: items to ask for.
        loss: of one item; a sequence's is the mean over its positions with a label.
        seed: what the run was seeded with, for the record.
        onnx: the graph, where it is not a built-in one.
        environment: libraries by name, for the record.
        groups: parameters that the optimizer steps with a decay or rates of their own; all others
            have the optimizer's decay and the run's rates.
        constants: names of parameters that are not trained.
    """

    folder: str | os.PathLike[str]
    model: str
    optimizer: Optimizer
    train: Dataset
    test: Dataset | None = None
    loss: Loss = "cross-entropy"
    seed: int = 0
    onnx: bytes | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    groups: Sequence[Group] = ()
    constants: Sequence[str] = ()

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise PalimpsestError(f'"{self.loss}": no such loss; there are {", ".join(LOSSES)}')
        if (self.model == MODEL_FILE) != (self.onnx is not None):
            raise PalimpsestError(f'the model "{MODEL_FILE}" and its bytes in `onnx` go together')
        self._shapes = None if self.onnx is not None else parameter_shapes(self.model)
        self._path = new_folder(self.folder)
        self._rates: list[float] = []
        self._group_rates: list[list[float]] = [[] for _ in self.groups]
        self._batches: list[np.ndarray] = []
        self._log: list[str] = []
        self._sums: dict[int, str] = {}
        self._precision: str | None = None
        self._lock = open(self._path / "lock", "w")  # noqa: SIM115
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._lock.write(f"{os.getpid()}\n")
            self._lock.flush()
            if self.onnx is not None:
                write_bytes(self._path / MODEL_FILE, self.onnx)
            self._datasets = {"train": self.train.write(self._path, "train")}
            if self.test is not None:
                self._datasets["test"] = self.test.write(self._path, "test")
        except BaseException:
            self.close()
            raise

    @property
    def checkpoints(self) -> list[int]:
        """The numbers of steps after which there is a checkpoint."""
        return list(self._sums)

    @property
    def steps(self) -> int:
        """How many steps have been recorded."""
        return len(self._rates)

    def checkpoint(
        self, parameters: Mapping[str, object], state: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """Writes the parameters after the last recorded step.

        Args:
            parameters: all of them by name. Before the first step they are the initialisation.
            state: the optimizer's, a vector `[P]` each, in the order of the parameters: `momentum`,
                or `first-moment` and `second-moment`. Without it the run is replayed from its
                beginning.
        """
        arrays = {name: floats(value, name) for name, value in parameters.items()}
        if self._shapes is not None:
            found = {name: array.shape for name, array in arrays.items()}
            if found != self._shapes:
                names = [
                    n for n in {**self._shapes, **found} if self._shapes.get(n) != found.get(n)
                ]
                raise PalimpsestError(
                    f"{names[0]}: found {found.get(names[0], 'nothing')}, expected "
                    f"{self._shapes.get(names[0], 'no such parameter')} for {self.model}"
                )
        wide = any(array.dtype == np.float64 for array in arrays.values())
        self._precision = self._precision or ("float64" if wide else "float32")
        for name, vector in (state or {}).items():
            arrays[f"optimizer/{name}"] = floats(vector, name)
        name = f"{self.steps:08}.safetensors"
        self._sums[self.steps] = sha256(
            write_safetensors(self._path / "checkpoints" / name, arrays)
        )
        self._write_sums()

    def drop(self, step: int) -> None:
        """Removes the checkpoint after a step, neither the first nor the last."""
        name = f"{step:08}.safetensors"
        del self._sums[step]
        self._write_sums()
        (self._path / "checkpoints" / name).unlink()

    def _write_sums(self, others: Mapping[str, str] | None = None) -> None:
        """Writes the digests of other files and of the checkpoints, which come last."""
        names = {f"{step:08}.safetensors": digest for step, digest in self._sums.items()}
        lines = (f"{digest}  {name}\n" for name, digest in {**(others or {}), **names}.items())
        write_bytes(self._path / "checkpoints" / "SHA256SUMS", "".join(lines).encode())

    def step(
        self, rows: Sequence[int], learning_rate: float, loss: float | None = None,
        group_rates: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        """Records one step.

        Args:
            rows: of its batch.
            learning_rate: of the parameters in no group.
            loss: of the batch.
            group_rates: one for each group; without them they have `learning_rate` too.
        """
        if 0 not in self._sums:
            raise PalimpsestError("the parameters before the first step are missing: call "
                                  "`checkpoint` first")  # fmt: skip
        try:
            batch = np.asarray(rows)
        except (TypeError, ValueError):  # Such as a pair of inputs and targets.
            batch = np.empty(0)
        if batch.ndim != 1 or len(batch) == 0 or not np.issubdtype(batch.dtype, np.integer):
            raise PalimpsestError(
                f"step {self.steps}: a batch is a list of rows of the data, whole numbers; a loader "
                "that gives items has to give their rows too: DataLoader(range(len(x)), …), and "
                "x[rows] in the loop"
            )
        if batch.min() < 0 or batch.max() >= len(self.train):
            raise PalimpsestError(
                f"step {self.steps}: found a row outside 0 to {len(self.train) - 1}"
            )
        rate = checked_rate(learning_rate, f"step {self.steps}")
        others = [rate] * len(self.groups) if group_rates is None else group_rates
        if len(others) != len(self.groups):
            raise PalimpsestError(
                f"step {self.steps}: found {len(others)} rates for {len(self.groups)} groups"
            )
        others = [checked_rate(other, f"step {self.steps}") for other in others]
        line: dict[str, float] = {"step": self.steps, "learningRate": rate}
        if loss is not None:
            line["loss"] = float(loss)
            if not np.isfinite(line["loss"]):
                raise PalimpsestError(f"step {self.steps}: the loss is {line['loss']}; the run "
                                      "has diverged")  # fmt: skip
        self._log.append(json.dumps(line) + "\n")
        self._batches.append(batch.astype(np.int64))
        self._rates.append(rate)
        for rates, other in zip(self._group_rates, others):
            rates.append(other)

    def finish(
        self,
        parameters: Mapping[str, object] | None = None,
        state: Mapping[str, np.ndarray] | None = None,
    ) -> Path:
        """Writes what is left, run.json last, and frees the folder. Returns the folder.

        Args:
            parameters, state: after the last step, where no checkpoint has been made there.
        """
        if parameters is not None:
            self.checkpoint(parameters, state)
        if self.steps not in self._sums:
            raise PalimpsestError("the parameters after the last step are missing: give them to "
                                  "`finish`")  # fmt: skip
        width = max((len(batch) for batch in self._batches), default=1)
        batches = np.full((self.steps, width), -1, np.int64)
        for row, batch in zip(batches, self._batches):
            row[: len(batch)] = batch
        optimizer = self.optimizer.json()
        if self.groups:
            optimizer["groups"] = [
                {"parameters": list(group.parameters), "weightDecay": group.weight_decay}
                | ({} if rates == self._rates else {"steps": rates})
                for group, rates in zip(self.groups, self._group_rates)
            ]
        settings = {"modelSettings": {"constants": list(self.constants)}} if self.constants else {}
        digest = {} if self.onnx is None else {"modelSHA256": sha256(self.onnx)}
        digest["batchesSHA256"] = sha256(write_npy(self._path / "batches.npy", batches))
        log = "".join(self._log).encode()
        write_bytes(self._path / "log.jsonl", log)
        document = json_bytes({
            "format": "palimpsest-run", "version": 1,
            "model": self.model, **digest, **settings,
            "loss": self.loss, "precision": self._precision,
            "optimizer": optimizer, "seed": self.seed,
            "datasets": self._datasets, "checkpoints": list(self._sums),
            "environment": dict(self.environment), "steps": self._rates,
        })  # fmt: skip
        # The list covers run.json too, which comes last.
        self._write_sums({"../run.json": sha256(document), "../log.jsonl": sha256(log)})
        write_bytes(self._path / "run.json", document)
        self.close()
        return self._path

    def close(self) -> None:
        """Frees the folder. Without `finish` it is no run."""
        self._lock.close()

    def __exit__(self, *_: object) -> None:
        self.close()
