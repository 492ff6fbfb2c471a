"""The rules of PyTorch's optimizers as a record has them."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from palimpsest.errors import PalimpsestError
from palimpsest.record import Group, Optimizer

# What groups may have of their own; of the others a record has one value for all parameters.
OF_GROUPS = ("lr", "weight_decay", "params", "initial_lr", "param_names", "max_lr", "min_lr")
# How a step is computed, not what it is.
OF_COMPUTING = ("foreach", "fused", "capturable", "differentiable")


@dataclass(frozen=True)
class Rule:
    """An optimizer with its groups.

    Attributes:
        optimizer: the rule, with the decay of the first group.
        groups: the other groups that step a trained parameter.
        places: where in the optimizer's own groups the first one and each of `groups` stands.
    """

    optimizer: Optimizer
    groups: tuple[Group, ...]
    places: tuple[int, ...]


def optimizer_rule(
    optimizer: torch.optim.Optimizer, module: nn.Module, trained: Sequence[str],
    clip_norm: float | None = None,
) -> Rule:  # fmt: skip
    """The rule, the constants and the groups of an optimizer of PyTorch.

    Args:
        module: whose parameters it steps.
        trained: their names.
        clip_norm: what gradients are clipped to before a step.

    Raises:
        PalimpsestError: where a record cannot say what it does.
    """
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    members: list[tuple[int, tuple[str, ...]]] = []
    for place, group in enumerate(optimizer.param_groups):
        own = tuple(
            names[id(p)] for p in group["params"] if id(p) in names and names[id(p)] in trained
        )
        if own:
            members.append((place, own))
    first = optimizer.param_groups[members[0][0] if members else 0]
    for place, _ in members[1:]:
        for key, value in first.items():
            other = optimizer.param_groups[place].get(key)
            if key not in (*OF_GROUPS, *OF_COMPUTING) and other != value:
                raise PalimpsestError(
                    f"the optimizer's groups differ in {key} ({value} and {other}); a record has "
                    "one for all parameters: groups may have their own lr and weight_decay"
                )
    groups = tuple(
        Group(own, float(optimizer.param_groups[place].get("weight_decay", 0)))
        for place, own in members[1:]
    )
    return Rule(
        _single(optimizer, first, clip_norm), groups, tuple(place for place, _ in members)
    )


def _single(
    optimizer: torch.optim.Optimizer, group: dict, clip_norm: float | None
) -> Optimizer:
    for key in ("amsgrad", "maximize", "dampening"):
        if group.get(key):
            raise PalimpsestError(f"{key}={group[key]}: a record cannot say that")
    decay = float(group.get("weight_decay", 0))
    kind = type(optimizer)
    if kind is torch.optim.SGD:
        momentum = float(group["momentum"])
        name = "nesterov" if group["nesterov"] else "momentum" if momentum else "sgd"
        return Optimizer(name, momentum=momentum, weight_decay=decay, decay_kind="coupled",
                         clip_norm=clip_norm)  # fmt: skip
    if kind in (torch.optim.Adam, torch.optim.AdamW):
        decoupled = kind is torch.optim.AdamW or bool(group.get("decoupled_weight_decay"))
        return Optimizer(
            "adamw" if decoupled else "adam", beta1=float(group["betas"][0]),
            beta2=float(group["betas"][1]), epsilon=float(group["eps"]), weight_decay=decay,
            decay_kind="decoupled" if decoupled else "coupled", clip_norm=clip_norm,
        )  # fmt: skip
    raise PalimpsestError(
        f"{kind.__name__}: no rule of the records; there are torch.optim.SGD, Adam and AdamW"
    )
