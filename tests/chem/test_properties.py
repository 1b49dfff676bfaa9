import pytest
from rdkit import Chem
from rdkit.Chem import QED, Crippen

from molgen.chem.properties import PROPERTIES, heavy_atoms, logp, qed, sa

ASPIRIN = "CC(=O)Oc1ccccc1C(=O)O"


def test_logp_is_crippens_sum_of_atom_contributions():
    # Ethane: two C1 carbons of 0.1441 and six H1 hydrogens of 0.1230 (Wildman & Crippen, table 1)
    assert logp(Chem.MolFromSmiles("CC")) == pytest.approx(2 * 0.1441 + 6 * 0.1230, abs=1e-12)
    mol = Chem.MolFromSmiles(ASPIRIN)
    assert logp(mol) == pytest.approx(Crippen.MolLogP(mol), abs=1e-12)


def test_qed_of_aspirin_is_rdkits():
    mol = Chem.MolFromSmiles(ASPIRIN)
    assert qed(mol) == pytest.approx(QED.qed(mol), abs=1e-12)
    assert qed(mol) == pytest.approx(0.550, abs=5e-4)  # the published value with mean weights


def test_sa_score_is_small_for_the_simple_and_large_for_the_strange():
    simple = sa(Chem.MolFromSmiles(ASPIRIN))
    strange = sa(Chem.MolFromSmiles("C1CC2CC1C1(C2)OC2(CC1)NC1CSC2P1"))
    assert 1 <= simple < 2 < 5 < strange <= 10


def test_heavy_atoms_leave_out_hydrogen():
    assert heavy_atoms(Chem.AddHs(Chem.MolFromSmiles("CCO"))) == 3


def test_every_property_takes_every_element_of_drug_like_sets():
    mol = Chem.MolFromSmiles("Brc1ccc(I)c(c1)S(=O)(=O)NP(F)(Cl)=O")
    assert all(isinstance(function(mol), float) for function in PROPERTIES.values())
