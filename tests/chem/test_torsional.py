import pytest
from rdkit import Chem
from rdkit.Chem import TorsionFingerprints

from molgen.chem.torsional import torsional_bonds

DRUGS = {
    "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "imatinib": "Cc1ccc(cc1Nc1nccc(n1)-c1cccnc1)NC(=O)c1ccc(cc1)CN1CCN(C)CC1",
    "nitrile": "N#Cc1ccc(cc1)C(O)CC#N",
    "phosphate": "Nc1ncnc2c1ncn2C1OC(COP(=O)([O-])OP(=O)([O-])O)C(O)C1O",
    "azide": "OCC1OC(CC1N=[N+]=[N-])n1ccc(=O)[nH]c1=O",
    "tert-butyl": "CC(C)(C)OC(=O)NC(C(F)(F)F)S(=O)(=O)c1ccccc1",
}


def pairs(smiles):
    return {tuple(sorted(map(int, pair))) for pair in torsional_bonds(Chem.MolFromSmiles(smiles))}


@pytest.mark.parametrize("smiles", DRUGS.values(), ids=DRUGS)
def test_they_are_the_single_bonds_of_torsion_fingerprints(smiles):
    mol = Chem.MolFromSmiles(smiles)
    middles = {
        tuple(sorted(quad[1:3]))
        for quads, _ in TorsionFingerprints.CalculateTorsionLists(mol)[0]
        for quad in quads
        if mol.GetBondBetweenAtoms(*quad[1:3]).GetBondType() == Chem.BondType.SINGLE
    }
    assert pairs(smiles) == middles


@pytest.mark.parametrize(
    ("smiles", "expected"),
    [
        ("CCC#CCC", {(1, 2)}),
        ("CCC#CC#CCC", {(1, 2)}),
        ("CCC#CC", set()),
        ("CCC#C", set()),
        ("C(c1ccccc1)C#Cc1ccccc1", {(0, 1), (0, 7)}),
        ("CCC#C[Si](CC)(C)C", {(1, 2), (4, 5)}),
    ],
)
def test_a_straight_run_turns_once_and_only_if_both_its_ends_are_bent(smiles, expected):
    assert pairs(smiles) == expected


@pytest.mark.parametrize("smiles", ["CC", "CC(C)(C)C", "c1ccccc1", "C=CC#N", "[Cl-]"])
def test_where_nothing_turns_there_are_none(smiles):
    assert pairs(smiles) == set()
