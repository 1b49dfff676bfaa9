import networkx as nx
import numpy as np

from molgen.graphs.metrics import descriptors


def test_degree_shares_by_hand(plain):
    rows = descriptors.degrees(plain(nx.path_graph(4), nx.star_graph(3)))
    np.testing.assert_allclose(rows, [[0, 0.5, 0.5, 0], [0, 0.75, 0, 0.25]])


def test_clustering_and_spectrum_are_those_of_networkx():
    graph = nx.gnp_random_graph(20, 0.3, seed=4)
    graph.add_node(20)
    A = nx.to_numpy_array(graph).astype(bool)
    expected = list(nx.clustering(graph).values())
    np.testing.assert_allclose(descriptors.clustering_coefficients(A), expected, atol=1e-12)
    expected = np.linalg.eigvalsh(nx.normalized_laplacian_matrix(graph).toarray())
    np.testing.assert_allclose(descriptors.laplacian_eigenvalues(A), expected, atol=1e-12)


def test_spectrum_of_a_complete_bipartite_graph_is_0_1_2(plain):
    """K_{2,3}: eigenvalues 0, 1 (three times), 2; 2 belongs to the last bin."""
    rows = descriptors.spectra(plain(nx.complete_bipartite_graph(2, 3)))
    filled = {int(k): round(float(rows[0, k]), 12) for k in np.flatnonzero(rows[0])}
    assert filled.keys() == {0, 99, 199} or filled.keys() == {0, 100, 199}
    assert sorted(filled.values()) == [0.2, 0.2, 0.6]


def test_an_order_of_the_nodes_changes_nothing(plain):
    graph = nx.gnp_random_graph(15, 0.4, seed=1)
    order = np.random.default_rng(0).permutation(15)
    both = plain(graph, nx.relabel_nodes(graph, dict(enumerate(order.tolist()))))
    for describe in (descriptors.degrees, descriptors.clustering, descriptors.orbits):
        first, second = describe(both)
        np.testing.assert_allclose(first, second, atol=1e-12)
