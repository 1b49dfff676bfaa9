"""The training loop: to the bit the same after any interruption, and never worse for one."""

import json
import math
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace

import pytest
import torch

import molgen.train as training
from molgen import checkpoint, toml
from molgen.cli.main import main
from molgen.config import Recipe, TrainConfig
from molgen.core.ema import EMA
from molgen.core.noise_levels import OverNoise
from molgen.errors import UsageError
from molgen.files import locked
from molgen.md.task import restore
from molgen.objective import Objective, fit, validate
from molgen.train import learning_rate, train


@pytest.fixture
def recipe(well_tables) -> Recipe:
    return Recipe.parse(well_tables, "well.toml")


@pytest.fixture
def write_recipe(well_tables, tmp_path):
    """A recipe file of the small model with changes to its [train] table."""

    def write(**changes):
        tables = {**well_tables, "train": {**well_tables["train"], **changes}}
        (tmp_path / "well.toml").write_text(toml.dumps(tables))
        return str(tmp_path / "well.toml")

    return write


class Interrupted(Exception):
    pass


def interrupt_at(step):
    def progress(what, done, total):
        if done == step:
            raise Interrupted

    return progress


def log_of(folder):
    """The log without its clock."""
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


def assert_same(left, right):
    if isinstance(left, torch.Tensor):
        assert left.dtype == right.dtype
        assert torch.equal(left, right)
    elif isinstance(left, dict):
        assert left.keys() == right.keys()
        for key in left:
            if key != "seconds":
                assert_same(left[key], right[key])
    elif isinstance(left, list):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


def assert_same_run(left, right):
    """Weights, averages, optimiser, random numbers, metrics and log of two run folders."""
    one, other = checkpoint.load(left), checkpoint.load(right)
    assert_same(one.weights, other.weights)
    assert_same(one.train_state(), other.train_state())
    assert one.meta["metrics"] == other.meta["metrics"]
    assert one.meta["metrics"]
    assert log_of(left) == log_of(right)


@pytest.mark.parametrize("step", [3, 12, 30, 38])  # before the first checkpoint, at one, after it
def test_resume_equals_an_uninterrupted_run_bitwise(recipe, tmp_path, step):
    train(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "torn", progress=interrupt_at(step))
    train(recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


def test_resume_after_several_interruptions_and_experts(well_tables, tmp_path):
    well_tables["model"]["experts"] = [0.5]
    recipe = Recipe.parse(well_tables, "well.toml")
    train(recipe, tmp_path / "whole")
    for step in (11, 15, 33):
        with pytest.raises(Interrupted):
            train(recipe, tmp_path / "torn", resume=True, progress=interrupt_at(step))
    train(recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


KILLED = """
import os, signal, sys
from molgen import checkpoint
from molgen.config import load_recipe
from molgen.train import train

def kill():
    os.kill(os.getpid(), signal.SIGKILL)

def progress(what, done, total):
    if {where!r} == "between steps" and done == 27:
        kill()

def flush(path, flush=checkpoint._flush, calls=[]):
    calls.append(path)
    if {where!r} == "while saving" and len(calls) == 7:  # five calls a checkpoint: in the second
        kill()
    flush(path)

checkpoint._flush = flush
train(load_recipe(sys.argv[1]), sys.argv[2], progress=progress)
"""


def test_losses_are_told_how_far_training_is(recipe, tmp_path, monkeypatch):
    """Each step as a share of all, from 0; validation and the look before the start are at 1."""
    told = []

    def times(self, processes, batch, generator, progress=1.0):
        told.append(progress)
        return drawn(self, processes, batch, generator, progress)

    drawn = OverNoise.times
    monkeypatch.setattr(OverNoise, "times", times)
    train(recipe, tmp_path / "run")
    steps = recipe.train.steps
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


def test_a_run_may_begin_with_the_weights_of_another(recipe, write_recipe, tmp_path, capsys):
    """The average begins there, too; a model of another size is refused by name."""
    train(recipe, tmp_path / "a")
    still = {"start": str(tmp_path / "a"), "learning_rate": 1e-12, "schedule": "constant"}
    config = recipe.train.model_copy(update=still)
    train(recipe.model_copy(update={"train": config}), tmp_path / "b")
    before, after = (checkpoint.load(tmp_path / name).weights for name in "ab")
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=1e-8)
    wide = [write_recipe(start=str(tmp_path / "a")), "--set", "model.hidden=9"]
    assert main(["train", *wide, "-o", str(tmp_path / "c")]) == 2
    assert "'correction.network.0.bias' is (16,), not (9,)" in capsys.readouterr().err
    assert not (tmp_path / "c").exists()


def test_a_curriculum_resumes_to_the_same_bit(well_tables, tmp_path):
    tables = {**well_tables, "loss": [{"kind": "denoising", "curriculum": 0.8}]}
    recipe = Recipe.parse(tables, "well.toml")
    train(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "torn", progress=interrupt_at(13))
    train(recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")
    plain = {**well_tables, "loss": [{"kind": "denoising"}]}
    train(Recipe.parse(plain, "well.toml"), tmp_path / "plain")
    assert log_of(tmp_path / "plain")[0] != log_of(tmp_path / "whole")[0]


@pytest.mark.parametrize("where", ["between steps", "while saving"])
def test_a_killed_run_continues_to_the_same_end(recipe, write_recipe, tmp_path, where):
    script = tmp_path / "killed.py"
    script.write_text(textwrap.dedent(KILLED.format(where=where)))
    words = [sys.executable, str(script), write_recipe(), str(tmp_path / "torn")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr
    steps = checkpoint.load(tmp_path / "torn").meta["step"]
    assert steps == (20 if where == "between steps" else 10)
    train(recipe, tmp_path / "torn", resume=True)
    train(recipe, tmp_path / "whole")
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


@pytest.mark.slow
@pytest.mark.parametrize("experts", [[], [0.5]])
def test_resume_of_a_compiled_run_equals_an_uninterrupted_one(well_tables, tmp_path, experts):
    well_tables["train"]["compile"] = True
    well_tables["model"]["experts"] = experts
    recipe = Recipe.parse(well_tables, "well.toml")
    train(recipe, tmp_path / "whole")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "torn", progress=interrupt_at(25))
    train(recipe, tmp_path / "torn", resume=True)
    assert_same_run(tmp_path / "whole", tmp_path / "torn")


def test_resuming_a_finished_run_changes_nothing(recipe, tmp_path):
    train(recipe, tmp_path / "a")
    before = checkpoint.load(tmp_path / "a").meta, (tmp_path / "a" / "summary.json").read_text()
    train(recipe, tmp_path / "a", resume=True)
    assert before[0] == checkpoint.load(tmp_path / "a").meta
    assert before[1] == (tmp_path / "a" / "summary.json").read_text()


def test_data_that_changed_since_the_run_began_are_refused(recipe, well_tables, tmp_path):
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "a", progress=interrupt_at(12))
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "train.npz").symlink_to(f"{well_tables['data']['frames']}/reference.npz")
    changed = json.loads((tmp_path / "a" / "run.json").read_text())
    changed["recipe"]["data"]["frames"] = str(frames)
    (tmp_path / "a" / "run.json").write_text(json.dumps(changed))  # as if it had always been there
    well_tables["data"]["frames"] = str(frames)
    with pytest.raises(UsageError, match="training data have changed"):
        train(Recipe.parse(well_tables, "well.toml"), tmp_path / "a", resume=True)


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


def test_a_folder_of_another_recipe_or_of_this_run_is_refused(write_recipe, tmp_path, capsys):
    folder = str(tmp_path / "a")
    assert main(["train", write_recipe(steps=5), "-o", folder]) == 0
    for steps, words, message in (
        (6, [], "holds another run (recipe.train.steps is 5 there, 6 here)"),
        (6, ["--resume"], "holds another run"),
        (5, [], "continue it with --resume"),
    ):
        capsys.readouterr()
        assert main(["train", write_recipe(steps=steps), "-o", folder, *words]) == 2
        error = capsys.readouterr().err
        assert message in error
        assert error.count("\n") == 1
    assert main(["train", write_recipe(steps=5), "-o", folder, "--resume"]) == 0


def test_two_processes_never_train_in_one_folder(recipe, tmp_path):
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "a", progress=interrupt_at(12))
    with locked(tmp_path / "a"), pytest.raises(UsageError, match="another process"):
        train(recipe, tmp_path / "a", resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("trian={}", "has no key 'trian'; did you mean 'train'?"),
        ("train.stpes=5", "[train] has no key 'stpes'; did you mean 'steps'"),
        ("data.hold_out=5", "[data] has no key 'hold_out'; did you mean 'held_out'"),
        ("model.hiden=5", "[model]: coordinates has no key 'hiden'; did you mean 'hidden'"),
        ("model.kind=coordinate", "no kind 'coordinate'; did you mean 'coordinates'"),
        (
            "process.pos.sigma_mim=1",
            "[process.pos]: VE has no key 'sigma_mim'; did you mean 'sigma_min'?",
        ),
        ("loss.0.focuss=[0.1, 1.0]", "denoising has no key 'focuss'; did you mean 'focus'"),
        ("loss.0.wieght=1", "denoising has no key 'wieght'; did you mean 'weight'"),
        ("model.hidden=many", "[model]: hidden = 'many': input should be a valid integer"),
        (
            "process.pos.sigma_min=true-ish",
            "[process.pos]: sigma_min = 'true-ish': input should be",
        ),
        ("model.hidden=-3", "[model]: hidden = -3: input should be greater than 0"),
        ("process.pos.sigma_min=0", "sigma_min 0 must be positive and below sigma_max 10"),
        ("process.pos.t_min=2", "t_min 2 must be at least 0 and below 1"),
        ("process.pos={kind='VP', t_min=0}", "large enough for some noise"),
        ("process.pos={kind='VP', beta_max=0.05}", "beta_min 0.1 must be at least 0 and below"),
        ("process.pos.data_std=-1", "data_std -1 must be positive"),
        ("loss.0.low=100", "noise from 100 to 10, where the process has 0.02 to 10"),
        ("loss.0.focus=[0.1]", "[[loss]]: focus = [0.1]: "),
        ("loss.0.even=tme", "even = 'tme': input should be 'noise' or 'time'"),
        ("loss.0.curriculum=2", "curriculum 2 must be between 0 and 1"),
        ("loss.0.augment=1", "augment 1 must be from 0 to below 1"),
        ("loss.0.pairing=immiscible", "not for energy models"),
        ("loss.0.symmetry=rotations", "symmetry = 'rotations' needs pairing = 'immiscible'"),
        ("process.pos={kind='Linear', ratio_max=0}", "ratio_max 0 must be positive"),
        ("process.pos={kind='Trigonometric', t_min=0}", "large enough for some noise"),
        ("loss=[{kind='denoising', weight=0.0}]", "[[loss]] needs a term of weight above zero"),
        ("train.precision=16-mixed", "precision"),
        ("data.held_out=2000", "too few to hold out 2000"),
        ("data.held_out=0", "held_out"),
        ("data.rotate=true", "rotate is for molecules"),
        ("data.frames=nowhere", "nowhere"),
        ("model.experts=0.5", "experts"),
        ("model.experts=[0.7, 0.2]", "increase"),
        ("model.each=[{}, {}]", "expected 1 tables"),
        ("model.raw=true", "coordinates has no key 'raw'"),
    ],
)
def test_a_recipe_that_cannot_be_used_leaves_nothing_behind(
    write_recipe, tmp_path, capsys, change, message
):
    folder = tmp_path / "a"
    assert main(["train", write_recipe(), "-o", str(folder), "--set", change]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not folder.exists()


@pytest.mark.parametrize("words", [["--accelerator", "gpuu"], ["--accelerator", "cuda"]])
def test_a_device_that_is_not_there_is_one_line(write_recipe, tmp_path, capsys, words):
    if words[1] == "cuda" and torch.cuda.is_available():
        pytest.skip("there is one")
    assert main(["train", write_recipe(), "-o", str(tmp_path / "a"), *words]) == 2
    assert f"cannot train on 1 x {words[1]}" in capsys.readouterr().err
    assert not (tmp_path / "a").exists()


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


def test_the_optimiser_follows_the_schedule(recipe, tmp_path):
    """Without gradient, decoupled weight decay multiplies the weights by 1 - lr wd each step."""
    config = recipe.train.model_copy(update={"steps": 12, "warmup": 3, "weight_decay": 0.5})
    recipe = recipe.model_copy(
        update={"train": config, "loss": [recipe.loss[1].model_copy(update={"weight": 1e-30})]}
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


def test_validation_is_of_the_average_deterministic_and_leaves_no_trace(recipe):
    task = recipe.task_module().build(recipe)
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


def test_logged_losses_are_means_of_the_steps(recipe, tmp_path):
    """The same batches, evaluated one by one along a constant path of weights."""
    config = recipe.train.model_copy(update={"steps": 4, "log_every": 2, "learning_rate": 1e-12})
    recipe = recipe.model_copy(update={"train": config})
    train(recipe, tmp_path / "a")
    task = recipe.task_module().build(recipe)
    objective = Objective(task)
    generator = torch.Generator().manual_seed(recipe.seed + 1)
    found = [objective(config.batch_size, generator)[0].item() for _ in range(4)]
    logged = [line["loss"] for line in log_of(tmp_path / "a") if "loss" in line]
    # float32 sums, and weights that moved by 1e-12 a step.
    assert logged == pytest.approx([sum(found[:2]) / 2, sum(found[2:]) / 2], rel=1e-6)


def test_a_checkpoint_gives_the_energies_of_the_averaged_weights_bitwise(recipe, tmp_path):
    train(recipe, tmp_path / "a")
    saved = checkpoint.load(tmp_path / "a")
    model, statistics = restore(saved)
    task = recipe.task_module().build(recipe)
    task.model.load_state_dict(saved.train_state()["ema"]["shadow"])
    batch, t = task.held_out, torch.linspace(0, 1, task.held_out.graphs)
    assert torch.equal(model.energy(batch, t), task.model.energy(batch, t))
    assert torch.equal(model.score(batch, t)["pos"], task.model.score(batch, t)["pos"])
    assert statistics.to_dict() == task.meta["statistics"]


@pytest.mark.parametrize(
    ("precision", "dtype"), [("64-true", torch.float64), ("bf16-mixed", torch.float32)]
)
def test_other_precisions_train(recipe, tmp_path, precision, dtype):
    config = recipe.train.model_copy(update={"precision": precision, "steps": 5})
    train(recipe.model_copy(update={"train": config}), tmp_path / "a")
    saved = checkpoint.load(tmp_path / "a")
    assert {value.dtype for value in saved.weights.values()} == {dtype}
    assert all(math.isfinite(value) for value in saved.meta["metrics"].values())


def test_objective_is_the_weighted_sum(recipe):
    task = recipe.task_module().build(recipe)
    total, log = Objective(task)(16, torch.Generator().manual_seed(0))
    expected = log["denoising/pos"] + 0.1 * log["fokker_planck"]
    torch.testing.assert_close(total.detach(), expected)
    doubled = replace(task, losses=[replace(term, weight=2 * term.weight) for term in task.losses])
    torch.testing.assert_close(
        Objective(doubled)(16, torch.Generator().manual_seed(0))[0], 2 * total
    )


def test_fit_leaves_whole_numbers_alone(recipe):
    batch = replace(recipe.task_module().build(recipe).held_out, given={"kind": torch.arange(3)})
    fitted = fit(batch, torch.nn.Linear(1, 1).double(), torch.device("cpu"))
    assert fitted.state["pos"].dtype == torch.float64
    assert fitted.given["kind"].dtype == torch.int64


def launch(path, folder, *words):
    command = [sys.executable, "-m", "molgen.cli.main", "train", path, "-o", str(folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--accelerator", "cpu", *words],
        capture_output=True,
        text=True,
        timeout=600,
        env=environment,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_two_processes_train_as_one_with_the_mean_of_their_gradients(
    recipe, write_recipe, tmp_path
):
    launch(write_recipe(), tmp_path / "two", "--devices", "2")
    saved = checkpoint.load(tmp_path / "two").train_state()
    assert len(saved["generators"]) == 2
    assert not torch.equal(*saved["generators"])  # each draws batches of its own
    assert [line["step"] for line in log_of(tmp_path / "two") if "loss" in line] == [
        7 * k for k in range(1, 6)
    ]
    assert len((tmp_path / "two" / "starts.jsonl").read_text().splitlines()) == 1

    config, task = recipe.train, recipe.task_module().build(recipe)
    objective = Objective(task)
    optimiser = torch.optim.AdamW(task.model.parameters(), weight_decay=0.0)
    generators = [torch.Generator().manual_seed(recipe.seed + 1 + rank) for rank in range(2)]
    for step in range(config.steps):
        optimiser.param_groups[0]["lr"] = learning_rate(config, step)
        losses = [objective(config.batch_size, generator)[0] for generator in generators]
        (0.5 * sum(losses)).backward()
        torch.nn.utils.clip_grad_norm_(task.model.parameters(), config.clip_norm)
        optimiser.step()
        optimiser.zero_grad()
    for name, value in task.model.state_dict().items():
        # Sums in another order: float32, amplified by Adam where gradients are small.
        torch.testing.assert_close(saved["weights"][name], value, atol=1e-4, rtol=1e-3)


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_processes(recipe, write_recipe, tmp_path):
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "a", progress=interrupt_at(12))
    launch(write_recipe(), tmp_path / "a", "--devices", "2", "--resume")
    assert checkpoint.load(tmp_path / "a").meta["step"] == 40


@pytest.mark.gpu
def test_a_run_on_a_gpu_is_resumed(recipe, tmp_path):
    """And learns what it learns on the CPU, by other random numbers."""
    train(recipe, tmp_path / "whole", accelerator="cuda")
    with pytest.raises(Interrupted):
        train(recipe, tmp_path / "torn", accelerator="cuda", progress=interrupt_at(25))
    train(recipe, tmp_path / "torn", accelerator="cuda", resume=True)
    whole, torn = checkpoint.load(tmp_path / "whole"), checkpoint.load(tmp_path / "torn")
    for name, value in whole.weights.items():
        # Sums on a GPU may come in another order.
        torch.testing.assert_close(torn.weights[name], value, atol=1e-4, rtol=1e-3)
    train(recipe, tmp_path / "cpu", accelerator="cpu")
    cpu = checkpoint.load(tmp_path / "cpu").meta["metrics"]["held_out/denoising/pos"]
    assert whole.meta["metrics"]["held_out/denoising/pos"] == pytest.approx(cpu, rel=0.2)
