import math

import pytest
import torch
from torch import nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.manifolds import Centred, so3
from molgen.core.models.preconditioning import PreconditionedScore
from molgen.core.processes import VE, VP, Brownian, SubVP

LINEAR = {"VP": VP, "VE": VE, "SubVP": SubVP}
TIMES = [0.003, 0.05, 0.3, 0.7, 1.0]


class Fixed(nn.Module):
    """A network that answers what it is told and remembers what it saw."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, batch, level):
        self.seen, self.level = batch, level
        return self.answer


def full(n, t):
    return torch.full((n,), t, dtype=torch.float64)


@pytest.mark.parametrize("process", LINEAR.values(), ids=LINEAR)
def test_zero_network_is_the_exact_score_of_a_gaussian(process, generator):
    process = process(data_std=1.7)
    rows = DenseRows(5, (3,))
    x = torch.randn(5, 3, 2, generator=generator, dtype=torch.float64)
    t = torch.tensor(TIMES, dtype=torch.float64)
    model = PreconditionedScore({"x": process}, Fixed({"x": torch.zeros_like(x)}))
    v = (1.7 * process.signal(t)).square() + process.noise(t).square()
    score = model.score(Batch({"x": x}, {"x": rows}), t)["x"]
    torch.testing.assert_close(score, -x / v[:, None, None])


@pytest.mark.parametrize("process", LINEAR.values(), ids=LINEAR)
def test_score_is_that_of_the_denoiser_of_karras_et_al(process, generator):
    """c_skip = d^2/(r^2 + d^2), c_out = r d/sqrt(r^2 + d^2), c_in = 1/sqrt(r^2 + d^2), r = s/m."""
    process = process(data_std=0.5)
    rows = DenseRows(5, (3,))
    x, answer = torch.randn(2, 5, 3, 2, generator=generator, dtype=torch.float64)
    t = torch.tensor(TIMES, dtype=torch.float64)
    network = Fixed({"x": answer})
    score = PreconditionedScore({"x": process}, network).score(Batch({"x": x}, {"x": rows}), t)["x"]
    m, s = (value[:, None, None] for value in (process.signal(t), process.noise(t)))
    r, d = s / m, 0.5
    total = (r**2 + d**2).sqrt()
    denoised = d**2 / total**2 * (x / m) + r * d / total * answer
    torch.testing.assert_close(score, (m * denoised - x) / s**2, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(network.seen.state["x"], x / m / total)
    torch.testing.assert_close(network.level, r[:, 0, 0].log() / 4)


@pytest.mark.parametrize("name", [*LINEAR, "Brownian"])
@pytest.mark.parametrize("t", TIMES)
def test_inputs_and_targets_have_unit_variance(name, t, generator):
    """What the network must answer, (conditional score - base) / score_std, for Gaussian data."""
    n = 5000
    rows = DenseRows(n, (2,))
    if name == "Brownian":
        process = Brownian()
        x0 = so3.uniform(torch.empty(n, 2, 3, 3, dtype=torch.float64), generator)
    else:
        process = LINEAR[name](data_std=1.7)
        x0 = 1.7 * torch.randn(n, 2, 3, generator=generator, dtype=torch.float64)
    time = full(n, t)
    noised = process.corrupt(x0, time, rows, generator)
    base = process.base_score(noised.x_t, time, rows)
    target = (noised.score - base) / rows.spread(process.score_std(time), base)
    # Six numbers a graph; their squares have a standard deviation of at most about 2.
    assert abs(target.square().mean() - 1) < 5 * 2 / math.sqrt(6 * n)
    if name != "Brownian":
        seen = process.standardised(noised.x_t, time, rows)
        assert abs(seen.square().mean() - 1) < 5 * 2 / math.sqrt(6 * n)


def test_answers_are_projected_on_the_tangent_space(generator):
    """Padding and a drift of the centre in the network's answer do no harm."""
    mask = torch.tensor([[True, True, False]])
    rows = DenseRows(1, (3,), mask)
    x = Centred().project(torch.randn(1, 3, 2, generator=generator), rows)
    model = PreconditionedScore({"x": VP(manifold=Centred())}, Fixed({"x": torch.ones(1, 3, 2)}))
    score = model.score(Batch({"x": x}, {"x": rows}), torch.ones(1))["x"]
    assert (score[0, 2] == 0).all()
    torch.testing.assert_close(score.sum(1), torch.zeros(1, 2))
