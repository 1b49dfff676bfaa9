import numpy as np
import pytest
from scipy.stats import binomtest

from molgen.graphs.metrics.block_model import (
    BETWEEN,
    INSIDE,
    block_counts,
    block_p_value,
    communities,
    is_block_model,
)


def drawn(sizes, seed, inside=INSIDE, between=BETWEEN):
    """Adjacency and communities of a draw of a block model."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    chance = np.where(truth[:, None] == truth, inside, between)
    upper = np.triu(rng.random(chance.shape) < chance, 1)
    return upper | upper.T, truth


def random_sizes(seed):
    rng = np.random.default_rng(seed)
    return rng.integers(20, 41, rng.integers(2, 6))


def test_block_counts_by_hand():
    A = np.zeros((5, 5), bool)
    for i, j in [(0, 1), (1, 2), (3, 4), (2, 3)]:
        A[i, j] = A[j, i] = True
    edges, pairs = block_counts(A, np.array([0, 0, 0, 1, 1]))
    assert edges.tolist() == [[2, 1], [1, 1]]
    assert pairs.tolist() == [[3, 6], [6, 1]]


def test_p_value_is_the_exact_test_of_the_most_unlikely_block():
    A, truth = drawn([22, 25, 30], seed=0)
    edges, pairs = block_counts(A, truth)
    expected = [
        binomtest(int(edges[a, b]), int(pairs[a, b]), INSIDE if a == b else BETWEEN).pvalue
        for a in range(3)
        for b in range(a, 3)
    ]
    assert block_p_value(A, truth) == pytest.approx(min(1, 6 * min(expected)), rel=1e-9)


def test_communities_are_found():
    """All but an odd node (one with few edges at home) of each of 8 draws."""
    for seed in range(8):
        A, truth = drawn(random_sizes(seed), seed)
        found = communities(A)
        assert len(np.unique(found)) == len(np.unique(truth))
        overlap = np.zeros((len(np.unique(truth)),) * 2)
        np.add.at(overlap, (truth, found), 1)
        assert overlap.max(1).sum() >= len(truth) - 1


def test_draws_of_the_model_pass():
    """At the level of 1 %: of 20, none or one fails."""
    passed = sum(is_block_model(drawn(random_sizes(seed), seed)[0]) for seed in range(20))
    assert passed >= 19


@pytest.mark.parametrize(
    ("sizes", "inside", "between"),
    [
        ([30, 30], 0.2, 0.005),  # too thin inside
        ([30, 30], 0.4, 0.005),  # too dense inside
        ([30, 30, 30], 0.3, 0.02),  # too much between
        ([60], 0.3, 0.005),  # one community
        ([15, 15, 15, 15], 0.3, 0.005),  # too small
        ([25] * 6, 0.3, 0.005),  # too many
        ([30, 30], 0.15, 0.15),  # no communities
    ],
)
def test_draws_of_other_models_fail(sizes, inside, between):
    passed = sum(is_block_model(drawn(sizes, seed, inside, between)[0]) for seed in range(3))
    assert passed == 0


def test_a_community_of_20_may_lose_an_odd_node():
    A, truth = drawn([20, 30], seed=3)
    node, others = np.flatnonzero(truth == 0)[0], np.flatnonzero(truth == 1)
    A[node] = A[:, node] = False
    A[node, others[:3]] = A[others[:3], node] = True
    assert np.bincount(communities(A)).min() == 19
    assert is_block_model(A)


def test_graphs_without_edges_or_nodes_are_none():
    assert not is_block_model(np.zeros((50, 50), bool))
    assert not is_block_model(np.zeros((1, 1), bool))
    assert not is_block_model(np.zeros((0, 0), bool))
