"""The losses as the command computes them."""

import torch
import torch.nn.functional as F
from torch import nn

from palimpsest.errors import PalimpsestError
from palimpsest.record import LOSSES, Loss

IGNORED_LABEL = -100

# What PyTorch calls them, by module and by function.
MODULES: dict[type, str] = {
    nn.CrossEntropyLoss: "cross-entropy",
    nn.BCEWithLogitsLoss: "binary-cross-entropy",
    nn.MSELoss: "squared-error",
}
FUNCTIONS = {
    F.cross_entropy: "cross-entropy",
    F.binary_cross_entropy_with_logits: "binary-cross-entropy",
    F.mse_loss: "squared-error",
}


def loss_name(loss: object) -> Loss:
    """The name of a loss of PyTorch's, as the command knows it.

    Args:
        loss: one of the names, or PyTorch's own module or function without options of its own
            (a mean, or `reduction="none"`, of which the loop takes the mean).

    Raises:
        PalimpsestError: where it is another loss; the text says which are there and what to do.
    """
    known = ", ".join(LOSSES)
    if isinstance(loss, str):
        if loss in LOSSES:
            return loss  # type: ignore[return-value]
        raise PalimpsestError(f'"{loss}": no such loss; there are {known}')
    if isinstance(loss, nn.Module) and (name := MODULES.get(type(loss))):
        options = {
            "weight": getattr(loss, "weight", None) is not None,
            "pos_weight": getattr(loss, "pos_weight", None) is not None,
            "label_smoothing": getattr(loss, "label_smoothing", 0) != 0,
            "ignore_index": getattr(loss, "ignore_index", IGNORED_LABEL) != IGNORED_LABEL,
            "reduction": getattr(loss, "reduction", "mean") == "sum",
        }
        if used := [option for option, is_used in options.items() if is_used]:
            raise PalimpsestError(
                f"{type(loss).__name__} with {used[0]}: only the plain {name} is known, and scores "
                f'by it would be of another loss than was trained; train with the plain loss, or '
                f'pass "{name}" to ask for scores by that'
            )
        return name  # type: ignore[return-value]
    try:
        if name := FUNCTIONS.get(loss):  # type: ignore[call-overload]
            return name  # type: ignore[return-value]
    except TypeError:  # What cannot be a key is no function.
        pass
    name = getattr(loss, "__name__", type(loss).__name__)
    raise PalimpsestError(
        f"{name}: a loss of this kind is not known; there are {known}. One logit with "
        'BCEWithLogitsLoss is "binary-cross-entropy"; what else the loss adds to one of them has '
        "to be left out of the training, or the scores are of another loss"
    )


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
