"""Known sets of molecules come out of the packages that carry them, whose code is not run."""

import gzip

import pytest

from molgen.errors import UsageError
from molgen.graphs.data import known
from molgen.graphs.data.folder import DataFolder
from molgen.graphs.data.prepare import prepare

pytestmark = pytest.mark.usefixtures("own_data")


def test_a_known_set_is_read_from_its_package(tmp_path, monkeypatch):
    """Files laid out as in qm9pack and molsets."""
    ids = {1: [1, 2], 2: [4], 3: [5, 7]}  # QM9's numbers, some missing
    qm9 = tmp_path / "site" / "qm9pack"
    (qm9 / "data").mkdir(parents=True)
    (qm9 / "__init__.py").write_text("raise ImportError('needs pandas')")
    for part, numbers in ids.items():
        lines = [f'"dsgdb9nsd_{n:06d}.xyz",{n},"{"C" * n}"' for n in numbers]
        text = "\n".join(["XYZ_file,Index,SMILES", *lines])
        (qm9 / "data" / f"qm9_part{part}.csv").write_text(text)
    (tmp_path / "rows.json").write_text("[3, 6]")
    moses = tmp_path / "site" / "moses" / "dataset" / "data"
    moses.mkdir(parents=True)
    (moses.parents[1] / "__init__.py").touch()
    (moses / "train.csv.gz").write_bytes(gzip.compress(b"SMILES\nCCO\nCCN\n"))
    (moses / "test.csv.gz").write_bytes(gzip.compress(b"SMILES\nOCCN\n"))
    monkeypatch.syspath_prepend(tmp_path / "site")
    data = DataFolder.open(prepare("qm9", test_rows=tmp_path / "rows.json"))
    assert data.smiles("train") == ["C", "CC", "CCCCC"]
    assert data.smiles("test") == ["CCCC", "CCCCCCC"]
    data = DataFolder.open(prepare("moses"))
    assert (data.smiles("train"), data.smiles("test")) == (["CCO", "CCN"], ["NCCO"])


def test_a_package_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setattr(known, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match="pip install --no-deps molsets"):
        prepare("moses")
