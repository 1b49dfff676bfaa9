r"""The heat kernel of SO(3), known as IGSO(3): density, score, and draws of its angle.

Brownian motion that turns by white noise of variance sigma^2 about each body axis reaches
R = R_0 exp(a n), n uniform on the sphere and a in [0, pi] with density

    p(a) = 2/pi sin(a/2)^2 f(a),    f(a) = sum_l (2l + 1) exp(-l (l + 1) sigma^2 / 2) chi_l(a)

with chi_l the character of the rotations, and f / (8 pi^2) the density by volume in the metric in
which body axes are orthonormal (Nikolayev & Savyolov 1997; Leach et al. 2022). The series is short
for sigma > 1 (11 terms); below, its Poisson sum over the turns a + 2 pi k is shorter (3 terms):

    f(a) = exp(sigma^2 / 8) sqrt(2 pi) / sigma^3 sum_k (-1)^k (a - 2 pi k) / sin(a/2)
                                                  exp(-(a - 2 pi k)^2 / (2 sigma^2))

Either is exact to rounding where it is used, so densities and scores need no table.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

VOLUME = 8 * math.pi**2
"""Volume of SO(3) in the metric in which the three body axes are orthonormal."""

_SWITCH = 1.0
"""The sigma at which both sums are short."""


def log_density(angle: Tensor, sigma: Tensor) -> Tensor:
    """Log of the density by volume, f(a) / (8 pi^2); `angle` in [0, pi] and `sigma` broadcast."""
    narrow = _Images(angle, sigma.clamp(max=_SWITCH))
    wide = _Characters(angle, sigma.clamp(min=_SWITCH))
    log_f = torch.where(sigma < _SWITCH, narrow.log_f(), wide.log_f())
    return log_f - math.log(VOLUME)


def score(v: Tensor, sigma: Tensor) -> Tensor:
    """Gradient of the log density at R_0 exp(v), in its body frame: d log f / da along the axis.

    Args:
        v: `[*, 3]` rotation vectors of length at most pi.
        sigma: `[*]`.
    """
    return score_factor(v.square().sum(-1), sigma)[..., None] * v


def score_factor(square: Tensor, sigma: Tensor) -> Tensor:
    """(d log f / da) / a of the squared angle, which is smooth at 0: -1/sigma^2 at small sigma."""
    angle = torch.where(square > 0, square, 1.0).sqrt() * (square > 0)
    narrow = _Images(angle, sigma.clamp(max=_SWITCH))
    wide = _Characters(angle, sigma.clamp(min=_SWITCH))
    return torch.where(sigma < _SWITCH, narrow.slope(), wide.slope())


class _Images:
    """The sum over turns, k = -1, 0, 1: the next is below 1e-17 for sigma < 1.

    With b = 2 pi / sigma^2 and x = a b, relative to the k = 0 term the other two are
    1 - (2 cosh x - 4 pi b sinh(x)/x) exp(-pi b).
    """

    def __init__(self, angle: Tensor, sigma: Tensor) -> None:
        self.angle, self.sigma = angle, sigma
        self.b = 2 * math.pi / sigma.square()
        # Even in x, and below 3e-9 of the whole where x is small: x = 1e-3 stands for all below.
        self.x = (angle * self.b).clamp(min=1e-3)
        ahead, behind = (torch.exp(sign * self.x - math.pi * self.b) for sign in (1, -1))
        self.cosh = 0.5 * (ahead + behind)
        self.sinhc = 0.5 * (ahead - behind) / self.x
        self.factor = 1 - 2 * self.cosh + 4 * math.pi * self.b * self.sinhc

    def log_f(self) -> Tensor:
        """Log of f(a)."""
        a, sigma = self.angle, self.sigma
        sine = torch.sinc(a / (2 * math.pi))  # sin(a/2) / (a/2)
        constant = math.log(2 * math.sqrt(2 * math.pi))
        gaussian = sigma.square() / 8 + constant - 3 * sigma.log() - 0.5 * (a / sigma).square()
        return gaussian - sine.log() + self.factor.log()

    def slope(self) -> Tensor:
        """(d log f / da) / a."""
        curve = (self.cosh - self.sinhc) / self.x.square()
        turn = self.b.square() * (4 * math.pi * self.b * curve - 2 * self.sinhc)
        return _cotangent(self.angle) - self.sigma.square().reciprocal() + turn / self.factor


def _cotangent(a: Tensor) -> Tensor:
    """1/a^2 - cot(a/2) / (2a) = sum_n 2 zeta(2n) a^(2n-2) / (2 pi)^(2n), near 1/12."""
    small = a < 0.5
    safe = torch.where(small, 1.0, a)
    zeta = [1.6449340668482264, 1.0823232337111382, 1.0173430619844491, 1.0040773561979443]
    zeta += [1.0009945751278181, 1.0002460865533080, 1.0000612481350587, 1.0000152822594086]
    series = torch.zeros_like(a)
    for n in range(8, 0, -1):
        series = series * a.square() + 2 * zeta[n - 1] / (2 * math.pi) ** (2 * n)
    return torch.where(small, series, safe.reciprocal().square() - 0.5 / (safe * (safe / 2).tan()))


class _Characters:
    """The sum over l < 11 as a polynomial of cosines, chi_l(a) = 1 + 2 sum_{m <= l} cos(m a)."""

    def __init__(self, angle: Tensor, sigma: Tensor) -> None:
        order = torch.arange(11, dtype=angle.dtype, device=angle.device)
        decay = torch.exp(-0.5 * order * (order + 1) * sigma.square()[..., None])
        terms = (2 * order + 1) * decay
        self.order = order
        self.coefficients = terms.flip(-1).cumsum(-1).flip(-1) * torch.where(order > 0, 2.0, 1.0)
        self.phase = angle[..., None] * order

    def f(self) -> Tensor:
        """The sum itself."""
        return (self.coefficients * self.phase.cos()).sum(-1)

    def log_f(self) -> Tensor:
        """Log of f(a)."""
        return self.f().log()

    def slope(self) -> Tensor:
        """(d log f / da) / a."""
        sines = self.order.square() * torch.sinc(self.phase / math.pi)
        return -(self.coefficients * sines).sum(-1) / self.f()


@dataclass(frozen=True)
class AngleTable:
    """Draws of IGSO(3) from Gaussian noise, and the size of its score, for sigma up to an end.

    The length r of a standard normal 3-vector goes to the angle of the same quantile, a = T(r);
    T(r) -> sigma r as sigma -> 0, so that narrow draws are exp(sigma eps) as in flat space. Kept
    are T(r) / (sigma r) and log(sigma score_std), smooth in sigma and r, on an even grid.
    Cubic interpolation is right to 1e-5 of the angle for r < 4 (99.9 % of draws), to 2e-3 in the
    far tail, and to 1e-6 for the score.

    Attributes:
        ratio: `[sigmas, radii]`, T(r) / (sigma r); nodes begin one step below zero.
        log_std: `[sigmas]`, log(sigma score_std).
    """

    ratio: Tensor
    log_std: Tensor

    SIGMA_STEP: ClassVar[float] = 0.02
    RADIUS_STEP: ClassVar[float] = 0.05
    RADIUS_END: ClassVar[float] = 7.5  # longer ones, of probability 1e-11, are cut to it

    @classmethod
    def build(cls, sigma_max: float) -> Self:
        """The table for 0 < sigma <= `sigma_max`, float64 on the CPU, by quadrature (under 1 s)."""
        sigmas = cls.SIGMA_STEP * torch.arange(
            1, math.ceil(sigma_max / cls.SIGMA_STEP) + 3, dtype=torch.float64
        )
        radii = cls.RADIUS_STEP * torch.arange(
            1, round(cls.RADIUS_END / cls.RADIUS_STEP) + 3, dtype=torch.float64
        )
        centre = log_density(torch.zeros_like(sigmas), sigmas) + math.log(VOLUME)
        at_zero = (2 * math.sqrt(2 * math.pi) * torch.exp(-centre)) ** (1 / 3)
        ratio = torch.cat([at_zero[:, None], _transport(radii, sigmas) / radii], dim=1)
        ratio = _even(torch.cat([torch.ones_like(ratio[:1]), ratio / sigmas[:, None]]))
        log_std = 0.5 * torch.log(_mean_square_score(sigmas) / 3) + sigmas.log()
        log_std = _even(torch.cat([torch.zeros_like(log_std[:1]), log_std]))
        return cls(_even(ratio.T).T.contiguous(), log_std)

    def to(self, like: Tensor) -> Self:
        """The same table in the dtype and on the device of `like`."""
        return type(self)(self.ratio.to(like), self.log_std.to(like))

    def angle(self, radius: Tensor, sigma: Tensor) -> Tensor:
        """T(r), the angle in [0, pi] at the quantile of |eps| = `radius`; both `[*]`."""
        radius = radius.clamp(max=self.RADIUS_END)
        i, a = _cubic(sigma / self.SIGMA_STEP + 1)
        j, b = _cubic(radius / self.RADIUS_STEP + 1)
        patch = self.ratio[i[..., :, None], j[..., None, :]]
        ratio = (a[..., :, None] * b[..., None, :] * patch).sum((-2, -1))
        return (radius * sigma * ratio).clamp(max=math.pi)

    def score_std(self, sigma: Tensor) -> Tensor:
        """Root mean square of the score in one direction, sqrt(E|score|^2 / 3); `[*]`."""
        i, a = _cubic(sigma / self.SIGMA_STEP + 1)
        return torch.exp((a * self.log_std[i]).sum(-1)) / sigma


def _even(nodes: Tensor) -> Tensor:
    """Nodes of an even function from 0 on, with the one at minus one step put before them."""
    return torch.cat([nodes[1:2], nodes])


def _cubic(place: Tensor) -> tuple[Tensor, Tensor]:
    """Lagrange's weights of the four nodes round a place on a unit grid: int64 and `[*, 4]`."""
    first = place.floor().long() - 1
    u = (place - first - 1)[..., None]
    weights = torch.cat(
        [
            -u * (u - 1) * (u - 2) / 6,
            (u + 1) * (u - 1) * (u - 2) / 2,
            -(u + 1) * u * (u - 2) / 2,
            (u + 1) * u * (u - 1) / 6,
        ],
        dim=-1,
    )
    return first[..., None] + torch.arange(4, device=place.device), weights


def angle_density(angle: Tensor, sigma: Tensor) -> Tensor:
    """p(a) = 2/pi sin(a/2)^2 f(a), per radian on [0, pi]."""
    return 16 * math.pi * (angle / 2).sin().square() * torch.exp(log_density(angle, sigma))


_CELLS = 100

_INNER, _OUTER = (math.sqrt(5 + sign * 2 * math.sqrt(10 / 7)) / 3 for sign in (-1, 1))
_W_INNER, _W_OUTER = ((322 + sign * 13 * math.sqrt(70)) / 900 for sign in (1, -1))
_GAUSS_LEGENDRE = (
    torch.tensor([-_OUTER, -_INNER, 0.0, _INNER, _OUTER], dtype=torch.float64),
    torch.tensor([_W_OUTER, _W_INNER, 128 / 225, _W_INNER, _W_OUTER], dtype=torch.float64),
)


def _edges(sigmas: Tensor) -> Tensor:
    """Equal cells of angle that hold all of the kernel: `[sigmas, cells + 1]`."""
    ramp = torch.linspace(0, 1, _CELLS + 1, dtype=torch.float64)
    return (9.5 * sigmas).clamp(max=math.pi)[:, None] * ramp


def _mass(start: Tensor, stop: Tensor, sigma: Tensor, *, squared_score: bool = False) -> Tensor:
    """Integral of p (or p |score|^2) between angles, by five-point Gauss-Legendre."""
    nodes, weights = _GAUSS_LEGENDRE
    half = 0.5 * (stop - start)[..., None]
    a = start[..., None] + half * (nodes + 1)
    s = sigma[..., None].expand_as(a)
    p = angle_density(a, s)
    if squared_score:
        p = p * (score_factor(a.square(), s) * a).square()
    return (half * weights * p).sum(-1)


def _mean_square_score(sigmas: Tensor) -> Tensor:
    """E|score|^2 for each sigma: `[sigmas]`."""
    edges = _edges(sigmas)
    return _mass(
        edges[:, :-1], edges[:, 1:], sigmas[:, None].expand(-1, _CELLS), squared_score=True
    ).sum(1)


def _transport(radii: Tensor, sigmas: Tensor) -> Tensor:
    """T(r) where the mass below it (small r) or above it (large r) is chi's: `[sigmas, radii]`."""
    edges = _edges(sigmas)
    sigma = sigmas[:, None]
    mass = _mass(edges[:, :-1], edges[:, 1:], sigma.expand(-1, _CELLS))
    zero = torch.zeros_like(sigma)
    below = torch.cat([zero, mass.cumsum(1)], dim=1)
    above = torch.cat([zero, mass.flip(1).cumsum(1)], dim=1)
    three_halves = torch.full_like(radii, 1.5)
    want_below = torch.special.gammainc(three_halves, radii.square() / 2).repeat(len(sigmas), 1)
    want_above = torch.special.gammaincc(three_halves, radii.square() / 2).repeat(len(sigmas), 1)
    left = radii < 1.5
    cell = torch.where(
        left,
        torch.searchsorted(below, want_below) - 1,
        _CELLS - torch.searchsorted(above, want_above),
    ).clamp(0, _CELLS - 1)
    in_cell = mass.gather(1, cell)
    missing_below = want_below - below.gather(1, cell)
    missing_above = above.gather(1, _CELLS - cell) - want_above
    missing = torch.where(left, missing_below, missing_above)
    # Newton within the cell, from the shape of p: quadratic in the first cell, flat elsewhere.
    start, width = edges.gather(1, cell), edges[:, 1:2]
    part = (missing / in_cell).clamp(1e-12, 1.0)
    within = width * torch.where(cell == 0, part ** (1 / 3), part)
    for _ in range(3):
        a, s = start + within, sigma.expand_as(start)
        within = within - (_mass(start, a, s) - missing) / angle_density(a, s)
        within = within.clamp(min=0.0).minimum(width)
    return start + within
