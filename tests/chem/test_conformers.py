import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.conformers import conformers, force_field
from molgen.chem.ligand import read_ligand
from molgen.errors import MolgenError

DRUG = "C[C@H](NC(=O)c1ccc(F)cc1)/C=C/C(=O)O"


def molecule(smiles: str) -> Chem.Mol:
    return read_ligand(smiles).molecule


def test_conformer_k_depends_on_molecule_seed_and_k_alone():
    drug = molecule(DRUG)
    three, seven = conformers(drug, 3, seed=5), conformers(drug, 7, seed=5)
    np.testing.assert_array_equal(three, seven[:3])
    assert np.abs(three[0] - three[1]).max() > 0.05
    assert np.abs(conformers(drug, 1, seed=6)[0] - three[0]).max() > 0.05


@pytest.mark.parametrize(
    "smiles",
    [
        DRUG,
        "O=C1CCCCCCCCCC[C@@H](C)O1",  # a macrocycle
        "C" * 25 + "O",  # 23 torsions
        "C1CC2(C1)CCOC2",  # spiro
        "CS(=O)(=O)N1CC[NH2+]CC1",
        "F",
    ],
)
def test_bonds_have_their_lengths_and_stereo_its_sense(smiles):
    mol = molecule(smiles)
    (positions,) = conformers(mol, 1, seed=2)
    assert positions.shape == (mol.GetNumAtoms(), 3)
    for bond in mol.GetBonds():
        i, j = bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()
        assert 0.115 < np.linalg.norm(positions[i] - positions[j]) < 0.185  # C#N to C-S
    placed, conformer = Chem.Mol(mol), Chem.Conformer(mol.GetNumAtoms())
    conformer.SetPositions(positions * 10)
    placed.AddConformer(conformer)
    Chem.AssignStereochemistryFrom3D(placed)
    assert Chem.MolToSmiles(placed) == Chem.MolToSmiles(mol)


def test_the_force_field_is_uff_where_mmff_has_no_parameters():
    assert force_field(molecule(DRUG)) == "MMFF94s"
    boronic = molecule("OB(O)c1ccccc1")
    assert force_field(boronic) == "UFF"
    (positions,) = conformers(boronic, 1, seed=0)
    assert np.linalg.norm(positions[1] - positions[3]) == pytest.approx(0.157, abs=0.006)  # B-C
    assert force_field(molecule("O=c1[se]n(C)c2ccccc12")) == "none"


def test_a_molecule_that_cannot_be_is_named():
    impossible = read_ligand("F[C@]12[C@@]3(F)[C@]1(F)[C@@]23F tetra").molecule
    with pytest.raises(MolgenError, match="tetra: no conformer can be embedded"):
        conformers(impossible, 2, seed=0)
