"""Judges drawn graphs without chemistry against those of a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from molgen.errors import UsageError
from molgen.families import choose
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.evaluation.judge import Checked, Distributions, Entry, chosen, require_kind
from molgen.graphs.evaluation.options import EvaluateTable
from molgen.graphs.metrics import descriptors
from molgen.graphs.metrics.counts import Rejected
from molgen.graphs.metrics.leaks import Leaks, find_leaks
from molgen.graphs.metrics.metric import Metric, wasserstein
from molgen.graphs.metrics.mmd import EMD, TV
from molgen.graphs.metrics.vun import VALID, Validity, is_connected, verdicts

AVERAGED = ("degree", "clustering", "orbit")
"""The published mean MMD is of these."""

VALIDITIES: Mapping[str, tuple[Validity, str]] = {
    "planar": (VALID["planar"], "connected and planar"),
    "tree": (VALID["tree"], "a tree"),
    "sbm": (VALID["sbm"], "of the block model"),
    "grid": (VALID["grid"], "a lattice"),
    "connected": (is_connected, "connected"),
}
"""Name -> the check, and what passes it."""

_DRAWN = "Of all that were drawn"
_KERNELS = {
    "emd": ("MMD², earth mover's kernel (GraphRNN, GDSS)", EMD),
    "tv": ("MMD², total variation kernel (SPECTRE, DiGress)", TV),
}
_MEAN = f"mean of {', '.join(AVERAGED[:-1])} and {AVERAGED[-1]}"


@dataclass(frozen=True)
class GraphRows:
    """What metrics see of a set of graphs: one row each in every part."""

    parts: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(cls, graphs: GraphSet) -> GraphRows:
        """Those of a set."""
        found = {name: metric.describe(graphs) for name, metric in EMD.items()}
        return cls({**found, "size": graphs.sizes.astype(np.float64)})

    @property
    def shape(self) -> tuple[int, ...]:
        """(graphs,)."""
        return self.parts["size"].shape

    def __getitem__(self, indices: Any) -> GraphRows:
        return GraphRows({name: rows[indices] for name, rows in self.parts.items()})


@dataclass(frozen=True)
class Described:
    """Graphs with their rows."""

    graphs: GraphSet

    def __len__(self) -> int:
        return len(self.graphs)

    @cached_property
    def rows(self) -> GraphRows:
        """One row each."""
        return GraphRows.of(self.graphs)


Distance = Callable[[GraphRows, GraphRows], float]


def _of_part(name: str, distance: Callable[[Any, Any], float]) -> Distance:
    return lambda x, y: distance(x.parts[name], y.parts[name])


def _mean(distances: list[Distance]) -> Distance:
    return lambda x, y: float(np.mean([distance(x, y) for distance in distances]))


def _metrics() -> dict[str, Metric[Described, GraphRows]]:
    """Every MMD by kernel and part, such as `emd_degree`; their means; sizes."""
    distances: dict[str, Distance] = {}
    for kernel, (_, family) in _KERNELS.items():
        for name, metric in family.items():
            distances[f"{kernel}_{name}"] = _of_part(name, metric.distance)
        distances[f"{kernel}_mean"] = _mean([distances[f"{kernel}_{name}"] for name in AVERAGED])
    distances["size"] = _of_part("size", wasserstein)
    return {name: Metric(lambda d: d.rows, distance) for name, distance in distances.items()}


METRICS = _metrics()


@dataclass(frozen=True)
class PlainJudge:
    """Judges plain graphs; see `Judge`.

    Attributes:
        data: the data set.
        options: how much is compared, and what is valid.
    """

    data: DataFolder
    options: EvaluateTable

    kind, noun = "plain", "graphs"
    metrics = METRICS
    headline = ("vun", "emd_mean", "tv_mean")

    @cached_property
    def _validity(self) -> tuple[Validity, str]:
        named = self.options.validity
        if named is None:
            return VALIDITIES.get(self.data.meta["name"], VALIDITIES["connected"])
        return choose(VALIDITIES, named, "validity of graphs")

    @property
    def entries(self) -> dict[str, Entry]:
        """Of shares and distances."""
        found = {
            "valid": Entry(f"valid: {self._validity[1]}", _DRAWN, True, True),
            "unique": Entry("unique, up to the order of nodes", _DRAWN, True, True),
            "novel": Entry("novel: unlike every training graph", _DRAWN, True, True),
            "vun": Entry("valid, unique and novel", _DRAWN, True, True),
        }
        for kernel, (group, family) in _KERNELS.items():
            found |= {f"{kernel}_{name}": Entry(name, group) for name in family}
            found[f"{kernel}_mean"] = Entry(_MEAN, group)
        found["size"] = Entry("nodes, Wasserstein-1", "Distribution of sizes")
        return found

    @property
    def usual(self) -> int:
        """As many as there are for testing."""
        return len(self.data.test)

    @property
    def identity(self) -> str:
        """What is valid."""
        return self._validity[1]

    @cached_property
    def test(self) -> Described:
        """Of the test set."""
        return self._part("test", self.options.reference)

    @cached_property
    def pool(self) -> Described:
        """Of the training set."""
        return self._part("train", self.options.pool)

    def _part(self, part: str, most: int) -> Described:
        graphs = self.data.part(part)
        return Described(graphs.take(chosen(len(graphs), most)))

    def read(self, path: Path, count: int | None) -> Checked:
        """Of a file of graphs (.npz)."""
        if path.suffix != ".npz":
            raise UsageError(
                f"{path}: {self.data.meta['name']} holds graphs without chemistry, which are read "
                "from .npz (see `molgen.graphs.data.graph_set`)"
            )
        graphs = GraphSet.load(path)
        require_kind(graphs, self.data, str(path))
        return self.check(graphs.take(range(min(len(graphs), count or len(graphs)))))

    def check(self, drawn: GraphSet) -> Checked:
        """Of drawn graphs."""
        validity, words = self._validity
        found = verdicts(drawn, self.data.train, validity)
        texts = [graph6(drawn.graph(index)[1]) for index in range(len(drawn))]
        rejected = [
            Rejected(int(index), f"is not {words}", texts[index])
            for index in np.flatnonzero(~found.valid)
        ]
        shares = dict(vars(found.shares()))
        return Checked(len(drawn), shares, Described(drawn), len(drawn), texts, rejected)

    def distributions(self, items: Described) -> Distributions:
        """Of degrees, clustering coefficients, eigenvalues, sizes."""
        adjacencies = list(descriptors.adjacencies(items.graphs))
        return {
            "degree": _over(adjacencies, lambda A: A.sum(0).astype(np.float64)),
            "clustering": _over(adjacencies, descriptors.clustering_coefficients),
            "spectral": _over(adjacencies, descriptors.laplacian_eigenvalues),
            "size": items.graphs.sizes.astype(np.float64),
        }

    def remarks(self, checked: Checked) -> list[str]:
        """On novelty and leaks of the data."""
        known = self.data.meta.get("leaks")
        leaks = Leaks(**known) if known else find_leaks(self.data.train, self.data.test)
        novel = 100 * checked.shares["novel"].value
        return [
            f"{novel:.1f} % of the graphs are unlike every training graph. "
            "A small distance with low novelty is memorisation: read them together.",
            f"{leaks}.",
        ]


def graph6(edges: NDArray[np.int8]) -> str:
    """A graph [n, n] as text, types left out (McKay's graph6)."""
    graph = nx.from_numpy_array(edges > 0)
    return nx.to_graph6_bytes(graph, header=False).decode().strip()


def _over(
    adjacencies: list[NDArray[np.bool_]], values: Callable[[Any], NDArray[np.float64]]
) -> NDArray[np.float64]:
    return np.concatenate([np.zeros(0), *(values(A) for A in adjacencies)])
