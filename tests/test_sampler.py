"""How a recipe wants samples drawn."""

import pytest

from molgen.config import load_recipe
from molgen.core.solvers import FLOWS, SOLVERS
from molgen.errors import UsageError
from molgen.sampler import SampleTable


@pytest.mark.parametrize("solver", SOLVERS)
def test_paired_noise_is_drawn_by_the_probability_flow_alone(solver):
    recipe = load_recipe("ablation/qm9_immiscible")
    if solver in FLOWS:
        assert SampleTable.of(recipe, solver=solver).solver == solver
    else:
        with pytest.raises(
            UsageError, match=f"solver '{solver.replace('+', '.')}' cannot add noise"
        ):
            SampleTable.of(recipe, solver=solver)
    assert SampleTable.of(load_recipe("qm9"), solver=solver).solver == solver


def test_pairing_under_a_solver_with_noise_is_refused_before_training():
    recipe = load_recipe("qm9", ["loss.0.pairing=immiscible"])
    with pytest.raises(UsageError, match="'ancestral' cannot add noise; choose from heun"):
        recipe.task_module().build(recipe)
