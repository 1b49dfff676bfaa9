from itertools import combinations

import networkx as nx
import numpy as np
import pytest

from molgen.graphs.metrics.orbits import graphlet_counts, mean_orbits

# Degree sequence of each connected graph of 2 to 4 nodes: they are all different.
SHAPES = {
    (1, 1): "edge",
    (1, 1, 2): "path 3",
    (2, 2, 2): "triangle",
    (1, 1, 2, 2): "path 4",
    (1, 1, 1, 3): "claw",
    (2, 2, 2, 2): "cycle 4",
    (1, 2, 2, 3): "paw",
    (2, 2, 3, 3): "diamond",
    (3, 3, 3, 3): "clique 4",
}

# (graphlet, degree of the node in it) -> orbit, numbered as in Przulj 2007
ORBIT = {
    ("edge", 1): 0,
    ("path 3", 1): 1,
    ("path 3", 2): 2,
    ("triangle", 2): 3,
    ("path 4", 1): 4,
    ("path 4", 2): 5,
    ("claw", 1): 6,
    ("claw", 3): 7,
    ("cycle 4", 2): 8,
    ("paw", 1): 9,
    ("paw", 2): 10,
    ("paw", 3): 11,
    ("diamond", 2): 12,
    ("diamond", 3): 13,
    ("clique 4", 3): 14,
}


def enumerated(adjacency):
    """Graphlet numbers and mean orbits by looking at every set of 2, 3 and 4 nodes."""
    counts = dict.fromkeys(SHAPES.values(), 0)
    orbits = np.zeros(15)
    n = len(adjacency)
    for size in (2, 3, 4):
        for nodes in combinations(range(n), size):
            part = adjacency[np.ix_(nodes, nodes)]
            if not nx.is_connected(nx.from_numpy_array(part)):
                continue
            shape = SHAPES[tuple(sorted(part.sum(0)))]
            counts[shape] += 1
            for degree in part.sum(0):
                orbits[ORBIT[shape, degree]] += 1
    return counts, orbits / n


@pytest.mark.parametrize(("nodes", "share"), [(7, 0.3), (8, 0.5), (9, 0.8), (12, 0.4), (6, 1.0)])
def test_orbit_counts_are_those_of_an_enumeration(nodes, share):
    for seed in range(3):
        A = nx.to_numpy_array(nx.gnp_random_graph(nodes, share, seed=seed)).astype(bool)
        counts, orbits = enumerated(A.astype(int))
        assert graphlet_counts(A) == counts
        np.testing.assert_allclose(mean_orbits(A), orbits, rtol=1e-12)


def test_a_star_has_only_wedges_and_claws():
    A = nx.to_numpy_array(nx.star_graph(5)).astype(bool)  # 5 leaves: C(5,2) wedges, C(5,3) claws
    found = {name: count for name, count in graphlet_counts(A).items() if count}
    assert found == {"edge": 5, "path 3": 10, "claw": 10}


def test_nodes_without_edges_have_no_orbits():
    assert not mean_orbits(np.zeros((3, 3), bool)).any()
    assert not mean_orbits(np.zeros((0, 0), bool)).any()
