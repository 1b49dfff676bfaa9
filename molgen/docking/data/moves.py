"""The same complex seen otherwise: turned, off its centre, its pocket's atoms shaken."""

from __future__ import annotations

import torch
from pydantic import NonNegativeFloat
from torch import Tensor

from molgen.config import Table
from molgen.core.manifolds import so3
from molgen.docking.data.system import System


class Jitter(Table):
    """How much of it, nm along each axis.

    Attributes:
        centre: of the pocket's centre.
        atoms: of each atom of the pocket.
    """

    centre: NonNegativeFloat = 0.1
    atoms: NonNegativeFloat = 0.01


def moved(
    system: System, jitter: Jitter, generator: torch.Generator
) -> tuple[System, Tensor, Tensor]:
    """The system in a random orientation, the rotation `[3, 3]`, and the shift `[3]` before it."""

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, device=generator.device).cpu()

    turn = so3.of_normal(normal(4))
    shift = jitter.centre * normal(3)
    pocket = system.pocket + jitter.atoms * normal(*system.pocket.shape)
    seen = system.replace(
        pocket=(pocket + shift) @ turn.T,
        trans=(system.trans + shift) @ turn.T,
        rot=turn @ system.rot,
    )
    return seen, turn, shift
