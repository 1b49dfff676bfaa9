"""Solvers as they are named, with their options."""

import re

import pytest
import torch

from molgen.core.batch import Batch, DenseRows
from molgen.core.grids import karras
from molgen.core.processes import VP
from molgen.core.solvers import SOLVERS
from molgen.effort import evaluations
from molgen.errors import UsageError
from molgen.sampler import SampleTable
from molgen.solver import name_of, solver_of
from molgen.steering import SteerPlan

PROCESS = VP()


def ends(solver):
    x = torch.ones(50, 1, 1, dtype=torch.float64)
    batch = Batch({"x": x}, {"x": DenseRows(50, (1,))})
    generator = torch.Generator().manual_seed(0)

    def score(batch, t):
        return {"x": -batch.state["x"]}

    return solver({"x": PROCESS}, score, batch, karras(PROCESS, 6), generator).state["x"]


def test_a_name_alone_is_the_solver_itself():
    assert solver_of("heun") is SOLVERS["heun"]


@pytest.mark.parametrize(
    ("text", "name", "options"),
    [
        ("dpm++sde,noise=2", "dpm++sde", {"noise": 2.0}),
        ("ancestral, noise = 0.5", "ancestral", {"noise": 0.5}),
        ("edm,churn=9,low=0.2", "edm", {"churn": 9.0, "low": 0.2}),
        ("predictor_corrector,corrections=3", "predictor_corrector", {"corrections": 3}),
    ],
)
def test_options_are_those_of_the_function(text, name, options):
    def plain(*given):
        return SOLVERS[name](*given, **options)

    assert torch.equal(ends(solver_of(text)), ends(plain))
    assert not torch.equal(ends(solver_of(text)), ends(SOLVERS[name]))
    assert name_of(text) == name
    assert torch.equal(ends(SampleTable(solver=text).solve()), ends(plain))


def test_ancestral_steps_without_noise_ask_for_no_random_numbers():
    generator = torch.Generator()
    before = generator.get_state()
    ends(lambda p, s, b, times, _: solver_of("ancestral,noise=0")(p, s, b, times, generator))
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dpm++sde,nois=2", "solver: dpm++sde has no key 'nois'; did you mean 'noise'"),
        ("dpm++sde,noise", "solver dpm++sde,noise: 'noise' is not OPTION=VALUE"),
        ("dpm++sde,noise=much", "solver: noise = 'much': input should be a valid number"),
        ("dpm++sde,noise=-1", "noise = -1.0: a number from 0 is needed"),
        ("ancestral,noise=nan", "noise = nan: a number from 0 is needed"),
        ("heun,noise=1", "solver: heun has no key 'noise'"),
        ("heun,times=1", "solver: heun has no key 'times'"),
        ("ancestral,ends=0", "solver: ancestral has no key 'ends'"),
        ("noise=2", "no solver 'noise=2'"),
    ],
)
def test_what_means_nothing_is_refused(text, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        solver_of(text)


def test_evaluations_are_counted_with_the_options():
    one = Batch({"x": torch.zeros(1, 1, 1)}, {"x": DenseRows(1, (1,))})
    counts = [
        evaluations({"x": PROCESS}, one, f"predictor_corrector,corrections={k}", 10) for k in (1, 3)
    ]
    assert counts == [10 + 9, 10 + 27]


class Standard:
    """Of N(0, 1)."""

    def __init__(self):
        self.processes = {"x": PROCESS}

    def score(self, batch, t):
        return {"x": -batch.state["x"]}


def steered(solver, method):
    plan = SteerPlan.of([lambda batch, t: 0 * batch.state["x"].sum((1, 2))], method, particles=4)
    like = Batch({"x": torch.zeros(3, 1, 1).double()}, {"x": DenseRows(3, (1,))})
    table, generator = SampleTable(steps=6, solver=solver), torch.Generator().manual_seed(0)
    return plan.ready({}, None).integrate(table, Standard(), like, generator)[0].state["x"]


def test_particles_take_the_steps_of_a_solver_with_its_options():
    """Steering asks for the name, and steps with the options."""
    plain = steered("ancestral", "feynman-kac")
    assert torch.equal(steered("ancestral,noise=1", "feynman-kac"), plain)
    assert not torch.equal(steered("ancestral,noise=2", "feynman-kac"), plain)


def test_a_way_of_steering_with_steps_of_its_own_refuses_options():
    with pytest.raises(UsageError, match="ensemble takes the steps of ancestral by itself"):
        steered("ancestral,noise=2", "ensemble")
