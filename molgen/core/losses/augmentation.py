r"""Score augmentation: a share of the noised points is turned inside out, and the model is told.

An orthogonal map A takes x_t = m x_0 + s eps to m A x_0 + s A eps, with A eps as white as eps. So
to transform noised points, and ask for the transformed answer (Hou et al. 2025), is the same here
as to transform the data before they are noised (Karras et al. 2022, appendix F.2):

    grad log q_A(A x, t) = A grad log q(x, t)

The model is told of A, zero for none, and zero is what it is told when it draws: nothing of the
augmented data leaks into what it draws. A = -1 is the one such map that every flat field has. For
positions it makes the mirror image, which the geometry of a molecule has in common with it, but for
its chirality; maps that change lengths are left out, as the closed-form base of the energies would
be wrong for them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import Processes
from molgen.core.processes.linear import LinearProcess
from molgen.errors import UsageError

INVERTED = "inverted"
"""What a batch is given: `[graphs]`, one where a graph is inside out, else zero."""


def inverted(batch: Batch) -> Tensor:
    """Which graphs are inside out: `[graphs]`, ones and zeros; none of them if nobody says."""
    like = next(iter(batch.state.values()))
    told = batch.given.get(INVERTED)
    return like.new_zeros(batch.graphs) if told is None else told


def invert(
    processes: Processes,
    batch: Batch,
    scores: Mapping[str, Tensor],
    share: float,
    generator: torch.Generator | None,
) -> tuple[Batch, dict[str, Tensor]]:
    """A noised batch, and its conditional scores, with a share of the graphs inside out.

    Raises:
        UsageError: a field has no such map.
    """
    for name, process in processes.items():
        if not isinstance(process, LinearProcess):
            raise UsageError(f"augment: field '{name}' cannot be turned inside out")
    like = next(iter(batch.state.values()))
    draw = torch.rand(batch.graphs, generator=generator, device=like.device)
    told = (draw < share).to(like)
    rows, sign = batch.rows, 1 - 2 * told
    turned = batch.replace(
        **{name: rows[name].spread(sign, x) * x for name, x in batch.state.items()}
    )
    turned = dataclasses.replace(
        turned,
        rows={**rows, INVERTED: DenseRows(batch.graphs, ())},
        given={**batch.given, INVERTED: told},
    )
    return turned, {name: rows[name].spread(sign, s) * s for name, s in scores.items()}


def require_told(model: Any) -> None:
    """Refuse a model that would take augmented points for data.

    Raises:
        UsageError: it is not told which points are inside out.
    """
    if not getattr(model, "augmented", False):
        raise UsageError(
            "augment is for models that are told of it: networks of beads and of coordinates; "
            "others would draw mirror images"
        )
