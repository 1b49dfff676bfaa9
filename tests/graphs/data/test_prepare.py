import csv
import json
import multiprocessing
import os
import signal
import zlib

import numpy as np
import pytest
from rdkit import Chem

from molgen.chem.molecules import MolecularGraph, molecule_of
from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.files import read_json
from molgen.graphs.data import folder as data_folder
from molgen.graphs.data import known
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.prepare import PrepareOptions, prepare
from molgen.resources import find

pytestmark = pytest.mark.usefixtures("own_data")

SMILES = ["C" * n for n in range(1, 7)] + ["CO", "CCO", "CC(=O)O", "C[NH3+]", "c1cc[nH]c1", "CC#N"]


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "mine.smi"
    path.write_text("".join(f"{smiles}\n" for smiles in SMILES))
    return path


def drawn(data: DataFolder, part: str) -> list[str]:
    """The molecules of a part, from its graphs."""
    graphs, found = data.part(part), []
    for index in range(len(graphs)):
        mol = molecule_of(MolecularGraph(*graphs.graph(index)), graphs.vocabulary)
        Chem.SanitizeMol(mol)
        found.append(Chem.MolToSmiles(mol))
    return found


def test_every_molecule_is_in_one_part_and_comes_back(file, tmp_path):
    data = DataFolder.open(prepare(str(file), tmp_path / "out"))
    train, test = drawn(data, "train"), drawn(data, "test")
    assert sorted(train + test) == sorted(map(Chem.CanonSmiles, SMILES))
    assert len(test) == 1  # a tenth of twelve
    assert (data.smiles("train"), data.smiles("test")) == (train, test)
    assert data.train.meta["split"] == {"kind": "random", "seed": 0, "share": 0.1}


def test_the_draw_depends_on_the_seed_alone(file, tmp_path):
    def testing(folder: str, seed: int) -> list[str]:
        options = PrepareOptions(seed=seed, test_share=0.4)
        return DataFolder.open(prepare(str(file), tmp_path / folder, options=options)).smiles(
            "test"
        )

    assert testing("a", 1) == testing("b", 1)
    assert len(testing("c", 2)) == 5
    assert testing("a", 1) != testing("c", 2)
    for name in ("train.npz", "test.npz", "meta.json", "train.smi", "skipped.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.parametrize(
    "content", [[1, 7, 9], ["000001", "000007", "000009"], {"valid_idxs": ["1", "7", "9"]}]
)
def test_test_rows_count_every_line_of_the_file_from_zero(content, file, tmp_path):
    (tmp_path / "rows.json").write_text(json.dumps(content))
    lines = ["CC", "C1CC", *SMILES]  # row 1 cannot be read and shifts nothing
    file.write_text("\n".join(lines))
    folder = prepare(str(file), tmp_path / "out", test_rows=tmp_path / "rows.json", allowed=0.1)
    data = DataFolder.open(folder)
    assert data.smiles("test") == [lines[7], lines[9]]
    assert data.meta["split"]["count"] == 3
    assert data.meta["read"]["train"]["skipped"] == {"not a SMILES": 1}
    with open(folder / "skipped.csv", newline="") as handle:
        assert list(csv.DictReader(handle)) == [
            {"file": "mine.smi", "line": "2", "text": "C1CC", "reason": "not a SMILES"}
        ]


def test_a_second_file_is_for_testing_and_keeps_to_the_vocabulary_of_training(file, tmp_path):
    (tmp_path / "test.smi").write_text("CCCCO\nCCCl\nOCC#N\n")
    folder = prepare(str(file), tmp_path / "out", test=tmp_path / "test.smi", allowed=0.4)
    data = DataFolder.open(folder)
    assert data.smiles("train") == [Chem.CanonSmiles(smiles) for smiles in SMILES]
    assert data.smiles("test") == ["CCCCO", "N#CCO"]
    assert data.test.vocabulary == data.train.vocabulary
    assert (
        "test.smi,2,CCCl,atom Cl is not in the vocabulary" in (folder / "skipped.csv").read_text()
    )


def test_meta_counts_what_is_in_the_files(file, tmp_path):
    folder = prepare(str(file), tmp_path / "out", options=PrepareOptions(test_share=0.3))
    meta, data = read_json(folder / "meta.json"), DataFolder.open(folder)
    for part in ("train", "test"):
        mols = [Chem.MolFromSmiles(smiles) for smiles in data.smiles(part)]
        sizes = [mol.GetNumHeavyAtoms() for mol in mols]
        assert meta["sizes"][part] == {str(n): sizes.count(n) for n in sorted(set(sizes))}
        atoms = [atom for mol in mols for atom in mol.GetAtoms()]
        assert meta["atoms"][part]["N+"] == sum(atom.GetFormalCharge() == 1 for atom in atoms)
        assert meta["atoms"][part]["C"] == sum(atom.GetSymbol() == "C" for atom in atoms)
        bonds = sum(mol.GetNumBonds() for mol in mols)
        assert sum(meta["bonds"][part].values()) - meta["bonds"][part]["none"] == bonds
        assert meta["counts"][part] == len(mols)
    assert meta["source"] == {"file": "mine.smi", "crc32": zlib.crc32(file.read_bytes())}


def test_labels_go_with_their_molecules(file, tmp_path):
    options = PrepareOptions(properties=("heavy_atoms", "logp"), test_share=0.5)
    data = DataFolder.open(prepare(str(file), tmp_path / "out", options=options))
    for graphs in (data.train, data.test):
        np.testing.assert_array_equal(graphs.labels["heavy_atoms"], graphs.sizes)
        assert set(graphs.labels) == {"heavy_atoms", "logp"}


def test_a_prepared_set_is_found_by_its_name(file, tmp_path):
    folder = prepare(str(file))
    assert folder == tmp_path / "data" / "mine"
    assert find("data", "mine") == folder
    assert len(DataFolder.open("mine").train) == 11
    with pytest.raises(UsageError, match="no data set named 'mien'; did you mean 'mine'"):
        find("data", "mien")


def test_a_known_set_says_how_many_are_for_testing(file, tmp_path, monkeypatch):
    few = known.KnownSet("a set", 5)
    monkeypatch.setitem(known.KNOWN, "qm9", few)
    data = DataFolder.open(prepare("qm9", source=file))
    assert data.folder.name == "qm9"
    assert data.meta["split"] == {"kind": "random", "seed": 0, "count": 5}
    assert data.meta["counts"] == {"train": 7, "test": 5}


def test_the_same_call_again_changes_nothing_and_another_is_refused(file, tmp_path):
    folder = prepare(str(file), tmp_path / "out")
    before = (folder / "meta.json").stat().st_mtime_ns
    assert prepare(str(file), tmp_path / "out") == folder
    assert (folder / "meta.json").stat().st_mtime_ns == before
    with pytest.raises(UsageError, match=r"holds another run .split.seed is 0 there, 3 here"):
        prepare(str(file), folder, options=PrepareOptions(seed=3))
    file.write_text("CC\nCO\n")
    with pytest.raises(UsageError, match=r"holds another run .source.crc32"):
        prepare(str(file), folder)


def test_a_killed_preparation_is_done_again(file, tmp_path):
    folder = prepare(str(file), tmp_path / "out")
    whole = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "meta.json").unlink()  # which is written last
    (folder / "train.npz").write_bytes(b"half")
    prepare(str(file), folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == whole


def test_a_file_that_was_mended_takes_the_place_of_the_one_that_failed(file, tmp_path, capsys):
    whole = file.read_text()
    words = ["data", "prepare", str(file), "-o", str(tmp_path / "out")]
    for broken in ("", "hello\n" + whole):
        file.write_text(broken)
        assert main(words) == 2
    file.write_text(whole)
    assert main(words) == 0
    assert len(DataFolder.open(tmp_path / "out").train) > 0
    capsys.readouterr()


def killed_among_its_files(words):
    """For a process of its own: `main`, killed before it writes a second text file."""
    write, written = data_folder.write_text, []

    def until_killed(path, text):
        if written:
            os.kill(os.getpid(), signal.SIGKILL)
        written.append(path)
        write(path, text)

    data_folder.write_text = until_killed
    main(words)


def test_a_preparation_killed_among_its_files_is_done_again_by_the_same_words(file, tmp_path):
    words = ["data", "prepare", str(file), "-o", str(tmp_path / "a")]
    context = multiprocessing.get_context("fork")  # spawning would take seconds of importing
    process = context.Process(target=killed_among_its_files, args=(words,))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert (tmp_path / "a" / "train.smi").exists()
    with pytest.raises(UsageError, match="no prepared data here"):
        DataFolder.open(tmp_path / "a")
    assert main(words) == main([*words[:-1], str(tmp_path / "b")]) == 0
    for path in (tmp_path / "b").iterdir():
        assert (tmp_path / "a" / path.name).read_bytes() == path.read_bytes()


def test_a_file_with_too_many_bad_lines_leaves_their_list(file, tmp_path, capsys):
    file.write_text("CC\nhello\nCO\n[Na+].[Cl-]\n")
    words = ["data", "prepare", str(file), "-o", str(tmp_path / "out")]
    assert main(words) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "2 of 4 lines cannot be used, more than the share of 0.05 that is allowed" in told
    assert "line 2: not a SMILES ('hello')" in told
    assert str(tmp_path / "out" / "skipped.csv") in told
    with open(tmp_path / "out" / "skipped.csv", newline="") as handle:
        assert [row["line"] for row in csv.DictReader(handle)] == ["2", "4"]
    assert not (tmp_path / "out" / "meta.json").exists()
    assert main([*words, "--allowed", "0.5"]) == 0  # the same folder
    assert capsys.readouterr().out == (
        f"mine: 1 train, 1 test; 2 lines skipped; "
        f"stereo of 0 dropped; atoms: C, O\n{tmp_path / 'out'}\n"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["qm8"], "qm8: no such file or known set; did you mean 'qm9'?"),
        (["qm9", "--from", "nowhere.smi"], "nowhere.smi: no such file"),
        (["zinc250k"], "no package carries it; give a file of its SMILES with --from"),
        (["mine.smi", "--from", "mine.smi"], "is not a known set (qm9, zinc250k, moses)"),
        (["mine.smi", "--test-indices", "rows.json"], "rows from 0 to 12, but mine.smi has rows 0"),
        (["mine.smi", "--test-indices", "words.json"], "is no list of row numbers"),
        (["mine.smi", "--test-indices", "none.json"], "none.json: cannot be read"),
        (["mine.smi", "--test-indices", "rows.json", "--test", "mine.smi"], "not both"),
        (["mine.smi", "--test-indices", "all.json"], "12 would be for testing"),
        (["mine.smi", "--properties", "logP"], "no property named 'logP'; did you mean 'logp'?"),
        (["mine.smi", "--test-share", "0"], "test share 0: must be between 0 and 1"),
        (["mine.smi", "--at-least", "99"], "no atom type occurs 99 times"),
        (["mine.smi", "--column", "x"], "has no columns"),
        (["empty.smi"], "empty.smi: is empty"),
        (["folder.smi"], "folder.smi: cannot be read"),
        (["one.smi"], "of 1 molecules 1 would be for testing"),
    ],
)
def test_input_that_cannot_be_used_is_one_line(words, message, file, monkeypatch, capsys):
    monkeypatch.chdir(file.parent)
    for name, content in (
        ("rows.json", [0, 12]),
        ("words.json", ["one"]),
        ("all.json", list(range(12))),
    ):
        (file.parent / name).write_text(json.dumps(content))
    (file.parent / "empty.smi").touch()
    (file.parent / "folder.smi").mkdir()
    (file.parent / "one.smi").write_text("CCO")
    assert main(["data", "prepare", *words]) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.startswith("molgen: ")
    assert told.count("\n") == 1


def test_files_that_were_changed_are_noticed(file, tmp_path):
    folder = prepare(str(file), tmp_path / "out")
    (folder / "test.npz").write_bytes((folder / "train.npz").read_bytes())
    (folder / "train.npz").unlink()
    data = DataFolder.open(folder)
    with pytest.raises(UsageError, match=r"test\.npz: is not what was prepared here"):
        _ = data.test
    with pytest.raises(UsageError, match=r"train\.npz: is missing"):
        _ = data.train
    with pytest.raises(UsageError, match=r"holds no valid\.npz"):
        data.part("valid")
    with pytest.raises(UsageError, match="no prepared data here"):
        DataFolder.open(tmp_path)
