"""What a user writes to steer, and what the JSON says of it."""

import math

import numpy as np
import pytest
import torch

from molgen.config import Recipe
from molgen.core.steering.ensemble import Ensemble
from molgen.core.steering.feynman_kac import FeynmanKac
from molgen.errors import UsageError
from molgen.rewards import Term
from molgen.steering import SteerPlan, summary


def liked(batch, t):
    return torch.zeros_like(t)


@pytest.mark.parametrize(
    ("asked", "name", "value", "weight"),
    [
        ("qed", "qed", "", 1.0),
        ("qed:10", "qed", "", 10.0),
        ("logp=2.5:4", "logp", "2.5", 4.0),
        ("substructure=[#6:1]-[OX2H]", "substructure", "[#6:1]-[OX2H]", 1.0),
        ("substructure=C=O:-3", "substructure", "C=O", -3.0),
        ("restraints=C:/data/noe.csv", "restraints", "C:/data/noe.csv", 1.0),
        (liked, "liked", "", 1.0),
        ((liked, 2.5), "liked", "", 2.5),
        (("qed", 4), "qed", "", 4.0),
    ],
)
def test_a_reward_as_it_is_written(asked, name, value, weight):
    found = Term.of(asked)
    assert (found.name, found.value, found.weight) == (name, value, weight)


@pytest.mark.parametrize("asked", ["", "=3", "qed:0", "qed:inf", ":2"])
def test_what_is_no_reward_is_refused(asked):
    with pytest.raises(UsageError, match=r"give NAME\[=VALUE\]\[:WEIGHT\], such as qed:10"):
        Term.of(asked)


def test_a_plan_has_the_options_of_its_way():
    plan = SteerPlan.of(["qed:2", "sa"], "feynman-kac,every=2,potential=max,below=0.9", 16)
    assert plan.how == FeynmanKac(16, 2, 0.9, potential="max")
    assert plan.said() == {
        "by": ["qed:2", "sa:1"],
        "method": "feynman-kac",
        "particles": 16,
        "every": 2,
        "below": 0.9,
        "potential": "max",
        "caution": 1.0,
    }
    assert SteerPlan.of(["qed"]).how == FeynmanKac()
    assert SteerPlan.of(["qed"], "ensemble,strength=0.7").how == Ensemble(strength=0.7)
    assert SteerPlan.of(None) is None
    assert SteerPlan.of([]) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((None, None, 8), "there is nothing to steer by"),
        ((None, "tree"), "there is nothing to steer by"),
        ((["qed"], "treee"), "no way of steering 'treee'; did you mean 'tree'?"),
        ((["qed"], "tree,every"), "'every' is not OPTION=VALUE"),
        ((["qed"], "tree,potential=max"), "tree has no key 'potential'"),
        ((["qed"], "tree,every=often"), "every = 'often'"),
        ((["qed"], "gradient", 8), "steering by gradient has no particles"),
        ((["qed"], None, 8, 9), "9 particles to keep of 8"),
    ],
)
def test_a_plan_that_means_nothing_is_refused(arguments, message):
    with pytest.raises(UsageError) as error:
        SteerPlan.of(*arguments)
    assert message in str(error.value)


def test_the_recipes_solver_is_kept_where_it_can_be_steered():
    def recipe(solver):
        tables = {
            "task": "md",
            "name": "a",
            "process": {},
            "model": {"kind": "none"},
            "loss": [{"kind": "denoising"}],
            "train": {"steps": 1, "batch_size": 1},
            "evaluate": {"solver": solver},
        }
        return Recipe.parse(tables, "a.toml")

    plan, guided = SteerPlan.of(["qed"]), SteerPlan.of(["qed"], "gradient")
    assert plan.solver(recipe("heun"), None) == "ancestral"
    assert plan.solver(recipe("s4"), None) is None
    assert plan.solver(recipe("heun"), "heun") == "heun"  # refused where it is used, by name
    assert guided.solver(recipe("heun"), None) is None


def test_the_summary_is_of_all_parts():
    """The normaliser is of the mean of exp, with its standard error relative to that mean."""
    plan = SteerPlan.of(["qed:2"])
    part = {
        "reward": [1.0],
        "effective": [8.0],
        "smallest": [2.0],
        "resampled": [3.0],
        "evaluations": [64.0],
    }
    records = [
        {**part, "log_normaliser": [800.0]},
        {**part, "reward": [2.0], "smallest": [1.5], "log_normaliser": [800.0 + math.log(3)]},
    ]
    said = summary(plan, records)
    assert said["log_normaliser"] == round(800 + math.log(2), 4)
    assert said["log_normaliser_error"] == round(np.std([1, 3], ddof=1) / 2**0.5 / 2, 4)
    assert said["effective_particles"] == {"last": 8.0, "fewest": 1.5}
    assert said["mean_reward"] == 1.5
    assert said["evaluations_a_sample"] == 64
