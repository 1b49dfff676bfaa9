"""A trained model of conformers, for the tools that know no pillar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.core.batch import Batch
from molgen.core.models import ScoreModel
from molgen.core.processes import LinearProcess
from molgen.errors import UsageError
from molgen.md.data.frames import load_frames
from molgen.md.models.batch import as_batch
from molgen.md.models.exact import exact_score
from molgen.md.models.statistics import Statistics
from molgen.md.system import load_system
from molgen.md.task import DataTable, restore
from molgen.trained import Trained, refuse_context


@dataclass(frozen=True)
class TrainedConformers(Trained):
    """Conformers: positions in units of the data's scale, about their centre if they have one.

    Attributes:
        statistics: of the molecule.
    """

    statistics: Statistics

    @classmethod
    def of(cls, checkpoint: Checkpoint, **context: Any) -> Self:
        """That of a checkpoint; conformers are given nothing."""
        refuse_context(checkpoint, context)
        return cls(checkpoint, *restore(checkpoint))

    def shapes(self, count: int, *, seed: int = 0, first: int = 0) -> Batch:
        """All alike."""
        del seed, first
        return as_batch(torch.zeros(count, len(self.statistics.mapping), self.dims))

    @property
    def dims(self) -> int:
        """Dimensions of space."""
        return len(self.statistics.offset)

    def data(self, count: int, *, seed: int = 0) -> Batch:
        """Reference frames."""
        table = self.checkpoint.recipe.table("data", DataTable)
        system = load_system(table.system)
        frames = load_frames(table.frames, "reference", system, self.statistics.mapping)
        chosen = np.random.default_rng(seed).permutation(len(frames))[:count]
        return as_batch(self.statistics.normalise(frames[torch.from_numpy(chosen)]))

    def exact(self) -> ScoreModel | None:
        """That of test systems, by quadrature; None where the system is not at hand."""
        try:
            system = load_system(self.checkpoint.recipe.table("data", DataTable).system)
        except UsageError:
            return None
        process = self.processes["pos"]
        assert isinstance(process, LinearProcess)
        return exact_score(system, self.statistics, process)

    def decoded(self, end: Batch, t: Tensor) -> Sequence[Any]:
        """Positions of each, numpy `[beads, dims]` nm."""
        del t
        return list(self.statistics.restore(end.state["pos"]).numpy(force=True))


TRAINED = TrainedConformers
