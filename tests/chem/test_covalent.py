"""Ligands bonded to a side chain: which atoms, which molecule, and what is refused."""

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.covalent import bonded, bonded_atom, tail_of
from molgen.chem.ligand import read_ligand
from molgen.chem.receptor import read_receptor
from molgen.errors import UsageError
from tests.chem.structures import alanine, pdb_line, write_pdb
from tests.docking.complexes import complexes

RECEPTOR = read_receptor(complexes()["1uou"][0])


@pytest.mark.parametrize(
    ("place", "bonded_to"),
    [("A:217:OG", ["CB"]), ("A:116:NE2", ["CE1", "CD2"]), ("A:199:OH", ["CZ"])],
)
def test_a_tail_is_the_end_of_the_side_chain(place, bonded_to):
    tail = tail_of(RECEPTOR, place)
    names = [RECEPTOR.atom_names[row] for row in tail.rows]
    assert names[0] == place.rpartition(":")[2]
    ends = [one.GetIdx() for one in tail.molecule.GetAtomWithIdx(0).GetNeighbors()]
    assert [names[k] for k in ends] == bonded_to
    np.testing.assert_array_equal(tail.positions, RECEPTOR.coordinates[tail.rows])
    for bond in tail.molecule.GetBonds():  # the molecule's bonds are those of the crystal
        one, other = tail.positions[[bond.GetBeginAtomIdx(), bond.GetEndAtomIdx()]]
        assert 0.115 < np.linalg.norm(one - other) < 0.16
    assert len(tail.touching) == 1 + len(bonded_to)


@pytest.mark.parametrize(
    ("smiles", "said", "atom", "product"),
    [
        ("CCC(=O)NC", "1", 0, "CNC(=O)CCOCC"),
        ("CCC(=O)NC", "[CH3]CC", 0, "CNC(=O)CCOCC"),
        ("O=CC1CC1", "[CX3H1]=O", 1, "CCOC(=O)C1CC1"),
        ("c1cc[nH]c1", "[nH]", 3, "CCOn1cccc1"),
        ("C[C@H](F)Cl", "2", 1, "CCO[C@@](C)(F)Cl"),
        ("N=CC", "C=N", 1, "CCOC(C)=N"),
        ("CB(O)O", "3", 2, "CCOOB(C)O"),
    ],
)
def test_the_bond_takes_the_place_of_a_hydrogen(smiles, said, atom, product):
    ligand = read_ligand(smiles)
    tail = tail_of(RECEPTOR, "A:217:OG")
    assert bonded_atom(ligand, said) == atom
    whole = bonded(ligand, atom, tail)
    assert Chem.CanonSmiles(Chem.MolToSmiles(whole.molecule)) == Chem.CanonSmiles(product)
    count = ligand.molecule.GetNumAtoms()
    for own, other in zip(ligand.molecule.GetAtoms(), whole.molecule.GetAtoms(), strict=False):
        assert own.GetAtomicNum() == other.GetAtomicNum()
    assert whole.molecule.GetBondBetweenAtoms(atom, count) is not None
    assert "is bonded to A:217:OG" in whole.notes[-1]


def test_an_atom_of_a_symmetric_ligand_is_any_of_them():
    assert bonded_atom(read_ligand("CC(C)C"), "[CH3]") == 0


@pytest.mark.parametrize(
    ("smiles", "said", "message"),
    [
        ("CCO", "4", "no atom 4; its heavy atoms are 1 to 3"),
        ("CCO", "0", "no atom 0"),
        ("CCO", "N", "finds no atom"),
        ("CCO", "[C", "is not a SMARTS"),
        ("CCO", "C", r"finds unlike atoms \(C1, C2\)|finds unlike atoms \(C2, C1\)"),
        ("CC(C)(C)C", "2", "C2 has no hydrogen"),
    ],
)
def test_an_atom_that_cannot_be_bonded_is_said(smiles, said, message):
    with pytest.raises(UsageError, match=message):
        bonded_atom(read_ligand(smiles), said)


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("A:217", "write residue and atom, such as A:145:SG"),
        ("Z:9:SG", "has no residue Z:9"),
        ("A:217:SG", "SER has no atom SG; it has N, CA"),
        ("A:217:CB", "no ligand can be bonded to SER CB"),
    ],
)
def test_an_atom_that_binds_no_ligand_is_said(place, message):
    with pytest.raises(UsageError, match=message):
        tail_of(RECEPTOR, place)


def test_a_side_chain_must_be_whole(tmp_path):
    file = write_pdb(tmp_path, alanine(1), pdb_line("SG", "CYS", 2, (3.0, 9.0, 9.0)))
    with pytest.raises(UsageError, match="A:2 CYS lacks CB, CA"):
        tail_of(read_receptor(file), "A:2:SG")
