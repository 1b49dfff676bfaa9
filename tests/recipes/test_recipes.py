"""Every shipped recipe trains, in its own smoke size, through the command line."""

import json
import math

import pytest
import torch

from molgen import checkpoint
from molgen.cli.main import main
from molgen.config import Recipe, load_recipe
from molgen.graphs import task as graphs
from molgen.graphs.data.graph_set import GraphSet
from molgen.graphs.drawing import draw
from molgen.md.models.batch import as_batch
from molgen.md.task import restore
from molgen.resources import names, shipped
from molgen.sampler import SampleTable
from molgen.train import train

RECIPES = {name: load_recipe(name).task for name in names("simulations")}

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


def of_task(task):
    return [name for name, of in RECIPES.items() if of == task]


def train_small(name, run, *changes):
    """The last line of the log of a recipe trained in smoke size."""
    small = [word for change in (*changes, "data.held_out=50") for word in ("--set", change)]
    words = ["train", name, "--smoke", *small, "-o", str(run), "--accelerator", "cpu"]
    assert main(words) == 0
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert all(math.isfinite(value) for line in log for value in line.values())
    return log[-1]


@pytest.mark.parametrize("name", of_task("md"))
def test_md_recipe_trains_in_smoke_size(name, frames_of, tmp_path, capsys):
    frames = frames_of(load_recipe(name))
    last = train_small(name, tmp_path / "run", f"data.frames={frames}", "data.limit=1000")
    assert capsys.readouterr().out.strip().endswith("checkpoint")
    terms = {key.split("/")[1] for key in last if key.startswith("held_out/")}
    assert terms == {part.kind for part in load_recipe(name).loss}

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


@pytest.fixture(scope="session")
def molecules(tmp_path_factory):
    """A folder of a hundred and eighty small molecules, in place of data that are not shipped."""
    folder = tmp_path_factory.mktemp("molecules")
    ends = ["O", "N", "C#N", "C(=O)O", "C=O", "F"]
    chains = ["C" * n for n in range(1, 6)] + ["C1CC1", "CC(C)", "C=C", "CO", "CN"]
    lines = [a + b + c for a in ("", "C", "N#C") for b in chains for c in ends]
    (folder / "small.smi").write_text("\n".join(lines))
    words = ["data", "prepare", str(folder / "small.smi"), "-o", str(folder / "data")]
    assert main([*words, "--properties", "logp,qed,sa"]) == 0
    return folder / "data"


PREDICTORS = [n for n in of_task("graphs") if load_recipe(n).model.kind == "properties"]


@pytest.mark.parametrize("name", [n for n in of_task("graphs") if n not in PREDICTORS])
def test_graph_recipe_trains_in_smoke_size_and_draws(name, molecules, tmp_path, capsys):
    last = train_small(name, tmp_path / "run", f"data.graphs={molecules}")
    assert capsys.readouterr().out.strip().endswith("checkpoint")
    terms = {key.split("/")[1] for key in last if key.startswith("held_out/")}
    assert terms == {part.kind for part in load_recipe(name).loss}

    model, statistics = graphs.restore(checkpoint.load(tmp_path / "run"))
    drawn = draw(model, statistics, 5, table=SampleTable(steps=3))
    assert len(drawn) == 5
    assert drawn.vocabulary == statistics.vocabulary


@pytest.mark.parametrize("name", PREDICTORS)
def test_predictor_recipe_trains_in_smoke_size_and_steers(name, molecules, tmp_path, capsys):
    last = train_small(name, tmp_path / "predictor", f"data.graphs={molecules}")
    assert {"held_out/property/logp", "held_out/property/qed", "held_out/property/sa"} <= {*last}
    train_small("qm9", tmp_path / "run", f"data.graphs={molecules}")
    words = ["sample", "graphs", "-m", str(tmp_path / "run"), "-n", "3", "--steps", "3"]
    words += ["--predictor", str(tmp_path / "predictor"), "-o", str(tmp_path / "a.npz")]
    assert main([*words, "--property", "logp=1", "--property", "sa=3"]) == 0
    said = json.loads((tmp_path / "a.json").read_text())["conditions"]
    assert said["properties"] == {"logp": 1.0, "sa": 3.0}
    assert len(said["predictor weights"]) == 64
    capsys.readouterr()
    assert main([*words, "--property", "logp=99"]) == 2
    assert "property logp=99: among the training graphs it is from " in capsys.readouterr().err


def test_a_graph_model_draws_files_that_say_what_is_in_them(molecules, tmp_path, capsys):
    train_small("qm9", tmp_path / "run", f"data.graphs={molecules}")
    words = [
        "sample",
        "graphs",
        "-m",
        str(tmp_path / "run"),
        "-n",
        "20",
        "--steps",
        "4",
        "--seed",
        "3",
    ]
    for name in ("a.smi", "b.smi", "c.npz"):
        batch = ["--batch-size", "7"] if name == "b.smi" else []
        assert main([*words, "-o", str(tmp_path / name), *batch]) == 0
    assert (tmp_path / "a.smi").read_text() == (tmp_path / "b.smi").read_text()
    kept = (tmp_path / "a.smi").read_text().splitlines()
    rejected = (tmp_path / "a.rejected.csv").read_text().splitlines()[1:]
    said = json.loads((tmp_path / "a.json").read_text())
    assert (len(kept), len(rejected)) == (said["valid and connected"], said["rejected"])
    assert (
        len(kept) + len(rejected) == said["drawn"] == len(GraphSet.load(tmp_path / "c.npz")) == 20
    )

    capsys.readouterr()
    assert (
        main(["sample", "graphs", "-m", str(tmp_path / "run"), "-o", str(tmp_path / "d.xtc")]) == 2
    )
    assert "graphs are written as .smi, .sdf, .npz" in capsys.readouterr().err
    assert (
        main(["simulate", str(tmp_path / "run"), "--ps", "1", "-o", str(tmp_path / "e.xtc")]) == 2
    )
    assert "a model for graphs; this needs one for md" in capsys.readouterr().err


def test_the_networks_of_gdss_train_by_denoising_and_draw(molecules, tmp_path):
    tables = load_recipe("qm9", [f"data.graphs={molecules}"], smoke=True).tables()
    tables["data"]["held_out"] = 50
    tables["model"] = {"kind": "gdss"}
    tables["loss"] = [{"kind": "denoising"}]
    train(Recipe.parse(tables, "gdss.toml"), tmp_path / "run", accelerator="cpu")
    model, statistics = graphs.restore(checkpoint.load(tmp_path / "run"))
    drawn = draw(model, statistics, 5, table=SampleTable(solver="s4", steps=3))
    assert set(drawn.edges.tolist()) <= set(range(len(statistics.edges)))
    assert len(drawn) == 5
