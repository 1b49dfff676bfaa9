"""How a recipe or a user wants samples drawn: the solver, its steps, and where it puts them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Self

import torch
from pydantic import (
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.checkpoint import Checkpoint
from molgen.config import Recipe, Table, validate
from molgen.core.batch import Batch
from molgen.core.grids import GRIDS
from molgen.core.processes.process import Process
from molgen.core.random import Random
from molgen.core.solvers import FLOWS, Solver, prior
from molgen.core.solvers.teleport import Moments, teleport_time, teleporting
from molgen.errors import UsageError
from molgen.families import choose
from molgen.grid import grid_of
from molgen.solver import name_of, solver_of
from molgen.tuned import Tuned

SEARCHED = "searched"
"""The grid that `molgen tune-grid` found for the solver and its steps."""


class SampleTable(Table):
    """These entries of a recipe's `[evaluate]`.

    Attributes:
        steps: solver steps; how many evaluations each takes is for the solver to say.
        solver: see `molgen.solver`.
        grid: see `molgen.grid`, or "searched".
        teleport: noise / signal, in standard deviations of the data, down to which the flow is
            taken in closed form without an evaluation; see `molgen.core.solvers.teleport`.
        times: of a searched grid, from where the steps begin.
    """

    steps: PositiveInt = 30
    solver: str = "heun"
    grid: str = "karras"
    teleport: PositiveFloat | None = None
    times: tuple[float, ...] = ()

    _moments: Mapping[str, Moments] = PrivateAttr(default_factory=dict)

    @model_serializer(mode="wrap")
    def _said(self, plain: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """What is not asked for is left out."""
        own: dict[str, Any] = plain(self)
        unsaid = {key for key in ("teleport", "times") if not own[key]}
        own["times"] = list(own["times"])
        return {key: value for key, value in own.items() if key not in unsaid}

    @classmethod
    def of(cls, recipe: Recipe, **changes: Any) -> Self:
        """Those of a recipe, with changes that are not None; what else is there is for others.

        Raises:
            UsageError: entries that mean nothing, or a solver that adds noise for a model that
                learned from paired noise, of which there is no score; see
                `molgen.core.losses.pairing`.
        """
        own = {key: value for key, value in recipe.evaluate.items() if key in cls.model_fields}
        own |= {key: value for key, value in changes.items() if value is not None}
        table = validate(cls, own, recipe.source, "evaluate")
        solver_of(table.solver)
        choose({**GRIDS, SEARCHED: None}, name_of(table.grid), "time grid")
        if table.grid != SEARCHED:
            grid_of(table.grid)
        paired = any(part.options.get("pairing") == "immiscible" for part in recipe.loss)
        if paired and table.solver not in FLOWS:
            raise UsageError(
                f"{recipe.source}: paired noise teaches no score, so that solver '{table.solver}' "
                f"cannot add noise; choose from {', '.join(FLOWS)}"
            )
        if paired and table.teleport is not None:
            raise UsageError(
                f"{recipe.source}: teleportation follows the flow of independent noise, not of "
                "paired; leave it out"
            )
        return table

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint, **changes: Any) -> Self:
        """Those of a checkpoint's recipe, with changes that are not None, ready to draw.

        Raises:
            UsageError: those of `of`, or no such grid was searched.
        """
        return cls.of(checkpoint.recipe, **changes).ready(checkpoint)

    def ready(self, checkpoint: Checkpoint) -> Self:
        """The same with what was found out about a checkpoint's draws.

        Raises:
            UsageError: no grid was searched for this.
        """
        if self.grid != SEARCHED and self.teleport is None:
            return self
        tuned = Tuned.read(checkpoint)
        table = self.with_moments(tuned.moments)
        if self.grid != SEARCHED:
            return table
        found = tuned.grid(checkpoint, self.solver, self.steps, self.teleport)
        return table.model_copy(update={"times": found.times})

    def with_moments(self, moments: Mapping[str, Moments]) -> Self:
        """The same that teleports by these moments of the data, by field."""
        table = self.model_copy()
        table._moments = moments
        return table

    def with_solver(self, solver: str, steps: int) -> Self:
        """The same with another solver; on the usual grid, if its own was searched for."""
        grid = "karras" if self.grid == SEARCHED else self.grid
        return self.model_copy(update={"solver": solver, "steps": steps, "grid": grid, "times": ()})

    def start(self, process: Process) -> float:
        """The time from which the solver steps.

        Raises:
            UsageError: the process has no such noise.
        """
        return 1.0 if self.teleport is None else teleport_time(process, self.teleport)

    def led(self, times: Tensor) -> Tensor:
        """Times from `start` on, with what leads there: all begin at 1."""
        return times if self.teleport is None else torch.cat([times.new_ones(1), times])

    def placed(self, process: Process) -> Tensor:
        """All times of a draw, float64, from 1 to the smallest of a process.

        Raises:
            UsageError: no such grid, or one that was searched for and is not at hand.
        """
        if self.times:
            times = torch.tensor(self.times, dtype=torch.float64)
        elif self.grid == SEARCHED:
            raise UsageError("a searched grid is of a checkpoint: give one that was tuned")
        else:
            times = grid_of(self.grid)(process, self.steps, start=self.start(process))
        return self.led(times)

    def solve(self) -> Solver:
        """The solver for times that were `placed`.

        Raises:
            UsageError: there is none of that name, or it has no such option.
        """
        solver = solver_of(self.solver)
        return solver if self.teleport is None else teleporting(solver, self._moments)

    def integrate(self, model: Any, batch: Batch, generator: Random) -> tuple[Batch, Tensor]:
        """A draw shaped as `batch` from a model's prior to its smallest time, `[graphs]`.

        Args:
            model: with `processes` and `score`.
            batch: what is given; its state only says the shapes.
            generator: source of randomness.

        Raises:
            UsageError: no such solver or grid.
            MolgenError: a score is not finite.
        """
        solve = self.solve()
        times = self.placed(next(iter(model.processes.values())))
        with torch.no_grad():
            batch = prior(model.processes, batch, generator)
            batch = solve(model.processes, model.score, batch, times, generator)
        like = next(iter(batch.state.values()))
        return batch, like.new_full((batch.graphs,), times[-1].item())


def sample(checkpoint: str | Path, **options: Any) -> Path:
    """A file of independent samples from a trained model: conformers, molecules or graphs.

    Args:
        checkpoint: a shipped name, a checkpoint, or a run folder.
        **options: those of `molgen.md.sample.sample` or `molgen.graphs.sample.sample`, by what the
            checkpoint is a model of: `count`, `output`, `seed`, ...
    """
    pillar = import_module(f"molgen.{checkpoints.load(checkpoint).recipe.task}.sample")
    written: Path = pillar.sample(checkpoint, **options)
    return written
