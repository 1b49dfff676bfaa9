"""Many graphs in a few flat numpy arrays, in memory and in one file."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from molgen.arrays import Array, read_arrays, write_arrays
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError

FORMAT = 1
_LABEL = "label_"


def meta_of(vocabulary: Vocabulary | None) -> dict[str, Any]:
    """What a set's meta says of its kind: molecules of a vocabulary, or plain graphs."""
    if vocabulary is None:
        return {"kind": "plain"}
    return {"kind": "molecules", "vocabulary": vocabulary.to_dict()}


@dataclass(frozen=True)
class GraphSet:
    """Undirected graphs with a type on every node and every pair of nodes; type 0 pair: no edge.

    Attributes:
        sizes: [graphs] int16, nodes of each graph.
        nodes: [sum sizes] int8, node types, graph after graph.
        edges: [sum n (n - 1) / 2] int8, types of the pairs i < j, row by row of the upper triangle.
        labels: [graphs] float32 each: properties such as `logp`; NaN where unknown.
        meta: JSON values: `kind` (`molecules`, with `vocabulary`, or `plain`), provenance, counts.
    """

    sizes: NDArray[np.int16]
    nodes: NDArray[np.int8]
    edges: NDArray[np.int8]
    labels: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    meta: Mapping[str, Any] = field(default_factory=lambda: meta_of(None))

    def __post_init__(self) -> None:
        n = self.sizes.astype(np.int64)
        if len(self.nodes) != n.sum() or len(self.edges) != (n * (n - 1) // 2).sum():
            raise UsageError("graph set: the number of nodes or edges does not fit the sizes")
        for name, values in self.labels.items():
            if values.shape != self.sizes.shape:
                raise UsageError(
                    f"graph set: {len(values)} labels '{name}' for {len(self.sizes)} graphs"
                )

    @classmethod
    def of(
        cls,
        graphs: Iterable[tuple[Array, Array]],
        *,
        labels: Mapping[str, Array] | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> "GraphSet":
        """The set of these graphs, each (node types [n], symmetric edge types [n, n])."""
        sizes: list[int] = []
        nodes, edges = bytearray(), bytearray()
        for node_types, edge_types in graphs:
            count = len(node_types)
            if edge_types.shape != (count, count):
                raise UsageError(
                    f"graph {len(sizes)}: {count} nodes, but edges of shape {edge_types.shape}"
                )
            sizes.append(count)
            nodes += np.asarray(node_types, np.int8).tobytes()
            edges += np.asarray(edge_types[upper_triangle(count)], np.int8).tobytes()
        return cls(
            np.array(sizes, np.int16),
            np.frombuffer(bytes(nodes), np.int8),
            np.frombuffer(bytes(edges), np.int8),
            {name: np.asarray(values, np.float32) for name, values in (labels or {}).items()},
            meta_of(None) if meta is None else meta,
        )

    @classmethod
    def joined(cls, sets: "Sequence[GraphSet]") -> "GraphSet":
        """The graphs of several sets one after the other; labels are of the same names in all.

        Raises:
            UsageError: there are no sets.
        """
        if not sets:
            raise UsageError("graph set: nothing to join")
        return cls(
            np.concatenate([part.sizes for part in sets]),
            np.concatenate([part.nodes for part in sets]),
            np.concatenate([part.edges for part in sets]),
            {name: np.concatenate([part.labels[name] for part in sets]) for name in sets[0].labels},
            sets[0].meta,
        )

    def __len__(self) -> int:
        return len(self.sizes)

    @property
    def vocabulary(self) -> Vocabulary:
        """What the types mean, for molecules.

        Raises:
            UsageError: these graphs are not molecules.
        """
        if self.chemistry is None:
            raise UsageError("these graphs are not molecules: they have no atom vocabulary")
        return self.chemistry

    @cached_property
    def chemistry(self) -> Vocabulary | None:
        """The vocabulary, where there is one: None for plain graphs."""
        if self.meta.get("kind") != "molecules":
            return None
        return Vocabulary.from_dict(self.meta["vocabulary"])

    @property
    def crc32(self) -> int:
        """Of all graphs, in their order."""
        return zlib.crc32(self.nodes.tobytes() + self.edges.tobytes())

    @cached_property
    def _starts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Where each graph begins in `nodes` and in `edges`; one entry more than graphs."""
        n = self.sizes.astype(np.int64)
        return _offsets(n), _offsets(n * (n - 1) // 2)

    def graph(self, index: int) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Node types [n] and symmetric edge types [n, n] of one graph."""
        if not 0 <= index < len(self):
            raise IndexError(f"graph {index} of {len(self)}")
        first_node, first_edge = self._starts
        nodes = self.nodes[first_node[index] : first_node[index + 1]]
        edges = np.zeros((len(nodes), len(nodes)), np.int8)
        rows, columns = upper_triangle(len(nodes))
        edges[rows, columns] = self.edges[first_edge[index] : first_edge[index + 1]]
        edges[columns, rows] = edges[rows, columns]
        return nodes.copy(), edges

    def take(self, indices: Sequence[int] | Array) -> "GraphSet":
        """The graphs at these indices, or where a boolean mask is true, in this order."""
        chosen = np.arange(len(self))[np.asarray(indices)] if len(indices) else np.zeros(0, int)
        first_node, first_edge = self._starts
        return GraphSet(
            self.sizes[chosen],
            self.nodes[_spans(first_node, chosen)],
            self.edges[_spans(first_edge, chosen)],
            {name: values[chosen] for name, values in self.labels.items()},
            self.meta,
        )

    def size_histogram(self) -> NDArray[np.int64]:
        """How many graphs have n nodes, for n = 0, 1, ..., the largest."""
        return np.bincount(self.sizes)

    def save(self, path: str | Path) -> None:
        """Write one .npz file whole; equal sets give equal files."""
        meta = json.dumps({"format": FORMAT, **self.meta}, sort_keys=True)
        arrays: dict[str, Array] = {
            "sizes": self.sizes,
            "nodes": self.nodes,
            "edges": self.edges,
            "meta": np.frombuffer(meta.encode(), np.uint8),
        }
        labels = {_LABEL + name: values for name, values in self.labels.items()}
        write_arrays(Path(path), {**arrays, **labels}, compressed=True)

    @classmethod
    def load(cls, path: str | Path) -> "GraphSet":
        """The set that `save` wrote.

        Raises:
            UsageError: the file is missing, damaged, or of another kind or format.
        """
        arrays = read_arrays(Path(path))
        try:
            meta = json.loads(arrays["meta"].tobytes())
            found = meta.pop("format")
            if found != FORMAT:
                raise UsageError(f"{path}: graph format {found}, this molgen reads {FORMAT}")
            labels = {
                name.removeprefix(_LABEL): values
                for name, values in arrays.items()
                if name.startswith(_LABEL)
            }
            return cls(arrays["sizes"], arrays["nodes"], arrays["edges"], labels, meta)
        except (KeyError, ValueError, AttributeError) as error:
            raise UsageError(f"{path}: holds no graphs: {error}") from error


@lru_cache(maxsize=1024)
def upper_triangle(count: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the pairs i < j of `count` nodes, row by row."""
    return np.triu_indices(count, 1)


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _spans(starts: NDArray[np.int64], chosen: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions of the chosen spans, one after another: starts[k], ..., starts[k + 1] - 1."""
    lengths = (starts[1:] - starts[:-1])[chosen]
    within = np.arange(lengths.sum()) - np.repeat(_offsets(lengths)[:-1], lengths)
    return np.repeat(starts[chosen], lengths) + within
