import pytest
import torch

from molgen.md.peptides.backbones import Backbone
from molgen.md.peptides.coordinates import FEATURES, STIFF, Internal, Present
from molgen.md.peptides.sequence import Peptide
from molgen.md.peptides.slots import SLOT_ATOMS


def named(quadruple):
    return [SLOT_ATOMS[slot] for slot in quadruple]


def test_dipeptide_is_bonded_from_end_to_end():
    bonds = Backbone.of(Peptide("KG")).bonds
    assert [tuple(SLOT_ATOMS[slot][1] for slot in bond) for bond in bonds] == [
        ("N", "CA"),
        ("CA", "CB"),
        ("CA", "C"),
        ("C", "O"),
        ("C", "N"),
        ("N", "CA"),
        ("CA", "C"),
        ("C", "O"),
    ]


def test_single_residue_is_bonded_to_both_caps():
    bonds = Backbone.of(Peptide("A", True, True)).bonds
    assert {(1, 3), (6, 13)} <= set(bonds)
    assert len(bonds) == 9


@pytest.mark.parametrize("text", ["KS", "GG", "Ac-K-NHMe", "Ac-KS-NHMe", "Ac-KS", "KS-NHMe"])
def test_a_tree_of_bonds_has_as_many_stiff_pairs_as_bonds_angles_and_ends_of_amides(text):
    peptide = Peptide.parse(text)
    backbone = Backbone.of(peptide)
    degrees = [len(around) for around in backbone.around.values()]
    assert len(backbone.bonds) == len(backbone.slots) - 1
    angles = sum(n * (n - 1) // 2 for n in degrees)
    across = sum(
        (len(backbone.around[c]) - 1) * (len(backbone.around[n]) - 1) for c, n in backbone.amides
    )
    assert len(backbone.stiff_pairs) == len(backbone.bonds) + angles + across
    assert len(backbone.amides) == len(peptide) - 1 + peptide.acetyl + peptide.amide


def test_dihedrals_of_a_dipeptide_include_phi_and_psi():
    chains = [named(chain) for chain in Backbone.of(Peptide("KS")).chains]
    assert [("1", "N"), ("1", "CA"), ("1", "C"), ("2", "N")] in chains  # psi
    assert [("1", "C"), ("2", "N"), ("2", "CA"), ("2", "C")] in chains  # phi


@pytest.mark.parametrize("text", ["KS", "GP", "Ac-G-NHMe", "Ac-KS-NHMe"])
def test_coordinates_of_a_peptide_are_those_of_all_slots_that_it_has(text):
    backbone = Backbone.of(Peptide.parse(text))
    present, generator = Present.of(backbone), torch.Generator().manual_seed(0)
    slots = torch.randn(3, len(SLOT_ATOMS), 3, generator=generator, dtype=torch.float64)
    sigma = torch.tensor([0.1, 0.5, 2.0], dtype=torch.float64)

    def seen(internal, y):
        d, v = internal.distances(y), internal.signed_volumes(y)
        q = internal.stiff(d, v)
        return internal.features(y, sigma, d, v, q), q

    features, q = seen(Internal(), slots)
    own, own_q = seen(Internal(backbone), slots[:, list(backbone.slots)])
    assert (features.shape[1], q.shape[1]) == (FEATURES, STIFF)
    assert torch.equal(features[:, list(present.features)], own)
    assert torch.equal(q[:, list(present.stiff)], own_q)
