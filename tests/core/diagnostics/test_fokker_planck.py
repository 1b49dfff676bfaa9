import math

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.diagnostics.fokker_planck import fokker_planck, residual_line
from molgen.core.diagnostics.subject import Effort, Subject
from molgen.core.losses import fokker_planck as equation
from molgen.core.models import EnergyModel, NormalisedEnergy
from molgen.core.processes import VE

EFFORT = Effort(levels=4, points=30, draws=0, drawn=0)


class Shifted(EnergyModel):
    """A known energy and something of the time alone: the residual is that over its scale."""

    def __init__(self, exact):
        super().__init__(exact.processes)
        self.exact = exact

    def energy(self, batch, t):
        return self.exact.energy(batch, t) + 3 * t


@pytest.mark.parametrize("name", ["VP Euclidean", "SubVP Centred", "Brownian SO3", "joint"])
def test_an_exact_density_leaves_nothing(name, case_of, subject_of, generator, quiet):
    found = fokker_planck(subject_of(case_of(name, 2), 30), EFFORT, generator, quiet)
    assert found.mood == "good"
    assert found.numbers[0].value < 1e-7


def test_what_is_wrong_is_measured_at_every_noise(case_of, subject_of, generator, quiet):
    case = case_of("VP Centred", 1)
    model = Shifted(case.model)
    found = fokker_planck(subject_of(case, 30, model), EFFORT, generator, quiet)
    strong, weak = found.plots[0].lines
    process = case.processes["x"]
    clean = case.data(1, generator)
    for noise, residual in zip(strong.x, strong.y, strict=True):
        t = process.time_of(torch.tensor([noise], dtype=torch.float64))
        scale = equation.natural_scale(case.processes, clean, t).item()
        assert math.isclose(residual, 3 / scale, rel_tol=1e-6)
    # two probes' worth of chance, and the weak form's step
    assert math.isclose(weak.y[-1], strong.y[-1], rel_tol=0.2)
    line = residual_line(model, case.data(30, generator), levels=4, generator=generator)
    assert line.y == pytest.approx(strong.y, rel=1e-6)


def test_of_many_directions_it_probes(generator, quiet):
    """A Gaussian in 80 directions, whose Jacobian probes of fixed length see exactly."""

    class Nothing(torch.nn.Module):
        def forward(self, batch, t):
            return torch.zeros_like(t)

    process = VE(sigma_min=0.1, sigma_max=10.0)
    model = NormalisedEnergy({"x": process}, Nothing())
    x = torch.randn(12, 40, 2, generator=generator, dtype=torch.float64)
    clean = Batch({"x": x}, {"x": DenseRows(12, (40,))})
    subject = Subject(model, model.processes, clean, held_out=True)
    found = fokker_planck(subject, EFFORT, generator, quiet)
    assert found.numbers[0].value < 1e-7


def test_a_score_without_log_q_is_told_so(case_of, subject_of, score_only, generator, quiet):
    case = case_of("VP Euclidean", 1)
    subject = subject_of(case, 5, score_only(case.model))
    found = fokker_planck(subject, EFFORT, generator, quiet)
    assert "no log q" in found.verdict
    assert not found.numbers
