"""Distances and angles of batches of conformers, differentiable, on any device.

Dihedrals are collective variables: molgen.md.system.collective.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from molgen.errors import UsageError

Positions = Tensor | np.ndarray


def _points(positions: Positions, atoms: Sequence[Sequence[int]], count: int) -> list[Tensor]:
    """The `count` points of every internal coordinate, each [..., coordinates, 3]."""
    x = torch.as_tensor(positions)
    index = torch.as_tensor(np.asarray(atoms, dtype=np.int64).reshape(-1, count), device=x.device)
    if index.numel() and int(index.max()) >= x.shape[-2]:
        raise UsageError(
            f"internal coordinate needs atom {int(index.max())}, "
            f"but the conformers have {x.shape[-2]} atoms: check the bead mapping"
        )
    return [x[..., index[:, k], :] for k in range(count)]


def distances(positions: Positions, pairs: Sequence[Sequence[int]]) -> Tensor:
    """|x_j - x_i|: distances [..., pairs] in the unit of `positions` [..., atoms, 3]."""
    a, b = _points(positions, pairs, 2)
    length: Tensor = torch.linalg.vector_norm(b - a, dim=-1)
    return length


def angles(positions: Positions, triples: Sequence[Sequence[int]]) -> Tensor:
    """Angle at the middle atom in [0, pi] rad, [..., triples], of `positions` [..., atoms, 3].

    atan2(|u x v|, u.v): exact near 0 and pi, where arccos loses half its digits.
    """
    a, b, c = _points(positions, triples, 3)
    u, v = a - b, c - b
    cross = torch.linalg.vector_norm(torch.linalg.cross(u, v), dim=-1)
    return torch.atan2(cross, (u * v).sum(-1))


def bonded_triples(bonds: Sequence[Sequence[int]]) -> list[tuple[int, int, int]]:
    """Every angle i-j-k, i < k, that two bonds sharing atom j make: a sorted list."""
    neighbours: dict[int, set[int]] = {}
    for i, j in bonds:
        neighbours.setdefault(i, set()).add(j)
        neighbours.setdefault(j, set()).add(i)
    return sorted(
        (i, j, k) for j, around in neighbours.items() for i in around for k in around if i < k
    )
