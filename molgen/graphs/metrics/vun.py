"""Share of drawn graphs that are valid, unique and novel, as for planar graphs, trees, blocks.

A graph counts in V.U.N. if it is valid, no earlier one in the set is isomorphic to it, and none of
the training graphs is (Martinkus et al. 2022, SPECTRE).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.block_model import is_block_model
from molgen.graphs.metrics.descriptors import adjacencies
from molgen.graphs.metrics.isomorphism import isomorphic, isomorphism_classes, joined
from molgen.graphs.metrics.metric import Measured
from molgen.graphs.metrics.shares import share

Adjacency = NDArray[np.bool_]
Validity = Callable[[Adjacency], bool]


def is_connected(adjacency: Adjacency) -> bool:
    """Whether a graph [n, n] has nodes and is in one piece."""
    return len(adjacency) > 0 and connected_components(adjacency, directed=False)[0] == 1


def is_connected_planar(adjacency: Adjacency) -> bool:
    """Whether a connected graph [n, n] can be drawn without crossings."""
    if not is_connected(adjacency):
        return False
    planar, _ = nx.check_planarity(nx.from_numpy_array(adjacency))
    return bool(planar)


def is_tree(adjacency: Adjacency) -> bool:
    """Whether a graph [n, n] is connected and has n - 1 edges."""
    return is_connected(adjacency) and int(adjacency.sum()) == 2 * (len(adjacency) - 1)


def is_grid(adjacency: Adjacency) -> bool:
    """Whether a graph [n, n] is a rectangle of the square lattice, at least 2 x 2 nodes."""
    n = len(adjacency)
    nodes = np.zeros(n, np.int8)
    for width in range(2, int(n**0.5) + 1):
        if n % width == 0:
            grid = nx.to_numpy_array(nx.grid_2d_graph(width, n // width), dtype=np.int8)
            if isomorphic((nodes, adjacency.astype(np.int8)), (nodes, grid)):
                return True
    return False


VALID: Mapping[str, Validity] = {
    "planar": is_connected_planar,
    "tree": is_tree,
    "sbm": is_block_model,
    "grid": is_grid,
}
"""What makes a graph of each set valid; of other sets, `is_connected` may be asked."""


@dataclass(frozen=True)
class VUN:
    """Shares of a set of drawn graphs.

    Attributes:
        valid: that are what the set's graphs are.
        unique: that are not isomorphic to an earlier one.
        novel: that are not isomorphic to a training graph.
        vun: that are all three.
    """

    valid: Measured
    unique: Measured
    novel: Measured
    vun: Measured


@dataclass(frozen=True)
class Verdicts:
    """Of each graph of a set, whether it is valid, unique and novel.

    Attributes:
        valid: [graphs] is what the set's graphs are.
        unique: [graphs] is not isomorphic to an earlier one.
        novel: [graphs] is not isomorphic to a training graph.
    """

    valid: NDArray[np.bool_]
    unique: NDArray[np.bool_]
    novel: NDArray[np.bool_]

    def shares(self) -> VUN:
        """V.U.N. and its parts, each as a share of all."""
        parts = (self.valid, self.unique, self.novel, self.valid & self.unique & self.novel)
        return VUN(*(share(int(part.sum()), len(part)) for part in parts))


def verdicts(graphs: GraphSet, train: GraphSet, validity: Validity) -> Verdicts:
    """On every drawn graph."""
    valid = np.array([validity(A) for A in adjacencies(graphs)], bool)
    classes = isomorphism_classes(joined(train, graphs))
    known, drawn = classes[: len(train)], classes[len(train) :]
    unique = np.zeros(len(graphs), bool)
    unique[np.unique(drawn, return_index=True)[1]] = True
    return Verdicts(valid, unique, ~np.isin(drawn, known))
