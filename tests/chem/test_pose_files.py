import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.conformers import conformers
from molgen.chem.ligand import read_ligand
from molgen.chem.pose_files import pose_records, read_pose_records
from tests.docking.complexes import complexes

AWKWARD = [
    "C[N+](C)(C)CC(=O)[O-]",
    "O=[N+]([O-])c1ccc(cc1)S(=O)(=O)NC",
    "c1cc[nH]c1-c1ccc[n+]([O-])c1",
    "OB(O)c1ccccc1",
    "O=P([O-])([O-])OC[C@H](O)/C=C/C#N",
    "[2H]C([13CH3])N=[N+]=[N-]",
    "C[S@](=O)c1ccccc1",
    "C1CC12CC[C@@H]2Br",
    "[O-]C(=O)/C=C\\C(=O)[O-]",
]


@pytest.mark.parametrize("smiles", AWKWARD)
def test_what_is_written_reads_back_as_the_ligand_that_was_given(smiles, tmp_path):
    ligand = read_ligand(smiles)
    poses = conformers(ligand.molecule, 2, 0)
    path = tmp_path / "ü.sdf"
    path.write_text(pose_records(ligand.molecule, "x", poses, [{}, {}]), encoding="utf-8")
    for found, pose in zip(Chem.SDMolSupplier(str(path)), poses, strict=True):
        assert Chem.MolToSmiles(found) == Chem.MolToSmiles(ligand.molecule)
        # four decimals of an Å
        np.testing.assert_allclose(found.GetConformer().GetPositions(), pose * 10, atol=6e-5)


@pytest.mark.parametrize("name", complexes())
def test_bonds_and_charges_are_those_of_the_file(name, tmp_path):
    _, path = complexes()[name]
    ligand = read_ligand(path)
    text = pose_records(ligand.molecule, name, ligand.pose[None], [{}])
    found, given = Chem.MolFromMolBlock(text), Chem.RemoveHs(Chem.MolFromMolFile(str(path)))
    assert [a.GetFormalCharge() for a in found.GetAtoms()] == [
        a.GetFormalCharge() for a in given.GetAtoms()
    ]
    bonds = [
        {frozenset((b.GetBeginAtomIdx(), b.GetEndAtomIdx())): b.GetBondType() for b in m.GetBonds()}
        for m in (found, given)
    ]
    assert bonds[0] == bonds[1]
    assert [a.GetTotalNumHs() for a in found.GetAtoms()] == [
        a.GetTotalNumHs() for a in given.GetAtoms()
    ]


def test_names_and_values_come_back(tmp_path):
    ligand = read_ligand("CCO")
    poses = conformers(ligand.molecule, 2, 0)
    values = [{"rank": "1", "notes": "ö; <a>", "empty": ""}, {"rank": "2"}]
    path = tmp_path / "x.sdf"
    path.write_text(pose_records(ligand.molecule, "a\n名 b", poses, values), encoding="utf-8")
    first, second = read_pose_records(path)
    assert first.name == second.name == "a 名 b"
    assert first.values == {"rank": "1", "notes": "ö; <a>"}
    assert second.values == {"rank": "2"}
    assert Chem.MolFromMolBlock(second.block).GetNumAtoms() == 3
