"""How a recipe or a user wants samples drawn: the solver, its steps, and where it puts them."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from pydantic import PositiveInt
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen.config import Recipe, Table, validate
from molgen.core.batch import Batch
from molgen.core.grids import GRIDS
from molgen.core.random import Random
from molgen.core.solvers import FLOWS, SOLVERS, prior
from molgen.errors import UsageError
from molgen.families import choose


class SampleTable(Table):
    """These entries of a recipe's `[evaluate]`.

    Attributes:
        steps: solver steps.
        solver: name in `molgen.core.solvers.SOLVERS`.
        grid: name in `molgen.core.grids.GRIDS`.
    """

    steps: PositiveInt = 30
    solver: str = "heun"
    grid: str = "karras"

    @classmethod
    def of(cls, recipe: Recipe, **changes: int | str | None) -> SampleTable:
        """Those of a recipe, with changes that are not None; what else is there is for others.

        Raises:
            UsageError: entries that mean nothing, or a solver that adds noise for a model that
                learned from paired noise, of which there is no score; see `molgen.core.pairing`.
        """
        own = {key: value for key, value in recipe.evaluate.items() if key in cls.model_fields}
        own |= {key: value for key, value in changes.items() if value is not None}
        table = validate(cls, own, recipe.source, "evaluate")
        paired = any(part.options.get("pairing") == "immiscible" for part in recipe.loss)
        if paired and table.solver not in FLOWS:
            raise UsageError(
                f"{recipe.source}: paired noise teaches no score, so that solver '{table.solver}' "
                f"cannot add noise; choose from {', '.join(FLOWS)}"
            )
        return table

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
        solve = choose(SOLVERS, self.solver, "solver")
        process = next(iter(model.processes.values()))
        times = choose(GRIDS, self.grid, "time grid")(process, self.steps)
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
