"""Arrows from bead to bead, as a product with a matrix.

Not by indexing: the gradient of that is a scatter, which on a CPU is slow, and which torch.compile
(2.13) may order after the sum that needs it, so that forces lack it without a word.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Arrows(nn.Module):
    """y[end] - y[start] of pairs of beads.

    Args:
        starts: int64 `[arrows]`.
        ends: int64 `[arrows]`.
        beads: number of them.
    """

    incidence: Tensor

    def __init__(self, starts: Tensor, ends: Tensor, beads: int) -> None:
        super().__init__()
        incidence = chosen(ends, beads) - chosen(starts, beads)
        self.register_buffer("incidence", incidence, persistent=False)

    @classmethod
    def between(cls, pairs: Tensor, beads: int) -> Arrows:
        """From the second of each pair `[pairs, 2]` to the first."""
        return cls(pairs[:, 1], pairs[:, 0], beads)

    @classmethod
    def from_first(cls, quadruples: Tensor, beads: int) -> Arrows:
        """To the second of each four `[fours, 4]`, then to each third, then to each fourth."""
        return cls(quadruples[:, 0].repeat(3), quadruples[:, 1:].T.flatten(), beads)

    @classmethod
    def along(cls, chains: Tensor, beads: int) -> Arrows:
        """The first steps of all chains `[chains, 4]`, then the second, then the third."""
        return cls(chains[:, :3].T.flatten(), chains[:, 1:].T.flatten(), beads)

    def forward(self, y: Tensor) -> Tensor:
        """`[n, arrows, 3]` of positions `[n, beads, 3]`."""
        return (y.mT @ self.incidence.to(y)).mT


def chosen(index: Tensor, size: int) -> Tensor:
    """`[size, picked]`: x @ chosen is x[:, index]."""
    return torch.nn.functional.one_hot(index, size).T.float()


def volumes_of(arrows: Tensor) -> Tensor:
    """a.(b x c) `[n, fours]` of what `Arrows.from_first` gives."""
    a, b, c = arrows.chunk(3, dim=1)
    return (a * torch.linalg.cross(b, c)).sum(-1)


def torsions_of(arrows: Tensor, soft: float = 0.1) -> Tensor:
    """cos, sin, cos 2 and sin 2 of each dihedral, `[n, 4 chains]`, of what `Arrows.along` gives.

    `soft` (in squared areas of a unit-variance molecule) keeps them smooth where three beads are
    in line.
    """
    a, b, c = arrows.chunk(3, dim=1)
    left, right = torch.linalg.cross(a, b), torch.linalg.cross(b, c)
    norm = torch.rsqrt((left.square().sum(-1) + soft) * (right.square().sum(-1) + soft))
    cosine = (left * right).sum(-1) * norm
    sine = (a * right).sum(-1) * torch.sqrt(b.square().sum(-1) + 1e-6) * norm
    return torch.cat([cosine, sine, cosine.square() - sine.square(), 2 * sine * cosine], dim=1)
