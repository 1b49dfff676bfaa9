"""What a model has to know of its training graphs: frequencies of types, sizes, what types mean."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet, upper_triangle

_RAREST = 1e-4
"""Frequency that even a type that never occurs is given, so that its logarithm stays small."""


@dataclass(frozen=True)
class Label:
    """How a property is distributed among the training graphs.

    Attributes:
        mean: its mean.
        std: its standard deviation.
        low: the smallest.
        high: the largest.
    """

    mean: float
    std: float
    low: float
    high: float

    @classmethod
    def measure(cls, values: np.ndarray) -> Label:
        """Of the values that are known, `[graphs]`."""
        known = values[np.isfinite(values)].astype(np.float64)
        if not len(known):
            raise UsageError("labels: none of a property's values is known")
        return cls(
            float(known.mean()), float(known.std()) or 1.0, float(known.min()), float(known.max())
        )


@dataclass(frozen=True)
class Statistics:
    """Of a set of graphs.

    Attributes:
        nodes: frequency of each node type.
        edges: frequency of each type among the pairs of nodes; the first is no edge.
        sizes: how many graphs have n nodes, n = 0, 1, ...
        vocabulary: what the types mean; None for plain graphs.
        labels: properties that the graphs are labelled with.
        limits: the most that the edge types of a node of each type sum to; empty if not measured.
    """

    nodes: tuple[float, ...]
    edges: tuple[float, ...]
    sizes: tuple[int, ...]
    vocabulary: Vocabulary | None
    labels: Mapping[str, Label] = field(default_factory=dict)
    limits: tuple[int, ...] = ()

    @property
    def most(self) -> int:
        """Nodes of the largest graph."""
        return len(self.sizes) - 1

    @classmethod
    def measure(cls, graphs: GraphSet) -> Statistics:
        """Those of a set."""
        vocabulary = graphs.chemistry
        kinds = len(vocabulary.atoms) if vocabulary else int(graphs.nodes.max()) + 1
        orders = len(vocabulary.bonds) if vocabulary else int(graphs.edges.max()) + 1
        return cls(
            _frequencies(graphs.nodes, kinds),
            _frequencies(graphs.edges, orders),
            tuple(graphs.size_histogram().tolist()),
            vocabulary,
            {name: Label.measure(values) for name, values in sorted(graphs.labels.items())},
            _limits(graphs, kinds),
        )

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "nodes": list(self.nodes),
            "edges": list(self.edges),
            "sizes": list(self.sizes),
            "vocabulary": self.vocabulary.to_dict() if self.vocabulary else None,
            "labels": {name: asdict(label) for name, label in self.labels.items()},
            "limits": list(self.limits),
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Statistics:
        """What `to_dict` wrote."""
        vocabulary = content["vocabulary"]
        return cls(
            tuple(content["nodes"]),
            tuple(content["edges"]),
            tuple(content["sizes"]),
            Vocabulary.from_dict(vocabulary) if vocabulary else None,
            {name: Label(**label) for name, label in content.get("labels", {}).items()},
            tuple(content.get("limits", ())),
        )


def _frequencies(types: np.ndarray, count: int) -> tuple[float, ...]:
    found = np.bincount(types, minlength=count) / max(1, len(types))
    raised = np.maximum(found, _RAREST)
    return tuple((raised / raised.sum()).tolist())


def _limits(graphs: GraphSet, kinds: int) -> tuple[int, ...]:
    sums = np.zeros(len(graphs.nodes), np.int64)
    pairs = graphs.sizes.astype(np.int64) * (graphs.sizes - 1) // 2
    first_pairs, first_nodes = (np.cumsum(part) - part for part in (pairs, graphs.sizes))
    for size in map(int, np.unique(graphs.sizes)):
        same = np.flatnonzero(graphs.sizes == size)
        of_pairs = first_pairs[same, None] + np.arange(size * (size - 1) // 2)
        for end in upper_triangle(size):
            np.add.at(sums, first_nodes[same, None] + end, graphs.edges[of_pairs])
    most = np.zeros(kinds, np.int64)
    np.maximum.at(most, graphs.nodes, sums)
    return tuple(most.tolist())
