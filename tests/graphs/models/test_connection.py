"""What networks are told of connected graphs, against what follows from there being one bond."""

import torch

from molgen.graphs.models.connection import Connected
from molgen.graphs.models.knowledge import Guess
from molgen.nn.pairs import Pairs

PAIRS = Pairs(9)


def two_parts(lost):
    """log p of three types: two chains of four nodes, and all pairs between them doubtful."""
    i, j = PAIRS.ends(8)
    between = (i < 4) & (j >= 4)
    bonded = torch.where(j - i == 1, 8.0, -12.0).double()
    bonded[between] = -8.0
    bonded[(i == 3) & (j == 4)] = lost
    log_p = torch.stack([-bonded, torch.zeros_like(bonded), torch.full_like(bonded, -3.0)], -1)
    return log_p.log_softmax(-1)[None], between


def odds(log_p):
    return (log_p[..., 1:].logsumexp(-1) - log_p[..., 0]).exp()


def guess_of(log_p, real):
    return Guess(PAIRS, torch.zeros(*real.shape, 1).double(), log_p, real)


def corrections(log_p):
    """What is added to the log odds of each pair where nothing holds it back."""
    real = torch.ones(1, 8, dtype=torch.float64)
    gates = torch.ones(1, 8, 0).double(), torch.ones(*log_p.shape[:2], 1).double()
    _, more = Connected(log_p.shape[-1]).correct(guess_of(log_p, real), *gates)
    assert (more[..., 0] == 0).all()
    return more[..., 1]


def test_the_lost_bond_between_two_parts_is_found_by_all_pairs_between_them():
    log_p, between = two_parts(lost=-3.0)
    assert odds(log_p)[0, between].sum() < 0.1
    log_p[..., 1:] += corrections(log_p)[..., None]
    found = odds(log_p)[0]
    assert 1.0 < found[between].sum() < 1.15
    assert found[between].max() > 0.8
    i, j = PAIRS.ends(8)
    assert found[~between & (j - i > 1)].max() < 1e-4


def test_where_a_bond_is_certain_nothing_is_asked_of_others():
    log_p, _ = two_parts(lost=8.0)
    more = corrections(log_p)[0]
    i, j = PAIRS.ends(8)
    assert more[j - i > 1].abs().max() < 0.01
    assert (more[j - i == 1] < 0.7).all()


def test_what_is_as_good_as_impossible_stays_so():
    """Odds of e^-80 are told apart from e^-14 by no inverse, and must not be made up for."""
    i, j = PAIRS.ends(8)
    bonded = torch.where(j - i == 1, 80.0, -80.0).double()
    log_p = torch.stack([-bonded, torch.zeros_like(bonded)], -1).log_softmax(-1)[None]
    more = corrections(log_p)
    assert more.abs().max() < 1


def test_nodes_are_told_how_many_edges_of_each_type_to_expect():
    log_p, _ = two_parts(lost=8.0)
    real = (torch.arange(9) < 8).double()[None]
    padded = torch.cat([log_p, torch.randn(1, 8, 3).double().log_softmax(-1)], 1)
    connected = Connected(3)
    nodes, pairs = connected.tell(guess_of(padded, real))
    assert (nodes.shape[-1], pairs.shape[-1]) == connected.told
    expected = torch.tensor([1, 2, 2, 2, 2, 2, 2, 1]).double()
    torch.testing.assert_close(nodes[0, :8, :2].sum(1), expected, rtol=0.02, atol=0)
    torch.testing.assert_close(nodes[0, :8, -1], expected, rtol=0.02, atol=0)
    assert (nodes[0, 8] == 0).all()
    assert (pairs[0, 28:] == 0).all()
