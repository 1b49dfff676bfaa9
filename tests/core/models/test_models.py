import math

import pytest
import torch
from torch import nn

from molgen.core.batch import Batch, DenseRows
from molgen.core.manifolds import Centred, Symmetric, so3
from molgen.core.models import EnergyModel, NormalisedEnergy
from molgen.core.processes import VE, VP, Brownian, SubVP


class Learned(EnergyModel):
    """An energy with parameters and a coupling between fields, on any manifold."""

    def __init__(self, processes):
        super().__init__(processes)
        self.weight = nn.Parameter(torch.tensor([0.7, -0.4], dtype=torch.float64))

    def energy(self, batch, t):
        parts = [
            batch.rows[name].total(torch.sin(1.3 * x + 0.2)).reshape(len(t), -1).sum(1)
            for name, x in batch.state.items()
        ]
        inner = torch.stack(parts).sum(0)
        return self.weight[0] * torch.sin(inner) * (1 + t) + self.weight[1] * inner * t.square()


def along(case, batch, name, v, h):
    process, rows = case.processes[name], batch.rows[name]
    return batch.replace(**{name: process.manifold.exp(batch.state[name], h * v, rows)})


def test_score_is_minus_the_slope_of_the_energy_along_geodesics(mixture, generator):
    model = Learned(mixture.processes)
    batch, t = mixture.noised(6, generator, low=0.1)
    score = model.score(batch, t)
    h = 1e-5
    for name, process in mixture.processes.items():
        v = process.manifold.noise(batch.state[name], batch.rows[name], generator)
        ends = [model.energy(along(mixture, batch, name, v, sign * h), t) for sign in (1, -1)]
        slope = (ends[1] - ends[0]) / (2 * h)
        # Central differences: h^2 times a third derivative up to 1e2.
        found = process.manifold.inner(score[name], v, batch.rows[name])
        torch.testing.assert_close(found, slope, atol=1e-7, rtol=1e-7)


def test_rate_is_minus_the_time_derivative_of_each_graph(mixture, generator):
    batch, t = mixture.noised(6, generator, low=0.1)
    rate = mixture.model.evaluate(batch, t, rate=True).rate
    h = 1e-6
    ends = [mixture.model.energy(batch, t + sign * h) for sign in (1, -1)]
    torch.testing.assert_close(rate, (ends[1] - ends[0]) / (2 * h), atol=1e-5, rtol=1e-6)


def test_score_has_mean_zero_and_the_fisher_identity(gaussian, generator):
    """E_q score = 0 and E |score|^2 = -E lap log q: here E |score|^2 = sum 1/variance."""
    n = 4000
    t = torch.full((n,), 0.5, dtype=torch.float64)
    state = gaussian.data(n, generator)
    noised = {
        name: p.corrupt(state.state[name], t, state.rows[name], generator)
        for name, p in gaussian.processes.items()
    }
    batch = state.replace(**{name: value.x_t for name, value in noised.items()})
    score = gaussian.model.score(batch, t)
    for name, process in gaussian.processes.items():
        flat = score[name].flatten(1)
        assert (flat.mean(0).abs() <= 5 * flat.std(0) / math.sqrt(n) + 1e-12).all()
        # Also E <score, conditional score> = E |score|^2: the marginal is the conditional's mean.
        inner = process.manifold.inner
        both = inner(score[name], noised[name].score, batch.rows[name])
        own = inner(score[name], score[name], batch.rows[name])
        difference = both - own
        assert abs(difference.mean()) < 5 * difference.std() / math.sqrt(n)


def test_evaluate_can_be_differentiated_by_parameters(mixture, generator):
    model = Learned(mixture.processes)
    batch, t = mixture.noised(4, generator, low=0.1)

    def loss():
        at = model.evaluate(batch, t, rate=True)
        size = sum(
            mixture.processes[name].manifold.inner(s, s, batch.rows[name])
            for name, s in at.score.items()
        )
        return (size + at.rate.square() + at.energy).sum()

    loss().backward()
    h = 1e-6
    for k in range(2):
        ends = []
        for sign in (1, -1):
            with torch.no_grad():
                model.weight[k] += sign * h
            ends.append(loss().item())
            with torch.no_grad():
                model.weight[k] -= sign * h
        assert math.isclose(
            model.weight.grad[k].item(), (ends[0] - ends[1]) / (2 * h), rel_tol=1e-5
        )


def test_evaluate_without_gradients_gives_the_same_and_keeps_no_graph(mixture, generator):
    batch, t = mixture.noised(4, generator)
    with_graph = mixture.model.evaluate(batch, t, rate=True)
    with torch.no_grad():
        without = mixture.model.evaluate(batch, t, rate=True)
    assert not without.energy.requires_grad
    assert not without.rate.requires_grad
    torch.testing.assert_close(without.energy, with_graph.energy)
    torch.testing.assert_close(without.rate, with_graph.rate)
    for name in without.score:
        assert not without.score[name].requires_grad
        torch.testing.assert_close(without.score[name], with_graph.score[name])


def test_padding_has_no_score():
    mask = torch.tensor([[True, True, False]])
    rows = DenseRows(1, (3,), mask)
    processes = {"pos": VP(manifold=Centred()), "rot": Brownian()}
    generator = torch.Generator().manual_seed(0)
    state = {
        "pos": torch.randn(1, 3, 2, generator=generator),
        "rot": so3.uniform(torch.empty(1, 3, 3, 3), generator),
    }
    score = (
        Learned(processes).float().score(Batch(state, dict.fromkeys(state, rows)), torch.ones(1))
    )
    for value in score.values():
        assert (value[0, 2] == 0).all()
    torch.testing.assert_close(score["pos"].sum(1), torch.zeros(1, 2))


class Zero(nn.Module):
    def forward(self, batch, t):
        return torch.zeros_like(t)


@pytest.mark.parametrize("process", [VP, VE, SubVP])
@pytest.mark.parametrize("manifold", [Centred(), Symmetric()])
def test_normalised_energy_without_correction_is_the_density_of_featureless_data(
    process, manifold, generator
):
    """Of N(0, data_std^2) under the process, at every time: entropy D/2 log(2 pi e v)."""
    n = 4000
    process = process(manifold=manifold, data_std=1.7)
    rows = DenseRows(n, (4, 4) if isinstance(manifold, Symmetric) else (4,))
    like = torch.zeros(n, *rows.axes, 2, dtype=torch.float64)
    x0 = 1.7 * manifold.noise(like, rows, generator)
    t = torch.full((n,), 0.4, dtype=torch.float64)
    x_t = process.corrupt(x0, t, rows, generator).x_t
    energy = NormalisedEnergy({"x": process}, Zero()).energy(Batch({"x": x_t}, {"x": rows}), t)
    v = (process.signal(t[:1]) * 1.7).square() + process.noise(t[:1]).square()
    dim = manifold.dim(like, rows)[0]
    entropy = 0.5 * dim * torch.log(2 * math.pi * math.e * v)
    # The energy scatters by sqrt(D/2) about the entropy.
    assert abs(energy.mean() - entropy) < 5 * math.sqrt(dim / 2 / n)


def test_energies_of_fields_add(generator):
    processes = {"pos": VE(), "rot": Brownian()}
    rows = DenseRows(3, (2,))
    state = {
        "pos": torch.randn(3, 2, 3, generator=generator, dtype=torch.float64),
        "rot": so3.uniform(torch.empty(3, 2, 3, 3, dtype=torch.float64), generator),
    }
    t = torch.tensor([0.1, 0.5, 1.0], dtype=torch.float64)
    both = NormalisedEnergy(processes, Zero()).energy(Batch(state, dict.fromkeys(state, rows)), t)
    apart = sum(p.base_energy(state[name], t, rows) for name, p in processes.items())
    torch.testing.assert_close(both, apart)


@pytest.mark.slow
def test_compiled_evaluate_gives_the_same(case_of, generator):
    case = case_of("VP Centred", 1)
    model = Learned(case.processes)
    batch, t = case.noised(8, generator)
    plain = model.evaluate(batch, t, rate=True)
    model.accelerate()
    fused = model.evaluate(batch, t, rate=True)
    torch.testing.assert_close(fused.score["x"], plain.score["x"])
    torch.testing.assert_close(fused.rate, plain.rate)
