"""The losses as the command computes them."""

import torch
import torch.nn.functional as F

from palimpsest.errors import PalimpsestError
from palimpsest.record import LOSSES

IGNORED_LABEL = -100


def item_losses(
    outputs: torch.Tensor, y: torch.Tensor, loss: str = "cross-entropy"
) -> torch.Tensor:
    """The loss of each item `[B]`.

    Args:
        outputs: logits `[B, O]` or `[B, T, O]`, or predictions.
        y: labels `[B]` or `[B, T]`, of which -100 is ignored, or targets in the outputs' shape.
        loss: `cross-entropy`: the mean over the positions that have a label, 0 where none has;
            `binary-cross-entropy`: the mean over the outputs, which are logits, for targets from 0
            to 1; `squared-error`: the mean over the outputs.
    """
    if loss == "squared-error":
        return (outputs - y.reshape(outputs.shape)).square().flatten(1).mean(1)
    if loss == "binary-cross-entropy":
        targets = y.reshape(outputs.shape).to(outputs.dtype)
        losses = F.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        return losses.flatten(1).mean(1)
    if loss != "cross-entropy":
        raise PalimpsestError(f'"{loss}": no such loss; there are {", ".join(LOSSES)}')
    losses = F.cross_entropy(
        outputs.reshape(-1, outputs.shape[-1]), y.reshape(-1), reduction="none",
        ignore_index=IGNORED_LABEL,
    )  # fmt: skip
    labelled = (y != IGNORED_LABEL).reshape(len(y), -1)
    return losses.reshape(len(y), -1).sum(1) / labelled.sum(1).clamp(min=1)


def batch_loss(outputs: torch.Tensor, y: torch.Tensor, loss: str = "cross-entropy") -> torch.Tensor:
    """The mean over the items of a batch: what a step of a recorded run has to go down by.

    It divides by the number of items also where labels are ignored, unlike PyTorch's own mean; the
    two are the same where every item has all its labels.
    """
    return item_losses(outputs, y, loss).mean()
