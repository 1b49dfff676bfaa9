"""A trained model of graphs, for the tools that know no pillar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from torch import Tensor

from molgen.checkpoint import Checkpoint
from molgen.core.batch import Batch
from molgen.graphs.convert import to_networkx, to_rdkit
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.dense import as_batch, decoded, empty, padded
from molgen.graphs.drawing import sizes_of
from molgen.graphs.models.statistics import Statistics
from molgen.graphs.task import DataTable, restore
from molgen.trained import Trained, refuse_context


@dataclass(frozen=True)
class TrainedGraphs(Trained):
    """Graphs: types of nodes and of edges.

    Attributes:
        statistics: of the graphs it was trained on.
    """

    statistics: Statistics

    @classmethod
    def of(cls, checkpoint: Checkpoint, **context: Any) -> Self:
        """That of a checkpoint; graphs are given nothing."""
        refuse_context(checkpoint, context)
        return cls(checkpoint, *restore(checkpoint))

    def shapes(self, count: int, *, seed: int = 0, first: int = 0) -> Batch:
        """Of as many nodes as in training."""
        sizes = sizes_of(self.statistics.sizes, seed, first, count)
        return empty(sizes, self.model.encodings)

    def data(self, count: int, *, seed: int = 0) -> Batch:
        """Test graphs of the data set of its recipe, no larger than those of training."""
        table = self.checkpoint.recipe.table("data", DataTable)
        graphs = DataFolder.open(table.graphs).test
        fit = np.flatnonzero(graphs.sizes <= self.statistics.most)
        chosen = np.random.default_rng(seed).permutation(fit)[:count]
        return as_batch(padded(graphs.take(chosen)), self.model.encodings)

    def decoded(self, end: Batch, t: Tensor) -> Sequence[Any]:
        """Molecules of RDKit, None where not valid; without chemistry, graphs of networkx."""
        sizes = end.rows["x"].count(t).long()
        graphs = decoded(self.model.classes(end, t), sizes, self.statistics)
        return to_networkx(graphs) if self.statistics.vocabulary is None else to_rdkit(graphs)


TRAINED = TrainedGraphs
