"""Numbers are not tested, but that all of them are there, and of what they say they are."""

import json

import pytest

from molgen.bench import docking
from molgen.cli.main import main
from molgen.docking.options import DockTable
from tests.docking.tiny import tiny_checkpoint


def test_the_command_times_everything_and_writes_it(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(DockTable, "of", lambda *_, **more: DockTable(shapes=1, steps=0, **more))
    monkeypatch.setattr(docking, "THREADS", (1,))
    monkeypatch.setattr(docking, "RADII_NM", (0.5, 0.7, 0.9))
    output = tmp_path / "table.json"
    model = tiny_checkpoint(tmp_path / "tiny")
    assert main(["bench", "dock", "--quick", "-m", str(model), "-o", str(output)]) == 0
    found = json.loads(output.read_text())
    stages, poses, pocket, ligand = found["tables"].values()
    assert [row["threads"] for row in stages] == [1]
    total = sum(
        stages[0][name] for name in ("preparation", "network", "physics", "ranking", "checks")
    )
    assert stages[0]["s a complex"] == pytest.approx(total)
    assert stages[0]["ms a pose"] == pytest.approx(1000 * total / 4)
    assert [row["poses"] for row in poses] == [1, 4]
    assert poses[1]["times as fast as one by one"] == pytest.approx(
        poses[0]["ms a pose"] / poses[1]["ms a pose"]
    )
    assert poses[1]["network times as fast as one by one"] == pytest.approx(
        4 * poses[0]["network"] / poses[1]["network"]
    )
    assert pocket[0]["atoms"] < pocket[1]["atoms"]
    assert [row["atoms"] for row in ligand] == [10, 15]
    assert "power of atoms" in ligand[1]
    assert "1s3v" in found["note"]
    assert "size of the ligand" in capsys.readouterr().out
