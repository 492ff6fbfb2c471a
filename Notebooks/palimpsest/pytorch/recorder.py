"""Records a training run of PyTorch while it goes on."""

import os
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import torch
from torch import nn

from palimpsest.errors import PalimpsestError
from palimpsest.pytorch.export import initializer_names, trained_onnx_bytes
from palimpsest.pytorch.losses import loss_name
from palimpsest.pytorch.modules import (
    Inputs,
    check_module,
    joined,
    plain,
    to_numpy,
    trained_names,
)
from palimpsest.pytorch.rules import Rule, optimizer_rule
from palimpsest.pytorch.scoring import checkpoint_arrays, inputs_and_targets, targets_array
from palimpsest.pytorch.steps import StepCheck
from palimpsest.record import MODEL_FILE, Dataset, Loss, RunWriter
from palimpsest.specifications import parameter_shapes

Data = tuple[Inputs, torch.Tensor | np.ndarray]

# Rounding grows from step to step, and faster under Adam: after ten steps it is still far below
# what an account may miss, after forty it no longer is.
USUAL_INTERVAL = 10
# Checkpoints of the usual interval take no more; from there on every second one is left out.
MOST_BYTES = 4 << 30


class Recorder(AbstractContextManager):
    """Writes a run record from a training loop.

        with Recorder("run", module, optimizer, (x, y)) as recorder:
            for rows in batches:
                loss = batch_loss(module(x[rows]), y[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                recorder.step(rows, loss)

    Begin before the first step. The record says what the loop did, so the loop has to do what a
    record can say: the loss of a step is the mean over its items (`batch_loss`), one optimizer steps
    the parameters, nothing is random, and nothing but `optimizer.step` changes the parameters.
    Groups may have learning rates and weight decays of their own; what is frozen or not given to
    the optimizer is recorded as not trained. The learning rates are the optimizer's at its step; a
    scheduler may change them after. Where gradients are accumulated, call `step` once after
    `optimizer.step`, with the rows of all parts.

    The first steps, and later ever fewer, are computed again from their rows: a loop that does
    something else than it says is refused then, and not after its end. The run ends with the `with`
    statement; where that ends by an error, the folder is no run.
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
            optimizer: `torch.optim.SGD`, `Adam` or `AdamW` of parameters of the module.
            train: inputs `[N, ...]` (or a tuple of several) and labels or targets.
            test: items to ask for, likewise.
            loss: of one item.
            model: the SPEC of a built-in model that the module is, such as `mlp:64-32-10:tanh`;
                without it the module is exported to `model.onnx`.
            checkpoint_every: steps between checkpoints; the first and the last are always made.
                Without it there is one every ten steps, and fewer where they would take more than
                4 GiB.
            clip_norm: what the loop gives to `clip_grad_norm_`, where it does.
            seed: for the record.
            ids, groups: a text for each training item.
        """
        loss = loss_name(loss)
        train = inputs_and_targets(train, "train")
        test = test and inputs_and_targets(test, "test")
        self._module, self._optimizer = plain(module), optimizer
        self._clip_norm, self._every = clip_norm, checkpoint_every or USUAL_INTERVAL
        self._thins = checkpoint_every is None
        self._bytes = 0
        if checkpoint_every is not None and checkpoint_every < 1:
            raise PalimpsestError(f"checkpoint_every: found {checkpoint_every}, expected 1 or more")
        check_module(self._module)
        if any(optimizer.state.values()):
            raise PalimpsestError("the optimizer has stepped before: begin before the first step")
        if model is None:
            self._check_buffers()
        stepped = self._stepped_names()
        content = None if model else trained_onnx_bytes(self._module, train[0], stepped)
        # In the order of the file, or of the SPEC, with what is trained first: that of the vectors.
        names = initializer_names(content) if content else list(parameter_shapes(model or ""))
        reached = StepCheck.reached(self._module, train)
        self._trained = [name for name in names if name in stepped and name in reached]
        others = [name for name in names if name not in self._trained]
        self._names = self._trained + others
        self._frozen = {
            name: parameter.detach().clone()
            for name, parameter in self._module.named_parameters() if name in others
        }  # fmt: skip
        self._rule = optimizer_rule(optimizer, self._module, self._trained, clip_norm)
        self._rates: list[list[float]] = []  # Of the optimizer's steps not recorded yet.
        self._writer = RunWriter(
            folder, model or MODEL_FILE, self._rule.optimizer,
            Dataset(joined(train[0]), targets_array(train[1], loss), ids, groups),
            test and Dataset(joined(test[0]), targets_array(test[1], loss)),
            loss=loss, seed=seed, onnx=content, groups=self._rule.groups,
            constants=others if model else (),
            environment={"torch": str(torch.__version__)},
        )  # fmt: skip
        self._hook = optimizer.register_step_post_hook(self._stepped)
        self._check = StepCheck(self._module, optimizer, self._trained, train, loss, clip_norm)
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
        rule = optimizer_rule(self._optimizer, self._module, self._trained, self._clip_norm)
        if rule != self._rule:
            raise PalimpsestError(
                f"step {self._writer.steps}: the optimizer's constants have changed; a record has "
                "one value of each, and a learning rate for each step"
            )
        batch = rows.tolist() if isinstance(rows, torch.Tensor) else rows
        value = loss.item() if isinstance(loss, torch.Tensor) else loss
        rates = self._rates.pop()
        step = self._writer.steps
        own = [rates[index] for index in self._rule.places]
        self._writer.step(batch, own[0], value, own[1:])
        if self._check.is_due(step):
            self._check_frozen()
        self._check.check(step, batch)
        if self._writer.steps % self._every == 0:
            self._checkpoint()

    def finish(self) -> Path:
        """Writes the last checkpoint and run.json. Returns the folder."""
        if self._rates:
            raise PalimpsestError("the optimizer has made a step that was not recorded")
        if self._writer.steps % self._every != 0:
            self._checkpoint()
        folder = self._writer.finish()
        self.close()
        return folder

    def close(self) -> None:
        """Stops recording and frees the folder. Without `finish` it is no run."""
        self._hook.remove()
        self._check.close()
        self._writer.close()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.finish()
        finally:
            self.close()

    def _stepped(self, optimizer: torch.optim.Optimizer, *_: object) -> None:
        self._rates.append([float(group["lr"]) for group in optimizer.param_groups])

    def _stepped_names(self) -> list[str]:
        """The parameters that ask for a gradient and that the optimizer has."""
        given = {id(p) for group in self._optimizer.param_groups for p in group["params"]}
        parameters = dict(self._module.named_parameters())
        if given - {id(parameter) for parameter in parameters.values()}:
            raise PalimpsestError("the optimizer steps parameters that the module does not have")
        names = [name for name in trained_names(self._module) if id(parameters[name]) in given]
        if not names:
            raise PalimpsestError("the optimizer has no parameter of the module that asks for a "
                                  "gradient")  # fmt: skip
        return names

    def _check_buffers(self) -> None:
        """The exported file holds numbers of float32, and a replay in float64 computes with those."""
        for name, buffer in self._module.named_buffers():
            if buffer.dtype == torch.float64 and not torch.equal(buffer, buffer.float().double()):
                raise PalimpsestError(
                    f"{name}: a buffer of float64 that float32 does not hold exactly, which the "
                    "exported file would round; round it before: "
                    f"module.{name}.copy_(module.{name}.float())"
                )

    def _check_frozen(self) -> None:
        for name, value in self._frozen.items():
            if not torch.equal(self._module.get_parameter(name).detach(), value):
                raise PalimpsestError(
                    f"step {self._writer.steps}: {name} has changed, and the optimizer of the "
                    "record does not step it"
                )

    def _checkpoint(self) -> None:
        self._check_frozen()
        arrays = checkpoint_arrays(self._module, self._module.state_dict(), self._names)
        state = self._state(arrays)
        self._writer.checkpoint(arrays, state)
        self._bytes += sum(a.nbytes for a in (*arrays.values(), *state.values()))
        while self._thins and self._bytes > MOST_BYTES and self._thin():
            pass

    def _thin(self) -> bool:
        """Leaves out every second checkpoint; whether there was one to leave out."""
        steps = [s for s in self._writer.checkpoints if s % (2 * self._every)]
        if len(self._writer.checkpoints) < 4 or not steps:
            return False
        size = self._bytes / len(self._writer.checkpoints)
        for step in steps:
            if step != self._writer.steps:
                self._writer.drop(step)
                self._bytes -= int(size)
        self._every *= 2
        warnings.warn(
            f"the checkpoints would take more than {MOST_BYTES >> 30} GiB: from now on there is one "
            f"every {self._every} steps. An account may not add up over so many; checkpoint_every "
            "keeps as many as you ask for",
            stacklevel=2,
        )
        return True

    def _state(self, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        keys = {
            "momentum": {"momentum": "momentum_buffer"},
            "nesterov": {"momentum": "momentum_buffer"},
            "adam": {"first-moment": "exp_avg", "second-moment": "exp_avg_sq"},
            "adamw": {"first-moment": "exp_avg", "second-moment": "exp_avg_sq"},
        }.get(self._rule.optimizer.name, {})
        parameters = dict(self._module.named_parameters())
        vectors = {}
        for name, key in keys.items():
            parts = []
            for own in self._names:
                moved = self._optimizer.state.get(parameters.get(own), {}).get(key)
                part = np.zeros_like(arrays[own]) if moved is None else to_numpy(moved)
                parts.append(part.ravel())
            vectors[name] = np.concatenate(parts)
        return vectors
