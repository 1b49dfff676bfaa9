"""What is minimised is the sum by weight; validated are the averaged weights on held-out data."""

from dataclasses import replace

import torch

from molgen.core.ema import EMA
from molgen.objective import Objective, fit, validate
from tests.runs import assert_same


def test_validation_is_of_the_average_deterministic_and_leaves_no_trace(well_recipe):
    task = well_recipe.task_module().build(well_recipe)
    ema = EMA(task.model, 0.9)
    for value in ema.shadow.values():
        if value.is_floating_point():
            value.mul_(1.5)
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    state, cpu = torch.get_rng_state(), torch.device("cpu")
    first, second = validate(task, ema, cpu), validate(task, ema, cpu)
    assert first == second
    assert set(first) == {"held_out/denoising/pos", "held_out/fokker_planck"}
    assert_same(before, dict(task.model.state_dict()))
    assert torch.equal(state, torch.get_rng_state())
    task.model.load_state_dict(ema.shadow)
    own = task.losses[0].loss(
        task.model, task.processes, task.held_out, torch.Generator().manual_seed(0)
    )
    assert first["held_out/denoising/pos"] == own[0].item()
    assert validate(task, EMA(task.model, 0.9), cpu) == first


def test_objective_is_the_weighted_sum(well_recipe):
    task = well_recipe.task_module().build(well_recipe)
    total, log = Objective(task)(16, torch.Generator().manual_seed(0))
    expected = log["denoising/pos"] + 0.1 * log["fokker_planck"]
    torch.testing.assert_close(total.detach(), expected)
    doubled = replace(task, losses=[replace(term, weight=2 * term.weight) for term in task.losses])
    torch.testing.assert_close(
        Objective(doubled)(16, torch.Generator().manual_seed(0))[0], 2 * total
    )


def test_fit_leaves_whole_numbers_alone(well_recipe):
    batch = replace(
        well_recipe.task_module().build(well_recipe).held_out, given={"kind": torch.arange(3)}
    )
    fitted = fit(batch, torch.nn.Linear(1, 1).double(), torch.device("cpu"))
    assert fitted.state["pos"].dtype == torch.float64
    assert fitted.given["kind"].dtype == torch.int64
