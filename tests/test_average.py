"""One model out of several: the mean of their energies, whatever they were the mean of."""

import dataclasses

import pytest
import torch

from molgen import checkpoint
from molgen.average import average
from molgen.cli.main import main
from molgen.config import Recipe
from molgen.core.models import EnergyModel
from molgen.docking.data.system import as_batch
from molgen.docking.models.kinds import build_model
from molgen.docking.task import held_out_of, restore
from molgen.errors import UsageError
from tests.docking.tiny import TABLES
from tests.docking.toys import VOCABULARY, system


def made(folder, kind="energy", *, seed=0, held_out=(), **model):
    """A checkpoint of random weights, none of them so small that it does not count."""
    tables = {**TABLES, "model": {**TABLES["model"], "kind": kind, **model}}
    recipe = Recipe.parse(tables, "tiny.toml")
    torch.manual_seed(seed)
    weights = build_model(recipe, VOCABULARY).state_dict()
    shaken = {name: x + 0.3 * torch.randn_like(x) for name, x in weights.items()}
    data = {} if held_out is None else {"held_out": list(held_out)}
    meta = {"vocabulary": dataclasses.asdict(VOCABULARY), "data": data}
    checkpoint.save(folder, recipe, shaken, meta)
    return folder


@pytest.fixture(scope="module")
def energies(tmp_path_factory):
    """Three models; the last has seen what the others have not."""
    folder = tmp_path_factory.mktemp("energies")
    held_out = ["a", "b"], ["a", "b"], ["b", "c"]
    return [made(folder / str(k), seed=k, held_out=names) for k, names in enumerate(held_out)]


@pytest.fixture(scope="module")
def poses():
    batch = as_batch([system(9, 2, seed=0), system(9, 3, seed=1)]).to("cpu", torch.float64)
    return batch, torch.tensor([0.2, 0.5], dtype=torch.float64)


def answers(folder, batch, t):
    model = restore(checkpoint.load(folder)).double()
    assert isinstance(model, EnergyModel)
    return model.evaluate(batch, t, rate=True)


def test_energy_score_and_rate_are_the_mean(energies, tmp_path, poses):
    batch, t = poses
    both = answers(average(energies[:2], tmp_path / "both"), batch, t)
    first, second = (answers(folder, batch, t) for folder in energies[:2])
    assert (first.energy - second.energy).abs().max() > 1e-3  # they differ
    assert both.energy == pytest.approx((first.energy + second.energy) / 2, rel=1e-9)
    assert both.rate == pytest.approx((first.rate + second.rate) / 2, rel=1e-9)
    for name in ("trans", "rot"):
        mean = (first.score[name] + second.score[name]) / 2
        assert both.score[name] == pytest.approx(mean, rel=1e-9, abs=1e-12)


def test_a_mean_and_another_are_the_mean_of_all(energies, tmp_path, poses):
    batch, t = poses
    both = average(energies[:2], tmp_path / "both")
    three = answers(average([both, energies[2]], tmp_path / "three"), batch, t)
    each = torch.stack([answers(folder, batch, t).energy for folder in energies])
    assert three.energy == pytest.approx(each.mean(0), rel=1e-9)


def test_only_what_none_has_seen_is_held_out(energies, tmp_path):
    found = checkpoint.load(average(energies, tmp_path / "three"))
    assert held_out_of(found) == ["b"]
    assert [one["weights"] for one in found.meta["mean_of"]] == [
        checkpoint.load(folder).fingerprint for folder in energies
    ]


def test_where_one_does_not_know_what_was_held_out_nor_does_the_mean(energies, tmp_path):
    silent = made(tmp_path / "silent", seed=5, held_out=None)
    found = checkpoint.load(average([energies[0], silent], tmp_path / "both"))
    with pytest.raises(UsageError, match="does not say which complexes were held out"):
        held_out_of(found)


def test_what_has_no_mean_is_refused(energies, tmp_path):
    score = made(tmp_path / "score", "score")
    wide = made(tmp_path / "wide", width=12)
    for models, words in [
        (energies[:1], "two models or more"),
        ([score, score], "a score, which has no energy"),
        ([energies[0], wide], r"another \[model\] than"),
        (["qm9", "qm9"], "models of graphs have no mean"),
        ([energies[0], "qm9"], "a model for graphs"),
    ]:
        with pytest.raises(UsageError, match=words):
            average(models, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_nothing_is_overwritten(energies, tmp_path, capsys):
    words = ["average", *map(str, energies[:2]), "-o", str(tmp_path / "both")]
    assert main(words) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "both")
    assert main(words) == 2
    with pytest.raises(UsageError, match="is there already"):
        average(energies[1:], tmp_path / "both")


def test_members_are_a_number(tmp_path):
    for members in (0, "two", 1.5):
        with pytest.raises(UsageError, match=r"members = .* expected 1 or more"):
            made(tmp_path / "none", members=members)
