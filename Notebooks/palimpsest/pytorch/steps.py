"""Whether a loop does what its record says."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.func import functional_call

from palimpsest.errors import PalimpsestError
from palimpsest.pytorch.losses import batch_loss
from palimpsest.pytorch.modules import Inputs, as_tuple, examples

# Of the length of the gradient; mixed precision makes some ten times as much.
TOLERANCE = 1e-3
# Rounding may be so many times what one precision more makes of the gradient.
FACTOR = 20.0
# After these steps, the ones whose numbers are powers of two.
FIRST = 3

CAUSES = (
    "another loss than batch_loss (class weights, label smoothing, labels shifted inside), "
    "augmented or other inputs than these rows, mixed precision (autocast), rows of other steps "
    "accumulated, or clipping by something else than clip_norm"
)


class StepCheck:
    """Computes the gradients of some steps again from the rows that are recorded for them."""

    def __init__(
        self, module: nn.Module, optimizer: torch.optim.Optimizer, trained: Sequence[str],
        train: tuple[Inputs, torch.Tensor | np.ndarray], loss: str, clip_norm: float | None,
    ):  # fmt: skip
        self._module, self._trained, self._loss = module, list(trained), loss
        self._clip_norm = clip_norm
        self._inputs, self._targets = as_tuple(train[0]), torch.as_tensor(train[1])
        self._count = 0
        self._seen: tuple[dict[str, torch.Tensor], dict[str, torch.Tensor | None]] | None = None
        self._sums = self._fingerprint()
        self._hooks = [
            optimizer.register_step_pre_hook(self._before),
            optimizer.register_step_post_hook(self._after),
        ]

    @staticmethod
    def reached(
        module: nn.Module, train: tuple[Inputs, torch.Tensor | np.ndarray]
    ) -> set[str]:
        """The parameters that a gradient reaches."""
        parameters = {n: p for n, p in module.named_parameters() if p.requires_grad}
        some = next(iter(parameters.values()))
        (example,) = (
            tuple(part.to(some.device) for part in parts)
            for parts in examples(train[0], 1, some.dtype)
        )
        output = module(*example)
        if not output.requires_grad:
            return set()
        slopes = torch.autograd.grad(output.sum(), list(parameters.values()), allow_unused=True)
        return {name for name, slope in zip(parameters, slopes) if slope is not None}

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()

    @staticmethod
    def is_due(step: int) -> bool:
        """Whether a step is computed again."""
        return step < FIRST or step & (step - 1) == 0

    def check(self, step: int, rows: Sequence[int]) -> None:
        """Refuses a step that the rows do not lead to.

        Raises:
            PalimpsestError: with what it looks like.
        """
        if self._seen is None:
            return
        (parameters, seen), self._seen = self._seen, None
        expected = self._gradient(parameters, rows, None)
        found = torch.cat([
            torch.zeros_like(parameters[name]).flatten() if slope is None else slope.flatten()
            for name, slope in seen.items()
        ])  # fmt: skip
        if not torch.isfinite(found).all():
            raise PalimpsestError(f"step {step}: the gradient is not finite; the run has diverged")
        missed, length = float((found - expected).norm()), float(expected.norm())
        tolerance = TOLERANCE if expected.dtype != torch.float64 else 1e-6 * TOLERANCE
        if missed <= tolerance * length:
            return
        wide = self._gradient(parameters, rows, torch.float64)
        unit = 1.0 if expected.dtype != torch.float64 else 2.0**-29
        other = wide if unit == 1.0 else self._gradient(parameters, rows, torch.float32)
        rounding = float((other.to(torch.float64) - expected.to(torch.float64)).norm()) * unit
        if missed <= FACTOR * rounding:
            return
        raise PalimpsestError(f"step {step}: {self._words(found, expected, len(rows))}")

    def _words(self, found: torch.Tensor, expected: torch.Tensor, count: int) -> str:
        length = float(expected.norm())
        share = float((found - expected).norm()) / max(length, 1e-300)
        ratio = float(found @ expected) / max(length, 1e-300) ** 2
        if float((found - ratio * expected).norm()) <= TOLERANCE * float(found.norm()):
            text = f"the gradient is {ratio:.4g} times that of batch_loss on these rows: "
            if abs(ratio - count) < 0.01 * count:
                return text + "a sum over the items instead of their mean?"
            if ratio < 1 and self._clip_norm is None:
                return text + "does the loop clip it? Then give clip_norm to the recorder"
            return text + "a loss that is divided or scaled otherwise, or another clip_norm"
        return (
            f"the gradient differs from that of batch_loss on these rows by {share:.2g} of its "
            f"length, so the record would not be the run. Likely causes: {CAUSES}"
        )

    def _gradient(
        self, parameters: dict[str, torch.Tensor], rows: Sequence[int], kind: torch.dtype | None
    ) -> torch.Tensor:
        """The gradient of the batch, clipped as the loop says."""
        some = next(iter(parameters.values()))
        kind, place = kind or some.dtype, some.device
        values = {
            name: value.to(kind) if value.is_floating_point() else value
            for name, value in (*self._module.named_parameters(), *self._module.named_buffers())
        }
        own = {name: parameters[name].to(kind).requires_grad_() for name in self._trained}
        rows = torch.as_tensor(list(rows))
        inputs = tuple(
            (part[rows].to(kind) if part.is_floating_point() else part[rows]).to(place)
            for part in self._inputs
        )
        targets = self._targets[rows].to(place)
        if targets.is_floating_point():
            targets = targets.to(kind)
        with torch.enable_grad():
            outputs = functional_call(
                self._module, {n: v.detach() for n, v in values.items()} | own, inputs
            )
            loss = batch_loss(outputs, targets, self._loss)
            slopes = torch.autograd.grad(loss, list(own.values()), allow_unused=True)
        flat = torch.cat([
            (torch.zeros_like(value) if slope is None else slope).flatten()
            for value, slope in zip(own.values(), slopes)
        ]).detach()  # fmt: skip
        if self._clip_norm is not None:
            flat = flat * min(1.0, self._clip_norm / (float(flat.norm()) + 1e-6))
        return flat

    def _before(
        self, optimizer: torch.optim.Optimizer, arguments: tuple, options: dict
    ) -> None:
        # The first argument is the optimizer itself.
        if any(part is not None for part in (*arguments[1:], options.get("closure"))):
            raise PalimpsestError(
                "optimizer.step(closure) may take several gradients in one step; a record has one "
                "for each step: call backward before optimizer.step()"
            )
        sums = self._fingerprint()
        if not all(map(math.isfinite, sums)):
            raise PalimpsestError(
                f"step {self._count}: a parameter is not finite; the run has diverged"
            )
        if sums != self._sums:
            raise PalimpsestError(
                f"step {self._count}: the parameters have changed since the step before; a record "
                "knows no other change than the optimizer's steps: keep averaged (EMA), clamped "
                "or loaded weights in a copy of the module"
            )
        if self.is_due(self._count):
            parameters = {name: self._module.get_parameter(name) for name in self._trained}
            self._seen = (
                {name: value.detach().clone() for name, value in parameters.items()},
                {n: None if v.grad is None else v.grad.clone() for n, v in parameters.items()},
            )

    def _after(self, *_: object) -> None:
        self._count += 1
        self._sums = self._fingerprint()

    def _fingerprint(self) -> list[float]:
        sums = [
            self._module.get_parameter(name).detach().sum(dtype=torch.float64)
            for name in self._trained
        ]
        return torch.stack(sums).tolist()
