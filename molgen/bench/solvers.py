"""`molgen bench solvers`: what draws are worth against the network evaluations that they take."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from molgen.bench.solver_quality import Quality, quality_of
from molgen.bench.tables import Row, publish
from molgen.core.batch import Batch
from molgen.core.solvers import FLOWS, SOLVERS
from molgen.core.solvers.search import flow_cost
from molgen.effort import steps_within
from molgen.errors import MolgenError
from molgen.sampler import SEARCHED, SampleTable
from molgen.solver import solver_of
from molgen.trained import load
from molgen.tune import right_draws
from molgen.tuned import Tuned

Progress = Callable[[str, int, int], None]

MODELS = ("alanine_dipeptide", "qm9", "docking")
"""One of each pillar."""

BUDGETS = (5, 10, 20, 50)
"""Network evaluations of one draw."""

FEW = ("ancestral", "adams", "dpm++")
"""Solvers of a quick run."""

FINE = (("adams", 200), ("ancestral", 250))
"""What the draws of a solver come to in the end: without noise, and with."""

NOTE = (
    "Evaluations: of the network, of one draw. Searched: a grid of molgen tune-grid. From 3: the "
    "flow down to noise / signal of 3 standard deviations of the data is taken in closed form. "
    "Off the flow: mean distance of the ends from those of the exact flow from the same noise, in "
    "standard deviations of the data."
)


def run(
    *,
    models: Sequence[str] = MODELS,
    solvers: Sequence[str] = (),
    budgets: Sequence[int] = (),
    teleport: float | None = None,
    count: int | None = None,
    folder: str | Path | None = None,
    most: int | None = None,
    output: str | Path | None = None,
    quick: bool = False,
    progress: Progress | None = None,
) -> dict[str, list[Row]]:
    """Draw with every solver, print the tables, and write them as JSON if asked to.

    Args:
        models: shipped names, checkpoints or run folders.
        solvers: see `molgen.solver`; all of them if empty, or `FEW`.
        budgets: evaluations of one draw, at most; `BUDGETS` if empty.
        teleport: also draw so; see `SampleTable`.
        count: draws, of poses in each complex; as many as the kind of model asks for if None.
        folder: complexes to dock into; see `molgen.bench.solver_quality.Poses`.
        most: of them.
        output: JSON file.
        quick: few draws, of two budgets.
        progress: told (what, done, total).

    Raises:
        UsageError: no such model, solver or data.
    """
    names = tuple(solvers) or (FEW if quick else tuple(SOLVERS))
    for name in names:
        solver_of(name)
    budgets = tuple(budgets) or (BUDGETS[:2] if quick else BUDGETS)
    tables = {}
    for model in models:
        quality = quality_of(
            load(model),
            quick=quick,
            count=count,
            folder=None if folder is None else Path(folder),
            most=most,
        )
        title = quality.title
        ways = ways_of(quality, names, budgets, teleport, quick)
        exact = right_draws(quality.trained, "adams", 16 if quick else 256)
        rows = []
        for number, way in enumerate(ways):
            rows.append(row_of(quality, way, *exact))
            if progress is not None:
                progress(model, number + 1, len(ways))
        tables[title] = sorted(rows, key=lambda row: row["evaluations"])
    publish(tables, NOTE, output)
    return tables


def ways_of(
    quality: Quality,
    solvers: Sequence[str],
    budgets: Sequence[int],
    teleport: float | None,
    quick: bool,
) -> list[SampleTable]:
    """The recipe's own way of drawing, every solver within every budget, and many steps.

    With grids that were searched for where there are, and with teleportation if asked for.
    """
    usual = quality.trained.table
    tuned = Tuned.read(quality.trained.checkpoint)
    ways = [usual]
    for solver in solvers:
        steps = {steps_within(partial(_cost, quality, solver), budget) for budget in budgets}
        for number in sorted(steps):
            plain = SampleTable(solver=solver, steps=number)
            if quality.cost(plain) > max(budgets):
                continue
            ways.append(plain)
            if teleport is not None:
                ways.append(
                    plain.model_copy(update={"teleport": teleport}).with_moments(tuned.moments)
                )
    for grid in tuned.grids:
        if grid.solver in solvers:
            asked = {"solver": grid.solver, "steps": grid.steps, "teleport": grid.teleport}
            table = SampleTable(grid=SEARCHED, **asked)
            ways.append(table.ready(quality.trained.checkpoint))
    if not quick:
        ways += [SampleTable(solver=solver, steps=number) for solver, number in FINE]
    return ways


def _cost(quality: Quality, solver: str, steps: int) -> int:
    return quality.cost(SampleTable(solver=solver, steps=steps))


def said_of(way: SampleTable) -> str:
    """The solver, and what is unusual about its steps."""
    said = [way.solver]
    if way.grid != "karras":
        said.append(way.grid)
    if way.teleport is not None:
        said.append(f"from {way.teleport:g}")
    return ", ".join(said)


def row_of(quality: Quality, way: SampleTable, noise: Batch, exact: Batch) -> Row:
    """One line of the table.

    Args:
        quality: the measure.
        way: of drawing.
        noise: where flows begin.
        exact: where they should end.
    """
    trained = quality.trained
    row: Row = {"evaluations": quality.cost(way), "steps": way.steps, "solver": said_of(way)}
    begun = time.perf_counter()
    try:
        row |= quality.measure(way)
    except MolgenError as error:
        row["failed"] = str(error)
    row["seconds"] = time.perf_counter() - begun
    if way.solver in FLOWS:
        cost = flow_cost(trained.processes, trained.model.score, way.solve(), noise, exact)
        row["off the flow"] = cost(way.placed(next(iter(trained.processes.values()))))
    return row
