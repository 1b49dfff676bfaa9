"""The generic graph sets of the field, drawn from a seed: no two graphs of a set are isomorphic.

Published files of the small sets repeat themselves (community-small: 52 different graphs of 100; 10
of its 20 test graphs are also for training), so that a model may score by heart. Here a graph that
colour refinement cannot tell from an earlier one is drawn anew, so that no split leaks.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from molgen.errors import UsageError
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.block_model import BETWEEN, COMMUNITIES, INSIDE, SIZES
from molgen.graphs.metrics.isomorphism import Graph, graph_hash
from molgen.graphs.metrics.vun import is_connected

Adjacency = NDArray[np.bool_]
Stream = Callable[[np.random.Generator], Iterator[Adjacency]]

_PATIENCE = 500
"""Draws in a row that were all known already, after which a set counts as exhausted."""


def community_small(rng: np.random.Generator) -> Iterator[Adjacency]:
    """Two communities of equal size, 12 to 20 nodes together: 0.7 inside, 0.01 between, connected.

    Two that no edge joins get one. As published (GraphRNN, GDSS), but for the seeds.
    """
    while True:
        half = int(rng.integers(12, 21)) // 2
        A = blocks(np.array([half, half]), 0.7, 0.01, rng)
        if not A[:half, half:].any():
            i, j = rng.integers(half, size=2)
            A[i, half + j] = A[half + j, i] = True
        if is_connected(A):
            yield A


def ego_small(rng: np.random.Generator) -> Iterator[Adjacency]:
    """A node with its neighbours, 4 to 18 together, in a network that grows like citations.

    The published set is of Citeseer, which cannot be shipped; this one is of networks of 3000 nodes
    with preferential attachment and triangles (Holme & Kim 2002; 2 edges a node, 3 in 10 closed).
    Since no graph comes twice (there are but four of 4 nodes), its graphs are larger, 11 nodes in
    place of 6, and numbers are not comparable with published ones.
    """
    while True:
        network = nx.powerlaw_cluster_graph(3000, 2, 0.3, seed=int(rng.integers(2**31)))
        for node in rng.permutation(3000).tolist():
            members = [node, *network[node]]
            if 4 <= len(members) <= 18:
                yield nx.to_numpy_array(network.subgraph(members)).astype(bool)


def grid(rng: np.random.Generator) -> Iterator[Adjacency]:
    """Rectangles of the square lattice with sides of 10 to 19 nodes: there are 55 of them."""
    sides = list(combinations_with_replacement(range(10, 20), 2))
    while True:
        width, height = sides[rng.integers(len(sides))]
        yield nx.to_numpy_array(nx.grid_2d_graph(width, height)).astype(bool)


def planar(rng: np.random.Generator) -> Iterator[Adjacency]:
    """Delaunay triangulations of 64 points drawn uniformly in a square (SPECTRE)."""
    while True:
        corners = Delaunay(rng.random((64, 2))).simplices
        A = np.zeros((64, 64), bool)
        for a, b in ((0, 1), (1, 2), (2, 0)):
            A[corners[:, a], corners[:, b]] = A[corners[:, b], corners[:, a]] = True
        yield A


def sbm(rng: np.random.Generator) -> Iterator[Adjacency]:
    """2 to 5 communities of 20 to 40 nodes: 0.3 inside, 0.005 between (SPECTRE).

    As in the published set, about one in fifty is in two parts.
    """
    while True:
        number = int(rng.integers(COMMUNITIES[0], COMMUNITIES[1] + 1))
        yield blocks(rng.integers(SIZES[0], SIZES[1] + 1, number), INSIDE, BETWEEN, rng)


def tree(rng: np.random.Generator) -> Iterator[Adjacency]:
    """Trees of 64 nodes, every labelled one equally likely (Pruefer 1918)."""
    while True:
        found = nx.from_prufer_sequence(rng.integers(64, size=62).tolist())
        yield nx.to_numpy_array(found, nodelist=range(64)).astype(bool)


def blocks(
    sizes: NDArray[np.int64], inside: float, between: float, rng: np.random.Generator
) -> Adjacency:
    """[n, n] a block model: pairs are joined with these probabilities within and across blocks."""
    block = np.repeat(np.arange(len(sizes)), sizes)
    chance = np.where(block[:, None] == block, inside, between)
    upper = np.triu(rng.random(chance.shape) < chance, 1)
    return upper | upper.T


@dataclass(frozen=True)
class GenericSet:
    """A set of the field.

    Attributes:
        title: What it is.
        stream: Graphs without end, of which some may be isomorphic.
        graphs: How many are usual.
    """

    title: str
    stream: Stream
    graphs: int


GENERIC = {
    "community_small": GenericSet("two communities, 12 to 20 nodes", community_small, 500),
    "ego_small": GenericSet("neighbourhoods in a citation-like network", ego_small, 200),
    "grid": GenericSet("lattices of 100 to 361 nodes", grid, 55),
    "planar": GenericSet("Delaunay triangulations of 64 points", planar, 200),
    "sbm": GenericSet("stochastic block models, 40 to 200 nodes", sbm, 200),
    "tree": GenericSet("uniform random trees of 64 nodes", tree, 200),
}


def draw_set(name: str, count: int, rng: np.random.Generator) -> GraphSet:
    """`count` graphs of a generic set, no two of them isomorphic.

    Raises:
        UsageError: the set has not so many different graphs.
    """
    known: set[int] = set()
    graphs: list[Graph] = []
    repeats = 0
    stream = GENERIC[name].stream(rng)
    while len(graphs) < count:
        A = next(stream)
        graph = np.zeros(len(A), np.int8), A.astype(np.int8)
        found = graph_hash(*graph)
        repeats = repeats + 1 if found in known else 0
        if repeats == _PATIENCE:
            raise UsageError(
                f"{name}: {count} graphs asked for, but only {len(graphs)} different ones were "
                "found"
            )
        if not repeats:
            known.add(found)
            graphs.append(graph)
    return GraphSet.of(graphs)
