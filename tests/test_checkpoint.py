import json
import os
import resource
import sys

import pytest
import torch
from torch import nn

from molgen import checkpoint
from molgen.config import Recipe
from molgen.errors import MolgenError, UsageError
from tests.runs import assert_same

META = {"system": "double_well_1d", "metrics": {"js": 0.01}, "train_seconds": 12.5}


@pytest.fixture
def recipe(recipe_tables) -> Recipe:
    return Recipe.parse(recipe_tables, "tiny.toml")


def make_model(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.SiLU(), nn.Linear(4, 1)).double()


def trained_state(model: nn.Module) -> dict:
    """Optimiser, raw weights and random state after three steps."""
    optimizer = torch.optim.AdamW(model.parameters())
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(2, 3, dtype=torch.float64)).sum().backward()
        optimizer.step()
    return {
        "step": 3,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "rng": {"torch": torch.get_rng_state(), "epoch": [1, 2]},
    }


def test_everything_saved_comes_back_bit_for_bit(tmp_path, recipe):
    model = make_model()
    state = trained_state(model)
    checkpoint.save(tmp_path / "a", recipe, model.state_dict(), META, state)
    loaded = checkpoint.load(tmp_path / "a")
    fresh = make_model(seed=1)
    loaded.load_into(fresh)
    assert_same(dict(fresh.state_dict()), dict(model.state_dict()))
    assert_same(loaded.train_state(), state)
    assert loaded.recipe.tables() == recipe.tables()
    assert {key: loaded.meta[key] for key in META} == META


class Told(nn.Sequential):
    """More inputs and outputs than `make_model` has, and says so."""

    def __init__(self, hidden: int = 4, inputs: int = 5) -> None:
        super().__init__(nn.Linear(inputs, hidden), nn.SiLU(), nn.Linear(hidden, 2))
        self.double()
        self.added = [{"0.weight": 1}, {"0.weight": 2, "2.weight": 1, "2.bias": 1}]


def test_what_a_model_says_was_added_begins_at_zero(tmp_path, recipe):
    model, told = make_model(), nn.ModuleDict({"part": Told()})
    saved = {f"part.{name}": value for name, value in model.state_dict().items()}
    checkpoint.save(tmp_path / "a", recipe, saved, META)
    loaded = checkpoint.load(tmp_path / "a")
    with pytest.raises(UsageError, match=r"'part.0.weight' is \(4, 3\), not \(4, 5\)"):
        loaded.load_into(told)
    loaded.load_into(told, widened=True)
    x = torch.tensor([[0.3, -1.0, 2.0, 5.0, -7.0]], dtype=torch.float64)
    answer = told["part"](x)
    assert answer[0, 1] == 0
    torch.testing.assert_close(answer[:, :1], model(x[:, :3]))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (Told(hidden=6), r"'0.bias' is \(4,\), not \(6,\)"),  # units at zero would never learn
        (Told(inputs=6), r"'0.weight' is \(4, 3\), not \(4, 6\)"),
    ],
)
def test_what_was_not_said_to_be_added_is_refused(other, message, tmp_path, recipe):
    checkpoint.save(tmp_path / "a", recipe, make_model().state_dict(), META)
    with pytest.raises(UsageError, match=message):
        checkpoint.load(tmp_path / "a").load_into(other, widened=True)


def test_a_run_folder_stands_for_its_checkpoint(tmp_path, recipe):
    checkpoint.save(tmp_path / "run" / "checkpoint", recipe, make_model().state_dict(), META)
    assert checkpoint.load(tmp_path / "run").meta["system"] == "double_well_1d"


def test_weights_that_share_memory_are_saved_as_they_are(tmp_path, recipe):
    shared = torch.arange(6.0)
    weights = {"a": shared, "b": shared[::2], "c": shared.reshape(2, 3).T}
    checkpoint.save(tmp_path / "a", recipe, weights, META)
    assert_same(checkpoint.load(tmp_path / "a").weights, weights)


def killed_at(event: int, action) -> bool:
    """Whether a child doing `action` died, as by kill -9, before one of its file operations."""
    child = os.fork()
    if child == 0:
        seen = 0

        def count(name: str, _) -> None:
            nonlocal seen
            if name in ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"):
                seen += 1
                if seen > event:
                    os._exit(9)

        sys.addaudithook(count)
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


@pytest.mark.parametrize("earlier", [False, True])
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path, recipe, earlier):
    """Before every file operation of a save in turn; the next save then goes through."""
    event, found = 0, []
    while True:
        folder = tmp_path / str(event)
        if earlier:
            checkpoint.save(folder, recipe, {"w": torch.zeros(9)}, META, {"step": 1})
        new = {"w": torch.ones(9)}
        died = killed_at(event, lambda f=folder, w=new: checkpoint.save(f, recipe, w, META, {}))
        if earlier or checkpoint.exists(folder):
            weights = checkpoint.load(folder).weights["w"]
            assert torch.equal(weights, torch.full((9,), weights[0].item()))
            found.append(int(weights[0]))
        checkpoint.save(folder, recipe, {"w": torch.full((9,), 2.0)}, META)
        assert torch.equal(checkpoint.load(folder).weights["w"], torch.full((9,), 2.0))
        assert [path for path in tmp_path.iterdir() if path.name.startswith(".")] == []
        if not died:
            break
        event += 1
    assert event > 10  # many moments were tried
    assert found == sorted(found)  # the old one until the new one is whole, then the new
    assert found[-1] == 1


def test_a_failed_save_keeps_the_old_checkpoint(tmp_path, recipe):
    checkpoint.save(tmp_path / "a", recipe, {"w": torch.zeros(3)}, META)
    with pytest.raises(TypeError):
        checkpoint.save(tmp_path / "a", recipe, {"w": torch.ones(3)}, {"system": object()})
    assert checkpoint.load(tmp_path / "a").weights["w"].sum() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("limit_bytes", [100, 1500, 50_000])
def test_a_full_disk_is_one_line_and_keeps_the_old_checkpoint(tmp_path, recipe, limit_bytes):
    """A limit on file sizes stands for the full disk: config, weights or train state hit it."""
    checkpoint.save(tmp_path / "a", recipe, {"w": torch.zeros(3)}, META)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, usual[1]))
    try:
        with pytest.raises(MolgenError, match="cannot be written"):
            checkpoint.save(
                tmp_path / "a", recipe, {"w": torch.ones(1000)}, META, {"w": torch.ones(20_000)}
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert checkpoint.load(tmp_path / "a").weights["w"].sum() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def truncate(path):
    path.write_bytes(path.read_bytes()[:-5])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def garble(path):
    path.write_bytes(b"garbage")


def set_format(path):
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))


@pytest.mark.parametrize(
    ("file", "harm", "words"),
    [
        ("model.safetensors", truncate, "damaged"),
        ("model.safetensors", flip_a_bit, "damaged"),
        ("model.safetensors", os.remove, "no such file"),
        ("config.toml", os.remove, "no such file"),
        ("config.toml", garble, "not valid TOML"),
        ("meta.json", garble, "JSON"),
        ("meta.json", os.remove, "not a checkpoint"),
        ("meta.json", set_format, "format 99 .* reads format 1"),
    ],
)
def test_a_harmed_file_is_named_in_one_line(tmp_path, recipe, file, harm, words):
    checkpoint.save(tmp_path / "a", recipe, make_model().state_dict(), META)
    harm(tmp_path / "a" / file)
    with pytest.raises(UsageError, match=words) as caught:
        checkpoint.load(tmp_path / "a")
    assert str(tmp_path / "a") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_garbage_without_a_checksum_is_still_one_line(tmp_path, recipe):
    checkpoint.save(tmp_path / "a", recipe, make_model().state_dict(), META)
    garble(tmp_path / "a" / "model.safetensors")
    meta = tmp_path / "a" / "meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "files": {}}))
    with pytest.raises(UsageError, match=r"model.safetensors: not readable"):
        checkpoint.load(tmp_path / "a")


def test_a_train_state_with_code_in_it_is_not_run(tmp_path, recipe):
    class Harm:
        def __reduce__(self):
            return (os.mkdir, (str(tmp_path / "harm"),))

    checkpoint.save(tmp_path / "a", recipe, make_model().state_dict(), META, {"x": Harm()})
    with pytest.raises(UsageError, match=r"train.pt: not readable"):
        checkpoint.load(tmp_path / "a").train_state()
    assert not (tmp_path / "harm").exists()


def test_a_checkpoint_of_another_system_is_refused(tmp_path, recipe):
    checkpoint.save(tmp_path / "a", recipe, make_model().state_dict(), META)
    with pytest.raises(UsageError, match="of 'double_well_1d', not of 'ala2'"):
        checkpoint.load(tmp_path / "a", system="ala2")


def test_a_checkpoint_that_is_not_there_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "none")
    with pytest.raises(UsageError, match="no checkpoint named 'none'"):
        checkpoint.load("none")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (nn.Sequential(nn.Linear(3, 5)), r"'0.bias' is \(4,\), not \(5,\)"),
        (nn.Sequential(nn.Linear(3, 4)), "has an unknown tensor '2.bias'"),
        (nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 4)), "lacks tensor '1.bias'"),
    ],
)
def test_weights_of_another_model_are_refused(tmp_path, recipe, model, words):
    checkpoint.save(tmp_path / "a", recipe, make_model().state_dict(), META)
    with pytest.raises(UsageError, match=words):
        checkpoint.load(tmp_path / "a").load_into(model)
