"""The field of a pocket on a grid, for energies and gradients of very many poses."""

from __future__ import annotations

import itertools

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.chem.vina_types import ACCEPTOR, DONOR, HYDROPHOBIC, RADII_NM
from molgen.docking.physics.terms import CUTOFF_NM, TERMS, Terms

SPACING_NM = 0.0375
_BLOCK = 8  # points along an edge of the cubes that share a list of near atoms
_CAP = 10.0  # kcal/mol: e of an atom becomes e cap / (e + cap), so that walls can be crossed
_OUTSIDE = 100.0  # kcal/mol/nm: pull on an atom outside the box
_NEAREST_NM = 1e-3


class PocketField:
    """Energy of atoms anywhere in a box, interpolated between points (trilinear).

    Clashes are soft: this is for searching, and what is found is to be minimised in the energy of
    `Scoring` itself.

    Args:
        pocket: [p, 3] nm.
        pocket_types: [p], `VinaType`.
        types: [atoms] of the ligand; of more atoms in poses only so many, the first, feel it.
        centre: [3] nm, of the box.
        half_nm: half of its edge.
        function: vina or vinardo.
        like: its dtype and device are used.
    """

    def __init__(
        self,
        pocket: NDArray[np.float64],
        pocket_types: NDArray[np.int64],
        types: NDArray[np.int64],
        centre: NDArray[np.float64],
        half_nm: float,
        *,
        function: str = "vinardo",
        like: Tensor,
    ) -> None:
        kinds, own = np.unique(types, return_inverse=True)
        cells = int(np.ceil(2 * half_nm / SPACING_NM))
        self.cells, self.corner = cells, torch.as_tensor(centre - cells * SPACING_NM / 2).to(like)
        positions = torch.as_tensor(pocket).to(like)
        grid = _grid(
            TERMS[function], RADII_NM[function], positions, pocket_types, kinds, self.corner, cells
        )
        grid *= _CAP / (_CAP + grid.clamp(min=0))
        # The corners of a cell side by side: one row is looked up an atom.
        near, far = slice(0, cells), slice(1, cells + 1)
        corners = [grid[:, x, y, z] for x, y, z in itertools.product((near, far), repeat=3)]
        self.table = torch.stack(corners, -1).reshape(-1, 8)
        self.offset = torch.as_tensor(own * cells**3, device=like.device)

    def energy_and_gradient(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """`[b]` kcal/mol and `[b, atoms, 3]` kcal/mol/nm of poses `[b, atoms, 3]` nm."""
        own = len(self.offset)
        place = (poses[:, :own] - self.corner) / SPACING_NM
        inside = place.clamp(0, self.cells - 1e-3)
        beyond = place - inside
        cell = inside.floor()
        x, y, z = (inside - cell).unbind(-1)
        i, j, k = cell.long().unbind(-1)
        row = self.offset + (i * self.cells + j) * self.cells + k
        corners = self.table[row.flatten()].reshape(*row.shape, 2, 2, 2)
        dz = corners[..., 1] - corners[..., 0]  # [.., x, y]
        at = corners[..., 0] + z[..., None, None] * dz
        dy = at[..., 1] - at[..., 0]  # [.., x]
        at = at[..., 0] + y[..., None] * dy
        dz = dz[..., 0] + y[..., None] * (dz[..., 1] - dz[..., 0])
        dx = at[..., 1] - at[..., 0]
        energy = at[..., 0] + x * dx
        dy = dy[..., 0] + x * (dy[..., 1] - dy[..., 0])
        dz = dz[..., 0] + x * (dz[..., 1] - dz[..., 0])
        gradient = torch.stack([dx, dy, dz], -1) / SPACING_NM
        pull = _OUTSIDE * SPACING_NM * beyond.abs().sum(-1)
        gradient = torch.where(beyond == 0, gradient, _OUTSIDE * beyond.sign())
        gradient = torch.nn.functional.pad(gradient, (0, 0, 0, poses.shape[1] - own))
        return (energy + pull).sum(-1), gradient


def _grid(
    terms: Terms,
    radii: NDArray[np.float64],
    pocket: Tensor,
    pocket_types: NDArray[np.int64],
    kinds: NDArray[np.int64],
    corner: Tensor,
    cells: int,
) -> Tensor:
    """Energy `[kinds, points, points, points]` of an atom of each kind."""
    grid = pocket.new_empty(len(kinds), *[cells + 1] * 3)
    size = torch.as_tensor(radii[pocket_types]).to(pocket)
    masks = torch.as_tensor(
        np.stack([flags[pocket_types] for flags in (HYDROPHOBIC, DONOR, ACCEPTOR)]),
        device=pocket.device,
    )
    reach = _reach(terms)
    starts = range(0, cells + 1, _BLOCK)
    for start in itertools.product(starts, starts, starts):
        ranges = [torch.arange(s, min(s + _BLOCK, cells + 1)).to(pocket) for s in start]
        points = corner + SPACING_NM * torch.cartesian_prod(*ranges)
        low, high = points.amin(0), points.amax(0)
        outside = (low - pocket).clamp(min=0) + (pocket - high).clamp(min=0)
        near = (outside.norm(dim=1) < reach).nonzero()[:, 0]
        energies = _energies(terms, radii, kinds, points, pocket[near], size[near], masks[:, near])
        shape = [len(one) for one in ranges]
        where = tuple(slice(s, s + n) for s, n in zip(start, shape, strict=True))
        grid[(slice(None), *where)] = energies.reshape(len(kinds), *shape)
    return grid


def _reach(terms: Terms) -> float:
    """Distance beyond which no pair of atoms has more than 1e-6 kcal/mol or so."""
    ends = [one.offset + 3.3 * one.width for one in terms.gaussians]
    return min(CUTOFF_NM, 0.42 + max(*ends, terms.hydrophobic.bad, terms.hydrogen_bond.bad))


def _energies(
    terms: Terms,
    radii: NDArray[np.float64],
    kinds: NDArray[np.int64],
    points: Tensor,
    atoms: Tensor,
    size: Tensor,
    masks: Tensor,
) -> Tensor:
    """`[kinds, points]`; what depends on a kind's radius alone is worked out once a radius."""
    r = torch.cdist(points, atoms).clamp(min=_NEAREST_NM)
    within = (r < CUTOFF_NM).to(r)
    surface = r - size
    hydrophobic, donor, acceptor = masks
    common: dict[float, Tensor] = {}
    energies = []
    for kind in kinds:
        radius = float(radii[kind])
        if radius not in common:
            s = surface - radius
            total = terms.repulsion * s.clamp(max=0).square().sum(1)
            for one in terms.gaussians:
                value = (((s - one.offset) / one.width) ** 2).neg_().clamp_(min=-30).exp_()
                total += one.weight * (value * within).sum(1)
            common[radius] = total
        total = common[radius].clone()
        bonding = donor & bool(ACCEPTOR[kind]) | acceptor & bool(DONOR[kind])
        for ramp, partners in (
            (terms.hydrophobic, hydrophobic & bool(HYDROPHOBIC[kind])),
            (terms.hydrogen_bond, bonding),
        ):
            s = surface[:, partners] - radius
            height = (ramp.bad - s) / (ramp.bad - ramp.good)
            total += ramp.weight * height.clamp_(0, 1).sum(1)
        energies.append(total)
    return torch.stack(energies)
