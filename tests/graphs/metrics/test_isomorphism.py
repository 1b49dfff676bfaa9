from itertools import pairwise

import networkx as nx
import numpy as np
import pytest

from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.metrics.isomorphism import graph_hash, isomorphic, isomorphism_classes


def typed(graph, types=0):
    A = nx.to_numpy_array(graph, weight=None, dtype=np.int8)
    return np.broadcast_to(np.asarray(types, np.int8), len(A)), A


def shuffled(graph, seed):
    nodes, edges = graph
    order = np.random.default_rng(seed).permutation(len(nodes))
    return nodes[order], edges[np.ix_(order, order)]


def shrikhande():
    steps = [(1, 0), (0, 1), (1, 1)]
    cells = [(x, y) for x in range(4) for y in range(4)]
    edges = [((x, y), ((x + a) % 4, (y + b) % 4)) for x, y in cells for a, b in steps]
    return nx.Graph(edges)


def rook():
    return nx.line_graph(nx.complete_bipartite_graph(4, 4))


# Pairs of graphs that colour refinement cannot tell apart, although they differ.
LOOK_ALIKE = {
    "two triangles and a hexagon": (nx.disjoint_union(*[nx.cycle_graph(3)] * 2), nx.cycle_graph(6)),
    "prism and K33": (nx.circular_ladder_graph(3), nx.complete_bipartite_graph(3, 3)),
    "Shrikhande and rook 4 x 4": (shrikhande(), rook()),
}


@pytest.mark.parametrize("pair", LOOK_ALIKE.values(), ids=LOOK_ALIKE)
def test_graphs_with_equal_hashes_are_told_apart(pair):
    first, second = map(typed, pair)
    assert graph_hash(*first) == graph_hash(*second)
    assert not isomorphic(first, second)
    assert isomorphic(first, shuffled(first, 1))
    assert isomorphic(second, shuffled(second, 2))


def test_small_graphs_are_told_apart_and_found_again():
    """Neighbours in the atlas of graphs of up to 6 nodes, and each in another order."""
    atlas = [g for g in nx.graph_atlas_g() if 0 < len(g) < 7][::3]
    for number, (first, second) in enumerate(pairwise(atlas)):
        assert not isomorphic(typed(first), typed(second))
        assert isomorphic(typed(first), shuffled(typed(first), number))


def test_a_set_of_shuffled_graphs_falls_into_its_classes():
    kinds = [typed(g) for g in (nx.path_graph(5), nx.star_graph(4), nx.cycle_graph(5), rook())]
    graphs = [shuffled(kinds[k % 4], k) for k in range(12)]
    assert isomorphism_classes(GraphSet.of(graphs)).tolist() == [0, 1, 2, 3] * 3


def test_types_of_nodes_and_edges_count():
    path = nx.path_graph(3)
    nodes, edges = typed(path)
    assert not isomorphic(typed(path, [1, 0, 0]), typed(path, [0, 1, 0]))
    assert isomorphic(typed(path, [1, 0, 0]), typed(path, [0, 0, 1]))
    double = edges.copy()
    double[0, 1] = double[1, 0] = 2
    assert not isomorphic((nodes, edges), (nodes, double))
    mirrored = edges.copy()
    mirrored[1, 2] = mirrored[2, 1] = 2
    assert isomorphic((nodes, mirrored), (nodes, double))


def test_large_symmetric_graphs_are_quick():
    for graph in (nx.grid_2d_graph(15, 15), nx.complete_graph(60), nx.empty_graph(80)):
        assert isomorphic(typed(graph), shuffled(typed(graph), 0))
