"""The files of a library run, as a kill may leave them."""

from pathlib import PurePosixPath

import pytest

from molgen.docking.library.manifest import Entry, Ledger, read_manifest, write_manifest
from molgen.errors import UsageError

ENTRIES = [
    Entry(1, "r", "plain", "CCO"),
    Entry(2, "r", 'a,"b"\nc/../../d', "CC"),
    Entry(3, "r", "名" * 300, ""),
    Entry(4, "r", "...", "C"),
]


def test_entries_come_back(tmp_path):
    assert read_manifest(tmp_path) is None
    write_manifest(tmp_path, ENTRIES)
    assert read_manifest(tmp_path) == ENTRIES
    (tmp_path / "manifest.csv").write_text("nonsense\nx")
    with pytest.raises(UsageError, match=r"manifest\.csv: cannot be read"):
        read_manifest(tmp_path)


def test_any_name_makes_a_file_in_the_folder(tmp_path):
    files = [entry.file(len(ENTRIES)) for entry in ENTRIES]
    assert files[0] == "poses/0001_plain.sdf"
    assert files[1] == "poses/0002_a_b_c_.._.._d.sdf"
    assert files[3] == "poses/0004_ligand.sdf"
    for file in files:
        assert len(PurePosixPath(file).parts) == 2
        (tmp_path / "poses").mkdir(exist_ok=True)
        (tmp_path / file).write_text("")
    assert ENTRIES[0].file(100_000) == "poses/000000/000001_plain.sdf"


def test_the_ledger_forgets_a_line_that_was_cut(tmp_path):
    path = tmp_path / "failures.csv"
    ledger = Ledger(path)
    ledger.add(ENTRIES[3], "too\n  odd")
    ledger.add(ENTRIES[1], "no,\tno")
    ledger.add(ENTRIES[1], "said before")
    with open(path, "a") as handle:
        handle.write('3,r,"cut in the mid')
    again = Ledger(path)
    assert again.reasons == {
        4: ("r", "...", "too odd"),
        2: ("r", 'a,"b" c/../../d', "no, no"),
    }
    assert path.read_text().splitlines() == [
        "number,receptor,name,reason",
        '2,r,"a,""b"" c/../../d","no, no"',
        "4,r,...,too odd",
    ]
