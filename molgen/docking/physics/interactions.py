"""Sums of a scoring function's terms over many pairs of atoms at once, with their gradient.

Atoms are sorted by what they can do, so that each ramp is worked out on the blocks of pairs that
it applies to, and the gradient is a product of matrices: nothing of size pairs x 3 is made.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.chem.vina_types import ACCEPTOR, DONOR, HYDROPHOBIC
from molgen.docking.physics.terms import CUTOFF_NM, Gaussian, Ramp, Terms

Block = tuple[Ramp, slice, slice]
"""A ramp and the rows and columns of the pairs that it applies to."""

_NEAREST_NM = 1e-3  # atoms on top of one another are taken to be this far apart
_NOTHING = -30.0  # exponents below would end in denormal numbers, on which processors are slow
_CHUNK = {"cpu": 2**17, "cuda": 2**26}  # pairs at once: a CPU's cache, a GPU's memory


def evaluate(
    terms: Terms, squared: Tensor, touching: Tensor, blocks: Sequence[Block]
) -> tuple[Tensor, Tensor]:
    """Energy of each row of pairs, and (dE/dr) / r of each pair; overwrites `squared`.

    Args:
        terms: the scoring function.
        squared: `[*, rows, columns]` nm^2, r^2.
        touching: `[rows, columns]` nm, R_i + R_j.
        blocks: where its ramps apply.

    Returns:
        `[*, rows]` kcal/mol and `[*, rows, columns]` kcal/mol/nm^2.
    """
    outside = squared >= CUTOFF_NM**2 if _beyond(terms.gaussians) else None
    r = squared.clamp_(min=_NEAREST_NM**2).sqrt_()
    s = r - touching
    overlap = s.clamp(max=0)
    energy = terms.repulsion * torch.linalg.vecdot(overlap, overlap)
    slope = overlap.mul_(2 * terms.repulsion)
    for gaussian in terms.gaussians:
        shifted = s - gaussian.offset if gaussian.offset else s
        value = (shifted * shifted).mul_(-1 / gaussian.width**2).clamp_(min=_NOTHING).exp_()
        if outside is not None:
            value.masked_fill_(outside, 0.0)
        energy += gaussian.weight * value.sum(-1)
        slope.addcmul_(shifted, value, value=-2 * gaussian.weight / gaussian.width**2)
    for ramp, rows, columns in blocks:
        steepness = 1 / (ramp.bad - ramp.good)
        height = (ramp.bad - s[..., rows, columns]).mul_(steepness).clamp_(0, 1)
        energy[..., rows] += ramp.weight * height.sum(-1)
        sloping = (height > 0) & (height < 1)
        slope[..., rows, columns].sub_(sloping.to(slope), alpha=ramp.weight * steepness)
    return energy, slope.div_(r)


def _beyond(gaussians: Sequence[Gaussian]) -> bool:
    """Whether one still counts at the cutoff; others need not be cut off."""
    s = CUTOFF_NM - 0.46  # the two largest radii
    return any(math.exp(-(((s - one.offset) / one.width) ** 2)) > 1e-7 for one in gaussians)


def _class_of(types: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 hydrophobic, 1 acceptor, 2 both, 3 donor, 4 neither."""
    hydrophobic, donor, acceptor = HYDROPHOBIC[types], DONOR[types], ACCEPTOR[types]
    return np.select(
        [hydrophobic, donor & acceptor, acceptor, donor], [0, 2, 1, 3], default=4
    ).astype(np.int64)


def _blocks(terms: Terms, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> Iterator[Block]:
    """Blocks of sorted classes."""
    r, c = (np.searchsorted(classes, range(6)).tolist() for classes in (rows, columns))
    yield terms.hydrophobic, slice(r[0], r[1]), slice(c[0], c[1])
    yield terms.hydrogen_bond, slice(r[1], r[2]), slice(c[2], c[4])  # acceptors with donors
    yield terms.hydrogen_bond, slice(r[2], r[3]), slice(c[1], c[4])
    yield terms.hydrogen_bond, slice(r[3], r[4]), slice(c[1], c[3])


class PocketInteractions:
    """Between a ligand and a pocket that does not move.

    Args:
        terms: the scoring function.
        radii: [types] nm.
        pocket: [p, 3] nm.
        pocket_types: [p], `VinaType`.
        types: [atoms] of the ligand.
        like: its dtype and device are used.
    """

    def __init__(
        self,
        terms: Terms,
        radii: NDArray[np.float64],
        pocket: NDArray[np.float64],
        pocket_types: NDArray[np.int64],
        types: NDArray[np.int64],
        like: Tensor,
    ) -> None:
        rows, columns = _class_of(types), _class_of(pocket_types)
        order, sorted_pocket = np.argsort(rows, kind="stable"), np.argsort(columns, kind="stable")
        self.terms = terms
        self.blocks = list(_blocks(terms, rows[order], columns[sorted_pocket]))
        touching = radii[types[order]][:, None] + radii[pocket_types[sorted_pocket]]
        self.touching = torch.as_tensor(touching).to(like)
        self.order = torch.as_tensor(order, device=like.device)
        self.back = torch.as_tensor(np.argsort(order), device=like.device)
        # About the middle of the pocket, where r^2 = |x|^2 + |y|^2 - 2 x.y loses the fewest digits.
        middle = pocket.mean(0)
        self.middle = torch.as_tensor(middle).to(like)
        y = torch.as_tensor(pocket[sorted_pocket] - middle)
        ones = torch.ones_like(y[:, :1])
        self.right = torch.cat([-2 * y, ones, y.square().sum(1, True)], 1).T.contiguous().to(like)
        self.points = torch.cat([y, ones], 1).T.contiguous().to(like)

    def energy_and_gradient(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """Of each atom `[b, atoms]` kcal/mol, and its gradient `[b, atoms, 3]` kcal/mol/nm."""
        x = poses[:, self.order] - self.middle
        count = max(1, _CHUNK.get(x.device.type, 2**26) // self.touching.numel())
        parts = [self._chunk(part) for part in x.split(count)]
        energy, gradient = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
        return energy[:, self.back], gradient[:, self.back]

    def _chunk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        left = torch.cat([x, x.square().sum(-1, True), torch.ones_like(x[..., :1])], -1)
        energy, slopes = evaluate(self.terms, left @ self.right, self.touching, self.blocks)
        # sum_j c_j (x - y_j) = x sum_j c_j - sum_j c_j y_j
        pull = torch.nn.functional.linear(slopes, self.points)
        return energy, x * pull[..., 3:] - pull[..., :3]


class InternalInteractions:
    """Between the atoms of a ligand.

    Args:
        terms: the scoring function.
        radii: [types] nm.
        types: [atoms].
        pairs: [q, 2], the atoms that interact.
        like: its dtype and device are used.
    """

    def __init__(
        self,
        terms: Terms,
        radii: NDArray[np.float64],
        types: NDArray[np.int64],
        pairs: NDArray[np.int64],
        like: Tensor,
    ) -> None:
        i, j = types[pairs].reshape(-1, 2).T
        hydrophobic = HYDROPHOBIC[i] & HYDROPHOBIC[j]
        bonding = (DONOR[i] & ACCEPTOR[j]) | (ACCEPTOR[i] & DONOR[j])
        order = np.argsort(np.select([hydrophobic, bonding], [0, 1], default=2), kind="stable")
        first, second = int(hydrophobic.sum()), int(hydrophobic.sum() + bonding.sum())
        self.terms = terms
        self.blocks = [
            (terms.hydrophobic, slice(None), slice(0, first)),
            (terms.hydrogen_bond, slice(None), slice(first, second)),
        ]
        self.touching = torch.as_tensor((radii[i] + radii[j])[None, order]).to(like)
        # [q, atoms]: gives x_i - x_j of each pair from the atoms.
        incidence = np.zeros((len(pairs), len(types)))
        row = np.arange(len(pairs))
        incidence[row, pairs[order, 0]], incidence[row, pairs[order, 1]] = 1, -1
        self.incidence = torch.as_tensor(incidence).to(like)

    def energy_and_gradient(self, poses: Tensor) -> tuple[Tensor, Tensor]:
        """`[b]` kcal/mol and `[b, atoms, 3]` kcal/mol/nm."""
        apart = poses.mT @ self.incidence.T  # [b, 3, q]
        squared = apart.square().sum(1, keepdim=True)
        energy, slopes = evaluate(self.terms, squared, self.touching, self.blocks)
        return energy[:, 0], (apart.mul_(slopes) @ self.incidence).mT
