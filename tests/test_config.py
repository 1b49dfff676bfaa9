import tomllib
from dataclasses import dataclass

import pytest
from pydantic import PositiveInt

from molgen import toml
from molgen.config import Part, Recipe, Table, load_recipe
from molgen.config_layers import override
from molgen.errors import UsageError
from molgen.families import build
from molgen.resources import names


def test_a_recipe_survives_its_own_toml(recipe_tables):
    recipe = Recipe.parse(recipe_tables, "tiny.toml")
    again = Recipe.parse(tomllib.loads(recipe.to_toml()), "again.toml")
    assert again.tables() == recipe.tables()
    assert again.loss[1].options == {"probes": 2}
    assert again.process["pos"].options == {"sigma_min": 0.01, "sigma_max": 2.0}


def test_the_written_recipe_holds_every_default(recipe_tables):
    written = tomllib.loads(Recipe.parse(recipe_tables, "tiny.toml").to_toml())
    assert written["train"]["ema_decay"] == 0.999
    assert written["loss"][0]["weight"] == 1.0


WRONG = [
    ("trian.steps=1", "tiny.toml with --set has no key 'trian'; did you mean 'train'?"),
    ("train.batchsize=8", "[train] has no key 'batchsize'; did you mean 'batch_size'?"),
    ("train.zzz=8", "[train] has no key 'zzz' (choose from steps, batch_size,"),
    ("train.steps=0", "[train] steps = 0: input should be greater than 0"),
    ("train.steps=many", "[train] steps = 'many': input should be a valid integer"),
    ("train.learning_rate=nan", "[train] learning_rate = nan: input should be a finite number"),
    (
        "train.schedule=cosin",
        "[train] schedule = 'cosin': input should be 'cosine', 'constant' or 'trapezoid'",
    ),
    ("loss.0.weight=-1", "[loss.0] weight = -1: input should be greater than or equal to 0"),
    ("loss=[]", "loss = []: list should have at least 1 item"),
    ("task=mb", "no task 'mb'"),
    ("model=5", "model = 5:"),
    ("process.pos={}", "[process.pos] needs a value for 'kind'"),
]


@pytest.mark.parametrize(("change", "words"), WRONG)
def test_a_wrong_entry_is_named_with_its_place_in_one_line(tmp_path, recipe_tables, change, words):
    path = tmp_path / "tiny.toml"
    path.write_text(toml.dumps(recipe_tables))
    with pytest.raises(UsageError) as caught:
        load_recipe(path, [change])
    assert words in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_table_is_named(recipe_tables):
    del recipe_tables["train"]
    with pytest.raises(UsageError, match=r"tiny.toml needs a value for 'train'"):
        Recipe.parse(recipe_tables, "tiny.toml")


def test_smoke_lays_its_values_over_the_recipe_and_set_over_both(tmp_path, recipe_tables):
    path = tmp_path / "tiny.toml"
    path.write_text(toml.dumps(recipe_tables))
    full, smoke = load_recipe(path), load_recipe(path, smoke=True)
    assert (full.train.steps, smoke.train.steps) == (1000, 5)
    assert smoke.train.batch_size == 64
    assert smoke.data == {"system": "double_well_1d", "limits": {"frames": 10}}
    assert load_recipe(path, ["train.steps=7"], smoke=True).train.steps == 7


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("train.steps=100", lambda t: t["train"]["steps"] == 100),
        ("loss.1.weight=0.25", lambda t: t["loss"][1]["weight"] == 0.25),
        ("model.kind = graph", lambda t: t["model"]["kind"] == "graph"),
        ("data.limits.frames=1_000", lambda t: t["data"]["limits"]["frames"] == 1000),
        ('name="a=b"', lambda t: t["name"] == "a=b"),
        ("data.seeds=[1, 2]", lambda t: t["data"]["seeds"] == [1, 2]),
        ("evaluate.frames=5", lambda t: t["evaluate"] == {"frames": 5}),
    ],
)
def test_an_override_changes_one_value_and_leaves_the_original(recipe_tables, text, read):
    before = toml.dumps(recipe_tables)
    assert read(override(recipe_tables, text))
    assert toml.dumps(recipe_tables) == before


@pytest.mark.parametrize("text", ["train.steps", "=3", "loss.7.weight=1", "name.x=1", "loss.a=1"])
def test_an_override_that_leads_nowhere_is_refused(recipe_tables, text):
    with pytest.raises(UsageError, match="--set"):
        override(recipe_tables, text)


@dataclass
class Ball:
    radius: float
    dims: int
    density: float = 1.0


def test_a_part_is_built_with_defaults_from_the_class_itself():
    part = Part.model_validate({"kind": "ball", "radius": 2.0})
    assert build(part, {"ball": Ball}, "a.toml [model]", dims=3) == Ball(2.0, 3, 1.0)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"kind": "bal"}, "a.toml [model]: no kind 'bal'; did you mean 'ball'?"),
        ({"kind": "ball"}, "ball needs a value for 'radius'"),
        ({"kind": "ball", "raduis": 1.0}, "ball has no key 'raduis'; did you mean 'radius'?"),
        ({"kind": "ball", "radius": 1.0, "dims": 2}, "ball has no key 'dims'"),
    ],
)
def test_a_part_refuses_what_its_class_does_not_take(table, words):
    with pytest.raises(UsageError) as caught:
        build(Part.model_validate(table), {"ball": Ball}, "a.toml [model]", dims=3)
    assert words in str(caught.value)


class Limits(Table):
    frames: PositiveInt


class Data(Table):
    system: str
    limits: Limits


def test_a_pillars_own_table_is_checked_by_its_own_model(recipe_tables):
    recipe = Recipe.parse(recipe_tables, "tiny.toml")
    assert recipe.table("data", Data).limits.frames == 100
    recipe_tables["data"]["limits"]["fraems"] = 1
    recipe = Recipe.parse(recipe_tables, "tiny.toml")
    with pytest.raises(UsageError) as caught:
        recipe.table("data", Data)
    assert str(caught.value) == (
        "tiny.toml: [data.limits] has no key 'fraems'; did you mean 'frames'?"
    )


@pytest.mark.parametrize("smoke", [False, True])
@pytest.mark.parametrize("name", names("simulations"))
def test_every_shipped_recipe_is_understood(name, smoke):
    recipe = load_recipe(name, smoke=smoke)
    assert recipe.name == name
    assert recipe.description


def test_a_recipe_with_a_base_says_only_what_differs(tmp_path, recipe_tables):
    recipe_tables["description"] = "the base"
    (tmp_path / "tiny.toml").write_text(toml.dumps(recipe_tables))
    (tmp_path / "more").mkdir()
    variant = tmp_path / "more" / "plain.toml"
    variant.write_text('base = "../tiny.toml"\nname = "plain"\n[loss.1]\nweight = 0.0\n')
    recipe = load_recipe(variant)
    assert (recipe.name, recipe.description) == ("plain", "")
    assert [part.weight for part in recipe.loss] == [1.0, 0.0]
    assert recipe.loss[1].options == {"probes": 2}
    assert recipe.train.steps == 1000
    assert load_recipe(variant, smoke=True).train.steps == 5
    assert Recipe.parse(tomllib.loads(recipe.to_toml()), "flat").tables() == recipe.tables()


@pytest.mark.parametrize(
    ("kind", "options"),
    [("VP", {"t_min": 0.1}), ("VE", {"sigma_min": 0.01, "sigma_max": 2.0, "t_min": 0.1})],
)
def test_a_table_of_another_kind_takes_nothing_from_its_base(
    tmp_path, recipe_tables, kind, options
):
    (tmp_path / "tiny.toml").write_text(toml.dumps(recipe_tables))
    variant = tmp_path / "other.toml"
    lines = ['base = "tiny.toml"', 'name = "other"', "[process.pos]", f'kind = "{kind}"']
    variant.write_text("\n".join([*lines, "t_min = 0.1"]))
    process = load_recipe(variant).process["pos"]
    assert (process.kind, process.options) == (kind, options)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('base = "b.toml"', "leads back"),
        ('base = "tinny"\nname = "a"', "no recipe named 'tinny'"),
        ("base = 3", "base = 3"),
        ('base = "tiny.toml"\nname = "a"\n[loss.7]\nweight = 0.0', "loss has 2 entries"),
        ('base = "tiny.toml"', "needs a value for 'name'"),
    ],
)
def test_a_base_that_cannot_be_used_is_refused(tmp_path, recipe_tables, text, words):
    (tmp_path / "tiny.toml").write_text(toml.dumps(recipe_tables))
    (tmp_path / "b.toml").write_text('base = "a.toml"')
    (tmp_path / "a.toml").write_text(text)
    with pytest.raises(UsageError, match=words):
        load_recipe(tmp_path / "a.toml")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["train.cooldown=5"], "cooldown = 5: a schedule = 'cosine' has none; a trapezoid has"),
        (
            ["train.cooldown=5", "train.steps=4", "train.schedule=trapezoid"],
            "cooldown = 5: there are but 4 steps",
        ),
    ],
)
def test_a_decline_that_would_not_happen_is_refused(tmp_path, recipe_tables, changes, words):
    path = tmp_path / "tiny.toml"
    path.write_text(toml.dumps(recipe_tables))
    with pytest.raises(UsageError, match=words):
        load_recipe(path, changes)
