"""How fast the solvers converge, and how many evaluations they take."""

import itertools
import math

import pytest
import torch

from molgen.core import grids, solvers
from molgen.core.batch import Batch, DenseRows
from molgen.core.processes import VE, VP
from molgen.core.solvers import SOLVERS
from molgen.effort import evaluations


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


PEAKS = torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]], dtype=torch.float64)


def peaks(process):
    """The score of three Gaussians of width 0.3 in a plane, as likely as 5 : 3 : 2."""
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)

    def score(batch, t):
        m, s = (part[:, None, None, None] for part in (process.signal(t), process.noise(t)))
        v = (0.3 * m).square() + s.square()
        away = m * PEAKS - batch.state["x"][:, :, None]
        log_p = weights.log() - 0.5 * (away.square() / v).sum(-1)
        return {"x": (log_p.softmax(-1)[..., None] * away / v).sum(-2)}

    return score


def and_a_last_step(times):
    """Solvers treat their last step in a way of its own; make it one that changes nothing."""
    return torch.cat([times, times[-1:] - 1e-9])


ORDERS = {"heun": 2, "adams": 3, "dpm2": 2, "dpm3": 3, "dpm++": 2, "pndm": 2, "ghvb": 2}


@pytest.mark.parametrize(("solver", "order"), ORDERS.items())
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


@pytest.mark.parametrize("process", [VP(), VE()], ids=["VP", "VE"])
def test_order_of_the_flow_solvers_between_three_peaks_in_a_plane(process):
    """Against the same flow in many steps, from 20 points of the prior; every peak is reached."""
    start = process.prior_std() * torch.randn(
        20, 1, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64
    )
    begin = Batch({"x": start}, {"x": DenseRows(20, (1,))})

    def end(solver, steps):
        times = and_a_last_step(grids.karras(process, steps))
        return SOLVERS[solver]({"x": process}, peaks(process), begin, times, None).state["x"]

    exact = end("dpm3", 400)
    assert len((exact - PEAKS).norm(dim=-1).argmin(-1).unique()) == 3
    for solver, order in ORDERS.items():
        errors = [(end(solver, steps) - exact).abs().mean().item() for steps in (60, 120)]
        # Points between the peaks take longest to come to the last order.
        assert abs(math.log2(errors[0] / errors[1]) - order) < 0.5, solver


@pytest.fixture(scope="module")
def turning(case_of):
    """`turning(solver, steps)`: the end of a flow between two rotations."""
    case = case_of("Brownian SO3", 2)
    start = solvers.prior(case.processes, case.empty(3), torch.Generator().manual_seed(0))

    def end(solver, steps):
        times = and_a_last_step(torch.linspace(0.9, 0.5, steps + 1, dtype=torch.float64))
        with torch.no_grad():
            solve = SOLVERS[solver]
            return solve(case.processes, case.model.score, start, times, None).state["rot"]

    return end


@pytest.fixture(scope="module")
def turned(turning):
    """The same in many steps."""
    return turning("adams", 120)


@pytest.mark.parametrize("solver", ORDERS)
def test_flow_solvers_are_of_second_order_on_so3(turning, turned, solver):
    errors = [(turning(solver, steps) - turned).abs().mean().item() for steps in (15, 30)]
    assert math.log2(errors[0] / errors[1]) > 2 - 0.3


def variance_error(solver, steps, n, more=()):
    """Relative error of the variance of n draws of N(0, 0.3) under VP."""
    process, variance = VP(), 0.3
    generator = torch.Generator().manual_seed(0)
    start = std_of(process, 1.0, variance) * torch.randn(
        n, generator=generator, dtype=torch.float64
    )
    # Down to t = 0.2, where a step without noise at the end matters as much as any other.
    times = torch.linspace(1.0, 0.2, steps + 1, dtype=torch.float64)
    times = torch.cat([times, times.new_tensor(more)])
    score = gaussian_case(process, variance)
    x = SOLVERS[solver]({"x": process}, score, line(start), times, generator)
    return (x.state["x"].var() / std_of(process, 0.2, variance) ** 2 - 1).item()


@pytest.mark.parametrize("solver", ["euler_maruyama", "ancestral"])
def test_weak_order_of_the_stochastic_solvers_is_one(solver):
    errors = [variance_error(solver, steps, 200_000) for steps in (20, 40, 80)]
    for coarse, fine in itertools.pairwise(errors):
        # The errors, 4 % and more, are known to sqrt(2 / n) = 0.3 %.
        assert abs(math.log2(coarse / fine) - 1) < 0.3


@pytest.mark.parametrize(("solver", "order"), [("dpm++sde", 1.3), ("edm", 1.8)])
def test_other_stochastic_solvers_converge_faster_in_few_steps(solver, order):
    """With noise in the last of the steps, as one follows that changes nothing.

    Errors of 17 %, 5.8 % and 1.9 %, and of 12 %, 2.4 % and 0.5 %, known to 0.3 %.
    """
    errors = [variance_error(solver, steps, 200_000, [0.2 - 1e-9]) for steps in (5, 10, 20)]
    for coarse, fine in itertools.pairwise(map(abs, errors)):
        assert math.log2(coarse / fine) > order


EVALUATIONS = {
    "euler_maruyama": 20,
    "ancestral": 20,
    "s4": 20,
    "heun": 39,
    "adams": 20,
    "predictor_corrector": 39,
    "dpm2": 40,
    "dpm3": 60,
    "dpm++": 20,
    "dpm++sde": 20,
    "pndm": 29,
    "edm": 39,
    "ghvb": 20,
}
"""In 20 steps."""


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_use_the_evaluations_they_promise(solver):
    process = VP()
    assert evaluations({"x": process}, line(torch.ones(1)), solver, 20) == EVALUATIONS[solver]
