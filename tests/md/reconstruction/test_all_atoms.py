"""Beads of a model made all atoms, weighed by the force field: alanine dipeptide, end to end."""

import json
import math

import numpy as np
import pytest
import torch

from molgen import checkpoint
from molgen.cli.main import main
from molgen.errors import UsageError
from molgen.likelihood import LikelihoodTable
from molgen.md.drawn import draw_in_parts
from molgen.md.likelihood import FLOW
from molgen.md.output import read_trajectory
from molgen.md.reconstruction import all_atoms
from molgen.md.reconstruction.all_atoms import complete_in_parts
from molgen.md.reconstruction.annealing import Annealing
from molgen.md.reweight import energies, reweight
from molgen.md.system import load_system
from molgen.md.task import restore
from molgen.parts import parts_of

LOG_Z = -193.42
"""Of alanine dipeptide's 22 atoms, to 0.03: 1000 draws of the shipped model, 1000 steps each."""

FEW = LikelihoodTable(steps=8)  # log q to 0.1 nats


def test_the_command_weighs_all_atoms(tmp_path, capsys):
    output, words = tmp_path / "r.npz", ["alanine_dipeptide", "-n", "40", "--steps", "8"]
    words += ["--all-atoms", "--anneal-steps", "60", "--anneal-paths", "2"]
    words += ["--batch-size", "25"]
    words += ["--trajectory", str(tmp_path / "w.dcd"), "--unweighted", str(tmp_path / "u.xtc")]
    assert main(["reweight", *words, "-o", str(output)]) == 0
    said = json.loads((tmp_path / "r.json").read_text())
    arrays = dict(np.load(output))
    system = load_system("ala2")
    assert arrays["positions"].shape == (40, 22, 3)
    assert arrays["energy_kT"] == pytest.approx(energies(system, arrays["positions"]))
    weights = np.exp(arrays["log_weights"] - arrays["log_weights"].max())
    assert arrays["weights"] == pytest.approx(weights / weights.sum())
    found = said["free_energy"]
    assert abs(-found["value"] - LOG_Z) < 4 * found["standard_error"] < 1.5
    assert said["annealing"]["steps"] == 60
    assert said["lost"] == 0
    written = read_trajectory(tmp_path / "w.dcd", system.atoms)
    assert np.abs(written - arrays["positions"]).max() < 1e-5
    chosen = read_trajectory(tmp_path / "u.xtc", system.atoms)
    assert len(chosen) == int(1 / (arrays["weights"] ** 2).sum())
    assert "effective samples" in capsys.readouterr().err


def test_held_and_moving_beads_have_one_partition_function(tmp_path, monkeypatch):
    """Both exact, by other paths of other energies; and parts that are there are not made again."""
    model, statistics = restore(checkpoint.load("alanine_dipeptide"))
    system, found = load_system("ala2"), {}
    for moving in (False, True):
        with parts_of(tmp_path / f"{moving}.npz", {}) as parts:
            drawn = draw_in_parts(parts, model, statistics, 40, table=FEW)
            how = Annealing(steps=40, paths=2 - moving, beads_move=moving)
            given = (parts, 1, system, model, statistics, drawn, how)
            found[moving] = complete_in_parts(*given)
            monkeypatch.setattr(all_atoms, "anneal", None)
            again = complete_in_parts(*given)
            monkeypatch.undo()
            assert (again.log_weights == found[moving].log_weights).all()
    beads = statistics.mapping.atoms
    x = statistics.restore(torch.from_numpy(drawn.states)).numpy()
    assert np.abs(found[False].x[:, beads] - x).max() < 1e-6
    assert np.abs(found[True].x[:, beads] - x).max() > 1e-3
    for one in found.values():
        w = np.exp(one.log_weights - LOG_Z)
        error = w.std() / w.mean() / math.sqrt(len(w))
        assert error < 0.5
        assert abs(math.log(w.mean())) < 4 * error


@pytest.mark.slow
def test_populations_are_those_of_the_force_field(tmp_path):
    """Of parallel tempering, to 0.01 (alpha_L 0.004); intervals of 95 %, four errors here."""
    table = FLOW.changed(steps=16)
    done = reweight(
        "alanine_dipeptide",
        count=1000,
        output=tmp_path / "r.npz",
        table=table,
        annealing=Annealing(steps=300),
    )
    assert done.said["ess_share"] > 0.1
    exact = load_system("ala2").answers["populations"]
    for name, basin in done.said["basins"].items():
        error = (basin["high"] - basin["low"]) / 2 / 1.96
        assert abs(basin["population"] - exact[name]) < 4 * (error + 0.01)


def test_what_cannot_be_completed_is_said(harmonic_checkpoint, tmp_path, capsys):
    toy, ala2 = harmonic_checkpoint("mueller_brown"), harmonic_checkpoint()
    output = tmp_path / "a.npz"
    with pytest.raises(UsageError, match="mueller_brown is no molecule"):
        reweight(toy, count=2, output=output, annealing=Annealing())
    with pytest.raises(UsageError, match="leave one out"):
        reweight(ala2, count=2, output=output, annealing=Annealing(), frames=tmp_path / "f.xtc")
    assert main(["reweight", str(ala2), "-o", str(output), "--anneal-steps", "9"]) == 2
    assert "give --all-atoms as well" in capsys.readouterr().err
