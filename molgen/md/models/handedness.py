"""Signed volumes of learned arrows: what tells a noised molecule from its mirror image.

Volumes of neighbouring atoms do it where noise is small. Where it is as long as a bond, their signs
are lost, and which way a chain turns is spread over quadruples of atoms that are far apart, more of
them than a network could be shown: it learns which to look at.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

LEVEL = 5.0
"""Where a volume levels off: cubic growth would let samples run away."""


class Handedness(nn.Module):
    """a.(b x c) of arrows that are learned sums of positions.

    Args:
        atoms: number of them.
        volumes: how many.
    """

    def __init__(self, atoms: int, volumes: int) -> None:
        super().__init__()
        self.arrows = nn.Parameter(torch.randn(3 * volumes, atoms) / atoms**0.5)

    def forward(self, y: Tensor, there: Tensor | None = None) -> Tensor:
        """`[n, volumes]` of positions `[n, atoms, 3]` of unit size.

        `there`: `[n, atoms]`, one for atoms that there are, else zero; all are if None.
        """
        if there is None:
            y = y - y.mean(1, keepdim=True)
        else:
            centre = (y * there[..., None]).sum(1, keepdim=True) / there.sum(1)[:, None, None]
            y = (y - centre) * there[..., None]
        a, b, c = (self.arrows @ y).chunk(3, dim=1)
        volumes = (a * torch.linalg.cross(b, c)).sum(-1)
        return volumes * torch.rsqrt(1 + (volumes / LEVEL).square())

    def restricted(self, atoms: Tensor) -> Handedness:
        """The same for molecules that have only these atoms, int64 `[k]`."""
        own = Handedness(len(atoms), len(self.arrows) // 3)
        with torch.no_grad():
            own.arrows.copy_(self.arrows[:, atoms])
        return own
