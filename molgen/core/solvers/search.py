"""The best time grid for a number of steps: searched for, on what the solver makes of it.

A grid is its widths in log(noise / signal), which are positive and add up: any real numbers stand
for one, as their softmax. From the best grid of the usual rules an evolution strategy of one parent
and one child goes on (Rechenberg 1973), on the same random numbers for every grid.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.grids import GRIDS, karras
from molgen.core.processes import Processes
from molgen.core.processes.process import Process
from molgen.core.solvers.levels import levels
from molgen.core.solvers.steps import Score, Solver
from molgen.errors import MolgenError

Cost = Callable[[Tensor], float]
"""How far what a grid makes is from what it should be; the smaller the better."""

_RHOS, _KNEES = (1.0, 2.0, 4.0, 7.0, 14.0), (2.0, 4.0, 8.0, 16.0, math.inf)
_GROWTH, _DECAY = 1.5, 0.92  # of the search's stride: level where one child in six is better


@dataclass(frozen=True)
class Found:
    """What a search found.

    Attributes:
        times: the best grid, float64 `[steps + 1]`.
        error: its cost.
        tried: how many grids were tried.
    """

    times: Tensor
    error: float
    tried: int


def search_grid(
    cost: Cost,
    process: Process,
    steps: int,
    *,
    start: float = 1.0,
    tries: int,
    generator: torch.Generator,
    progress: Callable[[int], None] = lambda tried: None,
) -> Found:
    """The best of so many grids from `start` to the smallest time of a process.

    Args:
        cost: of a grid.
        process: in whose noise the grid is made.
        steps: of the grid.
        start: its first time.
        tries: how many grids to try, the usual ones among them.
        generator: source of randomness, on the CPU.
        progress: told how many have been tried.
    """
    best, error, tried = torch.empty(0), math.inf, 0
    for times in itertools.islice(_usual(process, steps, start), tries):
        tried += 1
        value = _cost(cost, times)
        if value < error or tried == 1:
            best, error = times, value
        progress(tried)
    stride = 0.5
    while tried < tries and steps > 1:
        tried += 1
        widths = -levels(process, best.tolist()).diff()
        changed = widths.log() + stride * torch.randn(steps, generator=generator).double()
        times = _grid(process, changed, start)
        value = _cost(cost, times)
        stride *= _GROWTH if value < error else _DECAY
        if value < error:
            best, error = times, value
        progress(tried)
    return Found(best, error, tried)


def _usual(process: Process, steps: int, start: float) -> Iterator[Tensor]:
    """Grids by rule, that of the default first."""
    for grid in GRIDS.values():
        yield grid(process, steps, start=start)
    for rho, knee in itertools.product(_RHOS, _KNEES):
        yield karras(process, steps, rho=rho, knee=knee, start=start)


def _grid(process: Process, logits: Tensor, start: float) -> Tensor:
    """The grid whose widths in log(noise / signal) are as the softmax of `logits` `[steps]`."""
    high, low = levels(process, (start, process.t_min)).tolist()
    inner = high + (low - high) * logits.softmax(0).cumsum(0)[:-1]
    return torch.cat(
        [
            torch.tensor([start], dtype=torch.float64),
            process.time_of(inner.exp()),
            torch.tensor([process.t_min], dtype=torch.float64),
        ]
    )


def _cost(cost: Cost, times: Tensor) -> float:
    """Infinite for a grid on which the solver fails."""
    try:
        value = cost(times)
    except MolgenError:
        return math.inf
    return value if math.isfinite(value) else math.inf


def distance(processes: Processes, a: Batch, b: Batch) -> Tensor:
    """How far apart the graphs of two batches lie, root mean square a direction: `[graphs]`.

    Each field in units of its data's standard deviation, all counting alike.
    """
    parts = []
    for name, process in processes.items():
        x, rows = a.state[name], a.rows[name]
        v = process.manifold.log(x, b.state[name], rows)
        dim = process.manifold.dim(x, rows).clamp_min(1)
        parts.append(process.manifold.inner(v, v, rows) / (dim * process.data_std**2))
    return torch.stack(parts).mean(0).sqrt()


def flow_cost(
    processes: Processes, score: Score, solver: Solver, noise: Batch, exact: Batch
) -> Cost:
    """For solvers without chance: mean distance of the ends from the exact flow's.

    Args:
        processes: of each field.
        score: of a model.
        solver: that is to walk.
        noise: draws of the prior, where it begins.
        exact: where the flow ends from there.
    """

    def cost(times: Tensor) -> float:
        with torch.no_grad():
            end = solver(processes, score, noise, times, None)
        return float(distance(processes, end, exact).mean())

    return cost


def law_cost(
    processes: Processes,
    score: Score,
    solver: Solver,
    noise: Batch,
    exact: Batch,
    *,
    alike: int,
    seed: int,
) -> Cost:
    """For solvers with chance: the energy distance of their ends from draws of the right law.

        2 E|X - Y| - E|X - X'| - E|Y - Y'|

    (Szekely & Rizzo 2013), among graphs of the same shape, averaged over the shapes.

    Args:
        processes: of each field.
        score: of a model.
        solver: that is to walk.
        noise: draws of the prior, where it begins; of each shape `alike` one after the other.
        exact: draws of the right law, of the same shapes.
        alike: at least 2.
        seed: of the solver's random numbers, the same for every grid.
    """
    device = next(iter(noise.state.values())).device
    graphs = torch.arange(noise.graphs, device=device)

    def shifted(by: int) -> Tensor:
        return graphs - graphs % alike + (graphs + by) % alike

    def apart(a: Batch, b: Batch, shifts: range) -> float:
        return sum(
            float(distance(processes, a, b.take(shifted(by))).mean()) for by in shifts
        ) / len(shifts)

    own = apart(exact, exact, range(1, alike))

    def cost(times: Tensor) -> float:
        with torch.no_grad():
            random = torch.Generator(device).manual_seed(seed)
            end = solver(processes, score, noise, times, random)
        between = apart(end, exact, range(alike))
        return 2 * between - apart(end, end, range(1, alike)) - own

    return cost
