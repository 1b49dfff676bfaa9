"""Every shipped recipe trains, in its own smoke size, through the command line."""

import json
import math

import pytest
import torch

from molgen import checkpoint
from molgen.cli.main import main
from molgen.config import load_recipe
from molgen.md.task import as_batch, restore
from molgen.resources import names, shipped

RECIPES = names("simulations")

QUICK = {
    "ala2": ["--engine", "openmm", "--frames", "500", "--set", "lowest=1", "--set", "stride=5"],
    "mueller_brown": ["--frames", "1000", "--set", "lowest=25", "--set", "stride=50"],
}
"""How a few hundred frames of a system are made in seconds, where no data are shipped."""


@pytest.fixture(scope="session")
def frames_of(tmp_path_factory):
    """`frames_of(recipe)`: its data if they are shipped, or else a few frames made here."""
    made = {}

    def find(recipe):
        name, system = recipe.data["frames"], recipe.data["system"]
        if (shipped("data") / name / "train.npz").is_file():
            return name
        if system not in made:
            made[system] = str(tmp_path_factory.mktemp("made") / system)
            words = ["md", "generate", system, "-o", made[system], *QUICK[system]]
            short = ["--set", "groups=2", "--set", "burn_in_ps=0.05", "--set", "exchange_every=5"]
            assert main([*words, *short]) == 0
        return made[system]

    return find


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_trains_in_smoke_size(name, frames_of, tmp_path, capsys):
    frames = frames_of(load_recipe(name))
    small = ["--set", f"data.frames={frames}", "--set", "data.limit=1000"]
    words = ["train", name, "--smoke", *small, "--set", "data.held_out=50"]
    assert main([*words, "-o", str(tmp_path / "run"), "--accelerator", "cpu"]) == 0
    assert capsys.readouterr().out.strip().endswith("checkpoint")

    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert all(math.isfinite(value) for line in log for value in line.values())
    assert {"held_out/denoising/pos", "held_out/fokker_planck"} <= log[-1].keys()

    model, statistics = restore(checkpoint.load(tmp_path / "run"))
    y = torch.randn(3, len(statistics.mapping), len(statistics.offset))
    y = y - y.mean(1, keepdim=True) if statistics.centred else y
    energy = model.energy(as_batch(y), torch.tensor([0.1, 0.5, 1.0]))
    assert torch.isfinite(energy).all()


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_says_what_it_is(name):
    recipe = load_recipe(name)
    assert recipe.name == name  # also its default run folder
    assert 0 < len(recipe.description) < 130
    assert load_recipe(name, smoke=True).train.steps <= 20
