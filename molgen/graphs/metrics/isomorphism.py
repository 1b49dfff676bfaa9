"""Which graphs are the same up to the order of their nodes: hashes first, then an exact search.

Colour refinement (Weisfeiler & Leman 1968): every node starts with its type as colour, and again
and again takes the colour (its own, the bag of its neighbours' and their edges' types) until no
more nodes are told apart. Graphs whose bags of colours differ are not isomorphic. Those that agree,
which others do too (regular graphs), are compared exactly: a node that shares its colour is given
one of its own, in turn with each node of that colour in the other graph, and the refinement goes on
(McKay 1981); where all colours are different they say which node is which, and the edges decide.
"""

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.hashing import Hashes, mix, salt

Types = NDArray[np.int8]
Graph = tuple[Types, Types]
"""Types of the nodes [n]; types of the pairs [n, n], symmetric, 0 where there is no edge."""

_EDGE, _CHOSEN = salt(1), salt(2)


def colours(nodes: Types, edges: Types) -> Hashes:
    """[n] colours of the nodes of one graph; alike in isomorphic graphs."""
    return _refined(mix(nodes.astype(np.uint64)), edges)


def graph_hash(nodes: Types, edges: Types) -> int:
    """A number that isomorphic graphs share, and others hardly ever."""
    return _bag(colours(nodes, edges))


def isomorphic(first: Graph, second: Graph) -> bool:
    """Whether two graphs are the same up to the order of their nodes, types included."""
    if len(first[0]) != len(second[0]):
        return False
    start = (mix(nodes.astype(np.uint64)) for nodes, _ in (first, second))
    return _match(first, second, *start)


def isomorphism_classes(graphs: GraphSet) -> NDArray[np.int64]:
    """[graphs] number of the class that each graph is in, in order of first appearance."""
    known: dict[int, list[tuple[int, Graph]]] = defaultdict(list)
    classes = np.zeros(len(graphs), np.int64)
    count = 0
    for index in range(len(graphs)):
        graph = graphs.graph(index)
        alike = known[graph_hash(*graph)]
        found = next((number for number, other in alike if isomorphic(graph, other)), None)
        if found is None:
            found = count
            alike.append((found, graph))
            count += 1
        classes[index] = found
    return classes


def joined(first: GraphSet, second: GraphSet) -> GraphSet:
    """The graphs of both sets, those of the first before those of the second."""
    return GraphSet(
        np.concatenate([first.sizes, second.sizes]),
        np.concatenate([first.nodes, second.nodes]),
        np.concatenate([first.edges, second.edges]),
    )


def _match(first: Graph, second: Graph, start: Hashes, other_start: Hashes) -> bool:
    """Whether an isomorphism exists that keeps the colours the nodes start with."""
    found, other = _refined(start, first[1]), _refined(other_start, second[1])
    order, other_order = np.argsort(found), np.argsort(other)
    if not np.array_equal(found[order], other[other_order]):
        return False
    values, sizes = np.unique(found, return_counts=True)
    if (sizes == 1).all():
        return all(
            np.array_equal(a, b)
            for a, b in (
                (first[0][order], second[0][other_order]),
                (
                    first[1][np.ix_(order, order)],
                    second[1][np.ix_(other_order, other_order)],
                ),
            )
        )
    shared = values[np.argmin(np.where(sizes > 1, sizes, len(found) + 1))]
    node = int(np.flatnonzero(found == shared)[0])
    return any(
        _match(first, second, _alone(found, node), _alone(other, candidate))
        for candidate in np.flatnonzero(other == shared).tolist()
    )


def _refined(found: Hashes, edges: Types) -> Hashes:
    """Colours from which another round would tell no more nodes apart."""
    i, j = np.nonzero(edges)
    kinds = mix(edges[i, j].astype(np.uint64) ^ _EDGE)
    apart = 0
    while (now := len(np.unique(found))) > apart:
        apart = now
        around = np.zeros_like(found)
        np.add.at(around, i, mix(found[j] ^ kinds))
        found = mix(mix(found) ^ around)
    return found


def _alone(found: Hashes, node: int) -> Hashes:
    changed = found.copy()
    changed[node] ^= _CHOSEN
    return changed


def _bag(hashes: Hashes) -> int:
    total = mix(hashes).sum(dtype=np.uint64) ^ np.uint64(len(hashes))
    return int(mix(np.array([total]))[0])
