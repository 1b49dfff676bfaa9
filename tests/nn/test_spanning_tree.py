"""Spanning trees against counting them, and against what is known of them."""

from itertools import combinations

import networkx as nx
import pytest
import torch

from molgen.nn.pairs import Pairs
from molgen.nn.spanning_tree import in_spanning_tree

PAIRS = Pairs(12)


def shares(log_odds, nodes, size=None):
    real = (torch.arange(nodes) < (size or nodes)).double()[None]
    share, resistance = in_spanning_tree(PAIRS, log_odds[None], real)
    return share[0].exp(), resistance[0].exp()


def test_as_trees_counted_one_by_one():
    log_odds = torch.randn(10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    i, j = PAIRS.ends(5)
    total, found = 0.0, torch.zeros(10, dtype=torch.float64)
    for chosen in combinations(range(10), 4):
        if nx.is_tree(nx.Graph([(int(i[k]), int(j[k])) for k in chosen])):
            weight = log_odds[list(chosen)].sum().exp()
            total += weight
            found[list(chosen)] += weight
    torch.testing.assert_close(shares(log_odds, 5)[0], found / total)


def test_equal_pairs_have_equal_shares():
    """A tree on n nodes has n - 1 of the n (n - 1) / 2 pairs."""
    share, _ = shares(torch.full((66,), 1.7, dtype=torch.float64), 12)
    torch.testing.assert_close(share, torch.full_like(share, 2 / 12))


def chain(nodes, sure, doubtful):
    i, j = PAIRS.ends(nodes)
    return torch.where(j - i == 1, sure, doubtful), i, j


def test_the_only_bond_between_two_parts_is_shared_by_the_odds_of_its_candidates():
    log_odds, i, j = chain(8, 9.0, -14.0)
    log_odds = log_odds.double()
    between = (i < 4) & (j >= 4)
    log_odds[between] = -8.0
    log_odds[(i == 1) & (j == 6)] = -6.0
    share, _ = shares(log_odds, 8)
    expected = torch.where((i == 1) & (j == 6), 1.0, torch.tensor(-2.0).exp()).double()
    expected = expected[between] / expected[between].sum()
    torch.testing.assert_close(share[between], expected, rtol=1e-3, atol=0)
    assert share[~between & (j - i > 1)].max() < 1e-5


def test_conductors_one_after_the_other_add_their_resistances():
    log_odds, i, j = chain(6, 0.5, -torch.inf)  # a chain: what is impossible is e^-14
    share, resistance = shares(log_odds.double(), 6)
    torch.testing.assert_close(
        resistance, (j - i) * torch.tensor(-0.5).double().exp(), rtol=1e-4, atol=0
    )
    torch.testing.assert_close(share[j - i == 1], torch.ones(5).double(), rtol=1e-4, atol=0)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_padding_changes_nothing(size):
    log_odds = torch.randn(21, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    count = size * (size - 1) // 2
    padded, alone = shares(log_odds, 7, size), shares(log_odds[:count], size)
    for one, other in zip(padded, alone, strict=True):
        torch.testing.assert_close(one[:count], other)
        assert (one[count:] == 1).all()


def test_gradients_are_those_of_differences():
    log_odds = torch.randn(15, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda x: shares(x, 6)[0], (log_odds.requires_grad_(),), eps=1e-5, rtol=1e-4
    )
