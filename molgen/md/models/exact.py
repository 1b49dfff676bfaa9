r"""The exact score of noised data of a test system: its Boltzmann density by quadrature.

    q(x, t) ~ int exp(-U(y) / kT) N(x; m y, s^2) dy,    score = (m E[y | x] - x) / s^2

in one or two coordinates, by trapezoids, which are exact to rounding for smooth integrands that
vanish at the ends: over one grid for all x where the noise is wider than its spacing, else over a
grid about each x in units of the noise.
"""

from __future__ import annotations

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.processes import LinearProcess
from molgen.md.models.statistics import Statistics
from molgen.md.potentials import Potential
from molgen.md.system import System

_MARGIN = 0.3
"""Of the limits, beyond them."""

_POINTS = 160
"""Along each axis of the grid for all x: forces change little from one to the next."""

_WIDER = 3.0
"""Spacings of it from which the noise is wide."""

_REACH, _STEP = 7.0, 0.35
"""Of the grid about an x, in units of the noise."""

_AT_ONCE = 2**21  # distances held together: bounds the memory


class ExactScore:
    """grad log q(x, t) of a test system in the coordinates of a model.

    Args:
        process: of the position.
        statistics: of the system: how a model sees positions.
        potential: of the system.
        limits: (low, high) of each coordinate.
    """

    def __init__(
        self,
        process: LinearProcess,
        statistics: Statistics,
        potential: Potential,
        limits: list[tuple[float, float]],
    ) -> None:
        self.processes = {"pos": process}
        self._statistics, self._potential = statistics, potential
        axes = [
            torch.linspace(low - _MARGIN * (high - low), high + _MARGIN * (high - low), _POINTS)
            for low, high in limits
        ]
        grid = torch.cartesian_prod(*axes).reshape(-1, 1, len(axes)).double()
        self._grid = statistics.normalise(grid).double().flatten(1)
        self._log_w = self._log_weight(self._grid)
        spacing = max((axis[1] - axis[0]).item() for axis in axes) / statistics.scale
        self._wide = _WIDER * spacing
        steps = torch.arange(-_REACH, _REACH + _STEP / 2, _STEP, dtype=torch.float64)
        self._around = torch.cartesian_prod(*[steps] * len(axes)).reshape(-1, len(axes))

    def score(self, batch: Batch, t: Tensor) -> dict[str, Tensor]:
        """(m E[x_0 | x_t] - x) / s^2; `t`: `[graphs]`."""
        process, x = self.processes["pos"], batch.state["pos"]
        m, s = (part(t.double().cpu())[:, None] for part in (process.signal, process.noise))
        flat = x.double().flatten(1).cpu()
        mean = torch.empty_like(flat)
        wide = (s / m)[:, 0] > self._wide
        for chosen, find, nodes in (
            (wide, self._over_all, self._grid),
            (~wide, self._near, self._around),
        ):
            for some in torch.split(chosen.nonzero()[:, 0], max(1, _AT_ONCE // len(nodes))):
                mean[some] = find(flat[some] / m[some], s[some] / m[some])
        score = (m * mean - flat) / s.square()
        return {"pos": score.reshape(x.shape).to(x)}

    def _over_all(self, y: Tensor, noise: Tensor) -> Tensor:
        """E[x_0 | y] on the grid for all: `[n, dims]` of `[n, dims]` and `[n, 1]`."""
        square = (y[:, None] - self._grid).square().sum(-1) / noise.square()
        return torch.softmax(self._log_w - 0.5 * square, dim=1) @ self._grid

    def _near(self, y: Tensor, noise: Tensor) -> Tensor:
        """The same on a grid about each."""
        nodes = y[:, None] + noise[:, None] * self._around
        log_w = self._log_weight(nodes.flatten(0, 1)).reshape(nodes.shape[:2])
        share = torch.softmax(log_w - 0.5 * self._around.square().sum(-1), dim=1)
        return (share[..., None] * nodes).sum(1)

    def _log_weight(self, y: Tensor) -> Tensor:
        """-U / kT of `[n, dims]`, as a model sees them: `[n]`."""
        x = self._statistics.restore(y[:, None])
        return -self._potential.energy(x.double()) / self._statistics.kT


def exact_score(
    system: System, statistics: Statistics, process: LinearProcess
) -> ExactScore | None:
    """That of a test system with one or two coordinates and limits; None of any other."""
    given = system.definition.limits
    limits = [given[name] for name in system.collective_variables if name in given]
    if system.free or len(limits) != system.dims or system.dims > 2:
        return None
    return ExactScore(process, statistics, system.potential(torch.float64), limits)
