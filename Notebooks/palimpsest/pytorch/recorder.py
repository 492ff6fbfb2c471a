"""Records a training run of PyTorch while it goes on."""

import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from palimpsest.errors import PalimpsestError
from palimpsest.pytorch.export import initializer_names, onnx_bytes
from palimpsest.pytorch.modules import Inputs, check_module, joined, plain, to_numpy
from palimpsest.pytorch.scoring import checkpoint_arrays, targets_array
from palimpsest.record import MODEL_FILE, Dataset, Loss, Optimizer, RunWriter
from palimpsest.specifications import parameter_shapes

Data = tuple[Inputs, torch.Tensor | np.ndarray]


class Recorder(AbstractContextManager):
    """Writes a run record from a training loop.

        with Recorder("run", module, optimizer, (x, y), checkpoint_every=100) as recorder:
            for rows in batches:
                loss = batch_loss(module(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(rows, loss)

    Begin before the first step. The record says what the loop did, so the loop has to do what a
    record can say: the loss of a step is the mean over its items (`batch_loss`), one optimizer with
    one group of parameters steps all of them, nothing is random, and nothing but `optimizer.step`
    changes the parameters. The learning rate is the optimizer's at its step; a scheduler may change
    it after. The run ends with the `with` statement; where that ends by an error, the folder is no
    run.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        train: Data,
        test: Data | None = None,
        *,
        loss: Loss = "cross-entropy",
        model: str | None = None,
        checkpoint_every: int | None = None,
        clip_norm: float | None = None,
        seed: int = 0,
        ids: Sequence[str] | None = None,
        groups: Sequence[str] | None = None,
    ):
        """Writes the data, the model and the initial parameters.

        Args:
            folder: new or empty.
            module: as it is before the first step.
            optimizer: `torch.optim.SGD`, `Adam` or `AdamW` of the module's parameters.
            train: inputs `[N, ...]` (or a tuple of several) and labels or targets.
            test: items to ask for, likewise.
            loss: of one item.
            model: the SPEC of a built-in model that the module is, such as `mlp:64-32-10:tanh`;
                without it the module is exported to `model.onnx`.
            checkpoint_every: steps between checkpoints; the first and the last are always made.
            clip_norm: what the loop gives to `clip_grad_norm_`, where it does.
            seed: for the record.
            ids, groups: a text for each training item.
        """
        self._module, self._optimizer = plain(module), optimizer
        self._clip_norm, self._every = clip_norm, checkpoint_every
        if checkpoint_every is not None and checkpoint_every < 1:
            raise PalimpsestError(f"checkpoint_every: found {checkpoint_every}, expected 1 or more")
        check_module(self._module)
        self._rule = optimizer_rule(optimizer, clip_norm)
        self._check_parameters()
        if any(optimizer.state.values()):
            raise PalimpsestError("the optimizer has stepped before: begin before the first step")
        content = None if model else onnx_bytes(self._module, train[0])
        self._names = initializer_names(content) if content else list(parameter_shapes(model or ""))
        self._rates: list[float] = []  # Of the optimizer's steps not recorded yet.
        self._writer = RunWriter(
            folder, model or MODEL_FILE, self._rule,
            Dataset(joined(train[0]), targets_array(train[1], loss), ids, groups),
            test and Dataset(joined(test[0]), targets_array(test[1], loss)),
            loss=loss, seed=seed, onnx=content,
            environment={"torch": str(torch.__version__)},
        )  # fmt: skip
        self._hook = optimizer.register_step_post_hook(self._stepped)
        try:
            self._checkpoint()
        except BaseException:
            self.close()
            raise

    def step(self, rows: Sequence[int] | torch.Tensor, loss: float | torch.Tensor | None = None
             ) -> None:  # fmt: skip
        """Records the step that the optimizer has just made.

        Args:
            rows: of the training items in the batch.
            loss: of the batch before the step, for the log.
        """
        if len(self._rates) != 1:
            raise PalimpsestError(
                f"step {self._writer.steps}: the optimizer has made {len(self._rates)} steps since "
                "the last one was recorded, expected 1: call this once after each optimizer.step()"
            )
        check_module(self._module)
        if optimizer_rule(self._optimizer, self._clip_norm) != self._rule:
            raise PalimpsestError(
                f"step {self._writer.steps}: the optimizer's constants have changed; a record has "
                "one value of each, and a learning rate for each step"
            )
        batch = rows.tolist() if isinstance(rows, torch.Tensor) else rows
        value = loss.item() if isinstance(loss, torch.Tensor) else loss
        self._writer.step(batch, self._rates.pop(), value)
        if self._every and self._writer.steps % self._every == 0:
            self._checkpoint()

    def finish(self) -> Path:
        """Writes the last checkpoint and run.json. Returns the folder."""
        if self._rates:
            raise PalimpsestError("the optimizer has made a step that was not recorded")
        if not (self._every and self._writer.steps % self._every == 0) and self._writer.steps:
            self._checkpoint()
        folder = self._writer.finish()
        self.close()
        return folder

    def close(self) -> None:
        """Stops recording and frees the folder. Without `finish` it is no run."""
        self._hook.remove()
        self._writer.close()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.finish()
        self.close()

    def _stepped(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        self._rates.append(float(optimizer.param_groups[0]["lr"]))

    def _checkpoint(self) -> None:
        arrays = checkpoint_arrays(self._module, self._module.state_dict(), self._names)
        parameters = [name for name, _ in self._module.named_parameters()]
        # The state is in the order of the model's parameters; with running statistics between them
        # there is no such order.
        state = self._state() if set(arrays) == set(parameters) else None
        self._writer.checkpoint(arrays, state)

    def _state(self) -> dict[str, np.ndarray]:
        keys = {
            "momentum": {"momentum": "momentum_buffer"},
            "nesterov": {"momentum": "momentum_buffer"},
            "adam": {"first-moment": "exp_avg", "second-moment": "exp_avg_sq"},
            "adamw": {"first-moment": "exp_avg", "second-moment": "exp_avg_sq"},
        }.get(self._rule.name, {})
        # The model's order: that of a SPEC is its own, however the module came by its parameters.
        parameters = dict(self._module.named_parameters())
        vectors = {}
        for name, key in keys.items():
            parts = []
            for parameter in (parameters[own] for own in self._names):
                value = self._optimizer.state.get(parameter, {}).get(key)
                parts.append(torch.zeros_like(parameter) if value is None else value)
            vectors[name] = np.concatenate([to_numpy(part).ravel() for part in parts])
        return vectors

    def _check_parameters(self) -> None:
        stepped = {id(p) for group in self._optimizer.param_groups for p in group["params"]}
        own = {id(parameter): name for name, parameter in self._module.named_parameters()}
        if missing := [name for key, name in own.items() if key not in stepped]:
            raise PalimpsestError(f"{missing[0]}: the optimizer does not step this parameter")
        if stepped - own.keys():
            raise PalimpsestError("the optimizer steps parameters that the module does not have")


def optimizer_rule(optimizer: torch.optim.Optimizer, clip_norm: float | None = None) -> Optimizer:
    """The rule and the constants of an optimizer of PyTorch.

    Raises:
        PalimpsestError: where a record cannot say what it does.
    """
    first = {key: value for key, value in optimizer.param_groups[0].items() if key != "params"}
    for group in optimizer.param_groups[1:]:
        for key, value in first.items():
            if group[key] != value and key not in ("initial_lr", "param_names"):
                raise PalimpsestError(
                    f"the optimizer's groups differ in {key} ({value} and {group[key]}); a record "
                    "has one for all parameters"
                )
    for key in ("amsgrad", "maximize", "dampening"):
        if first.get(key):
            raise PalimpsestError(f"{key}={first[key]}: a record cannot say that")
    decay = float(first.get("weight_decay", 0))
    kind = type(optimizer)
    if kind is torch.optim.SGD:
        momentum = float(first["momentum"])
        name = "nesterov" if first["nesterov"] else "momentum" if momentum else "sgd"
        return Optimizer(name, momentum=momentum, weight_decay=decay, decay_kind="coupled",
                         clip_norm=clip_norm)  # fmt: skip
    if kind in (torch.optim.Adam, torch.optim.AdamW):
        decoupled = kind is torch.optim.AdamW or bool(first.get("decoupled_weight_decay"))
        return Optimizer(
            "adamw" if decoupled else "adam", beta1=float(first["betas"][0]),
            beta2=float(first["betas"][1]), epsilon=float(first["eps"]), weight_decay=decay,
            decay_kind="decoupled" if decoupled else "coupled", clip_norm=clip_norm,
        )  # fmt: skip
    raise PalimpsestError(
        f"{kind.__name__}: no rule of the records; there are torch.optim.SGD, Adam and AdamW"
    )
