"""How likely a model finds graphs of a file or held-out ones: at least; see `graphs.bounds`."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

import numpy as np

from molgen.chem.reading import read_molecules
from molgen.chem.smiles_files import smiles_rows
from molgen.errors import UsageError
from molgen.graphs.bounds import POINTS, QUANTITY, fresh_seed, log_probabilities
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.graph_set import GraphSet, meta_of
from molgen.graphs.models.statistics import Statistics
from molgen.graphs.task import DataTable
from molgen.graphs.trained import TrainedGraphs
from molgen.likelihood import Columns, LikelihoodTable, Subjects

FLOW = LikelihoodTable()
"""Unchanged: a bound follows none."""

AT_ONCE = 250
"""Graphs of which bounds are found together."""


def subjects(
    trained: TrainedGraphs,
    file: Path | None,
    *,
    count: int,
    noise: bool,
    table: LikelihoodTable,
    seed: int,
    device: str,
) -> Subjects:
    """Test graphs of the data set, or those of a file.

    Raises:
        UsageError: there are none, they cannot be read, the model does not know their types, or
            something is said of a flow.
    """
    del noise
    if table != FLOW:
        raise UsageError("of graphs there is a bound, which follows no flow: leave its options out")
    statistics = trained.statistics
    graphs, names = _read(file, count, statistics) if file else _held_out(trained, count, seed)

    def score(first: int, stop: int) -> Columns:
        some = graphs.take(range(first, stop))
        fresh = fresh_seed(seed, first)
        return log_probabilities(trained.model, statistics, some, seed=fresh, device=device)

    return Subjects(names, score, {"quantity": QUANTITY, "times_each": POINTS}, AT_ONCE)


def geometry(trained: TrainedGraphs) -> NoReturn:
    """There is none.

    Raises:
        UsageError: always.
    """
    raise UsageError(
        f"{trained.name}: graphs have no distance of their own, and their types no density; molgen "
        "evaluate graphs compares what two solvers draw"
    )


def _held_out(trained: TrainedGraphs, count: int, seed: int) -> tuple[GraphSet, list[str]]:
    table = trained.checkpoint.recipe.table("data", DataTable)
    graphs = DataFolder.open(table.graphs).test
    known = np.array(trained.statistics.sizes) > 0
    fit = np.flatnonzero(known[np.minimum(graphs.sizes, len(known) - 1)])
    fit = fit[graphs.sizes[fit] < len(known)]
    chosen = np.random.default_rng(seed).permutation(fit)[:count]
    return graphs.take(chosen), [str(k) for k in chosen]


def _read(path: Path, count: int, statistics: Statistics) -> tuple[GraphSet, list[str]]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file")
    if path.suffix == ".npz":
        graphs = GraphSet.load(path)
        graphs = graphs.take(range(min(len(graphs), count)))
        return graphs, [str(k) for k in range(len(graphs))]
    if statistics.vocabulary is None or path.suffix == ".sdf":
        kinds = ".npz" if statistics.vocabulary is None else ".smi, .csv or .npz"
        raise UsageError(f"{path}: graphs of this model are read from {kinds}")
    rows = smiles_rows(path)[:count]
    found = read_molecules(
        rows,
        where=str(path),
        vocabulary=statistics.vocabulary,
        max_atoms=statistics.most,
        allowed=0.0,
    )
    graphs = GraphSet.of(
        [(graph.atoms, graph.bonds) for graph in found.graphs],
        meta=meta_of(statistics.vocabulary),
    )
    return graphs, list(found.smiles)
