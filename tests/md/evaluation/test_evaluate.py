"""An evaluation of models whose density is known tells the right one from two kinds of wrong."""

import json
import math
import shutil
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

from molgen import checkpoint as checkpoints
from molgen import toml
from molgen.cli.main import main
from molgen.config import load_recipe
from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.core.processes import VE
from molgen.effort import evaluations, steps_within
from molgen.errors import UsageError
from molgen.evaluation import evaluated, options_of
from molgen.md.chains import Dynamics
from molgen.md.evaluation.assess import (
    SMALLEST,
    Model,
    assess,
    conformers,
    effort_curves,
    entries,
    residual_curve,
)
from molgen.md.evaluation.chains import simulate_from
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.evaluate import asked_of, evaluate, with_caveat
from molgen.md.evaluation.options import EvaluateTable, published
from molgen.md.evaluation.results import load_results
from molgen.md.evaluation.truth import Truth
from molgen.md.generate import generate
from molgen.md.generate_options import generate_options
from molgen.md.model_potential import ModelPotential
from molgen.md.statistics import Statistics
from molgen.md.system import load_system
from molgen.report.page import write_report
from molgen.resources import shipped
from molgen.sampler import SampleTable
from molgen.train import train

SYSTEM = load_system("double_well_1d")
GRID = torch.linspace(-3.2, 3.2, 160, dtype=torch.float64)
"""Density beyond is below exp(-35); the spacing is below the smallest noise, so sums are exact."""


class DiffusedWell(EnergyModel):
    """Exactly -log of the density of the double well under noise, by quadrature.

    Args:
        statistics: scale and offset.
        tilt: kT a nm, added to the well's own at every noise: another system, seen consistently.
        bias: the same, added at small noise only: forces that do not belong to the samples.
    """

    def __init__(self, statistics: Statistics, tilt: float = 0.0, bias: float = 0.0) -> None:
        super().__init__({"pos": VE(sigma_min=0.03, sigma_max=10.0)})
        weight = -SYSTEM.potential().energy(GRID[:, None, None]) - tilt * GRID
        self.register_buffer("log_weight", weight.log_softmax(0).float())
        self.register_buffer("nodes", ((GRID - statistics.offset[0]) / statistics.scale).float())
        self.bias = bias * statistics.scale

    def energy(self, batch: Batch, t: Tensor) -> Tensor:
        y, sigma = batch.state["pos"].flatten(1), self.processes["pos"].noise(t)[:, None]
        kernel = -0.5 * ((y - self.nodes) / sigma).square() - torch.log(sigma)
        energy = -torch.logsumexp(self.log_weight + kernel, 1) + 0.5 * math.log(2 * math.pi)
        return energy + self.bias * y[:, 0] * torch.exp(-(sigma[:, 0] / 0.06).square())


DYNAMICS = Dynamics(
    SYSTEM.masses, SYSTEM.kT, SYSTEM.timestep_ps, SYSTEM.friction_per_ps, free=False
)

OPTIONS = EvaluateTable(
    samples=10_000,
    published_size=5000,
    steps=20,
    chains=200,
    time_ps=40.0,
    equilibration_ps=10.0,
    curve_evaluations=(5, 40),
    curve_samples=2000,
    compile=False,
)


@pytest.fixture(scope="module")
def truth() -> Truth:
    """Independent frames of the well itself, from its density."""
    rng = np.random.default_rng(0)
    fine = np.linspace(-3.5, 3.5, 20_001)
    energy = SYSTEM.potential().energy(torch.from_numpy(fine)[:, None, None]).numpy()
    cumulative = np.cumsum(np.exp(-energy))
    x, more = (
        np.interp(rng.random(n), cumulative / cumulative[-1], fine)[:, None, None].astype("f4")
        for n in (40_000, 20_000)
    )
    frames = Ensemble(x[:, 0])
    return Truth(torch.from_numpy(x), frames, frames, Ensemble(more[:, 0]))


@pytest.fixture(scope="module")
def found(truth):
    """What is found of a model: results, by the arguments of `DiffusedWell`."""
    statistics = Statistics.measure(SYSTEM, SYSTEM.atoms, truth.positions)

    def find(**wrong):
        model = Model(DiffusedWell(statistics, **wrong), statistics, SYSTEM)
        generator = torch.Generator().manual_seed(1)
        how = {"table": SampleTable(steps=20), "stage": ""}
        samples = conformers(model, OPTIONS.samples, **how, generator=generator)
        potential = ModelPotential(model.energy, statistics)
        simulated = simulate_from(potential, DYNAMICS, samples, OPTIONS, generator=generator)
        simulation = simulated.positions
        results = assess(model, samples, simulation, truth, OPTIONS, generator=generator)
        x = truth.positions[:200]
        return (
            model,
            simulation,
            replace(results, residuals=(residual_curve(model, x, generator=generator, levels=6),)),
        )

    return find


def z_scores(results, source):
    return [results.comparisons[source]["metrics"][key]["z"] for key in ("js", "pmf")]


@pytest.fixture(scope="module")
def exact(found):
    return found()


def test_an_exact_model_is_at_the_floor_and_consistent(exact):
    _, _, results = exact
    for source in ("iid", "simulation"):
        assert max(z_scores(results, source)) < 3, source
        for measured in results.comparisons[source]["published_size"].values():
            assert measured["n"] == measured["reference_n"] == 5000
            assert abs(measured["z"]) < 3
        left = results.comparisons[source]["basins"]["populations"]["left"]["samples"]
        assert left["low"] - 0.01 < SYSTEM.answers["left"] < left["high"] + 0.01
    assert results.certificate["consistent"]
    assert abs(results.baseline["pmf"]["z"]) < 3
    # float32: the residual is a difference of terms of the size it is measured in
    assert max(results.residuals[0].y) < 1e-3


def test_a_model_of_another_system_is_consistent_and_wrong(found):
    _, _, results = found(tilt=0.3)
    assert results.certificate["consistent"]
    assert min(z_scores(results, "iid")) > 5
    assert min(z_scores(results, "simulation")) > 5
    assert max(results.residuals[0].y) < 1e-3


def test_forces_that_do_not_belong_to_the_samples_are_found_out(found):
    _, _, results = found(bias=0.6)
    assert max(z_scores(results, "iid")) < 3  # made at large noise, where the model is exact
    assert min(z_scores(results, "simulation")) > 5
    assert not results.certificate["consistent"]
    assert "differ" in results.certificate["verdict"]
    curve = results.residuals[0]
    assert curve.y[0] > 1e-2
    assert curve.y[-1] < 1e-3


def test_without_reference_frames_there_is_the_certificate(exact, truth):
    model, simulation, _ = exact
    generator = torch.Generator().manual_seed(0)
    samples = truth.positions[:10_000]
    alone = assess(model, samples, simulation, None, OPTIONS, generator=generator)
    assert alone.comparisons == {}
    assert alone.certificate["consistent"]
    assert set(alone.ensembles) == {"iid", "simulation"}


def test_entries_count_every_arrival_in_a_basin(exact):
    model, _, _ = exact
    x = torch.tensor([[-1.0, 1.0], [1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])
    assert entries(model, x[:, :, None, None]) == {"left": 2, "right": 2}


def test_tempered_chains_forget_where_they_started():
    start = torch.full((100, 1, 1), -1.5)  # all of them on the left
    table = OPTIONS.model_copy(
        update={"ladder": (1.0, 1.7, 3.0), "lowest": 2, "samples": 20_000, "exchange_every": 10}
    )
    potential, generator = SYSTEM.potential(), torch.Generator().manual_seed(4)
    found = simulate_from(potential, DYNAMICS, start, table, generator=generator)
    assert found.positions.shape == (100, 200, 1, 1)
    assert found.groups == 100
    assert found.facts["time_ps"] == pytest.approx(40.0)
    left = (found.positions < 0).double().mean(0).reshape(100, 2).mean(1)  # of each group
    error = left.std() / 10
    assert error < 0.02
    assert abs(left.mean() - SYSTEM.answers["left"]) < 3 * error
    plain = simulate_from(potential, DYNAMICS, start, OPTIONS, generator=generator).positions
    assert (plain < 0).double().mean() > 0.75  # its chains are too short to forget
    assert found.facts["tempering"]["round_trips"] > 100


def test_the_certificate_says_what_it_cannot_know():
    certificate = {"verdict": "Consistent."}
    assert with_caveat(certificate, {"a": 1000, "b": 400}) == certificate
    verdict = with_caveat(certificate, {"a": 1000, "b": 0})["verdict"]
    assert verdict.startswith("Consistent. The chains entered b 0 times")


@pytest.mark.parametrize(("solver", "count"), [("heun", 19), ("adams", 10), ("euler_maruyama", 10)])
def test_evaluations_are_counted(solver, count):
    processes = {"pos": VE(sigma_min=0.02, sigma_max=10.0)}
    cost = partial(evaluations, processes, SMALLEST, solver)
    assert cost(10) == count
    assert steps_within(cost, count) == 10
    assert steps_within(cost, count - 1) == 9
    assert steps_within(cost, 1) == 1


def test_more_evaluations_come_down_to_the_floor(exact, truth):
    model, _, _ = exact
    generator = torch.Generator().manual_seed(2)
    curves = effort_curves(model, truth, OPTIONS, generator=generator)
    for heun, adams, floor in curves.values():
        assert (heun.name, adams.name, floor.name) == ("heun", "adams", "noise floor")
        assert heun.x == [5.0, 39.0]
        for line in (heun, adams):
            assert line.y[0] > 2 * floor.y[0]  # five evaluations are too few
            assert line.y[1] < 1.5 * floor.y[0]


def test_published_numbers_are_quoted_for_shipped_systems():
    everything = toml.read(shipped("data") / "published.toml")
    for system, by_mapping in everything.items():
        for mapping, quoted in by_mapping.items():
            known = load_system("peptide:KS" if system == "dipeptides" else system)
            assert known.mapping(mapping).name == mapping
            assert published(system, mapping) == quoted
            for by_source in quoted.values():
                assert set(by_source) <= {"iid", "simulation"}
                assert all(set(values) <= {"js", "pmf"} for values in by_source.values())
    assert published("ala2", "backbone5")["ScoreMD, both, final"]["simulation"]["pmf"] == 0.091
    assert published("double_well_1d", "all") == {}


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
