r"""Every atom of a molecule placed after its beads, with a known density.

    r(z | x) = prod_i  p(d_i) p(theta_i) p(phi_i) / (d_i^2 sin theta_i)

per nm^3 of each placed atom i: Gaussians of the distance and of the angle, cut at their limits, and
a mixture of wrapped Gaussians of the dihedral; d^2 sin(theta) is the volume element of spherical
coordinates. The factors of an atom are given those placed before, so their product is a density.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from molgen.core.random import Random, normal
from molgen.errors import UsageError
from molgen.md.forcefield.force_field import ForceField
from molgen.md.forcefield.terms import TINY, Vector, combine, cross, dihedral, dot, scale
from molgen.md.models.batch import as_batch
from molgen.md.reconstruction.widths import Basins, Variation, placed_by, variations
from molgen.md.reconstruction.zmatrix import Row, zmatrix
from molgen.md.system import System

NARROW = 0.4
"""rad: a Gaussian this narrow needs no images, which would be less than exp(-30) of it."""

IMAGES = (-1, 0, 1)
"""Turns that a wide Gaussian's sum runs over."""


class Placement:
    """Places the atoms that are no beads, and says how likely they are where they are.

    Args:
        rows: a Z-matrix.
        varies: how each of its rows does.
        beads: the atoms whose places are given, in the order of a model's.
        atoms: how many there are in all.
        dtype: of the densities; atoms are placed in double precision.
        device: of all tensors.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        varies: Sequence[Variation],
        beads: Sequence[int],
        atoms: int,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        self.rows, self.varies = tuple(rows), tuple(varies)
        self.beads, self.atoms = tuple(beads), atoms
        self.dtype = dtype

        # densities take narrow dihedrals first
        order = sorted(zip(rows, varies, strict=True), key=lambda both: not _narrow(both[1]))
        mixtures = [varies.dihedral for _, varies in order]
        self._narrow = sum(_narrow(varies) for _, varies in order)
        chains = torch.tensor([row.quadruple for row, _ in order]).reshape(-1, 4).T.contiguous()
        self._chains = chains.to(device)
        ends = one_hot(chains, atoms).to(dtype)
        self._incidence = (ends[1:] - ends[:-1]).flatten(0, 1).T.contiguous().to(device)

        def columns(pairs: Sequence[tuple[float, float]]) -> Tensor:
            values = torch.tensor(pairs, dtype=dtype, device=device)
            return values.reshape(-1, 2).T.unsqueeze(-1)

        self._distance = columns([varies.distance for _, varies in order])
        self._angle = columns([varies.angle for _, varies in order])
        most = max((len(mixture.means) for mixture in mixtures), default=1)

        def filled(name: str, nothing: float) -> Tensor:
            values = [list(getattr(mixture, name)) for mixture in mixtures]
            table = [row + [nothing] * (most - len(row)) for row in values]
            return torch.tensor(table, dtype=dtype, device=device).reshape(-1, most)

        self._means, self._widths = filled("means", 0.0), filled("widths", 1.0)
        self._log_weights = filled("weights", 0.0).log() - (self._widths * _ROOT).log()
        self._constant = sum(
            _log_norm(*varies.distance, math.inf) + _log_norm(*varies.angle, math.pi)
            for _, varies in order
        ) - float(self._log_weights[: self._narrow, 0].sum())

    @classmethod
    def of(cls, system: System, beads: Sequence[int]) -> Placement:
        """That of a molecule with a force field.

        Raises:
            UsageError: a test system; too few beads; bonds that do not reach an atom; a bond
                without spring.
        """
        if not system.free:
            raise UsageError(f"system {system.name} is no molecule: it has no atoms to be placed")
        force_field = system.potential(torch.float64, compile=False)
        assert isinstance(force_field, ForceField)
        rows = zmatrix(system.atoms, beads)
        varies = variations(rows, force_field.bonded, system.start, system.kT)
        return cls(rows, varies, beads, len(system.atoms))

    def to(self, dtype: torch.dtype, device: torch.device | str = "cpu") -> Placement:
        """The same with densities in another precision or on another device."""
        return Placement(self.rows, self.varies, self.beads, self.atoms, dtype, device)

    def draw(self, beads: Tensor, generator: Random) -> Tensor:
        """All atoms `[n, atoms, 3]` float64 nm, of beads `[n, beads, 3]`."""
        x = beads.new_zeros(len(beads), self.atoms, 3, dtype=torch.float64)
        x[:, list(self.beads)] = beads.double()
        like = x.new_zeros(len(x), len(self.rows), 4)
        noise = normal(like, as_batch(like).rows["pos"], generator)
        for row, varies, xi in zip(self.rows, self.varies, noise.unbind(1), strict=True):
            distance = _cut_normal(xi[:, 0], *varies.distance, math.inf)
            angle = _cut_normal(xi[:, 1], *varies.angle, math.pi)
            phi = _drawn(varies.dihedral, torch.special.ndtr(xi[:, 2]), xi[:, 3])
            x[:, row.atom] = placed_by(x, row, distance, angle, phi)
        return x

    def log_density(self, x: Tensor) -> Tensor:
        """Log r(z | x) `[n]`, nats per nm^3 of each placed atom, of all atoms `[n, atoms, 3]` nm.

        Differentiable by all of them.
        """
        return -self._surprise(x)[0]

    @torch.no_grad()
    def energy_and_forces(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """-log r `[n]`, nats, and its forces on all atoms `[n, atoms, 3]`, nats/nm."""
        surprise, slopes = self._surprise(x)
        forces = [-(self._incidence @ torch.cat(parts)) for parts in zip(*slopes, strict=True)]
        return surprise, torch.stack(forces).permute(2, 1, 0)

    def _surprise(self, x: Tensor) -> tuple[Tensor, list[Vector]]:
        """-log r `[n]`, and its slopes by the arrows d-c, c-b and b-a of each row `[rows, n]`."""
        components = x.to(self.dtype).permute(2, 1, 0).unbind()
        b1, b2, b3 = (
            tuple(c[end] - c[begin] for c in components)
            for begin, end in zip(self._chains[:-1], self._chains[1:], strict=True)
        )
        square, uv, w = dot(b1, b1), -dot(b1, b2), cross(b1, b2)
        d, sine = torch.sqrt(square), torch.sqrt(dot(w, w).clamp_min(TINY))  # |d-c||b-c| sin(theta)
        stretch = (d - self._distance[0]) / self._distance[1]
        bend = (torch.atan2(sine, uv) - self._angle[0]) / self._angle[1]
        volume = 0.5 * torch.log(square / dot(b2, b2)) + torch.log(sine)  # d^2 sin(theta)
        phi = dihedral(b1, b2, b3)
        turn, slope = self._turned(torch.atan2(phi.sine, phi.cosine))
        each = 0.5 * (stretch.square() + bend.square()) + volume + turn
        by_d = (stretch / self._distance[1] + 2 / d) / d
        p = (bend / self._angle[1] + uv / sine) / sine
        g1, g2, g3 = (scale(slope, g) for g in phi.gradients)
        # the arrow b1 points from d to c, the angle is between d-c and b-c
        along_1, along_2 = (
            combine(by_d + p * uv / square, b1, p, b2),
            combine(p, b1, p * uv / dot(b2, b2), b2),
        )
        first = tuple(g + q for g, q in zip(g1, along_1, strict=True))
        second = tuple(g + q for g, q in zip(g2, along_2, strict=True))
        return each.sum(0) + self._constant, [first, second, g3]

    def _turned(self, phi: Tensor) -> tuple[Tensor, Tensor]:
        """-log p of dihedrals `[rows, n]`, without the constants of narrow ones, and its slope."""
        first = slice(self._narrow)
        away = _wrapped(phi[first] - self._means[first, :1]) / self._widths[first, :1]
        mean, width, log_weight = (
            number[self._narrow :, :, None]
            for number in (self._means, self._widths, self._log_weights)
        )
        apart = _wrapped(phi[self._narrow :, None] - mean)
        z = torch.stack([(apart + 2 * math.pi * turn) / width for turn in IMAGES])
        log_p = log_weight - 0.5 * z.square()
        total = log_p.logsumexp((0, 2))
        slope = ((log_p - total[:, None]).exp() * z / width).sum((0, 2))
        return (
            torch.cat([0.5 * away.square(), -total]),
            torch.cat([away / self._widths[first, :1], slope]),
        )


_ROOT = math.sqrt(2 * math.pi)


def _narrow(varies: Variation) -> bool:
    basins = varies.dihedral
    return len(basins.means) == 1 and basins.widths[0] <= NARROW


def _wrapped(phi: Tensor) -> Tensor:
    """Dihedrals between -pi and pi."""
    return phi - 2 * math.pi * torch.round(phi.detach() / (2 * math.pi))


def _limits(mean: float, width: float, high: float) -> tuple[float, float]:
    """The standard normal distribution function at 0 and at `high`."""
    low, most = (0.5 * math.erfc((mean - end) / width / math.sqrt(2)) for end in (0.0, high))
    return low, most


def _log_norm(mean: float, width: float, high: float) -> float:
    """Log of the integral of exp(-(v - mean)^2 / 2 width^2) from 0 to `high`."""
    low, most = _limits(mean, width, high)
    return math.log(width * _ROOT * (most - low))


def _cut_normal(xi: Tensor, mean: float, width: float, high: float) -> Tensor:
    """Normal numbers between 0 and `high`, of standard normal ones."""
    low, most = _limits(mean, width, high)
    return mean + width * torch.special.ndtri(low + (most - low) * torch.special.ndtr(xi))


def _drawn(basins: Basins, u: Tensor, xi: Tensor) -> Tensor:
    """Dihedrals `[n]` of uniform and normal numbers."""
    cumulative = u.new_tensor(basins.weights).cumsum(0)
    which = (u[:, None] > cumulative[:-1]).sum(1)
    return u.new_tensor(basins.means)[which] + u.new_tensor(basins.widths)[which] * xi
