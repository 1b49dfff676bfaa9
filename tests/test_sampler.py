"""Solver, steps, grid and teleportation as a recipe or a user asks for them."""

import re

import pytest
import torch

from molgen.cli.arguments import SOLVERS as NAMES
from molgen.config import Recipe, load_recipe
from molgen.core.batch import Batch, DenseRows
from molgen.core.grids import karras
from molgen.core.processes import VP
from molgen.core.solvers import FLOWS, SOLVERS
from molgen.core.solvers.teleport import teleport_time
from molgen.errors import UsageError
from molgen.sampler import SampleTable

PROCESS = VP()


def recipe(**evaluate):
    part = {"kind": "any"}
    tables = {
        "task": "md",
        "name": "a",
        "process": {"x": part},
        "model": part,
        "loss": [part],
        "train": {"steps": 1, "batch_size": 1},
        "evaluate": {**evaluate, "samples": 5},
    }
    return Recipe.parse(tables, "a.toml")


class Gaussian:
    """Data of standard deviation 1."""

    def __init__(self):
        self.processes, self.asked = {"x": PROCESS}, []

    def score(self, batch, t):
        self.asked.append(t[0].item())
        return {"x": -batch.state["x"]}


def draw(table, model):
    like = Batch({"x": torch.zeros(3, 1, 1).double()}, {"x": DenseRows(3, (1,))})
    return table.integrate(model, like, torch.Generator().manual_seed(0))


def test_help_names_every_solver_there_is():
    assert tuple(sorted(SOLVERS)) == NAMES


def test_flows_are_the_solvers_that_ask_for_no_random_numbers():
    def drawn(solver, seed):
        x = torch.ones(2, 1, 1, dtype=torch.float64)
        batch = Batch({"x": x}, {"x": DenseRows(2, (1,))})
        times, random = karras(PROCESS, 6), torch.Generator().manual_seed(seed)
        return SOLVERS[solver]({"x": PROCESS}, Gaussian().score, batch, times, random).state["x"]

    assert {one for one in SOLVERS if torch.equal(drawn(one, 0), drawn(one, 1))} == set(FLOWS)


def test_a_recipe_and_a_user_say_how_and_the_rest_is_the_usual():
    table = SampleTable.of(recipe(solver="dpm++", teleport=3.0), steps=7, grid=None)
    assert (table.solver, table.steps, table.grid, table.teleport) == ("dpm++", 7, "karras", 3.0)


def test_what_is_not_asked_for_is_not_told():
    assert SampleTable().model_dump() == {"steps": 30, "solver": "heun", "grid": "karras"}
    told = SampleTable(teleport=2.0, times=(1.0, 0.5)).model_dump(mode="json")
    assert (told["teleport"], told["times"]) == (2.0, [1.0, 0.5])


def test_a_draw_that_teleports_begins_lower_with_the_same_evaluations():
    model = Gaussian()
    table = SampleTable(solver="dpm++", steps=5, teleport=3.0)
    end, t = draw(table, model)
    start = teleport_time(PROCESS, 3.0)
    assert model.asked == pytest.approx(karras(PROCESS, 5, start=start)[:-1].tolist())
    assert t[0] == PROCESS.t_min
    assert table.placed(PROCESS)[0] == 1
    # The flow of this Gaussian leaves every number as it is; five steps err by 1.4 %.
    first = torch.randn(3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(end.state["x"].flatten(), first, atol=0, rtol=2e-2)


def test_times_that_were_searched_for_are_those_that_are_taken():
    model = Gaussian()
    times = (1.0, 0.6, 0.2, PROCESS.t_min)
    draw(SampleTable(solver="adams", steps=3, grid="searched", times=times), model)
    assert model.asked == pytest.approx(times[:-1])


def test_another_solver_is_not_given_a_grid_that_was_searched_for_this_one():
    table = SampleTable(solver="adams", steps=3, grid="searched", times=(1.0, 0.5, 0.2, 1e-5))
    other = table.with_solver("heun", 4)
    assert len(other.placed(PROCESS)) == 5
    assert other.grid == "karras"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"steps": 0}, "a.toml: [evaluate] steps = 0"),
        ({"solver": "dpm"}, "no solver 'dpm'"),
        ({"grid": "search"}, "no time grid 'search'; did you mean 'searched'"),
        ({"teleport": -1.0}, "teleport = -1.0"),
        ({"teleport": 1e4}, "noise here goes from"),
        ({"grid": "searched"}, "of a checkpoint"),
    ],
)
def test_what_cannot_be_is_refused_in_a_line(asked, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        SampleTable.of(recipe(), **asked).placed(PROCESS)


@pytest.mark.parametrize("solver", SOLVERS)
def test_paired_noise_is_drawn_by_the_probability_flow_alone(solver):
    recipe = load_recipe("ablation/qm9_immiscible")
    if solver in FLOWS:
        assert SampleTable.of(recipe, solver=solver).solver == solver
    else:
        with pytest.raises(UsageError, match=re.escape(f"solver '{solver}' cannot add noise")):
            SampleTable.of(recipe, solver=solver)
    assert SampleTable.of(load_recipe("qm9"), solver=solver).solver == solver


def test_paired_noise_is_not_teleported():
    with pytest.raises(UsageError, match="not of paired; leave it out"):
        SampleTable.of(load_recipe("ablation/qm9_immiscible"), teleport=8.0)


def test_pairing_under_a_solver_with_noise_is_refused_before_training():
    recipe = load_recipe("qm9", ["loss.0.pairing=immiscible"])
    with pytest.raises(UsageError, match=r"'dpm\+\+sde,noise=2' cannot add noise; choose"):
        recipe.task_module().build(recipe)
