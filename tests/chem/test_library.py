import pytest

from molgen.chem.library import library_files, read_library
from molgen.chem.ligand import Ligand, Unreadable
from molgen.errors import UsageError


def names(source):
    return [(found.name, isinstance(found, Ligand)) for found in read_library(source)]


def test_a_smiles_is_a_library_of_one():
    (found,) = read_library("CCO ethanol")
    assert isinstance(found, Ligand)
    assert found.name == "ethanol"
    assert library_files("CCO") == []


def test_a_folder_gives_all_ligands_of_its_files_and_those_that_are_none(tmp_path):
    folder = tmp_path / "größe"
    folder.mkdir()
    (folder / "b.csv").write_text("name,smiles\nx,CCO\ny,c1cc(\n")
    (folder / "a.smi").write_text("CCN x\n")
    (folder / "c.sdf").write_text("")
    (folder / "notes.md").write_text("nothing")
    assert names(folder) == [("x", True), ("x_2", True), ("y", False), ("c", False)]
    renamed = list(read_library(folder))[1]
    assert isinstance(renamed, Ligand)
    assert renamed.notes == ("another file has a x too: this one is called x_2",)
    empty = list(read_library(folder))[3]
    assert isinstance(empty, Unreadable)
    assert "c.sdf: holds no ligand" in empty.reason
    assert [path.name for path in library_files(folder)] == ["a.smi", "b.csv", "c.sdf"]


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("missing.sdf", "no such file"),
        ("not a smiles", "no file of ligands, and not a SMILES"),
        ("C" * 5000 + "(", "not a SMILES"),
    ],
)
def test_what_is_neither_is_refused(source, message):
    with pytest.raises(UsageError, match=message):
        list(read_library(source))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(UsageError, match="holds no file of ligands"):
        list(read_library(tmp_path))
