"""How fast the solvers converge, and how many evaluations they take."""

import itertools
import math

import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import VE, VP
from molgen.core.solvers import SOLVERS


def gaussian_case(process, variance):
    """One centred coordinate of known variance and its score."""

    def score(batch, t):
        v = process.signal(t).square() * variance + process.noise(t).square()
        return {"x": -batch.state["x"] / v[:, None, None]}

    return score


def line(x):
    return Batch({"x": x.reshape(-1, 1, 1)}, {"x": DenseRows(len(x), (1,))})


def std_of(process, t, variance):
    t = torch.tensor(t, dtype=torch.float64)
    return (process.signal(t).square() * variance + process.noise(t).square()).sqrt()


def and_a_last_step(times):
    """Solvers treat their last step in a way of its own; make it one that changes nothing."""
    return torch.cat([times, times[-1:] - 1e-9])


@pytest.mark.parametrize(("solver", "order"), [("heun", 2), ("adams", 3)])
@pytest.mark.parametrize("process", [VP(), VE()], ids=["VP", "VE"])
def test_order_of_the_flow_solvers(solver, order, process):
    """The flow maps a point at one standard deviation to one at one standard deviation."""
    start = std_of(process, 1.0, 1.0).reshape(1)
    errors = []
    for steps in (320, 640):
        times = grids.karras(process, steps + 1)[:-1]
        x = SOLVERS[solver](
            {"x": process}, gaussian_case(process, 1.0), line(start), and_a_last_step(times), None
        ).state["x"]
        errors.append(abs(x.item() / std_of(process, times[-1].item(), 1.0).item() - 1))
    for coarse, fine in itertools.pairwise(errors):
        assert abs(math.log2(coarse / fine) - order) < 0.3


@pytest.mark.parametrize("solver", ["heun", "adams"])
def test_flow_solvers_are_of_second_order_on_so3(case_of, solver):
    """Against the same flow in many steps, between two rotations."""
    case = case_of("Brownian SO3", 2)
    start = solvers.prior(case.processes, case.empty(3), torch.Generator().manual_seed(0))

    def end(solver, steps):
        times = and_a_last_step(torch.linspace(0.9, 0.5, steps + 1, dtype=torch.float64))
        with torch.no_grad():
            solve = SOLVERS[solver]
            return solve(case.processes, case.model.score, start, times, None).state["rot"]

    exact = end("adams", 240)
    errors = [(end(solver, steps) - exact).abs().mean().item() for steps in (15, 30, 60)]
    for coarse, fine in itertools.pairwise(errors):
        assert math.log2(coarse / fine) > 2 - 0.3


@pytest.mark.parametrize("solver", ["euler_maruyama", "ancestral"])
def test_weak_order_of_the_stochastic_solvers_is_one(solver):
    process, variance, n = VP(), 0.3, 200_000
    score = gaussian_case(process, variance)
    errors = []
    for steps in (20, 40, 80):
        generator = torch.Generator().manual_seed(0)
        start = std_of(process, 1.0, variance) * torch.randn(
            n, generator=generator, dtype=torch.float64
        )
        # Down to t = 0.2, where a step without noise at the end matters as much as any other.
        times = torch.linspace(1.0, 0.2, steps + 1, dtype=torch.float64)
        x = SOLVERS[solver]({"x": process}, score, line(start), times, generator)
        errors.append((x.state["x"].var() / std_of(process, 0.2, variance) ** 2 - 1).item())
    for coarse, fine in itertools.pairwise(errors):
        # The errors, 4 % and more, are known to sqrt(2 / n) = 0.3 %.
        assert abs(math.log2(coarse / fine) - 1) < 0.3


@pytest.mark.parametrize("solver", ["heun", "adams"])
def test_flow_solvers_use_the_evaluations_they_promise(solver):
    count = 0

    def score(batch, t):
        nonlocal count
        count += 1
        return {"x": -batch.state["x"]}

    process = VP()
    start = line(torch.ones(1, dtype=torch.float64))
    SOLVERS[solver]({"x": process}, score, start, grids.karras(process, 20), None)
    assert count == {"heun": 39, "adams": 20}[solver]
