"""What networks are told of the cycles that pairs close, of molecules whose rings are known."""

import pytest
import torch
from rdkit import Chem

from molgen.graphs.models.knowledge import Guess
from molgen.graphs.models.rings import CLASSES, Rings, shares
from molgen.nn.pairs import Pairs

PAIRS = Pairs(16)
FAR = CLASSES - 1


def bonds(smiles, sure=8.0):
    """log p of each pair of a molecule's atoms; which are bonds; and the atoms."""
    molecule = Chem.MolFromSmiles(smiles)
    n = molecule.GetNumAtoms()
    square = torch.tensor(Chem.GetAdjacencyMatrix(molecule)).double()[None, ..., None]
    bonded = PAIRS.pack(square)[0, :, 0] > 0
    logit = torch.where(bonded, sure, -12.0).double()[None, :, None]
    return (
        torch.cat([-logit, logit], -1).log_softmax(-1),
        bonded,
        torch.ones(1, n).double(),
        molecule,
    )


def guess_of(log_p, real):
    return Guess(PAIRS, torch.zeros(*real.shape, 1).double(), log_p, real)


@pytest.mark.parametrize(
    "smiles", ["C1CC1CCC2CCCC2", "C1CCCC2C1CCC2", "C1CCCCCCC1", "CC1CCCCCCCCCC1"]
)
def test_each_bond_is_told_the_smallest_ring_that_it_closes(smiles):
    log_p, bonded, real, molecule = bonds(smiles)
    found = shares(guess_of(log_p, real))[0]
    rings = molecule.GetRingInfo()
    i, j = PAIRS.ends(real.shape[1])
    for pair in bonded.nonzero()[:, 0].tolist():
        bond = molecule.GetBondBetweenAtoms(int(i[pair]), int(j[pair]))
        size = rings.MinBondRingSize(bond.GetIdx())
        if not size:
            assert found[pair].sum() < 0.01  # a bridge
            continue
        expected = size - 3 if size <= 8 else FAR
        assert found[pair, expected] > 0.98


def test_shares_are_probabilities():
    generator = torch.Generator().manual_seed(0)
    log_p = (3 * torch.randn(20, 45, 2, generator=generator).double()).log_softmax(-1)
    real = (torch.arange(10) < torch.arange(1, 21)[:, None].clamp_max(10)).double()
    found = shares(guess_of(log_p, real))
    assert (found >= 0).all()
    assert (found.sum(-1) <= 1 + 1e-9).all()
    i, j = PAIRS.ends(10)
    assert (found[(real[:, i] * real[:, j]) == 0] == 0).all()


def test_a_bond_that_would_close_too_large_a_ring_is_taken_back_and_no_other():
    """Twelve in a chain, a doubtful bond from end to end, and one that closes a ring of five."""
    log_p, bonded, real, _ = bonds("C" * 12)
    i, j = PAIRS.ends(12)
    for a, b in ((0, 11), (3, 7)):
        log_p[0, (i == a) & (j == b)] = torch.tensor([0.5, 0.5], dtype=torch.float64).log()
    strengths = torch.zeros(*log_p.shape[:2], CLASSES).double()
    strengths[..., FAR] = -1.5
    nodes, more = Rings().correct(guess_of(log_p, real), torch.zeros(1, 12, 0), strengths)
    assert (nodes == 0).all()
    more = more[0, :, 1] - more[0, :, 0]
    assert more[(i == 0) & (j == 11)] < -2.5
    assert more[(i == 3) & (j == 7)] > -0.1
    assert more[bonded].min() > -1  # the ring of twelve is as doubtful as its bond
