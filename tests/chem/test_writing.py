import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.writing import NotPlaced, placed_in_space, write_molecules
from molgen.errors import MolgenError, UsageError

SMILES = ["CCO", "c1cc[nH]c1", "C[N+](=O)[O-]", "O=C1CC2CC1C2"]


@pytest.fixture
def molecules() -> list[Chem.Mol]:
    return [Chem.MolFromSmiles(smiles) for smiles in SMILES]


def test_smiles_come_with_their_index_or_name(molecules, tmp_path):
    write_molecules(tmp_path / "a.smi", molecules)
    lines = [line.split("\t") for line in (tmp_path / "a.smi").read_text().splitlines()]
    assert lines == [[Chem.CanonSmiles(s), str(k)] for k, s in enumerate(SMILES)]
    write_molecules(tmp_path / "a.smi", molecules, names=["a", "b", "c", "d"])
    assert (tmp_path / "a.smi").read_text().splitlines()[1] == "c1cc[nH]c1\tb"


def test_a_flat_sdf_gives_the_molecules_back_with_names_and_values(molecules, tmp_path):
    path = tmp_path / "a.sdf"
    assert write_molecules(path, molecules, values={"qed": [0.1, 0.2, 0.3, 0.4]}) == []
    back = list(Chem.SDMolSupplier(str(path)))
    assert [Chem.MolToSmiles(mol) for mol in back] == [Chem.CanonSmiles(s) for s in SMILES]
    assert [mol.GetProp("_Name") for mol in back] == ["0", "1", "2", "3"]
    assert [mol.GetDoubleProp("qed") for mol in back] == [0.1, 0.2, 0.3, 0.4]
    for mol in back:
        x = mol.GetConformer().GetPositions()
        assert not x[:, 2].any()
        distances = np.linalg.norm(x[:, None] - x[None], axis=-1) + 9 * np.eye(len(x))
        assert distances.min() > 0.5  # Å: no two atoms on one spot


def test_three_dimensions_have_hydrogens_and_sound_bond_lengths(molecules, tmp_path):
    write_molecules(tmp_path / "a.sdf", molecules[:3], three_d=True)
    back = list(Chem.SDMolSupplier(str(tmp_path / "a.sdf"), removeHs=False))
    assert [mol.GetNumAtoms() for mol in back] == [9, 10, 7]
    ethanol = back[0].GetConformer()
    lengths = {
        tuple(sorted((b.GetBeginAtom().GetSymbol(), b.GetEndAtom().GetSymbol()))): np.linalg.norm(
            ethanol.GetPositions()[b.GetBeginAtomIdx()] - ethanol.GetPositions()[b.GetEndAtomIdx()]
        )
        for b in back[0].GetBonds()
    }
    # Å, microwave structure of ethanol; MMFF94 is good to 0.02 Å
    for pair, length in {("C", "C"): 1.512, ("C", "O"): 1.431, ("H", "O"): 0.971}.items():
        assert lengths[pair] == pytest.approx(length, abs=0.03)
    ring = back[1].GetConformer().GetPositions()[:5]
    assert np.linalg.svd(ring - ring.mean(0))[1][2] < 0.05  # Å: pyrrole is flat


def test_the_same_seed_gives_the_same_file(molecules, tmp_path):
    for name, seed in (("a", 5), ("b", 5), ("c", 6)):
        write_molecules(tmp_path / f"{name}.sdf", molecules, three_d=True, seed=seed)
    a, b, c = ((tmp_path / f"{name}.sdf").read_text() for name in "abc")
    assert a == b != c


def test_a_molecule_without_coordinates_is_told_and_written_flat(tmp_path):
    path = tmp_path / "a.sdf"
    molecules = [Chem.MolFromSmiles(smiles) for smiles in ("CC", "C1#CC1", "CO")]
    assert write_molecules(path, molecules, three_d=True) == [
        NotPlaced(1, "no coordinates obey its geometry")
    ]
    back = list(Chem.SDMolSupplier(str(path), removeHs=False))
    assert [mol.GetNumAtoms() for mol in back] == [8, 3, 6]
    assert Chem.MolToSmiles(back[1]) == "C1#CC1"


def test_elements_without_mmff_parameters_fall_back_to_uff():
    mol = placed_in_space(Chem.MolFromSmiles("OB(O)c1ccccc1"))
    assert mol.GetConformer().Is3D()


def test_molecules_are_left_as_they_are(molecules, tmp_path):
    write_molecules(tmp_path / "a.sdf", molecules)
    assert all(mol.GetNumConformers() == 0 and not mol.HasProp("_Name") for mol in molecules)


def test_files_that_cannot_be_written_are_one_line(molecules, tmp_path):
    with pytest.raises(UsageError, match=r"a\.mol: molecules are written as \.smi or \.sdf"):
        write_molecules(tmp_path / "a.mol", molecules)
    with pytest.raises(MolgenError, match="cannot be written"):
        write_molecules(tmp_path / "no" / "a.smi", molecules)


def test_nothing_is_written_as_an_empty_file(tmp_path):
    write_molecules(tmp_path / "a.sdf", [])
    assert (tmp_path / "a.sdf").read_text() == ""
