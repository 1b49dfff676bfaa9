import pytest
from rdkit import Chem

from molgen.chem.profile import profile, ring_scaffold
from molgen.errors import UsageError


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCO", ""),
        ("Cc1ccccc1", ""),  # one ring
        ("Cc1ccc(-c2ccncc2C)cc1", "c1ccc(-c2ccncc2)cc1"),
        ("OC1CCC2CC2C1", "C1CCC2CC2C1"),
        ("O=C(Cc1ccccc1)NC1CC1", "O=C(Cc1ccccc1)NC1CC1"),  # linkers and what doubles bind stay
    ],
)
def test_scaffolds_are_rings_and_links_of_molecules_with_two_rings(smiles, expected):
    canonical = Chem.CanonSmiles(expected) if expected else ""
    assert ring_scaffold(Chem.MolFromSmiles(smiles)) == canonical


def test_profile_of_ethanol():
    found = profile("CCO")
    assert found.properties["weight"] == pytest.approx(2 * 12.011 + 6 * 1.008 + 15.999, abs=2e-3)
    assert found.properties.keys() == {"logp", "qed", "sa", "weight", "heavy_atoms"}
    assert found.properties["heavy_atoms"] == 3


def test_what_is_no_molecule_is_refused():
    with pytest.raises(UsageError, match=r"'C\(C\)\(C\)\(C\)\(C\)C' is no molecule"):
        profile("C(C)(C)(C)(C)C")
