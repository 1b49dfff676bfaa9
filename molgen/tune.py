"""`molgen tune-grid`: the best time grid of a checkpoint for a solver and a number of steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from molgen.core.batch import Batch
from molgen.core.grids import karras
from molgen.core.processes import Processes
from molgen.core.solvers import FLOWS, prior
from molgen.core.solvers.search import Cost, flow_cost, law_cost, search_grid
from molgen.core.solvers.teleport import Moments
from molgen.effort import evaluations
from molgen.sampler import SampleTable
from molgen.solver import solver_of
from molgen.trained import Trained, load
from molgen.tuned import SearchedGrid, Tuned

Progress = Callable[[str, int, int], None]

_FINE = 200
"""Steps of the draws that are taken to be right."""

_ALIKE = 16
"""Draws of the same shape, between which energy distances are taken."""

_DRAWS_A_FEATURE = 10
"""Draws that a covariance needs for each of its rows."""


def tune_grid(
    checkpoint: str | Path,
    *,
    solver: str | None = None,
    steps: int | None = None,
    teleport: float | None = None,
    draws: int = 256,
    tries: int = 150,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
    **context: Any,
) -> SearchedGrid:
    """The grid that `--grid searched` will find, written beside the checkpoint's weights.

    Of solvers without chance it is the one whose ends are nearest to the exact flow's; of others
    the one whose ends are nearest in law to those of many steps. The usual grid is kept where the
    search finds none that is better on other noise.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        solver: see `molgen.solver`; that of the recipe if None.
        steps: of it; those of the recipe if None.
        teleport: see `SampleTable`.
        draws: that a grid is judged by.
        tries: grids.
        seed: of all random numbers.
        device: where the model runs.
        progress: told (what, done, total).
        **context: what a draw is given; see `molgen.trained.load`.

    Raises:
        UsageError: the checkpoint, the solver or the device cannot be used.
        MolgenError: a score is not finite, or the file cannot be written.
    """
    trained = load(checkpoint, **context)
    trained.model.to(device)
    known = Tuned.read(trained.checkpoint)
    table = SampleTable.of(
        trained.checkpoint.recipe, solver=solver, steps=steps, teleport=teleport, grid="karras"
    )
    tell = progress or (lambda *_: None)
    noise, exact = right_draws(trained, table.solver, draws, seed, device)
    tell("reference", 1, 2)
    if not exact.given:
        known = replace(known, moments=_moments(trained.processes, exact))
    table = table.with_moments(known.moments)
    first = next(iter(trained.processes.values()))
    start = table.start(first)
    found = search_grid(
        _cost(trained, table, noise, exact, seed),
        first,
        table.steps,
        start=start,
        tries=tries,
        generator=torch.Generator().manual_seed(seed),
        progress=lambda tried: tell("grids", tried, tries),
    )
    others = right_draws(trained, table.solver, draws, seed + 1, device)
    unseen = _cost(trained, table, *others, seed + 1)
    tell("reference", 2, 2)
    usual = karras(first, table.steps, start=start)
    error, usual_error = unseen(found.times), unseen(usual)
    times = found.times if error < usual_error else usual
    one = noise.take(torch.zeros(1, dtype=torch.long, device=device))
    grid = SearchedGrid(
        table.solver,
        table.steps,
        table.teleport,
        tuple(times.tolist()),
        min(error, usual_error),
        usual_error,
        evaluations(trained.processes, one, table.solver, table.steps),
    )
    known.with_grid(grid).write(trained.checkpoint)
    return grid


def right_draws(
    trained: Trained, solver: str, draws: int, seed: int = 0, device: str = "cpu"
) -> tuple[Batch, Batch]:
    """Noise, and what it should become: by the exact flow, or in law by many steps of a solver.

    Args:
        trained: a model.
        solver: one without chance, of which the exact flow is asked, or one that takes the steps.
        draws: how many, at least; of every shape a few.
        seed: of the noise.
        device: where the model is.
    """
    shapes = trained.shapes(-(-draws // _ALIKE), seed=seed).to(device)
    same = torch.arange(shapes.graphs, device=device).repeat_interleave(_ALIKE)
    random = torch.Generator(device).manual_seed(seed)
    noise = prior(trained.processes, shapes.take(same), random)
    solve = solver_of("adams" if solver in FLOWS else solver)
    times = karras(next(iter(trained.processes.values())), _FINE)
    with torch.no_grad():
        return noise, solve(trained.processes, trained.model.score, noise, times, random)


def _cost(trained: Trained, table: SampleTable, noise: Batch, exact: Batch, seed: int) -> Cost:
    """What a grid, from where the table starts, costs."""
    score, solve = trained.model.score, table.solve()
    if table.solver in FLOWS:
        cost = flow_cost(trained.processes, score, solve, noise, exact)
    else:
        cost = law_cost(
            trained.processes, score, solve, noise, exact, alike=_ALIKE, seed=seed + 1000
        )
    return lambda times: cost(table.led(times))


def _moments(processes: Processes, drawn: Batch) -> dict[str, Moments]:
    """Of the data behind draws at the smallest time, for fields that are flat."""
    found = {}
    for name, process in processes.items():
        x, rows = drawn.state[name], drawn.rows[name]
        if process.drift(x, x.new_ones(drawn.graphs), rows).shape != x.shape:
            continue  # points are no vectors
        counts, size = rows.count(x), rows.width(x)
        end = torch.tensor(process.t_min, dtype=torch.float64)
        m, s = process.signal(end), process.noise(end)
        enough = rows.graphs >= _DRAWS_A_FEATURE * float(counts[0]) * size
        whole = enough and bool((counts == counts[0]).all())
        noised = Moments.of(process, x, rows, whole=whole)
        identity = torch.eye(len(noised.mean), dtype=torch.float64)
        covariance = (noised.covariance - s.square() * identity) / m.square()
        found[name] = Moments(noised.mean / m, covariance, whole)
    return found
