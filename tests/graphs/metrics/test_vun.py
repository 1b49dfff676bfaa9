import networkx as nx
import numpy as np
import pytest

from molgen.graphs.metrics.vun import (
    VALID,
    is_connected,
    is_connected_planar,
    is_grid,
    is_tree,
    verdicts,
)


def adjacency(graph):
    return nx.to_numpy_array(graph).astype(bool)


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        # connected, planar, tree, grid
        (nx.path_graph(6), (True, True, True, False)),
        (nx.cycle_graph(4), (True, True, False, True)),
        (nx.complete_graph(4), (True, True, False, False)),
        (nx.complete_graph(5), (True, False, False, False)),
        (nx.complete_bipartite_graph(3, 3), (True, False, False, False)),
        (nx.disjoint_union(nx.path_graph(3), nx.path_graph(2)), (False, False, False, False)),
        # n - 1 edges, but a triangle and a node on its own
        (nx.disjoint_union(nx.cycle_graph(3), nx.empty_graph(1)), (False, False, False, False)),
        (nx.grid_2d_graph(3, 7), (True, True, False, True)),
        (nx.circular_ladder_graph(4), (True, True, False, False)),
        (nx.empty_graph(1), (True, True, True, False)),
        (nx.empty_graph(0), (False, False, False, False)),
    ],
)
def test_known_graphs(graph, expected):
    A = adjacency(graph) if len(graph) else np.zeros((0, 0), bool)
    assert (is_connected(A), is_connected_planar(A), is_tree(A), is_grid(A)) == expected


def test_grid_is_known_in_any_order_of_its_nodes():
    A = adjacency(nx.grid_2d_graph(4, 6))
    order = np.random.default_rng(0).permutation(24)
    assert is_grid(A[np.ix_(order, order)])


def test_valid_unique_novel_by_hand(plain):
    turned = nx.relabel_nodes(nx.path_graph(4), {0: 2, 2: 0})
    drawn = plain(
        nx.path_graph(5),  # valid, unique, novel
        nx.star_graph(3),  # valid, unique, known
        nx.cycle_graph(5),  # no tree, unique, novel
        turned,  # valid, unique, novel
        nx.path_graph(4),  # valid, repeated, novel
    )
    train = plain(nx.star_graph(3), nx.path_graph(3))
    found = verdicts(drawn, train, VALID["tree"]).shares()
    shares = {name: measured.value for name, measured in vars(found).items()}
    assert shares == {"valid": 0.8, "unique": 0.8, "novel": 0.8, "vun": 0.4}
    assert found.vun.n == 5
