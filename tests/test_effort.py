"""Evaluations of a network are counted, and steps fitted into a number of them."""

from functools import partial

import pytest

from molgen.core.processes import VE
from molgen.effort import evaluations, steps_within
from molgen.md.evaluation.assess import SMALLEST


@pytest.mark.parametrize(("solver", "count"), [("heun", 19), ("adams", 10), ("euler_maruyama", 10)])
def test_evaluations_are_counted(solver, count):
    processes = {"pos": VE(sigma_min=0.02, sigma_max=10.0)}
    cost = partial(evaluations, processes, SMALLEST, solver)
    assert cost(10) == count
    assert steps_within(cost, count) == 10
    assert steps_within(cost, count - 1) == 9
    assert steps_within(cost, 1) == 1
