"""The steps of training: how long and of what, and what a run writes down and keeps."""

import math

import pytest
import torch

import molgen.train as training
from molgen import checkpoint
from molgen.cli.main import main
from molgen.config import Recipe, TrainConfig
from molgen.core.losses.noise_levels import OverNoise
from molgen.md.task import restore
from molgen.objective import Objective
from molgen.train import learning_rate, train
from tests.runs import assert_same, log_of


def test_losses_are_told_how_far_training_is(well_recipe, tmp_path, monkeypatch):
    """Each step as a share of all, from 0; validation and the look before the start are at 1."""
    told = []

    def times(self, processes, batch, generator, progress=1.0):
        told.append(progress)
        return drawn(self, processes, batch, generator, progress)

    drawn = OverNoise.times
    monkeypatch.setattr(OverNoise, "times", times)
    train(well_recipe, tmp_path / "run")
    steps = well_recipe.train.steps
    assert [part for part in told if part < 1] == [step / steps for step in range(steps)]
    assert told.count(1.0) > 1


def test_the_fokker_planck_term_may_come_in_late(well_tables, tmp_path):
    """It is logged, and changes the weights, from its part of the training on."""
    late = {"kind": "fokker_planck", "weight": 0.5, "fraction": 0.5, "after": 0.5}
    tables = {**well_tables, "loss": [{"kind": "denoising"}, late]}
    config = {**well_tables["train"], "steps": 12, "log_every": 3, "checkpoint_every": 6}
    recipe = Recipe.parse({**tables, "train": config}, "well.toml")
    train(recipe, tmp_path / "a")
    lines = [line for line in log_of(tmp_path / "a") if "loss" in line]
    assert ["fokker_planck" in line for line in lines] == [False, False, True, True]
    loss = lines[0]["loss"]
    assert loss == pytest.approx(lines[0]["denoising/pos"])
    assert lines[-1]["loss"] > lines[-1]["denoising/pos"]


def test_a_run_may_begin_with_the_weights_of_another(well_recipe, write_recipe, tmp_path, capsys):
    """The average begins there, too; a model of another size is refused by name."""
    train(well_recipe, tmp_path / "a")
    still = {"start": str(tmp_path / "a"), "learning_rate": 1e-12, "schedule": "constant"}
    config = well_recipe.train.model_copy(update=still)
    train(well_recipe.model_copy(update={"train": config}), tmp_path / "b")
    before, after = (checkpoint.load(tmp_path / name).weights for name in "ab")
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-8)
    wide = [write_recipe(start=str(tmp_path / "a")), "--set", "model.hidden=9"]
    assert main(["train", *wide, "-o", str(tmp_path / "c")]) == 2
    assert "'correction.network.0.bias' is (16,), not (9,)" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


@pytest.mark.parametrize(("every", "kept"), [((10, 10), 10), ((50, 3), 12)])
def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_last_good_checkpoint(
    write_recipe, tmp_path, monkeypatch, capsys, every, kept
):
    """Also where it is not yet time to log but to save."""
    monkeypatch.setattr(training, "learning_rate", lambda config, step: 1e-3 if step < 13 else 1e30)
    path = write_recipe(log_every=every[0], checkpoint_every=every[1])
    assert main(["train", path, "-o", str(tmp_path / "a")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "denoising/pos is not finite between steps" in error
    assert f"the checkpoint of step {kept} is kept" in error
    saved = checkpoint.load(tmp_path / "a")
    assert saved.meta["step"] == kept
    assert all(torch.isfinite(value).all() for value in saved.weights.values())
    assert all(math.isfinite(line.get("loss", 0.0)) for line in log_of(tmp_path / "a"))


def test_learning_rate_warms_up_and_follows_its_schedule():
    config = TrainConfig(
        steps=110, batch_size=1, learning_rate=2e-3, final_learning_rate=4e-4, warmup=10
    )
    assert learning_rate(config, 0) == pytest.approx(2e-4)
    assert learning_rate(config, 4) == pytest.approx(1e-3)
    assert learning_rate(config, 9) == learning_rate(config, 10) == pytest.approx(2e-3)
    # A quarter, half, three quarters of the cosine: mean + (1, 0, -1)/sqrt 2 of half the span.
    for step, part in ((35, 1 / math.sqrt(2)), (60, 0.0), (85, -1 / math.sqrt(2))):
        assert learning_rate(config, step) == pytest.approx(1.2e-3 + part * 0.8e-3)
    assert learning_rate(config, 110) == pytest.approx(4e-4)
    constant = config.model_copy(update={"schedule": "constant"})
    assert learning_rate(constant, 5) == pytest.approx(1.2e-3)
    assert learning_rate(constant, 50) == learning_rate(constant, 109) == 2e-3
    trapezoid = config.model_copy(update={"schedule": "trapezoid", "cooldown": 40})
    assert learning_rate(trapezoid, 5) == pytest.approx(1.2e-3)
    assert learning_rate(trapezoid, 50) == learning_rate(trapezoid, 70) == 2e-3
    assert learning_rate(trapezoid, 90) == pytest.approx(1.2e-3)  # half way down
    assert learning_rate(trapezoid, 110) == pytest.approx(4e-4)


def test_the_optimiser_follows_the_schedule(well_recipe, tmp_path):
    """Without gradient, decoupled weight decay multiplies the weights by 1 - lr wd each step."""
    config = well_recipe.train.model_copy(update={"steps": 12, "warmup": 3, "weight_decay": 0.5})
    recipe = well_recipe.model_copy(
        update={"train": config, "loss": [well_recipe.loss[1].model_copy(update={"weight": 1e-30})]}
    )
    task = recipe.task_module().build(recipe)
    start = {name: value.clone() for name, value in task.model.state_dict().items()}
    train(recipe, tmp_path / "a")
    found = checkpoint.load(tmp_path / "a").train_state()["weights"]
    factor = math.prod(1 - 0.5 * learning_rate(config, step) for step in range(12))
    for name, value in task.model.named_parameters():
        # The gradients, 1e-30, are below Adam's epsilon of 1e-8: they move nothing.
        torch.testing.assert_close(found[name], factor * start[name], msg=name)
        assert value.requires_grad


def test_a_term_of_weight_zero_is_validated_but_not_trained(well_tables, tmp_path):
    """So that the ablation without it can be compared; the same as a recipe without it."""
    well_tables["loss"][1]["weight"] = 0.0
    train(Recipe.parse(well_tables, "a.toml"), tmp_path / "zero")
    del well_tables["loss"][1]
    train(Recipe.parse(well_tables, "a.toml"), tmp_path / "without")
    zero, without = checkpoint.load(tmp_path / "zero"), checkpoint.load(tmp_path / "without")
    assert_same(zero.weights, without.weights)
    assert "held_out/fokker_planck" in zero.meta["metrics"]
    assert "fokker_planck" not in log_of(tmp_path / "zero")[0]


def test_logged_losses_are_means_of_the_steps(well_recipe, tmp_path):
    """The same batches, evaluated one by one along a constant path of weights."""
    config = well_recipe.train.model_copy(
        update={"steps": 4, "log_every": 2, "learning_rate": 1e-12}
    )
    recipe = well_recipe.model_copy(update={"train": config})
    train(recipe, tmp_path / "a")
    task = recipe.task_module().build(recipe)
    objective = Objective(task)
    generator = torch.Generator().manual_seed(recipe.seed + 1)
    found = [objective(config.batch_size, generator)[0].item() for _ in range(4)]
    logged = [line["loss"] for line in log_of(tmp_path / "a") if "loss" in line]
    # float32 sums, and weights that moved by 1e-12 a step.
    assert logged == pytest.approx([sum(found[:2]) / 2, sum(found[2:]) / 2], rel=1e-6)


def test_a_checkpoint_gives_the_energies_of_the_averaged_weights_bitwise(well_recipe, tmp_path):
    train(well_recipe, tmp_path / "a")
    saved = checkpoint.load(tmp_path / "a")
    model, statistics = restore(saved)
    task = well_recipe.task_module().build(well_recipe)
    task.model.load_state_dict(saved.train_state()["ema"]["shadow"])
    batch, t = task.held_out, torch.linspace(0, 1, task.held_out.graphs)
    assert torch.equal(model.energy(batch, t), task.model.energy(batch, t))
    assert torch.equal(model.score(batch, t)["pos"], task.model.score(batch, t)["pos"])
    assert statistics.to_dict() == task.meta["statistics"]


@pytest.mark.parametrize(
    ("precision", "dtype"), [("64-true", torch.float64), ("bf16-mixed", torch.float32)]
)
def test_other_precisions_train(well_recipe, tmp_path, precision, dtype):
    config = well_recipe.train.model_copy(update={"precision": precision, "steps": 5})
    train(well_recipe.model_copy(update={"train": config}), tmp_path / "a")
    saved = checkpoint.load(tmp_path / "a")
    assert {value.dtype for value in saved.weights.values()} == {dtype}
    assert all(math.isfinite(value) for value in saved.meta["metrics"].values())
