"""What training needs of a pillar: a model, its processes, its losses, and batches of data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from molgen.core.batch import Batch
from molgen.core.losses.loss import Loss
from molgen.core.processes import Processes


@dataclass(frozen=True)
class WeightedLoss:
    """A loss and its weight in the sum."""

    loss: Loss
    weight: float


@dataclass(frozen=True)
class Task:
    """Everything `train` loops over; built from a recipe by the pillar's `build(recipe)`.

    Attributes:
        processes: the forward process of each field.
        model: a `ScoreModel` or `EnergyModel`; its parameters are trained.
        losses: summed by weight.
        draw: `draw(count, generator)` gives a clean training batch on the generator's device.
        held_out: a clean batch that training never sees, for validation.
        meta: JSON-able; with the recipe it is all that rebuilding the model takes.
        translate: of the weights and meta of another run, weights for this model, which may number
            otherwise what they are of, such as types of atoms; None if all runs number alike.
    """

    processes: Processes
    model: nn.Module
    losses: Sequence[WeightedLoss]
    draw: Callable[[int, torch.Generator], Batch]
    held_out: Batch
    meta: dict[str, Any]
    translate: Callable[[Mapping[str, Tensor], Mapping[str, Any]], dict[str, Tensor]] | None = None
