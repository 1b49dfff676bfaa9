"""Graphs as padded tensors: batches of like size for training, and drawn graphs back again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from molgen.core.batch import Batch, DenseRows
from molgen.core.models.categorical import Encoding
from molgen.graphs.data.graph_set import GraphSet, meta_of, upper_triangle
from molgen.graphs.models.statistics import Statistics

_SMALL = 0.02
"""Buckets with less than this share of the graphs join the next larger one."""


@dataclass(frozen=True)
class Bucket:
    """Graphs of up to N nodes, padded to N.

    Attributes:
        sizes: int64 `[graphs]`.
        nodes: int8 `[graphs, N]`.
        edges: int8 `[graphs, N, N]`, symmetric.
        labels: float32 `[graphs]` each, properties; NaN where unknown.
    """

    sizes: Tensor
    nodes: Tensor
    edges: Tensor
    labels: Mapping[str, Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.sizes)

    def to(self, device: torch.device) -> Bucket:
        """The same on another device."""
        return self._each(lambda part: part.to(device))

    def take(self, index: Tensor) -> Bucket:
        """Some of the graphs (int64 `[k]`)."""
        return self._each(lambda part: part[index])

    def _each(self, change: Callable[[Tensor], Tensor]) -> Bucket:
        labels = {name: change(values) for name, values in self.labels.items()}
        return Bucket(change(self.sizes), change(self.nodes), change(self.edges), labels)


def buckets(graphs: GraphSet, width: int) -> list[Bucket]:
    """All graphs, in buckets whose sizes differ by less than `width` nodes."""
    largest = int(graphs.sizes.max())
    tops, waiting = [], 0
    for top in range(1 + (largest - 1) % width, largest + 1, width):
        waiting += int(((graphs.sizes <= top) & (graphs.sizes > top - width)).sum())
        if waiting >= _SMALL * len(graphs) or top == largest:
            tops.append(top)
            waiting = 0
    bottoms = [0, *tops[:-1]]
    return [
        padded(graphs.take(np.flatnonzero((graphs.sizes > low) & (graphs.sizes <= top))), top)
        for low, top in zip(bottoms, tops, strict=True)
    ]


def padded(graphs: GraphSet, nodes: int | None = None) -> Bucket:
    """Graphs padded to so many nodes each; to those of the largest if None."""
    n = int(graphs.sizes.max()) if nodes is None else nodes
    of_nodes = np.zeros((len(graphs), n), np.int8)
    of_edges = np.zeros((len(graphs), n, n), np.int8)
    for size in np.unique(graphs.sizes):
        which = np.flatnonzero(graphs.sizes == size)
        same = graphs.take(which)
        of_nodes[which, :size] = same.nodes.reshape(-1, size)
        row, column = upper_triangle(int(size))
        flat = same.edges.reshape(len(which), -1)
        of_edges[which[:, None], row, column] = of_edges[which[:, None], column, row] = flat
    return Bucket(
        torch.from_numpy(graphs.sizes.astype(np.int64)),
        torch.from_numpy(of_nodes),
        torch.from_numpy(of_edges),
        {name: torch.from_numpy(values) for name, values in graphs.labels.items()},
    )


def unpadded(bucket: Bucket, meta: Mapping[str, Any]) -> GraphSet:
    """The graphs of a bucket as a set."""
    nodes, edges = bucket.nodes.numpy(force=True), bucket.edges.numpy(force=True)
    sizes = bucket.sizes.tolist()
    return GraphSet.of(((nodes[k, :n], edges[k, :n, :n]) for k, n in enumerate(sizes)), meta=meta)


def decoded(classes: dict[str, Tensor], sizes: Tensor, statistics: Statistics) -> GraphSet:
    """Graphs of types of `x` `[graphs, N]` and `adj` `[graphs, N, N]`, `[graphs]` nodes each."""
    nodes, edges = (classes[name].to(torch.int8).cpu() for name in ("x", "adj"))
    return unpadded(Bucket(sizes.cpu(), nodes, edges), meta_of(statistics.vocabulary))


def as_batch(bucket: Bucket, encodings: Mapping[str, Encoding]) -> Batch:
    """Fields `x` `[graphs, N, .]` and `adj` `[graphs, N, N, .]`, zero on padding; labels given."""
    n = bucket.nodes.shape[1]
    rows = rows_of(bucket.sizes, n)
    apart = ~torch.eye(n, dtype=torch.bool, device=bucket.nodes.device)
    return Batch(
        {
            "x": rows["x"].zero(encodings["x"].encode(bucket.nodes)),
            "adj": rows["adj"].zero(encodings["adj"].encode(bucket.edges) * apart[..., None]),
        },
        {**rows, **{name: DenseRows(len(bucket), ()) for name in bucket.labels}},
        bucket.labels,
    )


def empty(sizes: Tensor, encodings: Mapping[str, Encoding]) -> Batch:
    """A batch of graphs of these sizes (int64 `[graphs]`), all zero."""
    rows = rows_of(sizes, int(sizes.max()))
    state = {
        name: torch.zeros(len(sizes), *rows[name].axes, encoding.width, device=sizes.device)
        for name, encoding in encodings.items()
    }
    return Batch(state, rows)


def rows_of(sizes: Tensor, nodes: int) -> dict[str, DenseRows]:
    """Rows of `x` and `adj` for graphs of these sizes (int64 `[graphs]`), padded to `nodes`."""
    mask = torch.arange(nodes, device=sizes.device) < sizes[:, None]
    both = mask[:, :, None] & mask[:, None, :]
    return {
        "x": DenseRows(len(sizes), (nodes,), mask),
        "adj": DenseRows(len(sizes), (nodes, nodes), both),
    }
