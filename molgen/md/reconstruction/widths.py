"""How distances, angles and dihedrals of placed atoms vary, by the force field's bonded terms.

Nothing is fitted to data: distances and angles have the force field's means and the widths
sqrt(kT / k) of its springs, dihedrals the basins of its torsions. Of the structure that a system
starts from only the isomer is taken: the hand of chiral centres, cis or trans, angles in rings.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from molgen.errors import UsageError
from molgen.md.forcefield.terms import Bonded
from molgen.md.geometry import angles, distances
from molgen.md.reconstruction.zmatrix import Row
from molgen.md.system.collective import dihedral

GRID = 360
"""Points of a turn."""

ISOMER = 10.0
"""kT: a dihedral stays in the basins that it reaches over lower barriers from where it starts."""

FLAT = 6.0
"""Times the mean density: a single basin whose peak is lower is too wide for one Gaussian."""

LEAST = 0.1
"""Of the heaviest basin's weight: non-bonded terms, which are not looked at, may favour others."""

BROADER = 1.2
"""Times the width of a basin: neighbours should overlap where there is hardly a barrier."""

RING = 0.5
"""Times the width of angles in rings, which the ring narrows and bends to those of the start."""

PUCKER = 0.3
"""rad, width of a dihedral in a ring that later rows close: it is as at the start or mirrored."""

LOOSE = 0.3
"""rad, of an angle that the force field has no term for."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Basins:
    """Where a dihedral may be.

    Attributes:
        means: rad.
        widths: rad, standard deviations.
        weights: they sum to one.
    """

    means: tuple[float, ...]
    widths: tuple[float, ...]
    weights: tuple[float, ...]


@dataclass(frozen=True)
class Variation:
    """Mean and standard deviation of the distance (nm) and the angle (rad), and the dihedral."""

    distance: tuple[float, float]
    angle: tuple[float, float]
    dihedral: Basins


def variations(
    rows: Sequence[Row], bonded: Bonded, start: Tensor, kT: float
) -> tuple[Variation, ...]:
    """Of each row, in order.

    The energy of a dihedral is that of all bonded terms among placed atoms while it turns, the
    siblings that will be placed by it turning along. Atoms before are at their means.

    Args:
        rows: of a Z-matrix.
        bonded: terms of the force field.
        start: `[atoms, 3]` nm, of the right isomer.
        kT: kJ/mol.

    Raises:
        UsageError: the force field has no spring for a bond.
    """
    terms = _Terms.of(bonded)
    ideal = start.double().clone()
    missing = {row.atom for row in rows}
    placed = [k for k in range(len(start)) if k not in missing]
    found = []
    for number, row in enumerate(rows):
        turning = [row, *_followers(rows[number + 1 :], row)]
        placed.append(row.atom)
        turned = ideal.expand(GRID, -1, -1).clone()
        turns = torch.arange(GRID, dtype=torch.float64) * (2 * math.pi / GRID)
        begin = _dihedral(start, row)
        for one in turning:
            d, theta = terms.spring(one, start, kT)
            phi = turns if one is row else torch.full_like(turns, _dihedral(start, one))
            turned[:, one.atom] = placed_by(turned, one, d[0], theta[0], phi)
        there = [*placed, *(one.atom for one in turning[1:])]
        energy = terms.energy(turned, there, [one.atom for one in turning]) / kT
        dihedrals = basins(energy.numpy(), begin)
        if row.ring and row.rotor and len(dihedrals.means) > 1:
            dihedrals = Basins((begin, -begin), (PUCKER, PUCKER), (0.5, 0.5))
        best = dihedrals.means[int(np.argmax(dihedrals.weights))]
        distance, angle = terms.spring(row, start, kT)
        here = torch.tensor([best], dtype=torch.float64)
        ideal[row.atom] = placed_by(ideal[None], row, distance[0], angle[0], here)[0]
        found.append(Variation(distance, angle, dihedrals))
    return tuple(found)


def placed_by(
    x: Tensor, row: Row, distance: Tensor | float, angle: Tensor | float, phi: Tensor
) -> Tensor:
    """Where a row puts its atom: `[n, 3]`, of `[n, atoms, 3]` and `[n]` each."""
    c, b, a = x[:, row.centre], x[:, row.arm], x[:, row.plane]
    distance, angle = (
        torch.as_tensor(v).to(phi).expand_as(phi)[:, None] for v in (distance, angle)
    )
    along = torch.nn.functional.normalize(c - b, dim=-1)
    across = torch.nn.functional.normalize(torch.linalg.cross(b - a, along), dim=-1)
    up = torch.linalg.cross(across, along)
    phi = phi[:, None]
    side = phi.cos() * up + phi.sin() * across
    return c + distance * (angle.sin() * side - angle.cos() * along)


def basins(energy: Values, start: float) -> Basins:
    """The basins of an energy on a turn, kT `[GRID]` from 0, that are reached from `start`, rad.

    Basins end at maxima; those behind a barrier of more than `ISOMER` are left out. A turn that is
    almost free is cut in six.
    """
    count = len(energy)
    step = 2 * math.pi / count
    here = round(start / step) % count
    energy = np.roll(energy, -here)  # so that the start is at 0
    lowest = _descend(energy, 0)
    energy, here = np.roll(energy, -lowest), here + lowest
    level = energy[0] + ISOMER
    high = np.flatnonzero(energy > level)
    left, right = (high[-1] + 1, high[0]) if len(high) else (0, count)
    inside = np.arange(left - count if len(high) else 0, right)
    values = energy[inside % count]
    tops = [
        k
        for k in range(len(values))
        if values[k] > values[k - 1] + 1e-9 and values[k] >= values[(k + 1) % len(values)]
    ]
    if len(high):
        cuts = [0, *(k for k in tops if 0 < k < len(values) - 1), len(values)]
    elif tops:
        inside, values = np.roll(inside, -tops[0]), np.roll(values, -tops[0])
        inside = np.where(inside < inside[0], inside + count, inside)
        cuts = [0, *(k - tops[0] for k in tops[1:]), len(values)]
    else:
        cuts = [count * k // 6 for k in range(7)]
    share = np.exp(values.min() - values)
    if len(cuts) == 2 and (share / share.sum()).max() * count < FLAT:
        cuts = [len(values) * k // 6 for k in range(7)]
    means, widths, weights = [], [], []
    for first, last in pairwise(cuts):
        w, phi = share[first:last], (here + inside[first:last]) * step
        weight = w.sum()
        mean = (w * phi).sum() / weight
        variance = (w * (phi - mean) ** 2).sum() / weight
        means.append(math.remainder(mean, 2 * math.pi))
        widths.append(math.sqrt(variance + step**2 / 12))
        weights.append(weight)
    if len(means) > 1:
        widths = [BROADER * width for width in widths]
    floored = np.maximum(weights, LEAST * max(weights))
    return Basins(tuple(means), tuple(widths), tuple((floored / floored.sum()).tolist()))


def _descend(energy: Values, place: int) -> int:
    """The minimum that is downhill of a place on a circle."""
    while True:
        near = min((place - 1, place + 1), key=lambda k: energy[k % len(energy)])
        if energy[near % len(energy)] >= energy[place % len(energy)]:
            return place
        place = near


def _followers(later: Sequence[Row], row: Row) -> list[Row]:
    """The siblings that will turn with a row, in the order in which they are placed."""
    turning = {row.atom}
    found = []
    for one in later:
        if (one.centre, one.arm) == (row.centre, row.arm) and one.plane in turning:
            turning.add(one.atom)
            found.append(one)
    return found


def _dihedral(x: Tensor, row: Row) -> float:
    return float(dihedral(x[None].double(), row.quadruple))


@dataclass(frozen=True)
class _Terms:
    """Bonded terms by their atoms.

    Attributes:
        bonds: `[bonds, 2]` and `[bonds, 2]`: length, spring.
        angles: `[angles, 3]` and `[angles, 2]`: angle, spring.
        torsions: `[torsions, 4]` and `[torsions, 2, M + 1]`, see `Bonded`.
    """

    bonds: tuple[Tensor, Tensor]
    angles: tuple[Tensor, Tensor]
    torsions: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, bonded: Bonded) -> _Terms:
        """From difference vectors back to atoms."""
        B, A, T = (len(kind) for kind in (bonded.bonds, bonded.angles, bonded.torsions))
        sizes = [B, A, A, T, T, T]
        begin, end = (part[: sum(sizes)].split(sizes) for part in bonded.ends.cpu().unbind())
        return cls(
            (torch.stack([begin[0], end[0]], 1), bonded.bonds.cpu().double()),
            (torch.stack([end[1], begin[1], end[2]], 1), bonded.angles.cpu().double()),
            (torch.stack([begin[3], *end[3:]], 1), bonded.torsions.cpu().double()),
        )

    def spring(
        self, row: Row, start: Tensor, kT: float
    ) -> tuple[tuple[float, float], tuple[float, float]]:
        """Mean and standard deviation of the distance and of the angle of a row.

        The means are those of exp(-U / kT) with the volume element d^2 sin(theta), to first order.
        """
        bond = self._find(self.bonds, (row.atom, row.centre))
        if bond is None:
            raise UsageError(
                f"the force field has no spring between bonded atoms {row.atom} and {row.centre}"
            )
        length, width = bond[0], math.sqrt(kT / bond[1])
        distance = (length + 2 * width**2 / length, width)
        angle = self._find(self.angles, (row.atom, row.centre, row.arm))
        found = float(angles(start.double(), [(row.atom, row.centre, row.arm)]))
        if angle is None:
            return distance, (found, LOOSE)
        width = math.sqrt(kT / angle[1])
        if row.ring:
            return distance, (found, RING * width)
        return distance, (angle[0] + width**2 / math.tan(angle[0]), width)

    def energy(self, x: Tensor, placed: Sequence[int], moved: Sequence[int]) -> Tensor:
        """kJ/mol `[n]` of `[n, atoms, 3]`: terms among placed atoms that one of `moved` is in."""
        total = x.new_zeros(len(x))
        for kind, (atoms, numbers) in enumerate((self.bonds, self.angles, self.torsions)):
            known, own = torch.tensor(placed), torch.tensor(moved)
            counts = torch.isin(atoms, known).all(1) & torch.isin(atoms, own).any(1)
            atoms, numbers = atoms[counts], numbers[counts]
            if kind < 2:
                value = (distances, angles)[kind](x, atoms.tolist())
                total += (0.5 * numbers[:, 1] * (value - numbers[:, 0]).square()).sum(1)
                continue
            for chain, series in zip(atoms.tolist(), numbers, strict=True):
                phi = dihedral(x, chain)[:, None] * torch.arange(series.shape[1])
                total += (series[0] * phi.cos() + series[1] * phi.sin()).sum(1)
        return total

    @staticmethod
    def _find(terms: tuple[Tensor, Tensor], atoms: tuple[int, ...]) -> tuple[float, float] | None:
        for chain in (atoms, atoms[::-1]):
            where = (terms[0] == torch.tensor(chain)).all(1).nonzero().flatten()
            if len(where):
                value, spring = terms[1][where[0]].tolist()
                return value, spring
        return None
