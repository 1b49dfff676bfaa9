"""What was found out about a checkpoint's draws, in a file beside its weights.

tuned.json: the checksum of the weights it is about; `moments`, mean and covariance of what the
model draws, by field, for teleportation; `grids`, the time grids that were searched for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from molgen.checkpoint import Checkpoint
from molgen.core.solvers.teleport import Moments
from molgen.errors import MolgenError, UsageError
from molgen.files import read_json, write_json

FILE = "tuned.json"


@dataclass(frozen=True)
class SearchedGrid:
    """A time grid that was searched for.

    Attributes:
        solver: its name.
        steps: of it.
        teleport: where it begins; None: at the prior.
        times: from there to the smallest.
        error: what the solver made of it on noise that the search had not seen.
        usual_error: the same of the usual grid.
        evaluations: of the network, of one draw.
    """

    solver: str
    steps: int
    teleport: float | None
    times: tuple[float, ...]
    error: float
    usual_error: float
    evaluations: int

    @property
    def key(self) -> tuple[str, int, float | None]:
        """What it was searched for."""
        return self.solver, self.steps, self.teleport

    def __str__(self) -> str:
        where = "" if self.teleport is None else f" after teleport {self.teleport:g}"
        return f"{self.solver} in {self.steps} steps{where}"


@dataclass(frozen=True)
class Tuned:
    """What is in the file.

    Attributes:
        moments: of what the model draws, by field.
        grids: searched for.
    """

    moments: Mapping[str, Moments] = field(default_factory=dict)
    grids: Sequence[SearchedGrid] = ()

    @classmethod
    def read(cls, checkpoint: Checkpoint) -> Tuned:
        """What is known of a checkpoint; nothing if there is no file.

        Raises:
            UsageError: the file is about other weights, or damaged.
        """
        path = checkpoint.folder / FILE
        if not path.is_file():
            return cls()
        found = read_json(path)
        if found.get("weights") != checkpoint.fingerprint:
            raise UsageError(f"{path}: it is about other weights; delete it")
        try:
            moments = {
                name: Moments(
                    torch.tensor(one["mean"], dtype=torch.float64),
                    torch.tensor(one["covariance"], dtype=torch.float64),
                    one["whole"],
                )
                for name, one in found["moments"].items()
            }
            grids = [
                SearchedGrid(**{**grid, "times": tuple(grid["times"])}) for grid in found["grids"]
            ]
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{path}: damaged ({error}); delete it") from None
        return cls(moments, grids)

    def write(self, checkpoint: Checkpoint) -> None:
        """Beside the weights, whole.

        Raises:
            MolgenError: it cannot be written.
        """
        path = checkpoint.folder / FILE
        content: dict[str, Any] = {
            "weights": checkpoint.fingerprint,
            "moments": {
                name: {
                    "mean": one.mean.tolist(),
                    "covariance": one.covariance.tolist(),
                    "whole": one.whole,
                }
                for name, one in self.moments.items()
            },
            "grids": [vars(grid) for grid in self.grids],
        }
        try:
            write_json(path, content)
        except OSError as error:
            raise MolgenError(
                f"{path}: cannot be written ({error.strerror or error}); copy the checkpoint to a "
                "folder of yours"
            ) from error

    def with_grid(self, grid: SearchedGrid) -> Tuned:
        """The same with a grid more, in the place of one that was searched for the same."""
        others = [one for one in self.grids if one.key != grid.key]
        return replace(self, grids=sorted([*others, grid], key=str))

    def grid(
        self, checkpoint: Checkpoint, solver: str, steps: int, teleport: float | None
    ) -> SearchedGrid:
        """That which was searched for just this.

        Raises:
            UsageError: there is none; how to get it.
        """
        for one in self.grids:
            if one.key == (solver, steps, teleport):
                return one
        known = "; ".join(map(str, self.grids)) or "none"
        more = "" if teleport is None else f" --teleport {teleport:g}"
        raise UsageError(
            f"{checkpoint.folder}: no grid was searched for {solver} in {steps} steps{more} "
            f"(known: {known}); molgen tune-grid {checkpoint.folder} --solver {solver} --steps "
            f"{steps}{more} does"
        )
