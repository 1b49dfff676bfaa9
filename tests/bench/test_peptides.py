"""Numbers are not tested, but that all of them are there, and of what they say they are."""

import json

import pytest
import torch

from molgen.bench import peptides
from molgen.bench.peptides import Trajectory
from molgen.bench.timing import Rate
from molgen.cli.main import main
from tests.md.peptides.tiny import tiny_checkpoint

pytestmark = pytest.mark.openmm


@pytest.fixture
def few(monkeypatch):
    monkeypatch.setattr(peptides, "Rate", lambda *_: Rate(1, 0.0))
    monkeypatch.setattr(peptides, "PHYSICAL", Trajectory(4, 0.02, 80))
    monkeypatch.setattr(peptides, "LEARNED", Trajectory(8, 0.002, 60))
    monkeypatch.setattr(peptides, "DRAWS", 20)
    monkeypatch.setattr(peptides, "STEPS", 10)


@pytest.mark.filterwarnings("ignore:.* runs uncompiled")
def test_the_command_times_four_ways_and_writes_them(
    few, no_compiler, monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr(torch, "compile", no_compiler)  # it would take a minute
    slow = ["simulate.timestep_ps=0.0002", "simulate.friction_per_ps=2000"]  # it learned nothing
    model = tiny_checkpoint(tmp_path / "tiny", changes=["evaluate.steps=5", *slow])
    output = tmp_path / "table.json"
    words = ["bench", "peptides", "AG", "-m", str(model), "--quick", "-o", str(output)]
    assert main(words) == 0
    found = json.loads(output.read_text())
    ((title, rows),) = found["tables"].items()
    assert title.startswith("AG: ")
    openmm, physical, simulated, drawn = rows
    assert physical["way"] == "molgen's force field, 4 chains, 1 fs"
    assert simulated["way"] == "model, simulated, 8 chains"
    assert drawn["way"] == "model, independent draws (adams, 5 steps)"
    for row in (openmm, physical, simulated):
        assert row["effective / s"] == pytest.approx(row["ps / s"] / row["ps for one"])
    # of one ensemble; a frame at least
    assert openmm["ps for one"] == physical["ps for one"] >= 0.02
    assert simulated["ps for one"] >= 0.002
    for row in rows:
        ratio = row["effective / s"] / openmm["effective / s"]
        assert row["ratio to OpenMM"] == pytest.approx(ratio)
    assert "One core each" in found["note"]
    assert "lower bound" in capsys.readouterr().out
