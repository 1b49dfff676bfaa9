"""The demo end to end with a model that was trained for a moment."""

import json

import numpy as np
import pytest
import torch

from molgen import checkpoint as checkpoints
from molgen.config import load_recipe
from molgen.demo import DemoSize, demo
from molgen.errors import UsageError
from molgen.md.data.packing import pack
from molgen.md.evaluation.evaluate import load_model
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.output import read_trajectory
from molgen.md.potentials.model import ModelPotential
from molgen.md.system import load_system
from molgen.train import train

SMALL = EvaluateTable(
    samples=400,
    published_size=200,
    steps=20,
    chains=10,
    time_ps=0.4,
    equilibration_ps=0.1,
    curve_solvers=("heun",),
    curve_evaluations=(9,),
    curve_samples=100,
    residual_points=10,
    repeats=10,
    compile=False,
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A short run of the shipped recipe on conformers that shiver about the start."""
    place = tmp_path_factory.mktemp("demo")
    (place / "frames").mkdir()
    system = load_system("ala2")
    mapping = system.mapping("backbone5")
    rng = np.random.default_rng(0)
    x = mapping.select(system.start).numpy() + 0.005 * rng.normal(size=(2, 1500, 5, 3))
    for part, frames in zip(("train", "reference"), x, strict=True):
        pack(place / "frames" / f"{part}.npz", frames, [bead.label for bead in mapping.beads])
    changes = ["train.steps=150", "train.batch_size=256", "model.hidden=16", "data.held_out=20"]
    recipe = load_recipe(
        "alanine_dipeptide", [f"data.frames={place / 'frames'}", *changes], smoke=True
    )
    train(recipe, place / "run")
    return place / "run"


@pytest.mark.openmm
def test_the_demo_samples_simulates_compares_and_reports(trained, tmp_path):
    size = DemoSize(str(trained), SMALL, written=50, openmm_ps=0.5)
    folder = tmp_path / "demo"
    told = []
    done = demo(folder, size=size, progress=lambda what, *_: told.append(what))
    assert {"sampling", "simulation", "comparing"} <= set(told)
    mapping = load_system("ala2").mapping("backbone5")
    for name in ("samples.xtc", "trajectory.xtc"):
        assert len(read_trajectory(folder / name, mapping)) == 50
    page = done.report.read_text()
    assert "the same forces in OpenMM" in page
    assert "OpenMM with the same forces, 0.5 ps" in done.openmm
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["report"]["comparisons"]["iid"]["metrics"]["js"]["n"] == 400
    # what is in the file is what was evaluated
    written = torch.from_numpy(read_trajectory(folder / "samples.xtc", mapping))
    model = load_model(checkpoints.load(trained))
    potential = ModelPotential(model.energy, model.statistics)
    ours, theirs = potential.energy(done.evaluation.samples[:50]), potential.energy(written)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=0.05)  # xtc keeps float32


def test_the_demo_needs_its_checkpoint(tmp_path):
    with pytest.raises(UsageError, match="no checkpoint named 'none_such'"):
        demo(tmp_path / "demo", size=DemoSize("none_such"))
    assert not (tmp_path / "demo").exists()
