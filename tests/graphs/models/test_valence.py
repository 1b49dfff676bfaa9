"""Room for edges, against the sums of independent edges counted one by one."""

from itertools import product

import pytest
import torch

from molgen.graphs.models.knowledge import Guess
from molgen.graphs.models.valence import room
from molgen.nn.pairs import Pairs

PAIRS = Pairs(6)
ONE = torch.ones(1, 6, dtype=torch.float64)
LIMITS = torch.tensor([4.0, 2.0], dtype=torch.float64)


def star(chances):
    """log p of pairs of six nodes: those of node 0 as given `[5, types]`, no others."""
    i, _ = PAIRS.ends(6)
    p = torch.zeros(len(i), 4, dtype=torch.float64)
    p[:, 0] = 1
    p[i == 0] = chances
    return p.clamp_min(1e-9).log()[None]


def certainly(kind, nodes=6):
    log_p = torch.full((1, nodes, 2), -40.0, dtype=torch.float64)
    log_p[..., kind] = 0
    return log_p


@pytest.mark.parametrize("kind", [0, 1])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_near_the_probabilities_of_sums(kind, seed):
    generator = torch.Generator().manual_seed(seed)
    chances = torch.randn(5, 4, generator=generator, dtype=torch.float64).softmax(-1)
    of_nodes, of_pairs = room(Guess(PAIRS, certainly(kind), star(chances), ONE), LIMITS)
    exact, below = torch.zeros(4).double(), torch.zeros(2).double()
    for types in product(range(4), repeat=5):
        p = torch.stack([chances[k, own] for k, own in enumerate(types)])
        below += p.prod() * (sum(types) <= LIMITS)
        exact[torch.arange(4) + sum(types[1:]) <= LIMITS[kind]] += p.prod()
    torch.testing.assert_close(of_nodes[0, 0].exp(), below, rtol=0, atol=0.05)
    i, j = PAIRS.ends(6)
    # the other end has no other edge: what it has room for is known for certain
    other = (torch.arange(4) <= LIMITS[kind]).double()
    found = of_pairs[0, (i == 0) & (j == 1)][0].exp()
    torch.testing.assert_close(found, exact * other, rtol=0, atol=0.05)


def test_a_full_node_has_no_room_and_one_with_three_has_room_for_one():
    full = torch.eye(4).double()[[2, 1, 1, 0, 0]]
    for kept, allowed in ((5, 0), (2, 1)):
        chances = full.clone()
        chances[kept:] = torch.eye(4).double()[0]
        if kept == 2:
            chances[:2] = torch.eye(4).double()[[2, 1]]
        _, of_pairs = room(Guess(PAIRS, certainly(0), star(chances), ONE), LIMITS)
        i, j = PAIRS.ends(6)
        p = of_pairs[0, (i == 0) & (j == 5)][0].exp()
        assert (p[: allowed + 1] > 0.98).all()
        assert (p[allowed + 1 :] < 0.02).all()


def test_a_node_of_unknown_type_has_room_between_those_of_its_types():
    chances = torch.eye(4).double()[[1, 1, 0, 0, 0]]
    unknown = torch.zeros(1, 6, 2, dtype=torch.float64)
    p = [
        room(Guess(PAIRS, nodes, star(chances), ONE), LIMITS)[1][0, 10, 1].exp()
        for nodes in (certainly(1), unknown, certainly(0))
    ]
    assert p[0] < 0.02 < p[1] < 0.98 < p[2]


def test_padding_takes_no_room():
    chances = torch.eye(4).double()[[1, 1, 0, 0, 0]]
    log_p = star(chances)
    padded = log_p.clone()
    _, j = PAIRS.ends(6)
    padded[0, j == 5] = torch.tensor([-40.0, -40, -40, 0]).double()
    real = (torch.arange(6) < 5).double()[None]
    for one, other, count in zip(
        room(Guess(PAIRS, certainly(0), padded, real), LIMITS),
        room(Guess(PAIRS, certainly(0, 5), log_p[:, :10], real[:, :5]), LIMITS),
        (5, 10),
        strict=True,
    ):
        torch.testing.assert_close(one[:, :count], other)
