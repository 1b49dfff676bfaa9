"""A searched grid: found, kept beside the weights, and taken by name."""

import json
import shutil

import pytest
import torch

from molgen import checkpoint as checkpoints
from molgen.cli.main import main
from molgen.core.solvers.teleport import Moments
from molgen.errors import MolgenError, UsageError
from molgen.resources import shipped
from molgen.sampler import SampleTable
from molgen.trained import load
from molgen.tune import tune_grid
from molgen.tuned import FILE, SearchedGrid, Tuned


@pytest.fixture
def folder(tmp_path):
    """A checkpoint of one's own."""
    return shutil.copytree(shipped("checkpoints") / "mueller_brown", tmp_path / "mine")


def test_the_grid_is_better_on_noise_that_the_search_has_not_seen(folder, tmp_path, capsys):
    words = ["--solver", "adams", "--steps", "5", "--draws", "64", "--tries", "60"]
    assert main(["tune-grid", str(folder), *words]) == 0
    assert "adams in 5 steps: 5 evaluations, error" in capsys.readouterr().out
    (kept,) = json.loads((folder / FILE).read_text())["grids"]
    assert kept["error"] < 0.5 * kept["usual_error"]
    found = checkpoints.load(folder)
    table = SampleTable.of_checkpoint(found, solver="adams", steps=5, grid="searched")
    assert table.times == tuple(kept["times"])
    drawn = tmp_path / "drawn.npz"
    how = ["--solver", "adams", "--steps", "5", "--grid", "searched"]
    assert main(["sample", "md", "-m", str(folder), "-n", "10", "-o", str(drawn), *how]) == 0
    said = json.loads(drawn.with_suffix(".json").read_text())
    assert (said["grid"], said["times"]) == ("searched", kept["times"])


def test_stochastic_solvers_and_teleports_are_searched_for_apart(folder):
    options = {"steps": 4, "draws": 32, "tries": 5, "teleport": 2.0}
    for solver in ("ancestral", "dpm++"):
        grid = tune_grid(folder, solver=solver, **options)
        assert (grid.solver, grid.steps, grid.teleport) == (solver, 4, 2.0)
    tuned = Tuned.read(checkpoints.load(folder))
    assert [grid.key for grid in tuned.grids] == [("ancestral", 4, 2.0), ("dpm++", 4, 2.0)]
    found = load(folder)
    table = SampleTable.of_checkpoint(
        found.checkpoint, solver="dpm++", steps=4, teleport=2.0, grid="searched"
    )
    assert table.placed(found.processes["pos"])[1] == tuned.grids[1].times[0] < 1


def test_moments_are_those_of_the_data(folder):
    """Of what the model draws, without the noise that is left: against its reference frames."""
    tune_grid(folder, solver="dpm++", steps=2, draws=512, tries=1)
    found = Tuned.read(checkpoints.load(folder)).moments["pos"]
    data = load(folder).data(5000).state["pos"].double().flatten(1)
    assert found.whole
    # 512 draws: means to 1 / sqrt(512), variances to sqrt(2 / 512), both three times.
    torch.testing.assert_close(found.mean, data.mean(0), atol=0.14, rtol=0)
    torch.testing.assert_close(found.covariance, data.T.cov(), atol=0.2, rtol=0)


def test_a_grid_that_was_not_searched_for_is_asked_for_in_one_line(folder):
    found = checkpoints.load(folder)
    grid = SearchedGrid("adams", 5, None, (1.0, 0.0), 0.1, 0.2, 5)
    Tuned({}, [grid]).write(found)
    with pytest.raises(
        UsageError, match=r"heun in 5 steps \(known: adams in 5 steps\); molgen tune-grid"
    ):
        SampleTable.of_checkpoint(found, solver="heun", steps=5, grid="searched")


def test_a_file_about_other_weights_is_refused(folder):
    found = checkpoints.load(folder)
    Tuned({}, []).write(found)
    content = json.loads((folder / FILE).read_text())
    (folder / FILE).write_text(json.dumps({**content, "weights": "others"}))
    with pytest.raises(UsageError, match="about other weights"):
        Tuned.read(found)
    (folder / FILE).write_text(json.dumps({**content, "grids": [{"solver": "adams"}]}))
    with pytest.raises(UsageError, match="damaged"):
        Tuned.read(found)


def test_what_was_written_is_what_is_read(folder):
    found = checkpoints.load(folder)
    moments = Moments(torch.ones(2).double(), torch.eye(2).double() / 3, True)
    grid = SearchedGrid("adams", 5, 3.0, (0.5, 0.2, 1e-5), 0.1, 0.2, 5)
    tuned = Tuned({"pos": moments}, []).with_grid(grid).with_grid(grid)
    tuned.write(found)
    read = Tuned.read(found)
    assert read.grids == [grid]
    assert torch.equal(read.moments["pos"].covariance, moments.covariance)


def test_a_folder_that_may_not_be_written_is_one_line(folder, monkeypatch):
    def full(path, content):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("molgen.tuned.write_json", full)
    with pytest.raises(MolgenError, match="copy the checkpoint to a folder of yours"):
        Tuned().write(checkpoints.load(folder))
