"""Recipes: the whole configuration of a result in one TOML file, checked before anything runs."""

import reprlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, Self, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    PrivateAttr,
    ValidationError,
    model_serializer,
    model_validator,
)

from molgen import toml
from molgen.config_layers import merge, override, with_base
from molgen.errors import UsageError
from molgen.resources import did_you_mean, find

TASKS = {
    "md": "molgen.md.task",
    "peptides": "molgen.md.peptides.task",
    "graphs": "molgen.graphs.task",
    "docking": "molgen.docking.task",
    "confidence": "molgen.docking.confidence.task",
}
"""Task name -> the module that builds it; imported only when a recipe asks for it."""


class Table(BaseModel):
    """One table of a recipe: unknown keys, NaN and infinity are refused; frozen once read."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


TableT = TypeVar("TableT", bound=Table)


class Part(Table):
    """One of a family: its `kind`, and its own numbers as `options` (flat in the file).

    `build` turns it into the object, so that every default is written once, where it is used.
    """

    kind: str
    options: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _gather_options(cls, table: Any) -> Any:
        if not isinstance(table, Mapping):
            return table
        own = {key: value for key, value in table.items() if key in cls.model_fields}
        own["options"] = dict(own.get("options", {})) | {
            key: value for key, value in table.items() if key not in cls.model_fields
        }
        return own

    @model_serializer
    def _flatten(self) -> dict[str, Any]:
        own = {k: getattr(self, k) for k in type(self).model_fields if k != "options"}
        return {**own, **self.options}


class LossPart(Part):
    """A term of the loss, multiplied by `weight`."""

    weight: NonNegativeFloat = 1.0


class TrainConfig(Table):
    """How long and how fast to train. Counts are optimiser steps; AdamW throughout."""

    steps: PositiveInt
    batch_size: PositiveInt
    start: str = ""
    """A checkpoint of the same kind of model, whose weights training begins with; random ones if
    empty. What this model says was `added` to it begins at zero (see `molgen.weights`), and so do
    types of atoms that the other was not trained on."""
    learning_rate: PositiveFloat = 1e-3
    final_learning_rate: NonNegativeFloat = 1e-5
    """Where a schedule that declines ends."""
    schedule: Literal["cosine", "constant", "trapezoid"] = "cosine"
    """A trapezoid is constant until the last `cooldown` steps, and declines linearly in those."""
    warmup: NonNegativeInt = 0
    """Steps of linear growth before the schedule."""
    cooldown: NonNegativeInt = 0
    """Steps of linear decline at the end of a trapezoid."""
    weight_decay: NonNegativeFloat = 0.0
    ema_decay: float = Field(0.999, ge=0.0, lt=1.0)
    """Weight of the old average: ema <- decay * ema + (1 - decay) * weights."""
    clip_norm: PositiveFloat = 1.0
    """Largest norm of the whole gradient."""
    log_every: PositiveInt = 50
    checkpoint_every: PositiveInt = 1000
    validate_every: PositiveInt = 1000
    compile: bool = True
    """Fuse the model with torch.compile: slower to start, several times faster a step."""
    precision: Literal["32-true", "64-true", "bf16-mixed"] = "32-true"

    @model_validator(mode="after")
    def _cools_down(self) -> Self:
        said = f"[train] cooldown = {self.cooldown}"
        if self.cooldown and self.schedule != "trapezoid":
            raise UsageError(f"{said}: a schedule = '{self.schedule}' has none; a trapezoid has")
        if self.cooldown > self.steps:
            raise UsageError(f"{said}: there are but {self.steps} steps")
        return self


class Recipe(Table):
    """The configuration of one result.

    `data`, `evaluate` and `simulate` belong to the pillar, which reads each through `table` with a
    `Table` of its own; `model`, `process` and `loss` are built through `build`.
    """

    task: str
    name: str
    description: str = ""
    seed: NonNegativeInt = 0
    data: dict[str, Any] = {}
    process: dict[str, Part] = {}
    model: Part
    loss: list[LossPart] = Field(min_length=1)
    train: TrainConfig
    evaluate: dict[str, Any] = {}
    simulate: dict[str, Any] = {}
    smoke: dict[str, Any] = {}
    """Overrides, shaped like the recipe, that shrink it to seconds for tests."""

    _source: str = PrivateAttr("recipe")

    @classmethod
    def parse(cls, tables: Mapping[str, Any], source: str) -> Self:
        """The recipe in nested tables, such as `tomllib` reads.

        Raises:
            UsageError: a key is unknown (a close one is suggested), missing, or of the wrong type.
        """
        recipe = validate(cls, tables, source)
        if recipe.task not in TASKS:
            raise UsageError(f"{source}: no task '{recipe.task}'{choices(recipe.task, TASKS)}")
        recipe._source = source
        return recipe

    @property
    def source(self) -> str:
        """Where the recipe was read, for messages."""
        return self._source

    def table(self, name: str, model: type[TableT]) -> TableT:
        """The pillar's own table, such as `data`, checked against the pillar's model."""
        return validate(model, getattr(self, name), self.source, name)

    def task_module(self) -> ModuleType:
        """The pillar's module, imported now, whose `build(recipe)` makes the task."""
        return import_module(TASKS[self.task])

    def tables(self) -> dict[str, Any]:
        """Nested plain tables; `Recipe.parse` gives the same recipe back."""
        return {k: v for k, v in self.model_dump(exclude_none=True).items() if v not in ({}, "")}

    def to_toml(self) -> str:
        """The recipe as TOML, every default written out."""
        return toml.dumps(self.tables())


def load_recipe(
    name_or_path: str | Path, overrides: Sequence[str] = (), *, smoke: bool = False
) -> Recipe:
    """The recipe of a shipped name or of a file, laid over its `base` if it names one.

    Args:
        name_or_path: such as `alanine_dipeptide` or `my/recipe.toml`.
        overrides: `table.key=value` in TOML's notation, such as `train.steps=100`; an entry of a
            list is named by its number: `loss.1.weight=0.001`.
        smoke: apply the recipe's own `[smoke]` overrides first.

    Raises:
        UsageError: no such recipe, or anything in it that is not understood.
    """
    path = find("simulations", name_or_path)
    tables = with_base(path)
    source = str(path)
    if smoke:
        tables = merge(tables, tables.pop("smoke", {}))
    for text in overrides:
        tables = override(tables, text)
        source = f"{path} with --set"
    return Recipe.parse(tables, source)


def validate(model: type[TableT], tables: Mapping[str, Any], source: str, at: str = "") -> TableT:
    """Tables checked against a model; the first thing wrong becomes one line.

    Args:
        model: what the tables should look like.
        tables: nested plain values.
        source: the file, for messages.
        at: the table within the file, such as `data`.
    """
    try:
        return model.model_validate(tables)
    except ValidationError as error:
        raise UsageError(_one_line(model, error, source, at)) from None


def _one_line(model: type[Table], error: ValidationError, source: str, at: str) -> str:
    first = error.errors(include_url=False)[0]
    *outer, key = [part for part in ((at,) if at else ()) + first["loc"]] or [""]
    place = f"{source}: [{'.'.join(map(str, outer))}]" if outer else source
    if first["type"] == "extra_forbidden":
        known = _keys_at(model, first["loc"][:-1])
        return f"{place} has no key '{key}'{choices(str(key), known)}"
    if first["type"] == "missing":
        return f"{place} needs a value for '{key}'"
    gap = " " if outer else ": "
    return f"{place}{gap}{key} = {reprlib.repr(first['input'])}: {first['msg'].lower()}"


def _keys_at(model: type[BaseModel], path: Sequence[int | str]) -> list[str]:
    """Keys of the table that a path of field names leads to."""
    for step in path:
        field = model.model_fields.get(str(step))
        if field is not None and isinstance(field.annotation, type):
            model = field.annotation
    return list(model.model_fields)


def choices(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    """A suggestion, or all the choices where none is close."""
    return did_you_mean(word, known) or f" (choose from {', '.join(known)})"
