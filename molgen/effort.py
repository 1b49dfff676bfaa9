"""What samples cost in network evaluations: counted, not remembered."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.grids import uniform
from molgen.core.processes import Processes
from molgen.solver import solver_of


def evaluations(processes: Processes, like: Batch, solver: str, steps: int) -> int:
    """How often a solver asks for the score in so many steps.

    Args:
        processes: of each field.
        like: the smallest batch there can be; its state does not matter.
        solver: see `molgen.solver`.
        steps: of the solver.
    """
    count = 0

    def score(batch: Batch, t: Tensor) -> dict[str, Tensor]:
        nonlocal count
        count += 1
        return {
            name: 0 * process.base_score(batch.state[name], t, batch.rows[name])
            for name, process in processes.items()
        }

    times = uniform(next(iter(processes.values())), steps)
    solver_of(solver)(processes, score, like, times, torch.Generator())
    return count


def steps_within(cost: Callable[[int], int], budget: int) -> int:
    """The most steps that take at most `budget` evaluations, at least one.

    Args:
        cost: evaluations that so many steps take, a straight line.
        budget: evaluations.
    """
    first = cost(1)
    each = cost(2) - first
    return max(1, 1 + (budget - first) // each)
