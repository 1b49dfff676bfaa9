import networkx as nx
import numpy as np
import pytest

from molgen.errors import UsageError
from molgen.graphs.data.generic import GENERIC, blocks, draw_set
from molgen.graphs.metrics.descriptors import adjacencies
from molgen.graphs.metrics.isomorphism import isomorphism_classes
from molgen.graphs.metrics.vun import VALID, is_connected


def drawn(name, count, seed=0):
    return draw_set(name, count, np.random.default_rng(seed))


@pytest.mark.parametrize("name", ["planar", "tree", "grid"])
def test_drawn_graphs_are_what_their_set_is(name):
    assert all(VALID[name](A) for A in adjacencies(drawn(name, 5)))


def test_planar_graphs_are_triangulations():
    """A Delaunay triangulation of n points, h of them on the hull, has 3 n - 3 - h edges."""
    for A in adjacencies(drawn("planar", 5)):
        hull = 3 * 64 - 3 - A.sum() // 2
        assert 3 <= hull <= 30


@pytest.mark.parametrize("name", GENERIC)
def test_no_two_graphs_of_a_set_are_isomorphic(name):
    count = 10 if name == "grid" else 60
    assert len(np.unique(isomorphism_classes(drawn(name, count)))) == count


@pytest.mark.parametrize("name", ["community_small", "sbm", "tree"])
def test_a_set_depends_on_its_seed_alone(name):
    first, same, other = (drawn(name, 8, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.edges, same.edges)
    assert len(first.edges) != len(other.edges) or (first.edges != other.edges).any()


def test_blocks_have_their_probabilities():
    rng = np.random.default_rng(0)
    A = blocks(np.array([300, 200]), 0.3, 0.02, rng)
    # standard errors: 0.0023, 0.0032 and 0.0006
    assert A[:300, :300].sum() / (300 * 299) == pytest.approx(0.3, abs=0.01)
    assert A[300:, 300:].sum() / (200 * 199) == pytest.approx(0.3, abs=0.012)
    assert A[:300, 300:].mean() == pytest.approx(0.02, abs=0.002)
    assert not A.diagonal().any()
    assert (A == A.T).all()


def test_communities_are_two_halves_with_dense_insides():
    graphs = drawn("community_small", 100)
    inside, pairs = 0, 0
    for A in adjacencies(graphs):
        half = len(A) // 2
        assert is_connected(A)
        assert len(A) in range(12, 21, 2)
        inside += A[:half, :half].sum() + A[half:, half:].sum()
        pairs += 2 * half * (half - 1)
        assert A[:half, half:].any()
    # 1% of standard error; connected graphs are a little denser
    assert inside / pairs == pytest.approx(0.7, abs=0.03)


def test_egos_have_a_node_that_all_others_join():
    for A in adjacencies(drawn("ego_small", 30)):
        assert 4 <= len(A) <= 18
        assert (A.sum(0) == len(A) - 1).any()


def test_trees_are_uniform_over_labelled_trees():
    """The degree of a node of a uniform tree of n is 1 + Binomial(n - 2, 1 / n) (Pruefer)."""
    degrees = np.concatenate([A.sum(0) for A in adjacencies(drawn("tree", 100))])
    leaves = (1 - 1 / 64) ** 62
    # 6400 nodes, weakly dependent: standard error 0.006 at most
    assert (degrees == 1).mean() == pytest.approx(leaves, abs=0.02)


def test_more_graphs_than_there_are_is_refused(monkeypatch):
    monkeypatch.setitem(GENERIC, "grid", GENERIC["grid"])
    monkeypatch.setattr("molgen.graphs.data.generic._PATIENCE", 30)

    def few(rng):
        while True:
            yield nx.to_numpy_array(nx.path_graph(int(rng.integers(2, 5)))).astype(bool)

    kinds = {"few": type(GENERIC["grid"])("", few, 3)}
    monkeypatch.setattr("molgen.graphs.data.generic.GENERIC", kinds)
    assert len(drawn("few", 3)) == 3
    with pytest.raises(UsageError, match="few: 4 graphs asked for, but only 3 different ones"):
        drawn("few", 4)
