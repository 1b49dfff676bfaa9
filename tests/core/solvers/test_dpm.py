import math

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import VE, VP
from molgen.core.solvers import SOLVERS
from molgen.core.solvers.dpm import dpm2, dpm3

T, S = 0.8, 0.5


def bent(batch, t):
    """A score that is no straight line in anything."""
    return {name: -torch.sin(x) / (0.3 + t[:, None, None]) for name, x in batch.state.items()}


def line(x, processes):
    rows = DenseRows(len(x), (1,))
    state = {name: x.reshape(-1, 1, 1) for name in processes}
    return Batch(state, dict.fromkeys(processes, rows))


def algorithm(order, x):
    """Lu et al. 2022, algorithms 1 and 2 for VP, written with alpha, sigma and lambda."""
    process = VP()
    t, s = (torch.tensor(time, dtype=torch.float64) for time in (T, S))

    def alpha(time):
        return process.signal(time).item()

    def sigma(time):
        return process.noise(time).item()

    def eps(x, time):
        return sigma(time) * torch.sin(x) / (0.3 + time)

    lam = [math.log(alpha(time) / sigma(time)) for time in (t, s)]
    h = lam[1] - lam[0]

    def inner(r):
        return process.time_of(torch.tensor(math.exp(-(lam[0] + r * h)), dtype=torch.float64))

    def moved(to, r, estimate):
        return alpha(to) / alpha(t) * x - sigma(to) * math.expm1(r * h) * estimate

    e = eps(x, t)
    if order == 2:
        middle = inner(0.5)
        return moved(s, 1, eps(moved(middle, 0.5, e), middle))
    s1, s2 = inner(1 / 3), inner(2 / 3)
    d1 = eps(moved(s1, 1 / 3, e), s1) - e
    u2 = moved(s2, 2 / 3, e) - sigma(s2) * 2 * (math.expm1(2 * h / 3) / (2 * h / 3) - 1) * d1
    d2 = eps(u2, s2) - e
    return moved(s, 1, e) - sigma(s) * 1.5 * (math.expm1(h) / h - 1) * d2


@pytest.mark.parametrize(("solver", "order"), [(dpm2, 2), (dpm3, 3)])
def test_a_step_is_that_of_the_published_algorithm(solver, order):
    x = torch.linspace(-2, 2, 7, dtype=torch.float64)
    processes = {"x": VP()}
    end = solver(
        processes, bent, line(x, processes), torch.tensor([T, S], dtype=torch.float64)
    ).state["x"]
    torch.testing.assert_close(end[:, 0, 0], algorithm(order, x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("solver", ["dpm2", "dpm3"])
def test_a_second_field_whose_noise_grows_otherwise_is_solved_to_second_order(solver):
    processes = {"lead": VP(), "other": VE(sigma_min=0.1, sigma_max=3.0)}
    batch = line(torch.linspace(-2, 2, 7, dtype=torch.float64), processes)

    def end(name, steps):
        times = torch.linspace(0.9, 0.1, steps + 1, dtype=torch.float64)
        times = torch.cat([times, times[-1:] - 1e-9])
        return SOLVERS[name](processes, bent, batch, times, None).state["other"]

    exact = end("adams", 300)
    errors = [(end(solver, steps) - exact).abs().mean().item() for steps in (20, 40)]
    assert math.log2(errors[0] / errors[1]) > 2 - 0.2
