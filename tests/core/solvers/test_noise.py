"""Less and more noise than the reverse SDE has, on the way down."""

import math

import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.processes import VP
from molgen.core.solvers import SOLVERS
from tests.core.solvers.moments import BIAS, STEPS, check_moments, line, sample


def test_euler_maruyama_without_noise_is_the_flow(case_of, generator):
    case = case_of("VP Euclidean", 2)
    start = solvers.prior(case.processes, case.empty(20), generator)
    times = torch.linspace(1, 0.05, 1001, dtype=torch.float64)
    with torch.no_grad():
        flow = SOLVERS["euler_maruyama"](
            case.processes, case.model.score, start, times, None, noise=0.0
        )
        exact = SOLVERS["adams"](case.processes, case.model.score, start, times[::10])
    # First order: a constant of order ten over 1000 steps.
    torch.testing.assert_close(flow.state["x"], exact.state["x"], atol=1e-2, rtol=0)


@pytest.mark.parametrize("name", ["VP Euclidean", "joint"])
@pytest.mark.parametrize("solver", ["ancestral", "dpm++sde", "euler_maruyama"])
def test_more_noise_than_that_of_the_reverse_sde_leaves_the_law_as_it_is(
    solver, name, case_of, generator
):
    """Twice the noise, four times as many steps for it: a step's error grows with noise^2."""
    case = case_of(name, 1)
    count = 400 if name == "joint" else 1000
    batch = sample(case, solver, 4 * STEPS[solver], count, generator, noise=2.0)
    check_moments(case, batch, bias=BIAS[solver])


@pytest.mark.parametrize("solver", ["ancestral", "dpm++sde", "euler_maruyama"])
def test_more_noise_forgets_more_of_what_went_wrong(solver, case_of):
    """Draws that begin half-way down, off by a standard deviation: N(0, 1), so score = -x.

    Under dx = -x + ... the mean off by 1 at signal m falls to m^(noise^2) of the way that is left.
    """
    process = VP()
    times = grids.karras(process, 400)
    times = times[times < 0.5]
    batch = line(torch.ones(4000, dtype=torch.float64))
    left = {}
    for noise in (0.0, 1.0, 2.0):
        generator = torch.Generator().manual_seed(0)
        end = SOLVERS[solver](
            {"x": process},
            lambda b, t: {"x": -b.state["x"]},
            batch,
            times,
            generator,
            noise=noise,
        )
        left[noise] = end.state["x"].mean().item()
    m = process.signal(times[:1]).item() / process.signal(times[-1:]).item()
    for noise, mean in left.items():
        assert abs(mean - m ** (noise**2)) < 5 / math.sqrt(4000) + 0.02


@pytest.mark.parametrize("temperature", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("solver", ["ancestral", "euler_maruyama"])
def test_less_heat_narrows_draws_as_its_sde_has_it(solver, temperature):
    """Of N(0, 1) the score is -x, and the variance follows dV/du = g^2 (T - V), u = 1 - t.

    So V falls from 1 to T + (1 - T) m^2, m the signal where the walk begins (0.4 per cent).
    """
    process, count = VP(), 20_000
    times = grids.karras(process, 600)
    generator = torch.Generator().manual_seed(1)
    start = line(torch.randn(count, dtype=torch.float64, generator=generator))
    end = SOLVERS[solver](
        {"x": process},
        lambda b, t: {"x": -b.state["x"]},
        start,
        times,
        generator,
        temperature=temperature,
    )
    m = (process.signal(times[:1]) / process.signal(times[-1:])).item()
    expected = temperature + (1 - temperature) * m**2
    error = 4 * math.sqrt(2 / count) * max(expected, 0.01)
    assert abs(end.state["x"].var().item() - expected) < error + 0.02
