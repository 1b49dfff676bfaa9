"""An evaluation of models whose density is known tells the right one from two kinds of wrong."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from molgen.core.batch import Batch
from molgen.core.models import EnergyModel
from molgen.core.processes import VE
from molgen.md.evaluation.assess import (
    Model,
    assess,
    conformers,
    effort_curves,
    entries,
    residual_curve,
)
from molgen.md.evaluation.chains import simulate_from
from molgen.md.evaluation.ensemble import Ensemble
from molgen.md.evaluation.truth import Truth
from molgen.md.models.statistics import Statistics
from molgen.md.potentials.model import ModelPotential
from molgen.sampler import SampleTable
from tests.md.evaluation.well import DYNAMICS, OPTIONS, SYSTEM

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
