"""Independent conformers from a trained model: noise carried to molecules by a reverse-time solver."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from molgen.config import choose
from molgen.core.grids import GRIDS
from molgen.core.models import EnergyModel
from molgen.core.solvers import SOLVERS, prior
from molgen.errors import MolgenError
from molgen.md.statistics import Statistics
from molgen.md.task import as_batch

Progress = Callable[[str, int, int], None]


def draw(
    model: EnergyModel,
    statistics: Statistics,
    count: int,
    *,
    steps: int = 30,
    solver: str = "heun",
    grid: str = "karras",
    batch_size: int = 2000,
    generator: torch.Generator,
    progress: Progress | None = None,
) -> Tensor:
    """`[count, beads, dims]` independent conformers, nm.

    Args:
        model: trained energy model of positions.
        statistics: of its molecule.
        count: how many.
        steps: solver steps; heun takes two score evaluations a step (but one in the last).
        solver: name in `molgen.core.solvers.SOLVERS`.
        grid: name in `molgen.core.grids.GRIDS`.
        batch_size: conformers at a time.
        generator: source of randomness.
        progress: told (what, done, total).

    Raises:
        UsageError: no such solver or grid.
        MolgenError: a conformer is not finite.
    """
    solve = choose(SOLVERS, solver, "solver")
    times = choose(GRIDS, grid, "time grid")(model.processes["pos"], steps)
    shape = (len(statistics.mapping), len(statistics.offset))
    done: list[Tensor] = []
    for start in range(0, count, batch_size):
        size = min(batch_size, count - start)
        batch = as_batch(torch.zeros(size, *shape, device=generator.device))
        with torch.no_grad():
            batch = prior(model.processes, batch, generator)
            batch = solve(model.processes, model.score, batch, times, generator)
        done.append(statistics.restore(batch.state["pos"]))
        if progress is not None:
            progress("sampling", start + size, count)
    x = torch.cat(done)
    bad = ~torch.isfinite(x).flatten(1).all(1)
    if bad.any():
        raise MolgenError(
            f"{int(bad.sum())} of {count} samples are not finite (the first is {int(bad.nonzero()[0])}); "
            "take more steps"
        )
    return x
