r"""The probability-flow ODE in steps of fourth order on every manifold, with what it diverges by.

The flow of featureless data is carried out in closed form; what is left of the ODE is

    dx/dt = -g^2/2 (score - base score)

pulled back along it, in the clock u = log(noise / signal) of the first field, dt/du = 2 s^2/g^2. A
Gaussian of the standard deviation `data_std` leaves nothing at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.jacobian import Tangent
from molgen.core.likelihood.divergence import Directions
from molgen.core.processes import Processes
from molgen.core.solvers.levels import levels
from molgen.core.solvers.steps import Score


@dataclass(frozen=True)
class Flow:
    """The ODE of a score.

    Attributes:
        processes: of all fields.
        score: of the model.
    """

    processes: Processes
    score: Score

    def clock(self, times: Sequence[float]) -> list[float]:
        """Log of noise / signal of the first field."""
        found: list[float] = levels(next(iter(self.processes.values())), times).tolist()
        return found

    def middle(self, start: float, stop: float) -> float:
        """The time halfway between two by the clock."""
        first = next(iter(self.processes.values()))
        return float(first.time_of(torch.exp(levels(first, (start, stop)).mean())))

    def velocity(self, batch: Batch, time: float) -> dict[str, Tensor]:
        """What is left of the ODE, by the clock: tangent vectors of each field."""
        first = next(iter(self.processes.values()))
        t = next(iter(batch.state.values())).new_full((batch.graphs,), time)
        rate = 2 * (first.noise(t) / first.diffusion(t)).square()
        scores = self.score(batch, t)
        left = {}
        for name, process in self.processes.items():
            x, rows = batch.state[name], batch.rows[name]
            rest = scores[name] - process.base_score(x, t, rows)
            left[name] = rows.spread(-0.5 * process.diffusion(t).square() * rate, rest) * rest
        return left

    def traced(
        self, batch: Batch, time: float, directions: Directions
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Slopes of the velocity along some directions, `[K, graphs]`, and the velocity."""
        return directions.slopes(self.processes, lambda x: self.velocity(x, time), batch)

    def carried(self, batch: Batch, start: float, stop: float) -> Batch:
        """By the flow of featureless data, from one time to another."""
        return batch.replace(**self._pushed(batch, batch.state, start, stop))

    def _pushed(
        self, batch: Batch, values: Tangent, start: float, stop: float
    ) -> dict[str, Tensor]:
        like = next(iter(batch.state.values()))
        t, s = (like.new_full((batch.graphs,), time) for time in (start, stop))
        return {
            name: process.base_flow(values[name], t, s, batch.rows[name])
            for name, process in self.processes.items()
        }

    def volume(self, batch: Batch, time: float) -> Tensor:
        """Log of the volume that featureless data fill, up to a constant: `[graphs]` float64."""
        t = torch.full((batch.graphs,), time, dtype=torch.float64)
        t = t.to(next(iter(batch.state.values())).device)
        volumes = [
            process.base_energy(torch.zeros_like(batch.state[name]), t, batch.rows[name])
            for name, process in self.processes.items()
        ]
        return torch.stack(volumes).sum(0)

    def step(self, batch: Batch, start: float, stop: float, first: Tangent) -> Batch:
        """The batch at `stop`, from `first`, its velocity at `start`: error of fourth order.

        Commutator-free Runge-Kutta (Celledoni, Marthinsen & Owren 2003, section 3): only `exp` is
        asked of a manifold whose tangent frame is invariant; the classical method on a flat one.
        """
        half, (begin, end) = self.middle(start, stop), self.clock((start, stop))
        length = end - begin

        def slope(pinned: Batch, time: float) -> dict[str, Tensor]:
            here = self.carried(pinned, start, time)
            return _sum((length, self._pushed(here, self.velocity(here, time), time, start)))

        k1 = _sum((length, first))
        second = self._moved(batch, _sum((0.5, k1)))
        k2 = slope(second, half)
        k3 = slope(self._moved(batch, _sum((0.5, k2))), half)
        k4 = slope(self._moved(second, _sum((1, k3), (-0.5, k1))), stop)
        batch = self._moved(batch, _sum((1 / 4, k1), (1 / 6, k2), (1 / 6, k3), (-1 / 12, k4)))
        batch = self._moved(batch, _sum((-1 / 12, k1), (1 / 6, k2), (1 / 6, k3), (1 / 4, k4)))
        return self.carried(batch, start, stop)

    def _moved(self, batch: Batch, v: Tangent) -> Batch:
        return batch.replace(
            **{
                name: process.manifold.exp(batch.state[name], v[name], batch.rows[name])
                for name, process in self.processes.items()
            }
        )


def _sum(*terms: tuple[float, Tangent]) -> dict[str, Tensor]:
    """A weighted sum of tangent vectors, field by field."""
    (weight, first), *others = terms
    total = {name: weight * v for name, v in first.items()}
    for weight, other in others:
        total = {name: v + weight * other[name] for name, v in total.items()}
    return total
