import gzip

import pytest

from molgen.chem.structure_files import read_structure
from molgen.errors import UsageError
from tests.chem.structures import alanine, write_pdb


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdb", b"", "is empty"),
        ("a.pdb", b"REMARK nothing\nEND\n", "holds no atoms (no ATOM or HETATM records)"),
        ("a.pdb", b"ATOM  a bad line\n", "is not a structure that can be read: Problem in line 1"),
        ("a.cif", b"data_x\n_entry.id x\n", "holds no atoms (no _atom_site loop)"),
        ("a.cif", b"garbage", "is not a structure that can be read: "),
        ("a.pdb.gz", b"not packed", "cannot be read: "),
        ("a.pdb.gz", gzip.compress(b"ATOM" * 999, mtime=0)[:-9], "cannot be read: "),
        ("a.mol2", b"x", "a receptor is read from .pdb, .ent or .cif"),
    ],
)
def test_a_file_that_is_no_structure_is_one_line(name, content, reason, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_structure(tmp_path / name)
    assert reason in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_one_line(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.pdb: no such file"):
        read_structure(tmp_path / "nowhere.pdb")


def test_names_of_four_letters_do_not_run_into_the_chain(tmp_path):
    path = write_pdb(tmp_path, alanine(7).replace("ALA A", "NALAA"))
    (chain,) = read_structure(path)[0]
    assert (chain.name, chain[0].name, chain[0].seqid.num) == ("A", "ALA", 7)


def test_a_chain_of_two_letters_is_left_alone(tmp_path):
    path = write_pdb(tmp_path, alanine(7).replace("ALA A", "ALA2A"))
    (chain,) = read_structure(path)[0]
    assert (chain.name, chain[0].name) == ("2A", "ALA")
