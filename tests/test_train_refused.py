"""What cannot be trained, or not in this folder, is refused in one line; nothing is left behind."""

import json

import pytest
import torch

from molgen.cli.main import main
from molgen.config import Recipe
from molgen.errors import UsageError
from molgen.files import locked
from molgen.train import train
from tests.runs import Interrupted, interrupt_at


def test_data_that_changed_since_the_run_began_are_refused(well_recipe, well_tables, tmp_path):
    with pytest.raises(Interrupted):
        train(well_recipe, tmp_path / "a", progress=interrupt_at(12))
    frames = tmp_path / "frames"
    frames.mkdir()
    (frames / "train.npz").symlink_to(f"{well_tables['data']['frames']}/reference.npz")
    changed = json.loads((tmp_path / "a" / "run.json").read_text())
    changed["recipe"]["data"]["frames"] = str(frames)
    (tmp_path / "a" / "run.json").write_text(json.dumps(changed))  # as if it had always been there
    well_tables["data"]["frames"] = str(frames)
    with pytest.raises(UsageError, match="training data have changed"):
        train(Recipe.parse(well_tables, "well.toml"), tmp_path / "a", resume=True)


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


def test_two_processes_never_train_in_one_folder(well_recipe, tmp_path):
    with pytest.raises(Interrupted):
        train(well_recipe, tmp_path / "a", progress=interrupt_at(12))
    with locked(tmp_path / "a"), pytest.raises(UsageError, match="another process"):
        train(well_recipe, tmp_path / "a", resume=True)


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
        (
            "loss=[{kind='denoising', weight=0.0}, {kind='fokker_planck', after=0.5}]",
            "[[loss]] needs a term of weight above zero that is there from the start",
        ),
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
