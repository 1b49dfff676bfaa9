"""Quality of drawn graphs against the network evaluations that each took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import torch

from molgen.effort import steps_within
from molgen.graphs.conditions.given import Given
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.dense import empty
from molgen.graphs.evaluation.judge import LEAST, Judge
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.metrics.metric import Floor, Measured
from molgen.graphs.models.kinds import GraphModel
from molgen.results import Curve
from molgen.sampler import SampleTable

Progress = Callable[[str, int, int], None]

Drawing = Callable[..., GraphSet]
"""`drawing(count, table=, progress=)`: graphs drawn as a table says."""

FLOOR, SECONDS = "noise floor", "seconds"


def evaluations_each(model: GraphModel, table: SampleTable) -> int:
    """Network evaluations that each graph takes: counted in the drawing of a graph of one node.

    Models that read the types off a last evaluation have it counted, others have none.
    """
    count = 0

    def one(*_: Any) -> None:
        nonlocal count
        count += 1

    device = next(model.parameters()).device
    like = empty(torch.ones(1, dtype=torch.int64, device=device), model.encodings)
    solve = partial(table.integrate, generator=torch.Generator(device).manual_seed(0))
    counting = model.network.register_forward_pre_hook(one)
    try:
        with torch.no_grad():
            Given((0.0, 1.0)).integrate(model, like, solve)
    finally:
        counting.remove()
    return count


def graphs_a_point(judge: Judge, table: EvaluateTable) -> int:
    """Graphs of each point of the curves: no more than real ones that a floor can be drawn from."""
    most: int = min(len(judge.pool), judge.usual)
    return min(table.curve_samples, most)


def effort_curves(
    judge: Judge,
    model: GraphModel,
    drawing: Drawing,
    table: EvaluateTable,
    count: int,
    real: Mapping[str, Floor],
    progress: Progress | None = None,
) -> dict[str, tuple[Curve, ...]]:
    """The judge's headline numbers, and seconds a graph, against evaluations, solver by solver.

    A share has its 95 % interval; a distance that too few graphs allow is left out.

    Args:
        judge: of such graphs.
        model: that draws them.
        drawing: draws graphs from it.
        table: solvers and evaluations.
        count: graphs of each point.
        real: floors of as many graphs, by name.
        progress: told how far it is.
    """
    curves: dict[str, list[Curve]] = {name: [] for name in (*judge.headline, SECONDS)}
    for solver in table.curve_solvers:
        found: dict[str, list[tuple[int, Measured]]] = {name: [] for name in curves}
        for effort, draw in _points(model, drawing, solver, table, count, progress):
            begun = time.perf_counter()
            graphs = draw()
            seconds = (time.perf_counter() - begun) / len(graphs)
            found[SECONDS].append((effort, _exactly(seconds)))
            checked = judge.check(graphs)
            for name in judge.headline:
                if name in checked.shares:
                    found[name].append((effort, checked.shares[name]))
                elif checked.count >= LEAST:
                    value = judge.metrics[name](checked.items, judge.test)
                    found[name].append((effort, _exactly(value)))
        for name, pairs in found.items():
            curves[name].append(_curve(solver, pairs))
    ends = [float(min(table.curve_evaluations)), float(max(table.curve_evaluations))]
    for name in judge.headline:
        floor = real[name]
        curves[name].append(Curve(f"{FLOOR}, n = {floor.n:,}", ends, [floor.mean] * 2))
    return {name: tuple(lines) for name, lines in curves.items()}


def _points(
    model: GraphModel,
    drawing: Drawing,
    solver: str,
    table: EvaluateTable,
    count: int,
    progress: Progress | None,
) -> Iterator[tuple[int, Callable[[], GraphSet]]]:
    """Evaluations a graph, each number once, and what draws graphs with so many."""

    def in_steps(number: int) -> EvaluateTable:
        return table.with_solver(solver, number)

    def cost(number: int) -> int:
        return evaluations_each(model, in_steps(number))

    for number in sorted({steps_within(cost, budget) for budget in table.curve_evaluations}):
        effort = cost(number)

        def told(_: str, done: int, total: int, stage: str = f"{solver} {effort}") -> None:
            if progress:
                progress(stage, done, total)

        yield effort, partial(drawing, count, table=in_steps(number), progress=told)


def _exactly(value: float) -> Measured:
    return Measured(value, value, value, 0)


def _curve(name: str, pairs: Sequence[tuple[int, Measured]]) -> Curve:
    x, found = [float(effort) for effort, _ in pairs], [measured for _, measured in pairs]
    low, high = [m.low for m in found], [m.high for m in found]
    return Curve(name, x, [m.value for m in found], low, high)
