r"""Energies on the way from one density to another.

    H_l(x) = (1 - l) H_0(x) + l u_l(x),    l from 0 to 1,    all in kT

Atoms that were placed into one another have energies of no use: far above what is usual, u_l grows
with the logarithm of the target u only, above a level that rises to infinity,

    u_l = u_0 + c log(1 + (u - u_0) / c)   where u > u_0,    c = softness / (1 - l),    u_1 = u
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Energy = Callable[[Tensor], tuple[Tensor, Tensor]]
"""kT `[n]` and forces, kT/nm, of float32 positions `[n, atoms, dims]` nm."""

Seen = tuple[Tensor, Tensor, Tensor, Tensor]
"""H_0, its forces, u and its forces."""


@dataclass(frozen=True)
class Path:
    """Energies between two densities.

    Attributes:
        start: H_0.
        target: u.
        usual: u_0, kT, an energy that is usual of the target.
        softness: kT.
    """

    start: Energy
    target: Energy
    usual: float
    softness: float

    def look(self, x: Tensor) -> Seen:
        """What there is at `x`."""
        x = x.float()
        (first, first_forces), (last, last_forces) = self.start(x), self.target(x)
        return first.double(), first_forces, last.double(), last_forces

    def at(self, share: float, seen: Seen) -> tuple[Tensor, Tensor]:
        """H_l `[n]` and its forces, for l = `share`, of what `look` saw."""
        first, first_forces, last, last_forces = seen
        if share < 1:
            level = self.softness / (1 - share)
            above = (last - self.usual).clamp_min(0) / level
            last = torch.where(above > 0, self.usual + level * torch.log1p(above), last)
            last_forces = last_forces / (1 + above).to(last_forces)[:, None, None]
        energy = (1 - share) * first + share * last
        return energy, (1 - share) * first_forces + share * last_forces
