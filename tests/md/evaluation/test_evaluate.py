"""Evaluation of a run by its command: kept, reported, done once, and refused in one line."""

import json
import shutil

import numpy as np
import pytest

from molgen import checkpoint as checkpoints
from molgen.cli.main import main
from molgen.config import load_recipe
from molgen.errors import UsageError
from molgen.evaluation import evaluated, options_of
from molgen.md.data.generate import generate
from molgen.md.data.generate_options import generate_options
from molgen.md.evaluation.evaluate import asked_of, evaluate, with_caveat
from molgen.md.evaluation.options import EvaluateTable
from molgen.md.evaluation.results import load_results
from molgen.md.system import load_system
from molgen.report.page import write_report
from molgen.train import train


def test_the_certificate_says_what_it_cannot_know():
    certificate = {"verdict": "Consistent."}
    assert with_caveat(certificate, {"a": 1000, "b": 400}) == certificate
    verdict = with_caveat(certificate, {"a": 1000, "b": 0})["verdict"]
    assert verdict.startswith("Consistent. The chains entered b 0 times")


MD = ["evaluate", "md", "-m"]

RECIPE = """
task = "md"
name = "{name}"
description = "a test"
seed = {seed}
[data]
system = "double_well_2d"
frames = "{frames}"
held_out = 200
[process.pos]
kind = "VE"
sigma_min = 0.02
[model]
kind = "coordinates"
hidden = 16
layers = 2
[[loss]]
kind = "denoising"
[train]
steps = 30
batch_size = 64
compile = false
[evaluate]
samples = 1000
published_size = 500
steps = 8
chains = 20
time_ps = 5.0
equilibration_ps = 1.0
curve_evaluations = [5, 9]
curve_samples = 200
residual_points = 20
repeats = 20
compile = false
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Frames of the 2-D double well, and two runs of one recipe with different seeds."""
    place = tmp_path_factory.mktemp("runs")
    system = load_system("double_well_2d")
    frames = place / "frames"
    generate(system, frames, generate_options(system, frames=4000, groups=4, burn_in_ps=1.0))
    for seed in (0, 1):
        path = place / f"tiny{seed}.toml"
        path.write_text(RECIPE.format(name="tiny", seed=seed, frames=frames))
        train(load_recipe(path), place / f"run{seed}")
    return place


def test_a_run_keeps_its_evaluation_and_reports_it(runs, capsys):
    assert main([*MD, str(runs / "run0")]) == 0
    printed = capsys.readouterr().out
    assert "JS divergence (nats), 500 frames" in printed
    assert "Samples and simulation: " in printed
    results = load_results(runs / "run0")
    assert results.comparisons["simulation"]["metrics"]["js"]["n"] == 1000
    assert results.provenance["samples"] == {"solver": "heun", "evaluations each": 15}
    simulation = results.provenance["simulation"]
    assert (simulation["chains"], simulation["frames of each"]) == (20, 50)
    assert simulation["time_ps"] == pytest.approx(5.0)
    assert simulation["equilibration_ps"] == pytest.approx(1.0)
    summary = json.loads((runs / "run0" / "summary.json").read_text())
    assert summary["training"]["steps"] == 30  # what training said is still there
    page = write_report(runs / "run0").read_text()
    for words in ("Training frames", "noise / signal", "as many as published", "tilted quartic"):
        assert words.lower() in page.lower(), words


def test_one_table_of_several_runs_does_only_what_is_missing(runs, capsys):
    evaluate(runs / "run0")
    before = (runs / "run0" / "summary.json").stat().st_mtime_ns
    assert main([*MD, str(runs / "run0"), "-m", str(runs / "run1"), "--table"]) == 0
    assert (runs / "run0" / "summary.json").stat().st_mtime_ns == before
    rows = capsys.readouterr().out.splitlines()
    (row,) = (row for row in rows if "tiny" in row)
    assert "tiny (2 seeds)" in row

    def found(name, seed=0, changes=()):
        loaded = checkpoints.load(runs / name)
        asked = asked_of(loaded, options_of(loaded, EvaluateTable, changes), seed)
        return evaluated(runs / name, load_results, asked)

    values = [
        found(name).comparisons["iid"]["published_size"]["pmf"]["value"]
        for name in ("run0", "run1")
    ]
    assert f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}" in row
    assert found("run0", seed=1) is None
    assert found("run0", changes=["time_ps=6"]) is None


def test_the_same_seed_gives_the_same_numbers(runs, tmp_path):
    first, second = (
        evaluate(runs / "run0", output=tmp_path / name, seed=5).results.comparisons for name in "ab"
    )
    assert first == second


def test_without_the_data_the_certificate_is_all_there_is(runs, tmp_path):
    moved = tmp_path / "elsewhere"
    (runs / "frames").rename(moved)
    try:
        done = evaluate(runs / "run0", output=tmp_path / "alone")
    finally:
        moved.rename(runs / "frames")
    assert done.results.comparisons == {}
    assert done.results.certificate["pmf"]["n"] == 1000
    assert any("No reference frames" in line for line in done.remarks)
    write_report(tmp_path / "alone")


def test_what_cannot_be_evaluated_is_refused_in_one_line(runs, tmp_path, capsys):
    run = str(runs / "run0")
    evaluate(run, output=tmp_path / "a")
    assert main([*MD, str(runs / "run1"), "-o", str(tmp_path / "a")]) == 2
    assert "holds another run" in capsys.readouterr().err
    assert main([*MD, run, "--set", "smaples=3"]) == 2
    assert "did you mean 'samples'" in capsys.readouterr().err
    assert main([*MD, run, "--set", "samples=0"]) == 2
    assert "[evaluate] samples = 0" in capsys.readouterr().err
    assert main([*MD, run, "-m", run, "-o", str(tmp_path / "b")]) == 2
    assert "--output goes with one" in capsys.readouterr().err
    assert main([*MD, str(tmp_path / "a")]) == 2
    assert "not a checkpoint" in capsys.readouterr().err


def test_a_checkpoint_of_another_system_is_refused(runs, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(runs / "run0" / "checkpoint", copy)
    config = (copy / "config.toml").read_text()
    (copy / "config.toml").write_text(config.replace("double_well_2d", "mueller_brown"))
    with pytest.raises(UsageError, match="a checkpoint of double_well_2d/all"):
        evaluate(copy, output=tmp_path / "out")
    assert not (tmp_path / "out").exists()
