import gzip

import numpy as np
import pytest
from rdkit import Chem
from rdkit.Chem import AllChem

from molgen.chem.ligand import Ligand, Unreadable, read_ligand, read_ligands
from molgen.errors import UsageError
from tests.docking.complexes import complexes

BUTANOL = "C[C@H](O)CC"


def embedded(smiles: str, name: str = "") -> Chem.Mol:
    """A molecule with hydrogens and one conformer."""
    molecule = Chem.AddHs(Chem.MolFromSmiles(smiles))
    assert AllChem.EmbedMolecule(molecule, randomSeed=1) == 0
    molecule.SetProp("_Name", name)
    return molecule


def sdf(*molecules: Chem.Mol, v3000: bool = False) -> str:
    block = Chem.MolToV3KMolBlock if v3000 else Chem.MolToMolBlock
    return "".join(block(molecule) + "$$$$\n" for molecule in molecules)


def smiles(ligand: Ligand) -> str:
    return Chem.MolToSmiles(ligand.molecule)


@pytest.mark.parametrize("v3000", [False, True])
def test_hydrogens_go_and_the_pose_and_stereo_stay(v3000, tmp_path):
    molecule = embedded("O[C@H](C/C=C\\C(=O)[O-])C[NH3+]", "x")
    (tmp_path / "x.sdf").write_text(sdf(molecule, v3000=v3000))
    ligand = read_ligand(tmp_path / "x.sdf")
    assert (ligand.name, ligand.notes) == ("x", ())
    assert smiles(ligand) == Chem.MolToSmiles(Chem.RemoveHs(molecule))
    assert ligand.molecule.GetNumConformers() == 0
    heavy = [atom.GetIdx() for atom in molecule.GetAtoms() if atom.GetAtomicNum() > 1]
    expected = molecule.GetConformer().GetPositions()[heavy] / 10
    np.testing.assert_allclose(ligand.pose, expected, atol=1e-5)  # four digits of an Å in the file


@pytest.mark.parametrize("name", complexes())
def test_the_order_of_atoms_is_that_of_the_file(name):
    _, path = complexes()[name]
    ligand, raw = read_ligand(path), Chem.MolFromMolFile(str(path), removeHs=False)
    heavy = [atom.GetIdx() for atom in raw.GetAtoms() if atom.GetAtomicNum() > 1]
    assert [atom.GetSymbol() for atom in ligand.molecule.GetAtoms()] == [
        raw.GetAtomWithIdx(k).GetSymbol() for k in heavy
    ]
    np.testing.assert_allclose(ligand.pose * 10, raw.GetConformer().GetPositions()[heavy])


@pytest.mark.parametrize(
    "text", ["C/C=C\\C", BUTANOL, "C[N+](=O)[O-]", "c1cc[nH]c1", "O[C@@H]1CC[C@H](F)CC1"]
)
def test_a_smiles_is_a_ligand_without_a_pose(text):
    ligand = read_ligand(text)
    assert ligand.pose is None
    assert smiles(ligand) == Chem.CanonSmiles(text)
    assert (ligand.name, ligand.notes) == ("ligand", ())
    assert read_ligand(f"{text} its name").name == "its name"


def test_a_drawing_keeps_its_stereo_but_is_no_pose(tmp_path):
    molecule = Chem.MolFromSmiles("C[C@H](O)C/C=C\\C")
    AllChem.Compute2DCoords(molecule)
    (tmp_path / "x.mol").write_text(Chem.MolToMolBlock(molecule))
    ligand = read_ligand(tmp_path / "x.mol")
    assert ligand.pose is None
    assert smiles(ligand) == Chem.MolToSmiles(molecule)
    assert ligand.notes == ("coordinates of a drawing: there is no pose",)


def test_stereo_that_is_not_given_is_said():
    assert read_ligand("CC(O)CC").notes == (
        "stereo of atom C2 is not given: a conformer may have either",
    )
    assert read_ligand("CC=CC").notes == (
        "stereo of double bond C2=C3 is not given: a conformer may have either",
    )
    assert read_ligand("N=C(N)C").notes == ()  # a matter of the hydrogen alone


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "ligand 'hello': no file of ligands, and not a SMILES"),
        ("c1cccc1", "impossible chemistry: Can't kekulize mol"),
        ("CC(=O)[O-].[Na+]", "2 parts (a salt or a mixture): give the one to dock alone"),
        ("[H][H]", "has no heavy atoms"),
        ("*CC", "has an atom that stands for any (*, R, a query)"),
        ("nowhere.sdf", "nowhere.sdf: no such file"),
        ("C" * 5000 + "!", "not a SMILES"),
    ],
)
def test_what_is_no_ligand_is_one_line(text, reason):
    with pytest.raises(UsageError) as caught:
        read_ligand(text)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_records_that_cannot_be_read_are_given_with_number_name_and_reason(tmp_path):
    good = embedded(BUTANOL, "butanol")
    five = sdf(embedded("CC", "five")).replace("  1  2  1  0", "  1  2  3  0", 1)  # H3C≡CH3
    salt = sdf(embedded("CCO.CCN", "salt"))
    path = tmp_path / "bibliothèque.sdf"
    path.write_text(sdf(good) + "cut\n\n\n  9  9  0\n$$$$\n" + five + salt + sdf(good, good))
    found = list(read_ligands(path))
    names = ["butanol", "cut", "five", "salt", "butanol_2", "butanol_3"]
    assert [one.name for one in found] == names
    assert [isinstance(one, Unreadable) for one in found] == [False, True, True, True, False, False]
    assert found[1].reason == f"{path} record 2 (cut): not a readable MOL block (V2000 or V3000)"
    assert found[2].reason.startswith(f"{path} record 3 (five): impossible chemistry: Explicit val")
    assert found[3].reason.startswith(f"{path} record 4 (salt): 2 parts")
    assert found[4].notes == (
        "an earlier record is named butanol too: this one is called butanol_2",
    )


def test_a_file_of_one_is_asked_for_one(tmp_path):
    path = tmp_path / "two.sdf"
    path.write_text(sdf(embedded("CC"), embedded("CO")))
    with pytest.raises(UsageError, match=r"two\.sdf: holds more than one ligand; one is asked for"):
        read_ligand(path)
    assert [one.name for one in read_ligands(path)] == ["two_1", "two_2"]
    path.write_text("")
    with pytest.raises(UsageError, match=r"two\.sdf: holds no ligand"):
        read_ligand(path)
    (tmp_path / "a.pdb").write_text("END\n")
    with pytest.raises(UsageError, match=r"a\.pdb: ligands are read from \.sdf"):
        read_ligand(tmp_path / "a.pdb")


def test_a_table_gives_names_and_what_cannot_be_read(tmp_path):
    (tmp_path / "a.csv").write_text("Name,SMILES\nethanol,CCO\n,CC\nbad,C1CC\nempty,\n\n")
    found = list(read_ligands(tmp_path / "a.csv"))
    assert [one.name for one in found] == ["ethanol", "a_2", "bad", "empty"]
    assert [smiles(one) for one in found if isinstance(one, Ligand)] == ["CCO", "CC"]
    assert found[2].reason.endswith("a.csv record 3 (bad): not a SMILES")
    assert found[3].reason.endswith("a.csv record 4 (empty): no SMILES")


def test_a_packed_file_is_read(tmp_path):
    (tmp_path / "x.sdf.gz").write_bytes(gzip.compress(sdf(embedded("CCO")).encode()))
    ligand = read_ligand(str(tmp_path / "x.sdf.gz"))
    assert (ligand.name, smiles(ligand)) == ("x_1", "CCO")
    (tmp_path / "y.sdf.gz").write_bytes(b"not packed")
    with pytest.raises(UsageError, match=r"y\.sdf\.gz: cannot be read: "):
        read_ligand(tmp_path / "y.sdf.gz")
