"""Collective variables (dihedral angles, plain coordinates) and the basins they define."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


def dihedral(x: Tensor, atoms: Sequence[int]) -> Tensor:
    """Dihedral angle of four atoms, [n] rad in [-pi, pi], of coordinates x: [n, atoms, 3].

    IUPAC sign (an L-residue in a right-handed helix has phi = -60, psi = -45 degrees): with
    b1, b2, b3 the three bonds, atan2(|b2| b1.(b2 x b3), (b1 x b2).(b2 x b3)). Blondel & Karplus
    1996.
    """
    a, b, c, d = (x[..., i, :] for i in atoms)
    b1, b2, b3 = b - a, c - b, d - c
    normal = torch.linalg.cross(b2, b3)
    sine = torch.linalg.vector_norm(b2, dim=-1) * (b1 * normal).sum(-1)
    cosine = (torch.linalg.cross(b1, b2) * normal).sum(-1)
    return torch.atan2(sine, cosine)


def collective(x: Tensor, atoms: Sequence[int]) -> Tensor:
    """One collective variable [n] of x: [n, atoms, dims].

    Four atom indices: their dihedral (rad). One index: that coordinate of the flattened x.
    """
    if len(atoms) == 4:
        return dihedral(x, atoms)
    return x.flatten(1)[:, atoms[0]]


@dataclass(frozen=True)
class Basin:
    """A box in collective variables: each bound (low, high) is half-open.

    Where low > high, a dihedral's interval runs through +-pi. Bounds are rad for dihedrals.
    """

    name: str
    bounds: Mapping[str, tuple[float, float]]

    def contains(self, variables: Mapping[str, Tensor]) -> Tensor:
        """Whether each frame lies in the box, bool [n]; `variables`: name -> [n]."""
        inside: Tensor | None = None
        for name, (low, high) in self.bounds.items():
            value = variables[name]
            above, below = value >= low, value < high
            here = above & below if low <= high else above | below
            inside = here if inside is None else inside & here
        if inside is None:
            raise ValueError(f"basin {self.name} has no bounds")
        return inside


def assign(basins: Sequence[Basin], variables: Mapping[str, Tensor]) -> Tensor:
    """Index of the first basin that contains each frame, int64 [n]; -1 outside all."""
    first = next(iter(variables.values()))
    index = torch.full(first.shape, -1, dtype=torch.long, device=first.device)
    for number, basin in reversed(list(enumerate(basins))):
        index = torch.where(basin.contains(variables), number, index)
    return index


def radians(bounds: tuple[float, float]) -> tuple[float, float]:
    """Degrees to rad for a pair of bounds."""
    return math.radians(bounds[0]), math.radians(bounds[1])
