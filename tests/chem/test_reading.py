import bz2
import gzip
import lzma

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.molecules import molecule_of
from molgen.chem.reading import TooManySkipped, read_molecules
from molgen.chem.smiles_files import Row, smiles_rows
from molgen.chem.vocabulary import Vocabulary
from molgen.errors import UsageError


def rows(*smiles: str) -> list[Row]:
    return [Row(k, k + 1, text) for k, text in enumerate(smiles)]


def read(*smiles: str, **options):
    return read_molecules(rows(*smiles), where="file.smi", **{"allowed": 1.0, **options})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty line"),
        ("hello world", "not a SMILES"),
        ("C1CC", "not a SMILES"),
        ("c1cccc1", "impossible chemistry: Can't kekulize mol. Unkekulized atoms: 0 1 2 3 4"),
        (
            "CO(C)C",
            "impossible chemistry: Explicit valence for atom # 1 O, 3, is greater than permitted",
        ),
        ("[Na+].[Cl-]", "disconnected: 2 parts (a salt or a mixture)"),
        ("CCCCCCCC", "too large: 8 heavy atoms, at most 7"),
        ("[H][H]", "no heavy atoms"),
        ("*CC", "no molecule: * stands for any atom"),
        ("C[CH]C", "unusual hydrogens: atom 1 (C) has 1 where its bonds and charge imply 2"),
        ("N->C", "a dative bond is not in the vocabulary"),
        ("C[SiH](C)C", "atom Si is not in the vocabulary"),
        ("C[NH3+]", "atom N+ is not in the vocabulary"),
    ],
)
def test_a_line_that_is_no_graph_is_listed_with_its_reason(text, reason):
    reading = read("CCO", text, "CN", vocabulary=Vocabulary.of(["C", "N", "O"]), max_atoms=7)
    (skipped,) = reading.skipped
    assert (skipped.line, skipped.text) == (2, text)
    assert skipped.reason.startswith(reason)
    assert reading.rows.tolist() == [0, 2]
    assert reading.smiles == ["CCO", "CN"]
    assert reading.lines == 3
    assert reading.skipped_by_kind == {reason.partition(":")[0]: 1}


def test_the_vocabulary_is_measured_most_frequent_first():
    reading = read("CCO", "C[N+](=O)[O-]", "FC(F)(F)F", "CCO")
    # C 2+1+1+2 = 6, F 4, O 1+1+1 = 3, N+ 1, O- 1
    assert reading.vocabulary.describe() == "C, F, O, N+, O-"
    assert dict(reading.atom_counts) == {"C": 6, "F": 4, "O": 3, "N+": 1, "O-": 1}


def test_rare_atom_types_are_left_out_with_their_molecules():
    reading = read("CCO", "CCO", "CCBr", at_least=2)
    assert reading.vocabulary.describe() == "C, O"
    assert [(one.line, one.reason) for one in reading.skipped] == [
        (3, "atom Br is not in the vocabulary")
    ]
    with pytest.raises(UsageError, match="no atom type occurs 9 times"):
        read("CCO", at_least=9)


def test_graphs_are_those_of_the_vocabulary_whatever_order_atoms_are_met_in():
    smiles = ["OC=C", "FC", "NCCC", "C[N+](=O)[O-]"]
    vocabulary = Vocabulary.of(["F", "O-", "N+", "C", "N", "O"])
    for reading in (read(*smiles), read(*smiles, vocabulary=vocabulary)):
        for graph, expected in zip(reading.graphs, smiles, strict=True):
            mol = molecule_of(graph, reading.vocabulary)
            Chem.SanitizeMol(mol)
            assert Chem.MolToSmiles(mol) == Chem.CanonSmiles(expected)
            assert graph.atoms.dtype == np.int8


def test_stereo_isotopes_and_atom_numbers_are_dropped_and_counted():
    reading = read("C[C@H](N)O", "F/C=C/F", "[13CH3]O", "[2H]OC", "[CH3:7]N", "CC")
    assert (reading.with_stereo, reading.with_isotopes) == (2, 2)
    assert reading.smiles == ["CC(N)O", "FC=CF", "CO", "CO", "CN", "CC"]
    assert [len(graph.atoms) for graph in reading.graphs] == [4, 4, 2, 2, 2, 2]


def test_aromatic_bonds_are_a_type_if_asked_for():
    assert read("c1ccccc1").graphs[0].bonds.max() == 2
    reading = read("c1ccccc1", aromatic=True)
    assert sorted(reading.graphs[0].bonds[0]) == [0, 0, 0, 0, 4, 4]


def test_labels_are_computed_of_the_molecules_that_are_kept():
    reading = read("CCO", "C*", "C", properties={"size": lambda mol: mol.GetNumAtoms()})
    assert reading.labels["size"].tolist() == [3, 1]
    assert reading.labels["size"].dtype == np.float32


def test_too_large_a_share_of_skipped_lines_is_refused_in_one_line():
    lines = ["CC"] * 9 + ["C1CC"]
    assert len(read(*lines, allowed=0.1).graphs) == 9
    with pytest.raises(TooManySkipped) as caught:
        read(*lines, allowed=0.09)
    assert str(caught.value) == (
        "file.smi: 1 of 10 lines cannot be used, more than the share of 0.09 that is allowed; "
        "first: line 10: not a SMILES ('C1CC')"
    )
    assert [one.line for one in caught.value.skipped] == [10]


def test_nothing_left_is_refused_whatever_is_allowed():
    with pytest.raises(TooManySkipped, match="1 of 1 lines cannot be used"):
        read("C1CC", allowed=1.0)
    with pytest.raises(TooManySkipped, match=r"2 of 2 lines.*atom C is not in"):
        read("CC", "CO", allowed=1.0, vocabulary=Vocabulary.of(["O"]))
    with pytest.raises(UsageError, match=r"file\.smi: is empty"):
        read()


PLAIN = "CCO ethanol\n\n  c1ccccc1\tbenzene\nCC\n\n\n"


@pytest.mark.parametrize(
    ("name", "pack"),
    [
        ("a.smi", bytes),
        ("a.txt", bytes),
        ("a.smi.gz", gzip.compress),
        ("a.txt.xz", lzma.compress),
        ("a.smi.bz2", bz2.compress),
    ],
)
def test_a_plain_file_is_read_packed_or_not(name, pack, tmp_path):
    (tmp_path / name).write_bytes(pack(PLAIN.encode()))
    assert smiles_rows(tmp_path / name) == [
        (0, 1, "CCO", "ethanol"),
        (1, 2, "", ""),
        (2, 3, "c1ccccc1", "benzene"),
        (3, 4, "CC", ""),
    ]


def test_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path):
    (tmp_path / "a.smi").write_bytes(b"\xef\xbb\xbfCCO\r\nCC\r\n")
    assert [row.text for row in smiles_rows(tmp_path / "a.smi")] == ["CCO", "CC"]


@pytest.mark.parametrize(
    ("name", "content", "column"),
    [
        ("a.csv", 'id,SMILES,note\n1,CCO,"a, b\nc"\n2,CC,\n', None),
        ("a.csv", "canonical_smiles,mol\nC,CCO\nC,CC\n", "mol"),
        ("a.tsv", "x\tSmiles\n1\tCCO\n2\tCC\n", None),
    ],
)
def test_a_column_of_a_table_is_found(name, content, column, tmp_path):
    (tmp_path / name).write_text(content)
    found = smiles_rows(tmp_path / name, column)
    assert [(row.row, row.text) for row in found] == [(0, "CCO"), (1, "CC")]


def test_names_of_a_table_come_along(tmp_path):
    (tmp_path / "a.csv").write_text("Name,SMILES\nethanol,CCO\n,CC\n")
    assert [row.name for row in smiles_rows(tmp_path / "a.csv")] == ["ethanol", ""]


def test_files_that_cannot_be_read_are_one_line(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        smiles_rows(tmp_path / "nowhere.smi")
    (tmp_path / "a.csv").write_text("id,mol\n1,CC\n")
    with pytest.raises(UsageError, match="no column named smiles or canonical_smiles; there are: "):
        smiles_rows(tmp_path / "a.csv")
    with pytest.raises(UsageError, match="no column named SMILES; there are: id, mol"):
        smiles_rows(tmp_path / "a.csv", "SMILES")
    (tmp_path / "a.smi").write_text("CC\n")
    with pytest.raises(UsageError, match="has no columns"):
        smiles_rows(tmp_path / "a.smi", "smiles")
    (tmp_path / "a.smi.gz").write_text("CC\n")
    (tmp_path / "a.txt.xz").write_bytes(lzma.compress(b"CC\n" * 999)[:-20])
    (tmp_path / "b.smi").write_bytes(b"\xff\xfe\x00")
    for name in ("a.smi.gz", "a.txt.xz", "b.smi"):
        with pytest.raises(UsageError, match="cannot be read"):
            smiles_rows(tmp_path / name)
